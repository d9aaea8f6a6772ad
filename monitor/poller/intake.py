"""The way of readings into the journal: what finished together is appended together, and waits when it must."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from monitor.errors import JournalError
from monitor.model import Entry, Position
from monitor.ports import Batch, Journal

__all__ = ["Also", "ReadingIntake", "nobody"]

_LOG = structlog.get_logger()
_AT_ONCE = 1000
_RETRY = 1.0
_LAST_WORDS = 2.0

Also = Callable[[Entry], None]
"""Is handed each entry, too, before the journal has kept it."""


def nobody(_entry: Entry) -> None:
    """Hear nothing."""


class ReadingIntake:
    """Holds what the poller has read until the journal has kept it.

    While the journal cannot write, up to `limit` entries wait in memory; then the oldest are dropped and counted.
    """

    def __init__(
        self, journal: Journal, *, limit: int = 20_000, retry: float = _RETRY, also: Also = nobody
    ) -> None:
        self.dropped = 0
        self._journal = journal
        self._also = also
        self._limit = limit
        self._retry = retry
        self._waiting: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._failing_since: float | None = None
        self._under_way: asyncio.Task[Position] | None = None

    @property
    def waiting(self) -> int:
        """How many entries nobody has handed to the journal yet."""
        return len(self._waiting)

    @property
    def failing(self) -> bool:
        """Whether the journal refused the last batch."""
        return self._failing_since is not None

    def put(self, entry: Entry) -> None:
        """Hand over an entry; never waits."""
        self._also(entry)
        self._waiting.append(entry)
        if len(self._waiting) > self._limit:
            self._waiting.popleft()
            self.dropped += 1
        self._wake.set()

    async def run(self) -> None:
        """Append what is handed over, until cancelled; the rest is appended at the end."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(0)  # others that are ready in this turn of the loop join the batch
                while self._waiting:
                    await self._append(self._take())
        finally:
            await self._finish()

    async def _append(self, batch: Sequence[Entry]) -> None:
        # An append that is cancelled half-way may have been kept: it goes on, and the end waits for it.
        self._under_way = asyncio.ensure_future(self._journal.append([Batch(entries=batch)]))
        try:
            await asyncio.shield(self._under_way)
        except JournalError as error:
            self._put_back(batch)
            self._note_failure(error)
            await asyncio.sleep(self._retry)
        else:
            self._note_success()

    async def _finish(self) -> None:
        """Append what is left, in a short time, so that an orderly stop loses nothing."""
        try:
            async with asyncio.timeout(_LAST_WORDS):
                if self._under_way is not None:
                    await self._under_way
                while self._waiting:
                    await self._journal.append([Batch(entries=self._take())])
        except (JournalError, TimeoutError) as error:
            _LOG.warning("readings lost at the stop", error=str(error) or "the journal took too long")

    def _take(self) -> Sequence[Entry]:
        return [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]

    def _put_back(self, batch: Sequence[Entry]) -> None:
        room = max(0, self._limit - len(self._waiting))
        lost = max(0, len(batch) - room)
        self.dropped += lost
        self._waiting.extendleft(reversed(batch[lost:]))

    def _note_failure(self, error: JournalError) -> None:
        if self._failing_since is None:
            self._failing_since = asyncio.get_running_loop().time()
            _LOG.error("readings cannot be recorded", error=str(error), check="disk space and permissions")

    def _note_success(self) -> None:
        if self._failing_since is not None:
            seconds = asyncio.get_running_loop().time() - self._failing_since
            self._failing_since = None
            _LOG.warning("readings are recorded again", after_s=round(seconds, 1), dropped=self.dropped)
