"""A reader's backlog makes an alarm of each event, and few messages: into a real journal and a real state."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from monitor.alarms.commands import acknowledge
from monitor.alarms.store import standing
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Event
from monitor.notices import Notice, NoticeKind, OutboxRow
from monitor.notify import store
from tests.alarms import household
from tests.alarms.household import FORCED, House, site, to_ana
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
    assert await rows(house.state) == [("critical", newest, "ana", 1, 2_000)]


def to_ana_then_ben(notice: Notice) -> Sequence[OutboxRow]:
    """Ana at once, and Ben ten minutes later when nobody has acknowledged."""
    if notice.kind is not NoticeKind.RAISE:
        return ()
    (row,) = to_ana(notice)
    body = {"rule": {"kind": "event"}, "time": notice.transition.time}
    later = row.not_before + 600_000
    return [
        replace(row, expires=later + HOUR, body=body),
        replace(
            row, person="ben", step=1, not_before=later, expires=later + HOUR, body={**body, "after": 600_000}
        ),
    ]


@pytest.mark.parametrize(
    ("acknowledged", "then"), [((), ["ben"]), ((1000,), ["ben"]), ((5,), ["ben"]), ((1000, 5), [])]
)
async def test_the_next_person_hears_of_a_backlog_until_all_of_it_is_acknowledged(
    house: House, monkeypatch: pytest.MonkeyPatch, acknowledged: tuple[int, ...], then: list[str]
) -> None:
    monkeypatch.setattr(household, "to_ana", to_ana_then_ben)

    async def told(at: int) -> list[str]:
        house.clock.time = event(at, "forced").time
        now = house.clock.now()
        taken = await house.state.transact(lambda db: store.take(db, now=now, busy=(), most=9, standing=standing))
        return [attempt.lane[0] for attempt in taken]

    async with house.running(site({**FORCED, "severity": "high"})):
        await house.say(late(1000), at=0)
        await house.say(late(5), at=1000)
        by_time = dict(map(tuple, await house.state.query("SELECT raised_at, occurrence FROM alarm")))
        for at in acknowledged:
            occurrence = by_time[late(at).time]
            ask = await acknowledge(house.state, occurrence, by="eve", reason="", now=house.clock.now())
            await house.say(ask, at=2000)
        await house.applied()
        first = await told(40_000)
        later = await told(640_000)

    assert (first, later) == (["ana"], then)
