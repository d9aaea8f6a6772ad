"""UTC in milliseconds from a monotonic anchor: it stamps, and never jumps with the wall clock by itself."""

import time
from typing import Final

__all__ = ["CLOCKS_ARE_RIGHT_FROM", "Clock"]

CLOCKS_ARE_RIGHT_FROM: Final = 1_577_836_800_000
"""UTC ms of 2020: what says that it was before was said by a clock that had not been set yet."""


class Clock:
    """Answers UTC ms, anchored once to the wall clock; `drift` tells how far the two have parted since."""

    __slots__ = ("_anchor",)

    def __init__(self) -> None:
        self._anchor = time.time_ns() - time.monotonic_ns()

    def follow(self, seconds: float) -> None:
        """Go with a step of the wall clock, once `drift` has told of it; may be called from any thread."""
        self._anchor += round(seconds * 1e9)

    def now(self) -> int:
        """UTC in milliseconds."""
        return (self._anchor + time.monotonic_ns()) // 1_000_000

    def steady(self) -> float:
        """Seconds that no setting of the wall clock moves, from an arbitrary moment on."""
        return time.monotonic()

    def pace(self) -> float:
        """Seconds that whoever keeps something now and then waits by."""
        return self.steady()

    def brisk(self) -> float:
        """The same for whoever tells others of what he keeps, who act on it at once."""
        return self.steady()

    def drift(self) -> float:
        """Seconds that the wall clock is ahead of this one."""
        return (time.time_ns() - time.monotonic_ns() - self._anchor) / 1e9
