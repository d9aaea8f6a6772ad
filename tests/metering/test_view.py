"""What the ledger says of a period, and how far it can be trusted."""

import sqlite3
from dataclasses import replace
from datetime import date

import pytest

from monitor.figures import Consumption
from monitor.metering.step import Cause, Step
from monitor.metering.view import View
from monitor.meters import billed_counter
from monitor.periods import QUARTER, parse, pieces
from monitor.site import Counter, Device, GasValue, Point, Site, Virtual
from tests.metering.ledgers import book, counted, meter, ms, new, site_of

NOON = ms("2026-11-27 12:00")
HOUR = 4 * QUARTER
POINT = "energy_import_kwh"
MINUTE = 60_000


def view_of(db: sqlite3.Connection, site: Site, now: int = NOON + 1000 * HOUR) -> View:
    return View(db, site, now=now)


def every(minutes: int, begin: int, end: int, kw: float, register: float = 100.0) -> list[Step]:
    """A meter that is read every so many minutes while it counts at a power."""
    times = list(range(begin, end + 1, minutes * MINUTE))
    return counted(times, [register + kw * (time - begin) / HOUR for time in times])


def ask(db: sqlite3.Connection, start: int, end: int, **keys: object) -> Consumption:
    device = meter("main", **keys)  # type: ignore[arg-type]  # the keys of a device
    return view_of(db, site_of(device)).consumption(device, POINT, start, end)


def test_an_amount_is_the_sum_of_its_quarters_and_the_difference_of_its_registers() -> None:
    db = new()
    book(db, "main", POINT, every(5, NOON - HOUR, NOON + 3 * HOUR, 4.0))

    found = ask(db, NOON, NOON + 2 * HOUR)

    assert found.amount == pytest.approx(8.0)
    assert (found.start_register, found.end_register) == (pytest.approx(104.0), pytest.approx(112.0))
    assert (found.estimated, found.known, found.is_complete, found.breaks) == (0.0, 1.0, True, ())


def test_the_greatest_demand_and_the_base_are_quarters_that_are_over() -> None:
    db = new()
    steps = every(5, NOON, NOON + HOUR, 4.0)
    steps += every(5, NOON + HOUR, NOON + HOUR + QUARTER, 12.0, register=104.0)
    steps += every(5, NOON + HOUR + QUARTER, NOON + 2 * HOUR + 5 * MINUTE, 1.0, register=107.0)
    book(db, "main", POINT, steps)

    found = ask(db, NOON, NOON + 3 * HOUR)

    assert found.demand_max == pytest.approx(12_000)
    assert found.demand_at == NOON + HOUR
    assert found.base == pytest.approx(1_000)
    assert not found.is_complete


def test_nothing_is_known_before_the_first_register() -> None:
    db = new()
    book(db, "main", POINT, every(5, NOON, NOON + HOUR, 4.0))

    assert ask(db, NOON - 2 * HOUR, NOON).amount is None
    half = ask(db, NOON - HOUR, NOON + HOUR)
    assert (half.amount, half.known, half.is_complete) == (pytest.approx(4.0), 0.5, False)


def test_a_gap_within_a_period_estimates_nothing_of_it() -> None:
    db = new()
    book(db, "main", POINT, counted([NOON, NOON + 2 * HOUR], [100.0, 108.0]))

    assert ask(db, NOON, NOON + 2 * HOUR).estimated == 0.0
    within = ask(db, NOON - QUARTER, NOON + 3 * HOUR)
    assert [each.cause for each in within.breaks] == ["gap"]


def test_a_gap_over_the_edge_of_a_period_estimates_its_part() -> None:
    db = new()
    steps = every(5, NOON - HOUR, NOON, 4.0) + counted([NOON, NOON + 2 * HOUR], [104.0, 112.0])
    book(db, "main", POINT, steps)

    found = ask(db, NOON - HOUR, NOON + HOUR)

    assert (found.amount, found.estimated) == (pytest.approx(8.0), pytest.approx(4.0))
    assert found.is_complete


def test_what_was_lost_is_estimated_until_somebody_says_what_it_was() -> None:
    db = new()
    lost = Step(
        start=NOON,
        end=NOON + QUARTER,
        start_register=50.0,
        end_register=1.5,
        amount=1.5,
        cause=Cause.RESET,
        lost=True,
    )
    book(db, "main", POINT, [lost, *counted([NOON + QUARTER, NOON + HOUR], [1.5, 3.0], gap=HOUR)])

    found = ask(db, NOON, NOON + HOUR)

    assert (found.amount, found.estimated) == (pytest.approx(3.0), pytest.approx(1.5))
    assert [(each.cause, each.lost) for each in found.breaks] == [("reset", True)]


def test_periods_shorter_than_the_rhythm_of_a_meter_are_estimated_and_have_no_demand() -> None:
    db = new()
    book(db, "main", POINT, counted([NOON, NOON + HOUR, NOON + 2 * HOUR], [100.0, 104.0, 105.0], gap=3 * HOUR))

    quarter = ask(db, NOON, NOON + QUARTER, every=3600.0)
    hours = ask(db, NOON, NOON + 2 * HOUR, every=3600.0)

    assert quarter.estimated == quarter.amount == pytest.approx(1.0)
    assert hours.estimated == 0.0
    assert hours.demand_max is None


def test_hours_days_and_months_agree() -> None:
    db = new()
    begin, end = ms("2026-10-20 00:07"), ms("2026-11-03 10:00")
    book(db, "main", POINT, every(7, begin, end, 3.7))
    device = meter("main")
    site = site_of(device)
    view = view_of(db, site)
    start, until = ms("2026-10-21", "Europe/Berlin"), ms("2026-11-02", "Europe/Berlin")

    sums = {
        per: sum(
            view.consumption(device, POINT, one, two).amount or 0.0
            for one, two in pieces(start, until, per, site.timezone)
        )
        for per in ("quarter", "hour", "day", "month", "")
    }

    assert len(list(pieces(start, until, "hour", site.timezone))) == 12 * 24 + 1
    assert all(total == pytest.approx(sums[""], abs=1e-6) for total in sums.values())
    assert sums[""] == pytest.approx(3.7 * (12 * 24 + 1))


def virtual(ident: str, plus: tuple[str, ...], minus: tuple[str, ...] = ()) -> Device:
    return replace(meter(ident), connection="", scan={}, virtual=Virtual(sum=plus, minus=minus))


def test_a_virtual_meter_is_what_its_members_come_to() -> None:
    db = new()
    book(db, "main", POINT, every(5, NOON, NOON + 2 * HOUR, 10.0))
    book(db, "flats", POINT, every(5, NOON, NOON + 2 * HOUR, 6.0))
    book(db, "lift", POINT, every(5, NOON, NOON + 2 * HOUR, 1.5))
    rest, both = virtual("rest", ("main",), ("subs",)), virtual("subs", ("flats", "lift"))
    site = site_of(meter("main"), meter("flats"), meter("lift"), rest, both)

    found = view_of(db, site).consumption(rest, POINT, NOON, NOON + HOUR)

    assert found.amount == pytest.approx(2.5)
    assert found.demand_max == pytest.approx(2_500)
    assert (found.start_register, found.end_register) == (None, None)
    assert found.is_complete


def test_a_missing_member_makes_the_result_missing_and_not_smaller() -> None:
    db = new()
    book(db, "main", POINT, every(5, NOON, NOON + 8 * HOUR, 10.0))
    book(db, "flats", POINT, every(5, NOON, NOON + 2 * HOUR, 6.0))
    total = virtual("total", ("main", "flats"))
    site = site_of(meter("main"), meter("flats"), total)
    view = view_of(db, site, now=NOON + 8 * HOUR)

    assert view.consumption(total, POINT, NOON, NOON + 2 * HOUR).amount == pytest.approx(32.0)
    assert view.consumption(total, POINT, NOON, NOON + 3 * HOUR).amount is None
    assert view.consumption(total, POINT, NOON, NOON + 24 * HOUR).amount is None
    assert [time for time, _ in view.quarters(total, POINT, NOON, NOON + 8 * HOUR)][
        -1
    ] == NOON + 2 * HOUR - QUARTER


def test_a_virtual_meter_is_known_since_all_its_members_are() -> None:
    db = new()
    book(db, "main", POINT, every(5, NOON - 2 * HOUR, NOON + 2 * HOUR, 10.0))
    book(db, "flats", POINT, every(5, NOON - 5 * MINUTE, NOON + 2 * HOUR, 6.0))
    rest = virtual("rest", ("main",), ("flats",))
    view = view_of(db, site_of(meter("main"), meter("flats"), rest))

    found = view.consumption(rest, POINT, NOON - HOUR, NOON + HOUR)

    assert (found.amount, found.known, found.is_complete) == (pytest.approx(4.0), 0.5, False)
    assert view.amount(rest, POINT, NOON - HOUR, NOON + HOUR) == pytest.approx(4.0)
    assert view.quarters(rest, POINT, NOON - HOUR, NOON + HOUR)[0][0] == NOON
    assert view.consumption(rest, POINT, NOON - HOUR, NOON).amount is None


def test_a_running_period_of_a_virtual_meter_goes_as_far_as_all_its_members() -> None:
    db = new()
    book(db, "main", POINT, every(5, NOON, NOON + HOUR + 10 * MINUTE, 10.0))
    book(db, "flats", POINT, every(5, NOON, NOON + HOUR + 5 * MINUTE, 6.0))
    total = virtual("total", ("main", "flats"))
    view = view_of(db, site_of(meter("main"), meter("flats"), total), now=NOON + HOUR + 11 * MINUTE)

    found = view.consumption(total, POINT, NOON, NOON + 24 * HOUR)

    assert found.amount == pytest.approx(16.0)
    assert found.known == pytest.approx(1 / 24)
    assert not found.is_complete


def test_gas_is_worth_what_each_stretch_of_time_says() -> None:
    db = new()
    start, turn = ms("2026-11-01", "Europe/Berlin"), ms("2026-11-16", "Europe/Berlin")
    gas = meter(
        "gas",
        device_class="gas",
        gas=(
            GasValue(since=date.min, kwh_per_m3=11.0, factor=0.95),
            GasValue(since=date(2026, 11, 16), kwh_per_m3=10.0, factor=0.9),
        ),
    )
    book(db, "gas", "volume_m3", every(5, start, turn + 10 * HOUR, 2.0))

    found = view_of(db, site_of(gas)).consumption(gas, "volume_m3", turn - 5 * HOUR, turn + 5 * HOUR)

    assert found.amount == pytest.approx(20.0)
    assert found.energy == pytest.approx(10 * 11.0 * 0.95 + 10 * 10.0 * 0.9)


def test_the_counter_that_is_billed_is_the_first_of_its_class() -> None:
    points = {
        name: Point(name=name, unit="kWh", counter=Counter())
        for name in ("energy_import_t1_kwh", "energy_export_kwh", "energy_total_kwh")
    }

    assert billed_counter(meter("a", points=points)) == "energy_total_kwh"
    assert (
        billed_counter(meter("a", points={"x_kwh": Point(name="x_kwh", unit="kWh", counter=Counter())})) == "x_kwh"
    )
    assert billed_counter(meter("a", points={"power_w": Point(name="power_w", unit="W")})) is None


def test_a_leap_year_has_its_day() -> None:
    site = site_of(meter("main"))
    february = parse("2028-02", site.timezone, NOON)

    assert (february.end - february.start) // (24 * HOUR) == 29
