"""Batteries: when they will be empty, and that this is told once."""

import math
from collections.abc import Sequence
from datetime import timedelta

import orjson
import pytest

from monitor.equipment.batteries import Batteries, Forecast, forecast
from monitor.model import Event, Origin, Quality, Recorded
from monitor.periods import HOUR, begin_of
from tests.equipment.cells import BERLIN, FIRST, heard, noon_of, only, percents, run, said, sensor, site_of


def test_the_least_of_each_local_day_is_kept() -> None:
    late_in_the_evening = begin_of(FIRST + timedelta(days=1), BERLIN) - HOUR  # another day in UTC from 01:00 on
    entries = [
        said(0, battery_pct=80),
        said(0.1, battery_pct=79.5),
        said(0.2, battery_pct=80),
        heard(late_in_the_evening, "leak", {"battery_pct": 79.0}),
        heard(late_in_the_evening + HOUR, "leak", {"battery_pct": 79.5}),
    ]
    part, _ = run(entries)

    assert part.rows() == [("leak", "2026-03-01", 79.0), ("leak", "2026-03-02", 79.5)]
    assert part.rows() == []


@pytest.mark.parametrize(
    "entry",
    [
        said(1, battery_v=3.0),
        said(1, battery_pct=True),
        said(1, battery_pct=255),
        said(1, battery_pct="full"),
        said(1, device="volts", battery_v=3.0),
        heard(noon_of(1), "leak", {"battery_pct": 50}, origin=Origin.RETAINED),
        heard(noon_of(1), "leak", {"battery_pct": 50}, quality=Quality.SUSPECT),
        heard(86_400_000, "leak", {"battery_pct": 50}),
    ],
)
def test_what_is_no_battery_or_cannot_be_believed_is_not_heeded(entry: Recorded) -> None:
    part, told = run([entry])

    assert part.rows() == []
    assert part.all(FIRST) == []
    assert told == []


def test_a_battery_that_falls_evenly_gets_a_date() -> None:
    part, told = run(percents(100 - 0.5 * day for day in range(21)))

    # 90 % on the twentieth day, of which the forecast knows until the day before: 80 points at 0.5 a day.
    assert only(part, 20) == (0.5, FIRST + timedelta(days=180), 20)
    assert told == []


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([100 - day for day in range(14)], "too few days"),
        ([100.0] * 100, "it does not fall"),
        ([100.0] * 60 + [99.0] * 50, "one step is no fall"),
        ([70 + day * 0.1 for day in range(100)], "it rises"),
        ([80 + 15 * math.sin(day) for day in range(100)], "it goes up and down"),
    ],
)
def test_without_a_real_drop_there_is_no_date(values: Sequence[float], why: str) -> None:
    part, told = run(percents(values))

    assert only(part, len(values))[:2] == (None, None), why
    assert told == []


def test_days_of_silence_at_the_end_of_a_quick_fall_take_no_date_away() -> None:
    days = [day for day in range(40) if day not in {33, 34, 36, 37}]
    found = forecast([(day, 100.0 - 2 * day) for day in days])

    assert found == Forecast(2.0, 45, 36)


def test_a_date_that_is_ten_years_away_is_none() -> None:
    days = [(number, 100 - number * 0.02) for number in range(180)]
    slow = forecast(days)
    part, _ = run(percents(value for _, value in days))

    assert slow is not None
    assert slow.empty > 3650
    assert only(part, 180)[1] is None


def test_a_cold_day_neither_moves_the_date_nor_counts_as_a_new_battery() -> None:
    plain = [100 - 0.25 * day for day in range(100)]
    cold = [value - 30 if day in {40, 41, 70} else value for day, value in enumerate(plain)]
    even, _ = run(percents(plain))
    dips, _ = run(percents(cold))
    expected, found = only(even, 100), only(dips, 100)

    assert expected[1] is not None
    assert found[1] is not None
    assert abs((found[1] - expected[1]).days) <= 3
    assert found[2] == 99


def test_it_is_told_once_when_less_than_thirty_days_are_left() -> None:
    part, told = run(percents(100 - 0.5 * day for day in range(170)))

    assert [each.kind for each in told] == ["battery_soon"]
    # 180 days to 10 %: 29 are left on the 151st.
    assert told[0].device == "leak"
    assert told[0].id == f"battery_soon-{FIRST + timedelta(days=151)}"
    assert told[0].attributes == {
        "low": False,
        "percent": 24.5,
        "empty": (FIRST + timedelta(days=180)).isoformat(),
        "days_left": 29,
    }
    assert part.news() == []


def test_a_device_that_says_it_is_low_is_believed_at_once() -> None:
    _, told = run([said(0, battery_pct=100, battery_low=True), said(1, battery_pct=100, battery_low=True)])

    assert [each.attributes for each in told] == [{"low": True, "percent": 100.0}]


def test_less_than_ten_percent_is_told_whatever_the_forecast_says() -> None:
    """A lithium cell: full for months, then gone within days."""
    values = [100.0] * 90 + [96, 85, 60, 30, 9, 5]
    part, told = run(percents(values))

    assert only(part, 95)[1] is None
    assert [(each.id, each.attributes["percent"]) for each in told] == [("battery_soon-2026-06-03", 9.0)]


def test_a_new_battery_begins_anew_and_is_told_of_again() -> None:
    old = [100 - 0.5 * day for day in range(175)]
    part, told = run(percents([*old, 100, 100, *(100 - 0.5 * day for day in range(175))]))

    assert len(told) == 2
    assert told[1].id == f"battery_soon-{FIRST + timedelta(days=177 + 151)}"
    assert only(part, 352)[2] == 175 + 1


def test_a_new_battery_counts_when_it_has_stayed_for_two_days() -> None:
    falling = [60 - 0.5 * day for day in range(60)]
    one_day, _ = run(percents([*falling, 100, 29.5, 29]))
    two_days, _ = run(percents([*falling, 100, 100, 99.5]))

    assert only(one_day, 62)[2] == 62
    assert only(two_days, 62)[2] == 3


def test_a_lithium_cell_that_was_changed_in_its_fall_is_told_of_again() -> None:
    life = [100.0] * 30 + [60, 20, 5]
    _, told = run(percents(life * 3))

    assert [each.attributes["percent"] for each in told] == [5.0, 5.0, 5.0]


def test_one_that_was_told_of_and_changed_for_a_used_one_is_told_of_again() -> None:
    _, told = run(percents([*[100.0] * 30, 60, 20, 5, *[85.0] * 10, 5]))

    assert len(told) == 2


def test_one_that_only_says_low_is_told_of_again_after_a_week_without() -> None:
    def low(*days: tuple[int, bool]) -> list[Event]:
        return run(said(day, "smoke", battery_low=value) for day, value in days)[1]

    assert len(low((0, True), (1, True), (2, False), (3, True))) == 1
    assert len(low((0, True), (3, False), (9, False), (20, True))) == 2
    assert low((0, True))[0].attributes == {"low": True}


def test_one_that_is_still_low_is_told_again_when_nobody_was_told() -> None:
    part, told = run([said(0, battery_pct=8)])
    part.retell()
    part.take(said(1, battery_pct=8))
    part.take(said(2, battery_pct=8))

    assert [each.id for each in told] == ["battery_soon-2026-03-01"]
    assert [each.id for each in part.news() if isinstance(each, Event)] == ["battery_soon-2026-03-02"]


def test_late_values_are_kept_for_their_day_and_tell_nothing() -> None:
    entries = [
        *percents([50, 49.5, 49]),
        heard(noon_of(1), "leak", {"battery_pct": 5.0, "battery_low": True}, arrived=noon_of(3), late=True),
        heard(noon_of(-5), "leak", {"battery_pct": 5.0}, arrived=noon_of(3), late=True),
    ]
    part, told = run(entries)

    assert told == []
    assert part.rows() == [("leak", "2026-03-01", 50.0), ("leak", "2026-03-02", 5.0), ("leak", "2026-03-03", 49.0)]
    assert part.all(FIRST)[0].percent == 49.0


def test_what_was_said_while_the_clock_ran_ahead_is_forgotten() -> None:
    values = [100 - 0.5 * day for day in range(40)]
    ahead = [said(3000, battery_pct=99), said(3001, battery_pct=99)]
    plain, _ = run(percents(values))
    astray, told = run([*percents(values[:20]), *ahead, *percents(values[20:], 20)])

    assert only(astray, 40) == only(plain, 40)
    assert told == []


def test_one_that_is_heard_of_again_after_months_is_judged_anew() -> None:
    for gap in (60, 120, 140, 160, 300):
        _, told = run([*percents(100 - 0.5 * day for day in range(40)), *percents([80] * 40, 40 + gap)])

        assert told == []


def test_the_emptiest_comes_first() -> None:
    sensors = [sensor(name) for name in ("a", "b", "c", "d", "e")]
    part = Batteries(site_of(*sensors))
    part.take(said(0, "a", battery_pct=80))
    part.take(said(0, "b", battery_pct=20))
    part.take(said(0, "c", battery_low=False))
    part.take(said(0, "d", battery_low=True))

    assert [each.device for each in part.all(FIRST)] == ["d", "b", "a", "c"]


def test_memory_is_bounded() -> None:
    part, _ = run(percents(100 - 0.01 * day for day in range(1000)))

    assert len(part.dump_changed()["battery_days/leak"]) == 180
    assert part.dump_changed() == {}


def test_a_forecast_says_of_how_many_days_it_was_made() -> None:
    assert forecast([(day, 100.0 - day) for day in range(20)]) == Forecast(1.0, 90, 20)


def test_what_is_said_all_day_long_does_not_write_the_days_again() -> None:
    """A sensor that speaks each minute would have the card of a small box written full by half a year of days."""
    part, _ = run(percents(80.0 for _ in range(180)))
    part.dump_changed()
    written = []
    for minute in range(60):
        part.take(said(179 + minute / 1440, battery_pct=80.0))
        written.append(part.dump_changed())

    assert all(list(each) == ["battery/leak"] for each in written)
    assert max(len(orjson.dumps(each)) for each in written) < 200
