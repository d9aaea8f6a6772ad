"""A real journal, a real ledger, and upkeep between them, for tests."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from monitor.equipment.book import Book
from monitor.equipment.consumer import Upkeep
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State
from monitor.model import Derived, Entry, Event, Reading, Recorded
from monitor.ports import Batch
from monitor.schema import UPKEEP_EVENTS
from monitor.site import JournalSettings, Site
from tests.clock import ManualClock
from tests.running import running, settled

__all__ = ["House", "house"]


class House:
    """A site that runs in a folder; entries are put in by hand."""

    def __init__(
        self, folder: Path, site: Site, journal: SqliteJournal, ledger: State, now: Callable[[], int]
    ) -> None:
        self.journal = journal
        self.ledger = ledger
        # Every look at it is twenty seconds later: whatever waits for time to pass need not wait.
        steady = itertools.count(0.0, 20.0).__next__
        self.upkeep = Upkeep(journal, ledger, site, now=now, steady=steady)
        self.book = Book(folder / "ledger.db", site, upkeep=self.upkeep, now=now)
        self.feeder = Feeder(ledger, journal)

    async def keep(self, *entries: Entry) -> None:
        """Put entries into the journal."""
        await self.journal.append([Batch(entries=list(entries))])

    async def begun(self) -> None:
        """Return once this start is known: what is put in, and what time it is, before that is history."""
        async with asyncio.timeout(60):
            while True:
                if self.upkeep._resumes_at:
                    return
                await asyncio.sleep(0.01)

    async def live(self, clock: ManualClock, *entries: Reading) -> None:
        """Put readings into the journal, each at its time."""
        for entry in entries:
            clock.time = max(clock.time, entry.arrived)
            await self.keep(entry)

    async def settle(self) -> None:
        """Return once upkeep has applied all there is, and what it told is in the journal."""

        async def is_idle() -> bool:
            last = self.journal.last
            waiting = await self.ledger.query("SELECT count(*) FROM produced")
            return self.upkeep.applied == last == self.journal.last and not waiting[0][0]

        await settled(is_idle, lambda: (self.upkeep.applied, self.journal.last))

    async def until(self, kind: str, number: int = 1) -> list[Event]:
        """Return once so many events of a kind are in the journal."""
        async with asyncio.timeout(60):
            while True:
                found = [each for each in await self.events() if each.kind == kind]
                if len(found) >= number:
                    return found
                await asyncio.sleep(0.05)

    async def entries(self) -> Sequence[Recorded]:
        """All that the journal holds."""
        found = list[Recorded]()
        while more := await self.journal.read(found[-1].position if found else _zero(), 10_000):
            assert not hasattr(more, "reason")
            found += more  # type: ignore[arg-type]  # no gap
        return found

    async def events(self) -> list[Event]:
        """The events that upkeep told, in order."""
        found = [each.entry for each in await self.entries()]
        return [each for each in found if isinstance(each, Event) and each.kind in UPKEEP_EVENTS]

    async def derived(self) -> list[Derived]:
        """The counts that upkeep told, in order."""
        return [each.entry for each in await self.entries() if isinstance(each.entry, Derived)]


def _zero() -> Any:
    return 0


@asynccontextmanager
async def house(folder: Path, site: Site, now: Callable[[], int], *, runs: bool = True) -> AsyncIterator[House]:
    """Run a house; what was in the folder goes on. `runs` False: only the journal takes what comes."""
    ledger = State.open(folder / "ledger.db", LEDGER)
    journal = SqliteJournal.open(
        folder / "journal.db", JournalSettings(), now=now, begin_above=await ledger.newest_position()
    )
    made = House(folder, site, journal, ledger, now)
    try:
        async with running(*((made.upkeep, made.feeder) if runs else ())):
            if runs:
                await made.begun()
            yield made
    finally:
        made.book.close()
        await journal.close()
        await ledger.close()
