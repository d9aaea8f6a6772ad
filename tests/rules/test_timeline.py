"""Engine time under steps of the wall clock: it neither jumps nor stands still, whatever entries come late."""

from monitor.model import Event
from rules.timeline import Timeline

START = 1_795_378_523_000
HOUR = 3_600_000


def stepped(before: int, after: int) -> Event:
    return Event(
        device="facility-monitor",
        kind="clock_stepped",
        time=after,
        arrived=after,
        id="step",
        attributes={"from": before, "to": after},
    )


def back_by_an_hour() -> Timeline:
    """A timeline at START whose wall clock has just gone back; the writer's stamps stand still at START."""
    timeline = Timeline()
    timeline.resume(START)
    event = stepped(START, START - HOUR)
    timeline.stepped(START, event)
    timeline.now = timeline.arrive(START, event.arrived)
    return timeline


def test_time_goes_on_after_a_step_back_by_what_arrives() -> None:
    timeline = back_by_an_hour()

    assert timeline.now == START
    assert timeline.arrive(START, START - HOUR + 5000) == START + 5000


def test_what_arrived_right_before_a_step_back_and_is_recorded_behind_it_moves_no_time() -> None:
    timeline = back_by_an_hour()

    assert timeline.arrive(START, START - 3) == START


def test_time_goes_on_until_the_clock_has_caught_up_with_its_stamps_and_beyond() -> None:
    timeline = back_by_an_hour()

    for minute in range(1, 121):
        at = minute * 60_000
        timeline.now = timeline.arrive(max(START, START - HOUR + at), START - HOUR + at)
        assert timeline.now == START + at


def test_a_step_forward_is_taken_out() -> None:
    timeline = Timeline()
    timeline.resume(START)
    timeline.stepped(START + HOUR, stepped(START, START + HOUR))

    assert timeline.arrive(START + HOUR + 5000, START + HOUR + 5000) == START + 5000
    assert timeline.arrive(START + HOUR, START - 3) == START


def test_a_clock_behind_its_stamps_at_the_start_loses_no_time() -> None:
    timeline = Timeline()
    timeline.resume(START)
    timeline.stepped(START + HOUR, stepped(START, START + HOUR))
    timeline.now = timeline.arrive(START + HOUR, START + HOUR)
    timeline.resume(START - HOUR)

    assert timeline.arrive(START + HOUR, START - HOUR + 5000) == START + 5000


def test_two_steps_back_in_a_row_are_both_taken_out() -> None:
    timeline = back_by_an_hour()
    timeline.now = timeline.arrive(START, START - HOUR + 5000)
    again = stepped(START - HOUR + 5000, START - 2 * HOUR + 5000)
    timeline.stepped(START, again)

    assert timeline.arrive(START, again.arrived) == START + 5000
    assert timeline.wall(START + 70_000) == START - 2 * HOUR + 70_000


def test_what_was_due_before_a_step_forward_has_its_time_of_before() -> None:
    timeline = Timeline()
    timeline.resume(START)
    event = stepped(START + 18_000, START + HOUR + 18_000)

    assert timeline.before_step(event, event) == START + 18_000


def test_a_second_start_behind_the_stamps_still_goes_by_what_arrives() -> None:
    timeline = Timeline()
    timeline.resume(START)
    timeline.resume(START - HOUR)
    timeline.now = timeline.arrive(START, START - HOUR + 5000)
    timeline.resume(START - HOUR)

    assert timeline.arrive(START, START - HOUR + 5000) == START + 10_000
    assert timeline.arrive(START + 1000, START + 1000) == START + HOUR + 6000


def test_a_start_that_was_resumed_from_is_not_heeded_again() -> None:
    timeline = Timeline()
    timeline.resume(START)

    assert timeline.restarted(START + 900, START - 100) is None
    assert timeline.restarted(START + HOUR, START + HOUR - 100) == START + HOUR


def test_a_start_behind_the_stamps_that_was_resumed_from_is_not_heeded_again() -> None:
    timeline = Timeline()
    timeline.resume(START)
    timeline.resume(START - HOUR)

    assert timeline.restarted(START, START - HOUR + 900) is None


def test_a_start_behind_the_stamps_that_nobody_resumed_from_is_when_it_arrived() -> None:
    timeline = Timeline()
    timeline.resume(START)
    timeline.now = timeline.arrive(START + 2000, START + 2000)

    assert timeline.restarted(START + 2000, START - HOUR) == START - HOUR
