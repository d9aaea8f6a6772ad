"""How long something was on: one state over time, from the values that were read of it. Pure; times are UTC ms.

Between two values that are alike all the time counts. Where a device is polled and two values differ, the state
is taken to have changed in the middle between them: that is wrong by half a poll at most, and by nothing in the
mean. A device that sends by itself says when it changes: there the time of the message is the edge. What lies
between two values that are further apart than the device's patience is unknown, and counts as neither.
"""

from collections.abc import Callable
from typing import Any, Final

__all__ = ["BRIDGED", "Curve"]

BRIDGED: Final = 60_000
"""So many ms without the monitor are bridged at least: a restart."""
_A_MINUTE: Final = 60_000

_Book = Callable[[int, int, bool], None]
"""Takes a span [start, end) that is known, and whether it was on."""
_Count = Callable[[int, int], None]
"""Takes a time, and how many starts more (or less) there were."""


class Curve:
    """One state of one device.

    `every`, `limit`: ms between two values, and ms for which one is believed (None: as long as nothing else is
    heard). `book` and `count` are told of each span and each start once, `ended` of each run: when, and how long.
    """

    __slots__ = (
        "_book",
        "_bridge",
        "_broken",
        "_count",
        "_ended",
        "_hole",
        "_is_ours",
        "_is_polled",
        "_limit",
        "_run",
        "_stepped",
        "at",
        "first",
        "known",
        "on",
        "starts",
        "value",
    )

    def __init__(  # noqa: PLR0913 - how it is heard, and who wants to know
        self,
        *,
        every: int | None,
        limit: int | None,
        is_polled: bool,
        book: _Book,
        count: _Count,
        ended: Callable[[int, int], None],
    ) -> None:
        self._limit = limit
        self._bridge = max(BRIDGED, 3 * (every or 0))
        self._is_polled = is_polled
        self._book, self._count, self._ended = book, count, ended
        self.first: int | None = None
        self.at = 0
        self.value = False
        self.known = self.on = self.starts = 0
        self._broken = False
        """Since `at` the monitor did not run, or the device was away."""
        self._is_ours = False
        """Whether `at` is by the monitor's clock as it goes now: only then it goes with a step of it."""
        self._stepped: tuple[int, int] | None = None
        self._hole: tuple[int, int, bool, bool] | None = None
        self._run: int | None = None

    def dump(self) -> list[Any]:
        """What has to be remembered, JSON-ready."""
        sums = [self.known, self.on, self.starts]
        flags = [self.value, self._broken, self._is_ours]
        return [self.first, self.at, sums, flags, self._stepped, self._hole, self._run]

    def load(self, kept: list[Any]) -> None:
        """Take back what `dump` gave."""
        self.first, self.at, sums, flags, stepped, hole, self._run = kept
        self.known, self.on, self.starts = sums
        self.value, self._broken, self._is_ours = flags
        self._stepped = None if stepped is None else (stepped[0], stepped[1])
        self._hole = None if hole is None else (hole[0], hole[1], hole[2], hole[3])

    # Values -------------------------------------------------------------------------------------------

    def take(self, time: int, value: bool, *, is_ours: bool) -> bool:  # noqa: FBT001 - it is the value
        """Take a value; answers whether it is the newest. `is_ours`: its time is by the monitor's clock.

        What is sent comes in order: of two values of one moment the one that came later holds.
        """
        time = self._by_this_clock(time) if is_ours and self._stepped else time
        if self.first is None:
            self.first = time
        elif time < self.at or (time == self.at and (value == self.value or self._is_polled)):
            self._fill(time, value)
            return False
        else:
            self._go_on(time, value)
        self.at, self.value = time, value
        self._broken, self._is_ours = False, is_ours
        return True

    def _go_on(self, time: int, value: bool) -> None:  # noqa: FBT001
        is_known = self._is_bridged(time - self.at)
        if not is_known:
            self._hole = (self.at, time, self.value, value)
            self._run = None
        edge = self._span(self.at, time, self.value, value) if is_known else time
        if value and not self.value:
            self._start(edge, 1)
            self._run = edge if is_known else None
        elif self.value and not value and self._run is not None:
            self._ended(edge, edge - self._run)
            self._run = None

    def _is_bridged(self, span: int) -> bool:
        if self._limit is None:
            return not self._broken
        return span <= (min(self._limit, self._bridge) if self._broken else self._limit)

    def _span(self, start: int, end: int, before: bool, after: bool) -> int:  # noqa: FBT001
        """Book what is known between two values; answers when the state changed."""
        edge = end if before == after or not self._is_polled else (start + end) // 2
        for begin, until, value in ((start, edge, before), (edge, end, after)):
            if begin < until:
                self.known += until - begin
                self.on += until - begin if value else 0
                self._book(begin, until, value)
        return edge

    def _start(self, time: int, number: int) -> None:
        self.starts += number
        self._count(time, number)

    def _fill(self, time: int, value: bool) -> None:  # noqa: FBT001
        """A value out of a backlog: it counts where it falls into the last span that is unknown."""
        if self._hole is None or not self._hole[0] < time < self._hole[1]:
            return
        start, end, before, after = self._hole
        reach = end - start if self._limit is None else self._limit
        edges = {"before": time, "after": end}
        is_near_end = end - time <= reach
        is_near_start = self._limit is not None and time - start <= reach
        self._hole = (time, end, value, after)
        if is_near_start:
            edges["before"] = self._span(start, time, before, value)
        if is_near_end:
            edges["after"] = self._span(time, end, value, after)
            self._hole = None if is_near_start else (start, time, before, value)
        if after and not before:
            self._start(end, -1)
        if value and not before:
            self._start(edges["before"], 1)
        if after and not value:
            self._start(edges["after"], 1)

    # What else happens --------------------------------------------------------------------------------

    def lose(self, time: int) -> None:
        """The device is known to be away since `time`; of one that is not asked, the state held until then."""
        if self.first is None or self._broken:
            return
        if self._limit is None and time > self.at:
            self._span(self.at, time, self.value, self.value)
            self.at = time
        if self._limit is None:
            self._broken = True
            self._run = None

    def stop(self, since: int, until: int) -> None:
        """The monitor did not run from `since` to `until`; where it was set back meanwhile, `until` is before."""
        if self.first is None or self.at > max(since, until):
            return
        if self._limit is None:
            if not 0 <= until - since <= self._bridge:
                self.lose(since)
        else:
            self._broken = True
        self._is_ours, self._stepped = False, None
        if until < self.at:  # the clock is behind: what comes now was nevertheless later
            self._move(until)
            self._is_ours = True
            self._broken = True

    def follow_clock(self, before: int, after: int) -> None:
        """The monitor's clock was set from `before` to `after`: what was read last goes with it."""
        if self.first is None or not self._is_ours:
            return
        self._move(self.at + after - before)
        self._stepped = (before, after) if before - after > _A_MINUTE else None

    def _move(self, at: int) -> None:
        if self._run is not None:
            self._run += at - self.at
        self.at, self._hole = at, None
        self.first = at if self.first is None else min(self.first, at)

    def _by_this_clock(self, time: int) -> int:
        """What was read right before the clock was set back, and is told behind it, is told as if it had been."""
        assert self._stepped is not None
        before, after = self._stepped
        if before - _A_MINUTE < time <= before:
            return time + after - before
        self._stepped = None
        return time
