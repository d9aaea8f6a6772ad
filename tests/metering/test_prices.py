"""Invoices worked out by hand: each test's docstring is arithmetic that can be followed with paper and pencil.

Unless a test says otherwise a meter uses the same amount in every quarter of an hour, so that kWh in a band are
hours (or quarters of an hour) of the band.
"""

from bisect import bisect_left
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.figures import Cost, CostLine
from monitor.metering.bands import is_holiday
from monitor.metering.prices import cost, energy_cost, spans
from monitor.periods import QUARTER, begin_of, local_day, parse
from monitor.tariff import Band, Tariff, Terms

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = frozenset(range(1, 6))
Line = tuple[str, str, str, str, str, str]


def tariff(*terms: Terms, unit: str = "kWh", **more: object) -> Tariff:
    return Tariff(
        id="t",
        name="T",
        utility="electricity",
        unit=unit,
        currency="EUR",
        terms=terms,
        **more,  # type: ignore[arg-type]
    )


def terms(*bands: Band, since: str = "2000-01-01", **prices: str) -> Terms:
    return Terms(
        since=date.fromisoformat(since), bands=bands, **{name: Decimal(price) for name, price in prices.items()}
    )


def band(name: str, price: str, **when: object) -> Band:
    return Band(name=name, price=Decimal(price), **when)  # type: ignore[arg-type]


def clock(start: str, end: str) -> tuple[int, int]:
    """Minutes of the day from 06:00 and the like."""
    return tuple(int(at[:2]) * 60 + int(at[3:]) for at in (start, end))  # type: ignore[return-value]


class Meter:
    """A meter with the same amount in each quarter of an hour of a period, kept one by one as the ledger does."""

    def __init__(self, period: str, each: float, zone: ZoneInfo = BERLIN) -> None:
        self.period = parse(period, zone, 0)
        self.zone = zone
        self.quarters = [(at, each) for at in range(self.period.start, self.period.end, QUARTER)]

    def amount(self, start: int, end: int) -> float | None:
        assert start % QUARTER == end % QUARTER == 0
        a, b = (bisect_left(self.quarters, (at,)) for at in (start, end))
        return sum(amount for _, amount in self.quarters[a:b])

    def invoice(self, of: Tariff, demand: Callable[[int, int], float | None] = lambda _start, _end: 0.0) -> Cost:
        found = cost(
            of, "m", "Shop", self.period.start, self.period.end, self.zone, amount=self.amount, demand=demand
        )
        assert found.total == sum((line.cost for line in found.lines), Decimal(0))
        return found


def invoice(of: Tariff, period: str, used: float | None, demand: float | None = 0.0) -> Cost:
    """For a tariff of one price: what was used is told for the whole."""
    span = parse(period, BERLIN, 0)
    return cost(
        of, "m", "Shop", span.start, span.end, BERLIN, amount=lambda _a, _b: used, demand=lambda _a, _b: demand
    )


def written(line: CostLine) -> Line:
    """What, name, quantity, unit, price and cost, as on paper."""
    quantity = (
        f"{line.quantity:f}".rstrip("0").rstrip(".") if "." in f"{line.quantity:f}" else f"{line.quantity:f}"
    )
    return line.what, line.name, quantity, line.unit, str(line.price), str(line.cost)


def lines(found: Cost) -> list[Line]:
    return [written(line) for line in found.lines]


# One price -----------------------------------------------------------------------------------------------


def test_flat_water_bill_with_standing_charge_and_tax() -> None:
    """A month of water.

    12.5 m3 at 2.17       = 27.125  -> 27.13 (half up)
    1 month at 4.20                 ->  4.20
    7 % of 31.33          =  2.1931 ->  2.19
                                       33.52
    """
    water = tariff(terms(band("water", "2.17"), standing="4.20", tax="0.07"), unit="m3")

    found = invoice(water, "2026-11", 12.5)

    assert lines(found) == [
        ("band", "water", "12.5", "m3", "2.17", "27.13"),
        ("standing", "", "1", "month", "4.20", "4.20"),
        ("tax", "", "31.33", "EUR", "0.07", "2.19"),
    ]
    assert str(found.total) == "33.52"
    assert (found.device, found.tenant, found.tariff, found.currency) == ("m", "Shop", "t", "EUR")
    assert (found.amount, found.unit, found.is_complete) == (Decimal("12.5"), "m3", True)


def test_gas_is_billed_in_kwh_with_its_carbon() -> None:
    """412.5 m3 at a calorific value of 11.214 and a factor of 0.9542 are, before this, made 4413.914505 kWh.

    4413.914505 kWh at 0.0894 = 394.603956... -> 394.60
    4413.914505 kWh of 0.182 kg               = 803.33243991 kg
    """
    gas = tariff(terms(band("gas", "0.0894"), carbon="0.182"))

    found = invoice(gas, "2026-11", 412.5 * 11.214 * 0.9542)

    assert lines(found) == [("band", "gas", "4413.914505", "kWh", "0.0894", "394.60")]
    assert found.carbon_kg == Decimal("803.33243991")


def test_credit_for_exports_is_below_zero() -> None:
    """350.2 kWh at 0.0778 = 27.24556 -> -27.25; 19 % of it = -5.1775 -> -5.18; together -32.43."""
    export = tariff(terms(band("sun", "0.0778"), tax="0.19"), credit=True)

    found = invoice(export, "2026-06", 350.2)

    assert lines(found) == [
        ("band", "sun", "350.2", "kWh", "0.0778", "-27.25"),
        ("tax", "", "-27.25", "EUR", "0.19", "-5.18"),
    ]
    assert found.total == Decimal("-32.43")


def test_half_a_cent_is_rounded_away_from_zero() -> None:
    """0.5 kWh at 0.01 = 0.005: 0.01 to pay, and 0.01 to get; 0.49 kWh are nothing."""
    flat = terms(band("flat", "0.01"))

    assert str(invoice(tariff(flat), "2026-11", 0.5).total) == "0.01"
    assert str(invoice(tariff(flat, credit=True), "2026-11", 0.5).total) == "-0.01"
    assert str(invoice(tariff(flat), "2026-11", 0.49).total) == "0.00"
    assert str(invoice(tariff(flat, credit=True), "2026-11", 0.49).total) == "0.00"


def test_error_of_floating_point_does_not_reach_the_invoice() -> None:
    """0.1 + 0.2 kWh are 0.3 kWh; at 0.15 that is 0.045 -> 0.05, though 0.30000000000000004 x 0.15 is more."""
    found = invoice(tariff(terms(band("flat", "0.15"))), "2026-11", 0.1 + 0.2)

    assert lines(found) == [("band", "flat", "0.3", "kWh", "0.15", "0.05")]


def test_nothing_used_is_a_line_all_the_same() -> None:
    found = invoice(tariff(terms(band("flat", "0.30"))), "2026-11", 0.0)

    assert lines(found) == [("band", "flat", "0", "kWh", "0.30", "0.00")]
    assert found.is_complete


def test_empty_period_costs_nothing() -> None:
    flat = tariff(terms(band("flat", "0.30"), standing="5"))
    found = cost(flat, "m", "", 0, 0, BERLIN, amount=lambda _a, _b: 1.0, demand=lambda _a, _b: 1.0)

    assert found.lines == ()
    assert str(found.total) == "0.00"


# Bands ---------------------------------------------------------------------------------------------------


def test_day_and_night_with_weekends_and_holidays_in_berlin() -> None:
    """May 2026 with 1 kWh in every hour. It begins on a Friday and has 31 days.

    Holidays in Berlin: Friday the 1st, Ascension (Thursday the 14th), Whit Monday (the 25th).
    Saturdays and Sundays: 2, 3, 9, 10, 16, 17, 23, 24, 30, 31: 10 days. Other days: 31 - 3 - 10 = 18.
    holiday   3 days x 24 h =  72 kWh at 0.20 = 14.40
    weekend  10 days x 24 h = 240 kWh at 0.22 = 52.80
    day      18 days x 16 h = 288 kWh at 0.32 = 92.16   (06:00 to 22:00)
    night    18 days x  8 h = 144 kWh at 0.24 = 34.56
                              744                193.92
    """
    four = terms(
        band("holiday", "0.20", days=frozenset({0})),
        band("weekend", "0.22", days=frozenset({6, 7})),
        band("day", "0.32", hours=(clock("06:00", "22:00"),)),
        band("night", "0.24"),
    )

    found = Meter("2026-05", 0.25).invoice(tariff(four, country="DE", region="BE"))

    assert lines(found) == [
        ("band", "holiday", "72", "kWh", "0.20", "14.40"),
        ("band", "weekend", "240", "kWh", "0.22", "52.80"),
        ("band", "day", "288", "kWh", "0.32", "92.16"),
        ("band", "night", "144", "kWh", "0.24", "34.56"),
    ]
    assert found.total == Decimal("193.92")


def test_holiday_is_not_its_weekday() -> None:
    """As above, with one band for Monday to Friday: the three holidays are none of them.

    day  18 days x 16 h = 288 kWh; all the rest 744 - 288 = 456 kWh. Without holidays: 21 x 16 = 336, and 408.
    With a day off on Friday the 15th: 17 x 16 = 272, and 472. A day off on Whit Monday changes nothing.
    """
    two = terms(band("day", "0.32", days=WEEKDAYS, hours=(clock("06:00", "22:00"),)), band("night", "0.24"))
    meter = Meter("2026-05", 0.25)

    def hours(**more: object) -> list[str]:
        return [line[2] for line in lines(meter.invoice(tariff(two, **more)))]

    assert hours(country="DE", region="BE") == ["288", "456"]
    assert hours() == ["336", "408"]
    assert hours(country="DE", region="BE", days_off={date(2026, 5, 15): "outing"}) == ["272", "472"]
    assert hours(country="DE", region="BE", days_off={date(2026, 5, 25): "outing"}) == ["288", "456"]
    assert hours(days_off={date(2026, 5, 15): "outing"}) == ["320", "424"]


def test_regions_have_holidays_of_their_own() -> None:
    """The 8th of March is one in Berlin, not in Bavaria; Epiphany the other way round; May 1st is one in both."""
    flat = terms(band("flat", "1"))
    berlin, bavaria = (tariff(flat, country="DE", region=region) for region in ("BE", "BY"))
    days = [date(2026, 3, 8), date(2026, 1, 6), date(2026, 5, 1), date(2026, 5, 4)]

    assert [is_holiday(berlin, day) for day in days] == [True, False, True, False]
    assert [is_holiday(bavaria, day) for day in days] == [False, True, True, False]


def test_first_band_that_fits_wins() -> None:
    """A day of 24 hours at 1 kWh: lunch 12 to 13 is 1 h of the day's 16, which are 15 then; 8 h of night."""
    three = terms(
        band("lunch", "0.10", hours=(clock("12:00", "13:00"),)),
        band("day", "0.30", hours=(clock("06:00", "22:00"),)),
        band("night", "0.20"),
    )

    found = Meter("2026-11-27", 0.25).invoice(tariff(three))

    assert [line[1:3] for line in lines(found)] == [("lunch", "1"), ("day", "15"), ("night", "8")]


def test_hours_may_go_over_midnight_and_come_in_several_spans() -> None:
    """Heat pump: 22:00 to 06:00 (8 h) and 12:00 to 14:30 (2.5 h) are 10.5 h; the rest of the day 13.5 h."""
    pump = (clock("22:00", "06:00"), clock("12:00", "14:30"))
    split = (clock("00:00", "06:00"), clock("22:00", "24:00"), clock("12:00", "14:30"))
    meter = Meter("2026-11-27", 0.25)

    for hours in (pump, split):
        found = meter.invoice(tariff(terms(band("low", "0.2", hours=hours), band("high", "0.3"))))
        assert [line[1:3] for line in lines(found)] == [("low", "10.5"), ("high", "13.5")]


def test_season_goes_over_the_new_year() -> None:
    """A year of 1 kWh in every hour; winter is from the 1st of October to the 31st of March.

    winter  Jan 31 + Feb 28 + Mar 31 + Oct 31 + Nov 30 + Dec 31 = 182 days = 4368 h at 0.30 = 1310.40
            (the hour that March lacks is one more in October)
    summer  365 - 182 = 183 days = 4392 h at 0.20 = 878.40
                                                   2188.80
    """
    seasons = terms(band("winter", "0.30", seasons=(((10, 1), (3, 31)),)), band("summer", "0.20"))

    found = Meter("2026", 0.25).invoice(tariff(seasons))

    assert lines(found) == [
        ("band", "winter", "4368", "kWh", "0.30", "1310.40"),
        ("band", "summer", "4392", "kWh", "0.20", "878.40"),
    ]
    assert found.total == Decimal("2188.80")


def test_season_changes_at_local_midnight() -> None:
    seasons = tariff(terms(band("winter", "0.30", seasons=(((10, 1), (3, 31)),)), band("summer", "0.20")))
    span = parse("2026", BERLIN, 0)

    found = [(each.band.name, each.start, each.end) for each in spans(seasons, span.start, span.end, BERLIN)]

    april, october = (begin_of(date(2026, month, 1), BERLIN) for month in (4, 10))
    assert found == [
        ("winter", span.start, april),
        ("summer", april, october),
        ("winter", october, span.end),
    ]


@pytest.mark.parametrize(
    ("season", "inside", "outside"),
    [
        (
            ((11, 1), (2, 28)),
            ["2024-02-29", "2023-02-28", "2024-11-01"],
            ["2024-03-01", "2023-03-01", "2024-10-31"],
        ),
        (((11, 1), (2, 29)), ["2024-02-29", "2023-02-28"], ["2024-03-01", "2023-03-01"]),
        (((2, 29), (4, 30)), ["2024-02-29", "2023-03-01"], ["2024-02-28", "2023-02-28"]),
        (((3, 1), (10, 31)), ["2024-03-01", "2024-10-31"], ["2024-02-29", "2024-11-01"]),
        (((2, 29), (2, 28)), ["2024-02-28", "2024-02-29", "2023-02-28", "2023-07-01"], []),
        (((5, 1), (5, 1)), ["2024-05-01"], ["2024-04-30", "2024-05-02"]),
    ],
)
def test_leap_day_is_in_the_season_that_ends_before_it(
    season: tuple[tuple[int, int], tuple[int, int]], inside: list[str], outside: list[str]
) -> None:
    some = tariff(terms(band("in", "1", seasons=(season,)), band("out", "2")))

    for days, name in ((inside, "in"), (outside, "out")):
        for day in days:
            span = parse(day, BERLIN, 0)
            assert [each.band.name for each in spans(some, span.start, span.end, BERLIN)] == [name], day


def test_february_of_a_leap_year() -> None:
    """29 days x 24 h = 696 kWh, all of them winter (to the 28th, and the 29th with it), at 0.30 = 208.80."""
    seasons = terms(
        band("winter", "0.30", seasons=(((11, 1), (2, 28)),)),
        band("summer", "0.20", seasons=(((3, 1), (10, 31)),)),
        band("never", "9"),
    )

    found = Meter("2024-02", 0.25).invoice(tariff(seasons))

    assert lines(found) == [("band", "winter", "696", "kWh", "0.30", "208.80")]


def test_moment_that_no_band_fits_has_the_last() -> None:
    only = tariff(terms(band("night", "0.2", hours=(clock("00:00", "06:00"),))))

    assert [line[1:3] for line in lines(Meter("2026-11-27", 0.25).invoice(only))] == [("night", "24")]


def test_terms_without_bands_have_no_price() -> None:
    empty = tariff(terms(standing="5"))

    found = invoice(empty, "2026-11", 7.0)

    assert lines(found) == [("standing", "", "1", "month", "5", "5.00")]
    assert not found.is_complete


# The clock is set ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "month", "peak", "dead", "rest"),
    [
        # 31 days. Peak 31 x 64 = 1984. Dead 30 x 4 = 120: on the 29th, 02:00 becomes 03:00. Rest 31 x 28 = 868.
        # Together 2972 = 743 h.
        ("Europe/Berlin", "2026-03", 1984, 120, 868),
        # Dead 30 x 4 + 8 = 128: on the 25th, 03:00 becomes 02:00, and both are 02:xx. Together 2980 = 745 h.
        ("Europe/Berlin", "2026-10", 1984, 128, 868),
        # On the 8th, 02:00 becomes 03:00: as in Berlin. Together 2972 = 743 h.
        ("America/New_York", "2026-03", 1984, 120, 868),
        # 30 days. Peak 30 x 64 = 1920, dead 30 x 4 = 120. On the 1st, 02:00 becomes 01:00: rest 30 x 28 + 4 = 844.
        # Together 2884 = 721 h.
        ("America/New_York", "2026-11", 1920, 120, 844),
        # The clock is never set. Dead 31 x 4 = 124. Together 2976 = 744 h.
        ("Asia/Shanghai", "2026-03", 1984, 124, 868),
        ("Asia/Shanghai", "2026-10", 1984, 124, 868),
        # Half-hours: on the 5th 02:00 becomes 01:30. 30 days: peak 1920, dead 120, rest 30 x 28 + 2 = 842.
        ("Australia/Lord_Howe", "2026-04", 1920, 120, 842),
        # On the 4th 02:00 becomes 02:30. 31 days: dead 31 x 4 - 2 = 122.
        ("Australia/Lord_Howe", "2026-10", 1984, 122, 868),
        # On the 29th, 00:00 becomes 01:00: rest 868 - 4 = 864.
        ("Asia/Beirut", "2026-03", 1984, 124, 864),
        ("Asia/Kathmandu", "2026-03", 1984, 124, 868),
    ],
)
def test_bands_follow_the_clock_on_the_wall(zone: str, month: str, peak: int, dead: int, rest: int) -> None:
    """1 kWh in each quarter of an hour; peak 06:00 to 22:00 has 64 of them, dead 02:00 to 03:00 has 4, rest 28."""
    three = terms(
        band("peak", "0.30", hours=(clock("06:00", "22:00"),)),
        band("dead", "0.10", hours=(clock("02:00", "03:00"),)),
        band("rest", "0.20"),
    )
    meter = Meter(month, 1.0, ZoneInfo(zone))

    found = meter.invoice(tariff(three))

    assert [line[1:3] for line in lines(found)] == [("peak", str(peak)), ("dead", str(dead)), ("rest", str(rest))]
    assert found.amount == len(meter.quarters) == peak + dead + rest
    # 3 x peak + 1 x dead + 2 x rest tenths
    assert found.total == Decimal(3 * peak + dead + 2 * rest) / 10
    assert energy_cost(tariff(three), meter.quarters, meter.zone)[0] == found.total


def test_autumn_night_has_half_past_two_twice() -> None:
    """From 02:30 to 03:00 is 00:30 to 01:00 UTC (summer time) and 01:30 to 02:00 UTC (winter time)."""
    late = tariff(terms(band("late", "1", hours=(clock("02:30", "03:00"),)), band("rest", "2")))
    span = parse("2026-10-25", BERLIN, 0)
    midnight = round(datetime.fromisoformat("2026-10-25T00:00+00:00").timestamp() * 1000)

    found = [
        ((each.start - midnight) // 60_000, (each.end - midnight) // 60_000)
        for each in spans(late, span.start, span.end, BERLIN)
        if each.band.name == "late"
    ]

    assert found == [(30, 60), (90, 120)]


# Terms change --------------------------------------------------------------------------------------------


def test_price_changes_in_mid_month() -> None:
    """November with 1 kWh in every hour; new terms on the 16th: 15 days of each, 15 x 24 = 360 kWh.

    360 kWh at 0.30 = 108.00; 360 kWh at 0.34 = 122.40
    15/30 month at 10.00 = 5.00; 15/30 month at 12.00 = 6.00
    19 % of 241.40 = 45.866 -> 45.87; together 287.27
    CO2: 360 x 0.400 + 360 x 0.350 = 144 + 126 = 270 kg
    """
    old = terms(band("flat", "0.30"), standing="10.00", tax="0.19", carbon="0.400")
    new = terms(band("flat", "0.34"), standing="12.00", tax="0.19", carbon="0.350", since="2026-11-16")

    found = Meter("2026-11", 0.25).invoice(tariff(old, new))

    assert lines(found) == [
        ("band", "flat", "360", "kWh", "0.30", "108.00"),
        ("band", "flat", "360", "kWh", "0.34", "122.40"),
        ("standing", "", "0.5", "month", "10.00", "5.00"),
        ("standing", "", "0.5", "month", "12.00", "6.00"),
        ("tax", "", "241.4", "EUR", "0.19", "45.87"),
    ]
    assert found.total == Decimal("287.27")
    assert found.carbon_kg == 270


def test_what_stays_the_same_is_one_line() -> None:
    """Only the standing charge changes on the 16th: 720 kWh at 0.30 stay one line of 216.00."""
    old = terms(band("flat", "0.30"), standing="10.00")
    new = terms(band("flat", "0.30"), standing="12.00", since="2026-11-16")

    found = Meter("2026-11", 0.25).invoice(tariff(old, new))

    assert lines(found)[0] == ("band", "flat", "720", "kWh", "0.30", "216.00")
    assert [line[0] for line in lines(found)] == ["band", "standing", "standing"]


def test_each_rate_of_tax_has_its_lines() -> None:
    """In Germany, the tax was 19 % to June of 2020 and 16 % from July on. 1 kWh in every hour, at 0.25.

    June 30 x 24 = 720 kWh = 180.00, 19 % = 34.20; July 31 x 24 = 744 kWh = 186.00, 16 % = 29.76
    """
    old = terms(band("flat", "0.25"), tax="0.19")
    new = terms(band("flat", "0.25"), tax="0.16", since="2020-07-01")

    found = Meter("2020-06-01..2020-07-31", 0.25).invoice(tariff(old, new))

    assert lines(found) == [
        ("band", "flat", "720", "kWh", "0.25", "180.00"),
        ("band", "flat", "744", "kWh", "0.25", "186.00"),
        ("tax", "", "180", "EUR", "0.19", "34.20"),
        ("tax", "", "186", "EUR", "0.16", "29.76"),
    ]


def test_time_before_the_first_terms_has_no_price() -> None:
    """The tariff begins on the 21st of November: 10 days x 24 = 240 kWh, and 10/30 of the month."""
    late = tariff(terms(band("flat", "0.30"), standing="9.00", since="2026-11-21"))

    found = Meter("2026-11", 0.25).invoice(late)

    assert lines(found) == [
        ("band", "flat", "240", "kWh", "0.30", "72.00"),
        ("standing", "", "0.333333", "month", "9.00", "3.00"),
    ]
    assert found.amount == 240
    assert not found.is_complete


# Standing charge -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "months", "charge"),
    [
        ("2026-10", "1", "12.40"),
        ("2026-10-11..2026-10-31", "0.677419", "8.40"),  # moved in on the 11th: 21/31 x 12.40
        ("2026-10-01..2026-10-10", "0.322581", "4.00"),  # who moved out: 10/31 x 12.40
        ("2026-10-25", "0.032258", "0.40"),  # 1/31, though it has 25 hours
        ("2024-02-29", "0.034483", "0.43"),  # 1/29 x 12.40 = 0.4275...
        ("2026", "12", "148.80"),
        ("2026-09-16..2026-11-15", "2", "24.80"),  # 15/30 + 1 + 15/30
    ],
)
def test_standing_charge_is_by_days_of_the_month(period: str, months: str, charge: str) -> None:
    found = invoice(tariff(terms(band("flat", "0"), standing="12.40")), period, 0)

    assert lines(found)[1:] == [("standing", "", months, "month", "12.40", charge)]


def test_part_of_a_month_is_exact_though_it_is_shown_rounded() -> None:
    """10/31 of 31 000 000 is 10 000 000; 0.322581 of it would be 10 000 011."""
    found = invoice(tariff(terms(band("flat", "0"), standing="31000000")), "2026-10-01..2026-10-10", 0)

    assert lines(found)[1:] == [("standing", "", "0.322581", "month", "31000000", "10000000.00")]


def test_running_day_counts_by_its_time() -> None:
    """From the 1st of November to noon of the 16th: 15.5 of 30 days of 6.00 = 3.10."""
    span = parse("2026-11-01..2026-11-16", BERLIN, 0)
    flat = tariff(terms(band("flat", "0"), standing="6.00"))

    found = cost(
        flat,
        "m",
        "",
        span.start,
        span.end - 48 * QUARTER,
        BERLIN,
        amount=lambda _a, _b: 0,
        demand=lambda _a, _b: 0,
    )

    assert lines(found)[1:] == [("standing", "", "0.516667", "month", "6.00", "3.10")]


@pytest.mark.parametrize(
    ("period", "used", "months", "charge"),
    [("2011-12", "720", "1", "5.00"), ("2011-12-01..2011-12-15", "360", "0.5", "2.50")],
)
def test_month_that_lacks_a_day_has_one_less(period: str, used: str, months: str, charge: str) -> None:
    """Samoa had no 30th of December in 2011: the 30 days that were are 1 month, and 15 of them a half."""
    found = Meter(period, 0.25, ZoneInfo("Pacific/Apia")).invoice(tariff(terms(band("a", "1"), standing="5")))

    assert [line[2] for line in lines(found)] == [used, months]
    assert lines(found)[1][5] == charge


# Demand charge -------------------------------------------------------------------------------------------


def test_demand_is_charged_by_month_above_what_is_free() -> None:
    """30 kW are free. November 87.4 kW: 57.4 kW at 8.50 = 487.90. December 25 kW: nothing."""
    power = tariff(terms(band("flat", "0"), demand="8.50", demand_free="30"))
    december = begin_of(date(2026, 12, 1), BERLIN)

    found = Meter("2026-11-01..2026-12-31", 0).invoice(
        power, lambda a, _b: 25_000.0 if a == december else 87_400.0
    )

    assert lines(found)[1:] == [
        ("demand", "2026-11", "57.4", "kW", "8.50", "487.90"),
        ("demand", "2026-12", "0", "kW", "8.50", "0.00"),
    ]


def test_demand_of_water_is_in_cubic_metres_an_hour() -> None:
    """4.25 m3/h, 1 is free: 3.25 at 6.00 = 19.50."""
    water = tariff(terms(band("water", "0"), demand="6.00", demand_free="1"), unit="m3")

    assert lines(invoice(water, "2026-11", 0, 4.25))[1:] == [
        ("demand", "2026-11", "3.25", "m3/h", "6.00", "19.50")
    ]


def test_demand_is_asked_for_by_local_month_and_priced_by_its_last_day() -> None:
    """New terms on the 16th of November: all of its demand of 10 kW costs 9.00 each; October's still 8.00."""
    old = terms(band("flat", "0"), demand="8.00")
    new = terms(band("flat", "0"), demand="9.00", since="2026-11-16")
    asked = []

    def demand(start: int, end: int) -> float:
        asked.append((local_day(start, BERLIN).isoformat(), local_day(end - 1, BERLIN).isoformat()))
        return 10_000.0

    found = Meter("2026-10-01..2026-11-30", 0).invoice(tariff(old, new), demand)

    assert [line[4:] for line in lines(found)[1:]] == [("8.00", "80.00"), ("9.00", "90.00")]
    assert asked == [("2026-10-01", "2026-10-31"), ("2026-11-01", "2026-11-30")]


def test_part_of_a_month_is_charged_on_its_own_demand() -> None:
    """From the 11th of November: the greatest demand since then, 12 kW at 8.00 = 96.00."""
    power = tariff(terms(band("flat", "0"), demand="8.00"))
    moved_in = begin_of(date(2026, 11, 11), BERLIN)

    found = Meter("2026-11-11..2026-11-30", 0).invoice(
        power, lambda a, _b: 12_000.0 if a >= moved_in else 99_000.0
    )

    assert lines(found)[1:] == [("demand", "2026-11", "12", "kW", "8.00", "96.00")]


# What is not known ---------------------------------------------------------------------------------------


def test_what_nobody_knows_is_left_out_and_said() -> None:
    """The day is known (16 h at 1 kWh), the night is not."""
    two = tariff(terms(band("day", "0.30", hours=(clock("06:00", "22:00"),)), band("night", "0.20")))
    span = parse("2026-11-27", BERLIN, 0)

    for unknown in (None, float("nan"), float("inf")):
        found = cost(
            two,
            "m",
            "",
            span.start,
            span.end,
            BERLIN,
            amount=lambda a, b, unknown=unknown: 16.0 if b - a == 64 * QUARTER else unknown,  # type: ignore[misc]
            demand=lambda _a, _b: None,
            estimated=1.25,
        )

        assert lines(found) == [("band", "day", "16", "kWh", "0.30", "4.80")]
        assert not found.is_complete
        assert found.estimated == Decimal("1.25")


def test_unknown_demand_matters_only_where_it_is_charged() -> None:
    free, charged = (tariff(terms(band("flat", "0.30"), demand=price)) for price in ("0", "8.00"))

    assert invoice(free, "2026-11", 1.0, None).is_complete
    found = invoice(charged, "2026-11", 1.0, None)
    assert not found.is_complete
    assert [line[0] for line in lines(found)] == ["band"]


def test_what_is_not_complete_stays_so() -> None:
    flat = tariff(terms(band("flat", "0.30")))
    found = cost(
        flat, "m", "", 0, QUARTER, BERLIN, amount=lambda _a, _b: 1, demand=lambda _a, _b: 1, is_complete=False
    )

    assert not found.is_complete


# Quarters of an hour -------------------------------------------------------------------------------------


def test_roll_up_has_bands_and_carbon_but_no_charges_and_no_tax() -> None:
    """27 November 2026, a Friday: 64 quarters at 0.30 and 32 at 0.20 = 19.20 + 6.40; CO2 96 x 0.4 = 38.4 kg."""
    two = terms(
        band("day", "0.30", hours=(clock("06:00", "22:00"),)),
        band("night", "0.20"),
        standing="9",
        demand="9",
        tax="0.19",
        carbon="0.4",
    )
    quarters = Meter("2026-11-27", 1.0).quarters

    assert energy_cost(tariff(two), quarters, BERLIN) == (Decimal("25.60"), Decimal("38.4"))
    assert energy_cost(tariff(two, credit=True), quarters, BERLIN) == (Decimal("-25.60"), Decimal("38.4"))
    assert energy_cost(tariff(two), [], BERLIN) == (0, 0)


def test_roll_up_has_holes_and_a_time_before_the_terms() -> None:
    """Of the 20th to the 22nd, every other quarter; terms since the 21st: 2 x 48 quarters at 0.30 = 28.80."""
    late = tariff(terms(band("flat", "0.30"), since="2026-11-21"))

    assert energy_cost(late, Meter("2026-11-20..2026-11-22", 1.0).quarters[::2], BERLIN)[0] == Decimal("28.80")
    assert energy_cost(late, Meter("2026-11-20", 1.0).quarters, BERLIN) == (0, 0)


def test_quarter_that_a_change_of_price_cuts_is_spread_evenly() -> None:
    """High is 06:05 to 06:20: 10 of 15 minutes of the first quarter (06:00), 5 of the next, none of the third.

    3 kWh each: 2 + 1 = 3 kWh at 1.00, and 1 + 2 + 3 = 6 kWh at 0.10 = 3.60
    """
    odd = tariff(terms(band("high", "1.00", hours=(clock("06:05", "06:20"),)), band("low", "0.10")))
    at = Meter("2026-11-27", 3.0).quarters

    assert energy_cost(odd, at[24:27], BERLIN)[0] == Decimal("3.60")


# What holds for every tariff -----------------------------------------------------------------------------

MONTH_DAYS = st.tuples(st.integers(1, 12), st.integers(1, 31))
MINUTES = st.integers(0, 96).map(lambda quarter: quarter * 15)
PRICES = st.decimals(Decimal(-5), Decimal(500), places=5)
BANDS = st.builds(
    Band,
    name=st.sampled_from(["a", "b", "c", ""]),
    price=PRICES,
    seasons=st.lists(st.tuples(MONTH_DAYS, MONTH_DAYS), max_size=2).map(tuple),
    days=st.frozensets(st.integers(0, 7), max_size=8),
    hours=st.lists(st.tuples(MINUTES, MINUTES), max_size=3).map(tuple),
)
TERMS = st.builds(
    Terms,
    since=st.dates(date(2023, 6, 1), date(2026, 6, 1)),
    bands=st.lists(BANDS, min_size=1, max_size=4).map(tuple),
    standing=PRICES,
    demand=PRICES,
    demand_free=PRICES,
    tax=st.decimals(0, 1, places=3),
    carbon=PRICES,
)
TARIFFS = st.builds(
    Tariff,
    id=st.just("t"),
    name=st.just("T"),
    utility=st.just("electricity"),
    unit=st.sampled_from(["kWh", "m3"]),
    currency=st.sampled_from(["EUR", "JPY"]),
    terms=st.lists(TERMS, max_size=3, unique_by=lambda each: each.since).map(
        lambda found: tuple(sorted(found, key=lambda each: each.since))
    ),
    country=st.sampled_from(["", "DE", "US", "XX"]),
    region=st.sampled_from(["", "BE", "NY", "??"]),
    days_off=st.dictionaries(st.dates(date(2024, 1, 1), date(2026, 1, 1)), st.just("off"), max_size=3),
    credit=st.booleans(),
)
PLACES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "Europe/Berlin",
            "America/New_York",
            "Asia/Shanghai",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Asia/Beirut",
            "America/Santiago",
            "Africa/Cairo",
            "America/Havana",
            "Antarctica/Troll",
            "UTC",
        )
    ]
)
STARTS = st.integers(begin_of(date(2023, 12, 1), BERLIN) // QUARTER, begin_of(date(2026, 3, 1), BERLIN) // QUARTER)
LENGTHS = st.integers(1, 45 * 96)


def band_at(of: Tariff, at: int, zone: ZoneInfo) -> tuple[Terms, Band] | None:
    """What applies at one moment, by asking each condition of each band in turn."""
    shown = datetime.fromtimestamp(at / 1000, zone)
    day, minute = shown.date(), shown.hour * 60 + shown.minute
    past = [each for each in of.terms if each.since <= day]
    if not past:
        return None
    kind = 0 if is_holiday(of, day) else day.isoweekday()
    today = (day.month, day.day)
    for each in past[-1].bands:
        seasons = [(first, (2, 29) if last == (2, 28) else last, first <= last) for first, last in each.seasons]
        if each.days and kind not in each.days:
            continue
        if seasons and not any(
            (first <= today <= last) if is_plain else (today >= first or today <= last)
            for first, last, is_plain in seasons
        ):
            continue
        if each.hours and not any(
            (a <= minute < b) if a <= b else (minute >= a or minute < b) for a, b in each.hours
        ):
            continue
        return past[-1], each
    return past[-1], past[-1].bands[-1]


@given(of=TARIFFS, zone=PLACES, first=STARTS, count=LENGTHS, jitter=st.integers(0, QUARTER - 1))
def test_spans_cover_the_period_and_are_joined(
    of: Tariff, zone: ZoneInfo, first: int, count: int, jitter: int
) -> None:
    start, end = first * QUARTER + jitter, (first + count) * QUARTER + jitter // 2
    found = list(spans(of, start, end, zone))
    begin = max(start, begin_of(of.terms[0].since, zone)) if of.terms else end

    assert (found[0].start, found[-1].end) == (begin, end) if begin < end else not found
    assert all(each.start < each.end for each in found)
    for one, following in pairwise(found):
        assert one.end == following.start
        assert (one.terms, one.band) != (following.terms, following.band)


@given(of=TARIFFS, zone=PLACES, first=STARTS, count=st.integers(1, 8 * 96))
def test_span_is_what_applies_at_each_of_its_quarters(of: Tariff, zone: ZoneInfo, first: int, count: int) -> None:
    start, end = first * QUARTER, (first + count) * QUARTER
    found = {
        at: (each.terms, each.band)
        for each in spans(of, start, end, zone)
        for at in range(each.start, each.end, QUARTER)
    }

    assert [found.get(at) for at in range(start, end, QUARTER)] == [
        band_at(of, at, zone) for at in range(start, end, QUARTER)
    ]


@given(of=TARIFFS, zone=PLACES, first=STARTS, count=LENGTHS, amounts=st.lists(st.integers(0, 10**9), min_size=1))
def test_lines_add_up_to_what_was_used_and_to_the_roll_up(
    of: Tariff, zone: ZoneInfo, first: int, count: int, amounts: list[int]
) -> None:
    """Amounts are whole millionths here, so that sums can be compared exactly."""
    start, end = first * QUARTER, (first + count) * QUARTER
    millionths = [amounts[place % len(amounts)] for place in range(count)]
    found = cost(
        of,
        "m",
        "",
        start,
        end,
        zone,
        amount=lambda a, b: sum(millionths[a // QUARTER - first : b // QUARTER - first]) / 1e6,
        demand=lambda _a, _b: 12_345.678,
    )
    quarters = [((first + place) * QUARTER, each / 1e6) for place, each in enumerate(millionths)]
    priced = [at // QUARTER - first for at, _ in quarters if band_at(of, at, zone)]
    net = [line for line in found.lines if line.what == "band"]
    money, carbon = energy_cost(of, quarters, zone)

    assert found.amount == sum((line.quantity for line in net), Decimal(0))
    assert found.amount == Decimal(sum(millionths[place] for place in priced)) / 10**6
    assert found.is_complete == (len(priced) == count)
    assert abs(sum((line.cost for line in net), Decimal(0)) - money) <= Decimal("0.005") * len(net)
    assert found.carbon_kg == carbon
    assert found.total == sum((line.cost for line in found.lines), Decimal(0))
    assert all(line.cost.as_tuple().exponent == -2 for line in found.lines)


@given(of=TARIFFS, zone=PLACES, first=STARTS, count=st.integers(2, 60 * 96), part=st.floats(0, 1))
def test_two_tenants_pay_one_standing_charge_together(
    of: Tariff, zone: ZoneInfo, first: int, count: int, part: float
) -> None:
    start, end = first * QUARTER, (first + count) * QUARTER
    moved = (first + round(count * part)) * QUARTER

    def months(start: int, end: int) -> dict[Decimal, Decimal]:
        found: dict[Decimal, Decimal] = {}
        of_it = cost(of, "m", "", start, end, zone, amount=lambda _a, _b: 0.0, demand=lambda _a, _b: 0.0)
        for line in of_it.lines:
            if line.what == "standing":
                found[line.price] = found.get(line.price, Decimal(0)) + line.quantity
        return found

    one, other, both = months(start, moved), months(moved, end), months(start, end)

    for price in both:
        assert one.get(price, Decimal(0)) + other.get(price, Decimal(0)) == pytest.approx(
            both[price], abs=Decimal("0.00001")
        )
