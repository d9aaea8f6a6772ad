"""Whether a database is one of ours, whole and complete: asked before anything relies on it."""

import contextlib
import errno
import os
import sqlite3
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from monitor.errors import JournalError
from monitor.journal.migrate import migrate, newest_version

__all__ = [
    "DAMAGED",
    "Damage",
    "fault_of_tables",
    "find_fault",
    "is_damage",
    "is_io_error",
    "is_orphaned",
    "is_outage",
    "move_aside",
    "refuse_special",
    "settle",
    "size_of",
    "speaks_of_contents",
    "sync",
]

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""SQLite's codes that speak of the file's contents, and not of the disk or of a lock."""

_DISK = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
    }
)

_ENDINGS = ("", "-wal", "-shm")
_AT_AN_END = 500
_WAL = 2
_NO_VERSION = 65_535
_KINDS = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


class Damage(sqlite3.DatabaseError):
    """Damage that SQLite itself does not see."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is damaged or no database, or quotes from it what is no text."""
    return _code(error) in DAMAGED or isinstance(error, UnicodeDecodeError) or _is_no_text(error)


def _is_no_text(error: BaseException) -> bool:
    """Whether a column holds a text that is none: Python's own finding, which has no code of SQLite's."""
    return isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")


def speaks_of_contents(error: BaseException) -> bool:
    """Whether an error, at the first look into a database, comes of what is in it.

    That look asks nothing that a sound database would not answer, so SQLite's general error is one.
    """
    return is_damage(error) or _code(error) == sqlite3.SQLITE_ERROR


def is_outage(error: BaseException) -> bool:
    """Whether it is the disk or the file that cannot take it now, and not the statement."""
    return _code(error) in _DISK or is_damage(error)


def is_io_error(error: BaseException | None) -> bool:
    """Whether the disk answered with an error: a bad sector, or a disk that is gone."""
    if isinstance(error, OSError):
        return error.errno == errno.EIO
    return error is not None and _code(error) == sqlite3.SQLITE_IOERR


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF if isinstance(error, sqlite3.Error) else 0


def find_fault(path: Path, schema: str, application: int, *, whole: bool = True) -> str:
    """Say what is wrong with a database, "" when nothing is: its pages, its owner, its tables.

    Reads all of it; not `whole`: the ends of each table alone, which takes no time at any size. Raises
    JournalError when it cannot be read at all, or is of a newer program.
    """
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
            fault = _fault(db, path.name, schema, application, whole=whole)
        return fault or _fault_of_header(path)
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        if speaks_of_contents(error):
            return str(error)
        raise JournalError(f"{path} cannot be read: {error}") from error


def _fault_of_header(path: Path) -> str:
    """Say so when the header names a format that SQLite only reads: no program of ours writes such a file.

    Source: https://www.sqlite.org/fileformat.html, 1.3.3: bytes 18 and 19 are 1, or 2 for WAL.
    """
    with path.open("rb") as file:
        versions = file.read(20)[18:]
    return "its header says that it can only be read" if any(version > _WAL for version in versions) else ""


def _fault(db: sqlite3.Connection, name: str, schema: str, application: int, *, whole: bool) -> str:
    found: int = db.execute("PRAGMA application_id").fetchone()[0]
    tables: int = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if not found and not tables:
        return ""  # empty: its making was interrupted
    if found != application:
        return "it is a database of another program"
    wrong = db.execute("PRAGMA quick_check(1)").fetchone()[0] if whole else "ok"
    if wrong != "ok":
        return str(wrong)
    fault = fault_of_tables(db, name, schema)
    if not whole and not fault:
        _read_ends(db)
    return fault


def _read_ends(db: sqlite3.Connection) -> None:
    """Read the first and the last rows of each table by its key; sqlite3's errors tell of damage there."""
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        keys = db.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,)).fetchall()
        for way in ("ASC", "DESC"):
            order = ", ".join(f'"{key}" {way}' for (key,) in keys) or f"rowid {way}"
            db.execute(f'SELECT * FROM "{table}" ORDER BY {order} LIMIT {_AT_AN_END}').fetchall()  # noqa: S608


def fault_of_tables(db: sqlite3.Connection, name: str, schema: str) -> str:
    """Say which tables and columns of its version a database lacks, "" when it has them all; quick at any size.

    Raises JournalError when it is of a newer program.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > _NO_VERSION:
        return f"it says that it has schema {version}"
    if version > newest_version(schema):
        migrate(db, schema, name)  # says so
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate(model, schema, name, until=version)
        wanted = _columns(model)
    there = _columns(db)
    if not wanted and there:
        return "it has tables, and says that it has none"
    absent = sorted(table for table, columns in wanted.items() if not columns <= there.get(table, frozenset()))
    return f"tables are absent or incomplete: {', '.join(absent)}" if absent else ""


def _columns(db: sqlite3.Connection) -> Mapping[str, frozenset[str]]:
    rows = db.execute(
        "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'"
    ).fetchall()
    tables: dict[str, set[str]] = {}
    for table, column in rows:
        tables.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in tables.items()}


def refuse_special(path: Path) -> None:
    """Raise JournalError when something stands at `path` that is no file; nothing is touched."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) and not path.exists():
            target = path.readlink()
            message = f"{path} is a link to {target}, which is not there; mount its disk, or remove the link"
            raise JournalError(message)
        if not stat.S_ISREG(path.stat().st_mode):
            message = (
                f"{path} is no file but a {_KINDS.get(stat.S_IFMT(path.stat().st_mode), 'device')}; move it away"
            )
            raise JournalError(message)
    except FileNotFoundError:
        return
    except OSError as error:
        raise JournalError(f"{path} cannot be used: {error.strerror}") from error


def is_orphaned(path: Path) -> bool:
    """Whether a write-ahead log lies there without its database: SQLite would delete it, unread."""
    log = path.with_name(path.name + "-wal")
    return size_of(log) > 0 and not size_of(path)


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def move_aside(path: Path) -> str:
    """Rename a database and what belongs to it; answers its new name. Nothing is ever overwritten."""
    stem = f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    number, kept = 0, stem
    while any(path.with_name(kept + ending).exists() for ending in _ENDINGS):
        number += 1
        kept = f"{stem}-{number}"
    for ending in _ENDINGS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(path.with_name(kept + ending))
    return kept


def settle(db: sqlite3.Connection) -> None:
    """At the opening: write all that the write-ahead log holds into the database itself, and sync it.

    What an earlier process wrote before an fsync failed can be read from the log although no disk has it, and
    whatever is appended behind it would be lost with it. Raises sqlite3.Error; a full disk is no reason to.
    """
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if _code(error) != sqlite3.SQLITE_FULL:
            raise


def sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
