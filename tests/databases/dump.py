"""Writes a database as SQL, with the two numbers that `.dump` leaves out: `python -m tests.databases.dump FILE`.

Run once for each schema that is shipped, on a database that a daemon of that version has filled; a dump is never
edited afterwards.
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

__all__ = ["dump"]


def dump(path: Path) -> Iterator[str]:
    """Yield the statements that make the database again."""
    with closing(sqlite3.connect(path)) as db:
        for name in ("application_id", "user_version"):
            yield f"PRAGMA {name} = {db.execute(f'PRAGMA {name}').fetchone()[0]};"
        yield from db.iterdump()


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in dump(Path(sys.argv[1])))
