"""A year of readings in three time zones: every hour, day and month holds what the registers say it does."""

import math
from collections import Counter as Tally
from datetime import date
from pathlib import Path

import pytest

from monitor.model import Derived, Reading
from monitor.periods import HOUR, QUARTER, begin_of, parse, pieces
from tests.clock import ManualClock
from tests.metering.ledgers import meter, site_of
from tests.metering.plants import plant, reading

POINT = "energy_import_kwh"
DAY = 24 * HOUR
STEP = 2 * QUARTER
AT_ONCE = 960


def register(time: int) -> float:
    """A house that uses more by day and in winter; its meter shows two decimals."""
    hours = time / 3_600_000
    swing = 1.4 * math.sin(hours / 24 * 2 * math.pi) + 2.1 * math.cos(hours / 8766 * 2 * math.pi) * 1000
    return round(4.2 * (hours - 490_000) + swing, 2)


# Shanghai keeps one time; 2028 has a leap day; in Berlin and New York two days are no 24 hours long.
@pytest.mark.parametrize(
    ("zone", "year", "odd"),
    [
        ("Europe/Berlin", 2026, {date(2026, 3, 29): 23, date(2026, 10, 25): 25}),
        ("America/New_York", 2028, {date(2028, 3, 12): 23, date(2028, 11, 5): 25}),
        ("Asia/Shanghai", 2027, {}),
    ],
)
async def test_a_year(tmp_path: Path, zone: str, year: int, odd: dict[date, int]) -> None:
    site = site_of(meter("main", every=STEP / 1000), zone=zone)
    start, end = begin_of(date(year, 1, 1), site.timezone), begin_of(date(year + 1, 1, 1), site.timezone)
    clock = ManualClock(end + DAY)
    times = range(start - STEP, end + STEP, STEP)
    async with plant(tmp_path, site, clock.now) as made:
        for place in range(0, len(times), AT_ONCE):
            readings: list[Reading] = [
                reading("main", at, {POINT: register(at)}) for at in times[place : place + AT_ONCE]
            ]
            await made.keep(*readings)
        await made.settle()
        told = await made.derived("main")
        days = await made.book.consumption(["main"], start, end, per="day")
        hours = await made.book.consumption(["main"], start, end, per="hour")
        months = await made.book.consumption(["main"], start, end, per="month")
        (whole,) = await made.book.consumption(["main"], start, end)
        leap = parse(f"{year}-02", site.timezone, clock.now())

    assert len(days) == (date(year + 1, 1, 1) - date(year, 1, 1)).days
    assert len(months) == 12
    assert all(each.amount == pytest.approx(register(each.end) - register(each.start), abs=1e-6) for each in days)
    assert all(each.amount == pytest.approx(register(each.end) - register(each.start), abs=1e-6) for each in hours)
    assert all(
        each.amount == pytest.approx(register(each.end) - register(each.start), abs=1e-6) for each in months
    )
    assert whole.amount == pytest.approx(register(end) - register(start), abs=1e-5)
    assert whole.start_register == register(start)
    assert whole.end_register == register(end)
    assert all(each.is_complete and not each.estimated for each in (*days, *hours, *months, whole))
    lengths = Tally((each.end - each.start) // 3_600_000 for each in days)
    assert lengths == Tally([24] * (len(days) - len(odd)) + list(odd.values()))
    for day, length in odd.items():
        begin = begin_of(day, site.timezone)
        assert len([each for each in hours if begin <= each.start < begin + length * 3_600_000]) == length
    (february,) = [each for each in months if each.start == leap.start]
    assert (february.end - february.start) // DAY == (29 if year == 2028 else 28)
    _check_told(told, "usage_hourly", list(pieces(start, end, "hour", site.timezone)))
    _check_told(told, "usage_daily", list(pieces(start, end, "day", site.timezone)))
    _check_told(told, "usage_monthly", list(pieces(start, end, "month", site.timezone)))


def _check_told(told: list[Derived], measurement: str, spans: list[tuple[int, int]]) -> None:
    """What was told of each period last is all of it, and settled."""
    newest = {entry.time: entry for entry in told if entry.measurement == measurement}
    for start, end in spans:
        values = newest[start].values
        assert values["amount"] == pytest.approx(register(end) - register(start), abs=1e-6)
        assert values["partial_i"] == 0
