"""Rates of alarms: bins of ten minutes, floods, chattering. Times are UTC ms, sorted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.performance.record import Episode

__all__ = ["BANDS", "BIN", "Chatter", "Flood", "banded", "bins", "chattering", "floods", "window"]

BIN: Final = 600_000
"""Ten minutes, over which EEMUA 191 counts alarms."""
BANDS: Final[Mapping[str, tuple[int, int]]] = {
    "0": (0, 0),
    "1": (1, 1),
    "2": (2, 2),
    "3-5": (3, 5),
    "6-10": (6, 10),
    ">10": (11, 1_000_000_000),
}
"""Alarms in ten minutes: name of a band -> from and to, both included."""

FLOOD_ABOVE: Final = 10
FLOOD_ENDS_BELOW: Final = 5
_CHATTERS_FROM: Final = 3
_CHATTERS_WITHIN: Final = 60_000


@dataclass(frozen=True, slots=True)
class Flood:
    """A span in which alarms came faster than anybody can see to them; `end` None: it goes on."""

    start: int
    end: int | None
    alarms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chatter:
    """A source that chattered: in how many bursts, and how many alarms they made."""

    rule: str
    source_key: str
    bursts: int
    alarms: int


def bins(raises: Iterable[int], start: int, end: int) -> dict[int, int]:
    """How many fell into each ten minutes of [start, end), by the begin of those; bins without any are there, too.

    They are counted from the start: a period begins at a midnight.
    """
    counted = dict.fromkeys(range(start, end, BIN), 0)
    for time in raises:
        if start <= time < end:
            counted[start + (time - start) // BIN * BIN] += 1
    return counted


def banded(counts: Iterable[int]) -> dict[str, int]:
    """How many bins lie in each band."""
    found = Counter(next(name for name, (low, high) in BANDS.items() if low <= each <= high) for each in counts)
    return {name: found[name] for name in BANDS}


def floods(raises: Sequence[int], until: int) -> list[Flood]:
    """Spans from more than 10 alarms in 10 minutes until there are fewer than 5, up to a moment."""
    steps = sorted([(time, 1) for time in raises if time < until] + [(time + BIN, -1) for time in raises])
    found: list[Flood] = []
    count, began, first = 0, None, 0
    seen = 0
    for time, step in steps:
        if time >= until:
            break
        count += step
        seen += step > 0
        if began is None and count > FLOOD_ABOVE:
            began, first = time, seen - count
        elif began is not None and count < FLOOD_ENDS_BELOW:
            found.append(Flood(began, time, seen - first))
            began = None
    if began is not None:
        found.append(Flood(began, None, seen - first))
    return found


def window(raises: Iterable[int], now: int) -> int:
    """How many were raised in the last ten minutes."""
    return sum(now - BIN < time <= now for time in raises)


def chattering(episodes: Iterable[Episode]) -> list[Chatter]:
    """Sources that raised three times or more within a minute, the worst first."""
    raised = defaultdict[tuple[str, str], list[int]](list)
    for one in episodes:
        raised[one.rule, one.source_key].append(one.raised)
    found = []
    for (rule, source), times in raised.items():
        bursts = _bursts(sorted(times))
        if bursts:
            found.append(Chatter(rule=rule, source_key=source, bursts=len(bursts), alarms=sum(bursts)))
    return sorted(found, key=lambda one: (-one.alarms, one.rule, one.source_key))


def _bursts(times: Sequence[int]) -> list[int]:
    """How many alarms each burst has: raises of which any three in a row lie within a minute."""
    near = set[int]()
    for number in range(len(times) - _CHATTERS_FROM + 1):
        if times[number + _CHATTERS_FROM - 1] - times[number] <= _CHATTERS_WITHIN:
            near.update(range(number, number + _CHATTERS_FROM))
    bursts: list[int] = []
    last = -2
    for number in sorted(near):
        if number == last + 1 and times[number] - times[last] <= _CHATTERS_WITHIN:
            bursts[-1] += 1
        else:
            bursts.append(1)
        last = number
    return bursts
