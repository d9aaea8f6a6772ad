"""What carries the journal to one sink: in order, in batches, for ever."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import Protocol, TypeVar

import structlog

from monitor.clocksync import ClockSync
from monitor.errors import JournalError, SinkRejected, SinkUnavailable
from monitor.journal.state import State, set_position
from monitor.model import Entry, Position, Reading, Recorded, Value
from monitor.ports import Gap, Sink
from monitor.sinks.deadletters import DeadLetters, Refused
from monitor.sinks.pace import Pace
from monitor.sinks.rejection import EntriesRejected, SinkMisconfigured
from monitor.sinks.retries import PastJournal, Retries

__all__ = ["Pace", "SinkRunner"]

_log = structlog.get_logger()

_BATCH = 5000
_PIECE = 4000
_GATHERED = 3 * _PIECE  # one is written, one is prepared, one gathers
_REASONS = 100


_Prepare = Callable[[Sequence[Recorded]], Coroutine[None, None, bool]]
"""What some sinks do with the batch after the one under way, before it is written: in the journal's order.

Answers whether what follows may be prepared, too.
"""

_PACE = Pace()


class PastPortion(Protocol):
    """Entries of the past, and how they are written."""

    @property
    def entries(self) -> Sequence[Recorded]:
        """The entries, in their order."""

    @property
    def write(self) -> Callable[[Sequence[Recorded]], Awaitable[None]]:
        """Writes some of them, as `Sink.write` does."""


P = TypeVar("P", bound=PastPortion)


class SinkRunner:
    """Follows the journal for a sink and keeps its position; nobody else waits for it.

    While one batch is under way the next one gathers, so that a sink that answers slowly gets larger batches; a
    sink that can (`prepare`) works it out meanwhile.

    After an outage what was missed is written in the journal's order, and the readings of this moment are written
    ahead of it before each batch. They are written again when their turn comes: the outcome is that of the
    journal's order, whatever overwrites what, and nothing has to be remembered of what went ahead.

    `clock`: what has to be right before the first write; None: nothing has to.
    """

    def __init__(  # noqa: PLR0913 - the parts it joins
        self,
        journal: PastJournal,
        state: State,
        sink: Sink,
        *,
        now: Callable[[], int],
        pace: Pace = _PACE,
        letters: DeadLetters | None = None,
        clock: ClockSync | None = None,
    ) -> None:
        self._journal = journal
        self._state = state
        self._sink = sink
        self._now = now
        self._pace = pace
        self._takes: Callable[[Entry], bool] | None = getattr(sink, "takes", None)
        self._clock = clock
        self._waits_for_clock = clock is not None
        self._waiting: deque[Recorded] = deque()
        self._live: deque[Recorded] = deque(maxlen=_BATCH)  # the oldest go first: their turn comes anyway
        self._change = asyncio.Condition()
        self._turn = asyncio.Lock()  # a sink is written to once at a time
        self._past = asyncio.Lock()  # held from reading something of the past until that is written
        self._letters = letters or DeadLetters(state, now)
        self._retries = Retries(
            self._letters,
            journal,
            sink=sink.name,
            write=self._write,
            unwritable=getattr(sink, "unwritable", lambda _: ""),
        )
        self._prepare: _Prepare | None = getattr(sink, "prepare", None)
        self._lingers: Callable[[], float] = getattr(sink, "lingers", float)
        self._position = Position(0)
        self._is_new = False
        self._facts: dict[str, Value] = {"last_success": 0, "last_error": "", "error_since": 0}
        self._counts = {"entries": 0, "rejected": 0, "gaps": 0, "ahead": 0}
        self._reasons: set[str] = set()

    async def run(self) -> None:
        """Carry until cancelled, then close the sink. What was not confirmed is carried after the next start."""
        try:
            await self._begin()
            if self._clock is not None:
                await self._clock.settled()
                self._waits_for_clock = False
            async with asyncio.TaskGroup() as group:
                group.create_task(self._gather(), name=f"{self._sink.name}-gather")
                group.create_task(self._watch(), name=f"{self._sink.name}-watch")
                group.create_task(self._carry(), name=f"{self._sink.name}-carry")
                group.create_task(self._retry(), name=f"{self._sink.name}-retry")
        finally:
            await self._sink.close()

    async def _begin(self) -> None:
        """Take up where it was, or note that it is new: what the journal had let go before is no gap to it."""
        name = self._sink.name
        self._is_new = not await self._state.query("SELECT 1 FROM positions WHERE consumer = ?", (name,))
        self._position = await self._state.position(name)
        if self._is_new:
            await self._insist(lambda: self._state.transact(lambda db: set_position(db, name, Position(0))))

    @property
    def name(self) -> str:
        """The sink's name."""
        return self._sink.name

    def busy_with(self) -> str:
        """What has to be over before anything of the past may be written; "" when nothing has."""
        if self._waits_for_clock:
            return "the clock"
        if self._facts["last_error"]:
            return str(self._facts["last_error"])
        return "what is newer" if self._journal.behind(self._position) > _BATCH else ""

    async def write_past(self, read: Callable[[], Awaitable[P]]) -> P:
        """Read something of the past and write it, in one turn; answer it.

        What is refused is buried. Raises SinkUnavailable and JournalError: nothing is lost, read it again.
        """
        async with self._past, self._turn:
            portion = await read()
            if portion.entries:
                await self._write_portion(portion, portion.entries)
        return portion

    async def _write_portion(self, portion: "PastPortion", entries: Sequence[Recorded]) -> None:
        try:
            await portion.write(entries)
        except EntriesRejected as error:
            refusals = _refusals(error)
            await self._bury([each for each in entries if each.position in refusals], refusals)
        except SinkRejected as error:
            if len(entries) == 1:
                await self._bury(entries, {entries[0].position: Refused(str(error))})
                return
            half = len(entries) // 2
            await self._write_portion(portion, entries[:half])
            await self._write_portion(portion, entries[half:])

    async def settled(self) -> None:
        """Return when no more of the past is under way that was read before this was called.

        Raises SinkUnavailable while a request may still be worked off of which no answer came.
        """
        async with self._past:
            left = self._lingers()
        if left:
            raise SinkUnavailable(f"{self.name} may still be writing what it has not answered: {left:.0f} s more")

    @property
    def position(self) -> Position:
        """How far in the journal everything is written."""
        return self._position

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`; described in docs/influxdb.md."""
        own: Mapping[str, Value] = getattr(self._sink, "status", dict)()
        lag = self._journal.behind(self._position)
        return {
            "position": self._position,
            "lag": lag,
            "waiting_for": "clock" if self._waits_for_clock else "",
            **self._facts,
            **self._counts,
            **self._letters.facts(self._sink.name),
            **own,
        }

    async def _gather(self) -> None:
        async for found in self._journal.follow(self._position):
            async with self._change:
                await self._change.wait_for(lambda: len(self._waiting) < _GATHERED)
                if isinstance(found, Gap):
                    await self._change.wait_for(lambda: not self._waiting)
                    await self._skip(found)
                else:
                    self._waiting.extend(found)
                    self._change.notify_all()

    async def _watch(self) -> None:
        """Hold the newest readings for as long as there is something older to be written."""
        takes = self._takes
        async for found in self._journal.follow(self._journal.last):
            if not isinstance(found, Gap):
                self._live.extend(
                    each for each in found if type(each.entry) is Reading and (takes is None or takes(each.entry))
                )

    async def _write_ahead(self, batch: Sequence[Recorded], *, failed: bool) -> None:
        """Write the readings of this moment before a batch, when they would have to wait for more than it.

        Not while the batch itself is of this moment: what comes fast would all be written twice.
        """
        newest = batch[-1]
        self._forget_live(newest.position)
        if not self._live:
            return
        is_old = self._live[-1].recorded - newest.recorded >= self._pace.interval * 1000
        if not failed and not (is_old and self._journal.behind(newest.position) > _BATCH):
            return
        readings = list(self._live)
        with contextlib.suppress(SinkRejected):  # the bad ones are buried when their turn comes
            await self._write(readings)
        self._forget_live(readings[-1].position)
        self._counts["ahead"] += len(readings)

    def _forget_live(self, until: Position) -> None:
        while self._live and self._live[0].position <= until:
            self._live.popleft()

    async def _carry(self) -> None:
        following: list[Recorded] = []
        is_prepared = False
        written: Position | None = None  # but not confirmed yet
        while True:
            began = monotonic()
            async with self._change:
                await self._change.wait_for(lambda: self._waiting)
                batch = following or list(islice(self._waiting, _PIECE))
                following = list(islice(self._waiting, len(batch), len(batch) + _PIECE))
            if len(following) < _PIECE:  # more will have come for it until its turn
                following = []
            if following and self._prepare is not None and not is_prepared:
                is_prepared = await self._prepare(batch)  # it may have to wait for its turn: never behind the next
            prepared = None
            async with asyncio.TaskGroup() as group:
                if written is not None:
                    group.create_task(self._confirm(written), name=f"{self._sink.name}-confirm")
                if following and self._prepare is not None and is_prepared:
                    prepared = group.create_task(self._prepare(following), name=f"{self._sink.name}-prepare")
                await self._deliver(batch)
            is_prepared = prepared is not None and prepared.result()
            written = batch[-1].position
            if not following:  # else the next batch need not wait for the disk
                await self._confirm(written)
                written = None
            async with self._change:
                for _ in batch:
                    self._waiting.popleft()
                self._change.notify_all()
            if self._journal.behind(batch[-1].position) < _BATCH // 2:
                await asyncio.sleep(max(0.0, self._pace.interval - (monotonic() - began)))

    async def _skip(self, gap: Gap) -> None:
        if self._is_new and self._position == 0:
            _log.info("sink_begins", sink=self._sink.name, after=gap.until)
        else:
            _log.error("sink_gap", sink=self._sink.name, after=gap.after, until=gap.until, reason=gap.reason)
            self._counts["gaps"] += 1
        await self._confirm(gap.until)

    async def _deliver(self, batch: Sequence[Recorded]) -> None:
        """Return once every entry of the batch is written or buried."""
        attempt = 0
        while True:
            try:
                await self._write_ahead(batch, failed=attempt > 0)
                await self._write(batch)
            except EntriesRejected as error:
                refusals = _refusals(error)
                await self._bury([each for each in batch if each.position in refusals], refusals)
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

    async def _write(self, batch: Sequence[Recorded]) -> None:
        async with self._turn:
            await self._sink.write(batch)

    async def _halve(self, batch: Sequence[Recorded], reason: str) -> None:
        if len(batch) == 1:
            await self._bury(batch, {batch[0].position: Refused(reason)})
            return
        half = len(batch) // 2
        await self._deliver(batch[:half])
        await self._deliver(batch[half:])

    async def _bury(self, rejected: Sequence[Recorded], refusals: Mapping[Position, Refused]) -> None:
        for each in rejected:
            reason = refusals[each.position].reason
            known = "".join(letter for letter in reason if not letter.isdigit())
            if known not in self._reasons and len(self._reasons) < _REASONS:
                self._reasons.add(known)
                _log.error("sink_rejected", sink=self._sink.name, position=each.position, reason=reason)
        await self._insist(lambda: self._letters.bury(self._sink.name, rejected, refusals))
        self._facts["last_rejection"] = refusals[rejected[-1].position].reason
        self._counts["rejected"] += len(rejected)

    async def _retry(self) -> None:
        """Try dead letters again when somebody has asked for it; an outage here holds up nothing else."""
        await self._insist(self._letters.load)
        asked, attempt = self._letters.asked(self._sink.name), 0
        asked.set()  # somebody may have asked before the last end
        while True:
            await asked.wait()
            try:
                async with self._past:
                    await self._retries.once()
            except (SinkUnavailable, JournalError) as error:
                asked.set()
                chance = random.random()  # noqa: S311 - spreads the load, keeps no secret
                await asyncio.sleep(self._pace.pause(error, attempt, chance))
                attempt += 1
            else:
                attempt = 0

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
        what_to_do = error.what_to_do if isinstance(error, SinkMisconfigured) else ""
        self._facts |= {"last_error": str(error), "what_to_do": what_to_do}
        chance = random.random()  # noqa: S311 - spreads the load, keeps no secret
        await asyncio.sleep(self._pace.pause(error, attempt, chance))

    def _succeeded(self, entries: int) -> None:
        if self._facts["last_error"]:
            _log.info("sink_up", sink=self._sink.name, since=self._facts["error_since"])
            self._facts |= {"last_error": "", "error_since": 0}
            self._facts.pop("problem", None)
            self._facts.pop("what_to_do", None)
        self._facts["last_success"] = self._now()
        self._counts["entries"] += entries


def _refusals(error: EntriesRejected) -> Mapping[Position, Refused]:
    return {
        position: Refused(reason, error.lines.get(position, b"")) for position, reason in error.reasons.items()
    }
