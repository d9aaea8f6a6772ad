"""The servers of the tests of sinks, and a house whose sink has written all that it recorded."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.site import InfluxSettings
from tests.sinks.conftest import database, front, server, settings
from tests.sinks.pasts import House

__all__ = ["database", "front", "house", "server", "settings"]


@pytest.fixture
async def house(
    journal: SqliteJournal, state: State, settings: Callable[..., InfluxSettings], tmp_path: Path
) -> AsyncIterator[House]:
    house = House(journal, state, settings(), tmp_path)
    async with house.running():
        await house.lives()
        yield house
