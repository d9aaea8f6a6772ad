"""Ledgers for the tests: filled as metering does it, copied, looked into and harmed."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.journal.files import Files, open_files
from monitor.journal.state import set_position
from monitor.model import Position
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.entries import reading

DAY = 86_400_000
ZONE = ZoneInfo("Europe/Berlin")


@asynccontextmanager
async def opened(path: Path, clock: ManualClock, settings: JournalSettings | None = None) -> AsyncIterator[Files]:
    async with open_files(path.parent, settings or JournalSettings(), now=clock.now, timezone=ZONE) as files:
        yield files


def book(quarters: int, *, position: int = 0, counter: int = 1) -> Callable[[sqlite3.Connection], None]:
    """What metering does in a transaction: it books, and notes how far it has come."""

    def work(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT OR IGNORE INTO counter VALUES (?, ?, 'energy_import_kwh', 1, 2, '{}')",
            (counter, f"m{counter}"),
        )
        rows = [(counter, quarter, 1.5, 2.5) for quarter in range(quarters)]
        db.executemany("INSERT OR REPLACE INTO quarter VALUES (?, ?, ?, ?)", rows)
        set_position(db, "metering", Position(position))

    return work


async def fill(path: Path, clock: ManualClock, *, copies: int, quarters: int = 5000) -> None:
    """A state folder as a run leaves it: the ledger at position 7, and so many copies, the newest at that."""
    async with opened(path, clock) as files:
        last = await files.journal.append([Batch(entries=[reading(time=n) for n in range(9)])])
        await files.state.transact(lambda db: set_position(db, "alarms", last))
        for generation in range(copies, 0, -1):
            await files.ledger.transact(book(quarters, position=8 - generation))
            await asyncio.to_thread(files.ledger_copies.copy)
        await files.ledger.transact(book(quarters + 1, position=8))


def there(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """The content of each file whose name fits."""
    return {each.name: each.read_bytes() for each in folder.glob(pattern) if each.is_file()}


def contents(path: Path) -> dict[str, bytes]:
    """What stands in a database and in its write-ahead log, by ending."""
    files = {ending: path.with_name(path.name + ending) for ending in ("", "-wal")}
    return {ending: file.read_bytes() for ending, file in files.items() if file.exists()}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def remove(folder: Path, pattern: str) -> None:
    for each in folder.glob(pattern):
        each.unlink()


def harm_the_middle(path: Path) -> None:
    """Overwrite two pages that only who reads everything comes to."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(8192))


def booked(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM quarter").fetchone()[0])
