"""The feeder: carries what consumers have produced from their store into the journal, in order, for ever."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence

import structlog

from monitor.errors import JournalError
from monitor.journal.codec import decode
from monitor.journal.state import State
from monitor.model import Entry
from monitor.ports import Batch, Journal

__all__ = ["Feeder"]

_log = structlog.get_logger()

_AT_ONCE = 500
_UNFED_KEPT = 10_000
_LOOK_EVERY = 5.0
_AFTER_FAILURE = 1.0


class Feeder:
    """Appends the table `produced` of a store to the journal and deletes what is kept there; one for each store.

    A kill between the two leads to a second append, which the journal refuses by identity. What cannot be
    appended at all is set aside in the table `unfed`: one entry must not hold up all that follow.
    """

    def __init__(self, state: State, journal: Journal) -> None:
        self._state = state
        self._journal = journal
        self.unfed = 0
        """Entries since the start that no journal can keep: they are in the table `unfed`, with the reason."""

    async def run(self) -> None:
        """Feed until cancelled; what was left by an earlier run goes first."""
        while True:
            self._state.produced.clear()
            try:
                while await self.feed() >= _AT_ONCE:
                    pass
            except JournalError:
                await asyncio.sleep(_AFTER_FAILURE)  # journal and state log their own failures
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._state.produced.wait()

    async def feed(self) -> int:
        """Append the oldest produced entries; answers how many there were."""
        rows = await self._state.query(
            "SELECT number, producer, kind, body FROM produced ORDER BY number LIMIT ?", (_AT_ONCE,)
        )
        if not rows:
            return 0
        unfed = await self._append(rows)
        last: int = rows[-1]["number"]

        def forget(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO unfed VALUES (?, ?, ?, ?, ?)", unfed)
            db.execute("DELETE FROM produced WHERE number <= ?", (last,))
            db.execute("DELETE FROM unfed WHERE number <= (SELECT max(number) FROM unfed) - ?", (_UNFED_KEPT,))

        await self._state.transact(forget)
        self.unfed += len(unfed)
        return len(rows)

    async def _append(self, rows: Sequence[sqlite3.Row]) -> list[tuple[int, str, int, bytes, str]]:
        """Append the entries of these rows; answers the rows that no journal can keep, with the reason."""
        entries: list[tuple[sqlite3.Row, Entry]] = []
        unfed: list[tuple[int, str, int, bytes, str]] = []
        for row in rows:
            try:
                entries.append((row, decode(row["kind"], row["body"])))
            except JournalError as error:
                unfed.append(self._set_aside(row, error))
        try:
            await self._journal.append([Batch(entries=[entry for _, entry in entries])])
        except (JournalError, ValueError) as error:
            if not _is_of_an_entry(error):
                raise
            unfed += await self._append_each(entries)
        return unfed

    async def _append_each(
        self, entries: Sequence[tuple[sqlite3.Row, Entry]]
    ) -> list[tuple[int, str, int, bytes, str]]:
        """Append one after the other, so that only the guilty one is set aside."""
        unfed = []
        for row, entry in entries:
            try:
                await self._journal.append([Batch(entries=[entry])])
            except (JournalError, ValueError) as error:
                if not _is_of_an_entry(error):
                    raise
                unfed.append(self._set_aside(row, error))
        return unfed

    def _set_aside(self, row: sqlite3.Row, error: Exception) -> tuple[int, str, int, bytes, str]:
        producer, number = row["producer"], row["number"]
        _log.error(
            "entry_set_aside", file=f"{self._state.name}.db", producer=producer, number=number, reason=str(error)
        )
        return number, producer, row["kind"], row["body"], str(error)


def _is_of_an_entry(error: Exception) -> bool:
    """Whether an entry is to blame, and not the disk or the end of the journal."""
    cause = error.__cause__
    return isinstance(error, ValueError) or (cause is not None and not isinstance(cause, sqlite3.Error | OSError))
