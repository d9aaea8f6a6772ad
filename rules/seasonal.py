"""What an hour of the week usually comes to: the memory of a baseline. Pure; hours are those since 1970."""

from typing import Any, Final

from rules.robust import deviation, median

__all__ = ["SLOTS", "Seasonal", "slot_of"]

_HOURS: Final = 24
_SUNDAY: Final = 7
_WORKING: Final = 5
_KEPT: Final = 8
_ENOUGH: Final = 4
_FEWEST: Final = 3
_OLDEST: Final = 12 * 7 * 24
"""Hours after which a value says nothing any more: the season is another."""
_A_DAY: Final = 20
"""Hours of a day that have to be known for it to be a valid one."""
_DIGITS: Final = 6
_DAYS: Final = 8
SLOTS: Final = _SUNDAY * _HOURS


def slot_of(weekday: int, hour: int, *, is_holiday: bool) -> int:
    """The slot of an hour (0 to 23) of an ISO weekday; holidays are Sundays."""
    return ((_SUNDAY if is_holiday else weekday) - 1) * _HOURS + hour


class Seasonal:
    """Remembers the last eight values of each hour of the week, and how many days were known well enough."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[int, float]] = {}
        self._counts: dict[int, int] = {}
        self.days = 0
        """How many days were known well enough, so far."""

    def put(self, slot: int, start: int, day: int, amount: float) -> None:
        """Take what the hour `start` of the local day `day` (an ordinal) came to, or came to after all."""
        values = self._slots.setdefault(slot, {})
        if start not in values:
            self._count(day)
        values[start] = round(amount, _DIGITS)
        for old in sorted(values)[:-_KEPT]:
            del values[old]

    def _count(self, day: int) -> None:
        self._counts[day] = self._counts.get(day, 0) + 1
        if self._counts[day] == _A_DAY:
            self.days += 1
        for old in sorted(self._counts)[:-_DAYS]:
            del self._counts[old]

    def expected(self, slot: int, start: int) -> tuple[float, float] | None:
        """Median and median absolute deviation of the hours before `start` that compare with it; None: too few.

        Where a weekday has too few, all working days count.
        """
        found = self._before(slot, start)
        if len(found) < _ENOUGH and slot < _WORKING * _HOURS:
            hour = slot % _HOURS
            found = [value for day in range(_WORKING) for value in self._before(day * _HOURS + hour, start)]
        return (median(found), deviation(found)) if len(found) >= _FEWEST else None

    def _before(self, slot: int, start: int) -> list[float]:
        values = self._slots.get(slot, {})
        return [amount for at, amount in values.items() if start - _OLDEST <= at < start]

    def dump(self) -> dict[str, Any]:
        """Answer the memory, JSON-ready: 168 slots of eight pairs at most."""
        slots = {
            str(slot): [pair for at in sorted(kept) for pair in (at, kept[at])]
            for slot, kept in self._slots.items()
        }
        return {"slots": slots, "counts": sorted(self._counts.items()), "days": self.days}

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        self._slots = {
            int(slot): dict(zip(pairs[::2], pairs[1::2], strict=True)) for slot, pairs in kept["slots"].items()
        }
        self._counts, self.days = dict(kept["counts"]), kept["days"]
