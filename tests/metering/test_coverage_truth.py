"""Coverage against an obvious count: a set of slots for each device and day, and what happened to each."""

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Recorded
from monitor.periods import local_day
from tests.examples import examples
from tests.metering.test_coverage import (
    HOUR,
    MINUTE,
    SECOND,
    Kept,
    failure,
    of_the_monitor,
    polled,
    pushed,
    sample,
    site_of,
    stepped,
)

STEP = 15 * MINUTE
METERS = ("a", "b", "c", "d")
CAUSE = {
    "missed a": ("a", "unknown"),
    "fails a": ("a", "unit"),
    "fails b": ("b", "unit"),
    "silent c": ("c", "unit"),
    "silent d": ("d", "unit"),
    "late c": ("c", "unit"),
    "bus": ("ab", "bus"),
    "broker": ("cd", "bus"),
    "off": ("abcd", "off"),
    "gap": ("abcd", "database"),
    "clock": ("abcd", "clock"),
}
"""What may happen, to which meters, and the cause that it has to be counted under."""

Action = Recorded | tuple[str, int]
"""An entry, or `tick` or `gap` at a time."""


@dataclass
class Truth:
    """A house in which things happen, slot by slot, and what is true of each slot."""

    zone: ZoneInfo
    random: Random
    slot: int
    actions: list[Action] = field(default_factory=list)
    fate: dict[tuple[str, int], str] = field(default_factory=dict)

    def _due(self, at: int) -> int:
        return at + self.random.randrange(0, 2 * MINUTE)

    def pass_quietly(self, count: int) -> None:
        for _ in range(count):
            self._one({})
            if self.random.random() < 0.3:
                self.actions.append(("tick", self.slot - STEP // 2))

    def _one(self, fates: dict[str, str]) -> None:
        """One slot: each meter says what it says."""
        for at, meter in sorted((self._due(self.slot), meter) for meter in METERS):
            fate = fates.get(meter, "received")
            self.fate[meter, self.slot] = fate
            if fate == "received":
                self.actions.append(sample(at, meter))
            elif fate in {"unit", "bus"} and meter in "ab":
                self.actions.append(failure(at, meter))
        self.slot += STEP

    def happens(self, what: str, count: int) -> None:
        meters, cause = CAUSE[what]
        began, missed = self.slot, range(self.slot, self.slot + count * STEP, STEP)
        if cause in {"off", "database", "clock"}:
            for at in missed:
                self.fate |= {(meter, at): cause for meter in meters}
            self.slot = missed.stop
            self._end_without_entries(cause, began)
        else:
            for _ in missed:
                self._one(dict.fromkeys(meters, cause))
        if what == "late c":
            self._comes_late(missed)

    def _end_without_entries(self, cause: str, began: int) -> None:
        since, until = began - STEP // 2, self.slot - 5 * SECOND
        if cause == "database":
            self.actions.append(("gap", until))
        elif cause == "clock":
            self.actions.append(stepped(since, until))
        else:
            started = of_the_monitor(until, "monitor_started", off_since=since, off_until=until)
            if self.random.random() < 0.5:
                self._one({})  # the first samples may be kept before the event of the start
            self.actions.append(started)

    def _comes_late(self, missed: Sequence[int]) -> None:
        """What was missed comes at some time, not all of it, in some order, some of it twice."""
        self.pass_quietly(self.random.randrange(1, 40))
        came = [at for at in missed if self.random.random() < 0.8]
        self.fate |= {("c", at): "late" for at in came}
        order = came + [at for at in came if self.random.random() < 0.2]
        if self.random.random() < 0.5:
            self.random.shuffle(order)
        now = self.slot - STEP // 3
        self.actions += [sample(now, "c", time=self._due(at)) for at in order]

    def rows(self) -> dict[tuple[str, date], tuple[int, int, int, dict[str, int]]]:
        """Expected, received, late and lost by meter and day: of each day, the set of its slots."""
        days: dict[tuple[str, date], Tally[str]] = {}
        for (meter, at), fate in self.fate.items():
            days.setdefault((meter, local_day(at, self.zone)), Tally())[fate] += 1
        return {
            key: (
                fates.total(),
                fates["received"] + fates["late"],
                fates["late"],
                {fate: count for fate, count in fates.items() if fate not in {"received", "late"}},
            )
            for key, fates in days.items()
        }


def _fed(kept: Kept, actions: Sequence[Action], cuts: Iterator[float]) -> None:
    """Feed all of it; what comes after the last time it was kept is fed again after each kill."""
    at = done = 0
    while at < len(actions):
        action = actions[at]
        at += 1
        coverage = kept.coverage
        if isinstance(action, Recorded):
            coverage.take([action])
        elif action[0] == "tick":
            coverage.tick(action[1])
        else:
            coverage.gap(action[1])
        cut = next(cuts)
        if cut < 0.05:
            kept.keep()
            done = at
        elif cut < 0.06:
            kept.restart()
            at = done
    kept.keep()


EPISODES = st.lists(
    st.tuples(st.sampled_from(sorted(CAUSE)), st.integers(1, 150), st.integers(3, 120)), max_size=8
)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", date(2026, 3, 28)),
        ("Europe/Berlin", date(2026, 10, 24)),
        ("America/New_York", date(2026, 3, 7)),
        ("America/New_York", date(2026, 10, 31)),
        ("Asia/Kolkata", date(2026, 3, 28)),
    ],
    ids=str,
)
@given(episodes=EPISODES, seed=st.integers(0, 2**32))
@settings(max_examples=examples(15), deadline=None)
def test_whatever_happens_each_slot_is_counted_once_on_its_day_under_its_cause(
    zone: str, day: date, episodes: list[tuple[str, int, int]], seed: int
) -> None:
    there = ZoneInfo(zone)
    begin = round(datetime.combine(day, time(9, 5), there).timestamp() * 1000)
    truth = Truth(there, Random(seed), begin)
    truth.pass_quietly(3)
    for what, count, quiet in episodes:
        truth.happens(what, count)
        truth.pass_quietly(quiet)
    devices = [polled("a", scan={"fast": 900.0}), polled("b", scan={"fast": 900.0})]
    devices += [pushed("c", every=900.0), pushed("d", every=900.0)]
    kept = Kept(site_of(*devices, zone=there))
    random = Random(seed + 1)

    _fed(kept, truth.actions, iter(random.random, None))

    found = {key: (row.expected, row.received, row.late, dict(row.lost)) for key, row in kept.rows.items()}
    assert found == truth.rows()
    assert all(row.expected == row.received + sum(row.lost.values()) for row in kept.rows.values())
    assert max(row.expected for row in kept.rows.values()) <= 25 * HOUR // STEP
