"""However the journal is cut, stopped and taken up again, the transitions are the same."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Command, Entry, Missing, Origin, Position, Quality, Reading, Recorded, Transition
from rules.effects import Row
from rules.engine import Engine
from rules.kind import NEVER_QUIET
from rules.surroundings import Surroundings
from rules.watch import PointWatch
from tests.examples import examples
from tests.rules.build import START, device, event, rule

DEVICES = {"meter": device(every=10.0, points=["voltage_v", "alarm"]), "door": device("door", points=[])}
RULES = [
    rule(one, DEVICES)
    for one in (
        {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V", "deadband": "3 V",
         "on_delay": "25 s", "off_delay": "15 s"},
        {"id": "steps", "kind": "threshold", "point": "voltage_v", "off_delay": "20 s",
         "levels": [{"below": "207 V", "severity": "low"}, {"below": "190 V", "severity": "critical"}]},
        {"id": "band", "kind": "range", "point": "voltage_v", "low": "195 V", "high": "250 V"},
        {"id": "leak", "kind": "state", "point": "alarm", "is": True, "latched": True, "on_delay": "3 s"},
        {"id": "stale", "kind": "stale", "max_age": "40 s", "on_delay": "5 s"},
        {"id": "dead", "kind": "offline", "off_delay": "7 s"},
        {"id": "forced", "kind": "event", "event": "forced"},
    )
]  # fmt: skip
TARGETS = ["low/meter/voltage_v", "steps/meter/voltage_v", "leak/meter/alarm", "dead/meter", "forced/door"]


def readings() -> st.SearchStrategy[tuple[str, object]]:
    return st.tuples(
        st.just("reading"),
        st.fixed_dictionaries(
            {
                "voltage": st.sampled_from([None, 180.0, 200.0, 208.0, 230.0, 260.0, "broken"]),
                "alarm": st.sampled_from([None, True, False]),
                "quality": st.sampled_from([Quality.GOOD] * 4 + [Quality.SUSPECT, Quality.ESTIMATED]),
                "ago": st.sampled_from([0] * 5 + [50, 5000, 400_000]),
                "late": st.sampled_from([False] * 5 + [True]),
            }
        ),
    )


HAPPENINGS = st.lists(
    st.tuples(
        st.integers(0, 45_000),
        st.one_of(
            readings(),
            readings(),
            readings(),
            st.tuples(st.just("command"), st.sampled_from(TARGETS)),
            st.tuples(st.just("event"), st.sampled_from(["forced", "opened"])),
        ),
    ),
    min_size=1,
    max_size=40,
)


def entries(happenings: Sequence[tuple[int, tuple[str, object]]]) -> list[Recorded]:
    at, made = 0, []
    for position, (pause, (what, detail)) in enumerate(happenings, 1):
        at += pause
        made.append(Recorded(Position(position), START + at, _entry(at, what, detail, position)))
    return made


def _entry(at: int, what: str, detail: object, position: int) -> Entry:
    if what == "command":
        return Command(id=str(position), time=START + at, by="ana", kind="acknowledge", target=str(detail))
    if what == "event":
        return event(at, str(detail))
    assert isinstance(detail, dict)
    said = {"voltage_v": detail["voltage"], "alarm": detail["alarm"]}
    return Reading(
        device="meter",
        time=START + at - detail["ago"],
        arrived=START + at,
        values={name: value for name, value in said.items() if value is not None},
        missing={name: Missing.TIMEOUT for name, value in said.items() if value is None},
        quality=detail["quality"],
        origin=Origin.POLL,
        late=detail["late"],
    )


def straight(batch: Sequence[Recorded], end: int) -> list[Transition]:
    engine = Engine(RULES, Surroundings(devices=DEVICES))
    return [*engine.judge(batch).transitions, *engine.tick(end).transitions]


@settings(max_examples=examples(60), deadline=None)
@given(happenings=HAPPENINGS, cuts=st.sets(st.integers(0, 40), max_size=5))
def test_a_dump_and_a_load_anywhere_change_nothing(
    happenings: list[tuple[int, tuple[str, object]]], cuts: set[int]
) -> None:
    batch = entries(happenings)
    end = batch[-1].recorded + 3_600_000
    kept = dict[tuple[str, str], Row]()
    engine, found = Engine(RULES, Surroundings(devices=DEVICES)), list[Transition]()
    for number, item in enumerate(batch):
        found += engine.judge([item]).transitions
        if number in cuts:
            for row in engine.dump_changed():
                kept[row.area, row.key] = row
            engine = Engine(RULES, Surroundings(devices=DEVICES))
            assert engine.load(kept.values(), item.recorded).transitions == []
    found += engine.tick(end).transitions

    assert found == straight(batch, end)


@settings(max_examples=examples(50), deadline=None)
@given(happenings=HAPPENINGS)
def test_live_ticks_change_nothing(happenings: list[tuple[int, tuple[str, object]]]) -> None:
    batch = entries(happenings)
    end = batch[-1].recorded + 3_600_000
    engine, found = Engine(RULES, Surroundings(devices=DEVICES)), list[Transition]()
    for item in batch:
        while (due := engine.due()) is not None and due <= item.recorded:
            found += engine.tick(due).transitions
        found += engine.judge([item]).transitions
    found += engine.tick(end).transitions

    assert found == straight(batch, end)


@settings(max_examples=examples(60), deadline=None)
@given(happenings=HAPPENINGS)
def test_values_that_pass_unseen_would_change_nothing(happenings: list[tuple[int, tuple[str, object]]]) -> None:
    batch = entries(happenings)
    end = batch[-1].recorded + 3_600_000
    quick, thorough = Engine(RULES, Surroundings(devices=DEVICES)), Engine(RULES, Surroundings(devices=DEVICES))
    for watch in thorough._index.watches:
        if isinstance(watch, PointWatch):
            watch.judge.quiet = NEVER_QUIET

    for item in batch:
        assert quick.judge([item]) == thorough.judge([item])
        assert list(quick.dump_changed()) == list(thorough.dump_changed())
    assert quick.tick(end) == thorough.tick(end)


@settings(max_examples=examples(50), deadline=None)
@given(happenings=HAPPENINGS)
def test_steps_are_numbered_and_in_order_of_time(happenings: list[tuple[int, tuple[str, object]]]) -> None:
    batch = entries(happenings)
    by_occurrence: dict[str, list[Transition]] = {}
    for step in straight(batch, batch[-1].recorded + 3_600_000):
        by_occurrence.setdefault(step.occurrence, []).append(step)

    for steps in by_occurrence.values():
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert steps[0].cause == "raised"
        assert all(one.time < other.time for one, other in pairwise(steps))
        assert [step.cause for step in steps].count("cleared") <= 1


@pytest.mark.fault(
    "odd value",
    part="rules and alarms",
    outcome="Missing and doubtful values raise no alarm and clear none.",
)
@settings(max_examples=examples(50), deadline=None)
@given(happenings=HAPPENINGS)
def test_without_good_values_nothing_is_raised(happenings: list[tuple[int, tuple[str, object]]]) -> None:
    batch = [
        item
        for item in entries(happenings)
        if isinstance(item.entry, Reading) and item.entry.quality is not Quality.GOOD
    ]
    raised = {step.rule for step in straight(batch, START + 10_000_000)}

    assert raised <= {"dead"}
