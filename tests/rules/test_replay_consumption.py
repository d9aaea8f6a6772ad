"""Kinds about consumption come to the same, however the journal is cut, and whenever time is let pass."""

from collections.abc import Sequence
from json import dumps, loads
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Derived, Missing, Position, Quality, Reading, Recorded, Transition
from rules.effects import Row
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.examples import examples
from tests.rules.build import START, device, rule

MINUTE = 60_000
DEVICES = {
    "main": device("main", device_class="water", points=["volume_m3"], role="main"),
    "board": device("board", points=[f"current_l{phase}_a" for phase in (1, 2, 3)]),
    "sub": device("sub", device_class="water", points=["volume_m3"], role="sub"),
}
AROUND = Surroundings(devices=DEVICES, zone=ZoneInfo("Europe/Berlin"))
RULES = [
    rule(one, DEVICES)
    for one in (
        {"id": "leak", "kind": "continuous_flow", "lookback": "5 h", "gap": "30 min", "on_delay": "10 min"},
        {"id": "night", "kind": "night_flow", "nights": 7, "min_nights": 3, "floor": "0.001 m3/h"},
        {"id": "loss", "kind": "balance", "days": 2},
        {"id": "much", "kind": "baseline", "direction": "both", "least": "0.05 m3", "k": 0, "lasting": "1 h",
         "min_days": 7},
        {"id": "uneven", "kind": "unbalance", "of": "current", "rating": "60 A", "phase_loss": "40 %",
         "on_delay": "2 min", "off_delay": "10 min"},
        {"id": "peak", "kind": "demand", "contract": "2 m3/h", "on_delay": "1 min", "off_delay": "2 min"},
    )
]  # fmt: skip
FIELDS = {
    "water.volume_delta_m3": [0.0, 0.0, 0.0001, 0.002, 0.05, 1.0],
    "water.demand_predicted_m3h": [1.0, 1.9, 2.5],
    "water.demand_m3h": [1.0, 3.0],
    "reading.current": [(50.0, 50.0, 50.0), (60.0, 30.0, 50.0), (60.0, 3.0, 60.0), (1.0, 2.0, 3.0), None],
    "usage_hourly.amount": [0.0, 0.4, 0.5, 0.6, 5.0],
    "usage_daily.amount": [0.0, 8.0, 10.0, 12.0],
    "usage_daily.night_m3h": [0.002, 0.002, 0.002, 0.1],
}
SAID = st.sampled_from(
    [
        (field, ident, value)
        for field, values in FIELDS.items()
        for ident in ("main", "main", "sub")
        for value in values
    ]
)
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 5, 5, 20, 60, 60, 400, 1440]),
        SAID,
        st.sampled_from([Quality.GOOD] * 5 + [Quality.ESTIMATED]),
        st.sampled_from([0] * 5 + [60, 1500]),
    ),
    min_size=1,
    max_size=60,
)


def entries(happenings: Sequence[Any]) -> list[Recorded]:
    at, made = 0, []
    for position, (pause, said, quality, ago) in enumerate(happenings, 1):
        at += pause * MINUTE
        entry = _entry(str(position), said, quality, START + at - ago * MINUTE, START + at)
        made.append(Recorded(Position(position), START + at, entry))
    return made


def _entry(key: str, said: Any, quality: Quality, time: int, arrived: int) -> Derived | Reading:
    field, ident, value = said
    measurement, _, name = field.partition(".")
    if measurement != "reading":
        return Derived(
            producer="metering",
            key=key,
            device=ident,
            time=time,
            measurement=measurement,
            values={name: value},
            quality=quality,
        )
    names = [f"current_l{phase}_a" for phase in (1, 2, 3)]
    return Reading(
        device="board",
        time=time,
        arrived=arrived,
        values={} if value is None else dict(zip(names, value, strict=True)),
        missing=dict.fromkeys(names, Missing.TIMEOUT) if value is None else {},
        quality=quality,
        late=arrived - time > 2 * MINUTE,
    )


def straight(batch: Sequence[Recorded]) -> list[Transition]:
    engine = Engine(RULES, AROUND)
    return [*engine.judge(batch).transitions, *engine.tick(batch[-1].recorded + 3_600_000).transitions]


@settings(max_examples=examples(60), deadline=None)
@given(happenings=HAPPENINGS, cuts=st.sets(st.integers(0, 60), max_size=5))
def test_a_dump_and_a_load_anywhere_change_nothing(happenings: list[Any], cuts: set[int]) -> None:
    batch = entries(happenings)
    kept = dict[tuple[str, str], Row]()
    engine, found = Engine(RULES, AROUND), list[Transition]()
    for number, item in enumerate(batch):
        found += engine.judge([item]).transitions
        if number in cuts:
            for row in engine.dump_changed():
                kept[row.area, row.key] = Row(area=row.area, key=row.key, body=loads(dumps(row.body)))
            engine = Engine(RULES, AROUND)
            assert engine.load(kept.values(), item.recorded).transitions == []
    found += engine.tick(batch[-1].recorded + 3_600_000).transitions

    assert found == straight(batch)


@settings(max_examples=examples(40), deadline=None)
@given(happenings=HAPPENINGS)
def test_live_ticks_change_nothing(happenings: list[Any]) -> None:
    batch = entries(happenings)
    engine, found = Engine(RULES, AROUND), list[Transition]()
    for item in batch:
        while (due := engine.due()) is not None and due <= item.recorded:
            found += engine.tick(due).transitions
        found += engine.judge([item]).transitions
    found += engine.tick(batch[-1].recorded + 3_600_000).transitions

    assert found == straight(batch)
