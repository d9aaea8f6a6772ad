"""What holds for every tariff, whatever it says."""

from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.bands import is_holiday
from monitor.metering.prices import cost, energy_cost
from monitor.periods import QUARTER, begin_of
from monitor.tariff import Band, Tariff, Terms
from tests.metering.invoices import BERLIN, spans

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
