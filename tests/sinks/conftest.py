"""One InfluxDB with authentication and nginx before it for all tests of the sinks, and a listener at a broker."""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.site import InfluxSettings
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.nginx import Nginx, nginx
from tests.sinks.ear import Ear
from tests.sinks.pasts import House

_numbers = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory, server: InfluxServer) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("nginx"), server.url) as front:
        yield front


@pytest.fixture
def database(server: InfluxServer) -> Iterator[str]:
    """An empty database, and one for access beside it."""
    name = f"site{next(_numbers)}"
    server.create(name, f"{name}-access")
    yield name
    server.drop(name, f"{name}-access")


@pytest.fixture
def settings(server: InfluxServer, database: str) -> Callable[..., InfluxSettings]:
    def make(**changes: Any) -> InfluxSettings:
        base: dict[str, Any] = {
            "url": server.url,
            "bucket": database,
            "access_bucket": f"{database}-access",
            "token": server.token,
            "api": "v1",
        }
        return InfluxSettings(**{**base, **changes})

    return make


@pytest.fixture
def begun(
    journal: SqliteJournal, state: State, settings: Callable[..., InfluxSettings], tmp_path: Path
) -> Callable[[], House]:
    """Begins with the files that there are."""
    return lambda: House(journal, state, settings(), tmp_path)


@pytest.fixture
def house(begun: Callable[[], House]) -> House:
    return begun()


@pytest.fixture
async def ear(broker: Mosquitto) -> AsyncIterator[Ear]:
    """Somebody else on the test's `broker`."""
    ear = Ear(broker)
    yield ear
    ear.close()
