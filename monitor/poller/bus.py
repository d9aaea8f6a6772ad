"""One connection and its devices: a queue, the workers that empty it, and the backoff of each unit."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from monitor.model import Entry, Missing, Reading
from monitor.poller.backoff import Backoff, Edge, next_probe_allowed
from monitor.ports import Answer, PolledDriver
from monitor.site import Device

__all__ = ["Bus", "Unit"]

_LOG = structlog.get_logger()
_LATE_MS = 120_000
_DEADLINE = 120.0
"""Seconds after which a driver that does not come back is given up: far above any time-out of its own."""
_PROBE = ""
_CHECK_NEW = "wiring, power, address, unit id, baud rate and parity"
_CHECK_LOST = "power and wiring of the device, then of its bus or gateway"
_CHECK_NAME = "the name in the connection's `host`, then the name server (`getent hosts NAME`)"
_ABOUT_NAMES = ("not known", "name resolution", "nodename", "name server")


class _Job(NamedTuple):
    unit: "Unit"
    scan: str
    slot: float


class Unit:
    """One device on one connection: what it owes, and what is known of its health."""

    __slots__ = (
        "backoff",
        "begun",
        "device",
        "last_answer",
        "last_error",
        "late",
        "lock",
        "once_wanted",
        "owed",
        "poll_ms",
        "polls",
        "queued",
        "raised",
    )

    def __init__(self, device: Device) -> None:
        self.device = device
        self.backoff = Backoff()
        self.lock = asyncio.Lock()
        self.queued: set[str] = set()
        self.begun: set[str] = set()
        self.owed: dict[str, None] = {}
        self.once_wanted = True
        self.polls = 0
        self.late = 0
        self.last_answer: int | None = None
        self.last_error = ""
        self.poll_ms: float | None = None
        self.raised = False

    @property
    def probed(self) -> bool:
        """Whether it has to be probed; one that has no timed scan class after its first failure already."""
        failures = self.backoff.failures
        return self.backoff.suspended or (failures > 0 and len(self.once_scans()) == len(self.device.scan))

    def once_scans(self) -> Sequence[str]:
        """The scan classes that are read after each connect only."""
        return [scan for scan, every in self.device.scan.items() if every is None]

    def missing_now(self) -> dict[str, Missing]:
        """Each point that was due since the last answer."""
        points = self.device.points.items()
        return {name: Missing.TIMEOUT for scan in self.owed for name, point in points if point.scan == scan}


class Bus:
    """Owns a connection: everything that its devices are asked goes through one queue.

    The queue is bounded by itself: a (device, scan class) that waits or is under way is not queued again.
    `starts` takes how many seconds after its slot each poll starts.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the poller
        self,
        connection: str,
        driver: PolledDriver,
        devices: Sequence[Device],
        *,
        put: Callable[[Entry], None],
        now: Callable[[], int],
        starts: deque[float],
    ) -> None:
        self.connection = connection
        self.units = {device.id: Unit(device) for device in devices}
        self.polls = self.failed = self.probes = self.late = 0
        self._starts = starts
        self._driver = driver
        self._put = put
        self._now = now
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self._workers = max(1, getattr(driver, "concurrency", 1))
        self._probe_timer: asyncio.TimerHandle | None = None
        self._probing = False
        self._probe_after = 0.0

    @property
    def queued(self) -> int:
        """How many polls and probes wait."""
        return self._queue.qsize()

    # What is due --------------------------------------------------------------------------------------

    def ask(self, unit: Unit, scan: str, slot: float) -> None:
        """Queue a poll; a cycle that comes while the last one waits or runs is skipped and counted."""
        if unit.backoff.suspended:
            unit.owed[scan] = None
        elif scan in unit.queued:
            unit.late += 1
            self.late += 1
        else:
            unit.queued.add(scan)
            self._queue.put_nowait(_Job(unit, scan, slot))

    def ask_first(self) -> None:
        """Queue what no timed scan class will ask for."""
        for unit in self.units.values():
            if unit.device.scan and all(every is None for every in unit.device.scan.values()):
                self._ask_once(unit)

    def _ask_once(self, unit: Unit) -> None:
        for scan in unit.once_scans():
            if scan not in unit.queued:
                self.ask(unit, scan, time.monotonic())

    # Work ---------------------------------------------------------------------------------------------

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Start the workers in a task group."""
        for number in range(self._workers):
            tasks.create_task(self._work(), name=f"poller {self.connection} {number}")

    def stop(self) -> None:
        """Forget the timer of the next probe."""
        if self._probe_timer is not None:
            self._probe_timer.cancel()

    async def close(self) -> None:
        """Close the driver, whatever it says."""
        try:
            await self._driver.close()
        except Exception as error:  # noqa: BLE001 - a driver that cannot close must not keep the others open
            _LOG.warning("connection not closed cleanly", connection=self.connection, error=str(error))

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            unit = job.unit
            async with unit.lock:  # several workers never ask one device at once
                if job.scan == _PROBE:
                    await self._probe(unit)
                else:
                    await self._scan(unit, job.scan, job.slot)
            if unit.once_wanted and unit.backoff.failures == 0:
                unit.once_wanted = False
                self._ask_once(unit)

    async def _scan(self, unit: Unit, scan: str, slot: float) -> None:
        if scan in unit.begun:
            self._starts.append(time.monotonic() - slot)
        unit.begun.add(scan)  # the first time all are asked at once and have no slot to keep
        if unit.backoff.suspended:
            unit.owed[scan] = None
        else:
            await self._poll(unit, scan)
        unit.queued.discard(scan)

    async def _poll(self, unit: Unit, scan: str) -> bool:
        self.polls += 1
        began = time.monotonic()
        unit.owed[scan] = None
        answer = await self._call(unit, scan)
        unit.poll_ms = (time.monotonic() - began) * 1000
        if not answer.answered:
            self._failed(unit, answer)
            return False
        unit.owed.pop(scan, None)
        self._answered(unit, answer)
        return True

    async def _probe(self, unit: Unit) -> None:
        """Ask a suspended unit for little; when it answers, for everything."""
        self.probes += 1
        began = time.monotonic()
        alone = all(other.backoff.suspended for other in self.units.values())
        answer = await self._call(unit, _PROBE)
        if answer.answered:
            for scan in unit.device.scan:
                if not await self._poll(unit, scan):
                    break
            unit.once_wanted = unit.probed
        else:
            self._failed(unit, answer)
        if unit.probed:
            end = time.monotonic()
            self._probe_after = next_probe_allowed(end, (end - began) / self._workers)
        elif alone:
            self._bus_is_back()
        self._probing = False
        self._plan_probe()

    async def _call(self, unit: Unit, scan: str) -> Answer:
        """Ask the driver. One that raises or never comes back costs this poll, not the loop."""
        try:
            async with asyncio.timeout(_DEADLINE):
                if scan == _PROBE:
                    answer = await self._driver.probe(unit.device.id)
                else:
                    answer = await self._driver.read(unit.device.id, scan)
            unit.raised = False
        except Exception as error:  # noqa: BLE001 - whatever a driver does wrong, the other devices go on
            if not unit.raised:
                _LOG.exception("driver failed", connection=self.connection, device=unit.device.id)
            unit.raised = True
            text = f"{type(error).__name__}: {error}"
            answer = Answer(values={}, arrived=self._now(), answered=False, error=text)
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # wait_for of 3.11 loses a cancellation to an answer
            raise asyncio.CancelledError
        return answer

    # What came of it ----------------------------------------------------------------------------------

    def _failed(self, unit: Unit, answer: Answer) -> None:
        self.failed += 1
        unit.polls += 1
        unit.last_error = answer.error or "no answer"
        stamp = answer.arrived
        self._put(Reading(device=unit.device.id, time=stamp, arrived=stamp, values={}, missing=unit.missing_now()))
        edge = unit.backoff.failed(time.monotonic())
        if edge is not Edge.NOTHING:
            new = edge is Edge.NEVER_ANSWERED
            _LOG.warning(
                "device has never answered" if new else "device lost",
                device=unit.device.id,
                connection=self.connection,
                error=unit.last_error,
                check=_check(unit.last_error, new=new),
            )
        if unit.probed:
            unit.once_wanted = True
            self._plan_probe()

    def _answered(self, unit: Unit, answer: Answer) -> None:
        unit.polls += 1
        unit.last_answer = arrived = answer.arrived
        stamp = arrived if answer.time is None else answer.time
        self._put(
            Reading(
                device=unit.device.id,
                time=stamp,
                arrived=arrived,
                values=answer.values,
                missing=answer.missing,
                late=arrived - stamp > _LATE_MS,
            )
        )
        lost_at = unit.backoff.lost_at
        edge = unit.backoff.answered()
        if edge is not Edge.NOTHING:
            _LOG.warning(
                "device is back" if edge is Edge.BACK else "device answers",
                device=unit.device.id,
                connection=self.connection,
                after_s=round(time.monotonic() - lost_at, 1),
            )

    # Probes -------------------------------------------------------------------------------------------

    def _bus_is_back(self) -> None:
        """The whole bus was silent and one unit answers: most likely all do, so none waits out its backoff."""
        for unit in self.units.values():
            unit.backoff.due = 0.0

    def _plan_probe(self) -> None:
        """Set the timer for the suspended unit whose turn is next; one probe at a time waits or runs."""
        if self._probing:
            return
        due = [unit.backoff.due for unit in self.units.values() if unit.probed]
        if self._probe_timer is not None:
            self._probe_timer.cancel()
            self._probe_timer = None
        if due:
            wait = max(0.0, min(due), self._probe_after) - time.monotonic()
            self._probe_timer = asyncio.get_running_loop().call_later(max(0.0, wait), self._queue_probe)

    def _queue_probe(self) -> None:
        probed = [unit for unit in self.units.values() if unit.probed]
        if probed:
            self._probing = True
            unit = min(probed, key=lambda unit: unit.backoff.due)
            self._queue.put_nowait(_Job(unit, _PROBE, time.monotonic()))


def _check(error: str, *, new: bool) -> str:
    """What to look at when a device does not answer, from what the driver said."""
    if any(words in error for words in _ABOUT_NAMES):
        return _CHECK_NAME
    return _CHECK_NEW if new else _CHECK_LOST
