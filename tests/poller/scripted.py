"""A polled driver that says what a test wants, and what it was asked."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Missing
from monitor.poller import Poller
from monitor.ports import Answer, Traffic
from monitor.site import Device, Point


async def until(claim: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait until a claim holds."""
    async with asyncio.timeout(seconds):
        while not claim():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


def lateness(poller: Poller, dead: str) -> float:
    """The share of samples that came late, of all devices but a dead one.

    A busy machine makes some late, which more polls dilute; a poller that does so never gets below its share.
    """
    alive = [facts for device, facts in poller.status().items() if device != dead]
    return sum(facts.late for facts in alive) / sum(facts.polls for facts in alive)


def meter(name: str, connection: str = "bus", *, urgent: bool = False, **scan: float | None) -> Device:
    """A device with one point per scan class (`fast` every 50 ms without other wishes)."""
    scan = scan or {"fast": 0.05}
    points = {f"{each}_w": Point(name=f"{each}_w", unit="W", scan=each) for each in scan}
    return Device(
        id=name,
        name=name,
        connection=connection,
        device_class="electricity",
        scan=scan,
        urgent=urgent,
        points=points,
    )


class ScriptedDriver:
    """Answers 1.0 for each point; devices in `dead` cost `timeout` and stay silent."""

    def __init__(self, *devices: Device, delay: float = 0.0, timeout: float = 0.0, concurrency: int = 1) -> None:
        self.concurrency = concurrency
        self.slow: dict[str, float] = {}
        self.devices = {device.id: device for device in devices}
        self.delay = delay
        self.timeout = timeout
        self.dead: set[str] = set()
        self.raising: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.times: list[float] = []
        self.closed = 0
        self.under_way = 0
        self.most_under_way = 0

    def count(self, device: str, scan: str = "fast") -> int:
        return Counter(self.asked)[device, scan]

    async def read(self, device: str, scan: str) -> Answer:
        points = [name for name, point in self.devices[device].points.items() if point.scan == scan]
        return await self._answer(device, scan, points)

    async def probe(self, device: str) -> Answer:
        return await self._answer(device, "probe", [])

    def traffic(self, device: str) -> Traffic:
        asked = sum(each == device for each, _ in self.asked)
        return Traffic(requests=asked, answers=asked, errors={"timeout": 1} if device in self.dead else {})

    def advice(self, device: str) -> str:
        return "Look at the script." if device in self.dead else ""

    async def close(self) -> None:
        self.closed += 1

    async def _answer(self, device: str, scan: str, points: list[str]) -> Answer:
        self.asked.append((device, scan))
        self.times.append(time.monotonic())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        dead = device in self.dead
        try:
            await asyncio.sleep(self.timeout if dead else self.slow.get(device, self.delay))
        finally:
            self.under_way -= 1
        if device in self.raising:
            raise ZeroDivisionError("a mistake in a driver")
        now = time.time_ns() // 1_000_000
        if dead:
            missing = dict.fromkeys(points, Missing.TIMEOUT)
            return Answer(values={}, missing=missing, arrived=now, answered=False, error="no answer")
        return Answer(values=dict.fromkeys(points, 1.0), arrived=now, answered=True)


class SteppedClock:
    """A clock whose wall a test can step."""

    def __init__(self) -> None:
        self.step = 0.0
        self.anchored = 0

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.anchored

    def drift(self) -> float:
        return self.step

    def follow(self, seconds: float) -> None:
        self.anchored += round(seconds * 1000)
        self.step -= seconds


@asynccontextmanager
async def polling(
    drivers: dict[str, ScriptedDriver], journal: SqliteJournal, clock: SteppedClock | None = None
) -> AsyncIterator[Poller]:
    devices = {name: device for driver in drivers.values() for name, device in driver.devices.items()}
    poller = Poller(drivers, devices, journal, clock=clock or SteppedClock())
    task = asyncio.create_task(poller.run())
    try:
        yield poller
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
