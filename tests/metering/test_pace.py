"""Rates and demand of a counter that is read every ten seconds."""

import json
import math

import pytest

from monitor.metering.pace import Pace
from monitor.periods import QUARTER

SECOND = 1000
MINUTE = 60 * SECOND


def run(pace: Pace, begin: int, end: int, kw: float, every: int = 10 * SECOND) -> None:
    """Count at a power from `begin` to `end` (UTC ms)."""
    for time in range(begin, end, every):
        pace.begin(time)
        pace.add(time // QUARTER, kw * every / 3_600_000)
        pace.end(time + every)


def test_nothing_is_known_before_something_was_counted() -> None:
    pace = Pace(1000.0)

    assert (pace.rate(), pace.running(), pace.sliding()) == (None, None, None)


def test_the_rate_is_the_mean_of_five_minutes() -> None:
    pace = Pace(1000.0)
    run(pace, 0, 10 * MINUTE, 2.0)
    run(pace, 10 * MINUTE, 15 * MINUTE, 6.0)

    assert pace.rate() == pytest.approx(6000.0)


def test_a_quarter_that_is_over_is_closed_with_its_mean() -> None:
    pace = Pace(1000.0)
    run(pace, 0, QUARTER + 10 * SECOND, 4.0)

    ((quarter, amount),) = pace.closed
    assert quarter == 0
    assert pace.mean(amount) == pytest.approx(4000.0)


def test_the_quarter_in_which_counting_began_has_no_demand() -> None:
    pace = Pace(1000.0)
    run(pace, 5 * MINUTE, 16 * MINUTE, 4.0)

    assert pace.closed == []
    assert pace.running() is not None


def test_the_running_quarter_is_predicted_from_what_was_counted_and_the_present_rate() -> None:
    pace = Pace(1000.0)
    run(pace, 0, 5 * MINUTE, 3.0)
    run(pace, 5 * MINUTE, 10 * MINUTE, 9.0)

    so_far, predicted = pace.running() or (math.nan, math.nan)

    assert so_far == pytest.approx(6000.0)
    assert predicted == pytest.approx((5 * 3000 + 5 * 9000 + 5 * 9000) / 15)


def test_the_sliding_demand_sees_a_peak_that_two_quarters_share() -> None:
    pace = Pace(1000.0)
    run(pace, 0, 10 * MINUTE, 0.0)
    run(pace, 10 * MINUTE, 25 * MINUTE, 8.0)

    assert pace.sliding() == pytest.approx(8000.0)
    assert pace.mean(pace.closed[0][1]) == pytest.approx(8000 / 3)


def test_a_gap_closes_every_quarter_in_it() -> None:
    pace = Pace(1000.0)
    pace.begin(0)
    for quarter in range(4):
        pace.add(quarter, 1.0)
    pace.end(4 * QUARTER)

    assert pace.closed == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]


def test_volumes_are_m3_per_hour() -> None:
    pace = Pace(1.0)
    run(pace, 0, 6 * MINUTE, 0.5)

    assert pace.rate() == pytest.approx(0.5)


def test_it_goes_on_after_a_restart_as_if_nothing_had_been() -> None:
    one, two = Pace(1000.0), Pace(1000.0)
    run(one, 0, 12 * MINUTE, 3.0)
    two.load(json.loads(json.dumps(one.dump())))
    run(one, 12 * MINUTE, 31 * MINUTE, 5.0)
    run(two, 12 * MINUTE, 31 * MINUTE, 5.0)

    assert two.dump() == one.dump()
    assert two.closed == one.closed
    assert (two.rate(), two.running(), two.sliding()) == (one.rate(), one.running(), one.sliding())


def test_a_clock_set_back_does_not_mix_quarters() -> None:
    pace = Pace(1000.0)
    run(pace, 0, QUARTER + MINUTE, 4.0)
    pace.closed.clear()
    run(pace, 5 * MINUTE, QUARTER, 4.0)
    run(pace, QUARTER, 2 * QUARTER + MINUTE, 4.0)

    assert [quarter for quarter, _ in pace.closed] == [1]


def test_a_clock_that_was_set_back_does_not_make_the_rate_double() -> None:
    pace = Pace(1000.0)
    run(pace, 0, 20 * MINUTE, 6.0)
    run(pace, 5 * MINUTE, 15 * MINUTE, 6.0)

    assert pace.rate() == pytest.approx(6000.0)
