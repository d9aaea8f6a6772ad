"""When scan classes fire: on a monotonic grid that no step of the wall clock moves, spread by connection."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import floor

from apscheduler.triggers.base import BaseTrigger

__all__ = ["Grid", "offsets"]

_TOGETHER = 64
_EARLY = 0.1


class Grid(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """Fires each `interval` seconds after the moment it was made, counted on the monotonic clock.

    APScheduler asks in wall-clock time; its own interval trigger rests an hour when that is set back an hour,
    and walks through each missed second when it is set forward a day. This one answers "now + what remains".
    """

    def __init__(self, interval: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._monotonic = monotonic
        self._start = monotonic()

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Answer the next slot, as APScheduler wants it; slots that have passed are left out.

        A timer may wake a moment early: a tenth of the interval before a slot counts as that slot.
        """
        if previous_fire_time is None and self._monotonic() - self._start < self._interval * _EARLY:
            return now
        return now + timedelta(seconds=self.remaining())

    def slot(self) -> float:
        """The slot that is now, or the last one (monotonic seconds)."""
        elapsed = self._monotonic() - self._start
        return self._start + floor(elapsed / self._interval + _EARLY) * self._interval

    def remaining(self) -> float:
        """Seconds until the next slot."""
        elapsed = self._monotonic() - self._start
        number = floor(elapsed / self._interval + _EARLY) + 1
        return number * self._interval - elapsed


def offsets(polls: Sequence[int], interval: float) -> list[float]:
    """Seconds after the slot at which each connection starts, given how many polls each has to do.

    Groups start together, of as many polls as a small machine does in a moment: a wake-up per
    connection would cost more than its polls, and all at once would let the last ones wait.
    """
    group, filled, groups = 0, 0, []
    for count in polls:
        if filled and filled + count > _TOGETHER:
            group, filled = group + 1, 0
        groups.append(group)
        filled += count
    return [interval * number / (group + 1) for number in groups]
