"""A real journal, a real ledger, and metering between them, for tests."""

import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State
from monitor.metering.book import Book
from monitor.metering.consumer import Metering
from monitor.model import Derived, Entry, Event, Reading, Recorded
from monitor.ports import Batch
from monitor.site import JournalSettings, Site
from tests.clock import ManualClock
from tests.running import running, settled

__all__ = ["Plant", "plant", "reading"]


def reading(device: str, time: int, values: Mapping[str, Any], **keys: Any) -> Reading:
    """What a device said at a moment."""
    return Reading(device=device, time=time, arrived=keys.pop("arrived", time), values=values, **keys)


class Plant:
    """A site that runs in a folder; entries are put in by hand."""

    def __init__(
        self,
        folder: Path,
        site: Site,
        journal: SqliteJournal,
        ledger: State,
        now: Callable[[], int],
        **keys: Any,
    ) -> None:
        self.folder = folder
        self.journal = journal
        self.ledger = ledger
        # Every look at it is twenty seconds later: whatever waits for time to pass need not wait.
        steady = itertools.count(0.0, 20.0).__next__
        self.metering = Metering(journal, ledger, site, now=now, steady=steady, **keys)
        self.book = Book(folder / "ledger.db", site, registers=self.metering.registers, now=now)
        self.feeder = Feeder(ledger, journal)

    async def keep(self, *entries: Entry) -> None:
        """Put entries into the journal."""
        await self.journal.append([Batch(entries=list(entries))])

    async def settle(self) -> None:
        """Return once metering has applied all there is, and what it told is in the journal."""

        async def is_idle() -> bool:
            last = self.journal.last
            waiting = await self.ledger.query("SELECT count(*) FROM produced")
            return self.metering.applied == last == self.journal.last and not waiting[0][0]

        await settled(is_idle, lambda: (self.metering.applied, self.journal.last))

    async def entries(self) -> Sequence[Recorded]:
        """All that the journal holds."""
        found = list[Recorded]()
        while more := await self.journal.read(found[-1].position if found else self._zero(), 10_000):
            assert not hasattr(more, "reason")
            found += more  # type: ignore[arg-type]  # no gap
        return found

    @staticmethod
    def _zero() -> Any:
        return 0

    async def derived(self, device: str = "", measurement: str = "") -> list[Derived]:
        """What metering told, in order."""
        found = [each.entry for each in await self.entries()]
        return [
            entry
            for entry in found
            if isinstance(entry, Derived)
            and (not device or entry.device == device)
            and (not measurement or entry.measurement == measurement)
        ]

    async def events(self, device: str = "") -> list[Event]:
        """The events that metering told."""
        found = [each.entry for each in await self.entries()]
        return [entry for entry in found if isinstance(entry, Event) and (not device or entry.device == device)]

    def sums(self) -> dict[tuple[str, str], float]:
        """What every counter has counted in all, by device and point."""
        with closing(sqlite3.connect(self.folder / "ledger.db")) as db:
            rows = db.execute(
                "SELECT device, point, sum(amount) FROM counter JOIN quarter ON counter.id = quarter.counter"
                " GROUP BY device, point"
            )
            return {(device, point): amount for device, point, amount in rows}


@asynccontextmanager
async def plant(
    folder: Path, site: Site, now: Callable[[], int] | None = None, **keys: Any
) -> AsyncIterator[Plant]:
    """Run a plant; what was in the folder goes on. `keys` are for the metering."""
    clock = ManualClock().now if now is None else now
    ledger = State.open(folder / "ledger.db", LEDGER)
    journal = SqliteJournal.open(
        folder / "journal.db", JournalSettings(), now=clock, begin_above=await ledger.newest_position()
    )
    made = Plant(folder, site, journal, ledger, clock, **keys)
    try:
        async with running(made.metering, made.feeder):
            yield made
    finally:
        made.book.close()
        await journal.close()
        await ledger.close()
