"""Entries that a sink refused for what they say, kept with the reason for somebody to look at."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from monitor.errors import RequestRefused
from monitor.journal.codec import KIND_OF, KINDS, decode, encode
from monitor.journal.state import State
from monitor.model import Command, Entry, Position, Recorded
from monitor.wording import Sentence

__all__ = ["DeadLetters", "Letter", "Refused"]

_log = structlog.get_logger()

_MOST = 10_000
_MOST_BYTES = 50_000_000
_LONGEST_MS = 90 * 86_400_000
_LONGEST_LINE = 4000

_WANT = """UPDATE dead_letters SET wanted = 1 WHERE (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))
    AND :sink IN ('', sink) RETURNING id"""
_DROP = """DELETE FROM dead_letters WHERE (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))
    AND :sink IN ('', sink) RETURNING id"""

_NAMES = {number: name for name, number in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter that is to be tried again."""

    id: int
    position: Position
    time: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an entry was refused, and the line in which it was."""

    reason: str
    line: bytes = b""

    @property
    def text(self) -> str:
        """The line for people to read, and no longer than they would."""
        return self.line[:_LONGEST_LINE].decode("utf-8", "replace")


class DeadLetters:
    """The dead letters of all sinks: of each the newest 10,000, of the last 90 days, 50 MB at most.

    `now` answers UTC ms.
    """

    def __init__(self, state: State, now: Callable[[], int]) -> None:
        self._state = state
        self._now = now
        self._asked: dict[str, asyncio.Event] = {}
        self._counts: dict[str, int] = {}
        self._let_go: dict[str, int] = {}

    async def load(self) -> None:
        """Count what is there, and let go what has become too old. Raises JournalError."""
        known = await self._state.query("SELECT DISTINCT sink FROM dead_letters")
        await self._state.transact(lambda db: [_bound(db, row["sink"], self._now()) for row in known])
        await self._count()

    async def bury(self, sink: str, rejected: Sequence[Recorded], refusals: Mapping[Position, Refused]) -> None:
        """Keep the entries, each once. Raises JournalError."""
        now = self._now()
        rows = [
            (
                sink,
                each.position,
                refusals[each.position].reason,
                KIND_OF[type(each.entry)],
                encode(each.entry),
                now,
                refusals[each.position].text,
            )
            for each in rejected
        ]

        def work(db: sqlite3.Connection) -> int:
            db.executemany(
                "INSERT INTO dead_letters (sink, position, reason, kind, body, time, line)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                rows,
            )
            return _bound(db, sink, now)

        gone = await self._state.transact(work)
        if gone and not self._let_go.get(sink):
            _log.warning("dead_letters_let_go", sink=sink, count=gone)
        await self._count()

    async def list_letters(self, last: int, sink: str = "") -> Sequence[Mapping[str, Any]]:
        """The newest dead letters, newest first, ready for JSON; what the keys mean is in docs/influxdb.md.

        `sink`: those of one sink; empty: of all.
        """
        rows = await self._state.query(
            "SELECT * FROM dead_letters WHERE ? IN ('', sink) ORDER BY id DESC LIMIT ?", (sink, last)
        )
        return [_as_json(row) for row in rows]

    async def retry(self, ids: Sequence[int] | None, sink: str = "") -> Sequence[int]:
        """Ask for letters to be tried again (None: all, or all of a sink); answer which.

        Raises RequestRefused for unknown ids.
        """
        found = await self._change(_WANT, ids, sink)
        for asked in self._asked.values():
            asked.set()
        return found

    async def drop(self, ids: Sequence[int] | None, sink: str = "") -> Sequence[int]:
        """Throw letters away for good (None: all, or all of a sink); answer which.

        Raises RequestRefused for unknown ids.
        """
        found = await self._change(_DROP, ids, sink)
        await self._count()
        return found

    async def _change(self, change: str, ids: Sequence[int] | None, sink: str) -> Sequence[int]:
        def work(db: sqlite3.Connection) -> Sequence[int]:
            chosen = None if ids is None else _many(ids)
            found = [row["id"] for row in db.execute(change, {"ids": chosen, "sink": sink})]
            missing = sorted(set(ids or ()) - set(found))
            if missing:
                raise RequestRefused(
                    Sentence("no dead letter {letters}; nothing was changed", letters=", ".join(map(str, missing)))
                )
            return found

        return sorted(await self._state.transact(work))

    def asked(self, sink: str) -> asyncio.Event:
        """Set while there may be letters of a sink that somebody wants to be tried again."""
        return self._asked.setdefault(sink, asyncio.Event())

    async def wanted(self, sink: str, limit: int) -> Sequence[Letter]:
        """The oldest letters that are to be tried again. Raises JournalError."""
        self.asked(sink).clear()
        rows = await self._state.query(
            "SELECT * FROM dead_letters WHERE sink = ? AND wanted ORDER BY position LIMIT ?", (sink, limit)
        )
        if rows:
            self.asked(sink).set()
        return [
            Letter(
                id=row["id"], position=row["position"], time=row["time"], entry=decode(row["kind"], row["body"])
            )
            for row in rows
        ]

    async def settle(self, written: Iterable[int], refused: Mapping[int, Refused]) -> None:
        """Forget the letters that are written now, and note why the others were refused again."""
        now = self._now()
        rows = [(each.reason, each.text, now, letter) for letter, each in refused.items()]

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))", (_many(written),))
            db.executemany(
                "UPDATE dead_letters SET wanted = 0, refusals = refusals + 1, reason = ?,"
                " line = iif(? = '', line, ?2), time = ?3 WHERE id = ?4",
                rows,
            )

        await self._state.transact(work)
        await self._count()

    def facts(self, sink: str) -> Mapping[str, int]:
        """How many there are, and how many the bounds have let go since the state began."""
        return {"dead_letters": self._counts.get(sink, 0), "dead_letters_let_go": self._let_go.get(sink, 0)}

    async def _count(self) -> None:
        rows = await self._state.query("SELECT sink, count(*) FROM dead_letters GROUP BY sink")
        self._counts = {row[0]: row[1] for row in rows}
        rows = await self._state.query("SELECT sink, count FROM dead_letters_let_go")
        self._let_go = {row[0]: row[1] for row in rows}


def _many(ids: Iterable[int]) -> str:
    return json.dumps(list(ids))


def _as_json(row: sqlite3.Row) -> Mapping[str, Any]:
    entry = decode(row["kind"], row["body"])
    return {
        "id": row["id"],
        "sink": row["sink"],
        "kind": _NAMES[row["kind"]],
        "device": entry.target if isinstance(entry, Command) else entry.device,
        "time": entry.time,
        "refused": row["time"],
        "refusals": row["refusals"],
        "waiting": bool(row["wanted"]),
        "reason": row["reason"],
        "line": row["line"],
    }


def _bound(db: sqlite3.Connection, sink: str, now: int) -> int:
    """Within a transaction: let go what is too old or too much of a sink; answer and note how many."""
    gone = db.execute("DELETE FROM dead_letters WHERE sink = ? AND time < ?", (sink, now - _LONGEST_MS)).rowcount
    gone += db.execute(
        "DELETE FROM dead_letters WHERE sink = ? AND id <= (SELECT id FROM dead_letters WHERE sink = ?"
        " ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (sink, sink, _MOST),
    ).rowcount
    gone += db.execute(
        "DELETE FROM dead_letters WHERE sink = ?1 AND id <= (SELECT max(id) FROM (SELECT id,"
        " sum(size) OVER (ORDER BY id DESC) AS so_far FROM dead_letters WHERE sink = ?1) WHERE so_far > ?2)",
        (sink, _MOST_BYTES),
    ).rowcount
    if gone:
        db.execute(
            "INSERT INTO dead_letters_let_go VALUES (?, ?)"
            " ON CONFLICT (sink) DO UPDATE SET count = count + excluded.count",
            (sink, gone),
        )
    return gone
