"""The Modbus driver: one endpoint, its devices, and the few connections it may have open."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from drivers.modbus.cost import cost_of
from drivers.modbus.reader import DeviceReader
from drivers.modbus.wire import Link
from monitor.ports import Answer, DriverContext
from monitor.site import Connection, Device

if TYPE_CHECKING:
    from drivers.modbus.connection import ConnectionModel

__all__ = ["ModbusDriver"]


class ModbusDriver:
    """Reads the devices behind one Modbus TCP endpoint; a `monitor.ports.PolledDriver`.

    `concurrency` calls may be under way at once, for different devices; more of them wait for their turn.
    Raises SettingsError at construction for points that no request may read.
    """

    def __init__(self, connection: Connection, devices: Sequence[Device], context: DriverContext) -> None:
        options: ConnectionModel = connection.options
        self.concurrency = options.connections
        self._readers = {
            device.id: DeviceReader(
                device,
                cost=cost_of(options, device.protocol),
                tries=options.retries + 1,
                now=context.now,
                monotonic=time.monotonic,
            )
            for device in devices
        }
        self._links = [Link(options) for _ in range(options.connections)]
        self._idle = list(reversed(self._links))
        self._turns = asyncio.Semaphore(options.connections)

    async def read(self, device: str, scan: str) -> Answer:
        """Ask for all points of a scan class. Connects when needed. Never raises for what devices do."""
        async with self._turns:
            link = self._idle.pop()  # the one used last: further ones open only when they are needed
            try:
                return await self._readers[device].read(link, scan)
            finally:
                self._idle.append(link)

    async def probe(self, device: str) -> Answer:
        """Ask once for one value, to learn whether the device answers again."""
        async with self._turns:
            link = self._idle.pop()
            try:
                return await self._readers[device].probe(link)
            finally:
                self._idle.append(link)

    async def close(self) -> None:
        """Close all connections; safe to call twice. A later call would open them again."""
        for link in self._links:
            link.close()
