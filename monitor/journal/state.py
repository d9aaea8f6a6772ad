"""state.db, ledger.db, access.db: what consumers remember, each with its position in the same transaction."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from monitor.errors import JournalError
from monitor.folding import plain
from monitor.journal.codec import KIND_OF, encode, identity
from monitor.journal.migrate import migrate
from monitor.journal.soundness import is_damage, is_outage, settle
from monitor.model import Entry, Position

__all__ = ["ACCESS", "LEDGER", "STATE", "State", "Store", "position_of", "produce", "set_position"]

T = TypeVar("T")

_LARGEST_LOG = 16 * 1024 * 1024
"""Bytes to which the write-ahead log shrinks when it begins again after it had grown beside a long copy."""


@dataclass(frozen=True, slots=True)
class Store:
    """A file that consumers keep their state in: what it is called, its schema's folder, its application id."""

    name: str
    schema: str
    application: int


STATE = Store("state", "state", 0x464D5354)  # "FMST"
LEDGER = Store("ledger", "ledger", 0x464D4C47)  # "FMLG"
ACCESS = Store("access", "access", 0x464D4143)  # "FMAC"


class _Connection(sqlite3.Connection):
    """A connection that remembers whether its transaction has produced entries for the journal."""

    produced = False


def set_position(db: sqlite3.Connection, consumer: str, position: Position) -> None:
    """Within `State.transact`: the consumer has applied everything up to `position`."""
    db.execute(
        "INSERT INTO positions VALUES (?, ?) ON CONFLICT (consumer) DO UPDATE SET position = excluded.position",
        (consumer, position),
    )


def position_of(db: sqlite3.Connection, consumer: str) -> Position:
    """Within `State.transact`: where a consumer has come to; 0 when it has applied nothing yet."""
    row = db.execute("SELECT position FROM positions WHERE consumer = ?", (consumer,)).fetchone()
    return Position(0 if row is None else row[0])


def produce(db: sqlite3.Connection, producer: str, entries: Iterable[Entry]) -> None:
    """Within `State.transact`: the feeder shall append these entries to the journal, in this order.

    Only entries with an identity can be produced: the feeder appends again what it is not sure of.
    """
    rows = []
    for entry in entries:
        if identity(entry) is None:
            raise ValueError(f"a {type(entry).__name__} has no identity and cannot be produced; append it")
        rows.append((producer, KIND_OF[type(entry)], encode(entry)))
    if rows:
        db.executemany("INSERT INTO produced (producer, kind, body) VALUES (?, ?, ?)", rows)
        if isinstance(db, _Connection):
            db.produced = True


class State:
    """A store's one connection and its one thread: work is done in the order in which it was asked for.

    In SQL `plain(text)` is `monitor.folding.plain`.
    """

    def __init__(self, db: sqlite3.Connection, store: Store = STATE) -> None:
        self._db = db
        self.name = store.name
        """What its store is called: state, ledger or access."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=store.name)
        self._closed = False
        self._delays = False
        self.failure = ""
        """Why the disk or the file did not take the last transaction that changed something; "" when it did."""
        self.damaged = False
        """Whether SQLite has found the file's contents damaged since it was opened."""
        self.produced = asyncio.Event()
        """Set after each transaction that produced entries; the feeder clears it."""

    @classmethod
    def open(cls, path: Path, store: Store = STATE) -> "State":
        """Open or create a store and bring it to the newest schema.

        Raises JournalError when the file is damaged, foreign or newer: it is never replaced silently.
        """
        db: sqlite3.Connection | None = None
        try:
            path.touch(mode=0o600)
            db = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            db.create_function("plain", 1, plain, deterministic=True)
            _prepare(db, path.name, store)
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            if db is not None:
                db.close()
            raise JournalError(
                f"the {store.name} {path} cannot be used: {error}; restore it from a copy"
            ) from error
        except JournalError:
            if db is not None:
                db.close()
            raise
        return cls(db, store)

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in one transaction and return its answer once it would survive a power cut.

        Whatever `work` raises rolls everything back and is passed on; sqlite3's errors as JournalError.
        """
        loop = asyncio.get_running_loop()
        return await self._in_thread(self._transact, work, loop)

    async def delay(self) -> None:
        """From now on, keep what is done only with `settle` and `close`, many transactions at once.

        For a file that is begun anew when its making is cut off: what fails undoes all since then, and is
        `failure` for ever.
        """
        self._delays = True

    async def settle(self) -> None:
        """Keep all that was done since the last call; raises JournalError."""
        await self.alone(self._settle)

    @staticmethod
    def _settle(db: sqlite3.Connection) -> None:
        if db.in_transaction:
            db.execute("COMMIT")

    async def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do what no transaction can, in the store's thread; sqlite3's errors as JournalError."""
        return await self._in_thread(self._alone, work)

    def _alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._db)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.damaged = self.damaged or is_damage(error)
            raise JournalError(f"the {self.name} cannot be written: {error}") from error

    async def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Answer the rows of one SELECT, after all work that was asked for before."""
        return await self._in_thread(self._query, sql, parameters)

    async def position(self, consumer: str) -> Position:
        """Where a consumer has come to; 0 when it has applied nothing yet."""
        rows = await self.query("SELECT position FROM positions WHERE consumer = ?", (consumer,))
        return Position(rows[0][0] if rows else 0)

    async def newest_position(self) -> Position:
        """The greatest position of any consumer: a new journal has to begin above it."""
        rows = await self.query("SELECT coalesce(max(position), 0) FROM positions")
        return Position(rows[0][0])

    async def close(self) -> None:
        """Finish what was asked for, then close; safe to call twice."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
            self._thread.shutdown(wait=False)

    def _end(self) -> None:
        if self._delays:
            with contextlib.suppress(sqlite3.Error):  # whoever wants to know has settled before
                self._settle(self._db)
        self._db.close()

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._closed:
            raise JournalError(f"the {self.name} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _transact(self, work: Callable[[sqlite3.Connection], T], loop: asyncio.AbstractEventLoop) -> T:
        db = self._db
        assert isinstance(db, _Connection)
        db.produced = False
        changes = db.total_changes
        try:
            if not db.in_transaction:
                db.execute("BEGIN IMMEDIATE")
            answer = work(db)
            if not self._delays:
                db.execute("COMMIT")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._roll_back()
            self.failure = str(error) if self._delays or is_outage(error) else self.failure
            self.damaged = self.damaged or is_damage(error)
            raise JournalError(f"the {self.name} cannot be written: {error}") from error
        except BaseException as error:
            self._roll_back()
            self.failure = repr(error) if self._delays else self.failure
            raise
        if (
            db.total_changes > changes and not self._delays
        ):  # a transaction without a change writes nothing, and shows nothing
            self.failure = ""
        if db.produced:
            loop.call_soon_threadsafe(self.produced.set)
        return answer

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.damaged = self.damaged or is_damage(error)
            raise JournalError(f"the {self.name} cannot be read: {error}") from error


def _prepare(db: sqlite3.Connection, name: str, store: Store) -> None:
    db.row_factory = sqlite3.Row
    found: int = db.execute("PRAGMA application_id").fetchone()[0]
    tables: int = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if found != store.application and (found or tables):
        raise JournalError(f"{name} is a database of another program; move it away or restore a copy")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")  # what was deleted is not to be read from the file's free pages
    db.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
    db.execute(f"PRAGMA application_id = {store.application}")
    migrate(db, store.schema, name)
    settle(db)
