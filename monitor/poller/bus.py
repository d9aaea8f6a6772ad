"""One connection and its devices: a queue, the workers that empty it, and the backoff of each unit."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from monitor.model import LATE, Reading
from monitor.poller.backoff import Edge, next_allowed
from monitor.poller.guests import Guests
from monitor.poller.load import Load
from monitor.poller.turns import GUEST, PROBE, Flow, Job, Turns
from monitor.poller.unit import Unit
from monitor.ports import Answer, PolledDriver, Traffic
from monitor.site import Device

__all__ = ["Bus"]

_T = TypeVar("_T")

_LOG = structlog.get_logger()
_DEADLINE = 120.0
"""Seconds after which a driver that does not come back is given up: far above any time-out of its own."""
_CHECK_NEW = "wiring, power, address, unit id, baud rate and parity"
_CHECK_LOST = "power and wiring of the device, then of its bus or gateway"


class _UnderWay:
    """A job that a worker does; `is_heavy`: it has cost another unit a cycle by itself."""

    __slots__ = ("began", "is_heavy")

    def __init__(self, began: float) -> None:
        self.began = began
        self.is_heavy = False


class Bus:
    """Owns a connection: everything that its devices are asked goes through one queue.

    The queue is bounded by itself: a (device, scan class) that waits or is under way is not queued again. Each
    device has an equal claim to the time of the bus, except that those which do not answer share one half, and
    leave one of several workers to the others. `starts` takes how many seconds after its slot each poll starts.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the poller
        self,
        connection: str,
        driver: PolledDriver,
        devices: Sequence[Device],
        *,
        put: Callable[..., None],
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
        self._workers = max(1, getattr(driver, "concurrency", 1))
        self._turns = Turns()
        self._flows = {device.id: Flow(is_urgent=device.urgent) for device in devices}
        self._doubtful = Flow(at_once=self._workers)
        self._more = {device.id: Flow() for device in devices}
        self._again: dict[tuple[str, str], Job] = {}
        self._something = asyncio.Event()
        self._guests = Guests(driver, self._turns, self._workers, self._something.set)
        self._under_way: list[_UnderWay] = []
        self._load = Load(self._workers, time.monotonic())
        self._probe_timer: asyncio.TimerHandle | None = None
        self._probing = False
        self._probe_after = 0.0

    @property
    def queued(self) -> int:
        """How many polls and probes wait."""
        return len(self._turns)

    @property
    def busy(self) -> float:
        """The share of its time (0 to 1) that was used in the last minute."""
        return self._load.share(time.monotonic())

    def traffic(self, device: str) -> Traffic:
        """What has passed between the connection and a device."""
        return self._driver.traffic(device)

    def advice(self, device: str) -> str:
        """What the driver says to look at when a device does badly; or nothing."""
        return self._driver.advice(device)

    # What is due --------------------------------------------------------------------------------------

    def ask(self, unit: Unit, scan: str, slot: float) -> None:
        """Queue a poll; a cycle that comes while the last one waits or runs is skipped and counted."""
        again = self._again.pop((unit.device.id, scan), None)
        if unit.backoff.suspended:
            unit.owed[scan] = None
        elif scan in unit.queued and again is not None:  # what is queued is as good, but it is its turn now
            if self._turns.remove(self._more[unit.device.id], again):
                self._add(unit, scan, slot)
        elif scan in unit.queued:
            unit.late += 1
            self.late += 1
            self._blame(unit.device.scan[scan])
        else:
            unit.queued.add(scan)
            self._add(unit, scan, slot)

    def _ask_again(self, unit: Unit, scan: str) -> None:
        """Queue a poll out of turn: the device had more to show. Urgent or not, it passes nobody."""
        now = time.monotonic()
        if scan not in unit.queued and not unit.backoff.suspended and unit.allowance.take(now):
            unit.queued.add(scan)
            job = self._again[unit.device.id, scan] = Job(unit, scan, now)
            self._turns.add(self._more[unit.device.id], job)
            self._something.set()

    def _add(self, unit: Unit, scan: str, slot: float) -> None:
        self._turns.add(self._flow(unit), Job(unit, scan, slot))
        self._something.set()

    def _flow(self, unit: Unit) -> Flow:
        """Where a unit's jobs wait: in its own flow, or in that of all who have to show that they answer."""
        flow = self._flows[unit.device.id]
        return self._doubtful if (unit.probed if flow.is_urgent else unit.is_doubtful) else flow

    def _blame(self, interval: float | None) -> None:
        """A cycle was lost: no order of the jobs could have saved it from one that outlasts its interval."""
        now = time.monotonic()
        for work in self._under_way:
            work.is_heavy = work.is_heavy or (interval is not None and now - work.began >= interval)

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
        """Forget the timer of the next probe, and send guests away."""
        self._guests.close()
        if self._probe_timer is not None:
            self._probe_timer.cancel()

    async def lend(self, work: Callable[[PolledDriver], Awaitable[_T]], device: str | None = None) -> _T:
        """Do something else with the driver, as `Guests.lend` says."""
        return await self._guests.lend(work, None if device is None else self.units[device])

    async def close(self) -> None:
        """Close the driver, whatever it says."""
        try:
            await self._driver.close()
        except Exception as error:  # noqa: BLE001 - a driver that cannot close must not keep the others open
            _LOG.warning("connection not closed cleanly", connection=self.connection, error=str(error))

    async def _work(self) -> None:
        while True:
            flow, job = await self._next()
            work = _UnderWay(time.monotonic())
            self._under_way.append(work)
            await self._do(job)
            self._under_way.remove(work)
            self._finish(flow, job, work)

    def _finish(self, flow: Flow, job: Job, work: "_UnderWay") -> None:
        now = time.monotonic()
        spent = now - work.began
        self._load.add(spent, now)
        charged = spent
        if flow is self._doubtful:  # half of the time is theirs when it is short, and the same worker never
            known = sum(not unit.is_doubtful for unit in self.units.values())
            flow.at_once = max(1, self._workers - bool(known))
            charged /= max(1, known)
        self._turns.done(flow, job, charged)
        if work.is_heavy and not flow.is_urgent:
            self._turns.rest(flow, now + spent)
            self._wake_after_rest()
        if self._turns:  # another worker may be able to do now what none could before
            self._something.set()

    def _wake_after_rest(self) -> None:
        """Wake the workers when those that rest may go on: not by a timer alone, which fires a moment early."""
        left = self._turns.rest_until - time.monotonic()
        if left > 0:
            asyncio.get_running_loop().call_later(left, self._wake_after_rest)
        else:
            self._something.set()

    async def _next(self) -> tuple[Flow, Job]:
        while (found := self._turns.take(time.monotonic())) is None:
            self._something.clear()
            await self._something.wait()
        return found

    async def _do(self, job: Job) -> None:
        unit = job.unit
        if job.scan == GUEST or unit is None:
            await self._guests.serve()
            return
        if job.scan == PROBE:
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
        self._answered(unit, scan, answer)
        return True

    async def _probe(self, unit: Unit) -> None:
        """Ask a suspended unit for little; when it answers, for everything."""
        self.probes += 1
        began = time.monotonic()
        alone = all(other.backoff.suspended for other in self.units.values())
        answer = await self._call(unit, PROBE)
        if answer.answered:
            first, *rest = unit.device.scan
            if await self._poll(unit, first):
                unit.once_wanted = False
                for scan in rest:
                    if scan not in unit.queued:
                        self.ask(unit, scan, time.monotonic())
        else:
            self._failed(unit, answer)
        if unit.probed:
            end = time.monotonic()
            self._probe_after = next_allowed(end, (end - began) / self._workers)
        elif alone:
            self._bus_is_back()
        self._probing = False
        self._plan_probe()

    async def _call(self, unit: Unit, scan: str) -> Answer:
        """Ask the driver. One that raises or never comes back costs this poll, not the loop."""
        try:
            async with asyncio.timeout(_DEADLINE):
                if scan == PROBE:
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
            usual = _CHECK_NEW if new else _CHECK_LOST
            _LOG.warning(
                "device has never answered" if new else "device lost",
                device=unit.device.id,
                connection=self.connection,
                error=unit.last_error,
                check=self._driver.advice(unit.device.id) or usual,
            )
        if unit.probed:
            unit.once_wanted = True
            self._plan_probe()

    def _answered(self, unit: Unit, scan: str, answer: Answer) -> None:
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
                late=arrived - stamp > LATE,
            ),
            *answer.events,
            kept=self._then_again(unit, scan, answer) if answer.again else answer.kept,
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

    def _then_again(self, unit: Unit, scan: str, answer: Answer) -> Callable[[], None]:
        """What is done once an answer is kept that may have more behind it."""

        def kept() -> None:
            if answer.kept is not None:
                answer.kept()
            self._ask_again(unit, scan)

        return kept

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
            self._add(unit, PROBE, time.monotonic())
