"""The least flow of an hour in one night, out of what a meter counted from minute to minute. Pure; UTC ms."""

from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.periods import HOUR, QUARTER, local_day, moment_of

__all__ = ["Night"]

_DIGITS: Final = 9
_AN_HOUR: Final = HOUR // QUARTER


class Night:
    """Follows one night after the other: the window from minute `begin` to `end` of a local day.

    A day whose clock is set has a window that is shorter or longer: hours are compared, not nights.
    """

    def __init__(self, window: tuple[int, int], zone: ZoneInfo) -> None:
        self._window = window
        self._zone = zone
        self.day = 0
        """The ordinal of the local day that is followed; 0: none yet."""
        self._begin = self._end = 0
        self._amounts: dict[int, float] = {}
        self._seen = self._until = 0
        self._is_whole = True

    def take(self, start: int, end: int, amount: float) -> None:
        """Take what was counted from `start` to `end`; what lies outside of the window is left out."""
        self._follow(local_day(end, self._zone))
        first, last = max(start, self._begin), min(end, self._end)
        if first >= last:
            return
        if end - start > QUARTER or first < self._until:
            self._is_whole = False  # in a hole nobody knows when it flowed; nor when the clock was set back
        self._until = last
        self._seen += last - first
        each = amount / (end - start)
        while first < last:
            until = min(last, (first // QUARTER + 1) * QUARTER)
            quarter = first // QUARTER
            self._amounts[quarter] = self._amounts.get(quarter, 0.0) + each * (until - first)
            first = until

    def _follow(self, day: date) -> None:
        if day.toordinal() == self.day:
            return
        self.day = day.toordinal()
        self._begin, self._end = (moment_of(day, minute, self._zone) for minute in self._window)
        self._amounts, self._seen, self._until, self._is_whole = {}, 0, 0, True

    def least(self) -> float | None:
        """The least mean of an hour, per hour; None where not all of the window is known."""
        if not self._is_whole or self._seen < self._end - self._begin or not self._amounts:
            return None
        amounts = [self._amounts[quarter] for quarter in sorted(self._amounts)]
        hours = [sum(amounts[place : place + _AN_HOUR]) for place in range(len(amounts) - _AN_HOUR + 1)]
        return round(min(hours), _DIGITS) if hours else None

    def dump(self) -> dict[str, Any]:
        """Answer the memory, JSON-ready and bounded by the quarters of the window."""
        amounts = [[quarter, self._amounts[quarter]] for quarter in sorted(self._amounts)]
        return {
            "day": self.day,
            "amounts": amounts,
            "seen": self._seen,
            "until": self._until,
            "whole": self._is_whole,
        }

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        if kept["day"]:
            self._follow(date.fromordinal(kept["day"]))
        self._amounts = dict(kept["amounts"])
        self._seen, self._until, self._is_whole = kept["seen"], kept["until"], kept["whole"]
