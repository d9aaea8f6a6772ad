"""A pump is counted by what it says, and what it does not do is told once."""

from datetime import UTC, datetime

import orjson
import pytest

from tests.equipment.machines import HOUR, MINUTE, NOON, SECOND, Pump

FROM_CALL = 10 * SECOND


def test_noon_is_noon() -> None:
    assert datetime.fromtimestamp(NOON / 1000, UTC).isoformat() == "2026-11-27T12:00:00+00:00"


def test_the_same_state_at_two_polls_counts_for_all_the_time_between() -> None:
    pump = Pump()
    pump.polls(0, HOUR, running=True)

    assert pump.machine.hours == 1.0
    assert pump.day() == {
        "known_s": 3600.0,
        "running_s": 3600.0,
        "fault_s": 0,
        "starts": 0,
        "failed": 0,
        "short_cycles": 0,
        "shortest_s": None,
    }


def test_a_change_between_two_polls_is_in_the_middle() -> None:
    pump = Pump()
    pump.polls(0, 60 * SECOND, running=False)
    pump.polls(70 * SECOND, 130 * SECOND, running=True)
    pump.says(140 * SECOND, running=False)

    day = pump.day()
    assert (day["running_s"], day["known_s"], day["starts"], day["shortest_s"]) == (70.0, 140.0, 1, 70.0)


def test_a_change_that_a_device_sends_is_when_it_says() -> None:
    pump = Pump(scan={})
    pump.says(0, running=False)
    pump.says(HOUR, running=True)
    pump.says(3 * HOUR, running=False)

    day = pump.day()
    assert (day["running_s"], day["known_s"], day["starts"], day["shortest_s"]) == (7200.0, 3 * 3600.0, 1, 7200.0)


def test_a_hole_longer_than_its_patience_is_unknown_and_a_start_in_it_counts() -> None:
    pump = Pump()
    pump.polls(0, MINUTE, running=False)
    pump.polls(5 * MINUTE, 6 * MINUTE, running=True)

    day = pump.day()
    assert (day["running_s"], day["known_s"], day["starts"]) == (60.0, 120.0, 1)


def test_polls_that_failed_for_less_than_its_patience_are_bridged() -> None:
    pump = Pump()
    pump.polls(0, MINUTE, running=True)
    for at in range(70, 180, 10):
        pump.says(at * SECOND)
    pump.says(3 * MINUTE, running=True)

    assert pump.day()["running_s"] == 180.0


@pytest.mark.parametrize(("off", "running"), [(45, 85.0), (61, 20.0), (100, 20.0)])
def test_time_without_the_monitor_is_bridged_when_it_is_short(off: int, running: float) -> None:
    pump = Pump()
    pump.polls(0, 20 * SECOND, running=True)
    pump.machine.stop(NOON + 25 * SECOND, NOON + (15 + off) * SECOND)
    pump.says((20 + off) * SECOND, running=True)
    if off == 45:
        pump.polls(75 * SECOND, 85 * SECOND, running=True)

    assert pump.day()["running_s"] == running


def test_of_a_device_that_sends_by_itself_a_long_stop_of_the_monitor_is_unknown() -> None:
    pump = Pump(scan={})
    pump.says(0, running=True)
    pump.machine.stop(NOON + HOUR, NOON + 2 * HOUR)
    pump.says(3 * HOUR, running=True)
    pump.says(4 * HOUR, running=False)

    day = pump.day()
    assert (day["running_s"], day["known_s"]) == (7200.0, 7200.0)


def test_a_device_that_went_away_is_unknown_from_then_on() -> None:
    pump = Pump(scan={})
    pump.says(0, running=True)
    pump.machine.lose(NOON + HOUR)
    pump.tick(HOUR)
    assert pump.machine.state == "unknown"
    pump.says(5 * HOUR, running=True)

    assert (pump.machine.state, pump.day()["running_s"]) == ("running", 3600.0)


def test_what_arrives_late_fills_the_hole_it_belongs_to_and_nothing_else() -> None:
    pump = Pump()
    pump.polls(0, MINUTE, running=False)
    pump.says(10 * MINUTE, running=False)
    for at in range(2, 10):
        pump.says(at * MINUTE, arrived=11 * MINUTE, running=4 <= at < 7)
        pump.says(at * MINUTE, arrived=11 * MINUTE, running=True)
    pump.says(30 * SECOND, arrived=11 * MINUTE, running=True)

    day = pump.day()
    assert (day["known_s"], day["running_s"], day["starts"]) == (600.0, 180.0, 1)


def test_time_is_never_negative_nor_counted_twice_when_the_clock_is_set() -> None:
    pump = Pump()
    pump.polls(0, MINUTE, running=True)
    pump.machine.follow_clock(NOON + 65 * SECOND, NOON + 65 * SECOND - HOUR)
    pump.says(64 * SECOND, running=True)  # read before the clock was set, told behind it
    pump.polls(70 * SECOND - HOUR, 130 * SECOND - HOUR, running=True)
    pump.machine.follow_clock(NOON + 135 * SECOND - HOUR, NOON + 135 * SECOND + 24 * HOUR)
    pump.polls(140 * SECOND + 24 * HOUR, 200 * SECOND + 24 * HOUR, running=True)

    assert pump.machine.hours == 200 / 3600
    assert pump.day()["running_s"] + pump.day("2026-11-28")["running_s"] == 200.0


def test_a_clock_that_is_behind_after_a_restart_stops_no_counting() -> None:
    pump = Pump()
    pump.polls(0, MINUTE, running=True)
    pump.machine.stop(NOON + MINUTE, NOON - 5 * HOUR)
    pump.polls(-5 * HOUR + SECOND, -5 * HOUR + 61 * SECOND, running=True)
    pump.machine.follow_clock(NOON - 5 * HOUR + 65 * SECOND, NOON + HOUR)
    pump.polls(HOUR + 6 * SECOND, HOUR + 66 * SECOND, running=True)

    assert pump.machine.hours == pytest.approx((60 + 61 + 10 + 1 + 60) / 3600, abs=5 / 3600)


def test_a_day_is_cut_at_the_midnight_of_the_site() -> None:
    pump = Pump()
    midnight = 11 * HOUR  # 23:00 UTC in November
    pump.polls(midnight - 10 * MINUTE, midnight + 20 * MINUTE, every=25 * SECOND, running=True)

    assert pump.day("2026-11-27")["running_s"] == 600.0
    assert pump.day("2026-11-28")["running_s"] == 1200.0


def test_numbers_are_states_and_texts_are_none() -> None:
    pump = Pump()
    pump.says(0, running=0)
    assert pump.machine.state == "off"
    pump.says(10 * SECOND, running=43.5)
    assert pump.machine.state == "running"
    pump.says(20 * SECOND, running="off")
    assert pump.machine.state == "running"


def test_states_follow_what_is_called() -> None:
    pump = Pump()
    seen = []
    for at, called, running in ((0, 0, 0), (10, 1, 0), (15, 1, 0), (17, 1, 1), (30, 0, 1), (35, 0, 0)):
        pump.says(at * SECOND, called=bool(called), running=bool(running))
        seen.append(pump.machine.state)

    assert seen == ["off", "starting", "starting", "running", "stopping", "off"]
    assert pump.events() == []


def test_a_pump_that_does_not_start_is_told_once_per_call() -> None:
    pump = Pump()
    pump.says(0, called=False, running=False)
    pump.polls(10 * SECOND, MINUTE, called=True, running=False)

    assert pump.machine.state == "failed_to_start"
    assert pump.events() == [("failed_to_start", 20 * SECOND, {})]
    pump.polls(70 * SECOND, 2 * MINUTE, called=False, running=False)
    assert pump.machine.state == "failed_to_start"
    pump.polls(130 * SECOND, 3 * MINUTE, called=True, running=False)
    assert pump.events() == [("failed_to_start", 140 * SECOND, {})]
    pump.polls(190 * SECOND, 4 * MINUTE, called=True, running=True)
    assert pump.machine.state == "running"
    pump.polls(250 * SECOND, 5 * MINUTE, called=True, running=False)
    assert pump.events() == []
    assert pump.machine.state == "failed_to_start"
    assert pump.day()["failed"] == 2


def test_a_pump_that_trips_with_a_fault_has_that_and_nothing_else_until_the_fault_is_gone() -> None:
    """A trip is one alarm, that of the fault; who does not start when it is reset has another."""
    pump = Pump()
    pump.says(0, called=False, running=False, fault=False)
    pump.polls(10 * SECOND, MINUTE, called=True, running=True, fault=False)
    pump.polls(70 * SECOND, 3 * MINUTE, called=True, running=False, fault=True)
    pump.tick(4 * MINUTE)
    assert (pump.machine.state, pump.events()) == ("fault", [])
    pump.says(5 * MINUTE, called=True, running=False, fault=False)
    assert pump.machine.state == "starting"
    pump.polls(5 * MINUTE + 10 * SECOND, 6 * MINUTE, called=True, running=False, fault=False)

    assert pump.events() == [("failed_to_start", 5 * MINUTE + 10 * SECOND, {})]


def test_a_pump_that_trips_while_it_is_called_has_failed() -> None:
    pump = Pump()
    pump.says(0, called=False, running=False)
    pump.polls(10 * SECOND, MINUTE, called=True, running=True)
    pump.polls(70 * SECOND, 2 * MINUTE, called=True, running=False)

    assert pump.events() == [("failed_to_start", 80 * SECOND, {})]


def test_a_pump_that_does_not_stop_is_told_and_one_that_runs_by_hand_is_not() -> None:
    pump = Pump()
    pump.says(0, called=True, running=True)
    pump.polls(10 * SECOND, MINUTE, called=False, running=True)
    assert pump.machine.state == "failed_to_stop"
    assert pump.events() == [("failed_to_stop", 20 * SECOND, {})]

    pump.says(70 * SECOND, called=False, running=False)
    pump.polls(80 * SECOND, 5 * MINUTE, called=False, running=True)
    assert pump.machine.state == "running"
    assert pump.events() == []


def test_slow_polls_give_a_pump_until_the_next_one() -> None:
    pump = Pump(scan={"fast": 60.0})
    pump.says(0, called=False, running=False)
    pump.says(MINUTE, called=True, running=False)
    pump.tick(119 * SECOND)
    pump.says(2 * MINUTE, called=True, running=True)

    assert pump.events() == []


def test_time_alone_tells_that_a_pump_did_not_start() -> None:
    pump = Pump(scan={})
    pump.says(0, called=False, running=False)
    pump.says(HOUR, called=True)
    pump.tick(HOUR + FROM_CALL - 1)
    assert pump.events() == []
    pump.tick(HOUR + FROM_CALL + 700)
    pump.tick(2 * HOUR)

    assert pump.events() == [("failed_to_start", HOUR + FROM_CALL, {})]


def test_nothing_is_held_against_a_pump_that_is_not_heard() -> None:
    pump = Pump()
    pump.says(0, called=False, running=False)
    pump.says(10 * SECOND, called=True, running=False)
    pump.machine.stop(NOON + 12 * SECOND, NOON + 40 * SECOND)
    pump.tick(HOUR)
    assert (pump.machine.state, pump.events()) == ("unknown", [])
    pump.says(HOUR, called=True, running=True)

    assert (pump.machine.state, pump.events()) == ("running", [])


@pytest.mark.parametrize(("off", "told"), [(30 * SECOND, 20 * SECOND), (HOUR, None)])
def test_a_delay_goes_on_over_a_restart_and_begins_anew_after_a_longer_absence(off: int, told: int | None) -> None:
    pump = Pump()
    pump.says(0, called=False, running=False)
    pump.says(10 * SECOND, called=True, running=False)
    back = 12 * SECOND + off
    pump.time.now = NOON + back
    pump.machine.stop(NOON + 12 * SECOND, NOON + back)
    pump.says(back + SECOND, called=True, running=False)

    assert pump.events() == ([] if told is None else [("failed_to_start", told, {})])
    pump.says(back + 12 * SECOND, called=True, running=False)
    assert pump.events() == ([("failed_to_start", back + 10 * SECOND, {})] if told is None else [])


def test_a_fault_goes_before_everything() -> None:
    pump = Pump()
    pump.says(0, running=True, fault=False)
    pump.polls(10 * SECOND, MINUTE, running=False, fault=True)
    assert pump.machine.state == "fault"
    assert pump.machine.presence == [(NOON, "up"), (NOON + 10 * SECOND, "down")]
    pump.says(70 * SECOND, running=False, fault=False)

    assert pump.machine.state == "off"
    assert pump.day()["fault_s"] == 60.0


def test_a_lift_of_which_only_the_fault_is_known_is_fine_without_one() -> None:
    lift = Pump(running="", called="")
    states = []
    for at, fault in enumerate((False, True, False)):
        lift.says(at * 10 * SECOND, fault=fault)
        states.append(lift.machine.state)
    lift.tick(HOUR)

    assert states == ["fine", "fault", "fine"]
    assert lift.machine.state == "unknown"


def test_short_cycling_is_told_once_until_it_was_quiet_for_an_hour() -> None:
    pump = Pump(scan={}, starts_per_hour=3)
    pump.says(0, running=False)

    def cycle(at: int) -> None:
        pump.says(at, running=True)
        pump.says(at + MINUTE, running=False)

    for number in range(1, 9):
        cycle(number * 10 * MINUTE)
    assert pump.events() == [("short_cycling", 40 * MINUTE, {"starts": 4})]
    for number in range(4):
        cycle(4 * HOUR + number * 5 * MINUTE)

    assert pump.events() == [("short_cycling", 4 * HOUR + 15 * MINUTE, {"starts": 4})]
    assert pump.day()["short_cycles"] == 2


def test_three_starts_an_hour_are_allowed_where_three_are() -> None:
    pump = Pump(scan={}, starts_per_hour=3)
    pump.says(0, running=False)
    for number in range(1, 20):
        pump.says(number * 20 * MINUTE, running=True)
        pump.says(number * 20 * MINUTE + MINUTE, running=False)

    assert pump.events() == []


def test_counts_are_told_on_a_change_and_every_quarter_while_it_runs() -> None:
    pump = Pump()
    pump.polls(0, MINUTE, running=False)
    pump.polls(70 * SECOND, 31 * MINUTE, running=True)
    pump.polls(31 * MINUTE + 10 * SECOND, HOUR, running=False)

    assert pump.counts() == [
        (0, {"hours": 0.0, "starts": 0}),
        (70 * SECOND, {"hours": 0.0014, "starts": 1}),
        (15 * MINUTE, {"hours": 0.2319, "starts": 1}),
        (30 * MINUTE, {"hours": 0.4819, "starts": 1}),
        (31 * MINUTE + 10 * SECOND, {"hours": 0.5, "starts": 1}),
    ]


@pytest.mark.parametrize("point", ["hours", "running_h"])
def test_what_a_pump_counts_itself_is_believed(point: str) -> None:
    pump = Pump(also=[point, "starts"])
    assert pump.machine.hours is None
    pump.says(0, **{point: 8123.4, "starts": 512, "running": True})
    pump.says(10 * SECOND, running=False)

    now = pump.machine.now()
    assert (now.hours, now.starts, now.is_own, pump.machine.hours) == (8123.4, 512, True, 8123.4)
    assert pump.counts() == []


def test_what_it_remembers_survives_a_restart() -> None:
    pump, other = Pump(starts_per_hour=1), Pump(starts_per_hour=1)
    pump.says(0, called=False, running=False, fault=False)
    pump.says(10 * SECOND, called=True, running=False)
    other.time.now = pump.time.now
    other.machine.load(orjson.loads(orjson.dumps(pump.machine.dump())))
    for each in (pump, other):
        each.polls(20 * SECOND, MINUTE, called=True, running=False)
        each.polls(70 * SECOND, 2 * MINUTE, called=True, running=True)

    assert other.machine.dump() == pump.machine.dump()
    assert other.events() == pump.events() == [("failed_to_start", 20 * SECOND, {})]


def test_two_messages_of_the_same_millisecond_count_in_the_order_in_which_they_came() -> None:
    pump = Pump(scan={})
    pump.says(0, running=False, fault=False)
    pump.says(SECOND, running=True, fault=True)
    pump.says(SECOND, running=False, fault=False)

    assert (pump.machine.state, pump.machine.now().starts, pump.machine.now().hours) == ("off", 1, 0.0)
    pump.says(2 * SECOND, running=True)
    pump.says(HOUR, running=True)
    assert (pump.machine.now().starts, pump.day()["running_s"]) == (2, 3598.0)


def test_short_cycling_that_goes_on_for_days_is_told_once_and_counted_on_each_of_them() -> None:
    pump = Pump(scan={}, starts_per_hour=10)
    for number in range(
        2 * 24 * 20
    ):  # every three minutes, from 13:00 of one day to 13:00 of the day after the next
        pump.says(number * 3 * MINUTE, running=False)
        pump.says(number * 3 * MINUTE + MINUTE, running=True)

    assert [kind for kind, _, _ in pump.events()] == ["short_cycling"]
    assert [pump.day(f"2026-11-{day}")["short_cycles"] for day in (27, 28, 29)] == [1, 1, 1]
