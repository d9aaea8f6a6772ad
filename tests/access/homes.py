"""A site of nested zones, and a real journal, access.db, people and book in a folder, for tests."""

import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor.access.book import Book
from monitor.access.people import People
from monitor.calendars import Hours, Schedule
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import ACCESS, State
from monitor.model import Derived, Entry, Event, Position, Recorded, Value
from monitor.ports import Batch
from monitor.schema import MEASUREMENT_OCCUPANCY
from monitor.site import Device, JournalSettings, Site
from monitor.zones import AccessSettings, AccessZone
from tests.clock import ManualClock
from tests.journal.conformance import everything
from tests.metering.ledgers import ms
from tests.running import running, settled

__all__ = [
    "NOON",
    "SITE",
    "WEEKDAYS",
    "Home",
    "again",
    "card",
    "home",
    "passage",
    "pseudonym",
    "shown",
    "site_of",
    "through",
    "zone",
]

NOON = ms("2026-11-27 12:00", "Europe/Berlin")
OWN = {"out_of_hours", "passback", "crowded"}


def zone(ident: str, *doors: str, **keys: Any) -> AccessZone:
    """A zone with these doors."""
    return AccessZone(id=ident, name=ident.title(), doors=doors, **keys)


def site_of(*zones: AccessZone, timezone: str = "Europe/Berlin", keep: float = 90 * 86400.0) -> Site:
    """A site of these zones: each door has a contact of its name, and the readers `<door>-in` and `<door>-out`."""
    devices = {}
    for door in (door for each in zones for door in each.doors):
        devices[door] = Device(id=door, name=door, connection="broker", device_class="door")
        for way in ("in", "out"):
            name = f"{door}-{way}"
            devices[name] = Device(
                id=name, name=name, connection="broker", device_class="access", door=door, direction=way
            )
    access = AccessSettings(zones={each.id: each for each in zones}, keep=keep)
    return Site(id="hq", name="HQ", timezone=ZoneInfo(timezone), devices=devices, access=access)


WEEKDAYS = Schedule(hours=(Hours(days=frozenset({1, 2, 3, 4, 5}), spans=((7 * 60, 19 * 60),)),))
SITE = site_of(
    zone("house", "front", "gate"),
    zone("floor", "stairs", within="house", hours=WEEKDAYS, most=2),
    zone("lab", "sluice", within="floor", passback=True, reset=4 * 60),
)


def pseudonym(person: str) -> str:
    """24 hex digits that stand for somebody."""
    return person.encode().hex().ljust(24, "0")[:24]


def card(reader: str, time: int, person: str = "", **attributes: Value) -> Event:
    """A card that was granted, unless it says otherwise."""
    said: dict[str, Value] = {"result": "granted", **attributes}
    if person:
        said["credential"] = pseudonym(person)
    return Event(device=reader, kind="card", time=time, arrived=time, id=f"c{time}", attributes=said)


def passage(shown: Event, after: int = 0) -> Event:
    """The card was used."""
    door = shown.device.rpartition("-")[0]
    return Event(
        device=shown.device,
        kind="passage",
        time=shown.time + after,
        arrived=shown.arrived + after,
        id=f"passage-{shown.id}",
        attributes={"door": door, "card": shown.id},
    )


def through(reader: str, time: int, person: str = "", *, arrived: int | None = None) -> tuple[Event, Event]:
    """A card that was granted, and used."""
    shown = replace(card(reader, time, person), arrived=time if arrived is None else arrived)
    return shown, passage(shown)


class Home:
    """A site that runs in a folder; entries are put in by hand."""

    def __init__(
        self, folder: Path, site: Site, journal: SqliteJournal, store: State, now: Callable[[], int]
    ) -> None:
        self.folder = folder
        self.journal = journal
        self.store = store
        # Every look at it is twenty seconds later: whatever waits for time to pass need not wait.
        steady = itertools.count(0.0, 20.0).__next__
        self.people = People(journal, store, site, now=now, steady=steady)
        self.book = Book(
            folder / "access.db",
            folder / "state.db",
            site,
            doors=lambda: (),
            zones=self.people.zones,
            now=now,
        )
        self.feeder = Feeder(store, journal)

    async def keep(self, *entries: Entry) -> None:
        """Put entries into the journal."""
        await self.journal.append([Batch(entries=list(entries))])

    async def settle(self) -> None:
        """Return once everything is applied, and what was told is in the journal and applied, too."""

        async def is_idle() -> bool:
            last = self.journal.last
            waiting = await self.store.query("SELECT count(*) FROM produced")
            has_told = self.people._is_telling and not self.people._told and not waiting[0][0]
            return has_told and self.people.applied == last == self.journal.last

        await settled(is_idle, lambda: (self.people.applied, self.journal.last))

    async def entries(self) -> list[Recorded]:
        """All that the journal has."""
        return await everything(self.journal)

    async def told(self) -> list[tuple[str, str, str, Mapping[str, Value]]]:
        """What was told of people: kind, device, id, attributes."""
        found = [each.entry for each in await self.entries()]
        return [
            (event.kind, event.device, event.id, event.attributes)
            for event in found
            if isinstance(event, Event) and event.kind in OWN
        ]

    async def figures(self, ident: str) -> list[tuple[int, int, int]]:
        """Every count of a zone that was told: time, count, known."""
        found = [each.entry for each in await self.entries()]
        return [
            (each.time, int(each.values["count"]), int(each.values["known"]))
            for each in found
            if isinstance(each, Derived)
            and each.measurement == MEASUREMENT_OCCUPANCY
            and each.attributes == {"zone": ident}
        ]

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many are in each zone by what is committed."""
        return {each.zone: (each.count, each.known) for each in self.people.zones()}

    async def where(self) -> dict[str, str]:
        """Who is in which zone, by the book."""
        return {each.credential: each.zone for each in await self.book.present()}

    def bytes(self) -> bytes:
        """All that is in the files of access.db."""
        return b"".join(file.read_bytes() for file in sorted(self.folder.glob("access.db*")))


@asynccontextmanager
async def home(
    folder: Path, site: Site, clock: ManualClock, *, is_running: bool = True, begin_above: int = 0
) -> AsyncIterator[Home]:
    """A site that runs; everything is stopped at the end."""
    store = State.open(folder / "access.db", ACCESS)
    journal = SqliteJournal.open(
        folder / "journal.db", JournalSettings(), now=clock.now, begin_above=Position(begin_above)
    )
    made = Home(folder, site, journal, store, clock.now)
    try:
        async with running(*((made.people, made.feeder) if is_running else ())):
            yield made
    finally:
        made.book.close()
        await journal.close()
        await store.close()


def shown(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask access.db something."""
    with closing(sqlite3.connect(folder / "access.db")) as db:
        return db.execute(sql).fetchall()


def again(event: Event) -> Event:
    """The same event once more, as another object."""
    return replace(event)
