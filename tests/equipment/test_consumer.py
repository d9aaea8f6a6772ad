"""Upkeep follows the journal, keeps the ledger, tells what happens, and goes on after whatever is wrong."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monitor.equipment import consumer, keeping
from monitor.equipment.batteries import Batteries
from monitor.equipment.commands import service
from monitor.equipment.machine import Machine
from monitor.errors import JournalError
from monitor.journal.state import State
from monitor.model import Event, Quality, Reading
from monitor.plant import Group, Service
from monitor.schema import MONITOR_DEVICE
from monitor.site import MeteringSettings, Point
from tests.clock import ManualClock
from tests.equipment.houses import house
from tests.equipment.machines import HOUR, MINUTE, NOON, SECOND, device, plan, said, site_of

DAY = 24 * HOUR
TODAY = date(2026, 11, 27)
OIL = Service(id="oil", name="Change the oil", hours=1.0, every=90 * 86400.0, warn=0.0)
SITE = site_of(device("one"), device("two"), plans={"one": plan(services=(OIL,))})


def runs(ident: str, first: int, last: int, *, every: int = 10 * SECOND, **values: Any) -> list[Reading]:
    """What a pump says at each poll; `first` and `last` are ms since noon."""
    return [said(ident, NOON + at, **values) for at in range(first, last + 1, every)]


def started(at: int, off_since: int) -> Event:
    attributes = {"off_since": NOON + off_since, "off_until": NOON + at, "off_s": (at - off_since) / 1000}
    return Event(
        device=MONITOR_DEVICE,
        kind="monitor_started",
        time=NOON + at,
        arrived=NOON + at,
        id=f"started-{at}",
        attributes=attributes,
    )


async def test_hours_starts_and_days_are_kept(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 2 * HOUR)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(*runs("one", 0, MINUTE, running=False), *runs("one", 70 * SECOND, HOUR, running=True))
        await made.settle()
        (one, two) = made.book.equipment()
        (day,) = await made.book.days(["two", "one"], TODAY, TODAY)
        told = await made.derived()

    assert (one.device, one.starts, one.first) == ("one", 1, NOON)
    assert one.hours == 3535 / 3600
    assert (two.state, two.hours) == ("unknown", 0.0)
    assert (day.device, day.known_s, day.running_s, day.starts) == ("one", 3600.0, 3535.0, 1)
    assert {each.measurement for each in told} == {"equipment"}
    assert [each.time - NOON for each in told] == [0, 70 * SECOND, *(n * 15 * MINUTE for n in range(1, 5))]


async def test_status_says_how_equipment_stands(tmp_path: Path) -> None:
    clock = ManualClock(NOON + MINUTE)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(said("one", NOON, running=True), said("two", NOON, fault=True, running=False))
        await made.settle()
        status = made.upkeep.status()

    assert (status["lag"], status["equipment"], status["running"], status["failed"]) == (0, 2, 1, 1)
    assert (status["last_commit"], status["unknown"], status["services_due"]) == (NOON + MINUTE, 0, 0)


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    for hour in range(3):
        clock.time = NOON + (hour + 1) * HOUR
        async with house(tmp_path, SITE, clock.now) as made:
            away = [started(hour * HOUR, hour * HOUR - 5 * SECOND)] if hour else []
            await made.keep(*away, *runs("one", hour * HOUR, (hour + 1) * HOUR - 10 * SECOND, running=True))
            await made.settle()
            (one, _) = made.book.equipment()
            (day,) = await made.book.days(["one"], TODAY, TODAY)

    assert one.hours == pytest.approx(3 - 10 / 3600)
    assert day.running_s == 3 * 3600 - 10
    assert day.starts == 0


async def test_nothing_is_told_of_what_was_recorded_before_the_first_start(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    fails = [
        *runs("one", 0, MINUTE, called=False, running=False),
        *runs("one", 70 * SECOND, 3 * MINUTE, called=True, running=False),
    ]
    async with house(tmp_path, SITE, clock.now, runs=False) as made:
        await made.live(
            clock, *fails, *runs("one", 3 * MINUTE + 10 * SECOND, 5 * MINUTE, called=True, running=True)
        )
    async with house(tmp_path, SITE, clock.now) as made:
        await made.settle()
        assert await made.events() == []
        assert made.book.equipment()[0].starts == 1
        assert (await made.book.days(["one"], TODAY, TODAY))[0].failed == 1

        await made.live(clock, *runs("one", 310 * SECOND, 320 * SECOND, called=False, running=False))
        await made.live(clock, *runs("one", 330 * SECOND, 400 * SECOND, called=True, running=False))
        (event,) = await made.until("failed_to_start")
    assert event.time == NOON + 340 * SECOND
    async with house(tmp_path, SITE, clock.now) as made:
        await made.settle()
        assert len(await made.events()) == 1


async def test_history_that_is_counted_in_two_lives_is_told_by_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, SITE, clock.now, runs=False) as made:
        for at in range(0, 40 * MINUTE, 2 * MINUTE):
            await made.live(clock, *runs("one", at, at + 20 * SECOND, called=False, running=False))
            await made.live(clock, *runs("one", at + 30 * SECOND, at + MINUTE, called=True, running=False))
        last = made.journal.last
    monkeypatch.setattr(consumer, "_AT_ONCE", 10)
    transact, kept = State.transact, 0

    async def dies(self: State, work: Callable[..., Any]) -> Any:
        nonlocal kept
        kept += work.__qualname__.startswith("Upkeep._keep.")
        if kept > 1:
            await asyncio.sleep(60)
        return await transact(self, work)

    monkeypatch.setattr(State, "transact", dies)
    async with house(tmp_path, SITE, clock.now) as made:
        async with asyncio.timeout(15):
            while True:
                await asyncio.sleep(0.01)
                if made.upkeep.applied:
                    break
        first = made.upkeep.applied
    monkeypatch.setattr(State, "transact", transact)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.settle()
        assert await made.events() == []
        assert (await made.book.days(["one"], TODAY, TODAY))[0].failed == 20
    assert 0 < first < last


@pytest.mark.parametrize(("percent", "expected"), [(8, 1), (90, 0)])
async def test_a_battery_that_was_low_before_the_first_start_and_still_is_is_told_of_once(
    tmp_path: Path, percent: int, expected: int
) -> None:
    clock, points = ManualClock(NOON), {"battery_pct": Point(name="battery_pct", unit="%")}
    site = site_of(device("door", scan={}, points=points))
    async with house(tmp_path, site, clock.now, runs=False) as made:
        await made.live(clock, *(said("door", NOON + at * MINUTE, battery_pct=8) for at in range(3)))
    for at in (10, 20):
        async with house(tmp_path, site, clock.now) as made:
            await made.settle()
            assert len(await made.events()) == (expected if at > 10 else 0)
            await made.live(
                clock, *(said("door", NOON + at * MINUTE + more, battery_pct=percent) for more in (0, 1))
            )
            await made.settle()

    async with house(tmp_path, site, clock.now) as made:
        assert [each.kind for each in await made.events()] == ["battery_soon"] * expected


async def test_time_alone_tells_what_did_not_happen(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    site = site_of(device("one", scan={}))
    async with house(tmp_path, site, clock.now) as made:
        await made.keep(said("one", NOON, called=False, running=False))
        await made.keep(said("one", NOON, arrived=NOON + SECOND, called=True))
        await made.settle()
        clock.advance(12 * SECOND)
        (event,) = await made.until("failed_to_start")

    assert event.id == f"failed_to_start-{event.time}"


async def test_members_of_a_group_are_told(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    group = Group(id="feed", name="Feed", members=("one", "two"))
    site = site_of(device("one"), device("two"), groups=[group])
    async with house(tmp_path, site, clock.now) as made:
        await made.keep(said("one", NOON, running=True, fault=False), said("two", NOON, running=False))
        clock.advance(10 * SECOND)
        await made.keep(said("one", clock.now(), running=False, fault=True))
        clock.advance(10 * SECOND)
        await made.keep(said("two", clock.now(), running=True))
        await made.settle()
        told = {each.kind: (each.device, each.attributes) for each in await made.events()}
        (now,) = made.book.groups()

    assert told["took_over"] == ("two", {"group": "feed", "for": "one"})
    assert told["no_reserve"] == ("one", {"group": "feed", "able": 1, "needed": 1})
    assert (now.running, now.able, now.reserve) == (("two",), ("two",), 0)


async def test_a_service_is_due_is_done_and_is_kept(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(said("one", NOON, running=True))
        await made.settle()
        clock.time = NOON + 61 * MINUTE
        await made.keep(*runs("one", 10 * SECOND, 61 * MINUTE, running=True))
        await made.settle()
        clock.advance(MINUTE + SECOND)
        await made.until("service_due")
        command = service(SITE, made.book.services(), device="one", by="ann", now=clock.now(), note="new filter")
        await made.keep(command, replace(command, id="odd", arguments={}), replace(command, id="no", target="two"))
        await made.until("serviced")
        await made.settle()
        (done,) = await made.book.done(NOON, clock.now() + 1)
        (due,) = made.book.services()
        told = await made.events()

    assert [each.kind for each in told] == ["service_due", "serviced"]
    assert told[0].attributes == {
        "service": "oil",
        "name": "Change the oil",
        "due": "2026-11-27",
        "hours_left": pytest.approx(0.0, abs=0.1),
    }
    assert told[1].attributes["by"] == "ann"
    assert (done.device, done.service, done.time, done.by, done.note) == (
        "one",
        "oil",
        clock.now(),
        "ann",
        "new filter",
    )
    assert done.hours == pytest.approx(61 / 60, abs=0.001)
    assert (due.state, due.last) == ("fine", clock.now())


async def test_what_cannot_be_trusted_counts_for_nothing(tmp_path: Path) -> None:
    clock = ManualClock(NOON + HOUR)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(
            *runs("one", 0, MINUTE, running=True),
            *runs("one", 70 * SECOND, 80 * SECOND, quality=Quality.SUSPECT, running=False),
            said("one", 1_000_000, running=False),
            *runs("one", 90 * SECOND, 2 * MINUTE, running=True),
        )
        await made.settle()
        (one, _) = made.book.equipment()

    assert (one.hours, one.starts, one.first) == (120 / 3600, 0, NOON)


def failing(of: Callable[..., Any], device: str) -> Callable[..., Any]:
    """The same, but for one device it fails as only a mistake in the program does."""

    def fails(self: Any, *arguments: Any) -> Any:
        if getattr(getattr(self, "device", None), "id", "") == device or device in map(str, arguments):
            raise TypeError("a mistake")
        return of(self, *arguments)

    return fails


@pytest.mark.parametrize("of", ["take", "tick", "dump", "load"])
async def test_a_mistake_about_one_machine_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    monkeypatch.setattr(Machine, of, failing(getattr(Machine, of), "one"))
    clock = ManualClock(NOON + HOUR)
    for minute in range(3):
        async with house(tmp_path, SITE, clock.now) as made:
            first, last = minute * MINUTE, (minute + 1) * MINUTE - 10 * SECOND
            await made.keep(*(each for pump in ("one", "two") for each in runs(pump, first, last, running=True)))
            await made.settle()
            found = {each.device: each.hours for each in made.book.equipment()}

    assert found["two"] == 170 / 3600


async def test_a_mistake_of_a_part_stops_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise IndexError("a mistake")

    for name in ("take", "tick", "news", "rows", "dump_changed", "load"):
        monkeypatch.setattr(Batteries, name, breaks)
    clock = ManualClock(NOON + HOUR)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(*runs("two", 0, MINUTE, running=True))
        await made.settle()

        assert made.book.equipment()[1].hours == 60 / 3600


async def test_days_that_cannot_be_written_stop_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        keeping, "added", lambda body, news: {**body, **news, "odd": {1, 2}} if news["known_s"] == 50.0 else news
    )
    clock = ManualClock(NOON + HOUR)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(*runs("one", 0, 50 * SECOND, running=True), *runs("two", 0, MINUTE, running=True))
        await made.settle()
        days = await made.book.days(["one", "two"], TODAY, TODAY)

    assert [(each.device, each.running_s) for each in days] == [("two", 60.0)]


async def test_a_memory_that_cannot_be_read_begins_anew_and_stops_no_other(tmp_path: Path) -> None:
    clock = ManualClock(NOON + HOUR)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(*runs("one", 0, MINUTE, running=True), *runs("two", 0, MINUTE, running=True))
        await made.settle()
        await made.ledger.transact(
            lambda db: db.execute("UPDATE upkeep SET body = 'odd' WHERE key IN ('machine/one', 'service/one')")
        )
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(*runs("one", 70 * SECOND, 2 * MINUTE, running=True))
        await made.keep(*runs("two", 70 * SECOND, 2 * MINUTE, running=True))
        await made.settle()
        found = {each.device: each.hours for each in made.book.equipment()}

    assert found == {"one": 50 / 3600, "two": 120 / 3600}


async def test_a_commit_that_is_told_as_failed_and_is_in_the_file_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOON + HOUR)
    async with house(tmp_path, SITE, clock.now) as made:
        transact = made.ledger.transact
        failures = iter([True])

        async def told_as_failed(work: Callable[..., Any]) -> Any:
            answer = await transact(work)
            if "keep" in getattr(work, "__qualname__", "") and next(failures, False):
                raise JournalError("told as failed")
            return answer

        monkeypatch.setattr(made.ledger, "transact", told_as_failed)
        await made.keep(*runs("one", 0, MINUTE, running=True))
        await made.settle()
        (day,) = await made.book.days(["one"], TODAY, TODAY)
        assert next(failures, False) is False

    assert day.running_s == 60.0


async def test_what_is_older_than_the_ledger_keeps_is_forgotten(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 10 * DAY)
    site = replace(SITE, metering=MeteringSettings(keep=5 * 86400.0))
    async with house(tmp_path, site, clock.now) as made:
        for day in range(10):
            await made.keep(*runs("one", day * DAY, day * DAY + MINUTE, running=True))
        await made.settle()
        made.upkeep._forgot_at = -10_000.0
        await made.upkeep._forget()
        days = await made.book.days(["one"], TODAY, date(2026, 12, 31))

    assert [each.day.day for each in days] == [1, 2, 3, 4, 5, 6]
