"""A house that lives, and its console."""

from collections.abc import AsyncIterator

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from tests.clock import ManualClock
from tests.web.console.alarms.alarmhouse import Console, living


@pytest.fixture
async def console(journal: SqliteJournal, state: State, clock: ManualClock) -> AsyncIterator[Console]:
    async with living(journal, state, clock) as console:
        yield console
