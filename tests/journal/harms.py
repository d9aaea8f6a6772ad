"""What may become of a database's file."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["be_foreign", "damage", "empty", "overwrite", "truncate"]


def damage(path: Path) -> None:
    """Overwrite every page but the first: SQLite opens it, and finds out later."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def be_foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text)")
