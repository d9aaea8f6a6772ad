"""Local periods: worked out by hand where a clock is set, and by walking through every quarter of an hour."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.periods import (
    QUARTER,
    Period,
    before,
    begin_of,
    day_of,
    day_week_before,
    hour_week_before,
    local_day,
    month_of,
    parse,
    pieces,
    year_before,
    zone_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 4 * QUARTER
ZONES = sorted(name for name in available_timezones() if not name.startswith(("Etc/", "posix", "right")))


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = utc("2026-11-27T09:00")


def period(text: str, zone: ZoneInfo = BERLIN, now: int = NOW) -> Period:
    return parse(text, zone, now)


def days(found: Period) -> tuple[str, str]:
    return found.first.isoformat(), found.last.isoformat()


# Days ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("Europe/Berlin", "2026-01-15", "2026-01-14T23:00", 24),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", 23),  # 02:00 becomes 03:00
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),  # 03:00 becomes 02:00
        ("America/New_York", "2026-03-08", "2026-03-08T05:00", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00", 25),
        ("Asia/Shanghai", "2026-03-29", "2026-03-28T16:00", 24),
        ("Asia/Shanghai", "2026-10-25", "2026-10-24T16:00", 24),
        ("Asia/Kolkata", "2026-10-25", "2026-10-24T18:30", 24),
        ("Asia/Kathmandu", "2026-10-25", "2026-10-24T18:15", 24),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),  # 02:00 becomes 01:30
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5),  # 02:00 becomes 02:30
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", 23),  # begins at 01:00: there is no 00:00
        ("Asia/Beirut", "2026-10-24", "2026-10-23T21:00", 25),  # ends twice: 24:00 becomes 23:00
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00", 23),
        ("America/Santiago", "2026-04-04", "2026-04-04T03:00", 25),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),
        ("Africa/Cairo", "2026-10-29", "2026-10-28T21:00", 25),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", 25),  # has 00:30 twice: 01:00 becomes 00:00
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),  # never was
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30", 23.5),  # 23:30 of the 30th became 00:30 of the 31st
        ("America/St_Johns", "2009-11-01", "2009-11-01T02:30", 25),  # 00:01 became 23:01 of October
        ("America/St_Johns", "2009-10-31", "2009-10-31T02:30", 24),
    ],
)
def test_day_has_its_hours(zone: str, day: str, start: str, hours: float) -> None:
    found = period(day, ZoneInfo(zone))

    assert found.name == day
    assert days(found) == (day, day)
    assert found.start == utc(start)
    assert found.end - found.start == hours * HOUR
    assert begin_of(date.fromisoformat(day), ZoneInfo(zone)) == found.start


def test_first_and_last_moment_of_a_day_are_its_own() -> None:
    zone = ZoneInfo("Asia/Beirut")
    start = utc("2026-03-28T22:00")

    assert local_day(start - 1, zone) == date(2026, 3, 28)
    assert local_day(start, zone) == date(2026, 3, 29)
    assert day_of(start - 1, zone).end == start
    assert day_of(start, zone).start == start


def test_hour_that_is_shown_again_after_midnight_belongs_to_the_day_that_has_begun() -> None:
    zone = ZoneInfo("America/St_Johns")
    again = utc("2009-11-01T02:45")  # 00:01 became 23:01 at 02:31: the clock on the wall says 23:15 of October

    assert local_day(again, zone) == date(2009, 11, 1)
    assert day_of(again, zone).name == "2009-11-01"
    assert month_of(again, zone).name == "2009-11"


@pytest.mark.parametrize(
    ("zone", "month", "hours"),
    [
        ("Europe/Berlin", "2026-03", 31 * 24 - 1),
        ("Europe/Berlin", "2026-10", 31 * 24 + 1),
        ("America/New_York", "2026-11", 30 * 24 + 1),
        ("Asia/Shanghai", "2026-03", 31 * 24),
        ("Europe/Berlin", "2024-02", 29 * 24),
        ("Europe/Berlin", "2026-12", 31 * 24),
        ("Pacific/Apia", "2011-12", 30 * 24),
    ],
)
def test_month_has_its_hours(zone: str, month: str, hours: int) -> None:
    found = period(month, ZoneInfo(zone))

    assert found.end - found.start == hours * HOUR
    assert month_of(found.start, ZoneInfo(zone)) == found
    assert month_of(found.end - 1, ZoneInfo(zone)) == found


# Pieces --------------------------------------------------------------------------------------------------


def test_hours_follow_the_clock_on_the_wall() -> None:
    start, end = utc("2026-10-25T00:05"), utc("2026-10-25T01:50")

    assert list(pieces(start, end, "hour", ZoneInfo("Asia/Kolkata"))) == [
        (start, utc("2026-10-25T00:30")),
        (utc("2026-10-25T00:30"), utc("2026-10-25T01:30")),
        (utc("2026-10-25T01:30"), end),
    ]
    assert [cut for cut, _ in pieces(start, end, "hour", ZoneInfo("Asia/Kathmandu"))] == [
        start,
        utc("2026-10-25T00:15"),
        utc("2026-10-25T01:15"),
    ]


def test_hour_ends_where_the_clock_is_set_by_half_an_hour() -> None:
    """On Lord Howe, 02:00 (+11) of the 5th of April becomes 01:30 (+10:30): at 15:00 UTC."""
    zone = ZoneInfo("Australia/Lord_Howe")
    found = list(pieces(utc("2026-04-04T14:00"), utc("2026-04-04T16:30"), "hour", zone))

    assert [end - start for start, end in found] == [HOUR, HOUR / 2, HOUR]


def test_hour_does_not_reach_into_the_next_day_when_the_clock_is_set_within_it() -> None:
    """In Pyongyang, 23:30 (+8:30) of the 4th of May 2018 became 00:00 (+9) of the 5th: at 15:00 UTC."""
    zone = ZoneInfo("Asia/Pyongyang")

    assert list(pieces(utc("2018-05-04T14:30"), utc("2018-05-04T16:00"), "hour", zone)) == [
        (utc("2018-05-04T14:30"), utc("2018-05-04T15:00")),
        (utc("2018-05-04T15:00"), utc("2018-05-04T16:00")),
    ]


def test_quarters_are_those_of_utc() -> None:
    start = utc("2026-10-25T00:20")

    assert list(pieces(start, start + QUARTER, "quarter", BERLIN)) == [
        (start, start + QUARTER * 2 // 3),
        (start + QUARTER * 2 // 3, start + QUARTER),
    ]


def test_nothing_named_is_the_whole_at_once() -> None:
    assert list(pieces(1, 7, "", BERLIN)) == [(1, 7)]
    assert list(pieces(7, 7, "", BERLIN)) == []
    assert list(pieces(7, 1, "day", BERLIN)) == []


def test_pieces_of_unknown_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^`fortnight` is no piece of time: write quarter, hour, day or month$"):
        list(pieces(0, 1, "fortnight", BERLIN))


moments = st.integers(utc("1975-01-01") // QUARTER, utc("2037-12-01") // QUARTER).map(
    lambda count: count * QUARTER
)


@given(zone=st.sampled_from(ZONES).map(ZoneInfo), start=moments, length=st.integers(1, 40 * 24 * HOUR))
def test_pieces_tile_the_span_in_every_zone(zone: ZoneInfo, start: int, length: int) -> None:
    end = start + length
    for per in ("quarter", "hour", "day", "month", ""):
        found = list(pieces(start, end, per, zone))

        assert found[0][0] == start
        assert found[-1][1] == end
        assert all(a < b for a, b in found)
        assert all(one[1] == following[0] for one, following in pairwise(found))


@given(zone=st.sampled_from(ZONES).map(ZoneInfo), start=moments)
def test_pieces_are_cut_where_the_clock_on_the_wall_says_so(zone: ZoneInfo, start: int) -> None:
    """Ask the clock at every quarter of five days: it shows one hour (day, month) in each piece, and another next.

    Hours that the clock shows twice are two pieces; days that it goes back into stay one.
    """
    end = start + 5 * 24 * HOUR
    shown = {at: datetime.fromtimestamp(at / 1000, zone) for at in range(start, end, QUARTER)}
    for a, b in pieces(start, end, "hour", zone):
        assert len({(at.date(), at.hour, at.utcoffset()) for when, at in shown.items() if a <= when < b}) <= 1
        assert b - a <= HOUR
    latest = date.min
    expected = []
    for when, at in shown.items():
        if at.date() > latest:
            expected.append(when)
            latest = at.date()
    found = [a for a, _ in pieces(start, end, "day", zone)]

    # Newfoundland's clock was set at 00:01, within a quarter of an hour.
    assert all(abs(a - b) < QUARTER for a, b in zip(found, expected, strict=True))
    assert all(a % (5 * 60_000) == 0 for a in found)


@given(zone=st.sampled_from(ZONES).map(ZoneInfo), year=st.integers(1975, 2037))
def test_days_and_months_of_a_year_follow_each_other_in_every_zone(zone: ZoneInfo, year: int) -> None:
    whole = period(str(year), zone)
    months = list(pieces(whole.start, whole.end, "month", zone))
    found = list(pieces(whole.start, whole.end, "day", zone))

    assert [month_of(a, zone).name for a, _ in months] == [f"{year}-{month:02}" for month in range(1, 13)]
    assert {a for a, _ in months} <= {a for a, _ in found}
    assert len(found) in {364, 365, 366}
    for a, b in found:
        day = day_of(a, zone)
        assert (day.start, day.end) == (a, b)
        assert day_of(b - 1, zone) == day
        assert period(day.name, zone) == day


# What people write ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "first", "last"),
    [
        ("2026", "2026", "2026-01-01", "2026-12-31"),
        ("2026-11", "2026-11", "2026-11-01", "2026-11-30"),
        ("2024-02", "2024-02", "2024-02-01", "2024-02-29"),
        ("2026-12", "2026-12", "2026-12-01", "2026-12-31"),
        ("2026-W48", "2026-W48", "2026-11-23", "2026-11-29"),
        ("2026-W53", "2026-W53", "2026-12-28", "2027-01-03"),
        ("2026-W01", "2026-W01", "2025-12-29", "2026-01-04"),
        ("2026-11-27", "2026-11-27", "2026-11-27", "2026-11-27"),
        ("2026-11-01..2026-11-10", "2026-11-01..2026-11-10", "2026-11-01", "2026-11-10"),
        ("2026-11-01..2026-11-01", "2026-11-01..2026-11-01", "2026-11-01", "2026-11-01"),
        ("today", "2026-11-27", "2026-11-27", "2026-11-27"),
        ("yesterday", "2026-11-26", "2026-11-26", "2026-11-26"),
        ("this-week", "2026-W48", "2026-11-23", "2026-11-29"),
        ("last-week", "2026-W47", "2026-11-16", "2026-11-22"),
        ("this-month", "2026-11", "2026-11-01", "2026-11-30"),
        ("last-month", "2026-10", "2026-10-01", "2026-10-31"),
        ("this-year", "2026", "2026-01-01", "2026-12-31"),
        ("last-year", "2025", "2025-01-01", "2025-12-31"),
    ],
)
def test_period_is_read_as_people_write_it(text: str, name: str, first: str, last: str) -> None:
    found = period(text)

    assert found.name == name
    assert days(found) == (first, last)
    assert found.start == begin_of(found.first, BERLIN)
    assert found.end == begin_of(found.last + timedelta(days=1), BERLIN)


@pytest.mark.parametrize(
    ("now", "text", "name"),
    [
        ("2026-12-31T22:59", "today", "2026-12-31"),
        ("2026-12-31T23:00", "today", "2027-01-01"),  # midnight in Berlin
        ("2026-12-31T23:00", "yesterday", "2026-12-31"),
        ("2026-12-31T23:00", "this-week", "2026-W53"),
        ("2026-12-31T23:00", "last-month", "2026-12"),
        ("2026-12-31T23:00", "last-year", "2026"),
        ("2027-01-04T08:00", "last-week", "2026-W53"),
        ("2026-03-30T22:30", "last-month", "2026-02"),  # the 31st of a month, the day after the clocks were set
    ],
)
def test_words_are_of_the_local_now(now: str, text: str, name: str) -> None:
    assert period(text, now=utc(now)).name == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "Today",
        "2026-13",
        "2026-02-29",
        "2025-W53",
        "2026-W00",
        "2026-1",
        "20261127",
        "2026-W48-1",
        "0000",
        "9999",
        "99999",
        "2026-11-10..2026-11-01",
        "2026-11-01..",
        "..2026-11-01",
        "2026-11..2026-12",
        "2026-W48-1..2026-W48-5",
        "20261101..20261110",
        "2026-11-01..2026-11-02..2026-11-03",
        "2026-11-27\n",
        "٢٠٢٦",
        "2026-11-27T10:00",
    ],
)
def test_what_is_no_period_is_refused_with_what_may_be_written(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is no period: write 2026, 2026-11, 2026-W48, 2026-11-27, FROM\.\.TO"
    ) as refused:
        period(text)

    assert str(refused.value).startswith(f"`{text}` ")


def test_refusal_quotes_no_more_than_a_line() -> None:
    with pytest.raises(ValueError, match=r"^`x{40}` is no period"):
        period("x" * 5000)


# The periods before --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "every", "name"),
    [
        ("2026-11-27T09:00", "day", "2026-11-26"),
        ("2026-11-27T09:00", "week", "2026-W47"),
        ("2026-11-27T09:00", "month", "2026-10"),
        ("2026-11-29T22:59", "week", "2026-W47"),  # Sunday, a minute before the week is over in Berlin
        ("2026-11-29T23:00", "week", "2026-W48"),
        ("2026-11-30T22:59", "month", "2026-10"),
        ("2026-11-30T23:00", "month", "2026-11"),
        ("2026-10-25T22:59", "day", "2026-10-24"),
        ("2026-10-25T23:00", "day", "2026-10-25"),
        ("2027-01-01T00:00", "month", "2026-12"),
        ("2027-01-04T00:00", "week", "2026-W53"),
    ],
)
def test_last_whole_period_is_over(now: str, every: str, name: str) -> None:
    found = before(utc(now), every, BERLIN)

    assert found.name == name
    assert found.end <= utc(now)


def test_day_before_is_found_where_midnight_or_the_day_is_missing() -> None:
    assert before(utc("2026-03-28T22:00"), "day", ZoneInfo("Asia/Beirut")).name == "2026-03-28"
    assert before(utc("2011-12-30T10:00"), "day", ZoneInfo("Pacific/Apia")).name == "2011-12-29"


@pytest.mark.parametrize(
    ("text", "name", "first", "last"),
    [
        ("2026-11-27", "2025-11-27", "2025-11-27", "2025-11-27"),
        ("2024-02-29", "2023-02-28", "2023-02-28", "2023-02-28"),
        ("2025-02-28", "2024-02-28", "2024-02-28", "2024-02-28"),
        ("2026-11", "2025-11", "2025-11-01", "2025-11-30"),
        ("2024-02", "2023-02", "2023-02-01", "2023-02-28"),
        ("2025-02", "2024-02", "2024-02-01", "2024-02-29"),
        ("2026", "2025", "2025-01-01", "2025-12-31"),
        ("2026-W48", "2025-W48", "2025-11-24", "2025-11-30"),
        ("2026-W53", "2025-W52", "2025-12-22", "2025-12-28"),
        ("2027-W01", "2026-W01", "2025-12-29", "2026-01-04"),
        ("2026-W01", "2025-W01", "2024-12-30", "2025-01-05"),
        ("2026-11-01..2026-11-10", "2025-11-01..2025-11-10", "2025-11-01", "2025-11-10"),
        ("2025-01-01..2025-02-28", "2024-01-01..2024-02-29", "2024-01-01", "2024-02-29"),
        ("2024-02-29..2024-03-05", "2023-02-28..2023-03-05", "2023-02-28", "2023-03-05"),
        ("2025-12-20..2026-01-06", "2024-12-20..2025-01-06", "2024-12-20", "2025-01-06"),
    ],
)
def test_year_before_is_of_the_same_days(text: str, name: str, first: str, last: str) -> None:
    found = year_before(period(text), BERLIN)

    assert found.name == name
    assert days(found) == (first, last)
    assert found == period(name)


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    first=st.dates(date(1980, 1, 1), date(2037, 1, 1)),
    length=st.integers(0, 800),
)
def test_year_before_can_be_written_as_it_is_named(zone: ZoneInfo, first: date, length: int) -> None:
    written = f"{first}..{first + timedelta(days=length)}"
    year, week, _ = first.isocalendar()
    for text in (written, f"{first}", f"{first:%Y-%m}", f"{first:%Y}", f"{year}-W{week:02}"):
        found = year_before(period(text, zone), zone)

        assert found == period(found.name, zone)


@given(zone=st.sampled_from(ZONES).map(ZoneInfo), day=st.dates(date(1980, 1, 1), date(2037, 1, 1)))
def test_an_hour_a_week_before_shows_the_same_on_the_wall_for_as_long(zone: ZoneInfo, day: date) -> None:
    def wall(time: int) -> datetime:
        return datetime.fromtimestamp(time / 1000, zone).replace(tzinfo=None)

    begin, end_of_day = begin_of(day, zone), begin_of(day + timedelta(days=1), zone)
    for start, end in pieces(begin, end_of_day, "hour", zone):
        found = hour_week_before(start, end, zone)
        if found is None:
            continue
        assert wall(found[0]) == wall(start) - timedelta(days=7)
        assert found[1] - found[0] == end - start
        assert found[1] <= start
    earlier = day_week_before(begin, zone) if begin < end_of_day else None
    if earlier is not None:
        assert local_day(earlier[0], zone) == day - timedelta(days=7)
        assert earlier[1] <= begin


def test_an_hour_that_the_clock_left_out_has_none_a_week_later() -> None:
    zone = ZoneInfo("Europe/Berlin")
    after = day_of(round(datetime(2026, 4, 5, 12, tzinfo=zone).timestamp() * 1000), zone)
    hours = list(pieces(after.start, after.end, "hour", zone))

    assert [number for number, hour in enumerate(hours) if hour_week_before(*hour, zone) is None] == [2]
    apia = ZoneInfo("Pacific/Apia")  # it left out the 30th of December 2011
    friday = day_of(round(datetime(2012, 1, 6, 12, tzinfo=apia).timestamp() * 1000), apia)
    assert day_week_before(friday.start, apia) is None


def test_each_zone_is_found_by_its_name_and_nothing_else_is_one() -> None:
    no_zones = (
        "",
        "Europe",
        "Europe/Berln",
        "posix/UTC",
        "right/UTC",
        "posixrules",
        "zone.tab",
        "../UTC",
        "/etc/localtime",
    )

    assert [name for name in sorted(available_timezones()) if zone_of(name) != ZoneInfo(name)] == []
    assert [name for name in no_zones if zone_of(name) is not None] == []
