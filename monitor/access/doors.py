"""The consumer that tells of forced doors: appends the Event `forced` for an opening without a reason."""

import asyncio
import sqlite3
from time import monotonic

import orjson
import structlog

from monitor.access.openings import Openings
from monitor.errors import JournalError
from monitor.journal.state import State, produce, set_position
from monitor.model import Event, Position
from monitor.ports import Gap, Journal
from monitor.site import Site

__all__ = ["Doors"]

_log = structlog.get_logger()

_TICK = 0.25
_SAVE_EVERY = 2.0
_AFTER_FAILURE = 1.0


class Doors:
    """Follows the journal, judges openings, and keeps what it knows with its position in the state.

    State and position are saved together: at once when there is something to tell, else every 2 s. A kill in
    between replays the entries since, which gives the same events with the same ids.
    """

    name = "doors"

    def __init__(self, journal: Journal, state: State, site: Site) -> None:
        self._journal = journal
        self._state = state
        self._openings = Openings(site)
        self._position = Position(0)
        self._saved = Position(0)
        self._saved_at = monotonic()
        self._heard: tuple[int, float] | None = None
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Judge until cancelled."""
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="doors-follow")
            group.create_task(self._watch(), name="doors-watch")

    async def _load(self) -> None:
        while True:
            try:
                rows = await self._state.query("SELECT key, body FROM doors")
                self._position = self._saved = await self._state.position(self.name)
            except JournalError as error:
                _log.error("doors_cannot_read_state", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)
            else:
                break
        self._openings.load((row["key"], orjson.loads(row["body"])) for row in rows)
        since = self._openings.waits_since
        if since is not None:
            self._heard = (since, monotonic())

    async def _follow(self) -> None:
        async for batch in self._journal.follow(self._position):
            async with self._busy:
                forced: list[Event] = []
                if isinstance(batch, Gap):
                    _log.warning("doors_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
                    self._openings.forget()
                    self._position = batch.until
                else:
                    for recorded in batch:
                        forced.extend(self._openings.handle(recorded))
                    self._position = batch[-1].position
                    self._heard = (batch[-1].recorded, monotonic())
                await self._save_in_time(forced)

    async def _watch(self) -> None:
        """Tell of forced doors also when nothing else is recorded any more."""
        while True:
            await asyncio.sleep(_TICK)
            async with self._busy:
                forced = []
                # The journal's time goes on from the last stamp by the monotonic clock; what is recorded
                # but not judged yet may still explain an opening.
                if self._heard is not None and self._position >= self._journal.last:
                    stamp, at = self._heard
                    forced = self._openings.tick(stamp + int((monotonic() - at - _TICK) * 1000))
                await self._save_in_time(forced)

    async def _save_in_time(self, forced: list[Event]) -> None:
        if not forced and (self._saved == self._position or monotonic() - self._saved_at < _SAVE_EVERY):
            return
        changes = {
            key: None if body is None else orjson.dumps(body).decode()
            for key, body in self._openings.changes().items()
        }
        position = self._position

        def work(db: sqlite3.Connection) -> None:
            for key, body in changes.items():
                if body is None:
                    db.execute("DELETE FROM doors WHERE key = ?", (key,))
                else:
                    db.execute("INSERT OR REPLACE INTO doors VALUES (?, ?)", (key, body))
            produce(db, self.name, forced)
            set_position(db, self.name, position)

        failing = False
        while True:
            try:
                await self._state.transact(work)
            except JournalError as error:
                if not failing:
                    failing = True
                    _log.error("doors_cannot_save", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)
            else:
                break
        self._saved, self._saved_at = position, monotonic()
        self._journal.acknowledge(self.name, position)
