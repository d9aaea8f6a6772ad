"""Houses whose daemon the commands ask, and InfluxDBs that an administrator sets up."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cli.setups import as_new
from tests.servers.influxdb import ADMIN, PASSWORD, InfluxServer, influxdb
from tests.web.houses import House, furnished


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house in which something has happened at doors and with pumps; its files are in `tmp_path`."""
    async with furnished(tmp_path) as house:
        yield house


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("locked")) as server:
        yield server


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("unlocked"), auth=False) as server:
        yield server


@pytest.fixture
def guarded(locked: InfluxServer) -> Iterator[InfluxServer]:
    """A server that asks for a password, without databases."""
    with as_new(locked) as server:
        yield server


@pytest.fixture
def open_to_all(unlocked: InfluxServer) -> Iterator[InfluxServer]:
    """A server as Debian installs it."""
    with as_new(unlocked) as server:
        yield server


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFLUX_ADMIN", f"{ADMIN}:{PASSWORD}")
