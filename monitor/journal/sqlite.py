"""The journal on SQLite: one file, one writer, any number of followers."""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import TypeVar

import structlog

from monitor.errors import JournalError
from monitor.journal import file
from monitor.journal.codec import KIND_OF, KINDS, encode, identity
from monitor.journal.memory import Recent
from monitor.journal.soundness import is_damage
from monitor.journal.trim import Trimmer
from monitor.journal.writer import Call, Committed, Row, Writer
from monitor.model import Command, Entry, Event, Origin, Position, Reading, Recorded, Value
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings

__all__ = ["SqliteJournal"]

T = TypeVar("T")

_log = structlog.get_logger()

_CHUNK = 1000
_IN_MEMORY = 4 * 1024 * 1024
_MOST_WAITING = 20_000
_READ_AGAIN = 1.0
_STUCK = 30.0
_EARLIEST, _LATEST = -(2**63), 2**63 - 1


class SqliteJournal:
    """The one sequence of entries, as `monitor.ports.Journal` describes it. Used from one event loop."""

    def __init__(  # noqa: PLR0913, PLR0917 - one call, in `open`
        self,
        path: Path,
        settings: JournalSettings,
        now: Callable[[], int],
        opened: file.Opened,
        held: int,
        writer: type[Writer],
    ) -> None:
        self._path = path
        self._lock = held
        self._aside = opened.aside
        self._last = opened.last
        self.last_recorded = opened.recorded
        """UTC ms of the newest entry that was there when the journal was opened; 0 when it was empty."""
        self._recent = Recent(opened.last, limit=_IN_MEMORY)
        self._trimmer = Trimmer(settings, path.parent)
        self._longest_wait = _STUCK + settings.commit_every
        self._impatient = settings.commit_every <= 0
        self._beside: list[Callable[[], Mapping[str, Value]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Event()
        self._closed = False
        self._damaged = False
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="journal-reader")
        self._reading = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writer = writer(
            path,
            self._trimmer,
            now=now,
            last=opened.last,
            recorded=opened.recorded,
            patience=settings.commit_every,
            tell=self._tell,
        )

    @classmethod
    def open(
        cls,
        path: Path,
        settings: JournalSettings,
        *,
        now: Callable[[], int],
        begin_above: Position = Position(0),  # noqa: B008 - a number
        writer: type[Writer] = Writer,
    ) -> "SqliteJournal":
        """Open or begin the journal; its next position is above `begin_above` in any case.

        A damaged or foreign file is moved aside and a new one begun. Raises JournalError when the file cannot
        be used, is of a newer program, or is being written by another process.
        """
        try:
            held = file.lock(path)
        except OSError as error:
            raise JournalError(f"the journal {path} cannot be written: {error}") from error
        try:
            journal = cls(path, settings, now, file.open_file(path, begin_above), held, writer)
            journal._start()
        except BaseException as error:
            os.close(held)
            if isinstance(error, sqlite3.Error):
                raise JournalError(f"the journal {path} cannot be opened: {error}") from error
            raise
        return journal

    def _start(self) -> None:
        db = file.connect(self._path)
        try:
            self._trimmer.load(db)
        finally:
            db.close()
        self._writer.start()

    @property
    def last(self) -> Position:
        """Where the sequence ends."""
        return self._last

    def behind(self, position: Position) -> int:
        """How many entries stand behind a position."""
        return max(0, self._last - position)

    @property
    def beat(self) -> int:
        """Grows about once a second while the writer lives, whether it has work, waits or cannot write."""
        return self._writer.beat

    @property
    def failure(self) -> str:
        """Why nothing can be written since the last transaction, "" when it was kept."""
        since = self._writer.waiting_since
        if not self._writer.failure and since is not None and monotonic() - since > self._longest_wait:
            return "the disk does not answer"
        return self._writer.failure

    @property
    def damaged(self) -> bool:
        """Whether SQLite has found the file's contents damaged since it was opened."""
        return self._damaged or self._writer.damaged

    def condemn(self) -> None:
        """Have the next start move the file aside, because it is damaged."""
        file.condemn(self._path, self._last)

    # Writing -------------------------------------------------------------------------------------------

    async def append(
        self,
        batches: Sequence[Batch],
        *,
        settled: Collection[str] = (),
        first: Callable[[], None] | None = None,
    ) -> Position:
        """Keep the batches in order; see `monitor.ports.Journal.append`.

        Raises ValueError for what no journal can keep (a value that is none, a time beyond 64 bits).
        """
        taken = [(batch.id, batch.redelivered, [_row(entry) for entry in batch.entries]) for batch in batches]
        size = sum(len(rows) for _, _, rows in taken)
        if not size and not settled:
            return self._last
        while self._writer.waiting >= _MOST_WAITING:
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise JournalError("the journal is closed")
        loop = self._loop = asyncio.get_running_loop()
        call = Call(
            batches=taken,
            settled=settled,
            first=first,
            size=size,
            patient=not self._impatient and not settled and _is_patient(batches),
            since=monotonic(),
            done=loop.create_future(),
        )
        self._writer.put(call)
        return await call.done

    def _tell(self, committed: Committed) -> None:
        """In the writer's thread: hand the outcome to the loop, once per transaction."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._committed, committed)
        except RuntimeError:  # the loop has gone; what is committed stays committed
            _log.warning("journal_outlived_its_loop")

    def _committed(self, committed: Committed) -> None:
        self._last = committed.last
        if committed.batch:
            self._recent.add(committed.batch, committed.weight)
        for call in committed.calls:
            if call.done.done():  # whoever asked was cancelled
                continue
            if committed.error is None:
                call.done.set_result(committed.last)
            else:
                call.done.set_exception(committed.error)
        self._room.set()

    # Reading -------------------------------------------------------------------------------------------

    async def read(self, after: Position, limit: int) -> Sequence[Recorded] | Gap:
        """Answer at most `limit` entries behind `after`, oldest first; a Gap when some of them are gone."""
        return await self.look(lambda db: file.read_after(db, after, limit))

    async def follow(self, after: Position) -> AsyncIterator[Sequence[Recorded] | Gap]:
        """Yield all behind `after`, for ever; raises JournalError when the journal is closed."""
        position = after
        while True:
            found: Sequence[Recorded] | Gap | None = self._recent.after(position, _CHUNK)
            if found is None:
                found = await self._read_patiently(position)
            if isinstance(found, Gap):
                position = found.until
                yield found
            elif found:
                position = found[-1].position
                yield found
            else:
                await self._recent.grown(position)

    async def _read_patiently(self, position: Position) -> Sequence[Recorded] | Gap:
        failing = False
        while True:
            try:
                found = await self.read(position, _CHUNK)
            except JournalError as error:
                if self._closed:
                    raise
                if not failing:
                    failing = True
                    _log.error("journal_unreadable", after=position, error=str(error))
                await asyncio.sleep(_READ_AGAIN)
            else:
                if failing:
                    _log.info("journal_readable_again", after=position)
                return found

    async def readings(self, device: str, last: int) -> Sequence[Recorded]:
        """The `last` newest readings of a device by their own time, newest last."""
        return await self.look(lambda db: file.newest_readings(db, device, last))

    async def last_event(self, device: str, kind: str) -> Event | None:
        """The event of a kind that was kept last for a device; None when there is none (any more)."""
        return await self.look(lambda db: file.newest_event(db, device, kind))

    async def between(self, device: str, start: int, end: int, kinds: Collection[str] = ()) -> Sequence[Recorded]:
        """Entries of a device with start <= time < end (UTC ms), oldest first; without `kinds`, all.

        Kinds are reading, event, derived, transition, command.
        """
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"no kind of entry: {', '.join(unknown)}; there are {', '.join(KINDS)}")
        return await self.look(lambda db: file.between(db, device, start, end, kinds))

    async def look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work`, which only reads, in a reader's thread. Raises JournalError."""
        if self._closed:
            raise JournalError("the journal is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        db: sqlite3.Connection | None = getattr(self._reading, "db", None)
        try:
            if db is None:
                db = self._reading.db = file.connect(self._path)
                self._connections.append(db)
            self._writer.settle()
            return work(db)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if db is not None:  # a fresh connection takes the next try
                self._reading.db = None
                self._connections.remove(db)
                db.close()
            self._damaged = self._damaged or is_damage(error)
            raise JournalError(f"the journal cannot be read: {error}") from error

    # Changing what is kept: `rewriting.py` ------------------------------------------------------------

    async def in_writer(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do a small piece of work in the writer's thread, outside of its transactions. Raises JournalError."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(answer: T | None, error: Exception | None) -> None:
            if done.done():  # whoever asked was cancelled
                return
            if error is None:
                done.set_result(answer)  # type: ignore[arg-type]  # without an error it is a T
            else:
                done.set_exception(error)

        def job(connected: Callable[[], sqlite3.Connection]) -> None:
            answer, error = None, None
            try:
                answer = work(connected())
            except (sqlite3.Error, OSError, UnicodeDecodeError) as failed:
                self._writer.doubt(failed)
                error = JournalError(f"the journal cannot be changed: {failed}")
                error.__cause__ = failed
            except Exception as failed:  # noqa: BLE001 - whoever waits gets it
                error = failed  # type: ignore[assignment]  # passed on as it is
            with contextlib.suppress(RuntimeError):  # the loop has gone
                loop.call_soon_threadsafe(settle, answer, error)

        if self._closed:
            raise JournalError("the journal is closed")
        self._writer.ask(job)
        return await done

    def recall(self, changed: Mapping[Position, Recorded]) -> None:
        """Have those who follow see what entries have become that are still held in memory."""
        self._recent.replace(changed)

    # Keeping house -------------------------------------------------------------------------------------

    def register(self, consumer: str) -> None:
        """Hold the trimming for a consumer until it acknowledges; said before it first follows."""
        self._trimmer.register(consumer)

    def acknowledge(self, consumer: str, position: Position) -> None:
        """Say that a consumer needs nothing up to `position` any more."""
        self._trimmer.acknowledge(consumer, position)

    def stats(self) -> Mapping[str, Value]:
        """Facts for `status` and metrics; described in docs/journal.md."""
        since = self._writer.waiting_since
        facts: dict[str, Value] = {
            "position": self._last,
            "size_bytes": self._trimmer.size,
            "kept": self._writer.kept,
            "refused": self._writer.refused,
            "commits": self._writer.commits,
            "trimmed": self._trimmer.trimmed,
            "waiting": self._writer.waiting,
            "waiting_s": 0.0 if since is None else max(0.0, monotonic() - since),
            "failing": self._writer.failing,
            "alive": self._writer.alive,
            "over_size": self._trimmer.over_size,
            "lost": self._trimmer.lost,
            "hours_left": self._trimmer.hours_left,
            "moved_aside": self._aside,
            "slowest": "",
            "lag": 0,
        }
        consumers = self._trimmer.consumers
        if consumers:
            slowest = min(consumers, key=lambda name: consumers[name])
            facts |= {"slowest": slowest, "lag": max(0, self._last - consumers[slowest])}
        for beside in self._beside:
            facts |= beside()
        return facts

    def tell_also(self, facts: Callable[[], Mapping[str, Value]]) -> None:
        """Add to `stats` what others know of the files."""
        self._beside.append(facts)

    async def close(self) -> None:
        """Write what waits, then close; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.close)
        self._recent.close()
        self._room.set()
        await loop.run_in_executor(None, self._readers.shutdown)
        for db in self._connections:
            db.close()
        os.close(self._lock)


def _row(entry: Entry) -> Row:
    kind = KIND_OF[type(entry)]
    if not isinstance(entry.time, int) or not _EARLIEST <= entry.time <= _LATEST:
        raise ValueError(f"the time {entry.time} cannot be kept")
    device = entry.target if type(entry) is Command else entry.device  # type: ignore[union-attr]
    return Row(kind, device, entry.time, None if kind == 1 else identity(entry), encode(entry), entry)


def _is_patient(batches: Sequence[Batch]) -> bool:
    return all(
        not batch.id and all(type(entry) is Reading and entry.origin is Origin.POLL for entry in batch.entries)
        for batch in batches
    )
