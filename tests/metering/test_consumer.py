"""Metering as a consumer of a real journal, with its ledger in a real file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.metering import commands
from monitor.model import Command, Derived, Entry, Event, Origin, Quality, Reading
from monitor.periods import QUARTER
from monitor.schema import MONITOR_DEVICE
from monitor.site import Counter, Device, Point, Virtual
from tests.clock import ManualClock
from tests.metering.ledgers import meter, ms, site_of
from tests.metering.plants import Plant, plant, reading

NOON = ms("2026-11-27 12:00")
MINUTE = 60_000
HOUR = 4 * QUARTER
POINT = "energy_import_kwh"


def every(
    device: str, begin: int, end: int, kw: float, *, start: float = 100.0, minutes: float = 5
) -> list[Reading]:
    """What a meter says while it counts at a power."""
    times = range(begin, end + 1, round(minutes * MINUTE))
    return [reading(device, time, {POINT: start + kw * (time - begin) / HOUR}) for time in times]


async def told(folder: Path, devices: Sequence[Device], *entries: Entry) -> Plant:
    async with plant(folder, site_of(*devices)) as made:
        await made.keep(*entries)
        await made.settle()
        made.all = await made.entries()  # type: ignore[attr-defined]  # for the caller
        return made


async def test_what_was_used_is_told_per_hour_day_and_month_with_its_place_in_time(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main", tenant="shop"))) as made:
        await made.keep(*every("main", NOON, NOON + 2 * HOUR + 5 * MINUTE, 4.0))
        await made.settle()

        hours = {entry.time: entry for entry in await made.derived("main", "usage_hourly")}
        days = await made.derived("main", "usage_daily")
        months = await made.derived("main", "usage_monthly")

    assert hours[NOON].values["amount"] == pytest.approx(4.0)
    assert hours[NOON].values["partial_i"] == 0
    assert hours[NOON + 2 * HOUR - HOUR].values["demand_max_w"] == pytest.approx(4000)
    assert days[-1].time == ms("2026-11-27", "Europe/Berlin")
    assert days[-1].values["partial_i"] == 1
    assert months[-1].time == ms("2026-11-01", "Europe/Berlin")
    assert days[-1].attributes == {"utility": "electricity", "tenant": "shop"}


async def test_deltas_stand_beside_the_readings_once_a_minute(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + 5 * MINUTE, 6.0, minutes=0.25))
        await made.settle()

        beside = [entry for entry in await made.derived("main", "electricity") if entry.key == ""]

    assert [entry.time - NOON for entry in beside] == [15_000] + [15_000 + MINUTE * each for each in range(1, 5)]
    assert [entry.values["energy_import_delta_kwh"] for entry in beside[1:]] == [pytest.approx(0.1)] * 4
    assert "power_w" in beside[-1].values


async def test_a_rate_that_the_meter_reports_itself_is_never_derived(tmp_path: Path) -> None:
    device = meter("main")
    device = replace(device, points={**device.points, "power_w": Point(name="power_w", unit="W")})
    async with plant(tmp_path, site_of(device)) as made:
        await made.keep(*every("main", NOON, NOON + 10 * MINUTE, 6.0, minutes=1))
        await made.settle()

        assert not any("power_w" in entry.values for entry in await made.derived("main"))


async def test_demand_is_told_at_the_end_of_each_quarter_and_predicted_within_it(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + 35 * MINUTE, 8.0, minutes=1))
        await made.settle()

        entries = await made.derived("main", "electricity")
        (register,) = made.metering.registers("main")

    blocks = {entry.time: entry.values["demand_w"] for entry in entries if entry.key == "demand"}
    assert blocks == {NOON + QUARTER: pytest.approx(8000), NOON + 2 * QUARTER: pytest.approx(8000)}
    beside = [entry for entry in entries if entry.key == ""][-1].values
    assert beside["demand_predicted_w"] == pytest.approx(8000)
    assert beside["demand_sliding_w"] == pytest.approx(8000)
    assert (register.demand, register.predicted) == (pytest.approx(8000), pytest.approx(8000))


async def test_a_glitch_books_nothing_and_is_an_event_with_its_evidence(tmp_path: Path) -> None:
    said = every("main", NOON, NOON + HOUR, 4.0)
    said[3] = replace(said[3], values={POINT: 0.0})
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*said)
        await made.settle()

        events = await made.events("main")
        assert made.sums() == {("main", POINT): pytest.approx(4.0)}

    assert [event.kind for event in events] == ["counter_glitch"]
    assert events[0].attributes["point"] == POINT


async def test_its_status_says_how_far_it_has_come_and_what_is_held(tmp_path: Path) -> None:
    said = every("main", NOON, NOON + HOUR, 4.0)
    async with plant(tmp_path, site_of(meter("main"), meter("sub"))) as made:
        before = made.metering.status()
        await made.keep(*said, replace(said[-1], time=said[-1].time + MINUTE, values={POINT: 0.0}))
        await made.settle()
        after = made.metering.status()

        assert before == {"position": 0, "lag": 0, "last_commit": 0, "meters": 2, "counters": 2, "held": 0}
        assert after.pop("last_commit") > 0
        assert after == {"position": made.journal.last, "lag": 0, "meters": 2, "counters": 2, "held": 1}


async def test_only_what_can_be_trusted_is_counted(tmp_path: Path) -> None:
    said = every("main", NOON, NOON + 10 * MINUTE, 4.0)
    odd = [
        replace(said[-1], time=said[-1].time + 1, values={POINT: 5000.0}, quality=Quality.SUSPECT),
        replace(said[-1], time=said[-1].time + 2, values={POINT: 5000.0}, quality=Quality.ESTIMATED),
        replace(said[-1], time=said[-1].time + 3, values={POINT: 5000.0}, origin=Origin.RETAINED),
        replace(said[-1], time=said[-1].time + 4, values={POINT: "5000"}),
        replace(said[-1], time=said[-1].time + 5, values={POINT: True}),
        replace(said[-1], time=said[-1].time + 6, values={}),
    ]
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*said, *odd)
        await made.settle()

        (register,) = made.metering.registers("main")
    assert register.register == said[-1].values[POINT]
    assert register.pending == ()


async def test_late_readings_fill_the_gap_that_they_come_from(tmp_path: Path) -> None:
    device = meter("main", every=60.0)
    live = every("main", NOON, NOON + 10 * MINUTE, 4.0, minutes=1)
    after = reading("main", NOON + 2 * HOUR, {POINT: 108.0})
    missed = [
        replace(each, late=True, arrived=NOON + 2 * HOUR + MINUTE)
        for each in every("main", NOON + 10 * MINUTE, NOON + HOUR, 8.0, start=live[-1].values[POINT], minutes=1)[
            1:
        ]  # type: ignore[arg-type]  # a float
    ]
    async with plant(tmp_path, site_of(device)) as made:
        await made.keep(*live, after)
        await made.settle()
        before = (await made.derived("main", "usage_hourly"))[-2:]
        await made.keep(*missed)
        await made.settle()
        again = await made.derived("main", "usage_hourly")
        (found,) = await made.book.consumption(["main"], NOON, NOON + HOUR)

    true = 4.0 / 6 + 8.0 * 50 / 60
    assert before[0].values["amount"] != pytest.approx(true)
    assert found.amount == pytest.approx(true)
    newest = {entry.time: entry.values["amount"] for entry in again}
    assert newest[NOON] == pytest.approx(true)
    assert newest[NOON] + newest[NOON + HOUR] == pytest.approx(8.0)


def replaced(at: int, final: float, start: float) -> Command:
    return Command(
        id="c1",
        time=at,
        by="ana",
        kind=commands.REPLACE,
        target="main",
        arguments={"point": POINT, "at": at, "final": final, "start": start},
        reason="calibration is over",
    )


async def test_a_replacement_that_is_told_afterwards_puts_the_bill_right(tmp_path: Path) -> None:
    before = every("main", NOON, NOON + HOUR, 4.0)
    after = every("main", NOON + HOUR + 20 * MINUTE, NOON + 3 * HOUR, 4.0, start=2.5)
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*before, *after)
        await made.settle()
        (guess,) = await made.book.consumption(["main"], NOON, NOON + 3 * HOUR)
        await made.keep(replaced(NOON + HOUR + 10 * MINUTE, 104.6, 2.0))
        await made.settle()
        (exact,) = await made.book.consumption(["main"], NOON, NOON + 3 * HOUR)
        events = await made.events("main")
        hours = {entry.time: entry.values["amount"] for entry in await made.derived("main", "usage_hourly")}

    assert [each.lost for each in guess.breaks] == [True]
    assert exact.amount == pytest.approx(4.0 + 0.6 + 0.5 + 4.0 * 100 / 60)
    assert [(each.cause, each.lost, each.by) for each in exact.breaks] == [("replaced", False, "ana")]
    assert [event.kind for event in events][-1] == "meter_replaced"
    assert sum(hours[NOON + each * HOUR] for each in range(3)) == pytest.approx(exact.amount or 0)


async def test_a_replacement_that_is_told_at_once_loses_nothing(tmp_path: Path) -> None:
    before = every("main", NOON, NOON + HOUR, 4.0)
    after = every("main", NOON + HOUR + 20 * MINUTE, NOON + 2 * HOUR, 4.0, start=2.5)
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*before, replaced(NOON + HOUR + 10 * MINUTE, 104.6, 2.0), *after)
        await made.settle()
        (found,) = await made.book.consumption(["main"], NOON, NOON + 2 * HOUR)

    assert found.amount == pytest.approx(4.0 + 0.6 + 0.5 + 4.0 * 40 / 60)
    assert [each.lost for each in found.breaks if each.cause == "replaced"] == [False]


async def test_a_correction_recomputes_what_depends_on_it(tmp_path: Path) -> None:
    rest = replace(meter("rest"), connection="", scan={}, virtual=Virtual(sum=("main",), minus=("flats",)))
    correction = Command(
        id="c2",
        time=NOON + 3 * HOUR,
        by="ana",
        kind=commands.CORRECT,
        target="flats",
        arguments={"point": POINT, "from": NOON, "to": NOON + HOUR, "amount": 5.0},
        reason="the bypass was open",
    )
    async with plant(tmp_path, site_of(meter("main"), meter("flats"), rest)) as made:
        await made.keep(*every("main", NOON, NOON + 2 * HOUR, 10.0), *every("flats", NOON, NOON + 2 * HOUR, 4.0))
        await made.settle()
        await made.keep(correction)
        await made.settle()
        hours = {entry.time: entry.values["amount"] for entry in await made.derived("rest", "usage_hourly")}
        (found,) = await made.book.consumption(["flats"], NOON, NOON + 2 * HOUR)

    assert hours == {NOON: pytest.approx(5.0), NOON + HOUR: pytest.approx(6.0)}
    assert found.amount == pytest.approx(9.0)
    assert [(each.cause, each.amount, each.by) for each in found.breaks] == [
        ("corrected", pytest.approx(1.0), "ana")
    ]


async def test_commands_that_make_no_sense_change_nothing(tmp_path: Path) -> None:
    odd = [
        replace(replaced(NOON, 1.0, 1.0), id="a", target="nobody"),
        replace(replaced(NOON, 1.0, 1.0), id="b", arguments={"point": "nothing"}),
        replace(replaced(NOON, 1.0, 1.0), id="c", arguments={"point": POINT, "at": "soon"}),
        replace(replaced(NOON + HOUR, 50.0, 1.0), id="d"),
    ]
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + HOUR, 4.0), *odd)
        await made.settle()
        await made.keep(*every("main", NOON + HOUR + 5 * MINUTE, NOON + 2 * HOUR, 4.0, start=104.0 + 1 / 3))
        await made.settle()

        assert made.sums() == {("main", POINT): pytest.approx(8.0)}


async def test_a_register_that_a_person_enters_is_booked_and_marked(tmp_path: Path) -> None:
    garden = replace(meter("garden", device_class="water"), connection="", scan={}, by_hand=True)
    said = [
        reading(
            "garden",
            NOON + week * 7 * 24 * HOUR,
            {"volume_m3": 10.0 + 7 * week},
            origin=Origin.MANUAL,
            quality=Quality.MANUAL,
        )
        for week in range(4)
    ]
    async with plant(tmp_path, site_of(garden)) as made:
        await made.keep(*said)
        await made.settle()
        (whole,) = await made.book.consumption(["garden"], NOON, NOON + 21 * 24 * HOUR)
        (part,) = await made.book.consumption(["garden"], NOON + 24 * HOUR, NOON + 8 * 24 * HOUR)
        told = {entry.measurement for entry in await made.derived("garden")}

    assert (whole.amount, whole.estimated) == (pytest.approx(21.0), 0.0)
    assert part.amount == pytest.approx(7.0)
    assert part.estimated == pytest.approx(7.0)
    assert told == {"water", "usage_daily", "usage_monthly"}  # nobody knows what it used in an hour


async def test_metering_goes_on_after_a_clock_that_was_far_ahead(tmp_path: Path) -> None:
    ahead = reading("main", NOON + 10_000 * HOUR, {POINT: 104.5})
    step = Event(device=MONITOR_DEVICE, kind="clock_stepped", time=NOON + HOUR, arrived=NOON + HOUR, id="s1")
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + HOUR, 4.0), ahead, step)
        await made.keep(*every("main", NOON + HOUR + 10 * MINUTE, NOON + 2 * HOUR, 4.0, start=105.0))
        await made.settle()
        (register,) = made.metering.registers("main")
        sums = made.sums()

    assert sums == {("main", POINT): pytest.approx(105.0 + 4.0 * 50 / 60 - 100.0)}
    assert register.time == NOON + 2 * HOUR


async def test_a_changed_ratio_of_transformers_is_no_consumption(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON, NOON + HOUR, 1.0))
        await made.settle()
    scaled = replace(meter("main"), ratio=40.0)
    async with plant(tmp_path, site_of(scaled)) as made:
        start = 101.0 * 40
        await made.keep(*every("main", NOON + HOUR + 5 * MINUTE, NOON + 2 * HOUR, 40.0, start=start))
        await made.settle()

        assert made.sums() == {("main", POINT): pytest.approx(1.0 + 40.0 * 55 / 60)}
        assert await made.events("main") == []


async def test_a_serial_number_that_changes_is_another_meter(tmp_path: Path) -> None:
    device = meter("main")
    device = replace(device, points={**device.points, "serial": Point(name="serial", scan="once")})
    before = every("main", NOON, NOON + HOUR, 4.0)
    after = every("main", NOON + HOUR + 5 * MINUTE, NOON + 2 * HOUR, 4.0, start=3000.0)
    before[0] = replace(before[0], values={**before[0].values, "serial": 1234})
    after[0] = replace(after[0], values={**after[0].values, "serial": 99})
    async with plant(tmp_path, site_of(device)) as made:
        await made.keep(*before, *after)
        await made.settle()

        (register,) = made.metering.registers("main")
        events = [event.kind for event in await made.events("main")]
        sums = made.sums()
    assert events == ["meter_replaced"]
    assert sums == {("main", POINT): pytest.approx(4.0 + 4.0 * 55 / 60)}
    assert register.serial == "99"


async def test_all_counters_of_a_meter_are_kept_and_the_first_is_billed(tmp_path: Path) -> None:
    device = meter("pv")
    points = {
        name: Point(name=name, unit="kWh", counter=Counter())
        for name in (POINT, "energy_export_kwh", "energy_import_t1_kwh")
    }
    said = [
        reading("pv", NOON + each * 5 * MINUTE, {POINT: 1.0 * each, "energy_export_kwh": 2.0 * each})
        for each in range(13)
    ]
    async with plant(tmp_path, site_of(replace(device, points=points))) as made:
        await made.keep(*said)
        await made.settle()
        hour = (await made.derived("pv", "usage_hourly"))[-1]

    assert (hour.values["amount"], hour.values["energy_export_kwh"]) == (pytest.approx(12.0), pytest.approx(24.0))


@pytest.mark.parametrize("cut", [3, 17, 40])
async def test_a_restart_at_any_time_changes_nothing(tmp_path: Path, cut: int) -> None:
    clock = ManualClock(NOON + 5 * HOUR)
    said: list[Entry] = list(every("main", NOON, NOON + 4 * HOUR, 4.0))
    said[20] = replace(said[20], values={POINT: 1.0})  # type: ignore[type-var]  # a reading
    results: list[list[Derived]] = []
    for folder, parts in (("one", [said]), ("two", [said[:cut], said[cut:]])):
        (tmp_path / folder).mkdir()
        for part in parts:
            async with plant(tmp_path / folder, site_of(meter("main")), clock.now) as made:
                await made.keep(*part)
                await made.settle()
                found = await made.derived("main")
        results.append(found)

    finals = [{(each.measurement, each.time, each.key == ""): each.values for each in found} for found in results]
    assert finals[0] == finals[1]


async def test_the_hour_in_which_metering_began_is_told_as_a_part(tmp_path: Path) -> None:
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*every("main", NOON - 5 * MINUTE, NOON + HOUR, 4.0))
        await made.settle()

        hours = {entry.time: entry.values for entry in await made.derived("main", "usage_hourly")}
        day = (await made.derived("main", "usage_daily"))[-1]

    assert {time: values["partial_i"] for time, values in hours.items()} == {NOON - HOUR: 1, NOON: 0}
    assert hours[NOON - HOUR]["amount"] == pytest.approx(4.0 * 5 / 60)
    assert day.values["amount"] == pytest.approx(sum(float(each["amount"]) for each in hours.values()))


async def test_a_delta_stands_beside_the_reading_that_counted_it_never_beside_a_late_one(tmp_path: Path) -> None:
    live = every("main", NOON, NOON + 10 * MINUTE, 4.0, minutes=0.25)
    said = live[:4]
    for place, each in enumerate(live[4:]):
        said += [each, replace(live[place], arrived=each.arrived, late=True)]
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*said)
        await made.settle()

        beside = [entry for entry in await made.derived("main", "electricity") if entry.key == ""]

    times = [entry.time for entry in beside]
    assert times == [NOON + 15_000 + MINUTE * each for each in range(10)]
    deltas = sum(float(entry.values["energy_import_delta_kwh"]) for entry in beside)
    assert deltas == pytest.approx(4.0 * (times[-1] - NOON) / HOUR)


async def test_deltas_of_counters_that_are_read_apart_share_an_entry(tmp_path: Path) -> None:
    device = meter("pv")
    points = {name: Point(name=name, unit="kWh", counter=Counter()) for name in (POINT, "energy_export_kwh")}
    quick = every("pv", NOON, NOON + 10 * MINUTE, 4.0, minutes=1)
    slow = [replace(each, values={"energy_export_kwh": 2.0 * place}) for place, each in enumerate(quick)]
    async with plant(tmp_path, site_of(replace(device, points=points))) as made:
        await made.keep(*(each for both in zip(quick, slow, strict=True) for each in both))
        await made.keep(reading("pv", NOON + 11 * MINUTE, {POINT: quick[-1].values[POINT]}))
        await made.settle()

        beside = [entry.values for entry in await made.derived("pv", "electricity") if entry.key == ""]

    sums = [
        sum(float(each.get(name, 0)) for each in beside)
        for name in ("energy_import_delta_kwh", "energy_export_delta_kwh")
    ]
    assert sums == [pytest.approx(4.0 / 6), pytest.approx(20.0)]


async def test_an_hour_that_is_no_longer_doubtful_is_told_again(tmp_path: Path) -> None:
    said = every("main", NOON, NOON + 6 * HOUR, 4.0, start=5000.0)
    disturbed = [
        replace(each, values={POINT: 0.5 + 0.1 * (place - 13)}) if 13 <= place < 40 else each
        for place, each in enumerate(said)
    ]
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*disturbed[:30])
        await made.settle()
        before = {entry.time: entry.values["estimated"] for entry in await made.derived("main", "usage_hourly")}
        await made.keep(*disturbed[30:])
        await made.settle()
        after = {entry.time: entry.values["estimated"] for entry in await made.derived("main", "usage_hourly")}
        rows = await made.book.consumption(["main"], NOON, NOON + 6 * HOUR, per="hour")

    assert before[NOON + HOUR] > 0  # type: ignore[operator]  # a number
    assert [after[row.start] for row in rows] == [row.estimated for row in rows] == [0.0] * 6


async def test_all_counters_of_an_hour_are_told_to_its_end_also_those_that_are_read_apart(tmp_path: Path) -> None:
    export = "energy_export_kwh"
    device = meter("pv", every=60.0)
    points = {name: Point(name=name, unit="kWh", counter=Counter()) for name in (POINT, export)}
    said = every("pv", NOON, NOON + HOUR + 5 * MINUTE, 4.0, minutes=1)
    apart = [reading("pv", each.time + 30_000, {export: 60.0 * place}) for place, each in enumerate(said)]
    async with plant(tmp_path, site_of(replace(device, points=points))) as made:
        for each in (*zip(said, apart, strict=True),):
            await made.keep(*each[:1])
            await made.settle()
            await made.keep(*each[1:])
        await made.settle()
        told = {entry.time: entry.values for entry in await made.derived("pv", "usage_hourly")}
        (row,) = await made.book.consumption(["pv"], NOON, NOON + HOUR, points=[export])

    assert told[NOON][export] == pytest.approx(row.amount) == pytest.approx(60.0 * 59.5)


async def test_two_events_of_a_kind_at_one_time_are_both_told(tmp_path: Path) -> None:
    said = every("main", NOON, NOON + HOUR, 4.0)
    said[6] = replace(said[6], values={POINT: 0.0})
    word = replaced(said[6].time + MINUTE, 103.0, 150.0)  # it is the old meter that goes on
    async with plant(tmp_path, site_of(meter("main"))) as made:
        await made.keep(*said[:7], word, *said[7:])
        await made.settle()

        events = await made.events("main")
        assert made.sums() == {("main", POINT): pytest.approx(4.0)}
    assert [(event.kind, event.time) for event in events] == [("counter_glitch", said[7].time)] * 2
    assert "is not booked" in str(events[0].attributes["why"])
    assert "did not fit" in str(events[1].attributes["why"])


async def test_that_a_meter_was_replaced_is_told_before_what_it_shows_is_a_rate(tmp_path: Path) -> None:
    device = meter("main")
    device = replace(device, points={**device.points, "serial": Point(name="serial", scan="once")})
    begin = NOON + 15 * MINUTE
    before = every("main", NOON, begin - 5 * MINUTE, 4.0)
    after = every("main", begin, begin + 5 * MINUTE, 4.0, start=3000.0)
    before[0] = replace(before[0], values={**before[0].values, "serial": "A"})
    after[0] = replace(after[0], values={**after[0].values, "serial": "B"})
    async with plant(tmp_path, site_of(device)) as made:
        await made.keep(*before, *after)
        await made.settle()
        told = [item.entry for item in await made.entries()]

    kinds = [
        entry.kind if isinstance(entry, Event) else entry.measurement
        for entry in told
        if isinstance(entry, Event) or (isinstance(entry, Derived) and entry.time >= begin and not entry.key)
    ]
    assert kinds[0] == "meter_replaced"
    assert "electricity" in kinds
