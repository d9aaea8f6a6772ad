"""How long is known who it was: after `access.keep` the journal's events stay, and their credentials go."""

import asyncio
import sqlite3
from collections.abc import Callable

import orjson
import structlog

from monitor.errors import JournalError
from monitor.journal.rewriting import Rewriting
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Position

__all__ = ["Forgetting"]

_log = structlog.get_logger()

_EVERY = 3600.0
_AGAIN = 60.0
_KEY = "credentials_forgotten"


class Forgetting:
    """Takes the credentials out of events that were recorded longer ago than `keep` seconds, once an hour.

    How far it has come is kept in access.db, so that nothing is looked at twice. `may_forget`: whether the clock
    can be believed enough for it: one that runs years ahead would have everybody forgotten.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        access: State,
        *,
        keep: float,
        now: Callable[[], int],
        may_forget: Callable[[], bool] = lambda: True,
    ) -> None:
        self._rewriting = Rewriting(journal)
        self._access = access
        self._keep = int(keep * 1000)
        self._now = now
        self._may_forget = may_forget

    async def run(self) -> None:
        """Forget until cancelled."""
        failing = False
        while True:
            try:
                await self.forget()
            except JournalError as error:
                if not failing:
                    _log.error("credentials_cannot_be_forgotten", error=str(error))
                failing = True
            else:
                failing = False
            await asyncio.sleep(_EVERY if self._may_forget() and not failing else _AGAIN)

    async def forget(self) -> int:
        """Forget what is old enough now; answers of how many events."""
        if not self._may_forget():
            return 0
        rows = await self._access.query("SELECT body FROM memory WHERE key = ?", (_KEY,))
        before = Position(orjson.loads(rows[0]["body"])["until"] if rows else 0)
        until, count = await self._rewriting.forget(before, self._now() - self._keep)
        if count:
            await self._rewriting.sweep()
        if until > before:
            body = orjson.dumps({"until": until}).decode()

            def work(db: sqlite3.Connection) -> None:
                db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (_KEY, body))

            await self._access.transact(work)
        return count
