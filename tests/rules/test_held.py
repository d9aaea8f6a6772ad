"""Shelves, dependencies, maintenance, chatter, floods: the same wherever cut, and everybody hears the end."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.maintenance import Window
from monitor.model import Command, Entry, Event, Position, Reading, Recorded
from monitor.notices import NoticeKind
from rules.effects import Row, Step
from rules.engine import Engine
from rules.states import Response
from rules.surroundings import Surroundings
from tests.examples import examples
from tests.rules.build import START, device, event, reading, rule

MINUTE = 60_000
DAY = 86_400_000
DEVICES = {
    "meter": device(every=10.0, points=["voltage_v", "alarm", "fault"]),
    "door": device("door", points=[]),
    **{f"tank-{number}": device(f"tank-{number}", points=["level_m"]) for number in range(14)},
}
WINDOWS = (
    Window(id="early", starts=START + 2 * MINUTE, duration=3 * MINUTE, devices=frozenset({"meter"})),
    Window(
        id="daily", starts=START - 86_400_000 * 400, duration=20 * MINUTE, repeat="FREQ=DAILY", rules=("band",)
    ),
)
AROUND = Surroundings(devices=DEVICES, windows=WINDOWS)
RULES = [
    replace(rule(one, DEVICES), depends_on=tuple(above))
    for one, above in (
        ({"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V", "off_delay": "15 s",
          "re_alarm": "7 min"}, ["dead"]),
        ({"id": "steps", "kind": "threshold", "point": "voltage_v", "ack": "not_required",
          "levels": [{"below": "207 V", "severity": "low"}, {"below": "190 V", "severity": "critical"}]}, []),
        ({"id": "band", "kind": "range", "point": "voltage_v", "low": "195 V", "high": "250 V",
          "missing": "raise", "stale_after": "40 s", "auto_ack_after": "3 min"}, []),
        ({"id": "leak", "kind": "state", "point": "alarm", "is": True, "latched": True}, ["dead"]),
        ({"id": "dead", "kind": "state", "point": "fault", "is": True, "count_downtime": True}, []),
        ({"id": "silent", "kind": "state", "point": "fault", "is": True, "missing": "clear",
          "on_delay": "20 s"}, []),
        ({"id": "anew", "kind": "threshold", "point": "voltage_v", "below": "207 V", "on_delay": "30 s",
          "gap": "restart", "stale_after": "20 s"}, []),
        ({"id": "forced", "kind": "event", "event": "forced", "auto_ack_after": "5 min"}, ["dead"]),
        ({"id": "dry", "kind": "threshold", "point": "level_m", "below": "1 m"}, []),
    )
]  # fmt: skip
TARGETS = ["low/meter/voltage_v", "steps/meter/voltage_v", "leak/meter/alarm", "dead/meter/fault", "forced/door"]


def commands() -> st.SearchStrategy[tuple[str, object]]:
    kinds = ["acknowledge", "shelve", "shelve", "unshelve", "out_of_service", "return_to_service"]
    return st.tuples(
        st.just("command"),
        st.tuples(
            st.sampled_from(kinds), st.sampled_from(TARGETS), st.sampled_from([30, 200, 3000]), st.booleans()
        ),
    )


def readings() -> st.SearchStrategy[tuple[str, object]]:
    values = st.tuples(
        st.sampled_from([None, 180.0, 200.0, 200.0, 230.0, 260.0]),
        st.sampled_from([None, True, False]),
        st.sampled_from([None, True, False, False]),
    )
    return st.tuples(st.just("reading"), values)


HAPPENINGS = st.lists(
    st.tuples(
        st.integers(0, 40_000),
        st.one_of(
            readings(),
            readings(),
            readings(),
            commands(),
            st.tuples(st.just("event"), st.none()),
            st.tuples(st.just("flood"), st.integers(0, 13)),
            st.tuples(st.just("window"), st.booleans()),
            st.tuples(st.just("stopped"), st.sampled_from([70_000, 400_000])),
        ),
    ),
    min_size=1,
    max_size=40,
)
Happenings = list[tuple[int, tuple[str, object]]]


def entries(happenings: Happenings) -> list[Recorded]:
    at, made = 0, []
    for position, (pause, (what, detail)) in enumerate(happenings, 1):
        at += pause + (int(detail) if what == "stopped" else 0)  # type: ignore[call-overload]
        made.append(Recorded(Position(position), START + at, _entry(at, what, detail, position)))
    return made


def _entry(at: int, what: str, detail: object, position: int) -> Entry:
    if what == "reading":
        assert isinstance(detail, tuple)
        names = zip(("voltage_v", "alarm", "fault"), detail, strict=True)
        values = {name: value for name, value in names if value is not None}
        return Reading(device="meter", time=START + at, arrived=START + at, values=values)
    if what == "event":
        return event(at, "forced")
    if what == "flood":
        return reading(at, 0.5 if at % 3 else 2.0, point="level_m", id=f"tank-{detail}")
    if what == "stopped":
        return Event(
            device="facility-monitor",
            kind="monitor_started",
            time=START + at,
            arrived=START + at,
            id=str(position),
        )
    if what == "window":
        kind = "maintenance_add" if detail else "maintenance_end"
        more = {"starts": float(START + at - 1), "for_s": 240.0, "devices": "meter"}
        return _command(position, at, kind, "work", more)
    assert isinstance(detail, tuple)
    kind, target, seconds, oneshot = detail
    more = {"for_s": float(seconds), "oneshot": float(oneshot), "review_at": float(START + at + 900_000)}
    return _command(position, at, kind, target, more)


def _command(position: int, at: int, kind: str, target: str, more: dict[str, float | str]) -> Command:
    return Command(
        id=str(position), time=START + at, by="ana", kind=kind, target=target, arguments=more, reason="work"
    )


def straight(batch: Sequence[Recorded], end: int) -> list[Step]:
    engine = Engine(RULES, AROUND)
    return [*engine.judge(batch).steps, *engine.tick(end).steps]


@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="Shelves, suppressions, maintenance, chatter and floods go on as if nothing had been.",
)
@settings(max_examples=examples(60), deadline=None)
@given(happenings=HAPPENINGS, cuts=st.sets(st.integers(0, 40), max_size=5))
def test_a_dump_and_a_load_anywhere_change_nothing(happenings: Happenings, cuts: set[int]) -> None:
    batch = entries(happenings)
    end = batch[-1].recorded + 7_200_000
    kept = dict[tuple[str, str], Row]()
    engine, found = Engine(RULES, AROUND), list[Step]()
    for number, item in enumerate(batch):
        found += engine.judge([item]).steps
        if number in cuts:
            for row in engine.dump_changed():
                kept[row.area, row.key] = row
            engine = Engine(RULES, AROUND)
            assert engine.load(kept.values(), item.recorded).steps == []
    found += engine.tick(end).steps

    assert found == straight(batch, end)


@settings(max_examples=examples(40), deadline=None)
@given(happenings=HAPPENINGS)
def test_live_ticks_change_nothing(happenings: Happenings) -> None:
    batch = entries(happenings)
    end = batch[-1].recorded + 7_200_000
    engine, found = Engine(RULES, AROUND), list[Step]()
    for item in batch:
        stopped = isinstance(item.entry, Event) and item.entry.kind == "monitor_started"
        while not stopped and (due := engine.due()) is not None and due <= item.recorded:
            found += engine.tick(due).steps
        found += engine.judge([item]).steps
    found += engine.tick(end).steps

    assert found == straight(batch, end)


@settings(max_examples=examples(80), deadline=None)
@given(happenings=HAPPENINGS)
def test_nobody_is_told_while_it_is_held_back_and_everybody_hears_the_end(happenings: Happenings) -> None:
    batch = entries(happenings)
    engine = Engine(RULES, AROUND)
    steps = [*engine.judge(batch).steps, *engine.tick(batch[-1].recorded + 7_200_000).steps]

    by_occurrence: dict[str, list[Step]] = {}
    for step in steps:
        by_occurrence.setdefault(step.transition.occurrence, []).append(step)
        if step.notice in {NoticeKind.RAISE, NoticeKind.SEVERITY, NoticeKind.CHATTER}:
            assert step.transition.suppression == ()
    for its in by_occurrence.values():
        assert [step.transition.number for step in its] == list(range(1, len(its) + 1))
        told = [step for step in its if step.notice in {NoticeKind.RAISE, NoticeKind.SEVERITY}]
        ended = [step for step in its if step.transition.cause in {"cleared", "reset"}]
        if told and ended:
            assert ended[-1].notice is NoticeKind.CLEAR
    for watch in engine._index.watches:
        machine = watch.machine
        waits = machine.is_on and machine.response is Response.UNACKED
        if waits and not machine.hold.names() and not machine.chatter.is_on:
            assert machine.spoken


@settings(max_examples=examples(40), deadline=None)
@given(happenings=HAPPENINGS)
def test_the_rows_of_an_alarm_say_what_holds_it_back(happenings: Happenings) -> None:
    batch = entries(happenings)
    engine = Engine(RULES, AROUND)
    steps = [*engine.judge(batch).steps, *engine.tick(batch[-1].recorded + 7_200_000).steps]
    shown = {step.transition.occurrence: step.transition for step in steps if not step.momentary}

    held = {row.occurrence for row in shown.values() if row.suppression}
    meant = {w.machine.occurrence for w in engine._index.watches if w.machine.hold.names()}
    assert held == meant
