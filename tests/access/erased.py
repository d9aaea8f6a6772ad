"""A state folder in which two people are everywhere, and what is left of them."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import orjson

from monitor.access.erasing import Erasing
from monitor.journal.codec import encode
from monitor.journal.counting import holds
from monitor.model import Event
from monitor.ports import Batch
from tests.clock import ManualClock
from tests.journal.entries import reading
from tests.journal.ledgers import opened

__all__ = ["ANA", "BEN", "DAY", "STORES", "bury", "card", "done", "fill", "keep", "left", "worked_off"]

ANA = "0123456789abcdef01234567"
BEN = "fedcba9876543210fedcba98"
DAY = 86_400_000
STORES = ("journal.db", "state.db", "ledger.db", "access.db")


def card(who: str, number: int) -> Event:
    return Event(
        device="front-reader",
        kind="card",
        time=1000 + number,
        arrived=1000 + number,
        id=f"card-{who[0]}{number}",
        attributes={"result": "granted", "credential": who},
    )


def keep(who: str) -> Callable[[sqlite3.Connection], None]:
    """What the consumer of access.db keeps of a person."""

    def work(db: sqlite3.Connection) -> None:
        for number in range(4):
            at = number + (100 if who == BEN else 0)
            row = (
                at,
                "front-reader",
                f"card-{at}",
                "card",
                at,
                at,
                "front",
                "hall",
                "in",
                "granted",
                "",
                who,
                "{}",
            )
            db.execute(f"INSERT INTO entry VALUES ({', '.join('?' * 13)})", row)
        db.execute("INSERT INTO presence VALUES (?, 'hall', 3, 'front-reader')", (who,))
        db.execute("INSERT INTO memory VALUES (?, ?)", (f"last-{who}", json.dumps({"who": who})))

    return work


def bury(who: str) -> Callable[[sqlite3.Connection], None]:
    """Somebody in the state: an event that a database has refused, and one that no journal can keep."""

    def work(db: sqlite3.Connection) -> None:
        body = encode(card(who, 1))
        position = 1 if who == ANA else 2
        db.execute(
            "INSERT INTO dead_letters (sink, position, reason, kind, body, time, line)"
            " VALUES ('i', ?, 'r', 2, ?, 1, ?)",
            (position, body, f'access credential="{who}"'),
        )
        db.execute("INSERT INTO unfed (producer, kind, body, reason) VALUES ('doors', 2, ?, 'odd')", (body,))
        db.execute("INSERT OR REPLACE INTO positions VALUES (?, 5)", (f"of-{who}",))

    return work


async def fill(path: Path, clock: ManualClock, *, deleted: bool = True) -> None:
    """A folder in which two people are everywhere: in copies, a log, free pages and a damaged file, too."""
    async with opened(path / "ledger.db", clock) as files:
        for who in (ANA, BEN):
            await files.journal.append([Batch(entries=[card(who, 1), reading(time=1), card(who, 2)])])
            await files.journal.append([Batch(entries=[card(who, 10 + number) for number in range(30)])])
            await files.access.transact(keep(who))
            await files.state.transact(bury(who))
            await files.ledger.transact(
                lambda db, who=who: db.execute("INSERT OR REPLACE INTO positions VALUES (?, 1)", (f"m-{who}",))
            )
        for copies in (files.copies, files.ledger_copies, files.access_copies) * 2:
            await asyncio.to_thread(copies.copy)
        if deleted:  # as SQLite does it where it was not built to be careful
            await files.access.alone(lambda db: db.execute("PRAGMA secure_delete = OFF").fetchall())
            await files.access.transact(lambda db: db.execute("DELETE FROM entry WHERE position % 2"))
    (path / "state.db.corrupt-20260101T000000Z").write_bytes(b"x" * 5000 + f"{ANA} and {BEN}".encode() + b"y" * 50)


def left(folder: Path, who: str) -> dict[str, int]:
    counts = {str(path.relative_to(folder)): holds(path, who) for path in folder.rglob("*") if path.is_file()}
    return {name: count for name, count in counts.items() if count}


async def done(erasing: Erasing, number: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            told = await erasing.state(number)
            assert told is not None
            if told["state"] == "done" and "found_after" in told:
                with closing(sqlite3.connect(erasing._files.access_file)) as db:
                    body = db.execute("SELECT body FROM erasure WHERE id = ?", (number,)).fetchone()[0]
                if orjson.loads(body).get("clean"):
                    return dict(told)
            await asyncio.sleep(0.01)


async def worked_off(erasing: Erasing, number: str) -> dict[str, Any]:
    running = asyncio.create_task(erasing.run())
    try:
        return await done(erasing, number)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
