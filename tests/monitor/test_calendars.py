"""Weekly hours and holidays against a slow reference: a clock on the wall that is watched minute by minute."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.calendars import Hours, Schedule, public_holidays

MINUTE = 60_000
DAY = 86_400_000
DAYS = 5
"""Days that are watched, with the one on which the clock is set in the middle."""

CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Asia/Shanghai", date(1989, 4, 16)),  # the last years in which it was set there
    ("Asia/Shanghai", date(1989, 9, 17)),
    ("Asia/Shanghai", date(2026, 3, 29)),  # it stays
]
WEEKDAYS = frozenset({1, 2, 3, 4, 5})


def _schedule(*hours: tuple[set[int], list[tuple[int, int]]], off: Mapping[date, str] | None = None) -> Schedule:
    made = tuple(Hours(days=frozenset(days), spans=tuple(spans)) for days, spans in hours)
    return Schedule(hours=made, days_off=off or {})


def _moment(zone: str, *wall: int, fold: int = 0) -> int:
    return round(datetime(*wall, fold=fold, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


# The reference -----------------------------------------------------------------------------------------


@cache
def _watched(zone: str, middle: date) -> list[tuple[int, datetime]]:
    """Each minute (UTC ms) of some days, and what the clock on the wall shows at it."""
    first = datetime.combine(middle - timedelta(days=DAYS // 2 + 3), datetime.min.time(), UTC)
    moments = [first + timedelta(minutes=minute) for minute in range((DAYS + 7) * 1440)]
    place = ZoneInfo(zone)
    return [(round(each.timestamp() * 1000), each.astimezone(place).replace(tzinfo=None)) for each in moments]


def _slow(schedule: Schedule, zone: str, middle: date, off: set[date]) -> dict[int, bool]:
    """Whether it is on at each minute: on as the clock first shows the begin, off as it first shows the end."""
    watched = _watched(zone, middle)
    is_on = dict.fromkeys((time for time, _ in watched), False)
    for ahead in range(-DAYS // 2 - 2, DAYS // 2 + 3):
        day = middle + timedelta(days=ahead)
        kind = 0 if day in off else day.isoweekday()
        midnight = datetime.combine(day, datetime.min.time())
        for hours in schedule.hours:
            if hours.days and kind not in hours.days:
                continue
            for begin, end in hours.spans or ((0, 1440),):
                first, last = (_first(watched, midnight + timedelta(minutes=each)) for each in (begin, end))
                is_on.update((time, True) for time, _ in watched[first:last])
    return is_on


def _first(watched: list[tuple[int, datetime]], wanted: datetime) -> int:
    """Where the clock first shows a time of day, or jumps over it."""
    return next(number for number, (_, wall) in enumerate(watched) if wall >= wanted)


def _span(middle: date) -> tuple[int, int]:
    """The days that are compared, whose days before and behind are watched too."""
    first = round(datetime.combine(middle, datetime.min.time(), UTC).timestamp() * 1000) - DAYS // 2 * DAY
    return first, first + DAYS * DAY


def _check(schedule: Schedule, zone: str, middle: date, off: set[date], *, step: int = 1) -> None:
    slow = _slow(schedule, zone, middle, off)
    place = ZoneInfo(zone)
    start, end = _span(middle)
    for time in range(start, end, step * MINUTE):
        assert schedule.is_on(time, place) is slow[time], datetime.fromtimestamp(time / 1000, place)
    _check_changes(schedule, place, slow, start, end)


def _check_changes(schedule: Schedule, place: ZoneInfo, slow: Mapping[int, bool], start: int, end: int) -> None:
    """Each change that is foretold is the next one that the reference sees, from wherever it is asked."""
    edges = [time for before, time in pairwise(range(start, end, MINUTE)) if slow[before] is not slow[time]]
    for first, last in pairwise([start, *edges]):
        for time in {first, first + 1, (first + last) // 2, last - 1}:
            if time < last:
                assert schedule.change_after(time, place) == last
    if edges:
        following = schedule.change_after(edges[-1], place)
        assert following is None or following >= end - MINUTE


# Against the reference ---------------------------------------------------------------------------------

WRITTEN = {
    "office": _schedule((WEEKDAYS, [(420, 1020)]), ({6}, [(480, 720)])),
    "night": _schedule((set(), [(1320, 1800)])),
    "night of workdays": _schedule((WEEKDAYS, [(1320, 1800)])),
    "all weekend": _schedule(({6, 7}, [])),
    "the hour that is set": _schedule((set(), [(120, 180)])),
    "in the hour that is set": _schedule((set(), [(130, 140), (150, 155)])),
    "ends in the hour that is set": _schedule((set(), [(60, 150)])),
    "begins in the hour that is set": _schedule((set(), [(150, 400)])),
    "over midnight into the hour that is set": _schedule((set(), [(1410, 1440 + 150)])),
    "several that touch": _schedule((set(), [(0, 400), (400, 800), (700, 1440)])),
}


@pytest.mark.parametrize(("zone", "day"), CHANGES, ids=str)
@pytest.mark.parametrize("name", WRITTEN)
def test_hours_are_those_that_the_clock_on_the_wall_shows(name: str, zone: str, day: date) -> None:
    _check(WRITTEN[name], zone, day, set(), step=5)


_SPANS = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(lambda span: (span[0], span[0] + span[1]))
_HOURS = st.tuples(st.sets(st.integers(0, 7), max_size=4), st.lists(_SPANS, max_size=3))


@settings(max_examples=40)
@given(
    hours=st.lists(_HOURS, min_size=1, max_size=3),
    change=st.sampled_from(CHANGES),
    ahead=st.sets(st.integers(-3, 3), max_size=2),
)
def test_any_hours_are_those_that_the_clock_on_the_wall_shows(
    hours: list[tuple[set[int], list[tuple[int, int]]]], change: tuple[str, date], ahead: set[int]
) -> None:
    zone, day = change
    off = {day + timedelta(days=each) for each in ahead}

    _check(_schedule(*hours, off=dict.fromkeys(off, "")), zone, day, off, step=37)


# By hand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wall", "is_on"),
    [
        ((2026, 11, 27, 6, 59), False),
        ((2026, 11, 27, 7, 0), True),
        ((2026, 11, 27, 16, 59), True),
        ((2026, 11, 27, 17, 0), False),
        ((2026, 11, 28, 7, 30), False),
        ((2026, 11, 28, 8, 0), True),
        ((2026, 11, 29, 9, 0), False),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"])
def test_hours_begin_and_end_to_the_minute(zone: str, wall: tuple[int, ...], is_on: bool) -> None:  # noqa: FBT001 - what is expected
    assert WRITTEN["office"].is_on(_moment(zone, *wall), ZoneInfo(zone)) is is_on


def test_hours_over_midnight_belong_to_the_day_on_which_they_began() -> None:
    zone = "Europe/Berlin"
    friday = _schedule(({5}, [(1320, 1800)]))
    on = [
        hour
        for hour in range(48)
        if friday.is_on(_moment(zone, 2026, 11, 27 + hour // 24, hour % 24), ZoneInfo(zone))
    ]

    assert on == [22, 23, 24, 25, 26, 27, 28, 29]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 7), (date(2026, 10, 25), 9), (date(2026, 6, 1), 8)]
)
def test_a_night_is_as_long_as_the_clock_makes_it(day: date, hours: int) -> None:
    place = ZoneInfo("Europe/Berlin")
    before = day - timedelta(days=1)
    start = _moment("Europe/Berlin", before.year, before.month, before.day, 12)
    night = WRITTEN["night"]
    begin = night.change_after(start, place)
    assert begin is not None
    end = night.change_after(begin, place)
    assert end is not None

    assert (end - begin) / 3_600_000 == hours


def test_hours_that_the_clock_jumps_over_are_none() -> None:
    place = ZoneInfo("Europe/Berlin")
    schedule = _schedule((set(), [(130, 170)]))
    start = _moment("Europe/Berlin", 2026, 3, 29, 0)

    assert not any(schedule.is_on(start + minute * MINUTE, place) for minute in range(23 * 60))
    assert schedule.change_after(start, place) == _moment("Europe/Berlin", 2026, 3, 30, 2, 10)


def test_hours_that_the_clock_shows_twice_are_the_first_ones() -> None:
    place = ZoneInfo("Europe/Berlin")
    schedule = _schedule((set(), [(130, 170)]))
    first, second = (_moment("Europe/Berlin", 2026, 10, 25, 2, 30, fold=fold) for fold in (0, 1))

    assert (schedule.is_on(first, place), schedule.is_on(second, place)) == (True, False)


# Holidays ----------------------------------------------------------------------------------------------


def _days(schedule: Schedule, zone: str, first: date, count: int) -> Iterator[date]:
    """The days at whose noon it is on."""
    for ahead in range(count):
        day = first + timedelta(days=ahead)
        if schedule.is_on(_moment(zone, day.year, day.month, day.day, 12), ZoneInfo(zone)):
            yield day


@pytest.mark.parametrize(
    ("zone", "country", "region"),
    [
        ("Europe/Berlin", "DE", "BE"),
        ("Europe/Berlin", "DE", ""),
        ("America/New_York", "US", "NY"),
        ("Australia/Lord_Howe", "AU", "NSW"),
        ("Asia/Shanghai", "CN", ""),
    ],
)
def test_a_holiday_is_no_weekday(zone: str, country: str, region: str) -> None:
    known = holidays.country_holidays(country, subdiv=region or None, years=[2026, 2027])
    workdays = Schedule(hours=(Hours(days=WEEKDAYS),), country=country, region=region)
    on_holidays = Schedule(hours=(Hours(days=frozenset({0})),), country=country, region=region)
    first = date(2026, 1, 1)
    days = [first + timedelta(days=ahead) for ahead in range(730)]

    assert list(_days(on_holidays, zone, first, 730)) == [day for day in days if day in known]
    assert list(_days(workdays, zone, first, 730)) == [
        day for day in days if day not in known and day.isoweekday() in WEEKDAYS
    ]


def test_a_region_has_holidays_of_its_own() -> None:
    womens_day = date(2026, 3, 8)

    assert womens_day in public_holidays("DE", "BE", 2026)
    assert womens_day not in public_holidays("DE", "BY", 2026)
    assert public_holidays("DE", "no such region", 2026) == frozenset()


def test_a_day_off_is_a_holiday_until_midnight_and_its_night_goes_on() -> None:
    place = ZoneInfo("Europe/Berlin")
    eve = date(2026, 12, 24)
    schedule = Schedule(
        hours=(Hours(days=frozenset({0}), spans=((1320, 1800),)),), days_off={eve: "Christmas Eve"}
    )

    assert schedule.is_holiday(eve)
    assert schedule.change_after(_moment("Europe/Berlin", 2026, 12, 1), place) == _moment(
        "Europe/Berlin", 2026, 12, 24, 22
    )
    assert schedule.change_after(_moment("Europe/Berlin", 2026, 12, 24, 23), place) == _moment(
        "Europe/Berlin", 2026, 12, 25, 6
    )


# What never changes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [Hours(), Hours(spans=((0, 1440),)), Hours(days=frozenset(range(8)))])
def test_what_is_always_on_never_changes(hours: Hours) -> None:
    place = ZoneInfo("Australia/Lord_Howe")
    schedule = Schedule(hours=(hours,), country="AU")
    time = _moment("Australia/Lord_Howe", 2026, 4, 4, 12)

    assert schedule.is_on(time, place)
    assert schedule.change_after(time, place) is None


def test_what_is_on_once_a_year_is_foretold() -> None:
    place = ZoneInfo("Europe/Berlin")
    schedule = Schedule(hours=(Hours(days=frozenset({0})),), days_off={date(2027, 11, 27): ""})

    assert schedule.change_after(_moment("Europe/Berlin", 2026, 11, 27), place) == _moment(
        "Europe/Berlin", 2027, 11, 27
    )
    assert schedule.change_after(_moment("Europe/Berlin", 2027, 11, 28), place) is None
