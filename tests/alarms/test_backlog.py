"""A reader's backlog makes an alarm of each event, and few messages: into a real journal and a real state."""

from dataclasses import replace

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Event
from tests.alarms.test_shell import FORCED, House, site
from tests.clock import ManualClock
from tests.rules.build import event

HOUR = 3_600_000


@pytest.fixture
def house(journal: SqliteJournal, state: State, clock: ManualClock) -> House:
    return House(journal, state, clock)


def late(at: int) -> Event:
    """An event of the hour before the start, heard of now."""
    return replace(event(at - HOUR, "forced"), arrived=event(0, "forced").arrived)


async def rows(state: State) -> list[tuple[str, str, str, int, int]]:
    """Severity, occurrence, person, how many more it tells of, and ms from its making until it is due."""
    found = await state.query(
        "SELECT severity, occurrence, person, json_extract(body, '$.backlog.more') AS more, not_before - created"
        " FROM outbox ORDER BY id"
    )
    return [tuple(row) for row in found]


async def test_late_alarms_below_high_are_kept_and_told_to_nobody(house: House) -> None:
    async with house.running(site({**FORCED, "severity": "medium"})):
        await house.say(*[late(at) for at in range(1000)], event(0, "forced"), at=0)

    alarms = await house.state.query("SELECT occurrence, late FROM alarm")
    assert (len(alarms), sum(alarm["late"] for alarm in alarms)) == (1001, 1000)
    live = next(alarm["occurrence"] for alarm in alarms if not alarm["late"])
    assert await rows(house.state) == [("medium", live, "ana", None, 0)]


async def test_a_thousand_late_alarms_are_one_message_that_speaks_for_the_newest(house: House) -> None:
    async with house.running(site({**FORCED, "severity": "high"})):
        await house.say(*[late(at) for at in range(500)], at=0)
        await house.say(*[late(at) for at in range(501, 1000)], late(500), at=5_000)
        await house.say(event(6_000, "forced"), at=6_000)
        await house.say(*[late(at) for at in range(10)], at=7_000)  # again: the journal has them
        await house.say(late(1), late(2000), at=29_000)
        await house.say(late(3000), at=30_000)

    by_time = dict(map(tuple, await house.state.query("SELECT raised_at, occurrence FROM alarm")))
    newest, live, last = (by_time[event(at, "forced").time] for at in (2000 - HOUR, 6_000, 3000 - HOUR))
    assert len(by_time) == 1003
    assert await rows(house.state) == [
        ("high", newest, "ana", 1000, 30_000),
        ("high", live, "ana", None, 0),
        ("high", last, "ana", 0, 30_000),
    ]


async def test_an_older_alarm_joins_without_taking_the_message_over(house: House) -> None:
    async with house.running(site({**FORCED, "severity": "critical"})):
        await house.say(late(1000), at=0)
        await house.say(late(5), at=1000)

    by_time = dict(map(tuple, await house.state.query("SELECT raised_at, occurrence FROM alarm")))
    newest = by_time[event(1000 - HOUR, "forced").time]
    assert await rows(house.state) == [("critical", newest, "ana", 1, 30_000)]
