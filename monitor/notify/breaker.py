"""When a service is left alone: after failures in a row, for a time that grows with each further one.

Pure: seconds of a clock that nobody sets come as arguments.
"""

from enum import StrEnum
from typing import Final

__all__ = ["LONGEST_PAUSE", "PAUSE", "Breaker", "Circuit"]

_IN_A_ROW: Final = 5
PAUSE: Final = 60.0
"""Seconds that a service is left alone first, and for which a critical message waits at most."""
LONGEST_PAUSE: Final = 600.0


class Circuit(StrEnum):
    """Closed: messages go; open: they wait; half-open: one of them tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The circuit breaker of one service."""

    def __init__(self) -> None:
        self.failures = 0
        self.reason = ""
        self._until: float | None = None
        self._opened = 0.0
        self._probes = False

    def state(self, now: float) -> Circuit:
        """How the circuit is."""
        if self._until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._until else Circuit.HALF_OPEN

    def wait(self, now: float, *, critical: bool = False) -> float:
        """Seconds until somebody may try; 0: now, though beside it the others wait."""
        if self._until is None:
            return 0.0
        until = min(self._until, self._opened + PAUSE) if critical else self._until
        return max(0.0, until - now)

    def admits(self, now: float, *, critical: bool = False) -> bool:
        """Whether a message may go: half-open, one at a time and every critical one."""
        return self.wait(now, critical=critical) == 0.0 and (critical or not self._probes)

    def start(self) -> None:
        """A message that was admitted is on its way."""
        self._probes = self._until is not None

    def fail(self, began: float, now: float, reason: str) -> bool:
        """Count a failure of an attempt that began then; answers whether that opens a closed circuit.

        What was on its way already when the circuit opened tells nothing new.
        """
        if self._until is not None and began <= self._opened:
            return False
        opens = self._until is None
        self.failures += 1
        self.reason = reason
        self._probes = False
        if self.failures < _IN_A_ROW:
            return False
        pause = min(LONGEST_PAUSE, PAUSE * 2.0 ** min(self.failures - _IN_A_ROW, 10))
        self._until, self._opened = now + pause, now
        return opens

    def answer(self) -> bool:
        """The service answered, whatever it said; answers whether that closes an open circuit."""
        closes = self._until is not None
        self.failures, self._until, self._probes = 0, None, False
        return closes

    def leave(self) -> None:
        """An attempt told nothing about the service: another may try."""
        self._probes = False
