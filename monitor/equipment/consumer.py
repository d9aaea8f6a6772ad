"""The consumer of the journal that looks after equipment, batteries and the supply, and keeps it in the ledger.

What comes is counted in memory; every 15 seconds, and within a second when there is an event, the ledger takes
what is new in one transaction: days, rows, memory, what is to be told, the position. A kill in between replays the
entries since, which counts the same.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Final, TypeVar

import orjson
import structlog

from monitor.equipment.availability import Availability
from monitor.equipment.batteries import Batteries
from monitor.equipment.keeping import Keeper, read_memory, remember
from monitor.equipment.machine import PRODUCER
from monitor.equipment.plantroom import PlantRoom
from monitor.equipment.retention import forget_all
from monitor.equipment.supply import Supplies
from monitor.errors import JournalError
from monitor.journal.insisting import insist
from monitor.journal.state import State, position_of
from monitor.model import Position, Recorded
from monitor.periods import local_day
from monitor.ports import Gap, Journal
from monitor.site import Site
from monitor.upkeepbook import Battery, EquipmentNow, GroupNow, ServiceDue, SupplyNow

__all__ = ["Upkeep"]

_log = structlog.get_logger()

T = TypeVar("T")

_TICK: Final = 1.0
_COMMIT_EVERY: Final = 15.0
_SETTLE_MS: Final = 500
_AFTER_FAILURE: Final = 1.0
_FORGET_EVERY: Final = 3600.0
_AT_ONCE: Final = 200
_MOST_ENTRIES: Final = 1000
"""So many entries wait in memory at most; a backlog of days makes them by the thousand."""
_HISTORY: Final = "history"
"""Key of where the journal ended at the very first start: of what stands before, nothing is told."""


class Upkeep:
    """Follows the journal; keeps the ledger; appends events and counts of equipment, and those of its parts.

    `may_forget`: whether the clock can be believed enough to throw away what is old by it.
    """

    name = PRODUCER

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        journal: Journal,
        store: State,
        site: Site,
        *,
        now: Callable[[], int],
        steady: Callable[[], float] = monotonic,
        may_forget: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._store = store
        self._site = site
        self._now = now
        self._steady = steady
        self._may_forget = may_forget
        self._batteries = Batteries(site)
        self._supplies = Supplies(site)
        self._room = PlantRoom(
            site, {"battery": self._batteries, "presence": Availability(site), "supply": self._supplies}
        )
        self._keeper = Keeper()
        self._number = 0
        self._position = Position(0)
        self._boundary = Position(0)
        """Where the journal ended at the start: what waits for that to be counted shall not wait longer."""
        self._resumes_at = 0
        """When that was (UTC ms): what is recorded from then on is of this life."""
        self._history = Position(0)
        self._is_resumed = False
        self._is_dirty = False
        self._committed_at = steady()
        self._kept_at = 0
        self._forgot_at = steady()
        self._busy = asyncio.Lock()
        self.applied = Position(0)
        """How far the ledger has come."""

    # Asking ----------------------------------------------------------------------------------------------

    def equipment(self) -> Sequence[EquipmentNow]:
        """Every piece of equipment as it is now."""
        return [machine.now() for machine in self._room.machines.values()]

    def groups(self) -> Sequence[GroupNow]:
        """Every group as it is now."""
        return [group.now() for group in self._room.groups.values()]

    def services(self) -> Sequence[ServiceDue]:
        """All work, what is due first before the rest."""
        return self._room.services.due(self._now())

    def batteries(self) -> Sequence[Battery]:
        """Every battery that says how full it is, the emptiest first."""
        return self._batteries.all(local_day(self._now(), self._site.timezone))

    def supply(self) -> Sequence[SupplyNow]:
        """The supply of every building as it is now."""
        return self._supplies.now()

    def status(self) -> dict[str, int]:
        """Facts for `status`: how far the ledger has come, and how equipment stands. Times in UTC ms."""
        machines = self.equipment()
        return {
            "position": self.applied,
            "lag": self._journal.last - self.applied,
            "last_commit": self._kept_at,
            "equipment": len(machines),
            "running": sum(each.state in {"running", "stopping", "failed_to_stop"} for each in machines),
            "failed": sum(each.state in {"failed_to_start", "failed_to_stop", "fault"} for each in machines),
            "unknown": sum(
                each.state == "unknown" and each.says_anything for each in self._room.machines.values()
            ),
            "services_due": sum(each.state == "due" for each in self.services()),
        }

    # Following -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after it until cancelled."""
        await self._insist(self._read)
        self._boundary, self._resumes_at = self._journal.last, self._now()
        self._resume_when_caught_up()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="equipment follow")
            group.create_task(self._watch(), name="equipment watch")

    def _read(self, db: sqlite3.Connection) -> None:
        self._number, kept = read_memory(db)
        self._position = self.applied = position_of(db, self.name)
        memory = {}
        for key, body in kept.items():
            with contextlib.suppress(ValueError):  # what cannot be read begins anew
                memory[key] = orjson.loads(body)
        if _HISTORY not in memory:
            memory[_HISTORY] = 0 if self._position else self._journal.last
            remember(db, _HISTORY, memory[_HISTORY])
        self._history = Position(memory[_HISTORY])
        self._room.load(memory)

    async def _insist(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await insist(
            self._store,
            work,
            failed=lambda why: _log.error("equipment_cannot_be_kept", error=why),
            again=lambda: _log.info("equipment_is_kept_again"),
        )

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._journal.follow(self._position):
                    async with self._busy:
                        for part in _parts(batch):
                            self._take(part)
                            await self._keep_in_time()
            except JournalError as error:
                _log.warning("equipment_cannot_read_the_journal", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    def _take(self, batch: Sequence[Recorded] | Gap) -> None:
        self._is_dirty = True
        is_past = self._position < self._history
        if isinstance(batch, Gap):
            _log.warning("equipment_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
            self._room.gap()
            self._position = batch.until
        else:
            for until in (self._history, self._boundary, batch[-1].position):
                part = [item for item in batch if self._position < item.position <= until]
                if part:
                    self._room.take(part, mute=until == self._history)
                    self._position = part[-1].position
                if is_past and self._position >= self._history:
                    is_past = False
                    self._room.begin_telling()
                self._resume_when_caught_up()
        if is_past and self._position >= self._history:
            self._room.begin_telling()
        self._resume_when_caught_up()

    def _resume_when_caught_up(self) -> None:
        """Once what was recorded before this start is counted, leave out the time until now."""
        if not self._is_resumed and self._position >= self._boundary:
            self._is_resumed = True
            self._room.resume(self._resumes_at)

    async def _watch(self) -> None:
        """Heed time also while nothing is recorded, and forget what is too old."""
        while True:
            await asyncio.sleep(_TICK)
            async with self._busy:
                if self._position >= self._journal.last:
                    self._resume_when_caught_up()
                    self._room.tick(self._now() - _SETTLE_MS)
                await self._keep_in_time()
            await self._forget()

    async def _forget(self) -> None:
        """Once an hour, forget what is older than the ledger has to keep, a step at a time."""
        if self._steady() - self._forgot_at < _FORGET_EVERY or not self._may_forget():
            return
        self._forgot_at = self._steady()
        with contextlib.suppress(JournalError):  # told where it is written; what is left goes the next time
            await forget_all(self._store, self._now() - round(self._site.metering.keep * 1000))

    # Keeping ---------------------------------------------------------------------------------------------

    async def _keep_in_time(self) -> None:
        """Keep what is new: soon when there is an event to tell, else every 15 seconds."""
        waited = self._steady() - self._committed_at
        is_large = self._room.waiting >= _MOST_ENTRIES
        if not (self._is_dirty or self._room.waiting) or (waited < _TICK and not is_large):
            return
        is_caught_up = self.applied < self._boundary <= self._position
        if waited >= _COMMIT_EVERY or self._room.has_events or is_large or is_caught_up:
            await self._keep()

    async def _keep(self) -> None:
        news = self._room.news(self._number + 1, self._position)

        def write(db: sqlite3.Connection) -> None:
            self._keeper.keep(db, news)

        await self._insist(write)
        self._number += 1
        self._is_dirty = False
        self._committed_at = self._steady()
        self._kept_at = self._now()
        self.applied = self._position
        self._journal.acknowledge(self.name, self._position)


def _parts(batch: Sequence[Recorded] | Gap) -> Iterable[Sequence[Recorded] | Gap]:
    """A batch some entries at a time, so that a backlog is kept as it is counted."""
    if isinstance(batch, Gap):
        return (batch,)
    return (batch[place : place + _AT_ONCE] for place in range(0, len(batch), _AT_ONCE))
