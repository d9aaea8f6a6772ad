"""An event loop and a clock for the past: time stands still until it is moved on, and then jumps.

Consumers sleep on the loop's time and stamp by the clock, so their timers are due at their own time and nobody
waits for them. Work for a thread is done at once, in the loop's own: that is quicker, and always in one order.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, Final, TypeVarTuple

from monitor.clock import Clock

__all__ = ["PastClock", "PastLoop"]

_Arguments = TypeVarTuple("_Arguments")

_SELDOM: Final = 120.0
_OFTEN: Final = 20.0
"""What is kept every 15 s is kept every half an hour, or with each round of polls."""
_A_WHILE: Final = 0.05
"""Seconds for which a thread that is none of the loop's is waited for at once."""


class PastClock(Clock):
    """A clock that tells the time it was told."""

    __slots__ = ("_began", "_time")

    def __init__(self, time: int) -> None:
        super().__init__()
        self._began = self._time = time

    def move_to(self, time: int) -> None:
        """Tell this from now on (UTC ms); it never goes back."""
        self._time = max(self._time, time)

    def now(self) -> int:
        """UTC in milliseconds."""
        return self._time

    def steady(self) -> float:
        """Seconds that go on with it.

        They begin with it, too: a loop pops timers that are due within a nanosecond, and to seconds since 1970 a
        nanosecond adds nothing.
        """
        return (self._time - self._began) / 1000

    def pace(self) -> float:
        """Much slower: what is cut off begins anew, so that nothing has to be kept in a hurry."""
        return self.steady() / _SELDOM

    def brisk(self) -> float:
        """Slower, but so that what is told every five minutes is told in time: rules judge it."""
        return self.steady() / _OFTEN

    def drift(self) -> float:
        """Nothing: the wall clock has no say."""
        return 0.0


class _Quiet(selectors.DefaultSelector):
    """Tells when the loop would wait: then everybody has done what there was to do."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: asyncio.Future[None] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for what is registered, never for time to pass."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            if not waiting.done():
                waiting.set_result(None)
            return super().select(0)
        return super().select(_A_WHILE)


class PastLoop(asyncio.SelectorEventLoop):
    """Runs on the time of a clock."""

    def __init__(self, clock: PastClock) -> None:
        self._quiet = _Quiet()
        self._past = clock
        super().__init__(self._quiet)

    def time(self) -> float:
        """Seconds by the clock."""
        return self._past.steady()

    async def settled(self) -> None:
        """Return once nobody has anything to do at this time."""
        self._quiet.waiting = waiting = self.create_future()
        await waiting

    def run_in_executor(
        self, executor: Any, func: Callable[[*_Arguments], Any], *args: *_Arguments
    ) -> asyncio.Future[Any]:
        """Do it here and now."""
        del executor
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            done.set_exception(error)
        return done
