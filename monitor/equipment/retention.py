"""What equipment did long ago is forgotten, in small steps; how it was when that time began stays known."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final

from monitor.journal.state import State

__all__ = ["forget", "forget_all"]

_AT_ONCE: Final = 2000
_REST: Final = 0.05
_KEYS: Final = {"equipment_day": "device, day", "battery": "device, day"}
_HISTORIES: Final = {
    "presence": (("device",), "start", "device, start"),
    "supply": (("building", "utility"), "start", "building, utility, start"),
    "serviced": (("device", "service"), "time", "command"),
}
"""Table -> whose history it is, when a row begins, and what tells rows apart."""


def forget(db: sqlite3.Connection, before: int, most: int = _AT_ONCE) -> int:
    """Within `State.transact` of the ledger: delete at most so many rows of what ended before `before` (UTC ms).

    Answers how many there were. The last row of presence and supply before that stays, as it says how it was then;
    so does the last word on each service. A local day goes when it is over in every time zone.
    """
    left = most
    first = (datetime.fromtimestamp(before / 1000, UTC).date() - timedelta(days=1)).isoformat()
    for table, key in _KEYS.items():
        chosen = f"({key}) IN (SELECT {key} FROM {table} WHERE day < ? LIMIT ?)"  # noqa: S608 - names of our own
        left -= db.execute(f"DELETE FROM {table} WHERE {chosen}", (first, max(0, left))).rowcount  # noqa: S608
    for table, (names, time, identity) in _HISTORIES.items():
        same = " AND ".join(f"later.{each} = old.{each}" for each in names)
        newer = f"SELECT 1 FROM {table} AS later WHERE {same} AND later.{time} > old.{time} AND later.{time} <= ?"  # noqa: S608
        old = f"SELECT {identity} FROM {table} AS old WHERE old.{time} < ? AND EXISTS ({newer}) LIMIT ?"  # noqa: S608
        limits = (before, before, max(0, left))
        left -= db.execute(f"DELETE FROM {table} WHERE ({identity}) IN ({old})", limits).rowcount  # noqa: S608
    return most - left


async def forget_all(ledger: State, before: int) -> None:
    """Forget all that ended before `before` (UTC ms), in many transactions with a rest in between.

    Raises JournalError when the ledger cannot be written; what is left then goes the next time.
    """
    while True:
        if await ledger.transact(lambda db: forget(db, before)) < _AT_ONCE:
            return
        await asyncio.sleep(_REST)
