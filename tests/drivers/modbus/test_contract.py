"""Modbus keeps the contract of polled drivers."""

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from monitor.simulation.modbus import SimulatedBus, Unit
from tests.drivers.contract_polled import PolledContract, ReaderContract
from tests.drivers.modbus.endpoints import TRANSPORTS, endpoint
from tests.drivers.modbus.readers import CARDS, OTHERS, House, house
from tests.drivers.modbus.site import CONTEXT, device, driver, driver_of, point


class ModbusHarness:
    first = "first"
    second = "second"
    expected: ClassVar = {
        "first": {"voltage_l1_v": 230.5, "power_w": -12.25, "open": True},
        "second": {"volume_m3": 1234.567},
    }

    registers: ClassVar = {"voltage_l1_v": "input 0", "power_w": "input 400", "serial": "input 900"} | {
        "volume_m3": "holding 7"
    }

    def __init__(self):
        at = self.registers
        self.devices = [
            device(
                point("voltage_l1_v", register=at["voltage_l1_v"], type="float32"),
                point("power_w", register=at["power_w"], type="float32"),
                point("open", register="discrete 3"),
                point("serial", register=at["serial"], type="uint32", scan="slow"),
                name="first",
                unit=1,
            ),
            device(
                point("volume_m3", register=at["volume_m3"], type="uint32", divisor=1000.0), name="second", unit=2
            ),
        ]
        self.units = {each.id: Unit(each) for each in self.devices}
        for name, values in self.expected.items():
            for at, value in values.items():
                self.units[name].put(at, value)
        self.by_number = {each.address.unit: self.units[each.id] for each in self.devices}

    def now(self) -> int:
        return CONTEXT.now()

    async def silence(self, device: str) -> None:
        self.units[device].faults.silent = True

    async def revive(self, device: str) -> None:
        self.units[device].faults.silent = False

    async def refuse(self, device: str) -> None:
        self.units[device].faults.exception = 2


class OnABus(ModbusHarness):
    """Modbus TCP to the simulator."""

    async def start(self):
        self.bus = SimulatedBus(self.by_number)
        self.port = await self.bus.start()
        self.driver = driver(self.port, *self.devices, timeout="300 ms")

    def connections(self) -> int:
        return self.bus.connections

    async def close_endpoint(self) -> None:
        await self.bus.stop()

    async def open_endpoint(self) -> None:
        await self.bus.start(port=self.port)


class OnASunSpecBus(OnABus):
    """Modbus TCP to the simulator, whose devices have SunSpec models."""

    registers: ClassVar = {"voltage_l1_v": "sunspec 211-214 12", "power_w": "sunspec 211-214 28"} | {
        "serial": "sunspec 1 50",
        "volume_m3": "sunspec 64001 7",
    }


class OnAnEndpoint(ModbusHarness):
    """Whatever transport."""

    async def start(self, transport, folder, certificates):
        self.endpoint = endpoint(transport, self.by_number, folder, certificates)
        await self.endpoint.start()
        self.driver = driver_of(self.endpoint.written, *self.devices, timeout="500 ms")

    def connections(self) -> int:
        return self.endpoint.connections

    async def close_endpoint(self) -> None:
        await self.endpoint.stop()

    async def open_endpoint(self) -> None:
        await self.endpoint.start()


class TestModbus(PolledContract):
    """Joins the suite."""

    @pytest.fixture(params=[OnABus, OnASunSpecBus])
    async def harness(self, request) -> AsyncIterator[OnABus]:
        harness = request.param()
        await harness.start()
        yield harness
        await harness.driver.close()
        await harness.bus.stop()
        await asyncio.sleep(0)


class TestEveryTransport(PolledContract):
    """Joins the suite with each transport."""

    @pytest.fixture(params=TRANSPORTS)
    async def harness(self, request, tmp_path, certificates) -> AsyncIterator[OnAnEndpoint]:
        harness = OnAnEndpoint()
        await harness.start(request.param, tmp_path, certificates)
        yield harness
        await harness.driver.close()
        await harness.endpoint.stop()
        await asyncio.sleep(0)


class OnAReader:
    """A reader of a shipped profile."""

    reader = "front"

    def __init__(self, of: House, profile: str) -> None:
        self.cards = CARDS[profile], OTHERS[profile]
        self.driver = of.driver
        self._house = of

    def hold(self, number: str) -> None:
        self._house.reader.hold(number)

    def now(self) -> int:
        return CONTEXT.now()

    async def silence(self, device: str) -> None:
        self._house.unit.faults.silent = device == self.reader

    async def revive(self, device: str) -> None:
        self._house.unit.faults.silent = device != self.reader


class TestReaders(ReaderContract):
    """Joins the suite."""

    @pytest.fixture(params=["technotrade-vrd-485", "ic-10mrw", "rfideas-rdr-80581akd-p"])
    async def reader(self, request, tmp_path) -> AsyncIterator[OnAReader]:
        async with house(request.param, tmp_path, patience="300 ms") as made:
            yield OnAReader(made, request.param)
