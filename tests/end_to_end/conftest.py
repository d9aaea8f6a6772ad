"""Servers that the end-to-end tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.influxdb import InfluxServer, influxdb


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[InfluxServer]:
    """A real InfluxDB 1.6.7 with authentication, and the databases of a site."""
    folder = tmp_path / "influxdb"
    folder.mkdir()
    with influxdb(folder) as server:
        server.create("facility", "facility-access")
        yield server
