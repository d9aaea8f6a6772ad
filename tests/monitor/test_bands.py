"""Which price applies when: seasons, weekdays, holidays and hours, worked out by hand on invoices."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from monitor.bands import is_holiday
from monitor.metering.prices import energy_cost
from monitor.periods import begin_of, parse
from tests.metering.invoices import BERLIN, WEEKDAYS, Meter, band, clock, invoice, lines, spans, tariff, terms

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
