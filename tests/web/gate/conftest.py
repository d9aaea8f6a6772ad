"""Somebody behind the gate: a house with an alarm, and ana, who may see to it."""

from collections.abc import AsyncIterator

import pytest

from monitor.accounts.roles import Role
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.web.parts import Parts
from tests.clock import ManualClock
from tests.web.browsing import Front, accounts_of, front
from tests.web.serving import ALARM, make_parts


@pytest.fixture
def parts(journal: SqliteJournal, clock: ManualClock) -> Parts:
    made = make_parts(journal, clock)
    made.alarms.alarms[ALARM["occurrence"]] = dict(ALARM)  # type: ignore[attr-defined] - of the scripted one
    return made


@pytest.fixture
async def here(parts: Parts, state: State, clock: ManualClock) -> AsyncIterator[Front]:
    async with front(parts, await accounts_of(state, clock)) as served:
        await served.add("ana", Role.OPERATOR)
        yield served
