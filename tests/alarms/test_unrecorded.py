"""While nothing can be recorded, alarms are judged from memory and told, and afterwards nothing of it is left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from monitor.alarms.unrecorded import Unrecorded, _Aloud
from monitor.errors import JournalError
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Command, Position, Recorded
from monitor.notices import Notice, NoticeKind
from monitor.ports import Batch
from monitor.site import Site
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.alarms.household import FORCED, LOW, House, site
from tests.clock import ManualClock
from tests.rules.build import event, reading

NOW = {**LOW, "id": "now", "on_delay": "0 s"}


class People:
    """Who is told what: Ana at once, Ben when `late` is set."""

    def __init__(self) -> None:
        self.heard: list[tuple[NoticeKind, str, str]] = []
        self.late = asyncio.Event()

    async def tell(self, notice: Notice, told: set[tuple[str, str]]) -> None:
        if notice.kind is NoticeKind.CLEAR:
            self.heard += [(notice.kind, notice.rule.id, person) for person, _ in sorted(notice.told)]
            return
        for person in ("ana", "ben"):
            if person == "ben":
                await self.late.wait()
            told.add((person, "mail"))
            self.heard.append((notice.kind, notice.rule.id, person))

    async def until(self, number: int) -> None:
        async with asyncio.timeout(60):
            while len(self.heard) < number:  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.005)


@asynccontextmanager
async def outage(state: State, settings: Site, clock: ManualClock, people: People) -> AsyncIterator[Unrecorded]:
    unrecorded = Unrecorded(state, settings, now=clock.now, tell=people.tell)
    task = asyncio.create_task(unrecorded.run())
    await asyncio.sleep(0)
    try:
        yield unrecorded
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.fault(
    "disk full",
    part="rules and alarms",
    outcome="Alarms are judged from memory and told to all; their end to whoever heard of them.",
)
async def test_an_alarm_is_told_to_all_and_its_end_to_whoever_heard_of_it(
    state: State, clock: ManualClock
) -> None:
    people = People()
    async with outage(state, site(NOW), clock, people) as unrecorded:
        unrecorded.hear(reading(0, 200.0))
        await people.until(1)
        clock.advance(1000)
        unrecorded.hear(reading(1000, 230.0))
        await people.until(2)
        people.late.set()
        clock.advance(1000)
        unrecorded.hear(reading(2000, 200.0))
        await people.until(4)

    told = [(str(kind), person) for kind, _, person in people.heard]
    assert told == [("raise", "ana"), ("clear", "ana"), ("raise", "ana"), ("raise", "ben")]
    assert not await state.query("SELECT 1 FROM alarm UNION SELECT 1 FROM outbox")


async def test_it_goes_on_from_what_was_kept(journal: SqliteJournal, state: State, clock: ManualClock) -> None:
    settings, house, people = site(NOW, LOW), House(journal, state, clock), People()
    async with house.running(settings):
        for at in (0, 10_000, 20_000):
            await house.say(reading(at, 200.0), at=at)
        await house.pass_time(at=25_000)

        async def is_kept() -> bool:
            clock.advance(10)  # a commit that was under way moves the second from which the next one counts
            return house.alarms is not None and house.alarms.applied == journal.last

        await house.settled()
        await house.until(is_kept)
    async with outage(state, settings, clock, people) as unrecorded:
        clock.advance(6_000)
        unrecorded.hear(reading(31_000, 200.0))
        await people.until(1)

    assert [(str(kind), rule) for kind, rule, _ in people.heard] == [("raise", "low")]


async def test_what_is_shelved_is_not_told_by_way_of_an_outage(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    settings, house, people = site(NOW, FORCED), House(journal, state, clock), People()
    (source,) = settings.rules["now"].sources
    shelve = Command(
        id="1", time=clock.now(), by="ben", kind="shelve", target=f"now/{source.key}", arguments={"for_s": 600},
        reason="work",
    )  # fmt: skip
    async with house.running(settings):
        await house.say(shelve, at=0)
        await house.applied()
    async with outage(state, settings, clock, people) as unrecorded:
        unrecorded.hear(reading(1000, 200.0))
        unrecorded.hear(event(2000, "forced"))
        await people.until(1)

    assert [rule for _, rule, _ in people.heard] == ["forced"]


async def test_what_a_broker_sends_again_is_told_once(state: State, clock: ManualClock) -> None:
    people = People()

    async def full(_batches: Sequence[Batch], **_settled: object) -> Position:
        raise JournalError("database or disk is full")

    async with outage(state, site(FORCED, NOW), clock, people) as unrecorded:
        intake = unrecorded.listening(full)
        for _ in range(3):
            with pytest.raises(JournalError, match="full"):
                await intake([Batch(entries=[event(1, "forced")], id="m")])
            await people.until(1)
        unrecorded.hear(reading(0, 200.0))
        await people.until(2)

    assert [rule for _, rule, _ in people.heard] == ["forced", "now"]


async def test_nothing_is_judged_before_and_after_an_outage(state: State, clock: ManualClock) -> None:
    people = People()
    async with outage(state, site(NOW), clock, people) as unrecorded:
        pass
    unrecorded.hear(reading(0, 200.0))
    async with outage(state, site(NOW), clock, people) as unrecorded:
        unrecorded.hear(reading(0, 230.0))
        clock.advance(1000)
        unrecorded.hear(reading(1000, 200.0))
        await people.until(1)

    assert len(people.heard) == 1


async def test_an_alarm_without_an_end_is_told_and_not_remembered(clock: ManualClock) -> None:
    people, house = People(), site(FORCED)
    people.late.set()
    engine = Engine(list(house.rules.values()), Surroundings.of(house))
    forced = Recorded(position=Position(1), recorded=clock.now(), entry=event(1, "forced"))
    async with asyncio.TaskGroup() as group:
        aloud = _Aloud(group, people.tell)
        aloud.take(engine.judge([forced]))

    assert [person for _, _, person in people.heard] == ["ana", "ben"]
    assert (aloud._telling, aloud._told) == ({}, {})


async def test_of_a_backlog_that_cannot_be_recorded_the_first_alarm_is_told(clock: ManualClock) -> None:
    people, house = People(), site({**FORCED, "severity": "high"})
    people.late.set()
    engine = Engine(list(house.rules.values()), Surroundings.of(house))
    late = [replace(event(at, "forced"), arrived=clock.now() + 600_000) for at in range(50)]
    live = replace(event(600_000, "forced"), arrived=clock.now() + 600_000)
    heard = [Recorded(position=Position(1), recorded=clock.now(), entry=each) for each in (*late, live)]
    async with asyncio.TaskGroup() as group:
        _Aloud(group, people.tell).take(engine.judge(heard))

    assert [person for _, _, person in people.heard] == ["ana", "ben"] * 2
