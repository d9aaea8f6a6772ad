"""What several tests of dashboards look at."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grafana import weeks as story
from tests.grafana.filled import filled
from tests.grafana.weekly import Weeks
from tests.servers.influxdb import InfluxServer


def _fill(server: InfluxServer, folder: Path) -> None:
    server.create("facility", "facility-access")
    asyncio.run(story.fill(server.url, folder))


@pytest.fixture(scope="session")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    """Three weeks of doors, alarms and equipment."""
    with filled(tmp_path_factory, "weeks", _fill) as server:
        yield Weeks(server)
