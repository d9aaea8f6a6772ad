"""Servers that the end-to-end tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker."""
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server that keeps what it gets."""
    with MailServer() as mail:
        yield mail


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[InfluxServer]:
    """A real InfluxDB 1.6.7 with authentication, and the databases of a site."""
    folder = tmp_path / "influxdb"
    folder.mkdir()
    with influxdb(folder) as server:
        server.create("facility", "facility-access")
        yield server
