"""Planned maintenance: windows of devices and rules in local time, and every mistake told."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.maintenance import Window
from monitor.settings.difference import difference
from tests.settings.conftest import Load, Mistakes

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000
SITE = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, building: A, role: main}
  - {id: sub, profile: abb-b23, connection: plant, unit: 2, building: A, role: sub}
  - {id: leak, profile: aqara-sjcgq11lm, connection: broker, topic: y, building: A}
  - {id: hall, profile: aqara-sjcgq11lm, connection: broker, topic: z, building: B}
rules:
  - {id: gone, kind: offline}
  - {id: dead, kind: segment}
maintenance:
"""


def _at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def _windows(load_text: Load, *texts: str) -> tuple[Window, ...]:
    return load_text(SITE + "".join(f"  - {{{text}}}\n" for text in texts)).site.maintenance


def test_once_from_until_for_everything(load_text: Load) -> None:
    (window,) = _windows(load_text, "id: w, from: 2026-10-24 22:00, until: 2026-10-25 06:00, reason: new fuses")

    assert window == Window(
        id="w",
        name="w",
        starts=_at("2026-10-24 22:00"),
        duration=9 * HOUR,  # the clock is set back in that night
        zone=BERLIN,
        reason="new fuses",
    )


def test_again_and_again_for_some_devices_and_rules(load_text: Load) -> None:
    (window,) = _windows(
        load_text,
        "id: w, name: Test, devices: {role: main}, rules: [gone, d*], starts: 2026-12-01T06:00, for: 45 min, "
        "repeat: freq=monthly;byday=1tu",
    )

    assert (window.name, window.devices, window.rules) == ("Test", frozenset({"main"}), ("gone", "d*"))
    assert (window.duration, window.repeat) == (45 * 60_000, "FREQ=MONTHLY;BYDAY=1TU")
    assert window.change_after(_at("2026-12-02 00:00")) == _at("2027-01-05 06:00")


def test_a_connection_is_meant_when_all_its_devices_are(load_text: Load) -> None:
    (window,) = _windows(
        load_text, "id: w, devices: {building: A}, starts: 2026-12-01 06:00, for: 1 h, repeat: daily"
    )

    assert window.devices == {"main", "sub", "leak", "facility-monitor/plant"}
    assert window.repeat == "FREQ=DAILY"


def test_what_is_planned_differently_is_a_difference(load_text: Load) -> None:
    before = load_text(SITE + "  - {id: w, from: 2026-01-01 08:00, until: 2026-01-01 09:00}\n").site
    after = load_text(SITE + "  - {id: w, from: 2026-01-01 08:00, until: 2026-01-01 10:00}\n").site

    assert difference(before, after).sections == ("maintenance",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: w", "write when: `from:` and `until:`"),
        ("id: w, from: 2026-01-01 08:00", "write when: `from:` and `until:`"),
        ("id: w, starts: 2026-01-01 08:00", "write when: `from:` and `until:`"),
        ("id: w, from: 2026-01-01 08:00, until: 2026-01-01 09:00, repeat: daily", "or `starts:` with `for:`"),
        ("id: w, from: 2026-01-01 08:00, for: 1 h", "or `starts:` with `for:`"),
        ("id: w, from: 2026-01-02 08:00, until: 2026-01-01 09:00", "`until:` is not later than `from:`"),
        (
            "id: w, from: 2026-01-01, until: 2026-01-02 08:00",
            "write a day and a time of it, such as `2026-11-28 08:00`",
        ),
        ("id: w, starts: 2026-13-01 08:00, for: 1 h", "write a day and a time of it"),
        ("id: w, starts: 2026-01-01 08:00, for: 1", "write a time such as"),
        ("id: w, starts: 2026-01-01 08:00, for: 2 years", "at most a year"),
        ("id: w, starts: 2026-01-01 08:00, for: 1 h, repeat: weakly", "did you mean `weekly`?"),
        ("id: w, starts: 2026-01-01 08:00, for: 1 h, repeat: FREQ=HOURLY", "write FREQ= with one of"),
        ("id: w, starts: 2026-01-01 08:00, for: 1 h, repeat: FREQ=WEEKLY;BYDAY=XX", "cannot be read"),
        ("id: w, starts: 2026-01-01 08:00, for: 1 h, rules: [gonne]", "there is no rule `gonne`"),
        ("id: w, starts: 2026-01-01 08:00, for: 1 h, rules: 'x*'", "there is no rule that matches `x*`"),
        (
            "id: w, starts: 2026-01-01 08:00, for: 1 h, devices: {building: AA}",
            "there is no device whose",
        ),
        ("id: w, starts: 2026-01-01 08:00, for: 1 h, devices: {building: 'x*'}", "no device matches"),
        ("id: w, starts: 2026-01-01 08:00, for: 1 h, rule: gone", "did you mean `rules`?"),
    ],
)
def test_a_mistake_is_told_once_with_what_may_be_meant(mistakes: Mistakes, text: str, message: str) -> None:
    (found,) = mistakes(f"{SITE}  - {{{text}}}\n")

    assert message in str(found)
    assert "maintenance[0]" in str(found)


def test_an_id_is_taken_once(mistakes: Mistakes) -> None:
    window = "  - {id: w, starts: 2026-01-01 08:00, for: 1 h}\n"
    (found,) = mistakes(SITE + window + window)

    assert "the id `w` is taken already" in str(found)
