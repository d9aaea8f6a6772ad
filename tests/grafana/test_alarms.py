"""The dashboard of alarms over three weeks of them, on a real InfluxDB, against sums of its own."""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

import pytest

from monitor.grafana.alarms import ALARMS as ALARM_BOARD
from monitor.grafana.model import Place
from tests.grafana.weekly import Weeks
from tests.grafana.weeks import ALARMS, NOW, Alarm, day_of

_RANKS = ("critical", "high", "medium", "low")


def _newest() -> list[Alarm]:
    """The newest of each rule and device."""
    return list({(each.rule, each.device): each for each in ALARMS}.values())


def _is_open(alarm: Alarm) -> bool:
    return alarm.over is None or alarm.acknowledged is None


@pytest.fixture
def board(weeks: Weeks) -> Weeks:
    return weeks.on("alarms")


def test_open_alarms_are_counted_by_severity(board: Weeks):
    assert board.stats("Open now") == Counter(each.severity for each in _newest() if _is_open(each))


def test_open_alarms_are_listed_the_worst_first(board: Weeks):
    rows = board.table("Open alarms")

    expected = sorted((each for each in _newest() if _is_open(each)), key=lambda each: _RANKS.index(each.severity))
    assert [str(row["Severity"]) for row in rows] == [each.severity for each in expected]
    assert [str(row["Device"]) for row in rows] == [each.device for each in expected]
    assert [row["Since"].number for row in rows] == [each.time for each in expected]
    words = ["nobody yet" if each.acknowledged is None else "yes" for each in expected]
    assert [str(row["Acknowledged"]) for row in rows] == words
    steps = {str(row["Device"]): str(row["Newest step"]) for row in rows}
    assert (steps["pump-2"], steps["boiler-gas"], steps["e-main"]) == ("acknowledged", "raised", "over")
    [power] = [row for row in rows if str(row["Device"]) == "e-main"]
    assert (str(power["Value"]), str(power["Limit"])) == ("6100.0", "6000.0")
    assert len({row["Severity"].colour for row in rows}) == len({each.severity for each in expected})


def test_what_waits_for_somebody_and_what_began_today_is_counted(board: Weeks):
    assert board.stats("Nobody has acknowledged") == {
        "waiting": sum(each.acknowledged is None for each in _newest())
    }
    today = sum(day_of(each.time) == day_of(NOW) for each in ALARMS)
    assert sum(board.stats("Raised today").values()) == today


def test_alarms_per_day_stand_on_local_days(board: Weeks):
    shown = board.series("Raised per day")

    for severity in _RANKS:
        expected = Counter(day_of(each.time) for each in ALARMS if each.severity == severity)
        assert {day_of(time): value for time, value in shown[severity] if value} == expected


def _nine_of_ten(values: Sequence[int]) -> int:
    """InfluxQL's percentile: of N values the one at floor(0.9 N + 0.5)."""
    return sorted(values)[max(math.floor(0.9 * len(values) + 0.5), 1) - 1]


@pytest.mark.parametrize(
    ("title", "step"), [("Until somebody acknowledged", "acknowledged"), ("Until it was over", "over")]
)
def test_times_are_the_median_and_nine_of_ten(board: Weeks, title: str, step: str):
    shown = board.stats(title)

    expected = {}
    for severity in _RANKS:
        known = [getattr(each, step) for each in ALARMS if each.severity == severity]
        if values := [value for value in known if value is not None]:
            expected[f"{severity}: half within"] = pytest.approx(median(values))
            expected[f"{severity}: 9 of 10 within"] = _nine_of_ten(values)
    assert shown == expected


def test_the_noisiest_are_first(board: Weeks):
    rules, devices = (Counter(getattr(each, name) for each in ALARMS) for name in ("rule", "device"))

    assert board.stats("Noisiest rules") == rules
    assert list(board.stats("Noisiest rules").values()) == sorted(rules.values(), reverse=True)
    assert board.stats("Noisiest devices") == devices


def test_time_in_alarm_is_that_of_alarms_that_ended(board: Weeks):
    lasted: Counter[str] = Counter()
    for each in ALARMS:
        if each.over is not None:
            lasted[each.rule] += each.over

    assert board.stats("Time in alarm") == lasted


def test_what_chatters_is_told_with_its_day(board: Weeks):
    [row] = board.table("Chattering")

    [(day, count)] = Counter(day_of(each.time) for each in ALARMS if each.rule == "high-power").items()
    assert (row["Times"].number, str(row["Day"]), str(row["Rule"]), str(row["Device"])) == (
        count, day, "high-power", "e-main",
    )  # fmt: skip


def test_every_step_is_told_the_newest_first(board: Weeks):
    rows = board.table("Every step")

    times = [row["When"].number for row in rows]
    assert times == sorted(times, reverse=True)
    steps = Counter(str(row["Step"]) for row in rows)
    later = sum(getattr(each, step) is not None for each in ALARMS for step in ("acknowledged", "over"))
    assert steps["raised"] == len(ALARMS)
    assert steps["acknowledged"] + steps["over"] == later
    [fault] = [row for row in rows if str(row["Device"]) == "pump-2" and str(row["Step"]) == "acknowledged"]
    assert fault["After"].number == 600


def test_alarms_that_last_have_the_colour_of_their_severity(board: Weeks):
    shown = board.series("When which alarm lasted")

    assert shown["gas: boiler-gas alarm"][-1][1] == 4
    assert [value for _, value in shown["leak: laundry-leak alarm"]] == [4, 4, 0]


def test_a_chosen_device_has_its_own_alarms_alone(board: Weeks):
    assert board.choose(device="pump-2").stats("Noisiest rules") == {"pump-fault": 1}
    assert board.choose(zone="basement").stats("Open now") == {}


@pytest.mark.parametrize(("timezone", "days"), [("Europe/Berlin", "Europe/Berlin"), ("browser", "UTC")])
def test_days_are_those_of_the_place_that_a_dashboard_is_made_for(timezone: str, days: str):
    made = ALARM_BOARD.json(Place(timezone=timezone))

    [zone] = [each for each in made["templating"]["list"] if each["type"] == "constant"]
    assert (zone["name"], zone["current"]["value"], zone["query"]) == ("timezone", days, days)
    [panel] = [panel for panel in made["panels"] if panel["title"] == "Raised per day"]
    assert all(target["query"].endswith(" fill(0) tz('${timezone}')") for target in panel["targets"])
