"""Serves a simulated site: a Modbus endpoint and an MQTT broker for each loopback connection of a site file."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from itertools import count
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.errors import SettingsError
from monitor.simulation import payload
from monitor.simulation.building import noise
from monitor.simulation.modbus import SimulatedBus, Unit
from monitor.simulation.world import World
from monitor.site import Connection, Device

__all__ = ["SimulatedSite"]

_STEP = 0.25
_PASSAGE = 8.0
_DOOR_STAYS_OPEN = 2.5
_CARDS = ("5a3fb1c2", "91c04e7d", "ab12cd3", "77e0041f")
"""Cards of the simulated residents, as an esp-rfid reader prints them."""
_SPEAKS_EVERY = 5.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SimulatedSite:
    """Real protocol servers on loopback whose devices say what the simulated world says.

    Raises SettingsError for a connection that is not on loopback: this never plays somebody else's network.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        connections = world.site.connections.values()
        for connection in connections:
            if connection.options.host not in _LOOPBACK:
                raise SettingsError(
                    f"connection `{connection.id}` is at {connection.options.host}: only loopback is simulated"
                )
        self._buses = {c.id: self._bus(c) for c in connections if c.driver == "modbus"}
        self._brokers = [c for c in connections if c.driver == "mqtt"]

    def _devices(self, connection: str) -> list[Device]:
        return [device for device in self._world.site.devices.values() if device.connection == connection]

    def _bus(self, connection: Connection) -> tuple[SimulatedBus, Mapping[str, Unit]]:
        devices = self._devices(connection.id)
        units = {device.id: Unit(device) for device in devices}
        return SimulatedBus({device.address.unit: units[device.id] for device in devices}), units

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; `ready` is called once every server listens. Raises OSError for a taken port."""
        async with contextlib.AsyncExitStack() as servers:
            for connection_id, (bus, _) in self._buses.items():
                options = self._world.site.connections[connection_id].options
                await bus.start(options.host, options.number)
                servers.push_async_callback(bus.stop)
            clients = [
                (await servers.enter_async_context(_broker(connection)), self._devices(connection.id))
                for connection in self._brokers
            ]
            self._refresh()
            ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_fresh(), name="simulated registers")
                for client, devices in clients:
                    tasks.create_task(self._speak(client, devices), name="simulated messages")
                    tasks.create_task(self._pass_doors(client, devices), name="simulated residents")

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(_STEP)
            self._refresh()

    def _refresh(self) -> None:
        now = time.time()
        for bus, units in self._buses.values():
            del bus
            for device_id, unit in units.items():
                unit.faults.silent = device_id in self._world.silent
                for point, value in self._world.values(self._world.site.devices[device_id], now).items():
                    unit.put(point, value)

    async def _speak(self, client: paho.Client, devices: Iterable[Device]) -> None:
        """Each device speaks in its rhythm, and at once when one of its states changes."""
        said: dict[str, dict[str, Any]] = {}
        due: dict[str, float] = {}
        while True:
            now = time.time()
            for device in devices:
                if not device.points or device.id in self._world.silent:
                    continue
                values = self._world.values(device, now)
                states = {name: value for name, value in values.items() if isinstance(value, bool)}
                if now >= due.get(device.id, 0.0) or states != said.get(device.id):
                    said[device.id] = states
                    due[device.id] = now + (device.expected_every or _SPEAKS_EVERY)
                    for topic, body in payload.reading(device, values, now):
                        client.publish(topic, body, qos=1)
            await asyncio.sleep(_STEP)

    async def _pass_doors(self, client: paho.Client, devices: Iterable[Device]) -> None:
        """Residents come home: a card at a reader, the door opens, the door falls shut."""
        readers = [device for device in devices if device.device_class == "access" and device.door]
        for turn in count() if readers else ():
            await asyncio.sleep(_PASSAGE * (0.7 + 0.6 * noise(str(turn))))
            reader = readers[0] if turn % 3 else readers[turn // 3 % len(readers)]
            door = self._world.site.devices[reader.door]
            if (door.id, "open") in self._world.overrides:
                continue
            granted = turn % 7 != 5  # noqa: PLR2004 - now and then somebody has no right
            topic, body = payload.card(reader, _CARDS[turn % len(_CARDS)], granted=granted, now=time.time())
            client.publish(topic, body, qos=1)
            if granted:
                await asyncio.sleep(0.8)
                self._world.overrides[(door.id, "open")] = True
                await asyncio.sleep(_DOOR_STAYS_OPEN)
                self._world.overrides.pop((door.id, "open"), None)


@contextlib.asynccontextmanager
async def _broker(connection: Connection) -> AsyncIterator[paho.Client]:
    """A broker of the connection's own, in a child process, and the client that the simulated devices share."""
    try:
        from iotcore import Broker
    except ImportError:
        raise SettingsError(
            "the simulated broker is not installed; install facility-monitor[demo] or run `make setup`"
        ) from None
    options = connection.options
    broker = Broker(port=options.port, listen=options.host)
    await asyncio.to_thread(broker.start)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"simulated-{connection.id}")
    try:
        await asyncio.to_thread(client.connect, options.host, options.port)
        client.loop_start()
        yield client
    finally:
        client.disconnect()
        client.loop_stop()
        await asyncio.to_thread(broker.stop)
