"""What carries the journal to one sink: in order, in batches, for ever."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic

import structlog

from monitor.errors import JournalError, SinkRejected, SinkUnavailable
from monitor.journal.state import State, set_position
from monitor.model import Position, Recorded, Value
from monitor.ports import Gap, Journal, Sink
from monitor.sinks.deadletters import bury
from monitor.sinks.rejection import EntriesRejected, SinkMisconfigured

__all__ = ["Pace", "SinkRunner"]

_log = structlog.get_logger()

_BATCH = 5000
_REASONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds: between two batches while little is to be written, and the first and longest pause of an outage.

    A wrong setting is tried again after the longest.
    """

    interval: float = 1.0
    first: float = 1.0
    longest: float = 60.0


_PACE = Pace()


class SinkRunner:
    """Follows the journal for a sink and keeps its position; nobody else waits for it.

    While one batch is under way the next one gathers, so that a sink that answers slowly gets larger batches.
    """

    def __init__(
        self,
        journal: Journal,
        state: State,
        sink: Sink,
        *,
        now: Callable[[], int],
        pace: Pace = _PACE,
    ) -> None:
        self._journal = journal
        self._state = state
        self._sink = sink
        self._now = now
        self._pace = pace
        self._waiting: deque[Recorded] = deque()
        self._change = asyncio.Condition()
        self._position = Position(0)
        self._facts: dict[str, Value] = {"last_success": 0, "last_error": "", "error_since": 0}
        self._counts = {"entries": 0, "rejected": 0, "gaps": 0}
        self._reasons: set[str] = set()

    async def run(self) -> None:
        """Carry until cancelled, then close the sink. What was not confirmed is carried after the next start."""
        try:
            self._position = await self._state.position(self._sink.name)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._gather(), name=f"{self._sink.name}-gather")
                group.create_task(self._carry(), name=f"{self._sink.name}-carry")
        finally:
            await self._sink.close()

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`; described in docs/influxdb.md."""
        own: Mapping[str, Value] = getattr(self._sink, "status", dict)()
        lag = max(0, self._journal.last - self._position)
        return {"position": self._position, "lag": lag, **self._facts, **self._counts, **own}

    async def _gather(self) -> None:
        async for found in self._journal.follow(self._position):
            async with self._change:
                await self._change.wait_for(lambda: len(self._waiting) < _BATCH)
                if isinstance(found, Gap):
                    await self._change.wait_for(lambda: not self._waiting)
                    await self._skip(found)
                else:
                    self._waiting.extend(found)
                    self._change.notify_all()

    async def _carry(self) -> None:
        while True:
            began = monotonic()
            async with self._change:
                await self._change.wait_for(lambda: self._waiting)
                batch = list(islice(self._waiting, _BATCH))
            await self._deliver(batch)
            await self._confirm(batch[-1].position)
            async with self._change:
                for _ in batch:
                    self._waiting.popleft()
                self._change.notify_all()
            if len(self._waiting) < _BATCH // 2:
                await asyncio.sleep(max(0.0, self._pace.interval - (monotonic() - began)))

    async def _skip(self, gap: Gap) -> None:
        _log.error("sink_gap", sink=self._sink.name, after=gap.after, until=gap.until, reason=gap.reason)
        self._counts["gaps"] += 1
        await self._confirm(gap.until)

    async def _deliver(self, batch: Sequence[Recorded]) -> None:
        """Return once every entry of the batch is written or buried."""
        attempt = 0
        while True:
            try:
                await self._sink.write(batch)
            except EntriesRejected as error:
                await self._bury([each for each in batch if each.position in error.reasons], error.reasons)
                break
            except SinkRejected as error:
                await self._halve(batch, str(error))
                return
            except (SinkUnavailable, JournalError) as error:
                await self._wait(error, attempt)
                attempt += 1
            else:
                break
        self._succeeded(len(batch))

    async def _halve(self, batch: Sequence[Recorded], reason: str) -> None:
        if len(batch) == 1:
            await self._bury(batch, {batch[0].position: reason})
            return
        half = len(batch) // 2
        await self._deliver(batch[:half])
        await self._deliver(batch[half:])

    async def _bury(self, rejected: Sequence[Recorded], reasons: Mapping[Position, str]) -> None:
        for each in rejected:
            reason = reasons[each.position]
            known = "".join(letter for letter in reason if not letter.isdigit())
            if known not in self._reasons and len(self._reasons) < _REASONS:
                self._reasons.add(known)
                _log.error("sink_rejected", sink=self._sink.name, position=each.position, reason=reason)
        await self._insist(lambda: bury(self._state, self._sink.name, rejected, reasons, self._now()))
        self._counts["rejected"] += len(rejected)

    async def _confirm(self, position: Position) -> None:
        name = self._sink.name
        await self._insist(lambda: self._state.transact(lambda db: set_position(db, name, position)))
        self._position = position
        self._journal.acknowledge(name, position)

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        attempt = 0
        while True:
            try:
                await work()
            except JournalError as error:
                await self._wait(error, attempt)
                attempt += 1
            else:
                return

    async def _wait(self, error: SinkUnavailable | JournalError, attempt: int) -> None:
        """Log the first failure, and the first of another kind, then pause."""
        kind = type(error).__name__
        if self._facts["last_error"] == "" or self._facts.get("problem") != kind:
            self._facts |= {"problem": kind, "error_since": self._now()}
            _log.error("sink_down", sink=self._sink.name, problem=kind, error=str(error))
        self._facts["last_error"] = str(error)
        pace = self._pace
        slowly = isinstance(error, SinkMisconfigured)
        pause = pace.longest if slowly else min(pace.longest, pace.first * 2.0 ** min(attempt, 32))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads the load, keeps no secret
        wish = error.retry_after if isinstance(error, SinkUnavailable) else None
        await asyncio.sleep(pause if wish is None else max(pause, wish))

    def _succeeded(self, entries: int) -> None:
        if self._facts["last_error"]:
            _log.info("sink_up", sink=self._sink.name, since=self._facts["error_since"])
            self._facts |= {"last_error": "", "error_since": 0}
            self._facts.pop("problem", None)
        self._facts["last_success"] = self._now()
        self._counts["entries"] += entries
