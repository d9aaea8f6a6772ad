"""Whatever a pump does and however badly it is heard: no time is counted twice, and none that nobody knows."""

from itertools import pairwise

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tests.equipment.machines import NOON, SECOND, Pump

PATIENCE = 120 * SECOND
POLL = 10 * SECOND

CHANGES = st.lists(st.integers(1, 400), min_size=1, max_size=40)
"""Seconds until the pump starts or stops next."""
POLLS = st.lists(st.tuples(st.integers(-4000, 4000), st.integers(0, 30)), min_size=2, max_size=120)
"""By how many ms a poll is early or late, and how many are lost behind it."""


class Truth:
    """A pump that is off at noon and changes after so many seconds, again and again."""

    def __init__(self, changes: list[int]) -> None:
        self.edges = [sum(changes[: place + 1]) * SECOND for place in range(len(changes))]

    def at(self, time: int) -> bool:
        return sum(edge <= time for edge in self.edges) % 2 == 1

    def starts(self, first: int, last: int) -> int:
        return sum(first < edge <= last for edge in self.edges[::2])


def times_of(polls: list[tuple[int, int]]) -> list[int]:
    """When it is heard, in order."""
    times, slot = [], 0
    for jitter, lost in polls:
        times.append(slot * POLL + jitter)
        slot += 1 + (lost if lost > 20 else 0)
    return times


def reference(truth: Truth, times: list[int]) -> tuple[float, float, int]:
    """Known and running ms and starts by the rule as it is written, in another way than the machine does it."""
    known = running = 0.0
    starts = 0
    for one, two in pairwise(times):
        starts += truth.at(two) and not truth.at(one)
        if two - one <= PATIENCE:
            known += two - one
            running += (two - one) * (truth.at(one) + truth.at(two)) / 2
    return known, running, starts


def totals(pump: Pump) -> tuple[int, int, int]:
    curve = pump.machine._hours
    return curve.known, curve.on, curve.starts


def again(pump: Pump, *, restart: bool) -> Pump:
    """The same pump, or another that was given its memory."""
    if not restart:
        return pump
    pump.day()  # what was written down before
    other = Pump()
    other.time.now = pump.time.now
    other.machine.load(orjson.loads(orjson.dumps(pump.machine.dump())))
    other.days = pump.days
    return other


@given(CHANGES, POLLS, st.sets(st.integers(0, 120)))
def test_polls_with_jitter_holes_and_restarts_count_as_the_rule_says(
    changes: list[int], polls: list[tuple[int, int]], restarts: set[int]
) -> None:
    truth, times, pump = Truth(changes), times_of(polls), Pump()
    for place, time in enumerate(times):
        pump = again(pump, restart=place in restarts)
        pump.says(time, running=truth.at(time))

    known, running, starts = reference(truth, times)
    assert totals(pump)[0] == known
    assert abs(totals(pump)[1] - running) <= len(times)  # a middle between two whole ms is one of them
    assert totals(pump)[2] == starts <= truth.starts(times[0], times[-1])
    day = pump.day()
    assert abs(1000 * day.get("running_s", 0) - totals(pump)[1]) < 1
    assert abs(1000 * day.get("known_s", 0) - totals(pump)[0]) < 1
    assert day.get("starts", 0) == starts


@given(CHANGES, POLLS, st.randoms(use_true_random=False), st.integers(0, 120))
def test_disorder_never_counts_time_twice_nor_what_is_not_so(
    changes: list[int], polls: list[tuple[int, int]], dice: object, restart: int
) -> None:
    truth, times, pump = Truth(changes), times_of(polls), Pump()
    order = list(times)
    for place in range(len(order) - 1):
        if dice.random() < 0.2:  # type: ignore[attr-defined]
            other = min(len(order) - 1, place + dice.randint(1, 20))  # type: ignore[attr-defined]
            order[place], order[other] = order[other], order[place]
    order += [dice.choice(times) for _ in range(5)]  # type: ignore[attr-defined]
    latest = order[0]
    for place, time in enumerate(order):
        pump = again(pump, restart=place == restart)
        latest = max(latest, time)
        pump.says(time, arrived=latest, running=truth.at(time))

        known, running, starts = totals(pump)
        curve = pump.machine._hours
        assert 0 <= running <= known <= curve.at - (curve.first or 0)
        assert 0 <= starts <= truth.starts(order[0], latest)

    day = pump.day()
    assert abs(1000 * day.get("known_s", 0) - totals(pump)[0]) < 1
    assert day.get("starts", 0) == totals(pump)[2]


@given(CHANGES, POLLS, st.lists(st.tuples(st.integers(0, 120), st.integers(-90_000, 90_000)), max_size=4))
def test_setting_the_clock_changes_nothing_of_what_is_counted(
    changes: list[int], polls: list[tuple[int, int]], steps: list[tuple[int, int]]
) -> None:
    truth, times = Truth(changes), times_of(polls)
    undisturbed, stepped, offset = Pump(), Pump(), 0
    for place, time in enumerate(times):
        undisturbed.says(time, running=truth.at(time))
        for at, seconds in steps:
            if at == place:
                before = NOON + time + offset - 1
                offset += seconds * SECOND
                stepped.machine.follow_clock(before, NOON + time + offset - 1)
        stepped.says(time + offset, running=truth.at(time))

    assert abs(totals(stepped)[1] - totals(undisturbed)[1]) <= len(steps)
    assert (totals(stepped)[0], totals(stepped)[2]) == (totals(undisturbed)[0], totals(undisturbed)[2])
