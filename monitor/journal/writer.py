"""The journal's one writer: a thread that commits all that waits, in one transaction, and trims in between."""

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import structlog

from monitor.errors import JournalError
from monitor.journal.codec import decode
from monitor.journal.file import connect, newest
from monitor.journal.soundness import is_damage
from monitor.journal.swift import make_recorded
from monitor.journal.trim import Trimmer
from monitor.model import Entry, Event, Position, Recorded

__all__ = ["Call", "Committed", "Job", "Row", "Taking", "Writer"]

_log = structlog.get_logger()

_AT_ONCE, _LIGHTEST = 1000, 512
_PERSIST_EVERY = 5.0
_LONGEST_WAIT = 1.0
_ERASED = "erased"
_INSERT = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_ONCE = f"{_INSERT} ON CONFLICT (identity) WHERE identity IS NOT NULL DO NOTHING"


Job = Callable[[Callable[[], sqlite3.Connection]], None]
"""Work of the writer's thread beside its own: it is given what opens the connection, and never raises."""


class Row(NamedTuple):
    """One entry, encoded by its caller."""

    kind: int
    device: str
    time: int
    identity: str | None
    body: bytes
    entry: Entry


@dataclass(slots=True, kw_only=True)
class Call:
    """One `append` that waits: its batches as (id, redelivered, rows), and whom to tell."""

    batches: list[tuple[str, bool, list[Row]]]
    settled: Collection[str]
    first: Callable[[], None] | None
    size: int
    patient: bool
    since: float
    done: asyncio.Future[Position]


@dataclass(slots=True, kw_only=True)
class Committed:
    """What one transaction has kept; `error` instead, when it has kept nothing."""

    calls: list[Call]
    batch: tuple[Recorded, ...] = ()
    weight: int = 0
    last: Position
    error: JournalError | None = None


@dataclass(slots=True)
class Taking:
    """What one transaction gathers before it is written."""

    stamp: int
    next: int
    plain: list[tuple[int, int, int, str, int, None, bytes]] = field(default_factory=list)
    batch: list[Recorded] = field(default_factory=list)
    deliveries: dict[str, bool] = field(default_factory=dict)
    weight: int = 0
    refused: int = 0
    reused: set[str] = field(default_factory=set)
    has_written: bool = False


class Writer:
    """Owns the connection that writes. `put` and `acknowledge` are for any thread, the rest is its own.

    `tell` is called in the writer's thread with the outcome of each transaction.
    """

    def __init__(  # noqa: PLR0913 - one call, in sqlite.py
        self,
        path: Path,
        trimmer: Trimmer,
        *,
        now: Callable[[], int],
        last: Position,
        recorded: int,
        patience: float,
        tell: Callable[[Committed], None],
    ) -> None:
        self._path = path
        self._trimmer = trimmer
        self._now = now
        self._last = last
        self._recorded = recorded
        self._patience = patience
        self._tell = tell
        self._queue: deque[Call] = deque()
        self._jobs: deque[Job] = deque()
        self._entries_waiting = 0
        self._patient_waiting = 0
        self._changed = threading.Condition()
        self._closing = False
        self._db: sqlite3.Connection | None = None
        self._is_trusted = True
        self._begin, self._end = "BEGIN IMMEDIATE", "COMMIT"
        self._persisted = monotonic()
        self.beat = 0
        self.commits = 0
        self.kept = 0
        self.refused = 0
        self.reused: set[str] = set()
        self.failing = False
        self.failure = ""
        self.damaged = False
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._db = connect(self._path)
        self._thread.start()

    def put(self, call: Call) -> None:
        """Hand over one `append`."""
        with self._changed:
            self._queue.append(call)
            self._entries_waiting += call.size
            self._patient_waiting += call.patient
            # A patient call alone need not wake a writer that sleeps until its patience ends.
            if not call.patient or self._patient_waiting == 1 or self._entries_waiting >= _AT_ONCE:
                self._changed.notify()

    def ask(self, job: Job) -> None:
        """Have a small piece of work done between two transactions."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def settle(self) -> None:
        """Have all that was told as kept in the file, for those who read it there: it is."""

    def close(self) -> None:
        """Write what waits, then end; blocks until then."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Entries that are not committed yet."""
        return self._entries_waiting

    @property
    def waiting_since(self) -> float | None:
        """When (monotonic) the oldest `append` that is still waiting came; None when nothing waits."""
        with contextlib.suppress(IndexError):
            return self._queue[0].since
        return None

    # The thread ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        trimming = False
        while True:
            calls = self._take(0.0 if trimming or self._jobs else self._trimmer.pause)
            if calls is None:
                break
            if calls:
                self._commit(calls)
            trimming = self._trim()
            if self._jobs:
                self._jobs.popleft()(self._connected)
        while self._jobs:
            self._jobs.popleft()(_refuse)
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._trimmer.persist(self._db)
            self._db.close()

    def _take(self, pause: float) -> list[Call] | None:
        """Wait for work, `pause` seconds at most; None: it is time to end."""
        with self._changed:
            self.beat += 1
            if not self._queue and not self._jobs and not self._closing:
                self._changed.wait(pause)
            while not self._closing and not self._jobs and self._may_wait():
                self.beat += 1
                left = self._queue[0].since + self._patience - monotonic()
                self._changed.wait(min(left, _LONGEST_WAIT))
            if self._closing and not self._queue:
                return None
            if self._jobs and not self._closing and self._may_wait():
                return []
            return list(self._next_calls())

    def _may_wait(self) -> bool:
        return (
            0 < len(self._queue) == self._patient_waiting
            and self._entries_waiting < _AT_ONCE
            and monotonic() < self._queue[0].since + self._patience
        )

    def _next_calls(self) -> Iterator[Call]:
        size = 0
        while self._queue and (size == 0 or size + self._queue[0].size <= _AT_ONCE):
            if size and self._queue[0].first is not None:
                return  # it begins a transaction: what came before it is stamped without it
            call = self._queue.popleft()
            size += call.size
            self._entries_waiting -= call.size
            self._patient_waiting -= call.patient
            yield call

    def _commit(self, calls: list[Call]) -> None:
        try:
            taking = self._write(calls)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._failed(error)
            failure = JournalError(f"the journal cannot be written: {error}")
            failure.__cause__ = error
            self._tell(Committed(calls=calls, last=self._last, error=failure))
            return
        except Exception as error:  # noqa: BLE001 - one entry that cannot be kept must not end the thread
            self._give_up(calls, error)
            return
        if self.failing and taking.has_written:
            self.failing = False
            self.failure = ""
            _log.info("journal_works_again", position=taking.next - 1)
        self._last = Position(taking.next - 1)
        self._recorded = taking.stamp
        self.commits += 1
        self.kept += len(taking.batch)
        self.refused += taking.refused
        self._tell_reused(taking.reused)
        self._tell(Committed(calls=calls, batch=tuple(taking.batch), weight=taking.weight, last=self._last))

    def _tell_reused(self, devices: set[str]) -> None:
        """Say once for each device that its ids do not tell its events apart: what is refused is lost."""
        for device in sorted(devices - self.reused):
            self.reused.add(device)
            _log.error(
                "event_id_used_twice",
                device=device,
                check="the profile's `id:`: a number that begins anew needs the time or a count of restarts too",
            )

    def _give_up(self, calls: list[Call], error: Exception) -> None:
        """Something in these calls cannot be kept: commit each alone, so that only the guilty one fails."""
        if self._db is not None and self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if len(calls) > 1:
            for call in calls:
                self._commit([call])
            return
        failure = JournalError(f"an entry cannot be kept: {error}")
        failure.__cause__ = error
        self._tell(Committed(calls=calls, last=self._last, error=failure))

    def _failed(self, error: Exception) -> None:
        if not self.failing:
            self.failing = True
            _log.error("journal_failed", error=str(error))
        self.failure = str(error)
        self.doubt(error)

    def doubt(self, error: Exception) -> None:
        """Have a fresh connection follow the one on which something failed; for the thread, and its jobs."""
        self.damaged = self.damaged or is_damage(error)
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            self._is_trusted = False

    def _write(self, calls: Sequence[Call]) -> Taking:
        db = self._connected()
        if calls[0].first is not None:
            calls[0].first()
        taking, changes = Taking(max(self._now(), self._recorded), self._last + 1), db.total_changes
        db.execute(self._begin)
        for call in calls:
            for settled in call.settled:
                taking.deliveries[settled] = False
            for key, redelivered, rows in call.batches:
                if key:
                    if redelivered and self._remembers(db, taking, key):
                        continue
                    taking.deliveries[key] = True
                _take_rows(db, taking, rows)
        if taking.plain:
            db.executemany(_INSERT, taking.plain)
        if taking.deliveries:
            _keep_deliveries(db, taking.deliveries, taking.stamp)
        if monotonic() - self._persisted > _PERSIST_EVERY:
            self._trimmer.persist(db)
            self._persisted = monotonic()
        db.execute(self._end)
        taking.has_written = db.total_changes > changes
        return taking

    def _connected(self) -> sqlite3.Connection:
        """Answer the connection; one that has seen an I/O error is not trusted again, a fresh one follows it.

        It is closed only then: were nobody left on the database, the next one to open it would find in the
        write-ahead log, and take for kept, what a transaction had written before its fsync failed.
        """
        if self._db is None or not self._is_trusted:
            fresh = connect(self._path)
            try:
                last, recorded = newest(fresh)
            except BaseException:
                fresh.close()
                raise
            if self._db is not None:
                self._db.close()
            self._db, self._is_trusted = fresh, True
            self._last = max(self._last, last)
            self._recorded = max(self._recorded, recorded)
        return self._db

    def _remembers(self, db: sqlite3.Connection, taking: Taking, key: str) -> bool:
        known = taking.deliveries.get(key)
        if known is None:
            known = db.execute("SELECT 1 FROM deliveries WHERE id = ?", (key,)).fetchone() is not None
        return known

    def _trim(self) -> bool:
        """Do one small step of trimming; answers whether there is more to do. A full disk may need it most."""
        try:
            return self._trimmer.step(self._connected(), self._now(), self._last)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._failed(error)
            return False


def _refuse() -> sqlite3.Connection:
    raise JournalError("the journal is closed")


def _take_rows(db: sqlite3.Connection, taking: Taking, rows: Sequence[Row]) -> None:
    stamp, position, weight = taking.stamp, taking.next, 0
    plain, batch = taking.plain, taking.batch
    for kind, device, time, identity, body, entry in rows:
        if identity is None:
            plain.append((position, stamp, kind, device, time, None, body))
        elif not db.execute(_INSERT_ONCE, (position, stamp, kind, device, time, identity, body)).rowcount:
            taking.refused += 1
            if type(entry) is Event and _is_another(db, identity, entry):
                taking.reused.add(device)
            continue
        batch.append(make_recorded(Position(position), stamp, entry))
        position += 1
        weight += max(len(body), _LIGHTEST)
    taking.next = position
    taking.weight += weight


def _is_another(db: sqlite3.Connection, identity: str, event: Event) -> bool:
    """Whether what was kept under an identity is certainly another event: of another kind, or another card's."""
    (body,) = db.execute("SELECT body FROM entries WHERE identity = ?", (identity,)).fetchone()
    with contextlib.suppress(JournalError):
        kept = decode("event", body)
        assert isinstance(kept, Event)
        cards = {kept.attributes.get("credential"), event.attributes.get("credential")}
        return kept.kind != event.kind or (len(cards) > 1 and not cards & {None, _ERASED})
    return False


def _keep_deliveries(db: sqlite3.Connection, deliveries: dict[str, bool], stamp: int) -> None:
    gone = [(key,) for key, kept in deliveries.items() if not kept]
    if gone:
        db.executemany("DELETE FROM deliveries WHERE id = ?", gone)
    if len(gone) < len(deliveries):
        db.executemany(
            "INSERT INTO deliveries VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET recorded = excluded.recorded",
            [(key, stamp) for key, kept in deliveries.items() if kept],
        )
