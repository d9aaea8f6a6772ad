"""UTC in milliseconds from a monotonic anchor: it stamps, and never jumps with the wall clock by itself."""

import time

__all__ = ["Clock"]


class Clock:
    """Answers UTC ms, anchored once to the wall clock; `drift` tells how far the two have parted since."""

    __slots__ = ("_anchor",)

    def __init__(self) -> None:
        self._anchor = 0
        self.anchor()

    def anchor(self) -> None:
        """Take the wall clock's word again, after it was stepped."""
        self._anchor = time.time_ns() - time.monotonic_ns()

    def now(self) -> int:
        """UTC in milliseconds."""
        return (self._anchor + time.monotonic_ns()) // 1_000_000

    def drift(self) -> float:
        """Seconds that the wall clock is ahead of this one."""
        return (time.time_ns() - time.monotonic_ns() - self._anchor) / 1e9
