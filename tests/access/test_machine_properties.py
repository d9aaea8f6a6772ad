"""Whatever comes in whatever order, the machine tells what the slow judge says, however often it is restarted."""

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.access.machine import Machine
from monitor.model import Derived, Entry, Event, Position, Recorded
from monitor.site import Site
from monitor.zones import DoorSettings
from tests.access.doorlives import DELAYS, GAPS, HOURS, HOURS_OF_DOOR, Step, record_of
from tests.access.reference import truth_of
from tests.access.sites import said, site

END = 10_000_000

steps = st.lists(
    st.tuples(
        st.sampled_from(GAPS),
        st.sampled_from(
            [
                "open",
                "open",
                "shut",
                "shut",
                "card",
                "card",
                "denied",
                "rex",
                "unlock",
                "lock",
                "late",
                "late card",
            ]
        ),
        st.sampled_from(DELAYS),
    ),
    min_size=1,
    max_size=30,
)


def place(*, hours: bool) -> Site:
    return site(doors={"front": DoorSettings(unlocked=HOURS_OF_DOOR)} if hours else {})


class House:
    """A machine that may be restarted: what it has told, and counted."""

    def __init__(self, of: Site) -> None:
        self.site = of
        self.machine = Machine(of)
        self.kept: dict[str, str] = {}
        self.told: list[Event | Derived] = []
        self.counts: Counter[str] = Counter()

    def take(self, number: int, stamp: int, entry: Entry) -> None:
        self.told += self.machine.handle(Recorded(Position(number + 1), stamp, entry))

    def restart(self) -> None:
        self.count()
        for key, body in self.machine.changes().items():
            self.kept[key] = json.dumps(body)
        self.machine = Machine(self.site)
        self.machine.load((key, json.loads(body)) for key, body in self.kept.items())

    def count(self) -> None:
        for (door, _), figures in self.machine.figures.take().items():
            assert door == "front"
            _add(self.counts, figures)


def _add(counts: Counter[str], figures: Mapping[str, Any]) -> None:
    for name, amount in figures.items():
        if name == "opened":
            counts.update(amount)
        elif name == "open_s":
            counts["open_ms"] += round(amount * 1000)
        elif name not in ("longest_s", "stuck_s", "forced_late"):
            counts[name] += amount


def live(record: Sequence[tuple[int, Entry]], of: Site, interruptions: Sequence[int]) -> House:
    """Let everything come; `interruptions` before each entry: 0 is none, 1 a tick, 2 two ticks with restarts."""
    house = House(of)
    stamp = record[0][0]
    for number, (until, entry) in enumerate(record):
        what = interruptions[number % len(interruptions)] if interruptions else 0
        for _ in range(what):
            house.told += house.machine.tick(stamp + (until - stamp) * (what + 1) // 3)
            if what > 1:
                house.restart()
        house.take(number, until, entry)
        stamp = until
    while stamp < record[-1][0] + 1_000_000:  # the monitor itself says something every ten seconds
        stamp += 10_000
        house.take(END, stamp, said("meter", stamp, power_w=1.0))
    house.count()
    return house


def events(told: Sequence[Event | Derived]) -> Counter[tuple[str, int, tuple[str, ...]]]:
    words = {"opened": ("cause", "card"), "closed": ("open_s",), "held": ("since",), "passage": ("card",)}
    found: Counter[tuple[str, int, tuple[str, ...]]] = Counter()
    for entry in told:
        if isinstance(entry, Event):
            said_of_it = tuple(str(entry.attributes.get(word, "")) for word in words.get(entry.kind, ()))
            found[entry.kind, entry.time, said_of_it] += 1
    return found


@settings(max_examples=300)
@given(plan=steps, known=st.booleans(), hours=st.booleans())
def test_the_machine_tells_and_counts_what_the_slow_judge_says(
    plan: list[Step], *, known: bool, hours: bool
) -> None:
    record = record_of(plan, known=known)
    house = live(record, place(hours=hours), [])
    truth = truth_of(record, HOURS if hours else [])

    assert events(house.told) == truth.told
    assert +house.counts == +truth.counts


@settings(max_examples=200)
@given(plan=steps, hours=st.booleans(), interruptions=st.lists(st.integers(0, 2), min_size=1, max_size=8))
def test_restarts_and_ticks_change_nothing(plan: list[Step], interruptions: list[int], *, hours: bool) -> None:
    record = record_of(plan, known=True)
    steady = live(record, place(hours=hours), [])
    shaken = live(record, place(hours=hours), interruptions)

    def by_identity(told: Sequence[Event | Derived]) -> dict[str, Event | Derived]:
        found = {_name(entry): entry for entry in told}
        assert len(found) == len(told)
        return found

    assert by_identity(shaken.told) == by_identity(steady.told)
    assert shaken.counts == steady.counts
    assert shaken.machine.doors() == steady.machine.doors()


def _name(entry: Event | Derived) -> str:
    return f"{entry.device}/{entry.time}" if isinstance(entry, Derived) else f"{entry.device}/{entry.id}"


@settings(max_examples=200)
@given(plan=steps, hours=st.booleans())
def test_nobody_is_in_what_doors_tell_and_states_follow_each_other(plan: list[Step], *, hours: bool) -> None:
    record = record_of(plan, known=True)
    house = live(record, place(hours=hours), [])
    house.restart()
    shown = [entry for entry in house.told if isinstance(entry, Derived)]
    front = next(door for door in house.machine.doors() if door.door == "front")

    assert "0" * 24 not in json.dumps(house.kept) + repr(house.told)
    assert [entry.time for entry in shown] == sorted({entry.time for entry in shown})
    assert all(one.values != other.values for one, other in itertools.pairwise(shown))
    assert front.state == shown[-1].values["state"] if shown else "closed"
    assert front.since == shown[-1].time if shown else True


@settings(max_examples=50)
@given(plan=steps)
@example(plan=[(0, "open", 0)])
def test_memory_stays_bounded(plan: list[Step]) -> None:
    house = House(place(hours=True))
    long = record_of([(max(gap, 300), what, delay) for gap, what, delay in plan * 40], known=True)
    for number, (stamp, entry) in enumerate(long):
        house.take(number, stamp, entry)
    house.restart()

    assert len(json.dumps(house.kept)) < 40_000
