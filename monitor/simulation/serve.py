"""Serves a simulated site: what each connection of a site file leads to, on loopback or on a pseudo-terminal."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from monitor.simulation.happened import Runs, truth
from monitor.simulation.places import ModbusPlace, must_be_local
from monitor.simulation.readers import Reader, is_polled_reader
from monitor.simulation.residents import Residents
from monitor.simulation.script import Script, read_faults
from monitor.simulation.speakers import SimulatedBroker
from monitor.simulation.stage import Place, Speech, Stage
from monitor.simulation.unit import Unit
from monitor.simulation.world import STEP, World
from monitor.site import Connection, Device

__all__ = ["SimulatedSite"]


class SimulatedSite:
    """Real protocol servers on this machine whose devices say what the simulated world says.

    `tell` hears what does not fit, and each fault that begins or ends. Raises SettingsError for a connection
    that leads away from this machine, and for a file of faults with mistakes.
    """

    def __init__(
        self, world: World, *, faults: Path | None = None, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._world = world
        self._faults = faults
        self._tell = tell
        self._unfit: set[tuple[str, str]] = set()
        self._runs = Runs(world)
        connections = world.site.connections.values()
        for connection in connections:
            must_be_local(connection)
        units: dict[str, Unit] = {}
        behind: dict[str, dict[int, Unit]] = {c.id: {} for c in connections if c.driver == "modbus"}
        for ident, here in behind.items():
            together: dict[int, list[Device]] = {}
            for device in self._devices(world.site.connections[ident]):
                together.setdefault(device.address.unit, []).append(device)
            for number, devices in together.items():
                for device in devices:
                    units[device.id] = _unit(device, here.get(number), devices)
                    here.setdefault(number, units[device.id])
        speeches: dict[str, Speech] = {}
        self._brokers = {
            c.id: SimulatedBroker(c, self._devices(c), world, speeches) for c in connections if c.driver == "mqtt"
        }
        places: dict[str, Place] = dict(self._brokers)
        for connection in connections:
            if connection.driver == "modbus":
                places[connection.id] = ModbusPlace(connection, behind[connection.id])
        readers = {
            device: Reader(world.site.devices[device], unit)
            for device, unit in units.items()
            if is_polled_reader(world.site.devices[device], world.site)
        }
        self.stage = Stage(world, units, places, speeches=speeches, readers=readers)
        if faults is not None:
            read_faults(faults, world.site)

    def _devices(self, connection: Connection) -> list[Device]:
        return [device for device in self._world.site.devices.values() if device.connection == connection.id]

    @property
    def residents(self) -> dict[str, Residents]:
        """Who comes and goes, by the connection of their readers."""
        return {ident: broker.residents for ident, broker in self._brokers.items()}

    def rest(self) -> None:
        """Let nobody set out any more."""
        for each in self.residents.values():
            each.rest()

    def truth(self) -> dict[str, Any]:
        """What really happened since the start (`monitor.simulation.happened.truth`)."""
        return truth(self.residents.values(), self._runs, self.stage.happened)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; `ready` is called once everything can be reached.

        Raises OSError for a taken port, SettingsError for what the machine cannot give.
        """
        async with contextlib.AsyncExitStack() as servers:
            for place in self.stage.places.values():
                await place.start()
                servers.push_async_callback(place.stop)
            self._refresh()
            ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_fresh(), name="simulated registers")
                for broker in self._brokers.values():
                    tasks.create_task(broker.speak(), name="simulated messages")
                    tasks.create_task(broker.live(), name="simulated residents")
                if self._faults is not None:
                    script = Script(self.stage, self._tell)
                    tasks.create_task(script.run(self._faults), name="faults")

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(STEP)
            self._refresh()

    def _refresh(self) -> None:
        now = time.time()
        self._runs.look(now)
        for device_id, unit in self.stage.units.items():
            unit.faults.silent = self._world.is_silent(device_id, now)
            for point, value in self._world.values(self._world.site.devices[device_id], now).items():
                if device_id in self.stage.readers and point in self.stage.readers[device_id].points:
                    continue
                try:
                    unit.put(point, value)
                except ValueError as error:
                    if (device_id, point) not in self._unfit:
                        self._unfit.add((device_id, point))
                        self._tell(f"{device_id}: {point} keeps what it shows: {error}")


def _unit(device: Device, beside: Unit | None, together: Sequence[Device]) -> Unit:
    unit = Unit(device, beside=beside, together=together)
    unit.turn_around = getattr(device.protocol, "turnaround", None)
    return unit
