"""Whether the system clock is known to be right, and waiting for that after a start, for a while.

A small box has no battery for its clock: it starts with the time of its last stop, or in 1970, until the network
has told it the time.
"""

import asyncio
import ctypes
from collections.abc import Callable
from time import monotonic

import structlog

__all__ = ["ClockSync", "ask_kernel"]

_log = structlog.get_logger()

_LONGEST = 600.0
_LOOK_EVERY = 1.0
_UNKNOWN_FROM = 16_000_000
"""Microseconds: the kernel's NTP_PHASE_LIMIT, with which it boots and which it reaches after hours unheard."""


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` of adjtimex(2), with more room behind it than any libc needs."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("others", ctypes.c_char * 512),
    )


def ask_kernel() -> bool:
    """Whether the kernel says that the clock is synchronised; it needs no privilege to be asked.

    The bound of the error counts, as it does for `timedatectl` of systemd, and not the flag STA_UNSYNC: chrony
    leaves that set on purpose where the kernel shall not write the hardware clock (without `rtcsync`).
    """
    facts = _Timex(modes=0)
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.byref(facts))
    except (OSError, AttributeError):
        state = -1
    # Who cannot ask, in a container with a filter or on another system, cannot wait for an answer either; most
    # clocks are right, and waiting at each start would be the greater harm.
    return state < 0 or bool(facts.maxerror < _UNKNOWN_FROM)


class ClockSync:
    """Made once for a process: `settled` waits until the clock is synchronised, `longest` seconds at most.

    Those count from when it was made. Once it has waited it never waits again, whatever the clock does later.
    """

    def __init__(
        self,
        *,
        ask: Callable[[], bool] = ask_kernel,
        monotonic: Callable[[], float] = monotonic,
        longest: float = _LONGEST,
        look_every: float = _LOOK_EVERY,
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._began = monotonic()
        self._longest = longest
        self._look_every = look_every
        self._is_settled = False
        self._is_told = False

    def is_synchronised(self) -> bool:
        """Whether it is now."""
        return self._ask()

    def waits(self) -> bool:
        """Whether there is still something to wait for; tells of the end of the wait."""
        if self._is_settled:
            return False
        synchronised, waited = self._ask(), self._monotonic() - self._began
        self._is_settled = synchronised or waited >= self._longest
        if self._is_settled and self._is_told:
            _log.info("clock_waited_for", synchronised=synchronised, seconds=round(waited))
        return not self._is_settled

    async def settled(self) -> None:
        """Return once nothing has to wait for the clock."""
        while self.waits():
            if not self._is_told:
                self._is_told = True
                _log.warning("clock_not_synchronised", waits="writing to servers elsewhere", longest=self._longest)
            await asyncio.sleep(self._look_every)
