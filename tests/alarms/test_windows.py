"""Maintenance at short notice: what may be planned and ended, and the words with which it is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.alarms.windows import Planned, Wish, add, end, planned
from monitor.errors import RequestRefused
from monitor.maintenance import Window
from monitor.site import Site
from tests.alarms.household import DEVICES, LEAK, LOW, House, site
from tests.rules.build import START, reading

HOUR = 3_600_000
MINUTE = START - START % 60_000 + 60_000
"""The first whole minute after the start: windows that repeat begin at one."""
BARE = site({**LOW, "on_delay": "0 s"}, LEAK)
SITE = Site(
    id="s",
    name="S",
    timezone=ZoneInfo("UTC"),
    devices=DEVICES,
    rules=BARE.rules,
    maintenance=(
        Window(id="yearly", starts=MINUTE, duration=HOUR, repeat="FREQ=YEARLY", reason="test"),
        Window(id="past", starts=START - 9 * HOUR, duration=HOUR),
    ),
)


def _add(wish: Mapping[str, Any], known: Sequence[Planned] = (), *, reason: str = "work") -> Mapping[str, Any]:
    full = Wish(**{"starts": START, "seconds": 3600.0, **wish})
    command = add(SITE, known, full, by="ana", reason=reason, now=START)
    assert (command.kind, command.by, command.reason) == ("maintenance_add", "ana", reason)
    return {"target": command.target, **command.arguments}


def test_what_is_wanted_is_in_the_command() -> None:
    assert _add({}) == {"target": "by-hand-2026-11-22", "starts": START, "for_s": 3600.0}
    assert _add({"device": ["meter"], "rules": ["lo*"], "repeat": "weekly", "id": "w", "name": "W"}) == {
        "target": "w",
        "starts": START,
        "for_s": 3600.0,
        "repeat": "FREQ=WEEKLY",
        "devices": "meter",
        "rules": "lo*",
        "name": "W",
    }


def test_no_more_are_added_by_hand_than_can_be_looked_at() -> None:
    one = Planned(window=Window(id="x", starts=START, duration=HOUR), from_site=False, on=True, changes_at=None)
    site_has = [replace(one, from_site=True)] * 300

    assert _add({}, [one] * 199 + site_has)
    with pytest.raises(RequestRefused, match="200 are planned by hand already"):
        _add({}, [one] * 200)
    with pytest.raises(RequestRefused, match="no year that a calendar has"):
        _add({"starts": 10**30})


def test_a_connection_is_meant_when_all_its_devices_are_and_all_devices_need_no_names() -> None:
    assert _add({"device_class": ["electricity", "safety", "door"]}) == _add({})
    assert _add({"device_class": ["safety"]})["devices"] == "sensor"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"seconds": 0.0}, "it has to last longer than nothing and at most a year"),
        ({"starts": START - 2 * HOUR}, "it would be over already"),
        ({"repeat": "often"}, "a repetition has no OFTEN"),
        ({"id": "Late Shift"}, "an id has lower-case letters, digits and `-`, 60 at most"),
        ({"id": "yearly"}, "there is maintenance yearly already; give it another id"),
        ({"device": ["metr"]}, "there is no device metr; did you mean meter?"),
        ({"device_class": ["dor"]}, "there is no device whose class is dor; did you mean door?"),
        ({"device": ["meter"], "device_class": ["door"]}, "no device is all of that"),
        ({"rules": ["lows"]}, "there is no rule lows; did you mean low?"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(wish: Mapping[str, Any], words: str) -> None:
    known = [Planned(window=window, from_site=True, on=False, changes_at=None) for window in SITE.maintenance]
    with pytest.raises(RequestRefused) as refused:
        _add(wish, known)

    assert str(refused.value).startswith(words)


def test_maintenance_needs_a_reason() -> None:
    with pytest.raises(RequestRefused) as refused:
        _add({}, reason="")

    assert str(refused.value) == "say why: others have to know the reason"


async def test_it_is_planned_on_and_ended(house: House) -> None:
    later = MINUTE + 500
    at = later - START
    async with house.running(SITE):
        await house.say(reading(0, 230.0), at=0)
        before = await planned(house.state, SITE, START)
        wish = Wish(starts=START, seconds=3600.0, id="oil", device=["meter"])
        await house.say(add(SITE, before, wish, by="ana", reason="oil", now=START), at=500)
        await house.say(reading(at, 230.0), at=at)
        await house.applied()
        both = await planned(house.state, SITE, later)
        for name in ("oil", "yearly"):
            await house.say(end(both, name, by="ben", reason="", now=later), at=at + 100)
        await house.applied()
        after = await planned(house.state, SITE, later + 200)
        with pytest.raises(RequestRefused) as off:
            end(after, "yearly", by="ben", reason="", now=later + 200)
        with pytest.raises(RequestRefused) as unknown:
            end(after, "yearl", by="ben", reason="", now=later + 200)

    assert [(each.window.id, each.on, each.from_site) for each in before] == [
        ("yearly", False, True),
        ("past", False, True),
    ]
    assert [(each.window.id, each.on, each.changes_at, each.window.by) for each in both][:2] == [
        ("oil", True, START + HOUR, "ana"),
        ("yearly", True, MINUTE + HOUR, ""),
    ]
    assert [(each.window.id, each.on, each.ended_until) for each in after] == [
        ("yearly", False, MINUTE + HOUR),
        ("past", False, None),
    ]
    assert (
        str(off.value) == "the maintenance yearly is not on now; take it out of the site file to end it for good"
    )
    assert str(unknown.value) == "there is no maintenance yearl; did you mean yearly?"
