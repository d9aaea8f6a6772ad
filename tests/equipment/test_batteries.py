"""Batteries: when they will be empty, and that this is told once."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.equipment.batteries import Batteries, Forecast, forecast, theil_sen
from monitor.model import Event, Origin, Position, Quality, Reading, Recorded, Value
from monitor.periods import DAY, HOUR, begin_of
from monitor.site import Device, Point, Site

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 3, 1)
NOON = 12 * HOUR


def _sensor(id: str = "leak", *points: str) -> Device:  # noqa: A002 - as in the site file
    names = points or ("battery_pct", "battery_low", "alarm")
    return Device(
        id=id,
        name=id.title(),
        connection="broker",
        device_class="safety",
        points={name: Point(name=name) for name in names},
    )


def _site(*devices: Device) -> Site:
    every = devices or (_sensor(), _sensor("smoke", "battery_low"), _sensor("volts", "battery_v"))
    return Site(id="hq", name="HQ", timezone=BERLIN, devices={each.id: each for each in every})


def _day(number: float) -> int:
    """UTC ms of noon of a day counted from the first; fractions are parts of a day."""
    whole = math.floor(number)
    return begin_of(FIRST + timedelta(days=whole), BERLIN) + NOON + round((number - whole) * DAY)


def _said(day: float, device: str = "leak", **values: Value) -> Recorded:
    return _reading(_day(day), device, values)


def _reading(
    time: int, device: str, values: Mapping[str, Value], arrived: int | None = None, **more: Any
) -> Recorded:
    arrived = time if arrived is None else arrived
    more.setdefault("origin", Origin.PUSH)
    reading = Reading(device=device, time=time, arrived=arrived, values=values, **more)
    return Recorded(Position(1), arrived, reading)


def _percents(values: Iterable[float], start: int = 0) -> list[Recorded]:
    return [_said(start + day, battery_pct=value) for day, value in enumerate(values)]


def _run(entries: Iterable[Recorded]) -> tuple[Batteries, list[Event]]:
    part = Batteries(_site())
    for entry in entries:
        part.take(entry)
    return part, [each for each in part.news() if isinstance(each, Event)]


def _only(part: Batteries, number: int) -> tuple[float | None, date | None, int]:
    (found,) = part.all(FIRST + timedelta(days=number))
    return found.per_day, found.empty, found.days


def test_the_least_of_each_local_day_is_kept() -> None:
    late_in_the_evening = begin_of(FIRST + timedelta(days=1), BERLIN) - HOUR  # another day in UTC from 01:00 on
    entries = [
        _said(0, battery_pct=80),
        _said(0.1, battery_pct=79.5),
        _said(0.2, battery_pct=80),
        _reading(late_in_the_evening, "leak", {"battery_pct": 79.0}),
        _reading(late_in_the_evening + HOUR, "leak", {"battery_pct": 79.5}),
    ]
    part, _ = _run(entries)

    assert part.rows() == [("leak", "2026-03-01", 79.0), ("leak", "2026-03-02", 79.5)]
    assert part.rows() == []


@pytest.mark.parametrize(
    "entry",
    [
        _said(1, battery_v=3.0),
        _said(1, battery_pct=True),
        _said(1, battery_pct=255),
        _said(1, battery_pct="full"),
        _said(1, device="volts", battery_v=3.0),
        _reading(_day(1), "leak", {"battery_pct": 50}, origin=Origin.RETAINED),
        _reading(_day(1), "leak", {"battery_pct": 50}, quality=Quality.SUSPECT),
        _reading(86_400_000, "leak", {"battery_pct": 50}),
    ],
)
def test_what_is_no_battery_or_cannot_be_believed_is_not_heeded(entry: Recorded) -> None:
    part, told = _run([entry])

    assert part.rows() == []
    assert part.all(FIRST) == []
    assert told == []


def test_a_battery_that_falls_evenly_gets_a_date() -> None:
    part, told = _run(_percents(100 - 0.5 * day for day in range(21)))

    # 90 % on the twentieth day, of which the forecast knows until the day before: 80 points at 0.5 a day.
    assert _only(part, 20) == (0.5, FIRST + timedelta(days=180), 20)
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
    part, told = _run(_percents(values))

    assert _only(part, len(values))[:2] == (None, None), why
    assert told == []


def test_days_of_silence_at_the_end_of_a_quick_fall_take_no_date_away() -> None:
    days = [day for day in range(40) if day not in {33, 34, 36, 37}]
    found = forecast([(day, 100.0 - 2 * day) for day in days])

    assert found == Forecast(2.0, 45, 36)


def test_a_date_that_is_ten_years_away_is_none() -> None:
    days = [(number, 100 - number * 0.02) for number in range(180)]
    slow = forecast(days)
    part, _ = _run(_percents(value for _, value in days))

    assert slow is not None
    assert slow.empty > 3650
    assert _only(part, 180)[1] is None


def test_a_cold_day_neither_moves_the_date_nor_counts_as_a_new_battery() -> None:
    plain = [100 - 0.25 * day for day in range(100)]
    cold = [value - 30 if day in {40, 41, 70} else value for day, value in enumerate(plain)]
    even, _ = _run(_percents(plain))
    dips, _ = _run(_percents(cold))
    expected, found = _only(even, 100), _only(dips, 100)

    assert expected[1] is not None
    assert found[1] is not None
    assert abs((found[1] - expected[1]).days) <= 3
    assert found[2] == 99


def test_it_is_told_once_when_less_than_thirty_days_are_left() -> None:
    part, told = _run(_percents(100 - 0.5 * day for day in range(170)))

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
    _, told = _run([_said(0, battery_pct=100, battery_low=True), _said(1, battery_pct=100, battery_low=True)])

    assert [each.attributes for each in told] == [{"low": True, "percent": 100.0}]


def test_less_than_ten_percent_is_told_whatever_the_forecast_says() -> None:
    """A lithium cell: full for months, then gone within days."""
    values = [100.0] * 90 + [96, 85, 60, 30, 9, 5]
    part, told = _run(_percents(values))

    assert _only(part, 95)[1] is None
    assert [(each.id, each.attributes["percent"]) for each in told] == [("battery_soon-2026-06-03", 9.0)]


def test_a_new_battery_begins_anew_and_is_told_of_again() -> None:
    old = [100 - 0.5 * day for day in range(175)]
    part, told = _run(_percents([*old, 100, 100, *(100 - 0.5 * day for day in range(175))]))

    assert len(told) == 2
    assert told[1].id == f"battery_soon-{FIRST + timedelta(days=177 + 151)}"
    assert _only(part, 352)[2] == 175 + 1


def test_a_new_battery_counts_when_it_has_stayed_for_two_days() -> None:
    falling = [60 - 0.5 * day for day in range(60)]
    one_day, _ = _run(_percents([*falling, 100, 29.5, 29]))
    two_days, _ = _run(_percents([*falling, 100, 100, 99.5]))

    assert _only(one_day, 62)[2] == 62
    assert _only(two_days, 62)[2] == 3


def test_a_lithium_cell_that_was_changed_in_its_fall_is_told_of_again() -> None:
    life = [100.0] * 30 + [60, 20, 5]
    _, told = _run(_percents(life * 3))

    assert [each.attributes["percent"] for each in told] == [5.0, 5.0, 5.0]


def test_one_that_was_told_of_and_changed_for_a_used_one_is_told_of_again() -> None:
    _, told = _run(_percents([*[100.0] * 30, 60, 20, 5, *[85.0] * 10, 5]))

    assert len(told) == 2


def test_one_that_only_says_low_is_told_of_again_after_a_week_without() -> None:
    def low(*days: tuple[int, bool]) -> list[Event]:
        return _run(_said(day, "smoke", battery_low=value) for day, value in days)[1]

    assert len(low((0, True), (1, True), (2, False), (3, True))) == 1
    assert len(low((0, True), (3, False), (9, False), (20, True))) == 2
    assert low((0, True))[0].attributes == {"low": True}


def test_one_that_is_still_low_is_told_again_when_nobody_was_told() -> None:
    part, told = _run([_said(0, battery_pct=8)])
    part.retell()
    part.take(_said(1, battery_pct=8))
    part.take(_said(2, battery_pct=8))

    assert [each.id for each in told] == ["battery_soon-2026-03-01"]
    assert [each.id for each in part.news() if isinstance(each, Event)] == ["battery_soon-2026-03-02"]


def test_late_values_are_kept_for_their_day_and_tell_nothing() -> None:
    entries = [
        *_percents([50, 49.5, 49]),
        _reading(_day(1), "leak", {"battery_pct": 5.0, "battery_low": True}, arrived=_day(3), late=True),
        _reading(_day(-5), "leak", {"battery_pct": 5.0}, arrived=_day(3), late=True),
    ]
    part, told = _run(entries)

    assert told == []
    assert part.rows() == [("leak", "2026-03-01", 50.0), ("leak", "2026-03-02", 5.0), ("leak", "2026-03-03", 49.0)]
    assert part.all(FIRST)[0].percent == 49.0


def test_what_was_said_while_the_clock_ran_ahead_is_forgotten() -> None:
    values = [100 - 0.5 * day for day in range(40)]
    ahead = [_said(3000, battery_pct=99), _said(3001, battery_pct=99)]
    plain, _ = _run(_percents(values))
    astray, told = _run([*_percents(values[:20]), *ahead, *_percents(values[20:], 20)])

    assert _only(astray, 40) == _only(plain, 40)
    assert told == []


def test_one_that_is_heard_of_again_after_months_is_judged_anew() -> None:
    for gap in (60, 120, 140, 160, 300):
        _, told = _run([*_percents(100 - 0.5 * day for day in range(40)), *_percents([80] * 40, 40 + gap)])

        assert told == []


def test_the_emptiest_comes_first() -> None:
    sensors = [_sensor(name) for name in ("a", "b", "c", "d", "e")]
    part = Batteries(_site(*sensors))
    part.take(_said(0, "a", battery_pct=80))
    part.take(_said(0, "b", battery_pct=20))
    part.take(_said(0, "c", battery_low=False))
    part.take(_said(0, "d", battery_low=True))

    assert [each.device for each in part.all(FIRST)] == ["d", "b", "a", "c"]


def test_memory_is_bounded() -> None:
    part, _ = _run(_percents(100 - 0.01 * day for day in range(1000)))

    assert len(part.dump_changed()["battery_days/leak"]) == 180
    assert part.dump_changed() == {}


# Against the truth --------------------------------------------------------------------------------------


def _steps(value: float, step: float) -> float:
    return min(100.0, max(0.0, math.floor(value / step) * step))


def _discharge(*, start: float, per_day: float, days: int, noise: float, step: float, seed: int) -> list[Recorded]:
    """What a sensor says several times a day: noise by temperature, cold days, silent days, quantised."""
    chance = random.Random(seed)
    entries = []
    for day in range(days):
        if chance.random() < 0.1:
            continue
        cold = 12.0 if chance.random() < 0.05 else 0.0
        for hour in (0.0, 0.2, 0.4):
            value = start - per_day * (day + hour) - cold + chance.uniform(-noise, noise)
            entries.append(_said(day + hour, battery_pct=_steps(value, step)))
    return entries


@settings(max_examples=25)
@given(
    per_day=st.floats(0.1, 2.0),
    days=st.integers(30, 200),
    noise=st.floats(0, 0.7),
    step=st.sampled_from([0.5, 1.0]),
    replaced=st.booleans(),
    seed=st.integers(0, 1 << 30),
)
def test_the_date_is_within_a_fifth_of_the_truth(
    *, per_day: float, days: int, noise: float, step: float, replaced: bool, seed: int
) -> None:
    assume(10 <= per_day * days <= 80)
    life = _discharge(start=100.0, per_day=per_day, days=days, noise=noise, step=step, seed=seed)
    before = (
        _discharge(start=60.0, per_day=0.5, days=60, noise=noise, step=step, seed=seed + 1) if replaced else []
    )
    begun = 61 if replaced else 0
    entries = before + [
        _reading(_day(begun) - _day(0) + each.entry.time, "leak", dict(each.entry.values))
        for each in life
        if isinstance(each.entry, Reading)
    ]
    part, _ = _run(entries)
    truth = 90.0 / per_day - days
    _, empty, used = _only(part, begun + days)

    assert empty is not None
    assert used <= days + 1
    found = (empty - FIRST).days - begun - days
    assert abs(found - truth) <= max(0.2 * truth, 2.0 + 2.5 / per_day)


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 200)), min_size=2, max_size=30, unique_by=lambda p: p[0]
    )
)
def test_the_slope_is_the_median_of_all_slopes(points: list[tuple[int, int]]) -> None:
    days = sorted((day, value / 2) for day, value in points)
    slopes = sorted(
        (days[j][1] - days[i][1]) / (days[j][0] - days[i][0])
        for i in range(len(days))
        for j in range(i + 1, len(days))
    )
    half = len(slopes) // 2
    expected = slopes[half] if len(slopes) % 2 else (slopes[half - 1] + slopes[half]) / 2

    assert theil_sen(days)[0] == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200), st.booleans()), max_size=80), st.integers(0, 80))
def test_memory_that_is_kept_and_taken_back_gives_the_same(story: list[tuple[int, int, bool]], cut: int) -> None:
    entries, day = [], 0
    for gap, half, low in story:
        day += gap
        entries.append(_said(day, battery_pct=half / 2, battery_low=low and half < 30))
    whole = Batteries(_site())
    parts = Batteries(_site())
    rows: dict[tuple[str, str], float] = {}
    told: list[Any] = []
    for number, entry in enumerate(entries):
        if number == cut:
            kept = orjson.loads(orjson.dumps(parts.dump_changed()))
            told += parts.news()
            rows |= {(device, on): percent for device, on, percent in parts.rows()}
            parts = Batteries(_site())
            parts.load(kept.items())
        whole.take(entry)
        parts.take(entry)
    rows |= {(device, on): percent for device, on, percent in parts.rows()}

    assert rows == {(device, on): percent for device, on, percent in whole.rows()}
    assert told + parts.news() == whole.news()
    assert parts.all(FIRST) == whole.all(FIRST)
    assert parts._cells["leak"].dump() == whole._cells["leak"].dump()
    assert parts._cells["leak"].days == whole._cells["leak"].days


def test_a_forecast_says_of_how_many_days_it_was_made() -> None:
    assert forecast([(day, 100.0 - day) for day in range(20)]) == Forecast(1.0, 90, 20)


def test_what_is_said_all_day_long_does_not_write_the_days_again() -> None:
    """A sensor that speaks each minute would have the card of a small box written full by half a year of days."""
    part, _ = _run(_percents(80.0 for _ in range(180)))
    part.dump_changed()
    written = []
    for minute in range(60):
        part.take(_said(179 + minute / 1440, battery_pct=80.0))
        written.append(part.dump_changed())

    assert all(list(each) == ["battery/leak"] for each in written)
    assert max(len(orjson.dumps(each)) for each in written) < 200
