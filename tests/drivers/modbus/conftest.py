"""A simulated bus and a libmodbus server for whoever asks."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from monitor.simulation.modbus import SimulatedBus
from tests.servers.libmodbus import LibmodbusServer, compile_server, libmodbus_server


@pytest.fixture
async def bus() -> AsyncIterator[SimulatedBus]:
    """An endpoint without units; the test starts it."""
    bus = SimulatedBus({})
    yield bus
    await bus.stop()


@pytest.fixture(scope="session")
def libmodbus_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_server(tmp_path_factory.mktemp("libmodbus"))


@pytest.fixture
def libmodbus(libmodbus_program: Path) -> Iterator[LibmodbusServer]:
    with libmodbus_server(libmodbus_program) as server:
        yield server
