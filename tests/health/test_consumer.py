"""Health as a consumer of a real journal, with its state in a real state.db."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from monitor.health import Health
from monitor.journal.feeder import Feeder
from monitor.journal.files import open_files
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Derived, Entry, Event, Missing, Reading
from monitor.ports import Batch
from monitor.schema import MEASUREMENT_HEALTH, MEASUREMENT_HEALTH_HOUR
from monitor.site import Connection, Device, JournalSettings, Point, Site
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


async def told(journal: SqliteJournal, kind: type, measurement: str = MEASUREMENT_HEALTH) -> Sequence[Any]:
    found = [each.entry for each in await journal.between("meter", 0, 2**62)]
    return [
        each for each in found if type(each) is kind and getattr(each, "measurement", measurement) == measurement
    ]


async def hours(journal: SqliteJournal) -> Sequence[Derived]:
    return await told(journal, Derived, MEASUREMENT_HEALTH_HOUR)


async def until_told(
    journal: SqliteJournal, kind: type, number: int, measurement: str = MEASUREMENT_HEALTH
) -> None:
    async with asyncio.timeout(60):
        while len(await told(journal, kind, measurement)) < number:  # noqa: ASYNC110 - as above
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


def _to_the_hour(clock: ManualClock) -> None:
    """Move to the beginning of an hour."""
    clock.advance(60 * MINUTE - clock.now() % (60 * MINUTE))


async def _live(journal: SqliteJournal, health: Health, clock: ManualClock, minutes: int) -> None:
    """Answer once in each of the next minutes."""
    for _ in range(minutes):
        number = health.readings
        await keep(journal, said(clock))
        await until(lambda number=number: health.readings > number)  # type: ignore[misc]
        clock.advance(MINUTE)


@pytest.mark.fault(
    "monitor killed",
    part="whole monitor",
    outcome="The hour that runs goes on with the minutes it had, and none is counted twice.",
)
async def test_an_hour_goes_on_over_kills_and_starts(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    _to_the_hour(clock)
    feeder = Feeder(state, journal)
    start = clock.now()
    first = make(journal, state, clock, steady=monotonic)
    async with running(first, feeder):
        await _live(journal, first, clock, 15)
        await until_told(journal, Derived, 14)
    second = make(journal, state, clock, steady=lambda: 0.0)  # keeps nothing: as if killed
    async with running(second, feeder):
        await _live(journal, second, clock, 10)
        await until(lambda: second.readings)
    third = make(journal, state, clock, steady=monotonic)
    async with running(third, feeder):
        await _live(journal, third, clock, 40)
        await until_told(journal, Derived, 6, MEASUREMENT_HEALTH_HOUR)
        minutes, found = await told(journal, Derived), await hours(journal)

    whole = [each for each in found if each.time == start][-1]
    within = [each for each in minutes if start < each.time <= start + 60 * MINUTE]
    assert whole.values["minutes"] == len(within) > 55
    assert whole.values["up_minutes"] == sum(bool(each.values["up"]) for each in within)
    assert whole.values["polls"] == sum(int(each.values["polls"]) for each in within)
    assert whole.values["poll_ms"] == 4.5
    assert dict(whole.attributes) == {"protocol": "modbus"}
    assert len({(each.time, each.key) for each in found}) == len(found)


async def test_a_replay_of_an_hour_appends_no_second_word_on_it(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    _to_the_hour(clock)
    feeder = Feeder(state, journal)
    health = make(journal, state, clock, steady=monotonic)
    async with running(health, feeder):
        await _live(journal, health, clock, 62)
        await until_told(journal, Derived, 6, MEASUREMENT_HEALTH_HOUR)
    before = await hours(journal)
    await state.transact(lambda db: db.execute("DELETE FROM health"))
    await state.transact(lambda db: db.execute("DELETE FROM positions"))
    again = make(journal, state, clock, steady=monotonic)
    async with running(again, feeder):
        await until(lambda: again.readings == 62)
        await until_kept(state)
    await feeder.feed()

    assert await hours(journal) == before
    assert [each.values["minutes"] for each in before] == [10, 20, 30, 40, 50, 60]


@pytest.mark.fault(
    "file of another version",
    part="whole monitor",
    outcome="Devices do as they did, and their hour begins with the start.",
)
async def test_it_goes_on_with_the_state_of_a_version_that_knew_no_hours(
    tmp_path: Path, clock: ManualClock
) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        db.executescript((Path(__file__).parents[1] / "databases" / "state-v14.sql").read_text("utf-8"))
    clock.advance(1_795_378_720_000 - clock.now())
    async with open_files(tmp_path, JournalSettings(), now=clock.now, timezone=ZoneInfo("UTC")) as files:
        journal = files.journal
        health = make(journal, files.state, clock, steady=monotonic)
        async with running(health, Feeder(files.state, journal)):
            await until(lambda: health.states()["meter"] == "answering")
            await _live(journal, health, clock, 22)
            await until_told(journal, Derived, 2, MEASUREMENT_HEALTH_HOUR)
        found = await hours(journal)

    assert {each.values["state"] for each in found} == {"answering"}
    assert {each.values["up_pct"] for each in found} == {100.0}
