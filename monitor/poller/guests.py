"""Who asks for a bus besides its polling: a scan, a read by hand. They wait their turn, and get a small part."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from monitor.errors import RequestRefused, TooManyAsk
from monitor.poller.backoff import next_allowed
from monitor.poller.turns import GUEST, Flow, Job, Turns
from monitor.poller.unit import Unit
from monitor.ports import PolledDriver
from monitor.wording import Sentence

__all__ = ["Guests"]

_SHARE = 0.2
_MOST = 8
_LONGEST = 10.0

_T = TypeVar("_T")


class _Turn:
    """One guest: when it may, and how it ends."""

    __slots__ = ("job", "may", "over", "scope")

    def __init__(self, unit: Unit | None) -> None:
        loop = asyncio.get_running_loop()
        self.job = Job(unit, GUEST, loop.time())
        self.may: asyncio.Future[None] = loop.create_future()
        self.over = asyncio.Event()
        self.scope: asyncio.Timeout | None = None

    def refuse(self) -> None:
        """End it, whether it waits or has its turn."""
        if self.scope is not None:
            if not self.over.is_set() and not self.scope.expired():
                self.scope.reschedule(0.0)
        elif not self.may.done():
            self.may.set_exception(RequestRefused(Sentence("the polling of this connection ends")))


class Guests:
    """Lends a bus, one guest and ten seconds at a time, for a fifth of its time at most.

    `wake` is called when a guest's job has joined `turns`.
    """

    def __init__(self, driver: PolledDriver, turns: Turns, workers: int, wake: Callable[[], None]) -> None:
        self._driver = driver
        self._turns = turns
        self._workers = workers
        self._wake = wake
        self._flow = Flow()
        self._line: deque[_Turn] = deque()
        self._first: _Turn | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._after = 0.0
        self._is_open = True

    async def lend(self, work: Callable[[PolledDriver], Awaitable[_T]], unit: Unit | None) -> _T:
        """Do `work` in a turn of its own; it is to make one request, to `unit` if that is one of the bus's own.

        Raises TooManyAsk when too many wait, RequestRefused when it takes too long, or when the polling ends; what
        `work` raises comes through. Whoever is cancelled gives the turn back at once.
        """
        if not self._is_open:
            raise RequestRefused(Sentence("the polling of this connection ends"))
        if len(self._line) + (self._first is not None) >= _MOST:
            raise TooManyAsk(Sentence("too many ask for this connection at once; try again later"))
        turn = _Turn(unit)
        self._line.append(turn)
        self._plan()
        try:
            await turn.may
            async with asyncio.timeout(_LONGEST) as turn.scope:
                return await work(self._driver)
        except TimeoutError:
            if turn.scope is None or not turn.scope.expired():
                raise
            raise RequestRefused(
                Sentence("it took longer than {seconds} s, or the polling ends", seconds=format(_LONGEST, "g"))
            ) from None
        finally:
            self._leave(turn)

    async def serve(self) -> None:
        """Let the guest whose job was taken have its turn; called by the worker that took it."""
        turn = self._first
        if turn is None:
            return
        began = time.monotonic()
        if not turn.may.done():
            turn.may.set_result(None)
        await turn.over.wait()
        end = time.monotonic()
        self._after = next_allowed(end, (end - began) / self._workers, _SHARE)
        self._first = None
        self._plan()

    def close(self) -> None:
        """Refuse all who wait, and whoever has the bus."""
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        for turn in (*self._line, self._first):
            if turn is not None:
                turn.refuse()

    def _leave(self, turn: _Turn) -> None:
        turn.over.set()
        if turn in self._line:
            self._line.remove(turn)
        elif turn is self._first and self._turns.remove(self._flow, turn.job):
            self._first = None
            self._plan()

    def _plan(self) -> None:
        """Set the timer for the next guest's turn to wait among the polls."""
        if self._first is None and self._timer is None and self._line and self._is_open:
            wait = max(0.0, self._after - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._join)

    def _join(self) -> None:
        self._timer = None
        if self._first is None and self._line:
            self._first = self._line.popleft()
            self._turns.add(self._flow, self._first.job)
            self._wake()
