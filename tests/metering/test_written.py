"""Numbers, units and times as people write them."""

from zoneinfo import ZoneInfo

import pytest

from monitor.metering.written import amount, clock, moment
from tests.metering.books import DAY, NOW

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("512.4", "m3", 512.4),
        (" 512.4 m3", "m3", 512.4),
        ("512.4 m³", "m3", 512.4),
        ("1.5 MWh", "kWh", 1500.0),
        ("250 l", "m3", 0.25),
        ("0", "kWh", 0.0),
    ],
)
def test_a_number_is_taken_in_the_unit_of_its_counter(text: str, unit: str, value: float) -> None:
    assert amount(text, unit) == value


def test_a_comma_is_the_decimal_sign_only_where_semicolons_separate() -> None:
    assert amount("512,4 m3", "m3", comma=True) == 512.4
    with pytest.raises(ValueError, match=r"write it as `512\.4` or `512\.4 m3`, with a dot"):
        amount("512,4", "m3")


@pytest.mark.parametrize("text", ["", "x", "5 kWh", "-1", "1e999", "1.2.3", "5 5", "NaN", "5 m3/h"])
def test_what_no_water_meter_shows_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        amount(text, "m3")


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("2026-11-27 10:30", 0),
        ("2026-11-27T10:30:00", 0),
        ("27.11.2026 10:30", 0),
        ("10:30", 0),
        ("9:30", 3_600_000),
        ("2026-11-27", 10.5 * 3_600_000),
        ("26.11.2026", DAY + 10.5 * 3_600_000),
        ("2026-11-27 09:30+00:00", 0),
    ],
)
def test_a_time_is_the_sites(text: str, ago: float) -> None:
    assert NOW - moment(text, BERLIN, NOW) == ago


@pytest.mark.parametrize("text", ["", "noon", "25:00", "2026-02-30", "11/27/2026", "1795771800"])
def test_what_is_no_time_is_refused_with_what_may_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="write `2026-11-27 10:30`"):
        moment(text, BERLIN, NOW)


def test_an_hour_that_is_twice_needs_its_offset_and_one_that_is_skipped_does_not_exist() -> None:
    with pytest.raises(
        ValueError, match=r"`2026-10-25 02:30\+02:00` or, an hour later, `2026-10-25 02:30\+01:00`"
    ):
        moment("2026-10-25 02:30", BERLIN, NOW)
    with pytest.raises(ValueError, match="put forward"):
        moment("2026-03-29 02:30", BERLIN, NOW)

    first, second = (moment(f"2026-10-25 02:30+0{hours}:00", BERLIN, NOW) for hours in (2, 1))
    assert second - first == 3_600_000


def test_a_time_that_is_shown_can_be_written() -> None:
    times = [NOW - hours * 3_600_000 - 1000 * (hours % 2) for hours in range(8760)]

    assert [time for time in times if moment(clock(time, BERLIN), BERLIN, NOW) != time] == []
    assert [len(clock(time, BERLIN)) for time in times].count(len("2026-10-25 02:30+02:00")) >= 1
