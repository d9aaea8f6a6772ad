"""The one change to entries that are kept: a person who is erased or whose time is over leaves them.

What is looked for is found by readers, in steps with rests; only what was found goes to the writer, so that polls
and commits are held up by no more than one small transaction.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Final, NamedTuple

from monitor.errors import JournalError
from monitor.journal.codec import decode, encode
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.traces import ERASED, checkpoint
from monitor.journal.trim import SECURE
from monitor.model import Event, Position, Recorded

__all__ = ["Rewriting", "recorded_before"]

_CREDENTIAL: Final = "credential"
"""The attribute of an event that says who it was, by a pseudonym."""

_AT_ONCE = 20_000
_CHANGED_AT_ONCE = 200
_TRIES = 100
_REST = 0.1
_FIND = (
    "SELECT position, recorded, kind, identity, body FROM entries"
    " WHERE position > ? AND position <= ? AND (instr(body, ?) OR instr(identity, ?)) ORDER BY position"
)
_FIND_CREDENTIALS = (
    "SELECT position, recorded, kind, identity, body FROM entries"
    " WHERE position > ? AND position <= ? AND kind = 2 AND instr(body, ?) ORDER BY position"
)
_NEWEST_UNTIL = (
    "SELECT position, recorded FROM entries WHERE position <= ? AND position > ? ORDER BY position DESC LIMIT 1"
)
_ENTRY = "SELECT position, recorded, kind, identity, body FROM entries WHERE position = ?"
_UPDATE = "UPDATE entries SET identity = ?, body = ? WHERE position = ?"


class _Row(NamedTuple):
    position: Position
    recorded: int
    kind: int
    identity: str | None
    body: bytes


_Change = Callable[[_Row], tuple[str | None, bytes]]


class Rewriting:
    """Finds and changes entries of one journal. All of it can be repeated after a kill. Raises JournalError."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    async def find(self, text: str) -> Sequence[Recorded]:
        """Every entry in which an ASCII text stands, oldest first."""
        needle = text.encode()
        found: list[Recorded] = []
        async for rows in self._steps(_FIND, (needle, text), Position(0), self._journal.last):
            found.extend(Recorded(row.position, row.recorded, decode(row.kind, row.body)) for row in rows)
        return found

    async def erase(self, text: str, *, after: Position = Position(0)) -> int:  # noqa: B008 - a number
        """Put `erased` in the place of a text in every entry behind `after`; answers in how many it stood."""
        needle, erased = text.encode(), ERASED.encode()

        def change(row: _Row) -> tuple[str | None, bytes]:
            identity = None if row.identity is None else row.identity.replace(text, ERASED)
            return identity, row.body.replace(needle, erased)

        count = 0
        async for rows in self._steps(_FIND, (needle, text), after, self._journal.last):
            count += await self._change(rows, change)
        return count

    async def forget(self, after: Position, before: int) -> tuple[Position, int]:
        """Take the credential out of events behind `after` that were recorded before an instant (UTC ms).

        Answers how far it has come, to go on from there, and how many events it was taken from.
        """
        end = await self._journal.look(lambda db: recorded_before(db, after, before))
        needle, count = f'"{_CREDENTIAL}"'.encode(), 0
        async for rows in self._steps(_FIND_CREDENTIALS, (needle,), after, end):
            count += await self._change(rows, _without_credential)
        return end, count

    async def sweep(self) -> bool:
        """Empty the write-ahead log, in which all of it still stands; answers whether nobody held it up."""
        for _ in range(_TRIES):
            if await self._journal.in_writer(checkpoint):
                return True
            await asyncio.sleep(_REST)
        return False

    async def vacuum(self) -> bool:
        """Write the whole file anew: nothing is kept while it lasts. Answers as `sweep` does."""
        await self._journal.in_writer(lambda db: db.execute("VACUUM").fetchall())
        return await self.sweep()

    async def _steps(
        self, sql: str, needles: tuple[bytes | str, ...], after: Position, until: Position
    ) -> AsyncIterator[list[_Row]]:
        first = await self._journal.look(_first)
        position = max(int(after), first - 1)
        while position < until:
            end = min(position + _AT_ONCE, until)
            began = monotonic()
            rows = await self._journal.look(partial(_select, sql=sql, parameters=(position, end, *needles)))
            took = monotonic() - began
            if rows:
                yield rows
            position = end
            await asyncio.sleep(took)  # the disk is for others, too

    async def _change(self, rows: Sequence[_Row], change: _Change) -> int:
        count = 0
        for start in range(0, len(rows), _CHANGED_AT_ONCE):
            positions = [row.position for row in rows[start : start + _CHANGED_AT_ONCE]]
            changed = await self._journal.in_writer(partial(_update, positions=positions, change=change))
            self._journal.recall(
                {row.position: Recorded(row.position, row.recorded, decode(row.kind, row.body)) for row in changed}
            )
            count += len(changed)
        return count


def recorded_before(db: sqlite3.Connection, after: Position, before: int) -> Position:
    """The last position behind `after` that was recorded before an instant (UTC ms); `after` when there is none.

    Stamps never decrease, so it is found by halves: a journal of gigabytes is not read for it.
    """
    low, high = int(after), int(db.execute("SELECT max(position) FROM entries").fetchone()[0] or 0)
    while low < high:
        middle = (low + high + 1) // 2
        found = db.execute(_NEWEST_UNTIL, (middle, low)).fetchone()
        if found is None or found[1] < before:  # nothing but a gap up to there
            low = middle
        else:
            high = found[0] - 1
    found = db.execute(_NEWEST_UNTIL, (low, after)).fetchone()
    return after if found is None else Position(found[0])


def _select(db: sqlite3.Connection, *, sql: str, parameters: tuple[int | bytes | str, ...]) -> list[_Row]:
    return [_Row(*row) for row in db.execute(sql, parameters)]


def _first(db: sqlite3.Connection) -> int:
    found: int | None = db.execute("SELECT min(position) FROM entries").fetchone()[0]
    return found or 0


def _without_credential(row: _Row) -> tuple[str | None, bytes]:
    try:
        entry = decode(row.kind, row.body)
    except JournalError:
        return row.identity, row.body
    if not isinstance(entry, Event) or _CREDENTIAL not in entry.attributes:
        return row.identity, row.body
    kept = {name: value for name, value in entry.attributes.items() if name != _CREDENTIAL}
    return row.identity, encode(replace(entry, attributes=kept))


def _update(db: sqlite3.Connection, *, positions: Iterable[Position], change: _Change) -> list[_Row]:
    """Change entries as they are now: others may have done so since they were found. Answers what they are."""
    usual = db.execute("PRAGMA secure_delete").fetchone()[0]
    db.execute("PRAGMA secure_delete = ON")
    changed = []
    try:
        db.execute("BEGIN IMMEDIATE")
        for position in positions:
            found = db.execute(_ENTRY, (position,)).fetchone()
            if found is None:  # trimmed meanwhile
                continue
            row = _Row(*found)
            identity, body = change(row)
            if (identity, body) == (row.identity, row.body):
                continue
            try:
                db.execute(_UPDATE, (identity, body, position))
            except sqlite3.IntegrityError:  # two whose ids have become the same: they have come once already
                db.execute(_UPDATE, (None, body, position))
            changed.append(row._replace(identity=identity, body=body))
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute(f"PRAGMA secure_delete = {SECURE.get(usual, 'OFF')}")
    return changed
