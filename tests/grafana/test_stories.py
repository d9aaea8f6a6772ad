"""Each story of the month can be seen on the dashboards by somebody who only looks at them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any, Final

import pytest

from monitor.simulation.stories import Story
from tests.grafana.answers import Answer
from tests.grafana.answers.looks import Display
from tests.grafana.counted import HOUR
from tests.grafana.house import House, house, panel_of
from tests.grafana.month import ZONE, stories
from tests.grafana.reading import Lines, rows_of, shown_by

_DAY: Final = 24 * HOUR
_MONTH: Final = stories()


@dataclass(frozen=True, slots=True)
class _Looking:
    """Somebody who looks at the dashboards, now or then."""

    house: House

    def at(self, name: str, title: str, begin: int = 0, end: int = 0, now: int = 0) -> Answer:
        """A panel; from when to when (UTC ms), where that is not as the dashboard opens."""
        look = replace(self.house, now=_moment(now)).look(name) if now else self.house.look(name)
        if begin:
            look.range = replace(look.range, start=_moment(begin).isoformat(), end=_moment(end).isoformat())
        return look.answer(panel_of(name, title))

    def lines(self, name: str, title: str, begin: int = 0, end: int = 0) -> Lines:
        """The numbers of a panel."""
        return shown_by(self.at(name, title, begin, end))

    def rows(self, name: str, title: str, **cells: str) -> list[Mapping[str, Display]]:
        """The rows of a table that have these cells."""
        found = rows_of(self.at(name, title))
        return [row for row in found if all(str(row[key]) == cell for key, cell in cells.items())]

    def states(self, name: str, title: str, series: str, begin: int, end: int) -> list[tuple[int, Any]]:
        """When a line of states changed to what."""
        answer = self.at(name, title, begin, end)
        changes: list[tuple[int, Any]] = []
        for frame in answer.frames:
            times = next(each for each in frame.fields if each.type == "time").values
            for column in frame.fields:
                if column.type != "time" and series in answer.named(column, frame):
                    for at, value in zip(times, column.values, strict=True):
                        if value is not None and (not changes or changes[-1][1] != value):
                            changes.append((at, value))
        return changes


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, ZONE)


def _story(ident: str) -> Story:
    found = _MONTH.story(ident)
    assert found is not None
    return found


def _midnight(at: int, days: int = 0) -> int:
    day = _moment(at).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return round(day.timestamp() * 1000)


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Looking]:
    with house(tmp_path_factory) as looked:
        yield _Looking(looked)


def test_a_battery_that_runs_down_is_the_lowest_and_falls(looking: _Looking):
    bars = {name: line[""] for name, line in looking.lines("devices", "Batteries").items()}
    line = list(looking.lines("devices", "Batteries over time")["front-door"].values())

    assert min(bars, key=lambda name: bars[name]) == "front-door"
    assert (line[0], line[-1]) == (pytest.approx(71, abs=1), pytest.approx(14, abs=1))
    assert line == sorted(line, reverse=True)


def test_a_voltage_that_is_too_low_lies_below_the_dashed_line(looking: _Looking):
    story = _story("undervoltage")
    lines = looking.lines("electricity", "Voltage", story.begin - 6 * HOUR, story.end + 3 * HOUR)
    low = [at for at, value in lines["L2 lowest"].items() if value < 207]

    assert low
    assert story.begin <= low[0] < low[-1] <= story.end
    assert all(value > 220 for phase in ("L1", "L3") for value in lines[f"{phase} lowest"].values())
    look = looking.house.look("electricity")
    look.range = replace(look.range, start="now-30d")
    assert story.begin // HOUR in {mark.begin // HOUR for mark in look.marks() if "Undervoltage" in mark.text}


def test_meters_behind_a_gateway_without_power_are_silent_together(looking: _Looking):
    story = _story("gateway-off")
    span = story.begin - 6 * HOUR, story.end + 6 * HOUR

    for meter in ("flats-electricity", "flats-water"):
        (begin, _), (end, _) = looking.states("devices", "When each device answered", meter, *span)[1:3]
        assert abs(begin - story.begin) <= HOUR
        assert abs(end - story.end) <= HOUR
    assert len(looking.states("devices", "When each device answered", "main-electricity", *span)) == 1
    received = looking.lines("devices", "Samples received each day")["flats-electricity"]
    assert min(received, key=lambda at: received[at]) == _midnight(story.begin)


def _sum(line: Mapping[int, float], span: tuple[int, int]) -> float:
    return sum(value for at, value in line.items() if span[0] <= at < span[1])


def test_a_door_that_closes_worse_and_worse_is_held_more_often_until_it_is_mended(looking: _Looking):
    story = _story("sticking-door")
    held = looking.lines("access", "Forced, held open, out of hours per day")["held open"]
    before = [value for at, value in held.items() if at < _midnight(story.begin)]
    opened = looking.lines("access", "Why doors were opened")["a card"]
    spans = [(begin, begin + 5 * _DAY) for begin in range(_midnight(story.begin), story.end - 4 * _DAY, 5 * _DAY)]
    shares = [_sum(held, span) / _sum(opened, span) for span in spans]
    after = [value for at, value in held.items() if at > story.end]

    assert not sum(before)
    assert shares == sorted(shares)
    assert shares[-1] > 2 * shares[0] > 0
    assert not sum(after)
    assert next(iter(looking.lines("alarms", "Noisiest rules"))) == "door-held-open"


def test_a_door_that_is_forced_is_told_with_the_minute(looking: _Looking):
    story = _story("forced-door")
    [row] = looking.rows("access", "Forced, held open, out of hours", What="forced open")
    assert len(rows_of(looking.at("access", "Forced, held open, out of hours"))) == 6, "it can be seen at once"
    per_day = looking.lines("access", "Forced, held open, out of hours per day")["forced open"]

    assert str(row["Device"]) == "cellar-door"
    assert abs(row["When"].number - story.begin) < 60_000
    assert {at for at, value in per_day.items() if value} == {_midnight(story.begin)}


def test_a_test_of_the_gas_detector_is_seen(looking: _Looking):
    story = _story("gas-test")
    span = story.begin - HOUR, story.end + HOUR
    states = looking.states("equipment", "When detectors were in alarm", "boiler-gas-detector", *span)

    assert [at for at, value in states if value == 1]
    assert looking.rows("equipment", "Last alarm or test", Detector="boiler-gas-detector")


def test_a_leak_runs_through_all_nights_until_it_is_mended(looking: _Looking):
    story = _story("leak")
    nights = looking.lines("water", "Flow at night")

    for meter in ("flats-water", "main-water"):
        for at, least in nights[meter].items():
            leaks = story.begin <= at + HOUR and at + 5 * HOUR <= story.end
            assert least > 100 if leaks else least < 20, _moment(at)
    assert max(nights["laundry-water"].values()) < 1


def test_the_leak_table_is_red_while_it_leaks_and_green_after(looking: _Looking):
    story = _story("leak")

    def last_night(now: int) -> Mapping[str, Display]:
        rows = rows_of(looking.at("water", "Leaks: what never stops", now=now))
        assert str(rows[0]["Meter"]) in {"flats-water", "main-water"}
        return next(row for row in rows if str(row["Meter"]) == "flats-water")

    leaking = last_night(story.end - 2 * _DAY)
    mended = last_night(story.end + 2 * _DAY)

    assert leaking["Last night"].number == pytest.approx(124, abs=10)
    assert leaking["That is a day"].number == pytest.approx(3.0, abs=0.3)
    assert leaking["Last night"].colour == "#F2495C"
    assert _moment(int(leaking["Stood still last"].number)) < _moment(story.begin)
    assert mended["Last night"].number < 20
    assert mended["Last night"].colour != "#F2495C"


def test_the_standby_pump_takes_over(looking: _Looking):
    story = _story("pump-trip")
    [row] = looking.rows("equipment", "What went wrong", What="took over for another")
    per_day = looking.lines("equipment", "What went wrong, per day")["took over for another"]

    assert abs(row["When"].number - story.begin) < 60_000
    assert {at for at, value in per_day.items() if value} == {_midnight(story.begin)}
    hours = looking.lines("equipment", "Hours run per day")["booster-pump-2"]
    assert {at: round(value, 1) for at, value in hours.items() if value > 0.1} == {_midnight(story.begin): 3.5}


def test_a_meter_that_is_replaced_leaves_no_spike_and_no_hole(looking: _Looking):
    story = _story("meter-swap")
    days = looking.lines("electricity", "Meters per day")["shop-electricity"]
    same = {days[_midnight(story.begin, 7 * weeks)] for weeks in (-1, 1, 2)}
    power = looking.lines(
        "electricity", "Mean power of each meter", story.begin - 4 * HOUR, story.begin + 4 * HOUR
    )
    hours = power["shop-electricity"]

    assert days[_midnight(story.begin)] == pytest.approx(fmean(same), rel=0.15)
    assert len(hours) == 8, "no hole"
    assert max(hours.values()) < 1.5 * fmean(hours.values())
    assert looking.lines("devices", "Events per hour", story.begin, story.begin + 6 * HOUR)


def test_an_unknown_card_is_denied_eight_times(looking: _Looking):
    story = _story("unknown-card")
    span = story.begin - 6 * HOUR, story.begin + 6 * HOUR
    denied = looking.lines("access", "Cards per hour", *span)["denied"]

    assert denied[story.begin // HOUR * HOUR] >= 8
    assert looking.lines("access", "Denied by reader")["cellar-door-reader"] == {"": 8}
    reasons = looking.lines("access", "Denied, by reason")
    assert reasons["Denied"] == {"": 8}, "a card that nobody knows is another thing than one that has expired"
    assert reasons["Expired"][""] > 0


def test_a_house_without_water_is_told_with_its_minutes(looking: _Looking):
    story = _story("no-water")
    back, lost = rows_of(looking.at("equipment", "Interruptions"))
    states = looking.states("equipment", "Supply of the buildings", "water", 0, 0)

    assert [str(row["What"]) for row in (lost, back)] == ["lost", "back"]
    assert abs(lost["When"].number - story.begin) < 60_000
    assert abs(back["When"].number - story.end) < 60_000
    assert str(back["Was away for"]) == "40.0 mins"
    assert len(states) == 3


def test_holidays_are_lower_days(looking: _Looking):
    story = _story("holidays")
    for dashboard, meter, at_most in (("electricity", "flats-electricity", 0.75), ("water", "flats-water", 0.65)):
        days = looking.lines(dashboard, "Meters per day")[meter]
        for ago in range(4):
            away, home = days[_midnight(story.begin, ago)], days[_midnight(story.begin, ago + 7)]
            assert away < at_most * home


def test_the_peak_stands_first_among_the_highest_hours(looking: _Looking):
    story = _story("peak")
    rows = rows_of(looking.at("electricity", "Highest hours"))
    demand = looking.lines("electricity", "Highest demand per day")["main-electricity"]

    assert str(rows[0]["Meter"]) == "main-electricity"
    assert rows[0]["Hour from"].number in {story.begin // HOUR * HOUR, story.end // HOUR * HOUR}
    assert {str(row["Meter"]) for row in rows[:4]} == {"main-electricity", "lift-electricity"}
    first, second = sorted(demand.values(), reverse=True)[:2]
    assert demand[_midnight(story.begin)] == first > 1.5 * second


def test_a_phase_that_carries_most_of_the_load_stands_out(looking: _Looking):
    story = _story("unbalance")
    lines = looking.lines("electricity", "Current by phase", story.begin - 4 * HOUR, story.end + 4 * HOUR)

    def share(begin: int, end: int) -> float:
        means = {
            phase: fmean(value for at, value in line.items() if isinstance(at, int) and begin <= at < end)
            for phase, line in lines.items()
        }
        return means["L1"] / sum(means.values())

    assert share(story.begin, story.end) > 0.5
    assert share(story.begin - 3 * HOUR, story.begin) < 0.4
    assert share(story.end + HOUR // 4, story.end + 3 * HOUR) < 0.4


def test_water_on_the_floor_is_an_alarm_of_its_detector(looking: _Looking):
    story = _story("wet-floor")
    span = story.begin - HOUR, story.end + HOUR
    states = looking.states("equipment", "When detectors were in alarm", "laundry-leak", *span)

    assert [value for _, value in states] == [0, 1, 0]
    assert looking.lines("alarms", "Noisiest rules")["detector-alarm"]


@pytest.mark.parametrize("name", ["electricity", "water", "heating"])
def test_charts_of_use_are_marked_with_what_was_serious_and_not_with_every_door(looking: _Looking, name: str):
    look = looking.house.look(name)
    look.range = replace(look.range, start="now-30d")
    marks = look.marks()

    begins = {mark.begin // HOUR for mark in marks}
    assert len(marks) == 9
    serious = ("undervoltage", "gateway-off", "forced-door", "gas-test", "pump-trip", "no-water", "wet-floor")
    assert {_story(each).begin // HOUR for each in serious} <= begins
