"""What was counted long ago is forgotten: in small steps, so that nothing waits for years to be deleted."""

import asyncio
import sqlite3
from datetime import UTC, date, datetime, timedelta

from monitor.journal.state import State
from monitor.periods import HOUR, QUARTER

__all__ = ["forget", "forget_all"]

_AT_ONCE = 2000
_LONGEST_DAY = 25 * HOUR
_REST = 0.05


def forget(db: sqlite3.Connection, before: int, most: int = _AT_ONCE) -> int:
    """Within `State.transact` of the ledger: delete at most so many rows of what ended before `before` (UTC ms).

    Answers how many there were: fewer than `most` means that nothing is left. Quarters, steps, days and coverage
    go; counters and what else metering remembers stay. A local day goes when it is over in every time zone.
    """
    left = most
    for work in (_forget_quarters, _forget_steps, _forget_days, _forget_coverage):
        left -= work(db, before, left)
    return most - left


async def forget_all(ledger: State, before: int) -> int:
    """Forget all that ended before `before` (UTC ms), in many transactions with a rest in between.

    Answers how many rows there were. Raises JournalError when the ledger cannot be written; what is left then goes
    the next time.
    """
    forgotten = 0
    while True:
        rows = await ledger.transact(lambda db: forget(db, before))
        forgotten += rows
        if rows < _AT_ONCE:
            return forgotten
        await asyncio.sleep(_REST)


def _forget_quarters(db: sqlite3.Connection, before: int, most: int) -> int:
    return _by_counter(db, "quarter", "quarter", before // QUARTER, most)


def _forget_steps(db: sqlite3.Connection, before: int, most: int) -> int:
    return _by_counter(db, "step", "end", before + 1, most)


def _forget_days(db: sqlite3.Connection, before: int, most: int) -> int:
    chosen = "(device, start) IN (SELECT device, start FROM day WHERE start < ? LIMIT ?)"
    sql = f"DELETE FROM day WHERE {chosen}"  # noqa: S608 - a constant
    return db.execute(sql, (before - _LONGEST_DAY + 1, max(0, most))).rowcount


def _by_counter(db: sqlite3.Connection, table: str, column: str, below: int, most: int) -> int:
    """Delete a table's oldest rows with `column` < `below`, over its index that begins with the counter."""
    left = most
    for (counter,) in db.execute("SELECT id FROM counter").fetchall():
        if left <= 0:
            break
        old = f'counter = ? AND "{column}" < ?'
        if table == "step":
            chosen = f"id IN (SELECT id FROM step WHERE {old} LIMIT ?)"  # noqa: S608 - names of our own
        else:
            chosen = f'(counter, "{column}") IN (SELECT counter, "{column}" FROM {table} WHERE {old} LIMIT ?)'  # noqa: S608
        left -= db.execute(f"DELETE FROM {table} WHERE {chosen}", (counter, below, left)).rowcount  # noqa: S608
    return most - left


def _forget_coverage(db: sqlite3.Connection, before: int, most: int) -> int:
    first = _date(before) - timedelta(days=1)
    chosen = "(device, day) IN (SELECT device, day FROM coverage WHERE day < ? LIMIT ?)"
    return db.execute(f"DELETE FROM coverage WHERE {chosen}", (first.isoformat(), max(0, most))).rowcount  # noqa: S608


def _date(time: int) -> date:
    return datetime.fromtimestamp(time / 1000, UTC).date()
