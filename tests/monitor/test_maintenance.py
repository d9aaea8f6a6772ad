"""Maintenance windows: begins and ends in local time, set clocks, and rules that never come true."""

from datetime import datetime, timedelta
from itertools import pairwise
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.maintenance import Window, problem

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000
DAY = 24 * HOUR


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def window(starts: str, hours: float, repeat: str = "", zone: ZoneInfo = BERLIN) -> Window:
    return Window(id="w", starts=at(starts, zone), duration=round(hours * HOUR), repeat=repeat, zone=zone)


def changes(one: Window, after: str, most: int) -> list[str]:
    """Local times of the next changes."""
    found: list[str] = []
    time: int | None = at(after)
    while time is not None and len(found) < most:
        time = one.change_after(time)
        if time is not None:
            found.append(datetime.fromtimestamp(time / 1000, one.zone).strftime("%Y-%m-%d %H:%M"))
    return found


def test_once_is_once() -> None:
    one = window("2026-11-27 08:00", 4)

    assert changes(one, "2026-01-01", 5) == ["2026-11-27 08:00", "2026-11-27 12:00"]
    assert not one.is_on(at("2026-11-27 08:00") - 1)
    assert one.is_on(at("2026-11-27 08:00"))
    assert not one.is_on(at("2026-11-27 12:00"))
    assert one.end_of(at("2026-11-27 09:00")) == at("2026-11-27 12:00")
    assert one.end_of(at("2026-11-27 07:00")) is None


def test_every_tuesday_at_the_same_time_of_the_wall() -> None:
    one = window("2026-10-20 06:00", 2, "FREQ=WEEKLY;BYDAY=TU")

    assert changes(one, "2026-10-20", 4) == [
        "2026-10-20 06:00",
        "2026-10-20 08:00",
        "2026-10-27 06:00",  # winter time since the 25th
        "2026-10-27 08:00",
    ]


def test_a_time_that_does_not_exist_begins_when_the_clock_jumps_over_it() -> None:
    one = window("2026-03-28 02:30", 1, "FREQ=DAILY")

    assert changes(one, "2026-03-28", 4)[2:] == ["2026-03-29 03:00", "2026-03-29 04:00"]


def test_over_midnight_and_into_the_next_year() -> None:
    one = window("2026-12-30 22:00", 6, "FREQ=DAILY;COUNT=3")

    assert one.is_on(at("2027-01-01 03:00"))
    assert changes(one, "2026-12-31 12:00", 9) == [
        "2026-12-31 22:00",
        "2027-01-01 04:00",
        "2027-01-01 22:00",
        "2027-01-02 04:00",
    ]


def test_one_that_never_stops_is_asked_about_in_a_bounded_time() -> None:
    one = window("2026-01-01 00:00", 25, "FREQ=DAILY")
    began = perf_counter()
    end = one.change_after(at("2026-02-01"))

    assert one.is_on(at("2030-02-01 11:00"))
    assert end is not None
    assert end > at("2030-12-01")
    assert perf_counter() - began < 60


def test_until_and_the_first_monday_of_the_month() -> None:
    one = window("2026-01-05 09:00", 1, "FREQ=MONTHLY;BYDAY=1MO;UNTIL=20260401")

    assert changes(one, "2026-01-01", 9)[::2] == ["2026-01-05 09:00", "2026-02-02 09:00", "2026-03-02 09:00"]


@pytest.mark.parametrize(
    ("repeat", "says"),
    [
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "within five years"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "within five years"),  # it starts on a Thursday
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTH=3", "within five years"),
        ("FREQ=SECONDLY", "FREQ= with one of"),
        ("FREQ=WEEKLY;BYHOUR=3", "has no BYHOUR"),
        ("FREQ=WEEKLY;BYDAY=XX", "cannot be read"),
        ("FREQ=WEEKLY;UNTIL=soon", "cannot be read"),
        ("FREQ=WEEKLY;INTERVAL=0", "go from 1"),
        ("weekly", "has no weekly"),
    ],
)
def test_a_repetition_that_cannot_be_meant_is_refused(repeat: str, says: str) -> None:
    assert says in str(problem(window("2026-01-01 10:00", 1, repeat)))


def test_what_can_be_meant_is_accepted() -> None:
    assert problem(window("2026-01-01 10:00", 1)) is None
    assert problem(window("2024-02-29 10:00", 1, "FREQ=YEARLY")) is None
    assert "at most a year" in str(problem(window("2026-01-01 10:00", 9000)))


def test_whom_it_is_for() -> None:
    everything = window("2026-01-01 10:00", 1)
    some = Window(id="w", starts=0, duration=1, devices=frozenset({"pump"}), rules=("pressure-*",))

    assert everything.covers("leak", "cellar")
    assert some.covers("pressure-low", "pump")
    assert not some.covers("pressure-low", "valve")
    assert not some.covers("leak", "pump")


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "UTC"]),
    begin=st.integers(0, 23 * 60 + 59),
    hours=st.integers(1, 60),
    repeat=st.sampled_from(
        ["", "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=SU,WE", "FREQ=MONTHLY;BYMONTHDAY=-1"]
    ),
    month=st.sampled_from([3, 4, 10, 11]),
)
def test_changes_are_where_it_changes(zone: str, begin: int, hours: int, repeat: str, month: int) -> None:
    place = ZoneInfo(zone)
    starts = round((datetime(2026, month, 1, tzinfo=place) + timedelta(minutes=begin)).timestamp() * 1000)
    one = Window(id="w", starts=starts, duration=hours * HOUR, repeat=repeat, zone=place)
    edges = [time := starts - 1]
    while (found := one.change_after(time)) is not None and found < starts + 20 * DAY:
        edges.append(time := found)
    edges.append(starts + 20 * DAY)

    for first, second in pairwise(edges):
        states = {one.is_on(moment) for moment in range(first, second, 1_800_000)}
        assert len(states) == 1
    assert [one.is_on(edge) for edge in edges[1:-1]] == [index % 2 == 0 for index in range(len(edges) - 2)]
