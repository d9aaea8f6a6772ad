"""The consumer that tells what doors do: it follows the journal, and keeps what the doors' machines know."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

import orjson
import structlog

from monitor.access import doordays
from monitor.access.machine import Machine
from monitor.access.told import PRODUCER
from monitor.accessbook import DoorNow
from monitor.errors import JournalError
from monitor.journal.insisting import insist
from monitor.journal.state import State, produce, set_position
from monitor.model import Derived, Event, Position
from monitor.periods import local_day
from monitor.ports import Gap, Journal
from monitor.site import Site

__all__ = ["Doors"]

_log = structlog.get_logger()

_TICK = 0.25
_SAVE_EVERY = 2.0
_AFTER_FAILURE = 1.0
_FORGET_EVERY = 3600.0
_DAYS_KEPT = timedelta(days=400)
_BEGAN, _SAVES = "began", "saves"
"""Keys beside those of the machine: where doors were followed first, and how often was saved."""


def _system_time() -> int:
    return time.time_ns() // 1_000_000


class Doors:
    """Follows the journal, and keeps what is known of doors with its position in the state.

    State, figures, what there is to tell and position are saved together: at once when there is something to
    tell, else every 2 s. A kill in between replays the entries since, which gives the same entries with the same
    identities. `may_forget`: whether the clock can be believed enough to throw away what is old by it. `steady`:
    seconds that no setting of the clock moves.
    """

    name = PRODUCER

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        journal: Journal,
        state: State,
        site: Site,
        *,
        now: Callable[[], int] = _system_time,
        may_forget: Callable[[], bool] = lambda: True,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._journal = journal
        self._state = state
        self._site = site
        self._now = now
        self._may_forget = may_forget
        self._steady = steady
        self._machine = Machine(site)
        self._machine.began = journal.last
        self._position = Position(0)
        self._saved = Position(0)
        self._saves = 0
        self._saved_at = self._steady()
        self._forgot_at = self._steady() - _FORGET_EVERY
        self._heard: tuple[int, float] | None = None
        self._busy = asyncio.Lock()

    @property
    def applied(self) -> Position:
        """How far the state has come."""
        return self._saved

    def doors(self) -> Sequence[DoorNow]:
        """Every door as it is now."""
        return self._machine.doors()

    async def run(self) -> None:
        """Judge until cancelled."""
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="doors-follow")
            group.create_task(self._watch(), name="doors-watch")

    async def _load(self) -> None:
        began = self._machine.began

        def work(db: sqlite3.Connection) -> list[sqlite3.Row]:
            db.execute("INSERT OR IGNORE INTO doors VALUES (?, ?)", (_BEGAN, str(began)))
            return db.execute("SELECT key, body FROM doors").fetchall()

        while True:
            try:
                rows = await self._state.transact(work)
                self._position = self._saved = await self._state.position(self.name)
            except JournalError as error:
                _log.error("doors_cannot_read_state", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)
            else:
                break
        kept: dict[str, Any] = {row["key"]: orjson.loads(row["body"]) for row in rows}
        self._machine.began = Position(kept.pop(_BEGAN))
        self._saves = kept.pop(_SAVES, 0)
        self._machine.load(kept.items())
        if self._machine.stamp:
            self._heard = (self._machine.stamp, self._steady())

    async def _follow(self) -> None:
        async for batch in self._journal.follow(self._position):
            async with self._busy:
                told: list[Event | Derived] = []
                if isinstance(batch, Gap):
                    _log.warning("doors_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
                    self._machine.forget()
                    self._position = batch.until
                else:
                    for recorded in batch:
                        told.extend(self._machine.handle(recorded))
                    self._position = batch[-1].position
                    if self._heard is None or self._heard[0] != batch[-1].recorded:
                        # After the clock was set back stamps stand still, and time goes on all the same.
                        self._heard = (batch[-1].recorded, self._steady())
                await self._save_in_time(told)

    async def _watch(self) -> None:
        """Tell of what is due also when nothing else is recorded any more."""
        while True:
            await asyncio.sleep(_TICK)
            async with self._busy:
                told: list[Event | Derived] = []
                # The journal's time goes on from the last stamp by the monotonic clock; what is recorded
                # but not judged yet may still explain an opening.
                if self._heard is not None and self._position >= self._journal.last:
                    stamp, at = self._heard
                    told = self._machine.tick(stamp + int((self._steady() - at - _TICK) * 1000))
                await self._save_in_time(told)

    async def _save_in_time(self, told: Sequence[Event | Derived]) -> None:
        if not told and (self._saved == self._position or self._steady() - self._saved_at < _SAVE_EVERY):
            return
        self._saves += 1
        changes = {
            key: None if body is None else orjson.dumps(body).decode()
            for key, body in {**self._machine.changes(), _SAVES: self._saves}.items()
        }
        work = self._work(changes, self._machine.figures.take(), told, self._saves, self._position)
        await insist(self._state, work, failed=lambda why: _log.error("doors_cannot_save", error=why))
        self._saved, self._saved_at = self._position, self._steady()
        self._journal.acknowledge(self.name, self._position)

    def _work(
        self,
        changes: Mapping[str, str | None],
        figures: Mapping[tuple[str, str], Mapping[str, Any]],
        told: Sequence[Event | Derived],
        saves: int,
        position: Position,
    ) -> Callable[[sqlite3.Connection], None]:
        forget_before = None
        if self._steady() - self._forgot_at >= _FORGET_EVERY and self._may_forget():
            self._forgot_at = self._steady()
            keep = max(timedelta(seconds=self._site.access.keep), _DAYS_KEPT)
            forget_before = local_day(self._now(), self._site.timezone) - keep

        def work(db: sqlite3.Connection) -> None:
            row = db.execute("SELECT body FROM doors WHERE key = ?", (_SAVES,)).fetchone()
            if row is not None and int(row[0]) >= saves:
                return  # the commit before was told as failed, and is in the file
            for key, body in changes.items():
                if body is None:
                    db.execute("DELETE FROM doors WHERE key = ?", (key,))
                else:
                    db.execute("INSERT OR REPLACE INTO doors VALUES (?, ?)", (key, body))
            doordays.add(db, figures)
            if forget_before is not None:
                doordays.forget(db, forget_before)
            produce(db, self.name, told)
            set_position(db, self.name, position)

        return work
