"""Card readers of the shipped profiles on a simulated bus, read by the real driver."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.modbus import MODBUS
from monitor.app import load_site
from monitor.clock import Clock
from monitor.model import Event
from monitor.ports import Answer, DriverContext
from monitor.simulation.modbus import SimulatedBus, Unit
from monitor.simulation.readers import Reader
from monitor.site import Connection, Device

if TYPE_CHECKING:
    from drivers.modbus.client import ModbusDriver

__all__ = ["CARDS", "OTHERS", "House", "device_of", "house", "name_of"]

CARDS = {
    "technotrade-vrd-485": "a41e45c6",
    "ic-10mrw": "a41e45c6",
    "rfideas-rdr-80581akd-p": "12022922",
    "inveo-rfid-ind": "00" * 15 + "53a41e45c6",
}
"""A card of each shipped profile, as its reader has it."""

OTHERS = {
    "technotrade-vrd-485": "0b22c7d1",
    "ic-10mrw": "0411223344aa80",
    "rfideas-rdr-80581akd-p": "98765432109876",
    "inveo-rfid-ind": "00" * 15 + "530b22c7d1",
}


def name_of(number: str) -> str:
    """What stands for a pseudonym."""
    return f"name of {number[::-1]}"


def device_of(profile: str, folder: Path, **keys: Any) -> Device:
    """A device of a shipped profile, as the site file makes it."""
    file = folder / "site.yaml"
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    file.write_text(
        "site: {id: house, timezone: Europe/Berlin}\n"
        "connections:\n  - {id: bus, modbus: {transport: tcp, host: 127.0.0.1, port: 1502}}\n"
        f"devices:\n  - {{id: front, profile: {profile}, connection: bus, unit: 2{more}}}\n",
        "utf-8",
    )
    return load_site(file).site.devices["front"]


class House:
    """One reader, what is held to it, and the driver, which can be made anew."""

    def __init__(self, device: Device, last: Callable[[str, str], Awaitable[Event | None]], timeout: str) -> None:
        self.device = device
        self.timeout = timeout
        self.unit = Unit(device)
        self.reader = Reader(device, self.unit)
        self.bus = SimulatedBus({2: self.unit})
        self.port = 0
        self._context = DriverContext(now=Clock().now, pseudonymise=name_of, site="house", last_event=last)
        self.driver: ModbusDriver

    async def start(self) -> None:
        """Be there, with a new driver."""
        self.port = self.port or await self.bus.start()
        written = {"transport": "tcp", "host": "127.0.0.1", "port": self.port}
        written |= {"timeout": self.timeout, "retries": 0}
        options = MODBUS.connection_model.model_validate(written)
        connection = Connection(id="bus", driver="modbus", options=options)
        self.driver = MODBUS.create(connection, [self.device], self._context)

    async def poll(self, *, kept: bool = True) -> Answer:
        """One poll; the journal keeps at once what it says, unless told otherwise."""
        answer = await self.driver.read("front", "fast")
        if kept and answer.kept is not None:
            answer.kept()
        return answer

    async def told(self, number: str = "", polls: int = 3) -> list[str]:
        """Hold a card, or none, for so many polls; answer the pseudonyms of the events."""
        self.reader.hold(number)
        answers = [await self.poll() for _ in range(polls)]
        return [str(event.attributes["credential"]) for answer in answers for event in answer.events]


async def _nothing(_device: str, _kind: str) -> Event | None:
    return None


@asynccontextmanager
async def house(
    profile: str,
    folder: Path,
    last: Callable[[str, str], Awaitable[Event | None]] = _nothing,
    *,
    patience: str = "5 s",
    **keys: Any,
) -> AsyncIterator[House]:
    """A reader of a shipped profile that is served and read until the block ends."""
    made = House(device_of(profile, folder, **keys), last, patience)
    await made.start()
    try:
        yield made
    finally:
        await made.driver.close()
        await made.bus.stop()
