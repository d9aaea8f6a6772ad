"""Where a text stands in databases and other files, and how it leaves them: whatever the tables are called.

Everything that shows, erases or proves what is kept of one person comes here, so that none of the three knows of
a place that the others do not. Texts are ASCII.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from monitor.journal import counting
from monitor.journal.counting import holds
from monitor.journal.soundness import speaks_of_contents, sync

__all__ = ["ERASED", "checkpoint", "cleanse_copy", "cleanse_damaged", "clear_drafts", "count_in", "erase", "find"]

ERASED: Final = "erased"
"""What stands where a person's pseudonym stood."""

_NUMBERS = frozenset({"INTEGER", "INT", "REAL"})
_BRIEFLY_MS = 200
_USUALLY_MS = 10_000
_CHUNK = 1024 * 1024
_MOST_TWINS = 100_000
_DRAFT = ".cleansed"


def find(
    db: sqlite3.Connection, text: str, *, but: Collection[str] = ()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every row in which a text stands, in any column of any table `but` some, as (table, its columns)."""
    for table, (_, columns) in _tables(db).items():
        if table not in but:
            cursor = db.execute(*_search(table, "*", columns, text))
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                yield table, dict(zip(names, tuple(row), strict=True))


def erase(db: sqlite3.Connection, text: str, *, but: Collection[str] = ()) -> int:
    """Within a transaction: put `erased` in its place everywhere; answers in how many rows it stood.

    Where that would be there twice in a column that must be unique, a number follows it.
    """
    count = 0
    for table, (keys, columns) in _tables(db).items():
        if table in but:
            continue
        wanted = ", ".join(_quoted((*keys, *columns)))
        for row in db.execute(*_search(table, wanted, columns, text)).fetchall():
            key, values = tuple(row)[: len(keys)], tuple(row)[len(keys) :]
            _replace(db, table, dict(zip(keys, key, strict=True)), dict(zip(columns, values, strict=True)), text)
            count += 1
    return count


def _replace(
    db: sqlite3.Connection, table: str, key: Mapping[str, Any], values: Mapping[str, Any], text: str
) -> None:
    places = " AND ".join(f"{each} = ?" for each in _quoted(key))
    assignments = ", ".join(f"{each} = ?" for each in _quoted(values))
    sql = f'UPDATE "{table}" SET {assignments} WHERE {places}'  # noqa: S608 - names of our own schema
    for number in range(_MOST_TWINS):
        word = f"{ERASED}-{number}" if number else ERASED
        new = [_replaced(value, text, word) for value in values.values()]
        with contextlib.suppress(sqlite3.IntegrityError):
            db.execute(sql, (*new, *key.values()))
            return
    raise sqlite3.IntegrityError(f"{table} has no room for another one who was erased")


def _replaced(value: Any, text: str, word: str) -> Any:
    if isinstance(value, str):
        return value.replace(text, word)
    return value.replace(text.encode(), word.encode()) if isinstance(value, bytes) else value


def _tables(db: sqlite3.Connection) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Each table that can hold texts: what names a row of it, and its columns with texts."""
    found = {}
    names = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    for (table,) in [tuple(row) for row in names.fetchall()]:
        rows = [tuple(row) for row in db.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,))]
        columns = tuple(name for name, kind, _ in rows if kind.upper() not in _NUMBERS)
        keys = tuple(name for name, _, pk in rows if pk)
        if columns:
            found[table] = (keys or ("rowid",), columns)
    return found


def _search(table: str, wanted: str, columns: Collection[str], text: str) -> tuple[str, tuple[bytes, ...]]:
    holds_it = " OR ".join(f"instr(CAST({each} AS BLOB), ?)" for each in _quoted(columns))
    sql = f'SELECT {wanted} FROM "{table}" WHERE {holds_it}'  # noqa: S608 - names of our own schema
    return sql, (text.encode(),) * len(columns)


def _quoted(names: Collection[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def checkpoint(db: sqlite3.Connection) -> bool:
    """Write the write-ahead log into the database and empty it; answers whether nobody who reads held it up."""
    db.execute(f"PRAGMA busy_timeout = {_BRIEFLY_MS}")
    try:
        busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        db.execute(f"PRAGMA busy_timeout = {_USUALLY_MS}")
    return not busy


# Files as bytes ----------------------------------------------------------------------------------------


async def count_in(paths: Sequence[Path], text: str) -> Mapping[Path, int]:
    """How often a text stands in the bytes of each file that has it, also of databases that are in use.

    A process of its own reads them. Raises OSError.
    """
    program = [sys.executable, "-I", "-S", counting.__file__]
    child = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    try:
        asked = json.dumps({"text": text, "paths": [str(path) for path in paths]})
        answer, _ = await child.communicate(asked.encode())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        raise
    if child.returncode:
        raise OSError("a file of the state folder cannot be read")
    return {Path(path): count for path, count in json.loads(answer).items() if count}


def cleanse_copy(path: Path, text: str) -> int:
    """Write a copy of a database anew without a text, with the time that it had; answers how often it was there.

    What took its place is whole after a kill at any moment. A copy that is damaged is overwritten where it stands.
    Raises OSError.
    """
    clear_drafts(path)
    count = holds(path, text)
    if not count:
        return 0
    made = path.with_name(path.name + _DRAFT)
    facts = path.stat()
    try:
        _write_without(path, made, text)
        if holds(made, text):  # a piece of a page that was moved
            made.replace(path)
            _write_without(path, made, text)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        clear_drafts(path)
        if not speaks_of_contents(error):
            raise OSError(f"{path.name} cannot be written anew: {error}") from error
        return cleanse_damaged(path, text)
    os.utime(made, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    sync(made)
    made.replace(path)
    sync(path.parent)
    return count


def clear_drafts(path: Path) -> None:
    """Remove what a kill has left of a copy that was being made or written anew; nobody may be at it now."""
    for draft in (_DRAFT, ".new"):
        for ending in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + draft + ending).unlink(missing_ok=True)


def _write_without(path: Path, made: Path, text: str) -> None:
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db:
        db.execute("VACUUM INTO ?", (str(made),))
    made.chmod(0o600)
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = MEMORY")  # a log of its own would have it, too
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        erase(db, text)
        db.execute("COMMIT")


def cleanse_damaged(path: Path, text: str) -> int:
    """Overwrite a text in the bytes of a file that no database program opens, and sync it. Raises OSError.

    The length stays, so that whoever mends the file finds all else where it was.
    """
    needle = text.encode()
    if not holds(path, text):
        return 0
    filler = ERASED.encode().ljust(len(needle), b"-")[: len(needle)]
    count, start = 0, 0
    with path.open("r+b") as file:
        while len(chunk := _at(file, start)) >= len(needle):
            count += chunk.count(needle)
            if needle in chunk:
                file.seek(start)
                file.write(chunk.replace(needle, filler))
            start += len(chunk) - len(needle) + 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _at(file: BinaryIO, start: int) -> bytes:
    file.seek(start)
    return file.read(_CHUNK)
