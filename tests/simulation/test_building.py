"""The simulated building is plausible: counters are integrals of rates, nights are still, and Sundays differ."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.simulation.building import Curve, LocalDays
from monitor.simulation.habits import habit_of
from monitor.site import Device

BERLIN = ZoneInfo("Europe/Berlin")
QUARTER = 900.0
KINDS = ("flats", "lift", "shop", "taps", "laundry", "garden", "gas")
EDGES = [
    datetime(2026, 1, 1, tzinfo=BERLIN).timestamp(),
    datetime(2026, 3, 29, 3, tzinfo=BERLIN).timestamp(),
    datetime(2026, 10, 25, 3, tzinfo=BERLIN).timestamp(),
    datetime(2026, 11, 1, tzinfo=BERLIN).timestamp(),
]
instants = st.one_of(
    st.floats(1_750_000_000, 2_000_000_000),
    st.builds(lambda edge, off: edge + off, st.sampled_from(EDGES), st.floats(-4000, 4000)),
)


def curve(kind: str, zone: ZoneInfo = BERLIN) -> Curve:
    """A curve of a meter of that kind, with a mean of 1000."""
    device_class = {"taps": "water", "laundry": "water", "garden": "water", "gas": "gas"}.get(kind, "electricity")
    device = Device(id=f"{kind}-1", name="", connection="", device_class=device_class, points={})
    return Curve(device.id, habit_of(device), 1000.0, LocalDays(zone), start=12_000.0)


def used(of: Curve, start: datetime, end: datetime) -> float:
    """What is counted from one local time to another."""
    return of.total(end.timestamp()) - of.total(start.timestamp())


@given(st.sampled_from(KINDS), instants, st.floats(0.5, 86_400))
def test_a_counter_never_runs_backwards(kind: str, now: float, later: float) -> None:
    of = curve(kind)

    assert of.rate(now) >= 0
    assert of.total(now + later) >= of.total(now) - 1e-6


@given(st.sampled_from(KINDS), instants, st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]))
def test_the_counter_is_the_integral_of_the_rate(kind: str, now: float, zone: str) -> None:
    of = curve(kind, ZoneInfo(zone))
    begin, steps = float(round(now)), 1200
    integral = sum(of.rate(begin + step + 0.5) for step in range(steps)) / 3600

    assert of.total(begin + steps) - of.total(begin) == pytest.approx(integral, rel=1e-3, abs=0.05)


@given(st.sampled_from(KINDS), instants)
def test_it_is_the_same_after_a_restart(kind: str, now: float) -> None:
    lived, fresh = curve(kind), curve(kind)
    for days in range(12):
        lived.total(now - 86_400.0 * days)

    assert (lived.rate(now), lived.total(now)) == (fresh.rate(now), fresh.total(now))


def test_the_counter_begins_with_the_year() -> None:
    assert curve("flats").total(EDGES[0]) == 12_000.0


def test_devices_of_one_building_differ() -> None:
    device = Device(id="x", name="", connection="", device_class="electricity", points={})
    left, right = (Curve(name, habit_of(device), 400.0, LocalDays(BERLIN)) for name in ("flat-1", "flat-2"))

    assert left.rate(1.79e9) != right.rate(1.79e9)


@pytest.mark.parametrize("kind", ["flats", "lift", "shop", "taps"])
def test_a_year_is_about_what_the_mean_says(kind: str) -> None:
    year = used(curve(kind), datetime(2027, 1, 1, tzinfo=BERLIN), datetime(2028, 1, 1, tzinfo=BERLIN))

    assert year / 8760 == pytest.approx(1000.0, rel=0.03)


def test_nobody_shops_on_a_sunday() -> None:
    of, sunday = curve("shop"), datetime(2026, 11, 8, tzinfo=BERLIN)
    friday, saturday, closed = (used(of, sunday + timedelta(n), sunday + timedelta(n + 1)) for n in (-2, -1, 0))

    assert closed < 0.5 * saturday < saturday < friday


def test_the_laundry_is_full_on_saturdays_and_empty_on_sundays() -> None:
    of, sunday = curve("laundry"), datetime(2026, 11, 8, tzinfo=BERLIN)
    days = [used(of, sunday - timedelta(6 - n), sunday - timedelta(5 - n)) for n in range(7)]

    assert days[6] == pytest.approx(0.0, abs=1e-6)
    assert days[5] > 1.5 * max(days[:5])


def test_most_of_the_night_no_tap_is_open() -> None:
    of = curve("taps")
    for night in range(1, 29):
        begin = datetime(2026, 11, night, tzinfo=BERLIN).timestamp()
        quarters = [of.total(begin + QUARTER * (n + 1)) - of.total(begin + QUARTER * n) for n in range(20)]
        assert sum(amount < 1e-6 for amount in quarters) == 15, "three of the four quarters of each hour"
        day = used(of, datetime(2026, 11, night, 6, tzinfo=BERLIN), datetime(2026, 11, night, 22, tzinfo=BERLIN))
        assert sum(quarters) < 0.03 * day


def test_lights_and_fridges_are_on_at_night() -> None:
    for kind in ("flats", "lift", "shop"):
        of, begin = curve(kind), datetime(2026, 11, 3, 1, tzinfo=BERLIN).timestamp()
        assert min(of.rate(begin + 60.0 * minute) for minute in range(180)) > 150.0


def test_gas_follows_the_season() -> None:
    months = [
        used(curve("gas"), datetime(2026, month, 1, tzinfo=BERLIN), datetime(2026, month, 28, tzinfo=BERLIN))
        for month in (1, 4, 7)
    ]

    assert months[0] > 1.3 * months[1] > 2 * months[2] > 0


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
def test_a_day_on_which_the_clock_changes_has_its_own_hours(day: tuple[int, int, int], hours: int) -> None:
    days = LocalDays(BERLIN)
    number = days.of(datetime(*day, 12, tzinfo=BERLIN).timestamp())

    assert days.start(number + 1) - days.start(number) == 3600.0 * hours
    assert days.hours(number).count(2) == hours - 23
    assert days.weekday(number) == 6
    hour = [
        used(curve("taps"), *(datetime(*day, n, tzinfo=BERLIN) for n in (begin, begin + 1))) for begin in (4, 9)
    ]
    assert hour[1] > 20 * hour[0], "people rise by the clock on the wall"
