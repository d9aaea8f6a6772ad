"""When nothing flowed for long enough: the arithmetic of continuous flow. Pure; times are engine ms."""

from collections import deque
from typing import Any, Final

from monitor.periods import HOUR
from rules.consumption import Span

__all__ = ["Holes", "Quiet"]

_DIGITS: Final = 9
_MOST_HOLES: Final = 10
_LONGEST_HOLE: Final = 7 * 24 * HOUR
_PARTS: Final = 60
"""A gap is watched in so many parts at most: what is told more often is joined."""


class Quiet:
    """Follows the spans of one meter and remembers when it was quiet last: `gap` ms with `allowed` at most.

    `until`: when the last quiet ended, or the present time while it lasts. `maybe`: the end of the last span that
    was long enough to hide one. `since`: from when on anything is known. `least`: the least mean of `gap` since it
    was quiet, within `lookback`, per hour.
    """

    def __init__(self, *, gap: int, lookback: int, allowed: float) -> None:
        self._gap = gap
        self._lookback = lookback
        self._allowed = allowed
        self.since: int | None = None
        self.until: int | None = None
        self.maybe: int | None = None
        self._begin = 0
        self._window: deque[tuple[int, float]] = deque()
        self._least: deque[tuple[int, float]] = deque()

    def take(self, span: Span) -> bool:
        """Take the next span; answers whether the meter is quiet at its end."""
        if self.since is None:
            self.since = span.start
        if span.end - span.start > self._gap:
            return self._long(span)
        if not self._window:
            self._begin = span.start
        self._push(span)
        while len(self._window) > 1 and self._window[0][0] <= span.end - self._gap:
            self._begin = self._window.popleft()[0]
        if span.end - self._begin < self._gap:
            return False
        amount = sum(each for _, each in self._window)
        if self.until is None or self._begin >= self.until:
            self._note(span.end, round(amount * HOUR / (span.end - self._begin), _DIGITS))
        if amount > self._allowed * (span.end - self._begin) / self._gap:
            return False
        self.until = span.end
        self._least.clear()
        return True

    def _long(self, span: Span) -> bool:
        """A span that is longer than a gap is quiet as a whole, or it may hide a quiet."""
        self._window.clear()
        if span.amount <= self._allowed * (span.end - span.start) / self._gap:
            self.until = span.end
            self._least.clear()
            self._begin = span.start
            self._window.append((span.end, span.amount))
            return True
        self.maybe = span.end
        return False

    def _push(self, span: Span) -> None:
        window = self._window
        begin = window[-2][0] if len(window) > 1 else self._begin
        if window and span.end - begin <= self._gap // _PARTS:
            window[-1] = (span.end, window[-1][1] + span.amount)
        else:
            window.append((span.end, span.amount))

    def _note(self, at: int, rate: float) -> None:
        """Keep the least of each hour, as long as no later one is less."""
        least, hour = self._least, at // HOUR
        while least and least[-1][1] >= rate:
            least.pop()
        if not least or least[-1][0] != hour:
            least.append((hour, rate))
        while least[0][0] * HOUR < at - self._lookback:
            least.popleft()

    @property
    def least(self) -> float | None:
        """The least mean of a gap since it was quiet, within the lookback, per hour; None: not known."""
        return self._least[0][1] if self._least else None

    def flows_for(self, at: int) -> int | None:
        """For how long (ms) it has flowed without a gap by `at`; None: not known, one may be hidden in between."""
        begin = self.since if self.until is None else self.until
        if begin is None or (self.maybe is not None and self.maybe > begin):
            return None
        return at - begin

    def holds(self, at: int) -> bool | None:
        """Whether there was no quiet within the lookback; None: not known."""
        if self.until is None:
            if self.since is None or at - self.since < self._lookback:
                return None
        elif at - self.until <= self._lookback - self._gap:
            return False
        if self.maybe is not None and at - self.maybe <= self._lookback - self._gap:
            return None
        return True

    def dump(self) -> dict[str, Any]:
        """Answer the memory, JSON-ready and bounded by the parts of a gap and the hours of the lookback."""
        return {
            "since": self.since,
            "until": self.until,
            "maybe": self.maybe,
            "begin": self._begin,
            "window": list(self._window),
            "least": list(self._least),
        }

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        self.since, self.until, self.maybe = kept["since"], kept["until"], kept["maybe"]
        self._begin = kept["begin"]
        self._window = deque((end, amount) for end, amount in kept["window"])
        self._least = deque((hour, rate) for hour, rate in kept["least"])


class Holes:
    """Spans that may hide a quiet, until late values have shown that it flowed in each of their hours.

    Spans and hours are UTC ms; `at` is the end of a span in engine ms.
    """

    def __init__(self) -> None:
        self._open: list[tuple[int, int, int, list[int]]] = []

    def add(self, start: int, end: int, at: int) -> None:
        """Note a span."""
        self._open = [*self._open, (start, end, at, [])][-_MOST_HOLES:]

    def flowed(self, hour: int) -> bool:
        """It flowed in the hour that begins at `hour`; answers whether a span is hidden no more by that."""
        before = len(self._open)
        for start, end, _, hours in self._open:
            if hour < end and start < hour + HOUR and end - start <= _LONGEST_HOLE and hour not in hours:
                hours.append(hour)
        self._open = [hole for hole in self._open if not _is_filled(*hole)]
        return len(self._open) < before

    @property
    def last(self) -> int | None:
        """The end of the last span that may hide a quiet, in engine ms."""
        return max((at for _, _, at, _ in self._open), default=None)

    def dump(self) -> list[Any]:
        """Answer the memory, JSON-ready and bounded."""
        return [list(hole) for hole in self._open]

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        self._open = [(start, end, at, list(hours)) for start, end, at, hours in kept]


def _is_filled(start: int, end: int, at: int, hours: list[int]) -> bool:
    del at
    if not hours:
        return False
    first = start - (start - hours[0]) % HOUR  # local hours begin at half past in some zones
    return len(hours) == -(-(end - first) // HOUR)
