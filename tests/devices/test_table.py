"""Every shipped profile, and each of its variants: put into a site file, planned, served, and read back.

Modbus devices are served by the simulator over TCP, MQTT devices by its broker; both are read by the drivers.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers import DRIVERS
from drivers.modbus.cost import cost_of
from drivers.modbus.plan import Limits
from drivers.modbus.shared import shared_by
from monitor.app import load_site
from monitor.model import Event, Reading, Value
from monitor.ports import Answer, Batch, DriverContext
from monitor.settings.tables import resolve
from monitor.simulation.modbus import SimulatedBus
from monitor.simulation.speakers import SimulatedBroker
from monitor.simulation.unit import Unit
from monitor.simulation.world import World
from monitor.site import Device, Site
from tests.devices.library import Shipped, shipped
from tests.servers.ports import free_port

ALL = shipped()
MODBUS = [one for one in ALL if one.driver == "modbus"]
MQTT = [one for one in ALL if one.driver == "mqtt"]
CONTEXT = DriverContext(now=lambda: int(time.time() * 1000), pseudonymise=lambda _: "p", site="house")
UNITS = 240
ENOUGH = 60.0


def _site(folder: Path, entries: list[str], connections: list[str]) -> Site:
    file = folder / "site.yaml"
    text = "site: {id: house, timezone: Europe/Berlin}\nconnections:\n" + "".join(connections)
    file.write_text(f"{text}devices:\n{''.join(entries)}", "utf-8")
    return load_site(file).site


def _modbus_site(folder: Path, ports: list[int]) -> Site:
    connections = [
        f"  - {{id: bus-{number}, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}}}}}\n"
        for number, port in enumerate(ports)
    ]
    entries = [
        f"  - {one.entry(connection=f'bus-{number // UNITS}', place=f'unit: {number % UNITS + 1}')}\n"
        for number, one in enumerate(MODBUS)
    ]
    return _site(folder, entries, connections)


@dataclass
class Read:
    """A device of the table: what it was, what it said, and what was read of it."""

    device: Device
    served: Mapping[str, Value]
    answers: list[Answer]


async def _read_all(folder: Path) -> dict[str, Read]:
    ports = [free_port() for _ in range(0, len(MODBUS), UNITS)]
    site = _modbus_site(folder, ports)
    world, now = World(site), time.time()
    read: dict[str, Read] = {}
    for connection, port in zip(site.connections.values(), ports, strict=True):
        devices = [device for device in site.devices.values() if device.connection == connection.id]
        units = {}
        for device in devices:
            served = world.values(device, now)
            units[device.address.unit] = unit = Unit(device)
            for point, value in served.items():
                unit.put(point, value)
            read[device.id] = Read(device, served, [])
        bus = SimulatedBus(units)
        await bus.start(port=port)
        driver = resolve(DRIVERS)["modbus"].create(connection, devices, CONTEXT)
        try:
            for device in devices:
                for scan in dict.fromkeys(point.scan for point in device.points.values()):
                    read[device.id].answers.append(await driver.read(device.id, scan))
        finally:
            await driver.close()
            await bus.stop()
    return read


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Every Modbus device of the table, read once over TCP."""
    return asyncio.run(_read_all(tmp_path_factory.mktemp("table")))


def _step(device: Device, point: str) -> float:
    """How far a value may be from what was served: one step of the number that carries it."""
    of = device.points[point]
    kind = of.source.type
    scale = abs(of.factor / of.divisor)
    return scale if kind.startswith(("int", "uint", "bcd")) and of.source.scale_register is None else 0.0


@pytest.mark.parametrize("one", MODBUS, ids=str)
def test_a_device_is_read_as_it_was_served(one: Shipped, read: dict[str, Read]) -> None:
    this = read[one.ident]
    values = {name: value for answer in this.answers for name, value in answer.values.items()}
    missing = {name: reason for answer in this.answers for name, reason in answer.missing.items()}

    assert all(answer.answered and not answer.error for answer in this.answers)
    for name, served in this.served.items():
        if isinstance(served, float):
            near = pytest.approx(
                served, rel=0.006 if "sunspec" in one.profile else 1e-6, abs=_step(this.device, name)
            )
            is_none = served == 0 and missing.get(name) == "sentinel"  # SunSpec: a counter of 0 is not counted
            assert is_none or values[name] == near, name
        elif isinstance(served, bool):
            assert values[name] in {served, float(served)}, name
        else:
            assert values[name] == served, name


@pytest.mark.parametrize("one", MODBUS, ids=str)
def test_no_request_crosses_what_a_device_forbids_or_is_larger_than_it_takes(
    one: Shipped, read: dict[str, Read]
) -> None:
    device = read[one.ident].device
    limits = Limits.of(device.protocol)
    connection = resolve(DRIVERS)["modbus"].connection_model(transport="tcp", host="127.0.0.1")
    planned = shared_by(device, cost_of(connection, device.protocol))
    blocks = [decoder.block for scan in planned.scans.values() for decoder in scan.decoders]

    assert blocks
    for block in blocks:
        assert block.count <= limits.most(block.table)
        assert not limits.forbids(block.table, block.first, block.first + block.count)


# Over MQTT -----------------------------------------------------------------------------------------------


async def _hear_all(folder: Path) -> dict[str, list[Reading | Event]]:
    port = free_port()
    entries = [f"  - {one.entry(connection='broker', place=f'topic: site/{one.ident}')}\n" for one in MQTT]
    url = f'"mqtt://127.0.0.1:{port}"'
    site = _site(folder, entries, [f"  - {{id: broker, mqtt: {{url: {url}, protocol: 3.1.1}}}}\n"])
    connection, devices = site.connections["broker"], list(site.devices.values())
    heard: dict[str, list[Reading | Event]] = {device.id: [] for device in devices}
    waiting = {device.id for device in devices if device.points}
    done = asyncio.Event()

    async def intake(batches: list[Batch], **_: Any) -> int:
        for batch in batches:
            for entry in batch.entries:
                assert isinstance(entry, Reading | Event)
                heard[entry.device].append(entry)
                if isinstance(entry, Reading) and entry.values:
                    waiting.discard(entry.device)
        if not waiting:
            done.set()
        return 0

    broker = SimulatedBroker(connection, devices, World(site), {})
    await broker.start()
    driver = resolve(DRIVERS)["mqtt"].create(connection, devices, CONTEXT)
    tasks = [asyncio.create_task(driver.run(intake)), asyncio.create_task(broker.speak())]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), ENOUGH)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
    await broker.stop()
    return heard


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Reading | Event]]:
    """What was heard of every MQTT device of the table."""
    return asyncio.run(_hear_all(tmp_path_factory.mktemp("heard")))


@pytest.mark.parametrize("one", [one for one in MQTT if one.has_points], ids=str)
def test_a_device_is_heard_as_it_speaks(
    one: Shipped, heard: dict[str, list[Reading | Event]], tmp_path: Path
) -> None:
    url = '"mqtt://127.0.0.1:1883"'
    entry = f"  - {one.entry(connection='broker', place='topic: a')}\n"
    site = _site(tmp_path, [entry], [f"  - {{id: broker, mqtt: {{url: {url}, protocol: 3.1.1}}}}\n"])
    device = site.devices[one.ident]
    readings = [entry for entry in heard[one.ident] if isinstance(entry, Reading)]
    values = {name: (value, each.time) for each in readings for name, value in each.values.items()}
    missing = {name: str(reason) for each in readings for name, reason in each.missing.items()}

    assert values.keys() == device.points.keys(), missing
    for name, (value, at) in values.items():
        said = World(site).values(device, at / 1000)[name]
        if isinstance(said, float):
            lately = [said, *(float(World(site).values(device, at / 1000 - ago)[name]) for ago in (0.5, 1, 2, 4))]
            slack = 0.05 + 0.05 * abs(said)
            assert min(lately) - slack <= float(value) <= max(lately) + slack, name
        else:
            assert value == said, name
