"""Entries that a sink will never take, kept with the reason for somebody to look at."""

import sqlite3
from collections.abc import Mapping, Sequence

from monitor.journal.codec import KIND_OF, encode
from monitor.journal.state import State
from monitor.model import Position, Recorded

__all__ = ["bury"]

_MOST = 10_000


async def bury(
    state: State, sink: str, rejected: Sequence[Recorded], reasons: Mapping[Position, str], now: int
) -> None:
    """Keep the entries in the table `dead_letters`, each once; the newest 10,000 of a sink stay."""
    rows = [
        (sink, each.position, reasons[each.position], KIND_OF[type(each.entry)], encode(each.entry), now)
        for each in rejected
    ]

    def work(db: sqlite3.Connection) -> None:
        db.executemany(
            "INSERT INTO dead_letters (sink, position, reason, kind, body, time) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            rows,
        )
        db.execute(
            "DELETE FROM dead_letters WHERE sink = ? AND id <= (SELECT id FROM dead_letters WHERE sink = ?"
            " ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (sink, sink, _MOST),
        )

    await state.transact(work)
