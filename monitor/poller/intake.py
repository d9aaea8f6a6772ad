"""The way of readings into the journal: what finished together is appended together, and waits when it must."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

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


class _Said(NamedTuple):
    """Entries that are kept together or not at all, and who wants to know once they are."""

    entries: tuple[Entry, ...]
    kept: Callable[[], None] | None


def nobody(_entry: Entry) -> None:
    """Hear nothing."""


class ReadingIntake:
    """Holds what the poller has read until the journal has kept it.

    While the journal cannot write, up to `limit` readings, each with its events, wait in memory; then the oldest
    are dropped and counted: those without events first, for an event never comes again.
    """

    def __init__(
        self, journal: Journal, *, limit: int = 20_000, retry: float = _RETRY, also: Also = nobody
    ) -> None:
        self.dropped = 0
        self._journal = journal
        self._also = also
        self._limit = limit
        self._retry = retry
        self._waiting: deque[_Said] = deque()
        self._wake = asyncio.Event()
        self._failing_since: float | None = None
        self._under_way: asyncio.Task[Position] | None = None

    @property
    def waiting(self) -> int:
        """How many readings nobody has handed to the journal yet."""
        return len(self._waiting)

    @property
    def failing(self) -> bool:
        """Whether the journal refused the last batch."""
        return self._failing_since is not None

    def put(self, *entries: Entry, kept: Callable[[], None] | None = None) -> None:
        """Hand over entries that belong together; never waits. `kept` is called once the journal has kept them."""
        for entry in entries:
            self._also(entry)
        self._waiting.append(_Said(entries, kept))
        self._drop_surplus()
        self._wake.set()

    def _drop_surplus(self) -> None:
        while len(self._waiting) > self._limit:
            plain = (at for at, said in enumerate(self._waiting) if len(said.entries) == 1)
            del self._waiting[next(plain, 0)]
            self.dropped += 1

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

    async def _append(self, batch: Sequence[_Said]) -> None:
        # An append that is cancelled half-way may have been kept: it goes on, and the end waits for it.
        self._under_way = asyncio.ensure_future(self._journal.append([_batch(batch)]))
        try:
            await asyncio.shield(self._under_way)
        except JournalError as error:
            self._put_back(batch)
            self._note_failure(error)
            await asyncio.sleep(self._retry)
        else:
            self._note_success()
            for said in batch:
                if said.kept is not None:
                    said.kept()

    async def _finish(self) -> None:
        """Append what is left, in a short time, so that an orderly stop loses nothing."""
        try:
            async with asyncio.timeout(_LAST_WORDS):
                if self._under_way is not None:
                    await self._under_way
                while self._waiting:
                    await self._journal.append([_batch(self._take())])
        except (JournalError, TimeoutError) as error:
            _LOG.warning("readings lost at the stop", error=str(error) or "the journal took too long")

    def _take(self) -> Sequence[_Said]:
        return [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]

    def _put_back(self, batch: Sequence[_Said]) -> None:
        self._waiting.extendleft(reversed(batch))
        self._drop_surplus()

    def _note_failure(self, error: JournalError) -> None:
        if self._failing_since is None:
            self._failing_since = asyncio.get_running_loop().time()
            _LOG.error("readings cannot be recorded", error=str(error), check="disk space and permissions")

    def _note_success(self) -> None:
        if self._failing_since is not None:
            seconds = asyncio.get_running_loop().time() - self._failing_since
            self._failing_since = None
            _LOG.warning("readings are recorded again", after_s=round(seconds, 1), dropped=self.dropped)


def _batch(said: Iterable[_Said]) -> Batch:
    return Batch(entries=[entry for each in said for entry in each.entries])
