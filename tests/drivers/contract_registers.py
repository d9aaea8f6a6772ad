"""What every bus promises whose registers are read by hand; one joins by a subclass with a fixture `harness`."""

import asyncio
from typing import Protocol

import pytest

from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable, RequestRefused
from monitor.ports import RegisterBus
from monitor.simulation.unit import Unit, Wrong

__all__ = ["Harness", "RegisterContract", "make_unit"]


def make_unit() -> Unit:
    """What has to be behind the bus as unit 3; nobody is unit 9."""
    unit = Unit()
    unit.set("holding", 100, [0x4366, 0x8000])
    unit.set("input", 65535, [7])
    unit.set("coil", 5, [1, 0, 1])
    unit.faults.refused.append(("holding", 200, 209, 2))
    return unit


class Harness(Protocol):
    """A bus on which nothing is asked but by the test; `away`: without whatever it leads to."""

    bus: RegisterBus
    unit: Unit

    async def away(self) -> None: ...


class RegisterContract:
    """The tests; each gets a fresh harness."""

    async def test_registers_and_bits_come_as_they_are(self, harness: Harness):
        assert list(await harness.bus.read(3, "holding", 100, 2)) == [0x4366, 0x8000]
        assert list(await harness.bus.read(3, "input", 65535, 1)) == [7]
        assert list(await harness.bus.read(3, "coil", 4, 9)) == [0, 1, 0, 1, 0, 0, 0, 0, 0]
        assert list(await harness.bus.read(3, "discrete", 0, 1)) == [0]

    async def test_as_much_as_one_request_carries(self, harness: Harness):
        assert len(await harness.bus.read(3, "input", 0, 125)) == 125
        assert len(await harness.bus.read(3, "coil", 0, 2000)) == 2000

    async def test_a_read_is_one_request(self, harness: Harness):
        await harness.bus.read(3, "holding", 100, 2)
        harness.unit.faults.silent = True
        with pytest.raises(DeviceUnreachable):
            await harness.bus.read(3, "holding", 100, 2)
        harness.unit.faults.silent = False
        await harness.bus.read(3, "holding", 100, 2)

        assert list(harness.unit.asked) == [("holding", 100, 2)] * 3

    async def test_nobody_answers(self, harness: Harness):
        with pytest.raises(DeviceUnreachable):
            await harness.bus.read(9, "holding", 0, 1)

        assert list(await harness.bus.read(3, "holding", 100, 1)) == [0x4366]

    async def test_a_gateway_that_reaches_nobody_is_silence(self, harness: Harness):
        harness.unit.faults.exception = 11
        with pytest.raises(DeviceUnreachable):
            await harness.bus.read(3, "holding", 0, 1)

    async def test_an_exception_has_its_code(self, harness: Harness):
        with pytest.raises(DeviceRefused) as refused:
            await harness.bus.read(3, "holding", 205, 1)
        harness.unit.faults.exception = 1
        with pytest.raises(DeviceRefused) as unknown:
            await harness.bus.read(3, "coil", 0, 1)

        assert (refused.value.code, unknown.value.code) == (2, 1)

    async def test_damage_is_neither_silence_nor_a_refusal(self, harness: Harness):
        harness.unit.faults.wrong = Wrong.SHORT
        with pytest.raises(DeviceError) as damaged:
            await harness.bus.read(3, "holding", 100, 2)
        harness.unit.faults.wrong = None

        assert not isinstance(damaged.value, DeviceRefused | DeviceUnreachable)
        assert list(await harness.bus.read(3, "holding", 100, 1)) == [0x4366]

    async def test_what_no_request_can_say_is_refused(self, harness: Harness):
        for unit, table, first, count in (
            (256, "holding", 0, 1),
            (-1, "holding", 0, 1),
            (3, "register", 0, 1),
            (3, "holding", 65535, 2),
            (3, "holding", -1, 1),
            (3, "holding", 0, 0),
            (3, "holding", 0, 126),
            (3, "coil", 0, 2001),
        ):
            with pytest.raises(RequestRefused):
                await harness.bus.read(unit, table, first, count)

        assert not harness.unit.asked

    async def test_a_bus_that_cannot_be_had(self, harness: Harness):
        await harness.away()
        with pytest.raises(RequestRefused, match=r"cannot (open|connect)"):
            await harness.bus.read(3, "holding", 100, 1)

    async def test_a_read_that_is_cancelled_leaves_a_bus_that_works(self, harness: Harness):
        harness.unit.faults.silent = True
        reading = asyncio.create_task(harness.bus.read(3, "holding", 100, 1))
        await asyncio.sleep(0.05)
        reading.cancel()
        done, _ = await asyncio.wait([reading], timeout=20)
        harness.unit.faults.silent = False

        assert reading in done
        assert reading.cancelled()
        assert list(await harness.bus.read(3, "holding", 101, 1)) == [0x8000]
