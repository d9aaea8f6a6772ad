"""A dead connection and a lost supply: wherever the journal is cut and taken up again, nothing is another."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Derived, Entry, Event, Missing, Origin, Position, Reading, Recorded, Transition
from monitor.plant import Supply
from monitor.site import Rule
from rules.effects import Row
from rules.engine import Engine
from rules.surroundings import Surroundings, hangs_below
from tests.examples import examples
from tests.rules.build import START, device, rule

DEVICES = {
    **{f"m{number}": device(f"m{number}") for number in range(1, 5)},
    "probe": device("probe", expected_every=60.0),
    "main": device("main"),
}
SUPPLIES = [Supply(building="", utility="electricity", device="main", points=("voltage_v",))]
SETTINGS: list[dict[str, Any]] = [
    {"id": "dead", "kind": "segment", "share": 0.6, "off_delay": "15 s", "depends_on": ["dark"]},
    {"id": "gone", "kind": "offline", "depends_on": ["dead", "dark"]},
    {
        "id": "dark",
        "kind": "supply",
        "levels": [{"is": "partial", "severity": "low"}, {"is": "lost", "severity": "high"}],
    },
    {"id": "part", "kind": "supply", "is": "partial", "on_delay": "20 s", "depends_on": ["dark"]},
]
RULES: list[Rule] = [rule(one, DEVICES, supplies=SUPPLIES) for one in SETTINGS]
AROUND = Surroundings(devices=DEVICES, above=hangs_below(DEVICES, SUPPLIES))

_POLLED = ["m1", "m2", "m3", "m4", "main"]
HAPPENINGS = st.lists(
    st.tuples(
        st.integers(0, 20_000),
        st.one_of(
            st.tuples(st.just("poll"), st.sampled_from(_POLLED), st.sampled_from(["answer", "", "", "late"])),
            st.tuples(st.just("push"), st.just("probe"), st.sampled_from(["answer", "", "retained"])),
            st.tuples(st.just("health"), st.just("probe"), st.sampled_from(["suspended", "answering"])),
            st.tuples(
                st.just("supply"), st.just("main"), st.sampled_from(["present", "partial", "lost", "unknown"])
            ),
        ),
    ),
    min_size=1,
    max_size=60,
)


def _entries(happenings: Sequence[tuple[int, tuple[str, str, str]]]) -> list[Recorded]:
    at, made = 0, []
    for position, (pause, what) in enumerate(happenings, 1):
        at += pause
        made.append(Recorded(Position(position), START + at, _entry(START + at, *what)))
    return made


def _entry(time: int, what: str, name: str, how: str) -> Entry:
    if what == "health":
        attributes = {"was": "answering", "state": how}
        return Event(device=name, kind="health", time=time, arrived=time, id=f"{time}", attributes=attributes)
    if what == "supply":
        return Derived(
            producer="equipment",
            key="electricity",
            device=name,
            time=time,
            measurement="supply",
            values={"state": how},
            attributes={"utility": "electricity", "building": ""},
        )
    origin = Origin.POLL if what == "poll" else Origin.RETAINED if how == "retained" else Origin.PUSH
    return Reading(
        device=name,
        time=time - 400_000 * (how == "late"),
        arrived=time,
        values={"voltage_v": 230.0} if how else {},
        missing={} if how else {"voltage_v": Missing.TIMEOUT},
        origin=origin,
        late=how == "late",
    )


@settings(max_examples=examples(60), deadline=None)
@given(happenings=HAPPENINGS, cuts=st.sets(st.integers(0, 60), max_size=6))
def test_a_dump_and_a_load_anywhere_change_nothing(
    happenings: list[tuple[int, tuple[str, str, str]]], cuts: set[int]
) -> None:
    batch = _entries(happenings)
    end = batch[-1].recorded + 3_600_000
    straight = Engine(RULES, AROUND)
    expected = [*straight.judge(batch).transitions, *straight.tick(end).transitions]
    kept = dict[tuple[str, str], Row]()
    engine, found = Engine(RULES, AROUND), list[Transition]()
    for number, item in enumerate(batch):
        found += engine.judge([item]).transitions
        if number in cuts:
            for row in engine.dump_changed():
                kept[row.area, row.key] = row
            engine = Engine(RULES, AROUND)
            assert engine.load(kept.values(), item.recorded).transitions == []
    found += engine.tick(end).transitions

    assert found == expected
