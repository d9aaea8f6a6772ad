"""Registers read by hand: over a bus of our own, through the driver, and through the daemon's API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.survey.bus import OwnBus
from monitor.cli.daemonbus import DaemonBus
from monitor.journal.sqlite import SqliteJournal
from monitor.poller import ByHand, Poller
from monitor.ports import RegisterDriver
from tests.drivers.contract_registers import RegisterContract, make_unit
from tests.drivers.modbus.endpoints import TRANSPORTS, Endpoint, endpoint
from tests.drivers.modbus.site import driver_of
from tests.poller.scripted import SteppedClock
from tests.web.serving import make_parts, serving

_SHORT = 0.3


class _Harness:
    """One bus; `stack` closes what was opened for it."""

    def __init__(self, transport: str, folder: Any, certificates: Any) -> None:
        self.unit = make_unit()
        self.endpoint: Endpoint = endpoint(transport, {3: self.unit}, folder, certificates)
        self.stack = AsyncExitStack()
        self.bus: Any = None

    async def away(self) -> None:
        await self.endpoint.stop()


class _Through:
    """A driver as a bus."""

    def __init__(self, driver: RegisterDriver) -> None:
        self._driver = driver

    async def read(self, unit: int, table: str, first: int, count: int) -> Any:
        return await self._driver.registers(unit, table, first, count, patience=_SHORT)


class TestOwnBus(RegisterContract):
    """A bus of our own, with each transport."""

    @pytest.fixture(params=TRANSPORTS)
    async def harness(self, request, tmp_path, certificates) -> AsyncIterator[_Harness]:
        harness = _Harness(request.param, tmp_path, certificates)
        await harness.endpoint.start()
        options = ConnectionModel.model_validate(harness.endpoint.written)
        harness.bus = await harness.stack.enter_async_context(OwnBus(options, timeout=_SHORT))
        yield harness
        await harness.stack.aclose()
        await harness.endpoint.stop()
        await asyncio.sleep(0)


class TestThroughTheDriver(RegisterContract):
    """The driver of a connection, whatever devices it has."""

    @pytest.fixture(params=("tcp", "rtu"))
    async def harness(self, request, tmp_path, certificates) -> AsyncIterator[_Harness]:
        harness = _Harness(request.param, tmp_path, certificates)
        await harness.endpoint.start()
        driver = driver_of(harness.endpoint.written)
        assert isinstance(driver, RegisterDriver)
        harness.bus = _Through(driver)
        yield harness
        await driver.close()
        await harness.endpoint.stop()
        await asyncio.sleep(0)


class TestThroughTheDaemon(RegisterContract):
    """The client of the API, in front of a poller that has the connection."""

    @pytest.fixture(params=("tcp", "rtu"))
    async def harness(
        self, request, tmp_path, certificates, journal: SqliteJournal, clock
    ) -> AsyncIterator[_Harness]:
        harness = _Harness(request.param, tmp_path, certificates)
        await harness.endpoint.start()
        drivers = {"line": driver_of(harness.endpoint.written)}
        poller = Poller(drivers, {}, journal, clock=SteppedClock())
        running = asyncio.create_task(poller.run())
        parts = make_parts(journal, clock, by_hand=ByHand(poller, drivers, []))
        socket = tmp_path / "api.sock"
        async with serving(parts, socket), DaemonBus(socket, "line", timeout=_SHORT) as harness.bus:
            yield harness
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await harness.endpoint.stop()
        await asyncio.sleep(0)


async def test_a_unit_that_answers_too_late_is_known_to_have_spoken(tmp_path, certificates):
    slow, quick = make_unit(), make_unit()
    slow.faults.delay = 0.45
    there = endpoint("rtu", {3: slow, 4: quick}, tmp_path, certificates)
    await there.start()
    async with OwnBus(ConnectionModel.model_validate(there.written), timeout=0.3) as bus:
        with pytest.raises(Exception, match="no answer"):
            await bus.read(3, "holding", 100, 1)
        quick.faults.delay = 0.9
        with pytest.raises(Exception, match="no answer"):
            await bus.read(4, "holding", 100, 1)
        spoke = bus.spoke
    await there.stop()

    assert spoke == {3}
