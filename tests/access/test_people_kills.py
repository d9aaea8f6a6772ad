"""Counting people dies twenty times, also between what it keeps and what it tells: it is as if it had not."""

from pathlib import Path
from typing import Final

import pytest

from monitor.access import people as people_module
from monitor.periods import local_day
from tests.access.dyingpeople import BEGIN, EVENTS, SITE, finish, live
from tests.access.homes import pseudonym
from tests.access.whereabouts import Reference, Went
from tests.dying import killed_and_undisturbed

KILLS: Final = 20
LONGEST: Final = 0.3
"""Seconds that a life lasts which is ended from outside."""


@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="Killed at any instant, also between the transaction of access.db and the journal: entries are kept"
    " once, people are where they are, and what is told of them is told once.",
)
def test_twenty_kills_leave_people_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_module, "_TICK", 0.005)
    one, two, seed = killed_and_undisturbed(live, finish, tmp_path, kills=KILLS, longest=LONGEST)

    for part, found in two.items():
        assert one[part] == found, (seed, part)
    truth = _truth()
    assert one["where"] == {
        pseudonym(person): place
        for person in {each.person for each in truth.went}
        if (place := truth.where(person, truth.until))
    }
    assert {ident for _, ident in truth.told} <= {ident for _, ident in one["told"]}
    assert {ident.split("-")[0] for _, ident in one["told"]} == {"passback", "crowded", "out_of_hours"}
    assert local_day(BEGIN, SITE.timezone) < local_day(EVENTS[-1].time, SITE.timezone)


def _truth() -> Reference:
    truth = Reference(SITE.access.zones, SITE.timezone, BEGIN)
    names = {pseudonym(f"p{number}"): f"p{number}" for number in range(12)} | {"": ""}
    for shown, used in zip(EVENTS[::2], EVENTS[1::2], strict=True):
        door, _, way = shown.device.rpartition("-")
        zone = next(each.id for each in SITE.access.zones.values() if door in each.doors)
        person = names[str(shown.attributes.get("credential", ""))]
        truth.take(Went(used.arrived, used.time, zone, way, person, shown.id))
    truth.pass_time(EVENTS[-1].arrived)
    return truth
