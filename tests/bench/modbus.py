"""CPU per point of reading over Modbus TCP: the driver, and the naive way beside it. Nothing is asserted.

100 connections, one device of 50 float32 points behind each, served by another process.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection as Pipe
from typing import TYPE_CHECKING, Any

from pymodbus.client import AsyncModbusTcpClient

from drivers.modbus import MODBUS
from monitor.clock import Clock
from monitor.ports import DriverContext
from monitor.simulation.modbus import SimulatedBus, Unit
from monitor.site import Connection, Device, Point

if TYPE_CHECKING:
    from drivers.modbus.client import ModbusDriver

__all__ = ["main"]

CONNECTIONS = 100
POINTS = 50
ROUNDS = 20
BLOCKS = 65
ANSWERING = 0.02


def meter(*, bounded: bool) -> Device:
    """Make a device of float points in neighbouring registers, with ranges as profiles state them or without."""
    points = {}
    for n in range(POINTS):
        source = MODBUS.point_model.model_validate({"register": f"input {2 * n}", "type": "float32"})
        valid = (-1e6, 1e6) if bounded else None
        points[f"power_{n}_w"] = Point(name=f"power_{n}_w", unit="W", valid=valid, source=source)
    address = MODBUS.device_model(unit=1)
    return Device(
        id="meter", name="meter", connection="bus", device_class="electricity", address=address, points=points
    )


def serve(pipe: Pipe) -> None:
    """Serve the device in a process of its own until the other end says enough."""

    async def run() -> None:
        device = meter(bounded=False)
        unit = Unit(device)
        for n, name in enumerate(device.points):
            unit.put(name, 230.5 + n)
        slow = Unit(slow_device())
        slow.faults.delay = ANSWERING
        bus = SimulatedBus({1: unit, 2: slow})
        pipe.send(await bus.start())
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        await bus.stop()

    asyncio.run(run())


async def measured(read_all: Callable[[], Awaitable[Any]]) -> float:
    """Answer µs of CPU per point of this process: the best round, after one that connects and warms up."""
    await read_all()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        await read_all()
        best = min(best, time.process_time() - begin)
    return best / (CONNECTIONS * POINTS) * 1e6


async def with_the_driver(port: int, *, bounded: bool) -> float:
    """Measure read and decode through the driver."""
    device = meter(bounded=bounded)
    written = {"transport": "tcp", "host": "127.0.0.1", "port": port, "timeout": "10 s"}
    connection = Connection(id="bus", driver="modbus", options=MODBUS.connection_model.model_validate(written))
    context = DriverContext(now=Clock().now, pseudonymise=str, site="bench")
    drivers: list[ModbusDriver] = [MODBUS.create(connection, [device], context) for _ in range(CONNECTIONS)]

    async def read_all() -> None:
        for answer in await asyncio.gather(*(driver.read("meter", "fast") for driver in drivers)):
            if len(answer.values) != POINTS:
                raise RuntimeError(answer.error)

    cost = await measured(read_all)
    for driver in drivers:
        await driver.close()
    return cost


async def naively(port: int) -> float:
    """Measure stock pymodbus with one conversion a point."""
    clients = [AsyncModbusTcpClient("127.0.0.1", port=port, timeout=10) for _ in range(CONNECTIONS)]
    for client in clients:
        await client.connect()

    async def read_one(client: AsyncModbusTcpClient) -> dict[str, Any]:
        registers = (await client.read_input_registers(0, count=2 * POINTS, device_id=1)).registers
        return {
            f"power_{n}_w": client.convert_from_registers(
                registers[2 * n : 2 * n + 2], data_type=client.DATATYPE.FLOAT32
            )
            for n in range(POINTS)
        }

    async def read_all() -> None:
        await asyncio.gather(*(read_one(client) for client in clients))

    cost = await measured(read_all)
    for client in clients:
        client.close()
    return cost


def slow_device() -> Device:
    """Make a device of many blocks of one point each."""
    points = {}
    for n in range(BLOCKS):
        source = MODBUS.point_model.model_validate({"register": f"input {20 * n}", "type": "float32"})
        points[f"power_{n}_w"] = Point(name=f"power_{n}_w", unit="W", source=source)
    return replace(
        meter(bounded=False),
        points=points,
        address=MODBUS.device_model(unit=2),
        protocol=MODBUS.profile_model(gap=0),
    )


async def side_by_side(port: int, connections: int) -> float:
    """Answer how many reads a second one device gives that takes ANSWERING seconds for each."""
    written = {
        "transport": "tcp",
        "host": "127.0.0.1",
        "port": port,
        "timeout": "10 s",
        "connections": connections,
    }
    connection = Connection(id="bus", driver="modbus", options=MODBUS.connection_model.model_validate(written))
    context = DriverContext(now=Clock().now, pseudonymise=str, site="bench")
    driver: ModbusDriver = MODBUS.create(connection, [slow_device()], context)
    await driver.read("meter", "fast")
    begin = time.perf_counter()
    for _ in range(3):
        answer = await driver.read("meter", "fast")
        if len(answer.values) != BLOCKS:
            raise RuntimeError(answer.error)
    rate = 3 * BLOCKS / (time.perf_counter() - begin)
    await driver.close()
    return rate


def main() -> None:
    """Print µs of CPU per point for each way, and their ratio."""
    run: Callable[[Awaitable[float]], float] = asyncio.run  # type: ignore[assignment]
    loop = "asyncio"
    with suppress(ImportError):
        import uvloop

        run = uvloop.run  # type: ignore[assignment]
        loop = "uvloop"
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    try:
        plain = run(with_the_driver(port, bounded=False))
        bounded = run(with_the_driver(port, bounded=True))
        naive = run(naively(port))
        one, eight = run(side_by_side(port, 1)), run(side_by_side(port, 8))
    finally:
        ours.send(None)
        server.join(10)
    sys.stdout.write(
        f"Modbus TCP, {CONNECTIONS} connections x {POINTS} float points, {loop}, µs of CPU per point:\n"
        f"  the driver, read and decode          {plain:6.2f}\n"
        f"  the same with a valid range a point  {bounded:6.2f}\n"
        f"  stock pymodbus, convert per point    {naive:6.2f}   ({naive / bounded:.1f} times as much)\n"
        f"One device that answers in {ANSWERING * 1000:.0f} ms, {BLOCKS} requests a poll, reads a second:\n"
        f"  over one connection                  {one:6.0f}\n"
        f"  over eight                           {eight:6.0f}   ({eight / one:.1f} times as many)\n"
    )


if __name__ == "__main__":
    main()
