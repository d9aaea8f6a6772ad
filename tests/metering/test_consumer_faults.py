"""Metering goes on: what one meter, one command or one figure has wrong never stops all others."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import JournalError, RequestRefused
from monitor.journal.state import State
from monitor.metering import amending, commands, consumer, ledger
from monitor.metering.commands import Asked
from monitor.metering.counter import Track
from monitor.metering.coverage import Coverage
from monitor.metering.keeping import Keeper
from monitor.metering.retention import forget_all
from monitor.metering.rollup import Rollup
from monitor.model import Event
from monitor.schema import MONITOR_DEVICE
from monitor.site import Counter, MeteringSettings
from monitor.tariff import Band, Tariff, Terms
from tests.clock import ManualClock
from tests.metering.ledgers import meter, site_of
from tests.metering.plants import plant, reading
from tests.metering.test_consumer import HOUR, MINUTE, NOON, POINT, QUARTER, every, replaced

BOTH = (meter("bad"), meter("good"))


def failing(of: Callable[..., Any], *, device: str) -> Callable[..., Any]:
    """The same, but for one device it fails as only a mistake in the program does."""

    def fails(self: Any, *arguments: Any, **keys: Any) -> Any:
        if device in {*(getattr(each, "device", str(each)) for each in arguments), getattr(self, "point", "")}:
            raise TypeError("a mistake")
        return of(self, *arguments, **keys)

    return fails


async def test_a_mistake_of_the_counter_engine_stops_one_counter_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Track, "take", failing(Track.take, device="volume_m3"))
    async with plant(tmp_path, site_of(meter("bad", device_class="water"), meter("good"))) as made:
        await made.keep(reading("bad", NOON, {"volume_m3": 5}), *every("good", NOON, NOON + HOUR, 4.0))
        await made.settle()

        assert made.sums() == {("good", POINT): pytest.approx(4.0)}


async def test_a_command_that_cannot_be_applied_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(db: sqlite3.Connection, counter: int, _: Any) -> None:
        db.execute("UPDATE quarter SET amount = 77 WHERE counter = ?", (counter,))
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(amending.ledger, "replace_meter", breaks)
    async with plant(tmp_path, site_of(*BOTH)) as made:
        await made.keep(*every("good", NOON, NOON + HOUR, 4.0), replace(replaced(NOON, 1.0, 1.0), target="good"))
        await made.settle()

        assert made.sums() == {("good", POINT): pytest.approx(4.0)}


async def test_a_counter_that_cannot_be_written_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(db: sqlite3.Connection, number: int, late: Any, _: int) -> set[int]:
        if late:
            db.execute("INSERT INTO quarter VALUES (?, 1, NULL, NULL)", (number,))
        return set()

    monkeypatch.setattr(ledger, "fill_gaps", breaks)
    async with plant(tmp_path, site_of(*BOTH)) as made:
        late = reading("bad", NOON - HOUR, {POINT: 1.0}, arrived=NOON, late=True)
        await made.keep(reading("bad", NOON, {POINT: 2.0}), late, *every("good", NOON, NOON + HOUR, 4.0))
        await made.settle()

        assert made.sums() == {("good", POINT): pytest.approx(4.0)}


async def test_a_figure_that_cannot_be_worked_out_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rollup, "tell", failing(Rollup.tell, device="bad"))
    async with plant(tmp_path, site_of(*BOTH)) as made:
        await made.keep(*every("bad", NOON, NOON + HOUR, 4.0), *every("good", NOON, NOON + HOUR, 4.0))
        await made.settle()
        told = {entry.device for entry in await made.derived(measurement="usage_hourly")}

        assert made.sums() == {(each, POINT): pytest.approx(4.0) for each in ("bad", "good")}
    assert told == {"good"}


async def test_what_was_written_before_a_mistake_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keeper, "_tell", failing(Keeper._tell, device="bad"))
    monkeypatch.setattr(Rollup, "tell", failing(Rollup.tell, device="bad"))
    places = ("before", "bad", "behind")
    async with plant(tmp_path, site_of(*map(meter, places))) as made:
        await made.keep(*(one for each in places for one in every(each, NOON, NOON + HOUR, 4.0)))
        await made.settle()
        told = [entry.device for entry in await made.derived(measurement="usage_daily")]

        assert made.sums() == {(each, POINT): pytest.approx(4.0) for each in places}
    assert told == ["before", "behind"]


async def test_a_mistake_in_coverage_stops_no_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise IndexError("a mistake")

    monkeypatch.setattr(Coverage, "take", breaks)
    async with plant(tmp_path, site_of(meter("good"))) as made:
        await made.keep(*every("good", NOON, NOON + HOUR, 4.0))
        await made.settle()

        assert made.sums() == {("good", POINT): pytest.approx(4.0)}


async def test_a_memory_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(*BOTH)) as made:
        await made.keep(*(one for each in ("bad", "good") for one in every(each, NOON, NOON + HOUR, 4.0)))
        await made.settle()
        await made.ledger.transact(
            lambda db: db.execute(
                """UPDATE counter SET body = '{"track": {"odd": {"x": 1}}}' WHERE device = 'bad'"""
            )
        )
    async with plant(tmp_path, site_of(*BOTH)) as made:
        more = every("good", NOON + HOUR, NOON + 2 * HOUR, 4.0, start=104.0)[1:]
        await made.keep(*more, *every("bad", NOON + 2 * HOUR, NOON + 3 * HOUR, 4.0, start=108.0))
        await made.settle()

        assert made.sums() == {(each, POINT): pytest.approx(8.0) for each in ("bad", "good")}


async def test_a_commit_that_was_told_as_failed_and_is_in_the_file_is_not_booked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact, failures = State.transact, [0]

    async def unsure(self: State, work: Callable[[sqlite3.Connection], Any]) -> Any:
        answer = await transact(self, work)
        if getattr(work, "__name__", "") == "write" and failures[0] < 3:
            failures[0] += 1
            raise JournalError("the ledger cannot be written: disk I/O error")
        return answer

    monkeypatch.setattr(State, "transact", unsure)
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + HOUR, 4.0))
        await made.settle()
        await made.keep(*every("main", NOON + HOUR, NOON + 2 * HOUR, 4.0, start=104.0)[1:])
        await made.settle()

        assert failures == [3]
        assert made.sums() == {("main", POINT): pytest.approx(8.0)}


async def test_a_device_that_believes_to_be_in_1970_does_not_begin_a_gap_of_decades(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(
            reading("main", 5000, {POINT: 100.0}, arrived=NOON), *every("main", NOON, NOON + HOUR, 4.0)
        )
        await made.settle()
        rows = await made.ledger.query("SELECT count(*) FROM quarter")
        (register,) = made.metering.registers("main")

    assert rows[0][0] == 4
    assert register.first == NOON


async def test_late_values_are_not_kept_for_ever_while_nothing_else_comes(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + HOUR, 4.0))
        await made.settle()
        for each in range(3):
            await made.keep(reading("main", NOON + each, {POINT: 100.0}, arrived=NOON + HOUR, late=True))
            await made.settle()
        account = made.metering._accounts["main"][POINT]

        assert account.late == []


async def test_deltas_stand_where_they_were_counted_although_late_values_come_in_between(tmp_path: Path) -> None:
    live = every("main", NOON, NOON + 10 * MINUTE, 6.0, minutes=0.25)
    late = [reading("main", each.time - HOUR, {POINT: 90.0}, arrived=each.time, late=True) for each in live]
    mixed = [one for pair in zip(live, late, strict=True) for one in pair]
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*mixed)
        await made.settle()
        beside = [entry for entry in await made.derived("main", "electricity") if entry.key == ""]

    assert [entry.time - NOON for entry in beside] == [15_000 + MINUTE * each for each in range(10)]


async def test_a_clock_that_was_set_back_is_remembered_over_a_restart(tmp_path: Path) -> None:
    step = Event(device=MONITOR_DEVICE, kind="clock_stepped", time=NOON, arrived=NOON, id="s1")
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + 4 * MINUTE, 4.0, minutes=1))
        await made.settle()
        await made.keep(step)
        await made.settle()
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.settle()
        (register,) = made.metering.registers("main")

    assert register.time == NOON


async def test_the_first_hour_is_told_although_only_a_part_of_it_is_known(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON + 50 * MINUTE, NOON + 2 * HOUR, 6.0))
        await made.settle()
        hours = {entry.time: entry.values for entry in await made.derived("main", "usage_hourly")}
        demand = [entry.time for entry in await made.derived("main", "electricity") if entry.key == "demand"]

    assert hours[NOON]["amount"] == pytest.approx(1.0)
    assert hours[NOON]["partial_i"] == 1
    assert demand[0] == NOON + HOUR + QUARTER


async def test_a_hole_has_no_demand_of_its_own(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + HOUR, 4.0))
        await made.keep(*every("main", NOON + 5 * HOUR, NOON + 6 * HOUR, 4.0, start=120.0))
        await made.settle()
        demand = [entry.time for entry in await made.derived("main", "electricity") if entry.key == "demand"]

    assert demand == [NOON + QUARTER * each for each in (1, 2, 3, 4, 21, 22, 23, 24)]


async def test_a_long_hole_of_many_meters_is_kept_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = [meter(f"m-{each}") for each in range(60)]
    sizes = list[int]()
    add_entries = ledger.add_entries

    def counts(db: sqlite3.Connection, number: int, entries: Any) -> None:
        held = sum(len(each.entries) for each in made.metering._all_accounts())
        sizes.append(held)
        add_entries(db, number, entries)

    monkeypatch.setattr(ledger, "add_entries", counts)
    async with plant(tmp_path, site_of(*devices)) as made:
        await made.keep(*(reading(each.id, NOON, {POINT: 1.0}) for each in devices))
        await made.settle()
        await made.keep(*(reading(each.id, NOON + 480 * HOUR, {POINT: 2.0}) for each in devices))
        await made.settle()

        assert made.sums() == {(each.id, POINT): pytest.approx(1.0) for each in devices}
    assert max(sizes) <= 20 * 1921


async def test_a_meter_that_is_silent_since_long_has_no_rate(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 20 * MINUTE)
    async with plant(tmp_path, site_of(meter("main")), clock.now) as made:
        await made.keep(*every("main", NOON, NOON + 20 * MINUTE, 4.0, minutes=1))
        await made.settle()
        (now,) = made.metering.registers("main")
        clock.advance(24 * HOUR)
        (later,) = made.metering.registers("main")

    assert (now.rate, now.demand) == (pytest.approx(4000), pytest.approx(4000))
    assert (later.rate, later.demand, later.predicted) == (None, None, None)
    assert later.register == now.register


async def test_a_replacement_of_yesterday_is_booked_although_a_value_is_held_now(tmp_path: Path) -> None:
    before = every("main", NOON, NOON + HOUR, 4.0)
    after = every("main", NOON + 2 * HOUR, NOON + 3 * HOUR, 4.0, start=2.0)
    glitch = reading("main", NOON + 3 * HOUR + MINUTE, {POINT: 0.0})
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*before, *after, glitch)
        await made.settle()
        await made.keep(replaced(NOON + HOUR + QUARTER, 105.0, 1.0))
        await made.settle()

        assert made.sums() == {("main", POINT): pytest.approx(4.0 + 1.0 + 1.0 + 4.0)}


async def test_a_replacement_is_said_once_and_put_right_by_a_correction(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 4 * HOUR)
    site = site_of(meter("main"))
    before = every("main", NOON, NOON + HOUR, 4.0)
    after = every("main", NOON + HOUR + 20 * MINUTE, NOON + 3 * HOUR, 4.0, start=2.5)
    async with plant(tmp_path, site, clock.now) as made:
        await made.keep(*before, replaced(NOON + HOUR + 10 * MINUTE, 104.6, 2.0), *after)
        await made.settle()
        sums = made.sums()
        asked = Asked(device="main", by="ana", now=clock.now())

        with pytest.raises(RequestRefused, match=r"was said already.*meter correct"):
            await commands.replace(made.book, site, asked, at=NOON + HOUR + 10 * MINUTE, final=104.5, start=2.0)
        await made.keep(replace(replaced(NOON + HOUR + 10 * MINUTE, 104.5, 2.0), id="c2"))
        await made.settle()

        assert made.sums() == sums


async def test_days_that_are_worked_out_anew_twice_at_once_are_told_both_times(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 4 * HOUR)
    said = every("main", NOON, NOON + 3 * HOUR, 4.0)
    async with plant(tmp_path, site_of(meter("main")), clock.now) as made:
        await made.keep(*said)
        await made.settle()
        for cost in (1.0, 2.0):
            await made.ledger.transact(lambda db: db.execute("UPDATE day SET body = '{}'"))
            async for _ in made.metering.recompute(["main"], NOON - 12 * HOUR, NOON + 4 * HOUR):
                pass
            await made.ledger.transact(
                lambda db, cost=cost: db.execute("UPDATE quarter SET amount = amount + ?", (cost,))
            )
        await made.settle()
        days = [entry for entry in await made.derived("main", "usage_daily") if "again" in entry.key]

    assert len(days) == 2


async def test_a_month_is_not_paid_twice_after_the_time_zone_was_put_right(tmp_path: Path) -> None:
    tariff = Tariff(
        id="t",
        name="t",
        utility="electricity",
        unit="kWh",
        currency="EUR",
        terms=(Terms(since=date(2020, 1, 1), bands=(Band(name="all", price=Decimal("0.5")),)),),
        devices=frozenset({"main"}),
    )
    said = every("main", NOON, NOON + 48 * HOUR, 2.0, minutes=15)
    clock = ManualClock(NOON + 49 * HOUR)
    device = meter("main", every=900.0)
    async with plant(tmp_path, site_of(device, tariffs={"t": tariff}), clock.now) as made:
        await made.keep(*said)
        await made.settle()
    async with plant(tmp_path, site_of(device, zone="Asia/Shanghai", tariffs={"t": tariff}), clock.now) as made:
        async for _ in made.metering.recompute(["main"], NOON - 48 * HOUR, clock.now()):
            pass
        await made.settle()
        month = (await made.derived("main", "usage_monthly"))[-1].values

    assert (month["amount"], month["cost"]) == (pytest.approx(96.0), pytest.approx(48.0))


async def test_a_month_of_which_a_part_was_forgotten_stays_as_it_was_told(tmp_path: Path) -> None:
    kept = MeteringSettings(keep=30 * 86_400.0)
    clock = ManualClock(NOON + 30 * 24 * HOUR)
    async with plant(tmp_path, site_of(meter("main", every=900.0), metering=kept), clock.now) as made:
        await made.keep(*every("main", NOON - 24 * HOUR, NOON + 24 * HOUR, 2.0, minutes=15))
        await made.settle()
        before = len(await made.derived("main"))
        await forget_all(made.ledger, NOON)
        await made.ledger.transact(lambda db: db.execute("UPDATE day SET body = '{}'"))
        async for _ in made.metering.recompute(["main"], NOON - 24 * HOUR, clock.now()):
            pass
        await made.settle()
        again = (await made.derived("main"))[before:]

    days = [entry for entry in again if entry.key.startswith("day")]
    assert [entry.values["amount"] for entry in days] == [pytest.approx(26.0)]
    assert not any(entry.key.startswith("month") for entry in again)


async def test_a_replacement_on_a_wrong_day_never_books_what_a_meter_counted_in_its_life(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 4 * HOUR)
    device = meter("main")
    points = {POINT: replace(device.points[POINT], counter=Counter(rating=100.0))}
    site = site_of(replace(device, points=points))
    async with plant(tmp_path, site, clock.now) as made:
        await made.keep(*every("main", NOON, NOON + 3 * HOUR, 4.0, start=48_211.0))
        await made.settle()
        asked = Asked(device="main", by="ana", now=clock.now())

        with pytest.raises(RequestRefused, match=r"no change was seen .* at most"):
            await commands.replace(made.book, site, asked, at=NOON + HOUR + MINUTE, final=48_215.5, start=0.3)


async def test_a_clock_that_cannot_be_believed_forgets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "_FORGET_EVERY", 0.0)
    trusted: list[bool] = []
    clock = ManualClock(NOON + HOUR)
    async with plant(tmp_path, site_of(meter("main")), clock.now, may_forget=lambda: bool(trusted)) as made:
        await made.keep(*every("main", NOON, NOON + HOUR, 4.0))
        await made.settle()
        clock.advance(20 * 366 * 24 * HOUR)
        await asyncio.sleep(2.5)  # two looks at the clock
        before = made.sums()
        trusted.append(True)
        async with asyncio.timeout(60):
            while made.sums():  # noqa: ASYNC110 - the ledger is no event
                await asyncio.sleep(0.1)

    assert before == {("main", POINT): pytest.approx(4.0)}
