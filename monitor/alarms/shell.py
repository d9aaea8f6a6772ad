"""The shell of the rules engine: hands it the journal and the time, and keeps what comes of it.

The engine's memory, the steps of alarms, the messages to people and the applied position are one transaction, so
that a kill at any instant loses nothing and doubles nothing.
"""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from monitor.alarms import booking, casebook, keep
from monitor.errors import JournalError
from monitor.journal.state import State, set_position
from monitor.model import SHADOW, Command, Event, Position, Recorded, Value
from monitor.notices import Router
from monitor.ports import Gap, Journal
from monitor.site import Rule, Site
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from rules.surroundings import Surroundings
from rules.timeline import is_clock_step

__all__ = ["Alarms"]

_log = structlog.get_logger()

_COMMIT_EVERY = 1.0
_COMMIT_MANY_EVERY = 5.0
_MANY = 200
"""So many rows are written less often, unless an alarm makes a step: judged again, the same comes of it."""
_SETTLE = 0.1
_SHORTEST = 0.01
_LOOK_EVERY = 5.0
_AFTER_FAILURE = 1.0
_STEP = 1000
_STEP_IS_TOLD_WITHIN = 5000
_DAY = 86_400_000
_KEEP_DAYS = 400


class Alarms:
    """The consumer of the journal that judges by rules; the only writer of alarm state.

    `now` answers UTC ms, `monotonic` seconds that no clock setting moves. `woken` is called after messages were
    put into the outbox. `applied` is the position that the state on disk matches; `progress` grows while it moves.
    `failing`: rules that failed since the start, and how.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        journal: Journal,
        state: State,
        site: Site,
        router: Router,
        now: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        self._journal = journal
        self._state = state
        self._site = site
        self._router = router
        self._time = _SteadyClock(now, monotonic)
        self._monotonic = monotonic
        self._woken = woken
        around = Surroundings.of(site)
        self._devices = around.devices
        self._engine = Engine(list(site.rules.values()), around)
        self._batches: asyncio.Queue[Sequence[Recorded] | Gap] = asyncio.Queue(1)
        self._position = Position(0)
        self._boundary = Position(0)
        self._resumed = False
        self._steps: list[Step] = []
        self._commands: list[Command] = []
        self._committed_at = 0.0
        self._pause = _COMMIT_EVERY
        self._is_dirty = False
        self._was_flooding = False
        self._pruned_at = 0
        self._goal = (Position(0), monotonic())
        self.failing: dict[str, str] = {}
        self.raised: Counter[str] = Counter()
        """How many alarms were raised since the start, by severity."""
        self.applied = Position(0)
        self.progress = 0

    def status(self) -> Mapping[str, Value]:
        """Answer facts for `status`: rules, how far the journal is judged, alarms raised since the start."""
        return {
            "rules": len(self._site.rules),
            "applied": self.applied,
            "behind": self._journal.last > self.applied,
            "raised": self.raised.total(),
            "failing_rules": len(self.failing),
            "lag_s": self._lag(),
            "flooding": self._engine.flooding,
        }

    def _lag(self) -> float:
        """Seconds for which entries have certainly waited, found out by asking again and again."""
        goal, since = self._goal
        if self.applied >= goal:
            self._goal = (self._journal.last, self._monotonic())
            return 0.0
        return self._monotonic() - since

    @property
    def rules(self) -> Collection[Rule]:
        """The rules that are judged, in the order of the settings."""
        return self._site.rules.values()

    @property
    def learning(self) -> frozenset[str]:
        """Ids of the rules that do not know yet what is usual."""
        return self._engine.learning

    async def run(self) -> None:
        """Judge until cancelled, from where the state says that it had come to."""
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(self._position), name="alarms follow")
            while True:
                await self._turn()
                self.progress += 1

    # Starting -----------------------------------------------------------------------------------------

    async def _load(self) -> None:
        self._boundary = self._journal.last
        self._position = self.applied = await self._state.position(keep.NAME)
        kept = await self._state.transact(self._read)
        self._take(self._engine.load(kept, self._time.now()))
        self._resume_when_caught_up()
        if self._steps:
            await self._commit()

    def _read(self, db: sqlite3.Connection) -> Sequence[Row]:
        shadows = [rule.id for rule in self._site.rules.values() if rule.params.shadow]
        keep.note_shadows(db, shadows, self._time.now())
        return keep.read_memory(db)

    def _resume_when_caught_up(self) -> None:
        """Once what was recorded before this start is judged, leave out the time until now."""
        if not self._resumed and self._position >= self._boundary:
            self._resumed = True
            self._take(self._engine.resume(self._time.now()))
            self._is_dirty = True

    async def _follow(self, position: Position) -> None:
        while True:
            try:
                async for batch in self._journal.follow(position):
                    await self._batches.put(batch)
                    position = batch.until if isinstance(batch, Gap) else batch[-1].position
            except JournalError as error:
                _log.warning("alarms_cannot_read_the_journal", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    # One turn -----------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        batch = await self._next()
        if isinstance(batch, Gap):
            _log.warning("alarms_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
            self._position = batch.until
            self._is_dirty = True
            self._resume_when_caught_up()
        elif batch:
            self._judge(batch)
        else:
            self._tick()
        if (
            self._steps
            or self._commands
            or (self._is_dirty and self._monotonic() - self._committed_at >= self._pause)
        ):
            await self._commit()

    async def _next(self) -> Sequence[Recorded] | Gap | None:
        try:
            async with asyncio.timeout(self._patience()):
                return await self._batches.get()
        except TimeoutError:
            return None

    def _patience(self) -> float:
        """Seconds that may pass without an entry: until a tick is due, or memory has to be kept."""
        waits = [_LOOK_EVERY]
        due = self._engine.due()
        if due is not None:
            waits.append((due - self._time.now()) / 1000 + _SETTLE)
        if self._is_dirty:
            waits.append(self._committed_at + self._pause - self._monotonic())
        return max(_SHORTEST, min(waits))

    def _judge(self, batch: Sequence[Recorded]) -> None:
        before = () if self._resumed else [item for item in batch if item.position <= self._boundary]
        for part in (before, batch[len(before) :]):
            if part:
                self._take(self._engine.judge(part))
                self._position = part[-1].position
            self._resume_when_caught_up()
        self._commands += [
            item.entry for item in batch if type(item.entry) is Command and item.entry.kind in booking.BOOKS
        ]
        self._is_dirty = True
        if any(type(item.entry) is Event and is_clock_step(item.entry) for item in batch):
            self._time.follow()

    def _tick(self) -> None:
        """Let time pass for the engine, once every entry stamped before has certainly been judged."""
        due = self._engine.due()
        now = self._time.now() - round(_SETTLE * 1000)
        is_behind = not self._batches.empty() or self._position < self._journal.last
        if due is None or due > now or is_behind:
            return
        while due is not None and due <= now:  # at the very times at which a replay does it
            self._take(self._engine.tick(due))
            due = self._engine.due()
        self._is_dirty = True

    def _take(self, effects: Effects) -> None:
        self._steps += effects.steps
        if self._engine.flooding is not self._was_flooding:
            self._was_flooding = self._engine.flooding
            _log.warning("alarms_flood") if self._was_flooding else _log.info("alarms_flood_is_over")
        for command, reason in effects.refused:
            _log.info("command_refused", command=command, reason=reason)
        for rule, error in effects.failures:
            self.failing[rule] = error
            _log.error(
                "rule_failed", rule=rule, error=error, what_to_do="correct the rule; its alarms stay as they are"
            )
        for step in effects.steps:
            if step.transition.cause == "raised" and SHADOW not in step.transition.suppression:
                self.raised[step.transition.severity] += 1

    # Keeping ------------------------------------------------------------------------------------------

    async def _commit(self) -> None:
        """Keep everything up to the position; tried again until it is kept, and nothing is judged meanwhile."""
        rows, steps, position, now = self._engine.dump_changed(), self._steps, self._position, self._time.now()
        is_new_day = now - self._pruned_at > _DAY
        is_failing = False
        while True:
            try:
                messages = await self._state.transact(
                    lambda db: self._write(db, rows, steps, position, now, prunes=is_new_day)
                )
                break
            except JournalError as error:
                if not is_failing:
                    _log.error("alarms_cannot_be_kept", error=str(error))
                is_failing = True
                self.progress += 1
                await asyncio.sleep(_AFTER_FAILURE)
        if is_failing:
            _log.info("alarms_are_kept_again")
        self._steps, self._commands = [], []
        self._is_dirty, self._committed_at = False, self._monotonic()
        self._pause = _COMMIT_MANY_EVERY if len(rows) > _MANY else _COMMIT_EVERY
        self._pruned_at = now if is_new_day else self._pruned_at
        self.applied = position
        self._journal.acknowledge(keep.NAME, position)
        if messages:
            self._woken()

    def _write(  # noqa: PLR0913 - all that is kept at once
        self,
        db: sqlite3.Connection,
        rows: Sequence[Row],
        steps: Sequence[Step],
        position: Position,
        now: int,
        *,
        prunes: bool,
    ) -> int:
        keep.write_memory(db, rows)
        keep.write_steps(db, steps, self._devices)
        for command, reason in booking.book(db, self._commands):
            _log.info("command_refused", command=command, reason=reason)
        messages = keep.tell(db, steps, self._router, now)
        messages += casebook.tell(db, self._commands, self._site, self._router, now)
        if prunes:
            keep.prune(db, now - _KEEP_DAYS * _DAY)
        set_position(db, keep.NAME, position)
        return messages


class _SteadyClock:
    """UTC ms that follows a step of the wall clock only when the journal has told the engine of it."""

    def __init__(self, now: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._now = now
        self._monotonic = monotonic
        self._lead: int | None = None
        self._stepped_at: int | None = None

    def now(self) -> int:
        steady = round(self._monotonic() * 1000)
        lead = self._now() - steady
        if self._lead is None:
            self._lead = lead
        if abs(lead - self._lead) <= _STEP:
            self._stepped_at = None
        elif self._stepped_at is None:
            self._stepped_at = steady
        elif steady - self._stepped_at > _STEP_IS_TOLD_WITHIN:
            self._lead, self._stepped_at = lead, None
        return steady + self._lead

    def follow(self) -> None:
        """Take the wall clock's word from now on."""
        self._lead = self._stepped_at = None
