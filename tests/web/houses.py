"""A house with doors, people and pumps behind the API: real files, real stores, real books."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from monitor.access.pseudonyms import Pseudonyms
from monitor.app.people import AccessParts
from monitor.equipment.book import Book
from monitor.equipment.consumer import Upkeep
from monitor.journal.feeder import Feeder
from monitor.journal.files import Files, open_files
from monitor.model import Command, Entry, Event, Position, Reading, Value
from monitor.plant import Equipment, Group, Service, Supply
from monitor.ports import Batch
from monitor.site import Device, JournalSettings, Point, Site
from monitor.web.parts import Parts
from monitor.web.upkeepdesk import Upkeep as UpkeepDesk
from monitor.zones import AccessSettings, AccessZone
from tests.clock import ManualClock
from tests.web.serving import make_parts, serving

__all__ = [
    "DAY",
    "HOUR",
    "NOON",
    "PSEUDONYMS",
    "SITE",
    "House",
    "card",
    "furnish",
    "furnished",
    "living",
    "passage",
    "said",
]

NOON = 1_795_780_800_000  # Friday, 2026-11-27 12:00 UTC, 13:00 in Berlin
HOUR = 3_600_000
DAY = 24 * HOUR
PSEUDONYMS = Pseudonyms(b"key-of-the-tests-key-of-the-test")


def _device(ident: str, device_class: str, *points: str, **facts: Any) -> Device:
    """A device that sends by itself, once an hour at least."""
    facts = {"building": "A", "expected_every": 3600.0} | facts
    return Device(
        id=ident,
        name=ident.replace("-", " ").title(),
        connection="broker",
        device_class=device_class,
        points={name: Point(name=name) for name in points},
        **facts,
    )


OIL = Service(id="oil", name="Change the oil", hours=2000.0, every=365 * 86400.0)
BELT = Service(id="belt", name="Look at the belt", every=30 * 86400.0)
DEVICES = (
    _device("front", "door", "open"),
    _device("front-in", "access", door="front", direction="in"),
    _device("front-out", "access", door="front", direction="out"),
    _device("server", "door", "open"),
    _device("server-in", "access", door="server", direction="in"),
    _device("pump-1", "equipment", "running", "fault", "called", zone="Cellar"),
    _device("pump-2", "equipment", "running", "fault", "called", zone="Cellar"),
    _device("lift", "equipment", "running", building="B"),
    _device("climate", "environment", "battery_pct", "battery_low"),
    _device("main", "electricity", "voltage_l1_v", "voltage_l2_v", role="main"),
)
_SEEN = {"running": "running", "fault": "fault", "called": "called"}
SITE = Site(
    id="hq",
    name="HQ",
    timezone=ZoneInfo("Europe/Berlin"),
    devices={each.id: each for each in DEVICES},
    access=AccessSettings(
        names_key="a secret of the site",
        zones={
            "house": AccessZone(id="house", name="House", doors=("front",), most=40),
            "servers": AccessZone(id="servers", name="Server room", doors=("server",), within="house"),
        },
    ),
    equipment={
        "pump-1": Equipment(type="pump", services=(OIL, BELT), **_SEEN),
        "pump-2": Equipment(type="pump", **_SEEN),
        "lift": Equipment(running="running", services=(BELT,)),
    },
    groups={"boost": Group(id="boost", name="Pressure", members=("pump-1", "pump-2"))},
    supplies=(
        Supply(
            building="A", utility="electricity", device="main", points=("voltage_l1_v", "voltage_l2_v"), below=50.0
        ),
    ),
)


def said(device: str, time: int, **values: Value) -> Reading:
    return Reading(device=device, time=time, arrived=time, values=values)


def card(reader: str, time: int, number: str = "", result: str = "granted") -> Event:
    """A card with this number, or one that nobody knows the number of."""
    attributes: dict[str, Value] = {"result": result}
    if number:
        attributes["credential"] = PSEUDONYMS(number)
    return Event(device=reader, kind="card", time=time, arrived=time, id=f"c{time}", attributes=attributes)


def passage(shown: Event) -> Event:
    """The card was used, as doors tell it."""
    door = shown.device.rpartition("-")[0]
    facts: dict[str, Value] = {"door": door, "card": shown.id}
    time = shown.time + 1000
    return Event(
        device=shown.device, kind="passage", time=time, arrived=time, id=f"passage-{shown.id}", attributes=facts
    )


@dataclass
class House:
    """What runs, and what can be asked."""

    clock: ManualClock
    files: Files
    parts: Parts
    client: httpx.AsyncClient
    applied: Sequence[Callable[[], int]]

    async def keep(self, *entries: Entry) -> None:
        """Put entries into the journal, and return once everybody has taken them."""
        await self.files.journal.append([Batch(entries=list(entries))])
        await self.settle()

    async def settle(self) -> None:
        """Return once everybody has taken all there is."""
        async with asyncio.timeout(60):
            while True:
                if min(each() for each in self.applied) >= self.files.journal.last:
                    return
                await asyncio.sleep(0.02)

    async def commands(self, kind: str) -> list[Command]:
        """What people had kept in the journal."""
        found = await self.files.journal.read(Position(0), 10_000)
        assert isinstance(found, Sequence)
        return [each.entry for each in found if isinstance(each.entry, Command) and each.entry.kind == kind]


async def furnish(house: House) -> None:
    """A morning: two people and a visitor are in, a pump runs and the other has a fault, a phase was lost."""
    ana, ben = (card("front-in", NOON - minute * 60_000, who) for minute, who in ((50, "1001"), (40, "1002")))
    inner = card("server-in", NOON - 30 * 60_000, "1002")
    visitor = card("front-in", NOON - 20 * 60_000)
    entries: list[Entry] = [each for shown in (ana, ben, inner, visitor) for each in (shown, passage(shown))]
    entries.append(card("server-in", NOON - 10 * 60_000, "1003", "denied"))
    entries += [
        said("pump-1", NOON - HOUR, running=False, fault=False, called=True),
        said("pump-1", NOON - HOUR + 5000, running=True),
        said("pump-2", NOON - HOUR, running=False, fault=True, called=False),
        said("climate", NOON - HOUR, battery_pct=64.0, battery_low=False),
        said("main", NOON - HOUR, voltage_l1_v=231.0, voltage_l2_v=230.0),
        said("main", NOON - 30 * 60_000, voltage_l1_v=231.0, voltage_l2_v=3.0),
        said("main", NOON - 29 * 60_000, voltage_l1_v=231.0, voltage_l2_v=3.0),
        said("main", NOON - 20 * 60_000, voltage_l1_v=231.0, voltage_l2_v=230.0),
        said("main", NOON - 19 * 60_000, voltage_l1_v=231.0, voltage_l2_v=230.0),
        said("pump-1", NOON - 1000, running=True),
    ]
    for entry in sorted(entries, key=lambda each: each.time):
        house.clock.time = entry.time
        await house.files.journal.append([Batch(entries=[entry])])
    house.clock.time = NOON
    await house.settle()


@asynccontextmanager
async def living(folder: Path, clock: ManualClock, site: Site = SITE) -> AsyncIterator[House]:
    """Let it live in a folder until the block ends."""
    async with open_files(folder, JournalSettings(), now=clock.now, timezone=site.timezone) as files:
        access = AccessParts(
            site,
            files,
            folder,
            pseudonyms=PSEUDONYMS,
            now=clock.now,
            may_forget=lambda: True,
            outside=(),
        )
        # Every look at it is twenty seconds later: whatever waits for time to pass need not wait.
        steady = itertools.count(monotonic(), 20.0).__next__
        access.people._steady = itertools.count(monotonic(), 20.0).__next__
        upkeep = Upkeep(files.journal, files.ledger, site, now=clock.now, steady=steady)
        book = Book(folder / "ledger.db", site, upkeep=upkeep, now=clock.now)
        feeder = Feeder(files.ledger, files.journal)
        parts = replace(
            make_parts(files.journal, clock),
            site=site,
            access=access.desk,
            people=access.people.status,
            equipment=UpkeepDesk(book, site, clock.now),
            upkeep=upkeep.status,
            health=lambda: dict.fromkeys(site.devices, "answering") | {"lift": "suspended"},
        )
        work = [asyncio.create_task(each) for each in (*access.tasks().values(), upkeep.run(), feeder.run())]
        applied = [lambda: access.people.applied, lambda: upkeep.applied]
        try:
            async with serving(parts, folder / "api.sock") as client:
                yield House(clock, files, parts, client, applied)
        finally:
            for task in work:
                task.cancel()
            for task in work:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            access.close()
            book.close()


@asynccontextmanager
async def furnished(folder: Path) -> AsyncIterator[House]:
    """Let a house live in which something has happened in the last two hours; it is noon."""
    async with living(folder, ManualClock(NOON - 2 * HOUR)) as house:
        await furnish(house)
        yield house
