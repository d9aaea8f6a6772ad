"""Between two starts rules are edited: what the old one remembered stops nobody from going on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from monitor.calendars import Hours, Schedule
from monitor.model import Command, Derived, Entry, Event, Reading
from rules.effects import Row
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.rules.build import START, device, event, reading, recorded, rule

DEVICES = {
    "meter": device("meter", points=["level_m", "volume_m3"], device_class="water"),
    "door": device("door", points=[], device_class="door"),
}
AROUND = Surroundings(devices=DEVICES)
RATE = {"kind": "rate", "point": "level_m", "above": "1 m", "window": "2 min"}
FROZEN = {"kind": "stuck", "point": "level_m", "reads": 3, "unchanged_for": "1 min"}
IDLE = {"kind": "stuck", "point": "volume_m3", "unchanged_for": "1 min"}
WINDOW = {"kind": "delta", "point": "volume_m3", "above": "5 m3", "window": "5 min"}
DAY = {"kind": "delta", "point": "volume_m3", "above": "5 m3", "per": "day"}
OFFLINE = {"kind": "offline"}
STALE = {"kind": "stale", "max_age": "5 min"}
COUNT = {"kind": "event_count", "event": "card", "count": 3, "window": "1 min"}
ABSENCE = {"kind": "absence", "first": {"event": "card"}, "within": "20 s", "without": {"event": "opened"}}
FOLLOWING = {"kind": "sequence", "first": {"event": "card"}, "within": "20 s", "then": {"event": "opened"}}


def _day() -> list[Entry]:
    heard: list[Entry] = [reading(at, 2.0, point="level_m") for at in range(0, 60_000, 10_000)]
    heard += [event(60_000 + at, "card") for at in (0, 1000)]
    values = {"volume_delta_m3": 1.0}
    return [
        *heard,
        Derived(producer="m", key="", device="meter", time=START + 62_000, measurement="water", values=values),
    ]


def _moment(entry: Entry) -> int:
    return (entry.arrived if isinstance(entry, Reading | Event) else entry.time) - START


def _remembered(settings: Mapping[str, Any]) -> dict[tuple[str, str], Row]:
    engine = Engine([rule({"id": "one", **settings}, DEVICES)], AROUND)
    for entry in _day():
        engine.judge([recorded(entry, _moment(entry))])
    return {(row.area, row.key): row for row in engine.dump_changed()}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RATE, FROZEN),
        (FROZEN, RATE),
        (IDLE, WINDOW),
        (WINDOW, DAY),
        (DAY, WINDOW),
        (OFFLINE, STALE),
        (STALE, OFFLINE),
        (OFFLINE, COUNT),
        (COUNT, ABSENCE),
        (ABSENCE, COUNT),
        (ABSENCE, FOLLOWING),
        (FOLLOWING, ABSENCE),
    ],
    ids=lambda each: each["kind"],
)
def test_a_rule_of_another_kind_or_window_begins_anew(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    engine = Engine([rule({"id": "one", **after}, DEVICES)], AROUND)

    engine.load(_remembered(before).values(), START + 70_000)
    engine.resume(START + 80_000)
    for entry in _day():
        assert engine.judge([recorded(entry, _moment(entry) + 90_000)]).failures == []

    anew = Engine([rule({"id": "one", **after}, DEVICES)], AROUND)
    anew.load((row for row in engine.dump_changed() if row.body is not None), START + 160_000)
    assert anew.tick(START + 900_000).failures == []


def test_a_rule_that_is_given_hours_ends_an_alarm_outside_of_them() -> None:
    usual = rule({"kind": "threshold", "point": "level_m", "above": "1 m"}, DEVICES)
    begins = START // 60_000 % 1440 + 60
    hourly = replace(usual, schedule=Schedule(hours=(Hours(spans=((begins, begins + 60),)),)))
    before = Engine([usual], AROUND)
    before.judge([recorded(reading(0, 2.0, point="level_m"), 0)])
    engine = Engine([hourly], AROUND)

    steps = list(engine.load(before.dump_changed(), START + 1000).steps)
    steps += engine.resume(START + 2000).steps
    steps += engine.judge([recorded(reading(5000, 2.0, point="level_m"), 5000)]).steps
    hours = engine.judge([recorded(reading(3_660_000, 2.0, point="level_m"), 3_660_000)]).steps

    assert [step.transition.cause for step in steps] == ["cleared"]
    assert [step.transition.cause for step in hours] == ["closed", "raised"]


def test_a_rule_that_loses_its_hours_heeds_what_was_said_outside_of_them() -> None:
    devices = {"valve": device("valve", every=None, points=["open"])}  # speaks only when something changes
    around = Surroundings(devices=devices)
    usual = rule({"kind": "state", "point": "open", "is": True, "on_delay": "1 min"}, devices)
    begins = START // 60_000 % 1440 + 60
    hourly = replace(usual, schedule=Schedule(hours=(Hours(spans=((begins, begins + 60),)),)))
    before = Engine([hourly], around)
    said = before.judge([recorded(reading(0, True, point="open", id="valve"), 0)])
    engine = Engine([usual], around)

    steps = list(engine.load(before.dump_changed(), START + 1000).steps)
    steps += engine.resume(START + 2000).steps
    assert said.steps == steps == []
    steps = list(engine.tick(START + 61_999).steps)
    assert steps == []
    raised = engine.tick(START + 62_000).steps

    assert [step.transition.cause for step in raised] == ["raised"]


def test_a_shelf_ends_no_later_than_its_edited_rule_allows() -> None:
    usual = rule({"kind": "threshold", "point": "level_m", "above": "1 m"}, DEVICES)
    short = replace(usual, params=usual.params.model_copy(update={"longest_shelf": 600.0}))
    shelve = Command(
        id="c", time=START, by="ana", kind="shelve", target="threshold/meter/level_m", arguments={"for_s": 7200},
        reason="known",
    )  # fmt: skip
    before = Engine([usual], AROUND)
    before.judge([recorded(reading(0, 2.0, point="level_m"), 0), recorded(shelve, 0)])
    rows = before.dump_changed()

    ends = {}
    for name, edited in (("as it was", usual), ("shorter", short)):
        engine = Engine([edited], AROUND)
        engine.load(rows, START + 1000)
        engine.resume(START + 1000)
        steps = []
        for at in range(60_000, 7_300_000, 60_000):
            steps += engine.tick(START + at).transitions
        ends[name] = [step.time - START for step in steps if step.cause == "unshelved"]

    assert ends == {"as it was": [7_200_000], "shorter": [600_000]}
