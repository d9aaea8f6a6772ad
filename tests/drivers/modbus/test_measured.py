"""What was reckoned is what it takes: rounds over real connections, held against their budget.

A busy machine makes polls longer and none shorter, so the shortest of some counts.
"""

import time
from dataclasses import replace

import pytest

from drivers.modbus import MODBUS
from monitor.simulation.modbus import Unit
from tests.drivers.modbus.site import CONTEXT, connection, device, point

WITHIN = 0.1
PATIENCE = 50.0


async def shortest_polls(modbus, devices, enough):
    """Seconds of the shortest polls of everything together; rounds are made until they take `enough` at most."""
    found = {}
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not (found and sum(found.values()) <= enough):
        for one in devices:
            for scan in one.scan:
                began = time.monotonic()
                answer = await modbus.read(one.id, scan)
                took = time.monotonic() - began
                assert not answer.missing
                found[one.id, scan] = min(took, found.get((one.id, scan), took))
    return sum(found.values())


@pytest.mark.parametrize("delay", [0.05, 0.1])
async def test_a_round_over_an_endpoint_takes_what_was_reckoned(bus, delay):
    far = point("energy_import_kwh", register="input 500", type="uint32", scan="slow")
    near = [point(f"power_{n}_w", register=f"input {n}", type="int16") for n in range(12)]
    one = device(*near, far, profile={"turnaround": f"{1000 * delay:g} ms"})
    devices = [replace(one, id=f"meter-{n}", address=MODBUS.device_model(unit=n)) for n in range(1, 6)]
    for each in devices:
        unit = bus.units[each.address.unit] = Unit(each)
        unit.faults.delay = delay
    there = connection(await bus.start(), timeout="5 s")
    budget = MODBUS.budget(there, devices)
    modbus = MODBUS.create(there, devices, CONTEXT)

    took = await shortest_polls(modbus, devices, (1 + WITHIN) * budget.cycle)
    await modbus.close()

    assert took == pytest.approx(budget.cycle, rel=WITHIN)
