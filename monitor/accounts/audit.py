"""The audit trail: who asked for what and what came of it, kept for two years; strangers cannot fill it."""

import asyncio
import sqlite3
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import structlog

from monitor.errors import JournalError
from monitor.journal.state import State

__all__ = ["MORE", "Audit", "Row"]

_LOG = structlog.get_logger()

MORE: Final = "more_refused"
"""The row that says how many refusals there were beyond those that are told one by one."""
_KEEP_MS: Final = 2 * 366 * 86_400_000
_MOST: Final = 200_000
_MOST_WAITING: Final = 1000
_HOUR: Final = 3_600_000
_OF_NOBODY: Final = 100
_OF_SOMEBODY: Final = 500
"""Refusals that are told one by one in an hour: of strangers together, and of each one who is known."""
_SAME_READ: Final = 600_000
_MOST_READS: Final = 2000
_REFUSED: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. `time` 0: now; `via`: socket, session, token, or nothing: nobody knows; `outcome`: the status."""

    time: int
    by: str
    via: str
    address: str
    action: str
    target: str
    outcome: int


class Audit:
    """Keeps the trail in the state. `now`: UTC ms."""

    def __init__(self, state: State, now: Callable[[], int], *, most: int = _MOST) -> None:
        self._state = state
        self._now = now
        self._most = most
        self._waiting: deque[Row] = deque(maxlen=_MOST_WAITING)
        self._hour = 0
        self._refused: Counter[str] = Counter()
        self._reads: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._writing = asyncio.Lock()
        self._is_failing = False
        self.kept = 0

    async def note(self, row: Row, *, is_read: bool = False) -> None:
        """Keep a line before the answer goes out; what the disk does not take now waits, and is told in the log.

        Refusals beyond an allowance are counted, and so is the same read within ten minutes: `is_read`.
        """
        row = row if row.time else replace(row, time=self._now())
        if row.outcome >= _REFUSED and not self._tells(row):
            return
        if is_read and row.outcome < _REFUSED and self._is_repeated(row):
            return
        self._waiting.append(row)
        await self.write()

    async def write(self) -> None:
        """Write what waits; nothing twice, however many ask at once."""
        async with self._writing:
            await self._write()

    async def _write(self) -> None:
        rows = list(self._waiting)
        if not rows:
            return
        try:
            await self._state.transact(lambda db: _insert(db, rows))
        except JournalError as error:
            if not self._is_failing:
                _LOG.error("audit_not_kept", error=str(error), what_to_do="look at the disk; what was done waits")
            self._is_failing = True
            return
        self._is_failing = False
        self.kept += len(rows)
        for row in rows:
            if self._waiting and self._waiting[0] is row:
                self._waiting.popleft()

    async def tend(self) -> None:
        """To be called each minute: tell what was only counted, write what waits, let go of what is old."""
        self._close_hour()
        await self.write()
        before = self._now() - _KEEP_MS
        await self._state.transact(lambda db: _trim(db, before, self._most))

    async def look(
        self,
        *,
        by: str = "",
        action: str = "",
        before: int | None = None,
        refused: bool = False,
        limit: int = 50,
    ) -> Sequence[Mapping[str, Any]]:
        """Lines, the newest first, each with its `number`; `before`: those with a smaller one."""
        conditions, given = ["1"], []
        for condition, value in (
            ("by = ?", by),
            ("action LIKE ? ESCAPE '!'", f"%{_escaped(action)}%" if action else ""),
            ("number < ?", before),
        ):
            if value not in {"", None}:
                conditions.append(condition)
                given.append(value)
        if refused:
            conditions.append(f"outcome >= {_REFUSED}")
        sql = f"SELECT * FROM audit WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [dict(row) for row in await self._state.query(sql, (*given, limit))]

    def _tells(self, row: Row) -> bool:
        self._close_hour()
        self._refused[row.by if row.via else ""] += 1
        count = self._refused[row.by if row.via else ""]
        return count <= (_OF_SOMEBODY if row.via else _OF_NOBODY)

    def _close_hour(self) -> None:
        hour = self._now() // _HOUR
        if hour == self._hour:
            return
        for by, count in self._refused.items():
            more = count - (_OF_SOMEBODY if by else _OF_NOBODY)
            if more > 0:
                facts = {"by": by, "via": "", "address": "", "action": MORE, "target": str(more)}
                self._waiting.append(Row(time=self._now(), outcome=429, **facts))
        self._hour = hour
        self._refused.clear()

    def _is_repeated(self, row: Row) -> bool:
        key = (row.by, row.action, row.target)
        last = self._reads.get(key)
        if last is not None and 0 <= row.time - last < _SAME_READ:
            return True
        self._reads[key] = row.time
        self._reads.move_to_end(key)
        if len(self._reads) > _MOST_READS:
            self._reads.popitem(last=False)
        return False


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _insert(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    db.executemany(
        "INSERT INTO audit (time, by, via, address, action, target, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [astuple(row) for row in rows],
    )


def _trim(db: sqlite3.Connection, before: int, most: int) -> None:
    newest = db.execute("SELECT max(number) FROM audit").fetchone()[0]
    if newest is not None:
        db.execute("DELETE FROM audit WHERE number <= ?", (newest - most,))
        db.execute("DELETE FROM audit WHERE time < ?", (before,))
