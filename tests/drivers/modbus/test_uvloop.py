"""The daemon runs on uvloop where it can: each transport is read there too."""

import asyncio

import pytest

from monitor.simulation.modbus import Unit
from tests.drivers.modbus.endpoints import TRANSPORTS, endpoint
from tests.drivers.modbus.site import device, driver_of, point

uvloop = pytest.importorskip("uvloop")
METER = device(point("power_w", register="input 0", type="float32"))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_transport_is_read_lost_and_read_again(transport, tmp_path, certificates):
    async def scenario():
        unit = Unit(METER)
        unit.put("power_w", 1.5)
        there = endpoint(transport, {1: unit}, tmp_path, certificates)
        await there.start()
        modbus = driver_of(there.written, METER, timeout="1 s")
        answers = [await modbus.read("meter", "fast")]
        await there.stop()
        answers.append(await modbus.read("meter", "fast"))
        await there.start()
        answers += [await modbus.read("meter", "fast") for _ in range(2)]
        unit.faults.silent = True
        reading = asyncio.create_task(modbus.read("meter", "fast"))
        await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.wait([reading], timeout=20)
        await modbus.close()
        await there.stop()
        return answers, reading.cancelled()

    answers, cancelled = uvloop.run(scenario())

    assert answers[0].values == answers[-1].values == {"power_w": 1.5}
    assert not answers[1].answered
    assert cancelled


def test_a_refused_datagram_is_an_error_at_once():
    async def scenario():
        modbus = driver_of({"transport": "udp", "host": "127.0.0.1", "port": 9}, METER, timeout="50 s")
        async with asyncio.timeout(30):
            answer = await modbus.read("meter", "fast")
        await modbus.close()
        return answer

    assert "(Connection refused)" in uvloop.run(scenario()).error
