"""The feeder: carries what consumers have produced from the state into the journal, in order, for ever."""

import asyncio
import contextlib
import sqlite3

from monitor.errors import JournalError
from monitor.journal.codec import decode
from monitor.journal.state import State
from monitor.ports import Batch, Journal

__all__ = ["Feeder"]

_AT_ONCE = 500
_LOOK_EVERY = 5.0
_AFTER_FAILURE = 1.0


class Feeder:
    """Appends the table `produced` to the journal and deletes what is kept there.

    A kill between the two leads to a second append, which the journal refuses by identity.
    """

    def __init__(self, state: State, journal: Journal) -> None:
        self._state = state
        self._journal = journal

    async def run(self) -> None:
        """Feed until cancelled; what was left by an earlier run goes first."""
        while True:
            self._state.produced.clear()
            try:
                while await self.feed():
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
            "SELECT number, kind, body FROM produced ORDER BY number LIMIT ?", (_AT_ONCE,)
        )
        if not rows:
            return 0
        await self._journal.append([Batch(entries=[decode(row["kind"], row["body"]) for row in rows])])
        last: int = rows[-1]["number"]

        def forget(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM produced WHERE number <= ?", (last,))

        await self._state.transact(forget)
        return len(rows)
