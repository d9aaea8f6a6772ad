"""A plant room on one serial line: what was reckoned is what it takes, and dead meters cost only themselves."""

import asyncio
import contextlib
import time
from dataclasses import replace

import pytest

from drivers.modbus import MODBUS
from drivers.modbus.client import ModbusDriver
from monitor.journal.sqlite import SqliteJournal
from monitor.poller import Poller
from monitor.simulation.line import LineSettings
from monitor.simulation.modbus import Unit
from monitor.simulation.terminal import SimulatedLine
from monitor.site import Connection, Device
from tests.drivers.modbus.site import CONTEXT, device, point
from tests.poller.scripted import SteppedClock, until

UNITS, DEAD = 32, (5, 17, 30)
WITHIN = 0.1
EVERY = 5.0


def meters() -> list[Device]:
    """Thirty-two meters of one model: twelve fast registers, and a slow counter far away."""
    points = [point(f"power_{n}_w", register=f"input {n}", type="int16") for n in range(12)]
    counter = point("energy_import_kwh", register="input 400", type="uint32", scan="slow")
    one = replace(device(*points, counter), scan={"fast": EVERY, "slow": 600.0})
    return [replace(one, id=f"meter-{n}", address=MODBUS.device_model(unit=n)) for n in range(1, UNITS + 1)]


def at_9600(path: str, **options: str | int) -> Connection:
    written = {"transport": "rtu", "port": path, "baudrate": 9600} | options
    return Connection(id="bus", driver="modbus", options=MODBUS.connection_model.model_validate(written))


async def shortest_polls(driver: ModbusDriver, devices: list[Device], enough: float) -> float:
    """Seconds of the shortest polls of everything together; rounds are made until they take `enough` at most.

    A busy machine makes polls longer and none shorter.
    """
    found: dict[tuple[str, str], float] = {}
    deadline = time.monotonic() + 50
    while time.monotonic() < deadline and not (found and sum(found.values()) <= enough):
        for one in devices:
            for scan in one.scan:
                began = time.monotonic()
                answer = await driver.read(one.id, scan)
                took = time.monotonic() - began
                assert not answer.missing
                found[one.id, scan] = min(took, found.get((one.id, scan), took))
    return sum(found.values())


async def test_a_round_over_32_meters_at_9600_baud_takes_what_was_reckoned() -> None:
    devices = meters()
    simulated = SimulatedLine({one.address.unit: Unit(one) for one in devices}, LineSettings(baudrate=9600))
    async with simulated as path:
        connection = at_9600(path)
        budget = MODBUS.budget(connection, devices)
        assert budget is not None
        driver = MODBUS.create(connection, devices, CONTEXT)
        took = await shortest_polls(driver, devices, (1 + WITHIN) * budget.cycle)
        await driver.close()

    assert took == pytest.approx(budget.cycle, rel=WITHIN)


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="Three of 32 on a line of 9600 baud: the others keep at least 95 of 100 samples, also while the dead"
    " ones are probed for the third time.",
)
async def test_three_of_32_meters_dead_leave_the_others_their_samples(journal: SqliteJournal) -> None:
    devices = meters()
    units = {one.address.unit: Unit(one) for one in devices}
    for unit in DEAD:
        units[unit].faults.silent = True
    dead = {f"meter-{unit}" for unit in DEAD}
    async with SimulatedLine(units, LineSettings(baudrate=9600)) as path:
        driver = MODBUS.create(at_9600(path, timeout="200 ms", retries=0), devices, CONTEXT)
        poller = Poller({"bus": driver}, {one.id: one for one in devices}, journal, clock=SteppedClock())
        task = asyncio.create_task(poller.run())
        try:
            await until(lambda: all(poller.status()[each].failures >= 2 + 3 for each in dead))
            status, bus = poller.status(), poller.connections()["bus"]
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    living = [facts for name, facts in status.items() if name not in dead]
    polls, late = sum(facts.polls for facts in living), sum(facts.late for facts in living)
    failed = bus.failed - sum(status[each].failures for each in dead)

    assert bus.suspended == len(dead)
    assert bus.probes >= 3 * len(dead)
    assert min(facts.polls for facts in living) >= 4
    assert late + failed <= 0.05 * (polls + late)
