"""What every driver that is pushed promises (monitor.ports.PushedDriver), tried on a real sender.

A driver joins by deriving a class from `PushedContract` that offers the fixture `rig`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from monitor.errors import JournalError
from monitor.model import Position, Reading
from monitor.ports import Batch, PushedDriver

__all__ = ["Kept", "PushedContract", "Rig", "eventually", "running"]


class Rig(Protocol):
    """A sender with one device that says numbers, and drivers for it that share one identity."""

    device: str
    """Its id."""

    def make(self) -> PushedDriver:
        """Make the driver, as after a start of the monitor."""

    def say(self, number: int) -> None:
        """Have the device say a number; returns when the sender has it."""

    def say_poison(self) -> None:
        """Have the device say something that makes the driver's own code raise."""

    def go_away(self) -> None:
        """Stop the sender; what it holds outlives that."""

    def come_back(self) -> None:
        """Start the sender again."""


class Kept:
    """A journal of the test: keeps numbers, and refuses or hesitates when told to."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.settled: set[str] = set()
        self.refusals = 0
        self.open = asyncio.Event()
        self.open.set()
        self.asked = 0

    async def append(self, batches: Sequence[Batch], *, settled: Collection[str] = ()) -> Position:
        self.asked += 1
        await self.open.wait()
        if self.refusals:
            self.refusals -= 1
            raise JournalError("disk full")
        self.settled.update(settled)
        for batch in batches:
            if not (batch.redelivered and batch.id in {kept.id for kept in self.batches}):
                self.batches.append(batch)
        return Position(len(self.batches))

    @property
    def numbers(self) -> list[float]:
        entries = [entry for batch in self.batches for entry in batch.entries]
        return [value for entry in entries if isinstance(entry, Reading) for value in entry.values.values()]


async def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once something holds; fail when it does not come to hold."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(driver: PushedDriver, intake: Callable[..., Awaitable[Position]]):
    """Run a driver for the time of a block."""
    task = asyncio.create_task(driver.run(intake))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class PushedContract:
    """The promises."""

    async def _connected(self, driver: PushedDriver) -> None:
        """Wait until the sender is there, and hears of us where it has to (`subscribed`)."""
        await eventually(lambda: bool(driver.status()["connected"] and driver.status().get("subscribed", True)))

    async def test_status_is_known_before_and_while_it_runs(self, rig: Rig):
        driver = rig.make()
        assert driver.status()["connected"] is False

        async with running(driver, Kept().append):
            await self._connected(driver)

        assert all(isinstance(value, float | int | bool | str) for value in driver.status().values())

    async def test_advice_fits_what_has_happened(self, rig: Rig):
        driver = rig.make()
        device = rig.device
        away = driver.advice(device, heard=True)

        async with running(driver, Kept().append):
            await self._connected(driver)
            never, silent = driver.advice(device, heard=False), driver.advice(device, heard=True)

        assert all((away, never, silent))
        assert len({away, never, silent}) == 3

    async def test_what_is_said_is_handed_over_in_order(self, rig: Rig):
        kept, driver = Kept(), rig.make()

        async with running(driver, kept.append):
            await self._connected(driver)
            for number in range(20):
                rig.say(number)
            await eventually(lambda: len(kept.numbers) == 20)

        assert kept.numbers == list(range(20))

    async def test_what_intake_has_not_answered_comes_again(self, rig: Rig):
        hesitant, kept = Kept(), Kept()
        hesitant.open.clear()
        driver = rig.make()
        async with running(driver, hesitant.append):
            await self._connected(driver)
            rig.say(1)
            await eventually(lambda: hesitant.asked == 1)

        async with running(rig.make(), kept.append):
            await eventually(lambda: kept.numbers == [1])

    async def test_what_intake_has_answered_does_not_come_again(self, rig: Rig):
        first, second = Kept(), Kept()
        driver = rig.make()
        async with running(driver, first.append):
            await self._connected(driver)
            rig.say(1)
            await eventually(lambda: first.numbers == [1])
        rig.say(2)

        async with running(rig.make(), second.append):
            await eventually(lambda: bool(second.numbers))

        assert second.numbers == [2]

    async def test_a_refusing_journal_is_asked_again_and_nothing_is_lost(self, rig: Rig):
        kept, driver = Kept(), rig.make()
        kept.refusals = 2

        async with running(driver, kept.append):
            await self._connected(driver)
            rig.say(1)
            rig.say(2)
            await eventually(lambda: len(kept.numbers) == 2)

        assert kept.numbers == [1, 2]
        assert kept.asked >= 3

    @pytest.mark.fault(
        "broker away",
        part="MQTT",
        outcome="Away at the start, it is waited for.",
    )
    async def test_a_sender_away_at_start_is_waited_for(self, rig: Rig):
        rig.go_away()
        kept, driver = Kept(), rig.make()

        async with running(driver, kept.append) as task:
            await asyncio.sleep(0.2)
            assert not task.done()
            rig.come_back()
            await self._connected(driver)
            rig.say(1)
            await eventually(lambda: kept.numbers == [1])

    async def test_an_outage_is_survived(self, rig: Rig):
        kept, driver = Kept(), rig.make()

        async with running(driver, kept.append) as task:
            await self._connected(driver)
            rig.say(1)
            await eventually(lambda: kept.numbers == [1])
            rig.go_away()
            await eventually(lambda: not driver.status()["connected"])
            rig.come_back()
            await self._connected(driver)
            rig.say(2)
            await eventually(lambda: len(kept.numbers) == 2)
            assert not task.done()

        assert kept.numbers == [1, 2]

    @pytest.mark.fault(
        "defect in the program",
        part="MQTT",
        outcome="Code that raises costs one message.",
    )
    async def test_code_that_raises_costs_one_message(self, rig: Rig):
        kept, driver = Kept(), rig.make()

        async with running(driver, kept.append) as task:
            await self._connected(driver)
            rig.say(1)
            rig.say_poison()
            rig.say(2)
            await eventually(lambda: len(kept.numbers) == 2)
            assert not task.done()

        assert kept.numbers == [1, 2]

    @pytest.mark.parametrize("away", [False, True])
    async def test_cancelled_it_ends_within_a_second(self, rig: Rig, *, away: bool):
        driver = rig.make()
        if away:
            rig.go_away()
        task = asyncio.create_task(driver.run(Kept().append))
        await asyncio.sleep(0.1)

        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=20.0)

        assert done == {task}
        assert task.cancelled()
