"""Whether devices are there, as a history, and the figures that are made of it."""

import pytest

from monitor.equipment.availability import Availability, availability
from monitor.health.judge import Judge
from monitor.model import Missing, Origin, Position, Reading, Recorded
from monitor.site import Device, Point
from monitor.upkeepbook import Availability as Figures
from monitor.upkeepbook import class_availability
from tests.equipment.presences import (
    HOUR,
    LEAK,
    MINUTE,
    START,
    figures_of,
    health_says,
    itself,
    minute_ended,
    rows_of,
    site_of,
)


def test_a_row_is_written_only_where_something_changes() -> None:
    rows = rows_of(
        [
            health_says(0, "answering", "never_answered"),
            health_says(10, "degraded"),
            minute_ended(50, "degraded", up=True),
            health_says(60, "suspended", "degraded"),
            health_says(90, "answering", "suspended"),
        ]
    )

    assert rows == [("pump", START, "up"), ("pump", START + 60, "down"), ("pump", START + 90, "up")]


def test_a_device_that_was_never_heard_is_unknown_and_one_without_a_connection_is_not_followed() -> None:
    rows = rows_of([minute_ended(0, "never_answered", up=False), health_says(5, "answering", device="cellar")])
    figures = availability(rows, ["pump"], START, START + HOUR, START + HOUR)

    assert rows == []
    assert figures == [Figures(device="pump", up_s=0.0, down_s=0.0, unknown_s=3600.0)]


def test_a_device_that_health_knew_before_is_known_with_the_next_minute() -> None:
    assert rows_of([minute_ended(0, "answering", up=True)]) == [("pump", START, "up")]
    assert rows_of([minute_ended(0, "suspended", up=False)]) == [("pump", START, "down")]


def test_a_minute_that_is_told_after_a_later_change_says_nothing() -> None:
    rows = rows_of([health_says(61_000, "suspended"), minute_ended(60_000, "answering", up=True)])

    assert rows == [("pump", START + 61_000, "down")]


def test_a_flapping_device_is_up_and_down_by_turns() -> None:
    rows = rows_of(
        [
            health_says(0, "answering", "suspended"),
            health_says(10_000, "flapping", "answering"),
            minute_ended(60_000, "flapping", up=False),
            minute_ended(120_000, "flapping", up=True),
            minute_ended(180_000, "flapping", up=True),
            health_says(HOUR, "suspended", "flapping"),
        ]
    )

    assert [(start - START, state) for _, start, state in rows] == [
        (0, "up"),
        (10_000, "down"),
        (120_000, "up"),
        (HOUR, "down"),
    ]


def test_a_device_that_begins_to_flap_by_coming_back_is_up() -> None:
    rows = rows_of([health_says(0, "suspended"), health_says(10, "flapping", "suspended")])

    assert [state for _, _, state in rows] == ["down", "up"]


def test_nothing_is_known_while_the_monitor_did_not_run_and_what_held_goes_on_behind_it() -> None:
    entries = [
        health_says(0, "answering", "never_answered"),
        health_says(MINUTE, "suspended", "never_answered", device="leak"),
        itself(11 * MINUTE, "monitor_started", off_since=5 * MINUTE, off_until=10 * MINUTE),
    ]
    rows = rows_of(entries)

    assert [(device, (start - START) // MINUTE, state) for device, start, state in rows] == [
        ("leak", 1, "down"),
        ("leak", 5, "unknown"),
        ("leak", 10, "down"),
        ("pump", 0, "up"),
        ("pump", 5, "unknown"),
        ("pump", 10, "up"),
    ]


def test_a_change_before_a_stop_that_is_told_after_the_start_leaves_the_time_between_unknown() -> None:
    rows = rows_of(
        [
            health_says(0, "answering", "never_answered"),
            itself(11 * MINUTE, "monitor_started", off_since=5 * MINUTE, off_until=10 * MINUTE),
            health_says(4 * MINUTE, "suspended"),
            health_says(4 * MINUTE, "suspended", "never_answered", device="leak"),
        ]
    )

    for device in ("pump", "leak"):
        assert [(start - START, state) for each, start, state in rows if each == device][-3:] == [
            (4 * MINUTE, "down"),
            (5 * MINUTE, "unknown"),
            (10 * MINUTE, "down"),
        ]


def test_what_was_told_of_times_without_the_monitor_does_not_count() -> None:
    rows = rows_of(
        [
            health_says(0, "answering", "never_answered"),
            health_says(6 * MINUTE, "suspended"),
            itself(11 * MINUTE, "monitor_started", off_since=5 * MINUTE, off_until=10 * MINUTE),
        ]
    )
    figures = availability(rows, ["pump"], START, START + 20 * MINUTE, START + 20 * MINUTE)[0]

    assert (figures.up_s, figures.unknown_s, figures.down_s) == (300.0, 300.0, 600.0)


def test_an_outage_goes_on_over_a_restart_of_the_monitor() -> None:
    entries = [
        health_says(0, "answering", "never_answered"),
        health_says(10 * MINUTE, "suspended"),
        itself(31 * MINUTE, "monitor_started", off_since=20 * MINUTE, off_until=30 * MINUTE),
        health_says(40 * MINUTE, "answering", "suspended"),
    ]

    assert figures_of(entries, 0, HOUR) == Figures(
        device="pump", up_s=1800.0, down_s=1200.0, unknown_s=600.0, outages=1, longest_s=1200.0
    )


def test_after_the_clock_was_set_back_what_was_told_of_times_to_come_says_nothing_else() -> None:
    entries = [
        health_says(0, "answering", "never_answered"),
        health_says(50 * MINUTE, "suspended"),
        health_says(55 * MINUTE, "answering", "suspended"),
        itself(56 * MINUTE, "clock_stepped", from_=56 * MINUTE, to=10 * MINUTE),
        health_says(20 * MINUTE, "suspended"),
        minute_ended(21 * MINUTE, "suspended", up=False),
    ]
    figures = figures_of(entries, 0, HOUR)

    assert (figures.up_s, figures.down_s) == (20 * 60.0, 40 * 60.0)


@pytest.mark.parametrize(
    "step",
    [
        itself(10 * MINUTE, "clock_stepped", from_=56 * MINUTE, to=10 * MINUTE),
        itself(10 * MINUTE, "monitor_started", off_since=56 * MINUTE, off_until=10 * MINUTE),
    ],
)
def test_minutes_are_believed_again_after_the_clock_was_set_back(step: Recorded) -> None:
    rows = rows_of(
        [
            health_says(50 * MINUTE, "answering", "never_answered"),
            step,
            minute_ended(11 * MINUTE, "flapping", up=False),
        ]
    )

    assert ("pump", START + 11 * MINUTE, "down") in rows


def test_minutes_that_change_nothing_leave_nothing_to_keep() -> None:
    part = Availability(site_of())
    part.take(minute_ended(0, "answering", up=True))
    first = part.dump_changed()
    for number in range(1, 100):
        part.take(minute_ended(number * MINUTE, "answering", up=True))

    assert list(first) == ["availability/pump"]
    assert part.dump_changed() == {}


def test_rows_of_a_clock_that_ran_ahead_say_nothing_until_then() -> None:
    rows = [("pump", START, "up"), ("pump", START + 9 * HOUR, "down")]
    figures = availability(rows, ["pump"], START, START + 24 * HOUR, START + HOUR)[0]

    assert (figures.up_s, figures.down_s, figures.unknown_s) == (3600.0, 0.0, 0.0)


def test_a_device_that_left_the_site_is_unknown_from_then_on() -> None:
    part = Availability(site_of())
    part.take(health_says(0, "answering", "never_answered"))
    part.rows()
    after = Availability(site_of(LEAK))
    after.load(part.dump_changed().items())
    after.take(itself(HOUR, "monitor_started"))

    assert after.rows() == [("pump", START + HOUR, "unknown")]
    assert after.dump_changed()["availability/pump"][0] == "unknown"
    assert after.dump_changed() == {}


def test_a_detector_whose_heartbeat_is_missing_is_down() -> None:
    judge, part = Judge([LEAK]), Availability(site_of())
    judge.resume(START)
    time = START + MINUTE
    said = Reading(device="leak", time=time, arrived=time, values={"alarm": False}, origin=Origin.PUSH)
    judge.judge([Recorded(Position(1), time, said)])
    for minute in range(6 * 60):
        judge.tick(START + minute * MINUTE)
    for change in judge.news()[0]:
        part.take(health_says(change.time - START, change.state, change.was, "leak"))

    figures = availability(part.rows(), ["leak"], START, START + 6 * HOUR, START + 6 * HOUR)[0]

    assert figures.outages == 1
    assert figures.down_s > 2.5 * 3600


def test_a_detector_that_says_nothing_of_how_often_it_speaks_counts_as_up_until_its_last_will() -> None:
    silent = Device(
        id="leak", name="Leak", connection="broker", device_class="safety", points={"alarm": Point(name="alarm")}
    )
    judge = Judge([silent])
    judge.resume(START)
    said = Reading(device="leak", time=START, arrived=START, values={"alarm": False}, origin=Origin.PUSH)
    judge.judge([Recorded(Position(1), START, said)])
    for minute in range(24 * 60):
        judge.tick(START + minute * MINUTE)
    before = judge.states()["leak"]
    end = START + 24 * HOUR
    will = Reading(
        device="leak", time=end, arrived=end, values={}, missing={"alarm": Missing.TIMEOUT}, origin=Origin.PUSH
    )
    judge.judge([Recorded(Position(2), end, will)])

    assert before == "answering"
    assert judge.states()["leak"] == "suspended"


def test_a_class_is_as_available_as_its_devices_together() -> None:
    each = [
        Figures(device="a", up_s=90.0, down_s=10.0, unknown_s=0.0, outages=1),
        Figures(device="b", up_s=300.0, down_s=0.0, unknown_s=50.0),
        Figures(device="c", up_s=0.0, down_s=0.0, unknown_s=100.0),
        Figures(device="d", up_s=0.0, down_s=0.0, unknown_s=100.0),
    ]
    told = class_availability(each, {"a": "water", "b": "water", "c": "water", "d": "gas"})

    assert [(one.device_class, one.devices, one.share, one.outages) for one in told] == [
        ("gas", 1, None, 0),
        ("water", 3, 390.0 / 400.0, 1),
    ]
