"""Whether the clock is right, and how long is waited for it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from monitor.clocksync import ClockSync, ask_kernel


class Machine:
    """A kernel and a monotonic clock, as a test says."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.synchronised = False

    def sync(self) -> ClockSync:
        return ClockSync(ask=lambda: self.synchronised, monotonic=lambda: self.seconds, look_every=0.001)


async def _a_moment() -> None:
    for _ in range(5):
        await asyncio.sleep(0.002)


def test_this_machine_answers() -> None:
    assert ask_kernel() in {True, False}


async def test_nothing_waits_for_a_clock_that_is_right() -> None:
    machine = Machine()
    machine.synchronised = True
    with capture_logs() as logs:
        await asyncio.wait_for(machine.sync().settled(), 60)

    assert logs == []


async def test_it_waits_until_the_clock_is_right_and_says_so_once_each_way() -> None:
    machine = Machine()
    sync = machine.sync()
    with capture_logs() as logs:
        waiting = [asyncio.create_task(sync.settled()) for _ in range(2)]
        await _a_moment()
        waited = [task.done() for task in waiting]
        machine.synchronised = True
        machine.seconds += 7
        await asyncio.wait_for(asyncio.gather(*waiting), 60)

    assert waited == [False, False]
    assert [(log["event"], log.get("synchronised"), log.get("seconds")) for log in logs] == [
        ("clock_not_synchronised", None, None),
        ("clock_waited_for", True, 7),
    ]


@pytest.mark.fault(
    "clock not synchronised at boot",
    part="whole monitor",
    outcome="Where nobody ever tells the box the time, writing to servers elsewhere waits for 10 minutes and not"
    " longer; a reload does not begin the wait again.",
)
async def test_ten_minutes_are_the_most_and_a_second_wait_does_not_begin_again() -> None:
    machine = Machine()
    sync = machine.sync()
    first = asyncio.create_task(sync.settled())
    machine.seconds += 599
    await _a_moment()
    at_599 = first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    again = asyncio.create_task(sync.settled())
    await _a_moment()
    after_a_reload = again.done()
    machine.seconds += 1
    with capture_logs() as logs:
        await asyncio.wait_for(again, 60)

    assert (at_599, after_a_reload) == (False, False)
    assert [(log["event"], log["synchronised"], log["seconds"]) for log in logs] == [
        ("clock_waited_for", False, 600)
    ]
    assert not sync.is_synchronised()


async def test_a_clock_that_is_lost_later_makes_nothing_wait() -> None:
    machine = Machine()
    machine.synchronised = True
    sync = machine.sync()
    await asyncio.wait_for(sync.settled(), 60)
    machine.synchronised = False
    await asyncio.wait_for(sync.settled(), 60)

    assert not sync.waits()
    assert not sync.is_synchronised()
