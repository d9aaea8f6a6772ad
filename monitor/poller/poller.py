"""The poller: scan classes fire, connections work off what they are asked, the journal gets what they said."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Protocol, TypeVar

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.errors import JournalError, RequestRefused
from monitor.model import Event, Value
from monitor.poller.bus import Bus
from monitor.poller.facts import ConnectionFacts, DeviceFacts, facts_of, together
from monitor.poller.intake import Also, ReadingIntake, nobody
from monitor.poller.schedule import Grid, offsets
from monitor.poller.unit import Unit
from monitor.ports import Batch, Journal, PolledDriver
from monitor.schema import MONITOR_DEVICE
from monitor.site import Device
from monitor.wording import Sentence

__all__ = ["ConnectionFacts", "DeviceFacts", "Poller", "StampingClock"]

_LOG = structlog.get_logger()
_STEP = 1.0
"""Seconds that the wall clock may part from the monotonic one before it counts as stepped."""
_LONGEST_LOOK, _SHORTEST_LOOK = 1.0, 0.05
"""Seconds between two looks at the wall clock: a cycle of the shortest scan class, within these."""
_CLOSING = 2.0
_STARTS_KEPT = 100
"""Starts of polls that are looked at, for each connection, of at most `_MOST_COUNTED`: they are sorted often."""
_MOST_COUNTED = 100

_T = TypeVar("_T")


class StampingClock(Protocol):
    """What the poller needs of `monitor.clock.Clock`."""

    def now(self) -> int:
        """UTC in milliseconds."""

    def drift(self) -> float:
        """Seconds that the wall clock is ahead of this one."""

    def follow(self, seconds: float) -> None:
        """Go with a step of the wall clock; called from the journal's thread."""


class Poller:
    """Reads every device of the polled connections in its own rhythm, until cancelled.

    One APScheduler job per distinct scan interval hands work to one queue per connection. `connections` are the
    drivers by connection; `devices` may hold others' devices too, which are left alone. `also` hears each entry
    before the journal has kept it.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        connections: Mapping[str, PolledDriver],
        devices: Mapping[str, Device],
        journal: Journal,
        *,
        clock: StampingClock,
        scheduler: AsyncIOScheduler | None = None,
        also: Also = nobody,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._scheduler = scheduler
        self._intake = ReadingIntake(journal, also=also)
        self._starts: deque[float] = deque(maxlen=_STARTS_KEPT * min(max(1, len(connections)), _MOST_COUNTED))
        self._buses = {
            connection: Bus(
                connection,
                driver,
                [device for device in devices.values() if device.connection == connection],
                put=self._intake.put,
                now=clock.now,
                starts=self._starts,
            )
            for connection, driver in connections.items()
        }
        self._plans = _plans(self._buses.values())
        self._grids: dict[float, Grid] = {}
        self._timers: dict[float, list[asyncio.TimerHandle]] = {}

    async def run(self) -> None:
        """Poll until cancelled; then end every worker and close every driver."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = self._scheduler or AsyncIOScheduler(timezone=UTC)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._intake.run(), name="poller intake")
                tasks.create_task(self._watch_clock(scheduler), name="poller clock")
                for bus in self._buses.values():
                    bus.start(tasks)
                self._start(scheduler)
        finally:
            await self._stop(scheduler)

    async def lend(
        self, connection: str, work: Callable[[PolledDriver], Awaitable[_T]], *, device: str | None = None
    ) -> _T:
        """Do something else with a connection's driver between the polls: one request, in its turn.

        At most a fifth of the time goes to such work. With a `device` of the connection it is not polled
        meanwhile. Raises RequestRefused when there is no such connection or device, when too many ask, when it
        takes longer than ten seconds, or when the polling ends.
        """
        bus = self._buses.get(connection)
        if bus is None or (device is not None and device not in bus.units):
            raise RequestRefused(Sentence("nothing that is polled is called {name}", name=device or connection))
        return await bus.lend(work, device)

    def status(self) -> Mapping[str, DeviceFacts]:
        """Facts by device."""
        return {
            unit.device.id: facts_of(unit, bus.connection, bus.traffic(unit.device.id))
            for bus in self._buses.values()
            for unit in bus.units.values()
        }

    def advice(self, device: str) -> str:
        """What to look at when a device does badly, by what was seen on the wire; or nothing."""
        return next((bus.advice(device) for bus in self._buses.values() if device in bus.units), "")

    def connections(self) -> Mapping[str, ConnectionFacts]:
        """Facts by connection."""
        return {
            bus.connection: ConnectionFacts(
                devices=len(bus.units),
                suspended=sum(unit.backoff.suspended for unit in bus.units.values()),
                polls=bus.polls,
                probes=bus.probes,
                failed=bus.failed,
                late=bus.late,
                queued=bus.queued,
                busy_pct=round(100 * bus.busy, 1),
                **together([bus.traffic(device) for device in bus.units]),
                last_answer=max((unit.last_answer or 0 for unit in bus.units.values()), default=0) or None,
            )
            for bus in self._buses.values()
        }

    def facts(self) -> Mapping[str, Value]:
        """Facts of the poller as a whole: entries waiting and dropped, and how late polls start (99 of 100)."""
        starts = sorted(self._starts)
        return {
            "waiting": self._intake.waiting,
            "dropped": self._intake.dropped,
            "journal_failing": self._intake.failing,
            "start_p99_ms": round(starts[len(starts) * 99 // 100] * 1000, 1) if starts else 0.0,
        }

    # Rhythm -------------------------------------------------------------------------------------------

    def _start(self, scheduler: AsyncIOScheduler) -> None:
        """Ask every device once at once; scan classes then fire at their slots."""
        now = time.monotonic()
        for interval, plan in self._plans.items():
            self._grids[interval] = Grid(interval)
            scheduler.add_job(
                self._fire,
                self._grids[interval],
                args=[interval],
                id=_job_id(interval),
                coalesce=True,
                misfire_grace_time=None,
                max_instances=3,
                replace_existing=True,
            )
            for offset, work in plan.items():
                if offset > 0:
                    _ask(work, now)
        for bus in self._buses.values():
            bus.ask_first()
        if scheduler is not self._scheduler:
            scheduler.start()

    async def _fire(self, interval: float) -> None:
        """Hand the work of a scan class to the queues; a coroutine, or APScheduler would use a thread."""
        loop = asyncio.get_running_loop()
        slot = self._grids[interval].slot()
        just_asked = interval not in self._timers  # the first time: all with an offset
        timers = []
        for offset, work in self._plans[interval].items():
            if just_asked and 0 < offset < interval / 2:
                continue
            if offset > 0:
                timers.append(loop.call_at(slot + offset, _ask, work, slot + offset))
            else:
                _ask(work, slot)
        self._timers[interval] = timers

    async def _watch_clock(self, scheduler: AsyncIOScheduler) -> None:
        """Notice within a cycle that the wall clock was stepped, since APScheduler lives on it."""
        every = max(_SHORTEST_LOOK, min(_LONGEST_LOOK, *self._plans)) if self._plans else _LONGEST_LOOK
        while True:
            await asyncio.sleep(every)
            drift = self._clock.drift()
            if abs(drift) > _STEP:
                _LOG.warning("clock stepped", seconds=round(drift, 1))
                self._reschedule(scheduler)
                await self._follow_step(drift)

    def _reschedule(self, scheduler: AsyncIOScheduler) -> None:
        for interval, grid in self._grids.items():
            scheduler.reschedule_job(_job_id(interval), trigger=grid)

    async def _follow_step(self, drift: float) -> None:
        """Go with the step and tell of it, in one: no entry before the event is stamped by the stepped clock."""
        before = self._clock.now()
        after = before + round(drift * 1000)
        event = Event(
            device=MONITOR_DEVICE,
            kind="clock_stepped",
            time=after,
            arrived=after,
            id=f"clock-stepped-{before}-{after}",
            attributes={"seconds": round(drift, 3), "from": before, "to": after},
        )
        steps = [drift]

        def follow() -> None:
            while steps:
                self._clock.follow(steps.pop())

        while True:
            try:
                await self._journal.append([Batch(entries=[event])], first=follow)
            except JournalError:  # the intake says so
                await asyncio.sleep(1.0)
            else:
                return

    async def _stop(self, scheduler: AsyncIOScheduler) -> None:
        for timer in (timer for timers in self._timers.values() for timer in timers):
            timer.cancel()
        for bus in self._buses.values():
            bus.stop()
        if self._scheduler is not None:
            for interval in self._grids:
                scheduler.remove_job(_job_id(interval))
        elif scheduler.running:
            scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # it stops in the loop's next turn
        try:
            async with asyncio.timeout(_CLOSING):
                await asyncio.gather(*(bus.close() for bus in self._buses.values()))
        except TimeoutError:
            _LOG.warning("connections did not close in time", seconds=_CLOSING)


_Work = list[tuple[Bus, Unit, str]]


def _plans(buses: Iterable[Bus]) -> dict[float, dict[float, _Work]]:
    """What is due for each interval, by the seconds after the slot at which its connection starts."""
    by_interval: dict[float, dict[Bus, _Work]] = {}
    for bus in buses:
        for unit in bus.units.values():
            for scan, every in unit.device.scan.items():
                if every is not None:
                    by_interval.setdefault(every, {}).setdefault(bus, []).append((bus, unit, scan))
    plans: dict[float, dict[float, _Work]] = {}
    for interval, works in by_interval.items():
        plan = plans.setdefault(interval, {})
        polls = [len(work) for work in works.values()]
        for offset, work in zip(offsets(polls, interval), works.values(), strict=True):
            plan.setdefault(offset, []).extend(work)
    return plans


def _ask(work: Sequence[tuple[Bus, Unit, str]], slot: float) -> None:
    for bus, unit, scan in work:
        bus.ask(unit, scan, slot)


def _job_id(interval: float) -> str:
    return f"scan {interval:g} s"
