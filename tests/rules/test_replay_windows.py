"""Kinds that remember: however the journal is cut and taken up again, their transitions are the same."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.calendars import Hours, Schedule
from monitor.model import Derived, Entry, Event, Missing, Position, Quality, Reading, Recorded, Transition
from rules.effects import Row
from rules.engine import Engine
from rules.hours import ScheduledMachine
from rules.kind import NEVER_QUIET
from rules.surroundings import UTC, Surroundings
from rules.watch import PointWatch
from tests.examples import examples
from tests.rules.build import START, device, rule

FIRST = START // 60_000 % 1440
HOURS = Schedule(hours=(Hours(spans=tuple((minute, minute + 2) for minute in range(FIRST, FIRST + 24, 4))),))
"""Two minutes of every four, from the minute on in which the journals begin."""
DEVICES = {
    "meter": device("meter", every=10.0, points=["level_m", "power_w", "volume_m3"], device_class="water"),
    "pump": device("pump", every=None, points=["called"], device_class="equipment"),
    "door": device("door", points=[], device_class="door"),
    "reader": device("reader", points=[], device_class="access", door="door"),
}
RULES = [
    rule(one, DEVICES)
    for one in (
        {"id": "rate", "kind": "rate", "point": "level_m", "above": "1 m", "window": "2 min", "deadband": "1 m"},
        {"id": "ends", "kind": "rate", "point": "level_m", "below": "-1 m", "window": "1 min", "method": "delta",
         "on_delay": "10 s", "off_delay": "10 s"},
        {"id": "window", "kind": "delta", "point": "volume_m3", "above": "5 m3", "window": "5 min",
         "deadband": "2 m3"},
        {"id": "little", "kind": "delta", "point": "volume_m3", "below": "2 m3", "window": "5 min"},
        {"id": "day", "kind": "delta", "point": "volume_m3", "above": "5 m3", "per": "day"},
        {"id": "hour", "kind": "delta", "point": "volume_m3", "below": "5 m3", "per": "hour"},
        {"id": "stuck", "kind": "stuck", "point": "volume_m3", "unchanged_for": "1 min",
         "while": {"point": "power_w", "above": "1 W"}},
        {"id": "frozen", "kind": "stuck", "point": "level_m", "reads": 3, "unchanged_for": "1 min"},
        {"id": "denied", "kind": "event_count", "event": "card", "count": 3, "window": "1 min",
         "group_by": "credential", "off_delay": "5 s"},
        {"id": "doors", "kind": "event_count", "event": ["card", "opened"], "count": 2, "distinct": "device",
         "across": "devices", "window": "40 s"},
        {"id": "after", "kind": "sequence", "first": {"event": "card"}, "within": "40 s",
         "then": {"event": "opened", "same": "door"}, "clear_after": "30 s"},
        {"id": "missing", "kind": "absence", "first": {"event": "card"}, "within": "20 s",
         "without": {"event": "opened", "same": "door"}, "clear_after": "30 s"},
        {"id": "unasked", "kind": "absence", "first": {"event": "opened"}, "before": "20 s",
         "without": {"event": "card", "device": "reader"}, "clear_after": "30 s"},
        {"id": "hourly", "kind": "threshold", "point": "level_m", "above": "5 m", "on_delay": "5 s",
         "off_delay": "5 s", "schedule": {"hours": "00:00-24:00"}},
        {"id": "called", "kind": "state", "point": "called", "is": True, "schedule": {"hours": "00:00-24:00"}},
        {"id": "counted", "kind": "event_count", "event": "card", "count": 2, "window": "2 min",
         "schedule": {"hours": "00:00-24:00"}},
        {"id": "band", "kind": "threshold", "point": "level_m", "above": "5 m",
         "at": {"schedule": {"hours": "00:00-24:00"}, "above": "1.5 m"}},
        {"id": "dry", "kind": "absence", "first": {"point": "called", "is": True}, "within": "30 s",
         "without": {"point": "power_w", "above": "1 W", "device": "meter"}},
    )
]  # fmt: skip
RULES = [
    replace(one, schedule=one.params.schedule and HOURS, at=(HOURS,) * len(getattr(one.params, "at", ())))
    for one in RULES
]


def entry_of(draw: st.DrawFn, at: int, position: int) -> Entry:
    ago = draw(st.sampled_from([0] * 6 + [3000, 30_000, 200_000]))
    time, arrived = START + at - ago, START + at
    what = draw(st.sampled_from(["meter", "meter", "delta", "delta", "usage", "pump", "event", "event"]))
    if what == "event":
        return Event(
            device=draw(st.sampled_from(["reader", "door"])),
            kind=draw(st.sampled_from(["card", "opened"])),
            time=time,
            arrived=arrived,
            id=str(position),
            attributes={"credential": draw(st.sampled_from(["a", "b"]))},
        )
    if what in {"delta", "usage"}:
        return derived_of(draw, what, time)
    points: dict[str, Any] = {"called": st.sampled_from([True, True, False])}
    if what == "meter":
        points = {"level_m": st.sampled_from([1.0, 2.0, 9.0]), "power_w": st.sampled_from([0.0, 5.0, 5.0])}
    is_failed = draw(st.sampled_from([False] * 5 + [True]))
    return Reading(
        device=what,
        time=time,
        arrived=arrived,
        values={} if is_failed else {name: draw(values) for name, values in points.items()},
        missing=dict.fromkeys(points, Missing.TIMEOUT) if is_failed else {},
        quality=draw(st.sampled_from([Quality.GOOD] * 5 + [Quality.SUSPECT])),
        late=ago > 120_000,
    )


def derived_of(draw: st.DrawFn, what: str, time: int) -> Derived:
    if what == "delta":
        values: dict[str, Any] = {"volume_delta_m3": draw(st.sampled_from([0.0, 0.0, 1.0, 4.0]))}
        return Derived(producer="m", key="", device="meter", time=time, measurement="water", values=values)
    values = {
        "amount": draw(st.sampled_from([1.0, 4.0, 6.0])),
        "estimated": draw(st.sampled_from([0.0, 0.0, 3.0])),
        "partial_i": draw(st.integers(0, 1)),
    }
    return Derived(
        producer="m",
        key="",
        device="meter",
        time=START + draw(st.sampled_from([-86_400_000, 0, 0, 86_400_000])),
        measurement=draw(st.sampled_from(["usage_daily", "usage_hourly"])),
        values=values,
    )


@st.composite
def journals(draw: st.DrawFn) -> list[Recorded]:
    at, made = 0, list[Recorded]()
    for position in range(1, draw(st.integers(1, 50)) + 1):
        at += draw(st.integers(0, 20_000))
        made.append(Recorded(Position(position), START + at, entry_of(draw, at, position)))
    return made


def engine() -> Engine:
    return Engine(RULES, Surroundings(devices=DEVICES))


def straight(batch: Sequence[Recorded], end: int) -> list[Transition]:
    made = engine()
    return [*made.judge(batch).transitions, *made.tick(end).transitions]


@settings(max_examples=examples(40), deadline=None)
@given(batch=journals(), cuts=st.sets(st.integers(0, 50), max_size=5))
def test_a_dump_and_a_load_anywhere_change_nothing(batch: list[Recorded], cuts: set[int]) -> None:
    end = batch[-1].recorded + 3_600_000
    kept = dict[tuple[str, str], Row]()
    made, found = engine(), list[Transition]()
    for number, item in enumerate(batch):
        found += made.judge([item]).transitions
        if number in cuts:
            for row in made.dump_changed():
                kept[row.area, row.key] = row
            made = engine()
            assert made.load(kept.values(), item.recorded).transitions == []
    found += made.tick(end).transitions

    assert found == straight(batch, end)


@settings(max_examples=examples(30), deadline=None)
@given(batch=journals())
def test_live_ticks_change_nothing(batch: list[Recorded]) -> None:
    end = batch[-1].recorded + 3_600_000
    made, found = engine(), list[Transition]()
    for item in batch:
        while (due := made.due()) is not None and due <= item.recorded:
            found += made.tick(due).transitions
        found += made.judge([item]).transitions
    found += made.tick(end).transitions

    assert found == straight(batch, end)


@settings(max_examples=examples(30), deadline=None)
@given(batch=journals())
def test_values_that_pass_unseen_would_change_nothing(batch: list[Recorded]) -> None:
    quick, thorough = engine(), engine()
    for watch in thorough._index.watches:
        if isinstance(watch, PointWatch):
            watch.judge.quiet = NEVER_QUIET

    for item in batch:
        assert quick.judge([item]) == thorough.judge([item])
        assert list(quick.dump_changed()) == list(thorough.dump_changed())


@settings(max_examples=examples(15), deadline=None)
@given(batch=journals(), again=st.integers(1, 20))
def test_what_is_remembered_stays_small(batch: list[Recorded], again: int) -> None:
    made = engine()
    span = batch[-1].recorded - START + 1000
    for number in range(again):
        made.judge([Recorded(item.position, item.recorded + number * span, item.entry) for item in batch])

    for row in made.dump_changed():
        assert len(str(row.body)) < 20_000, row.key


def test_every_rule_is_raised_by_some_journal() -> None:
    """The journals are of use only where they make these kinds speak; some need quieter ones, as tapes have."""
    raised = set[str]()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(batch=journals())
    def gather(batch: list[Recorded]) -> None:
        raised.update(step.rule for step in straight(batch, batch[-1].recorded + 3_600_000))

    gather()

    assert raised >= {one.id for one in RULES} - {"little", "stuck"}


@settings(max_examples=examples(30), deadline=None)
@given(batch=journals(), jumps=st.lists(st.tuples(st.integers(0, 50), st.integers(-400_000, 400_000)), max_size=3))
def test_a_clock_that_is_set_moves_hours_and_nothing_is_due_for_ever(
    batch: list[Recorded], jumps: list[tuple[int, int]]
) -> None:
    made, shift, last = engine(), 0, 0
    for number, item in enumerate(batch):
        for _, by in (jump for jump in jumps if jump[0] == number and jump[1]):
            before, shift = item.recorded + shift, shift + by
            last = max(last, before, before + by)
            made.judge([Recorded(item.position, last, stepped(before, before + by))])
        last = max(last, item.recorded + shift)
        made.judge([Recorded(item.position, last, item.entry)])
    made.tick(last + 7_200_000)

    for watch in made._index.watches:
        machine = watch.machine
        if isinstance(machine, ScheduledMachine) and not machine.is_idle:
            assert machine.in_hours is HOURS.is_on(made._time.wall(made._time.now), UTC)
    due = made.due()
    assert due is None or due > last + 7_200_000 - 1


def stepped(before: int, after: int) -> Event:
    return Event(
        device="facility-monitor",
        kind="clock_stepped",
        time=after,
        arrived=after,
        id=f"{before}-{after}",
        attributes={"from": before, "to": after},
    )
