"""Health as a consumer of a real journal, with its state in a real state.db."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import get_ident
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from monitor.health import Health
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Derived, Entry, Event, Missing, Reading
from monitor.ports import Batch
from monitor.site import Connection, Device, Point, Site
from tests.clock import ManualClock
from tests.running import running

MINUTE = 60_000
SITE = Site(
    id="hq",
    name="Headquarters",
    timezone=ZoneInfo("UTC"),
    connections={"bus": Connection(id="bus", driver="modbus", options=None)},
    devices={
        name: Device(
            id=name,
            name=name,
            connection="bus",
            device_class="water",
            scan={"fast": 10.0},
            points={"volume_m3": Point(name="volume_m3", unit="m3")},
        )
        for name in ("meter", "other")
    },
)


@dataclass(frozen=True)
class Poll:
    poll_ms: float | None = 4.5
    last_error: str = ""


def make(journal: SqliteJournal, state: State, clock: ManualClock, steady: Callable[[], float]) -> Health:
    return Health(journal, state, SITE, polls=lambda: {"meter": Poll()}, now=clock.now, steady=steady)


async def until(claim: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not claim():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def said(clock: ManualClock, value: float | None = 1.0) -> Reading:
    values = {} if value is None else {"volume_m3": value}
    missing = {"volume_m3": Missing.TIMEOUT} if value is None else {}
    return Reading(device="meter", time=clock.now(), arrived=clock.now(), values=values, missing=missing)


async def keep(journal: SqliteJournal, *entries: Entry) -> None:
    await journal.append([Batch(entries=entries)])


async def told(journal: SqliteJournal, kind: type) -> Sequence[Any]:
    found = await journal.between("meter", 0, 2**62)
    return [each.entry for each in found if type(each.entry) is kind]


async def until_told(journal: SqliteJournal, kind: type, number: int) -> None:
    async with asyncio.timeout(60):
        while len(await told(journal, kind)) < number:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def until_noticed(state: State) -> None:
    async with asyncio.timeout(60):
        while not await state.query("SELECT 1 FROM health WHERE key = '(notice)' AND body <> '0'"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def until_kept(state: State) -> None:
    async with asyncio.timeout(60):
        while not await state.position("health"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_a_change_is_an_event_and_a_minute_is_a_derived_entry(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    clock.advance(MINUTE - clock.now() % MINUTE)
    health = make(journal, state, clock, steady=monotonic)
    async with running(health, Feeder(state, journal)):
        await keep(journal, said(clock))
        await until(lambda: health.states()["meter"] == "answering")
        clock.advance(MINUTE)
        await keep(journal, said(clock))
        await until_told(journal, Derived, 1)
        events, minutes = await told(journal, Event), await told(journal, Derived)

    assert [(each.kind, dict(each.attributes)) for each in events] == [
        ("health", {"state": "answering", "was": "never_answered"})
    ]
    assert [dict(each.values) for each in minutes] == [
        {
            "up": True,
            "state": "answering",
            "polls": 1,
            "errors": 0,
            "last_error": "",
            "poll_ms": 4.5,
            "loss_pct": 0.0,
        }
    ]
    assert minutes[0].time % MINUTE == 0
    assert dict(minutes[0].attributes) == {"protocol": "modbus"}


async def test_after_a_start_it_goes_on_where_it_was_and_tells_nothing_twice(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    feeder = Feeder(state, journal)
    first = make(journal, state, clock, steady=lambda: 0.0)
    async with running(first, feeder):
        await keep(journal, said(clock))
        await until(lambda: first.states()["meter"] == "answering")
    # Not kept: the steady clock stands still, so that this is what a kill leaves.
    second = make(journal, state, clock, steady=monotonic)
    async with running(second, feeder):
        await keep(journal, said(clock, None), said(clock, None))
        await until(lambda: second.states()["meter"] == "suspended")
        clock.advance(2000)
        await until_told(journal, Event, 2)
        events = await told(journal, Event)
    third = make(journal, state, clock, steady=monotonic)
    async with running(third, feeder):
        await until(lambda: third.states()["meter"] == "suspended")

    assert [event.attributes["state"] for event in events] == ["answering", "suspended"]
    assert await told(journal, Event) == events


async def test_a_replay_of_everything_appends_nothing_new(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    feeder = Feeder(state, journal)
    health = make(journal, state, clock, steady=monotonic)
    async with running(health, feeder):
        for number, value in enumerate((1.0, None, None, 2.0), 1):
            await keep(journal, said(clock, value))
            await until(lambda number=number: health.readings == number)  # type: ignore[misc]
            clock.advance(MINUTE)
        clock.advance(2000)
        await until_told(journal, Event, 3)
    before = await told(journal, Event), await told(journal, Derived)
    await state.transact(lambda db: db.execute("DELETE FROM health"))
    await state.transact(lambda db: db.execute("DELETE FROM positions"))
    again = make(journal, state, clock, steady=monotonic)
    async with running(again, feeder):
        await until(lambda: again.states()["meter"] == "answering")
        clock.advance(2000)
        await until_kept(state)
    await feeder.feed()

    assert await told(journal, Event) == before[0]
    assert {each.time for each in await told(journal, Derived)} >= {each.time for each in before[1]}
    assert len(await told(journal, Derived)) == len({each.time for each in await told(journal, Derived)})


async def test_nothing_is_written_while_nothing_changes(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    clock.advance(MINUTE - clock.now() % MINUTE)
    health = make(journal, state, clock, steady=monotonic)
    async with running(health, Feeder(state, journal)):
        await keep(journal, said(clock))
        await until_kept(state)
        first = await state.position("health")
        for _ in range(50):
            await keep(journal, said(clock))
        await until(lambda: health.readings == 51)

        assert await state.position("health") == first


async def test_what_a_minute_says_of_all_devices_is_put_together_beside_the_loop(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    threads: list[int] = []

    def polls() -> Mapping[str, Poll]:
        threads.append(get_ident())
        return {}

    clock.advance(MINUTE - clock.now() % MINUTE)
    health = Health(journal, state, SITE, polls=polls, now=clock.now)
    async with running(health, Feeder(state, journal)):
        await keep(journal, said(clock))
        await until(lambda: health.states()["meter"] == "answering")
        clock.advance(MINUTE)
        await keep(journal, said(clock))
        await until_told(journal, Derived, 1)

    assert threads
    assert get_ident() not in threads


@pytest.mark.fault(
    "device never wired",
    part="Modbus",
    outcome="It is no alarm: the log names all such devices, by connection, once a day.",
)
async def test_those_that_never_answered_are_named_once_a_day(
    journal: SqliteJournal, state: State, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.health.consumer._TICK", 0.01)
    started = monotonic()
    uptime = 0.0

    def steady() -> float:
        return started + uptime + (monotonic() - started)

    def notices() -> list[Any]:
        return [log for log in logs if log["event"] == "devices_never_answered"]

    with capture_logs() as logs:
        async with running(make(journal, state, clock, steady)):
            await keep(journal, said(clock))
            await asyncio.sleep(0.1)
            early = len(notices())
            uptime = 601.0
            await until(notices)
            await asyncio.sleep(0.1)
            clock.advance(MINUTE)
            await keep(journal, said(clock))
            await until_noticed(state)
        uptime = 0.0
        again = make(journal, state, clock, steady)
        uptime = 601.0
        async with running(again):  # a restart forgets neither
            await asyncio.sleep(0.2)
            same_day = len(notices())
            clock.advance(86_400_000)
            await until(lambda: len(notices()) == 2)

    assert (early, same_day) == (0, 1)
    assert notices()[0]["devices"] == {"bus": ["other"]}
    assert notices()[0]["number"] == 1
