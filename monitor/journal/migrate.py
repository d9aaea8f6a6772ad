"""Bringing a database to the newest schema: numbered SQL files, each in a transaction of its own."""

import sqlite3
from pathlib import Path

from monitor.errors import JournalError

__all__ = ["migrate", "newest_version"]

_SCHEMAS = Path(__file__).parent / "schema"


def newest_version(schema: str) -> int:
    """Answer the newest version of a schema that this program knows."""
    return _steps(schema)[-1][0]


def _steps(schema: str) -> list[tuple[int, Path]]:
    return sorted((int(file.name[:4]), file) for file in (_SCHEMAS / schema).glob("[0-9]*.sql"))


def migrate(db: sqlite3.Connection, schema: str, name: str, *, until: int | None = None) -> None:
    """Apply the files of `schema` that `db` has not seen; `PRAGMA user_version` is the number of the last one.

    `until`: the last file to apply, when it is not the newest.

    Raises JournalError when the database is of a newer program; sqlite3's errors pass.
    """
    steps = _steps(schema)
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    newest = steps[-1][0]
    if version > newest:
        raise JournalError(
            f"{name} has schema {version}, this program knows schemas up to {newest}: "
            "it was written by a newer version; install that version again"
        )
    for number, file in steps:
        if version < number and (until is None or number <= until):
            try:
                db.executescript(f"BEGIN;\n{file.read_text('utf-8')}\nPRAGMA user_version = {number};\nCOMMIT;")
            except sqlite3.Error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
