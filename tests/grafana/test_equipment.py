"""The dashboard of equipment over three weeks of it, on a real InfluxDB, against sums of its own."""

from collections import Counter, defaultdict
from itertools import groupby

import pytest

from tests.grafana.weekly import Weeks
from tests.grafana.weeks import NOW, RUNS, at, day_of

_HOUR, _DAY = 3_600_000, 86_400_000
_PUMPS = ("pump-1", "pump-2")


@pytest.fixture
def board(weeks: Weeks) -> Weeks:
    return weeks.on("equipment")


def test_supply_is_told_with_when_it_was_away(board: Weeks):
    rows = {str(row["Supply"]): row for row in board.table("Supply now")}

    assert {name: str(row["State"]) for name, row in rows.items()} == {
        "water": "supplied",
        "electricity": "supplied",
    }
    assert rows["water"]["Last away"].number == at(5, 11.25)
    assert str(rows["electricity"]["Last away"]) == "not in a year"
    line = [
        state for state, _ in groupby(value for _, value in board.series("Supply of the buildings")["A water"])
    ]
    assert line == ["present", "lost", "present"]


def test_interruptions_say_of_what_and_for_how_long(board: Weeks):
    back, lost = board.table("Interruptions")

    assert (str(lost["What"]), lost["When"].number, str(lost["Supply of"])) == ("lost", at(5, 10), "water")
    assert (str(back["What"]), str(back["Was away for"]), str(back["Building"])) == ("back", "1.5 hours", "A")


def test_detectors_and_faults_are_as_they_were_said_last(board: Weeks):
    assert board.stats("Detectors") == {"boiler-gas": 1, "laundry-leak": 0}
    assert board.stats("Faults") == {"lift": 0, "pump-1": 0, "pump-2": 1}
    assert board.stats("Running now") == {"pump-1": 0, "pump-2": 0}


@pytest.mark.parametrize("pump", _PUMPS)
def test_hours_and_starts_per_local_day_are_those_of_the_runs(board: Weeks, pump: str):
    ran, begun = defaultdict[str, float](float), Counter[str]()
    for run in RUNS:
        if run.device == pump:
            assert day_of(run.time) == day_of(run.time + run.length), "no run goes over midnight"
            ran[day_of(run.time)] += run.length / _HOUR
            begun[day_of(run.time)] += 1
    hours = {day_of(time): value for time, value in board.series("Hours run per day")[pump]}
    starts = {day_of(time): value for time, value in board.series("Starts per day")[pump]}

    days = [day_of(at(ago, 12)) for ago in range(20, 0, -1)]  # the first and the last are not whole
    assert {day: hours[day] for day in days} == pytest.approx({day: ran[day] for day in days}, abs=1e-3)
    assert {day: starts[day] for day in days} == {day: begun[day] for day in days}


def test_each_piece_says_how_long_it_ran(board: Weeks):
    rows = {str(row["Device"]): row for row in board.table("Each piece of equipment")}

    for pump in _PUMPS:
        mine = [run for run in RUNS if run.device == pump]
        # The first hour of the time is no difference to the one before.
        assert rows[pump]["Ran"].number == pytest.approx(sum(run.length for run in mine[1:]) / _HOUR, abs=0.4)
        assert len(mine) - rows[pump]["Started"].number in (0, 1)
        assert rows[pump]["Hours in all"].number == pytest.approx(
            sum(run.length for run in mine) / _HOUR, abs=0.01
        )
        assert rows[pump]["Starts in all"].number == len(mine)
    assert str(rows["lift"]["Fault"]) == "OK"
    assert (str(rows["pump-2"]["Fault"]), rows["pump-2"]["Fault"].colour) != (
        str(rows["lift"]["Fault"]), rows["lift"]["Fault"].colour,
    )  # fmt: skip


def test_the_share_of_an_hour_is_how_long_it_ran_in_it(board: Weeks):
    shown = dict(board.series("Share of each hour that it ran")["pump-1"])

    yesterday = [run for run in RUNS if run.device == "pump-1" and day_of(run.time) == day_of(NOW - _DAY)]
    assert len(yesterday) == 24
    for run in yesterday:
        assert shown[run.time // _HOUR * _HOUR] == pytest.approx(100 * run.length / _HOUR, abs=0.1)


def test_a_counter_that_begins_anew_counts_nothing(board: Weeks):
    for title in ("Hours run per day", "Starts per day", "Share of each hour that it ran"):
        assert all(value is None or value >= 0 for line in board.series(title).values() for _, value in line)


def test_failures_and_services_are_told_with_their_details(board: Weeks):
    took, failed = board.table("What went wrong")
    battery, service = board.table("Services and batteries")

    assert (str(failed["What"]), str(failed["Device"])) == ("did not start", "pump-1")
    assert (str(took["What"]), str(took["Device"]), str(took["For"])) == (
        "took over for another",
        "pump-2",
        "pump-1",
    )
    assert (str(service["Work"]), str(service["Due"])) == ("Change the seals", "2026-12-03")
    assert (str(battery["Charge"]), str(battery["Days left"])) == ("12%", "20")
    bars = board.series("What went wrong, per day")
    assert {day_of(time) for time, value in bars["did not start"] if value} == {day_of(at(9, 6))}


def test_detectors_are_shown_over_time(board: Weeks):
    leak = board.series("When detectors were in alarm")["laundry-leak"]
    tested = {
        str(row["Detector"]): row["Last in alarm, or tested"].number for row in board.table("Last alarm or test")
    }

    assert sum(value for _, value in leak) == 1
    assert tested == {"laundry-leak": at(4, 15), "boiler-gas": NOW - 2 * _HOUR}
    gas = board.series("Concentration of gas")["boiler-gas"]
    assert max(value for _, value in gas if value is not None) == 24
    assert board.stats("Batteries of detectors and doors") == {
        "laundry-leak": 79, "cellar-door": 80, "front-door": 80,
    }  # fmt: skip


def test_a_chosen_zone_has_its_own_devices(board: Weeks):
    assert board.choose(zone="boiler room").stats("Detectors") == {"boiler-gas": 1}
    assert board.choose(device="pump-1").series("Starts per day").keys() == {"pump-1"}
    assert board.choose(building="B").table("Supply now") == []
