"""What the monitor says of itself every ten seconds: the device `facility-monitor`, by way of the journal.

It lies beside the health of devices, above the journal: it reads facts of parts that it does not know (they are
handed over as callables), and what it says is judged, written out and shown like what any device says.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from monitor.errors import JournalError
from monitor.journal.state import State
from monitor.model import Derived, Value
from monitor.ports import Batch, Journal
from monitor.profiles.itself import REPORT_EVERY
from monitor.schema import MEASUREMENT_MONITOR, MONITOR_DEVICE

__all__ = ["LoopLag", "SelfReport", "Sources"]

_LOOK = 0.25
_MB = 1e6
_HOUR = 3_600_000
_COUNTS = """
    SELECT (SELECT count(*) FROM dead_letters) AS dead_letters,
           (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending', 'failed')
                                          AND (state = 'failed' OR next_at <= :now)) AS notify_waiting,
           (SELECT count(*) FROM outbox WHERE state = 'failed')
           + (SELECT count(*) FROM outbox WHERE state = 'dead' AND expires > :now - :hour) AS notify_failed,
           (SELECT count(*) FROM channel_state WHERE refused OR failures >= 3) AS channels_failing
"""
"""A message that failed for good counts until an hour after it would have expired. Indices answer all of it: the
outbox keeps a year of messages."""

_COUNTED = ("dead_letters", "notify_waiting", "notify_failed", "channels_failing")

Facts = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the facts come from; each callable answers those of this moment."""

    readings: Callable[[], int]
    down: Callable[[], int]
    journal: Callable[[], Facts]
    poller: Callable[[], Facts]
    sinks: Callable[[], Mapping[str, Facts]]
    alarms: Callable[[], Facts]
    state: State
    folder: Path
    synchronised: Callable[[], bool]


class LoopLag:
    """How late the event loop is at worst: whatever holds it up, holds this up too."""

    def __init__(self, look: float = _LOOK) -> None:
        self._look = look
        self._worst = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began = monotonic()
            await asyncio.sleep(self._look)
            self._worst = max(self._worst, monotonic() - began - self._look)

    def take(self) -> float:
        """Seconds, at worst, since the last call."""
        worst, self._worst = self._worst, 0.0
        return worst


class SelfReport:
    """Appends one Derived `facility_monitor` each `every` seconds; `newest` is what the last one said.

    `measures_lag`: whether how late the loop is says anything: not where its time is not the true one.
    """

    def __init__(  # noqa: PLR0913 - what it reports of, and how often
        self,
        journal: Journal,
        sources: Sources,
        *,
        now: Callable[[], int],
        version: str,
        every: float = REPORT_EVERY,
        measures_lag: bool = True,
    ) -> None:
        self._journal = journal
        self._sources = sources
        self._now = now
        self._version = version
        self._every = every
        self._lag = LoopLag()
        self._measures_lag = measures_lag
        self._readings = 0
        self.newest: Mapping[str, Value] = {}

    async def run(self) -> None:
        """Report until cancelled; what cannot be kept is not said."""
        async with asyncio.TaskGroup() as group:
            if self._measures_lag:
                group.create_task(self._lag.run(), name="loop lag")
            while True:
                with contextlib.suppress(JournalError):  # journal and state log their own failures
                    await self.report()
                await asyncio.sleep(self._every)

    async def report(self) -> None:
        """Say once how the monitor does."""
        self.newest = values = await self._values()
        derived = Derived(
            producer="itself",
            key="",
            device=MONITOR_DEVICE,
            time=self._now(),
            measurement=MEASUREMENT_MONITOR,
            values=values,
            attributes={"version": self._version},
        )
        await self._journal.append([Batch(entries=[derived])])

    async def _values(self) -> dict[str, Value]:
        sources, now = self._sources, self._now()
        counts = (await sources.state.query(_COUNTS, {"now": now, "hour": _HOUR}))[0]
        journal, sinks, alarms = sources.journal(), list(sources.sinks().values()), sources.alarms()
        readings, before = sources.readings(), self._readings
        self._readings = readings
        disk = shutil.disk_usage(sources.folder)
        values: dict[str, Value] = {
            "readings": readings - before,
            "readings_dropped": int(sources.poller().get("dropped") or 0),
            "devices_down": sources.down(),
            "journal_lag": max((int(sink.get("lag") or 0) for sink in sinks), default=0),
            "journal_mb": round(float(journal.get("size_bytes") or 0) / _MB, 3),
            "journal_over_size": bool(journal.get("over_size")),
            "journal_replaced": bool(journal.get("moved_aside")),
            "journal_left_h": round(float(journal.get("hours_left") or 0), 1),
            "state_restored": bool(journal.get("state_restored")),
            "ledger_replaced": bool(journal.get("ledger_replaced")),
            "ledger_failing": bool(journal.get("ledger_failing")),
            "access_replaced": bool(journal.get("access_replaced")),
            "access_failing": bool(journal.get("access_failing")),
            "sink_down_s": max((_since(sink, now) for sink in sinks), default=0.0),
            "rules_failing": int(alarms.get("failing_rules") or 0),
            "engine_lag_s": round(float(alarms.get("lag_s") or 0.0), 1),
            "alarm_flood": bool(alarms.get("flooding")),
            "loop_lag_ms": round(self._lag.take() * 1000, 3),
            "rss_mb": round(_resident() / _MB, 3),
            "disk_free_pct": round(100 * disk.free / disk.total, 2),
            "clock_synchronised": sources.synchronised(),
            **{name: int(counts[name]) for name in _COUNTED},
        }
        writes = [float(took) for sink in sinks if (took := sink.get("write_ms_p95")) is not None]
        return values | ({"write_ms_p95": max(writes)} if writes else {})


def _since(sink: Facts, now: int) -> float:
    since = int(sink.get("error_since") or 0)
    return max(0.0, (now - since) / 1000) if since else 0.0


def _resident() -> int:
    """Bytes of memory that the process holds; source: proc(5), statm."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
