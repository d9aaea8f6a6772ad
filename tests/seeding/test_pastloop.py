"""Time that stands still until it is moved on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from monitor.app.pastloop import PastClock, PastLoop

START = 1_795_378_560_000


def run(job: Callable[[PastClock, PastLoop], Coroutine[Any, Any, Any]]) -> Any:
    """Run on a clock of the past and its loop."""
    clock = PastClock(START)
    loop = PastLoop(clock)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(job(clock, loop))


def test_a_timer_is_due_when_the_clock_is_moved_past_it_and_nobody_waits() -> None:
    woken: list[int] = []

    async def job(clock: PastClock, loop: PastLoop) -> None:
        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append(clock.now() - START)

        async with asyncio.TaskGroup() as tasks:
            for seconds in (3600.0, 60.0, 60.0, 86_400.0):
                tasks.create_task(sleeper(seconds))
            await loop.settled()
            for at in (59_999, 60_000, 7_200_000, 86_400_000):
                clock.move_to(START + at)
                await loop.settled()

    run(job)

    assert woken == [60_000, 60_000, 7_200_000, 86_400_000]


def test_all_that_follows_from_a_moment_is_done_before_it_has_settled() -> None:
    done: list[str] = []

    async def job(_: PastClock, loop: PastLoop) -> None:
        async def chain() -> None:
            for number in range(50):
                await asyncio.to_thread(done.append, str(number))
                await asyncio.sleep(0)
            await asyncio.sleep(1)
            done.append("too early")

        task = asyncio.create_task(chain())
        await loop.settled()
        task.cancel()

    run(job)

    assert done == [str(number) for number in range(50)]


def test_what_fails_in_a_thread_fails_for_whoever_waits() -> None:
    async def job(_clock: PastClock, _loop: PastLoop) -> None:
        await asyncio.to_thread(int, "none")

    with pytest.raises(ValueError, match="none"):
        run(job)


def test_the_clock_never_goes_back() -> None:
    clock = PastClock(START)
    clock.move_to(START + 5)
    clock.move_to(START)

    assert (clock.now(), clock.steady()) == (START + 5, 0.005)
