"""Composites are the same however the journal is cut, and cheap; what they remember is bounded."""

import json
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Derived, Entry, Missing, Position, Quality, Reading, Recorded, Transition
from monitor.notices import NoticeKind
from rules.effects import Row
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.examples import examples
from tests.rules.build import START, device, event, reading, recorded, rule

DEVICES = {
    "well": device("well", every=10.0, points=["level_m", "running"]),
    "pump-2": device("pump-2", every=10.0, points=["running"]),
    "door": device("door", every=None, points=["open"]),
    "facility-monitor": device("facility-monitor", every=10.0, points=[]),
}
RULES = [
    rule(one, DEVICES)
    for one in (
        {"id": "low", "kind": "threshold", "point": "level_m", "below": "1 m", "off_delay": "15 s"},
        {"id": "dry", "kind": "composite", "on": "well", "expression": "level_m < 1 && pump_2.running",
         "on_delay": "25 s", "off_delay": "15 s"},
        {"id": "either", "kind": "composite", "on": "well", "expression": "level_m < 1 || pump_2.running"},
        {"id": "quiet", "kind": "composite", "on": "well", "expression": "age_level_m > 45 && !running"},
        {"id": "night", "kind": "composite", "on": "door", "expression": "open && hour >= 21", "on_delay": "40 s"},
        {"id": "chain", "kind": "composite", "on": "door", "expression": "alarm_dry || alarm_low && open"},
        {"id": "odd", "kind": "composite", "on": "well",
         "expression": "level_m / 2 + 1 < 1.3 ? running : pump_2.running"},
    )
]  # fmt: skip
AROUND = Surroundings(devices=DEVICES, zone=ZoneInfo("Europe/Berlin"))

_SAID = {
    "level_m": st.sampled_from([None, 0.5, 0.5, 0.7, 2.0, 2.0, "broken"]),
    "running": st.sampled_from([None, True, False]),
    "open": st.sampled_from([True, False]),
}
_ONE = st.sampled_from(
    [("well", "level_m"), ("well", "level_m"), ("well", "running"), ("pump-2", "running"), ("door", "open")]
)
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from([0, 1000, 7000, 10_000, 10_000, 10_000, 30_000, 70_000, 900_000]),
        _ONE.flatmap(lambda one: st.tuples(st.just(one), _SAID[one[1]])),
        st.sampled_from([Quality.GOOD] * 5 + [Quality.SUSPECT]),
        st.sampled_from([0] * 5 + [50, 5000]),
    ),
    min_size=1,
    max_size=40,
)  # fmt: skip
Happenings = Sequence[tuple[int, tuple[tuple[str, str], object], Quality, int]]


def entries(happenings: Happenings) -> list[Recorded]:
    at, made = 0, []
    for position, (pause, ((of, name), value), quality, ago) in enumerate(happenings, 1):
        at += pause
        said = Reading(
            device=of,
            time=START + at - ago,
            arrived=START + at,
            values={} if value is None else {name: value},  # type: ignore[dict-item] # of the strategies above
            missing={name: Missing.TIMEOUT} if value is None else {},
            quality=quality,
        )
        made.append(Recorded(Position(position), START + at, said))
    return made


def straight(batch: Sequence[Recorded], end: int) -> list[Transition]:
    engine = Engine(RULES, AROUND)
    return [*engine.judge(batch).transitions, *engine.tick(end).transitions]


@settings(max_examples=examples(60), deadline=None)
@given(happenings=HAPPENINGS, cuts=st.sets(st.integers(0, 40), max_size=5))
def test_a_dump_and_a_load_anywhere_change_nothing(happenings: Happenings, cuts: set[int]) -> None:
    batch = entries(happenings)
    end = batch[-1].recorded + 90_000_000
    kept = dict[tuple[str, str], Row]()
    engine, found = Engine(RULES, AROUND), list[Transition]()
    for number, item in enumerate(batch):
        found += engine.judge([item]).transitions
        if number in cuts:
            for row in engine.dump_changed():
                body = None if row.body is None else json.loads(json.dumps(row.body))
                kept[row.area, row.key] = Row(area=row.area, key=row.key, body=body)
            engine = Engine(RULES, AROUND)
            assert engine.load(kept.values(), item.recorded).transitions == []
    found += engine.tick(end).transitions

    assert found == straight(batch, end)


@settings(max_examples=examples(60), deadline=None)
@given(happenings=HAPPENINGS)
def test_live_ticks_change_nothing(happenings: Happenings) -> None:
    batch = entries(happenings)
    end = batch[-1].recorded + 90_000_000
    engine, found = Engine(RULES, AROUND), list[Transition]()
    for item in batch:
        while (due := engine.due()) is not None and due <= item.recorded:
            found += engine.tick(due).transitions
        found += engine.judge([item]).transitions
    found += engine.tick(end).transitions

    assert found == straight(batch, end)


def test_what_it_remembers_is_no_more_than_its_names() -> None:
    engine = Engine(RULES, AROUND)
    for number in range(2000):
        engine.judge(
            [recorded(reading(number * 10_000, number / 1000, point="level_m", id="well"), number * 10_000)]
        )

    rows = {row.key: row.body for row in engine.dump_changed() if row.area == "judge"}
    assert max(len(json.dumps(row)) for row in rows.values()) < 400


def test_a_rule_that_was_edited_judges_what_is_known_anew() -> None:
    before, after = (
        [rule({"id": "dry", "kind": "composite", "on": "well", "expression": text}, DEVICES, version)]
        for text, version in (("level_m < 1", "1"), ("level_m < 3", "2"))
    )
    engine = Engine(before, AROUND)
    assert engine.judge([recorded(reading(0, 2.0, point="level_m", id="well"), 0)]).transitions == []
    rows = list(engine.dump_changed())

    engine = Engine(after, AROUND)
    engine.load(rows, START + 1)

    assert [step.cause for step in engine.tick(START + 2).transitions] == ["raised"]


def test_a_rule_that_is_new_knows_which_alarms_are_active() -> None:
    only = [each for each in RULES if each.id == "low"]
    chain = rule({"id": "chain", "kind": "composite", "on": "door", "expression": "alarm_low"}, DEVICES)
    engine = Engine(only, AROUND)
    engine.judge([recorded(reading(0, 0.5, point="level_m", id="well"), 0)])
    rows = list(engine.dump_changed())

    engine = Engine([*only, chain], AROUND)
    engine.load(rows, START + 1)

    assert [step.rule for step in engine.tick(START + 2).transitions] == ["chain"]


def test_alarms_of_what_a_device_hangs_below_count_as_its_own() -> None:
    devices = DEVICES | {"well-2": device("well-2", points=["level_m"])}
    low = rule({"id": "low", "kind": "threshold", "point": "level_m", "below": "1 m"}, devices)
    dry = rule({"id": "dry", "kind": "composite", "on": "pump-2", "expression": "alarm_low"}, devices)
    here = Surroundings(devices=devices, above={"pump-2": frozenset({"well/level_m"})})
    batch = [recorded(reading(at, 0.5, point="level_m", id=id_), at) for at, id_ in ((0, "well-2"), (9, "well"))]

    assert [
        step.source_key for step in Engine([low, dry], Surroundings(devices=devices)).judge(batch).transitions
    ] == [
        "well-2/level_m",
        "pump-2",
        "well/level_m",
    ]
    assert [step.source_key for step in Engine([low, dry], here).judge(batch).transitions] == [
        "well-2/level_m",
        "well/level_m",
        "pump-2",
    ]


def test_the_alarms_of_a_rule_in_shadow_may_be_asked_for() -> None:
    low = rule({"id": "low", "kind": "threshold", "point": "level_m", "below": "1 m", "shadow": True}, DEVICES)
    dry = rule({"id": "dry", "kind": "composite", "on": "pump-2", "expression": "alarm_low"}, DEVICES)
    steps = Engine([low, dry], AROUND).judge([recorded(reading(0, 0.5, point="level_m", id="well"), 0)]).steps

    assert [(step.rule.id, step.transition.suppression, step.notice) for step in steps] == [
        ("low", ("shadow",), None),
        ("dry", (), NoticeKind.RAISE),
    ]


def test_what_the_monitor_says_of_a_device_is_heard_like_what_it_says_itself() -> None:
    flows = rule(
        {"id": "flow", "kind": "composite", "on": "well", "expression": "flow_m3h > 2 && level_m < 1"}, DEVICES
    )
    engine = Engine([flows], AROUND)
    derived = Derived(
        producer="metering",
        key="",
        device="well",
        time=START + 10,
        measurement="electricity",
        values={"flow_m3h": 3.0},
        quality=Quality.GOOD,
    )
    batch: list[tuple[Entry, int]] = [(reading(0, 0.5, point="level_m", id="well"), 0), (derived, 10)]
    steps = engine.judge([recorded(entry, at, at + 1) for entry, at in batch]).steps

    assert [step.transition.cause for step in steps] == ["raised"]
    assert steps[0].facts == {"flow_m3h": 3.0, "level_m": 0.5}


def test_a_failure_when_time_passes_leaves_the_engine_working() -> None:
    mixed = rule(
        {"id": "mixed", "kind": "composite", "on": "door", "expression": "age_open > 60 && open < 3"}, DEVICES
    )
    engine = Engine([mixed, RULES[0]], AROUND)
    effects = engine.judge([recorded(reading(0, "ajar", point="open", id="door"), 0)])
    assert effects.failures == []

    effects = engine.tick(START + 100_000)
    assert effects.failures == [("mixed", "TypeError: values that do not fit: open=ajar, age_open=60.001")]
    later = engine.judge([recorded(reading(200_000, 0.5, point="level_m", id="well"), 200_000, 2)])
    assert "low" in {step.rule for step in later.transitions}
    assert engine.judge([recorded(event(200_001, "opened"), 200_001, 3)]).failures == []
