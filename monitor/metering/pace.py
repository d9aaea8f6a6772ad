"""How fast a counter counts: its rate, the demand of the running quarter of an hour and of the last 15 minutes."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitor.periods import HOUR, QUARTER

__all__ = ["Pace"]

_WINDOW: Final = 15 * 60_000
_SAMPLE: Final = 60_000
_RATE_OVER: Final = 5 * 60_000


class Pace:
    """Follows one counter. Times are UTC ms; `scale` is how much of the rate's unit one unit an hour is."""

    def __init__(self, scale: float) -> None:
        self._per_hour = scale * HOUR
        self.closed: list[tuple[int, float]] = []
        """Quarters that are over since this was emptied, with what was counted in them; only whole ones."""
        self.ended: list[int] = []
        """All quarters that are over since this was emptied."""
        self._total = 0.0
        self._head = 0
        self._block: tuple[int, float, bool] | None = None
        self._window: deque[tuple[int, float]] = deque()

    def begin(self, time: int) -> None:
        """A step begins; only the first one counts."""
        if self._block is None:
            self._block = (time // QUARTER, 0.0, time % QUARTER == 0)
            self._window.append((time, self._total))

    def add(self, quarter: int, amount: float) -> None:
        """So much was counted within a quarter."""
        self._close(quarter)
        assert self._block is not None
        running, so_far, is_whole = self._block
        # Once the clock was set back, quarters come again that were over already.
        self._block = (quarter, so_far + amount, is_whole) if quarter == running else (quarter, amount, False)
        self._total += amount

    def end(self, time: int) -> None:
        """A step ends."""
        if time < self._head:
            self._window.clear()  # the clock was set back: what was counted until now has no times to go by
            self._window.append((time, self._total))
        self._head = time
        if time % QUARTER == 0:
            self._close(time // QUARTER)
        window = self._window
        if time - window[-1][0] >= _SAMPLE:
            window.append((time, self._total))
            while len(window) > 1 and window[1][0] <= time - _WINDOW:
                window.popleft()

    def _close(self, until: int) -> None:
        """End the running quarter when a later one has begun."""
        assert self._block is not None
        quarter, amount, is_whole = self._block
        if quarter < until:
            self.ended.append(quarter)
            if is_whole:
                self.closed.append((quarter, amount))
            self._block = (until, 0.0, True)

    def rate(self) -> float | None:
        """The mean rate of the last minutes, in W or m3/h."""
        if not self._window:
            return None
        since = next((at for at in reversed(self._window) if self._head - at[0] >= _RATE_OVER), self._window[0])
        elapsed = self._head - since[0]
        return (self._total - since[1]) * self._per_hour / elapsed if elapsed >= _SAMPLE else None

    def running(self) -> tuple[float, float] | None:
        """The mean of the running quarter so far, and what it will come to, both in W or m3/h."""
        if self._block is None or not self._block[2]:
            return None
        elapsed = self._head - self._block[0] * QUARTER
        if not 0 < elapsed <= QUARTER:
            return None
        counted = self._block[1] * self._per_hour
        rate = self.rate()
        rest = (QUARTER - elapsed) * (counted / elapsed if rate is None else rate)
        return counted / elapsed, (counted + rest) / QUARTER

    def sliding(self) -> float | None:
        """The mean of the last 15 minutes, in W or m3/h; None before that many are known."""
        begin = self._head - _WINDOW
        if not self._window or self._window[0][0] > begin:
            return None
        earlier, later = self._window[0], (self._head, self._total)
        for sample in self._window:
            if sample[0] > begin:
                later = sample
                break
            earlier = sample
        share = (begin - earlier[0]) / (later[0] - earlier[0]) if later[0] > earlier[0] else 0.0
        then = earlier[1] + (later[1] - earlier[1]) * share
        return (self._total - then) * self._per_hour / _WINDOW

    def mean(self, amount: float) -> float:
        """What an amount of one quarter of an hour is as a rate, in W or m3/h."""
        return amount * self._per_hour / QUARTER

    def dump(self) -> dict[str, Any]:
        """Everything that must outlive the program, JSON-ready."""
        return {"total": self._total, "head": self._head, "block": self._block, "window": list(self._window)}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Go on where `dump` left off."""
        self._total, self._head = kept.get("total", 0.0), kept.get("head", 0)
        block: Sequence[Any] | None = kept.get("block")
        self._block = None if block is None else (block[0], block[1], block[2])
        self._window = deque((time, total) for time, total in kept.get("window", ()))
