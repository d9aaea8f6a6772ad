"""When the residents of a simulated house leave it and come back: pure functions of the day and the resident."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import shake_128
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo

from monitor.simulation.building import noise

__all__ = ["FLATS", "Passing", "comings"]

FLATS: Final = 24
_SATURDAY: Final = 5
_MINUTE: Final = 60_000
_APART: Final = 6_000
"""Ms from one card at a door to the next at the least: people wait for each other."""
_LATEST: Final = 24 * 60 - 8
"""The minute of the day by which everybody is back."""

_WORKS: Final = 0.66
_SCHOOL: Final = 0.8
"""Up to these parts of the residents work, or go to school; the others are at home by day."""
_BY_THE_CELLAR: Final = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A resident (by number) who holds a card to a reader at `at` (UTC ms): he comes or he leaves.

    `by_cellar`: by the second way in, where there is one.
    """

    at: int
    resident: int
    comes: bool
    by_cellar: bool = False


class _Luck:
    """Numbers from 0 to 1 that are always the same for the same words."""

    def __init__(self, *words: object) -> None:
        self._digest = iter(shake_128(" ".join(map(str, words)).encode()).digest(64))

    def next(self) -> float:
        return (next(self._digest) * 256 + next(self._digest)) / 65_536

    def around(self, minute: float, spread: float) -> float:
        """A minute of the day, most often near to one."""
        return minute + spread * (self.next() + self.next() - 1.0)


def comings(day: date, zone: ZoneInfo, residents: int, presence: float) -> list[Passing]:
    """All who pass on a local day, in order, one after the other. `presence`: the part of the flats not away."""
    midnight = datetime.combine(day, datetime.min.time(), zone)
    found: list[Passing] = []
    for resident in range(residents):
        if noise(f"{resident * FLATS // residents} is away") < presence:
            found += _of(day, midnight, resident, residents)
    found.sort(key=lambda each: (each.at, each.resident))
    return _one_by_one(found)


def _of(day: date, midnight: datetime, resident: int, residents: int) -> Iterator[Passing]:
    luck = _Luck(day, resident)
    free = 0.0
    for leaves, comes in _ways(luck, resident / residents, day.weekday() >= _SATURDAY):
        leaves = max(leaves, free + 5)  # noqa: PLW2901 - nobody leaves before he is back
        comes = min(max(comes, leaves + 10), _LATEST)  # noqa: PLW2901 - everybody is back by night
        if leaves >= comes:
            continue
        free = comes
        yield Passing(at=_ms(midnight, leaves), resident=resident, comes=False)
        by_cellar = luck.next() < _BY_THE_CELLAR
        yield Passing(at=_ms(midnight, comes), resident=resident, comes=True, by_cellar=by_cellar)


def _ways(luck: _Luck, kind: float, is_weekend: bool) -> Sequence[tuple[float, float]]:  # noqa: FBT001 - a fact
    """Minutes of the day at which somebody leaves and comes back."""
    ways = []
    if is_weekend:
        if luck.next() < 0.75:  # noqa: PLR2004 - three of four
            leaves = luck.around(11 * 60, 150)
            ways.append((leaves, leaves + 60 + 240 * luck.next()))
    elif kind < _WORKS:
        if luck.next() < 0.9:  # noqa: PLR2004 - the others are on leave or ill
            ways.append((luck.around(7 * 60 + 40, 75), luck.around(17 * 60 + 30, 110)))
    elif kind < _SCHOOL:
        ways.append((luck.around(7 * 60 + 25, 15), luck.around(14 * 60, 90)))
    elif luck.next() < 0.7:  # noqa: PLR2004 - not everybody goes out each day
        leaves = luck.around(10 * 60 + 30, 100)
        ways.append((leaves, leaves + 30 + 90 * luck.next()))
    if luck.next() < (0.4 if is_weekend else 0.25):
        leaves = luck.around(19 * 60 + 15, 50)
        ways.append((leaves, leaves + 40 + 150 * luck.next()))
    return ways


def _ms(midnight: datetime, minute: float) -> int:
    """UTC ms of a minute of the local day by the clock on the wall."""
    return round((midnight + timedelta(minutes=minute)).timestamp() * 1000)


def _one_by_one(passings: Sequence[Passing]) -> list[Passing]:
    found: list[Passing] = []
    for each, number in zip(passings, count()):
        earliest = found[-1].at + _APART if number else each.at
        found.append(replace(each, at=max(each.at, earliest)))
    return found
