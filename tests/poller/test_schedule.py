"""The slots of a scan class."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.poller.schedule import Grid, offsets

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_slot_is_now() -> None:
    assert Grid(10.0, Seconds()).get_next_fire_time(None, NOON) == NOON


def test_lateness_does_not_add_up() -> None:
    seconds = Seconds()
    grid = Grid(10.0, seconds)
    seconds.now += 10.3

    assert grid.get_next_fire_time(NOON, NOON) == NOON + timedelta(seconds=9.7)
    assert grid.slot() == 1010.0


def test_slots_that_have_passed_are_left_out() -> None:
    seconds = Seconds()
    grid = Grid(10.0, seconds)
    seconds.now += 57.0

    assert grid.get_next_fire_time(NOON, NOON) == NOON + timedelta(seconds=3)


def test_a_wake_a_moment_early_is_not_followed_by_another_for_the_same_slot() -> None:
    seconds = Seconds()
    grid = Grid(10.0, seconds)
    seconds.now += 9.999

    assert grid.get_next_fire_time(NOON, NOON) == NOON + timedelta(seconds=10.001)
    assert grid.slot() == 1010.0


@pytest.mark.fault(
    "clock stepped back",
    part="Modbus",
    outcome="The schedule of polls lives on a clock that nobody sets: no slot moves.",
)
@pytest.mark.fault(
    "clock stepped forward",
    part="Modbus",
    outcome="The schedule of polls lives on a clock that nobody sets: no slot moves.",
)
@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(days=1)])
def test_a_step_of_the_wall_clock_moves_no_slot(step: timedelta) -> None:
    seconds = Seconds()
    grid = Grid(10.0, seconds)
    seconds.now += 14.0

    assert grid.get_next_fire_time(NOON, NOON + step) == NOON + step + timedelta(seconds=6)


def test_few_polls_start_together() -> None:
    assert offsets([1] * 64, 10.0) == [0.0] * 64
    assert offsets([400], 10.0) == [0.0]


def test_many_connections_are_spread_in_groups_by_their_polls() -> None:
    spread = offsets([10] * 100, 10.0)

    assert sorted(set(spread)) == pytest.approx([10 * group / 17 for group in range(17)])
    assert max(spread.count(offset) for offset in spread) == 6


def test_a_large_connection_starts_alone() -> None:
    assert offsets([100, 100, 300, 100], 8.0) == [0.0, 2.0, 4.0, 6.0]
