"""When a service is left alone, and for how long."""

import pytest

from monitor.notify.breaker import Breaker, Circuit


def opened(failures: int = 5, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker.fail(now, now, "HTTP 503")
    return breaker


def test_four_failures_are_bad_luck_and_the_fifth_opens() -> None:
    breaker = Breaker()

    opens = [breaker.fail(0.0, 0.0, "HTTP 503") for _ in range(5)]

    assert opens == [False, False, False, False, True]
    assert breaker.state(59.9) is Circuit.OPEN
    assert breaker.state(60.0) is Circuit.HALF_OPEN


def test_an_answer_in_between_begins_the_count_anew() -> None:
    breaker = opened(4)
    breaker.answer()

    assert not breaker.fail(0.0, 0.0, "HTTP 503")
    assert breaker.state(0.0) is Circuit.CLOSED


def test_half_open_one_message_tries_and_the_others_wait() -> None:
    breaker = opened()

    assert not breaker.admits(59.0)
    assert breaker.admits(60.0)
    breaker.start()
    assert not breaker.admits(60.0)


def test_critical_messages_try_at_once_when_half_open_beside_others() -> None:
    breaker = opened()
    breaker.start()

    assert not breaker.admits(59.0, critical=True)
    assert breaker.admits(60.0, critical=True)


@pytest.mark.parametrize(("failures", "pause"), [(5, 60), (6, 120), (7, 240), (8, 480), (9, 600), (40, 600)])
def test_each_further_failure_doubles_the_pause_up_to_ten_minutes(failures: int, pause: float) -> None:
    breaker, now = Breaker(), 0.0
    for _ in range(failures):
        now += breaker.wait(now)
        breaker.fail(now, now, "HTTP 503")

    assert breaker.wait(now) == pause


def test_a_critical_message_never_waits_longer_than_a_minute() -> None:
    breaker, now = Breaker(), 0.0
    for _ in range(9):
        now += breaker.wait(now)
        breaker.fail(now, now, "HTTP 503")

    assert breaker.wait(now, critical=True) == 60
    assert not breaker.admits(now + 60)
    assert breaker.admits(now + 60, critical=True)


def test_what_was_on_its_way_when_it_opened_tells_nothing_new() -> None:
    breaker = opened(5, now=10.0)

    for _ in range(11):
        breaker.fail(9.0, 12.0, "HTTP 503")

    assert (breaker.failures, breaker.wait(10.0)) == (5, 60)


def test_an_answer_closes_it_and_an_attempt_that_told_nothing_lets_another_try() -> None:
    breaker = opened()
    breaker.start()
    breaker.leave()
    assert breaker.admits(60.0)

    assert breaker.answer()
    assert breaker.state(0.0) is Circuit.CLOSED
    assert not breaker.answer()
