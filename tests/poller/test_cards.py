"""Cards from a simulated reader to the journal: one event each, with the reading of its poll."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.modbus import MODBUS
from monitor.access.pseudonyms import Pseudonyms
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event, Position, Reading
from monitor.poller import Poller
from monitor.ports import DriverContext
from monitor.simulation.modbus import SimulatedBus, Unit
from monitor.simulation.readers import Reader
from monitor.site import Connection, Device
from tests.drivers.modbus.readers import CARDS, OTHERS, device_of
from tests.poller.scripted import SteppedClock, until


class Place:
    """A reader that is served; the monitor in front of it can be made anew, over the same journal."""

    def __init__(self, device: Device, journal: SqliteJournal, folder: Path) -> None:
        self.device = device
        self.unit = Unit(device)
        self.reader = Reader(device, self.unit)
        self.bus = SimulatedBus({2: self.unit})
        self.port = 0
        self.journal = journal
        self.pseudonyms = Pseudonyms.open(folder)

    @asynccontextmanager
    async def monitored(self, polls: int = 3) -> AsyncIterator[Poller]:
        self.port = self.port or await self.bus.start()
        written = {"transport": "tcp", "host": "127.0.0.1", "port": self.port, "timeout": "5 s", "retries": 0}
        options = MODBUS.connection_model.model_validate(written)
        context = DriverContext(
            now=SteppedClock().now,
            pseudonymise=self.pseudonyms,
            site="house",
            last_event=self.journal.last_event,
        )
        driver = MODBUS.create(Connection(id="bus", driver="modbus", options=options), [self.device], context)
        poller = Poller({"bus": driver}, {"front": self.device}, self.journal, clock=SteppedClock())
        task = asyncio.create_task(poller.run())
        try:
            await polled(poller, polls)
            yield poller
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def events(self) -> list[Event]:
        return [entry for entry in await self.entries() if isinstance(entry, Event)]

    async def entries(self) -> list[object]:
        found = await self.journal.read(Position(0), 10_000)
        assert isinstance(found, list | tuple)
        return [recorded.entry for recorded in found]


def hourly(folder: Path) -> Device:
    """A reader that waits for acknowledgements, and is asked in its turn once an hour."""
    device = device_of("inveo-rfid-ind", folder, acknowledge="true")
    return replace(device, scan=dict.fromkeys(device.scan, 3600.0))


def files(folder: Path) -> list[bytes]:
    """Those of the journal."""
    return [path.read_bytes() for path in folder.glob("journal.db*")]


async def polled(poller: Poller, times: int = 3) -> None:
    before = poller.status()["front"].polls
    await until(lambda: poller.status()["front"].polls >= before + times)


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="A restart doubles no card, held on or not acknowledged, and loses none that waits in its reader.",
)
@pytest.mark.parametrize("profile", ["technotrade-vrd-485", "inveo-rfid-ind"])
async def test_cards_are_kept_once_each_over_restarts(
    profile: str, journal: SqliteJournal, tmp_path: Path
) -> None:
    latched = profile == "inveo-rfid-ind"
    leave = {"acknowledge": "true"} if latched else {}
    place = Place(device_of(profile, tmp_path, every="100 ms", **leave), journal, tmp_path)
    allowed = set(place.unit.may_be_written)
    async with place.monitored() as poller:
        place.unit.may_be_written.clear()
        place.reader.hold(CARDS[profile])
        await polled(poller, 6)
    async with place.monitored() as poller:
        await polled(poller)
        place.unit.may_be_written.update(allowed)
        await polled(poller)
        place.reader.hold("")
        await polled(poller)
    place.reader.hold(OTHERS[profile])
    async with place.monitored() as poller:
        await polled(poller)
        place.reader.hold("")
        await polled(poller)
    await place.bus.stop()

    names = [place.pseudonyms(each) for each in (CARDS[profile], OTHERS[profile])]
    assert [event.attributes for event in await place.events()] == [{"credential": name} for name in names]
    assert place.unit.get("coil", 1016, 1) == [0]


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="A reader that keeps cards in its memory and shows one at a time is asked again at once until none is"
    " left; nobody else on its bus is kept waiting.",
)
async def test_a_memory_of_cards_is_emptied_without_waiting_for_the_next_poll(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    place = Place(hourly(tmp_path), journal, tmp_path)
    numbers = [f"{number:040x}" for number in range(1, 51)]
    place.reader.queue(*numbers)
    async with place.monitored(polls=1):
        await until(lambda: not place.reader.waiting and place.unit.get("coil", 1016, 1) == [0])
    await place.bus.stop()

    told = [event.attributes["credential"] for event in await place.events()]
    assert told == [place.pseudonyms(number) for number in numbers]


@pytest.mark.fault(
    "card held to a polled reader",
    part="Modbus",
    outcome="A card that stays, or cannot be cleared, is looked at with each poll, not as fast as the bus goes.",
)
async def test_a_card_that_cannot_be_cleared_does_not_take_the_bus(journal: SqliteJournal, tmp_path: Path) -> None:
    place = Place(hourly(tmp_path), journal, tmp_path)
    place.unit.may_be_written.clear()
    place.reader.queue(*(f"{number:040x}" for number in range(1, 51)))
    async with place.monitored(polls=3) as poller:
        await asyncio.sleep(0.5)
        polls = poller.status()["front"].polls
    await place.bus.stop()

    assert polls == 3
    assert len(await place.events()) == 1


async def test_an_event_stands_beside_the_reading_of_its_poll_and_no_number_is_in_the_journal(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    place = Place(device_of("technotrade-vrd-485", tmp_path, every="100 ms"), journal, tmp_path)
    async with place.monitored() as poller:
        place.reader.hold("a41e45c6")
        await polled(poller)
    await place.bus.stop()
    entries = await place.entries()
    (at,) = [number for number, entry in enumerate(entries) if isinstance(entry, Event)]
    reading, event = entries[at - 1 : at + 1]

    assert isinstance(reading, Reading)
    assert isinstance(event, Event)
    assert reading.values == {"present": True}
    assert reading.time == event.time
    for content in files(tmp_path):
        assert bytes.fromhex("a41e45c6") not in content
        assert b"a41e45c6" not in content.lower()
        assert str(0xA41E45C6).encode() not in content
