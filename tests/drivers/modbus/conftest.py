"""A simulated bus and a libmodbus server for whoever asks."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from monitor.simulation.modbus import SimulatedBus
from tests.drivers.modbus.endpoints import endpoint
from tests.servers.libmodbus import LibmodbusServer, compile_server, libmodbus_server


@pytest.fixture
async def bus() -> AsyncIterator[SimulatedBus]:
    """An endpoint without units; the test starts it."""
    bus = SimulatedBus({})
    yield bus
    await bus.stop()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> Callable[[], tuple[ssl.SSLContext, dict[str, str]]]:
    """Makes the server's side of TLS, which wants a certificate of ours, and the keys of our side."""

    def make() -> tuple[ssl.SSLContext, dict[str, str]]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        ours = authority.issue_cert("monitor@example.net")
        ours.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
        ours.private_key_pem.write_to_path(str(tmp_path / "client.key"))
        files = {"ca": "ca.pem", "certificate": "client.pem", "key": "client.key"}
        return context, {key: str(tmp_path / name) for key, name in files.items()}

    return make


@pytest.fixture
async def on(tmp_path: Path, certificates: Any) -> AsyncIterator[Callable[..., Any]]:
    """Starts an endpoint of a transport with some units; stops it in the end."""
    started: list[Any] = []

    async def start(transport: str, units: Any) -> Any:
        started.append(endpoint(transport, units, tmp_path, certificates))
        await started[-1].start()
        return started[-1]

    yield start
    for each in started:
        await each.stop()


@pytest.fixture(scope="session")
def libmodbus_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_server(tmp_path_factory.mktemp("libmodbus"))


@pytest.fixture
def libmodbus(libmodbus_program: Path) -> Iterator[LibmodbusServer]:
    with libmodbus_server(libmodbus_program) as server:
        yield server
