"""The backoff of one unit."""

from monitor.poller.backoff import Backoff, Edge, next_allowed


def test_one_failed_poll_suspends_nothing() -> None:
    unit = Backoff()
    unit.answered()

    assert unit.failed(10.0) is Edge.NOTHING
    assert not unit.suspended
    assert unit.state == "answering"


def test_the_second_failure_in_a_row_suspends_and_says_so_once() -> None:
    unit = Backoff()
    unit.answered()
    edges = [unit.failed(float(second)) for second in range(5)]

    assert edges == [Edge.NOTHING, Edge.LOST, Edge.NOTHING, Edge.NOTHING, Edge.NOTHING]
    assert unit.state == "suspended"
    assert unit.lost_at == 0.0


def test_each_round_waits_two_seconds_longer_up_to_five_minutes() -> None:
    unit = Backoff()
    waits = []
    for _ in range(200):
        unit.failed(1000.0)
        waits.append(unit.due - 1000.0)

    assert waits[1:5] == [4.0, 6.0, 8.0, 10.0]
    assert waits[148:] == [298.0] + [300.0] * 51


def test_the_first_good_answer_ends_it_and_the_next_failure_starts_anew() -> None:
    unit = Backoff()
    unit.answered()
    for _ in range(40):
        unit.failed(0.0)

    assert unit.answered() is Edge.BACK
    assert unit.failures == 0
    unit.failed(100.0)
    assert not unit.suspended
    assert unit.due == 102.0


def test_a_unit_that_has_never_answered_is_told_apart() -> None:
    unit = Backoff()

    assert [unit.failed(0.0), unit.failed(0.0)] == [Edge.NOTHING, Edge.NEVER_ANSWERED]
    assert unit.state == "never_answered"
    assert unit.answered() is Edge.FOUND
    assert unit.state == "answering"


def test_probes_without_an_answer_take_a_tenth_of_the_time() -> None:
    assert next_allowed(101.0, 1.0) == 110.0
