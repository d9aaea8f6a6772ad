"""The Modbus driver: one endpoint or line, its devices, and the few connections it may have open."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drivers.modbus.advice import Case, advice
from drivers.modbus.byhand import read_by_hand
from drivers.modbus.cards import Cards
from drivers.modbus.cost import cost_of, overhead_of
from drivers.modbus.discovery import SunSpecReader
from drivers.modbus.events import check_hidden
from drivers.modbus.links import Links
from drivers.modbus.placing import wanted_by
from drivers.modbus.reader import DeviceReader
from drivers.modbus.traffic import Seen
from monitor.ports import Answer, DriverContext, Traffic
from monitor.site import Connection, Device

if TYPE_CHECKING:
    from drivers.modbus.connection import ConnectionModel

__all__ = ["ModbusDriver"]


class ModbusDriver:
    """Reads the devices behind one Modbus endpoint or line; a `monitor.ports.RegisterDriver`.

    `concurrency` calls may be under way at once, for different devices; more of them wait for their turn.
    Raises SettingsError at construction for points that no request may read.
    """

    def __init__(self, connection: Connection, devices: Sequence[Device], context: DriverContext) -> None:
        options: ConnectionModel = connection.options
        self.concurrency = options.connections
        self.place = options.place
        self.line = str(options.line) if options.is_line else ""
        self.timeout = options.timeout
        self.overhead = overhead_of(options)
        self._options = options
        self._links = Links(connection.id, options)
        self._readers = {device.id: self._reader(device, context) for device in devices}

    def _reader(self, device: Device, context: DriverContext) -> SunSpecReader | DeviceReader:
        check_hidden(device)
        asks: dict[str, Any] = {
            "cost": cost_of(self._options, device.protocol),
            "tries": self._options.retries + 1,
            "now": context.now,
            "monotonic": time.monotonic,
            "spread": self._links.side_by_side,
        }
        if wanted_by(device.points.values()):
            return SunSpecReader(device, **asks)
        seen = Seen()
        cards = Cards(device, context, seen=seen, monotonic=time.monotonic) if device.events else None
        return DeviceReader(device, seen=seen, cards=cards, **asks)

    async def read(self, device: str, scan: str) -> Answer:
        """Ask for all points of a scan class. Connects when needed. Never raises for what devices do."""
        link = await self._links.take()
        try:
            return await self._readers[device].read(link, scan)
        finally:
            self._links.give(link)

    async def probe(self, device: str) -> Answer:
        """Ask once for one value, to learn whether the device answers again."""
        link = await self._links.take()
        try:
            return await self._readers[device].probe(link)
        finally:
            self._links.give(link)

    async def registers(
        self, unit: int, table: str, first: int, count: int, *, patience: float | None = None
    ) -> Sequence[int]:
        """Read registers by hand, with one request; raises what `monitor.ports.RegisterBus.read` does."""
        link = await self._links.take()
        try:
            return await read_by_hand(link, unit, table, first, count, patience=patience)
        finally:
            self._links.give(link)

    def traffic(self, device: str) -> Traffic:
        """What has passed between the connection and a device since the start."""
        return self._readers[device].seen.traffic()

    def advice(self, device: str) -> str:
        """What to look at when this device does badly, by what was seen on the wire; or nothing."""
        reader = self._readers[device]
        neighbours = any(other.seen.answers for other in self._readers.values() if other is not reader)
        return advice(Case(self._options, reader.unit, reader.seen, neighbours))

    async def close(self) -> None:
        """Close all connections; safe to call twice. A later call would open them again."""
        self._links.close()
        await asyncio.sleep(0)  # lets the transports finish closing
