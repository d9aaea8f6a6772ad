"""Judging from memory while nothing can be recorded: people hear of a flood although the disk is full.

A second engine goes on from what the first had kept. Nothing it finds is kept: when recording works again it is
forgotten, and what waited in memory and at the brokers is judged anew, from the journal, as everything is.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from typing import Any

import structlog

from monitor.alarms import keep
from monitor.errors import JournalError
from monitor.journal.codec import identity
from monitor.journal.state import State
from monitor.model import Entry, Event, Position, Reading, Recorded
from monitor.notices import Notice, NoticeKind
from monitor.ports import Batch, Intake
from monitor.site import Site
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from rules.surroundings import Surroundings

__all__ = ["Tell", "Unrecorded"]

_LOG = structlog.get_logger()

_WAITING = 20_000
_LOOK_EVERY = 5.0
_SHORTEST = 0.01
_SETTLE = 100

Tell = Callable[[Notice, set[tuple[str, str]]], Coroutine[Any, Any, None]]
"""Tells people of a notice directly, and notes in the set whom (person, channel) it may have reached."""


class Unrecorded:
    """Hears what is read while the journal takes nothing, and has people told of the alarms in it.

    `hear` and `listening` cost nothing while recording works. `now` answers UTC ms.
    """

    def __init__(self, state: State, site: Site, *, now: Callable[[], int], tell: Tell) -> None:
        self._state = state
        self._site = site
        self._now = now
        self._tell = tell
        self._heard: deque[Entry] | None = None
        self._wake = asyncio.Event()
        self._seen: set[tuple[object, ...]] = set()

    def hear(self, entry: Entry) -> None:
        """Judge an entry from memory, if that is what happens now."""
        if self._heard is not None:
            self._heard.append(entry)
            self._wake.set()

    def listening(self, append: Intake) -> Intake:
        """Wrap `Journal.append`, so that what it refuses is heard."""

        async def intake(batches: Sequence[Batch], *, settled: Collection[str] = ()) -> Position:
            try:
                return await append(batches, settled=settled)
            except JournalError:
                for batch in batches:
                    for entry in batch.entries:
                        self.hear(entry)
                raise

        return intake

    async def run(self) -> None:
        """Judge from memory until cancelled, which forgets all of it."""
        self._heard = deque(maxlen=_WAITING)
        self._seen.clear()
        try:
            engine = await self._engine()
            async with asyncio.TaskGroup() as group:
                aloud = _Aloud(group, self._tell)
                while True:
                    aloud.take(await self._turn(engine))
        except Exception:  # noqa: BLE001 - a defect in here must not end what waits for the disk
            _LOG.exception("alarms_not_judged_from_memory")
        finally:
            self._heard = None

    async def _engine(self) -> Engine:
        engine = Engine(list(self._site.rules.values()), Surroundings.of(self._site))
        kept: Iterable[Row] = ()
        try:
            kept = await keep.memory_of(self._state)
        except JournalError as error:
            _LOG.warning("alarms_judged_without_the_past", error=str(error))
        engine.load(kept, self._now())
        return engine

    async def _turn(self, engine: Engine) -> Effects:
        """Judge what was heard; when nothing is for a while, let time pass."""
        due = engine.due()
        wait = _LOOK_EVERY if due is None else (due + _SETTLE - self._now()) / 1000
        try:
            async with asyncio.timeout(max(_SHORTEST, min(_LOOK_EVERY, wait))):
                await self._wake.wait()
        except TimeoutError:
            return engine.tick(self._now() - _SETTLE)
        self._wake.clear()
        heard, self._heard = self._heard or deque(), deque(maxlen=_WAITING)
        stamp = self._now()
        fresh = [
            Recorded(position=Position(0), recorded=stamp, entry=each) for each in heard if self._is_new(each)
        ]
        return engine.judge(fresh)

    def _is_new(self, entry: Entry) -> bool:
        """Whether an entry was not heard before: a broker's message comes again until it is recorded."""
        if not isinstance(entry, Event | Reading):
            return False
        key = ("reading", entry.device, entry.time) if isinstance(entry, Reading) else ("event", identity(entry))
        if key in self._seen:
            return False
        if len(self._seen) > _WAITING:
            self._seen.clear()
        self._seen.add(key)
        return True


class _Aloud:
    """Tells of alarms that begin and end, each to whoever heard of its beginning."""

    def __init__(self, group: asyncio.TaskGroup, tell: Tell) -> None:
        self._group = group
        self._tell = tell
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, set[tuple[str, str]]] = {}
        self._late: set[tuple[str, str]] = set()

    def take(self, effects: Effects) -> None:
        """Begin to tell of each step that people have to know."""
        for step in effects.steps:
            occurrence = step.transition.occurrence
            if step.momentary:  # it has no end to be told of
                if step.notice is NoticeKind.RAISE and self._is_news(step):
                    self._begin(_notice(step, step.notice), set())
            elif step.notice in {NoticeKind.RAISE, NoticeKind.SEVERITY, NoticeKind.CHATTER}:
                self._hush(occurrence)
                told = self._told.setdefault(occurrence, set())
                self._telling[occurrence] = self._begin(_notice(step, step.notice), told)
            elif step.notice is NoticeKind.CLEAR and occurrence in self._told:
                self._hush(occurrence)
                told = self._told.pop(occurrence)
                self._begin(_notice(step, step.notice, frozenset(told)), set())

    def _is_news(self, step: Step) -> bool:
        """Whether an event is told: of those out of a reader's backlog the first does; all are told once kept."""
        key = (step.rule.id, step.transition.device)
        is_known = step.transition.late and key in self._late
        if step.transition.late:
            self._late.add(key)
        return not is_known

    def _hush(self, occurrence: str) -> None:
        telling = self._telling.pop(occurrence, None)
        if telling is not None:
            telling.cancel()

    def _begin(self, notice: Notice, told: set[tuple[str, str]]) -> asyncio.Task[None]:
        return self._group.create_task(self._safely(notice, told))

    async def _safely(self, notice: Notice, told: set[tuple[str, str]]) -> None:
        try:
            await self._tell(notice, told)
        except Exception:  # noqa: BLE001 - one alarm that cannot be told must not end the others
            _LOG.exception("alarm_not_told", rule=notice.rule.id)


def _notice(step: Step, kind: NoticeKind, told: frozenset[tuple[str, str]] = frozenset()) -> Notice:
    return Notice(
        kind=kind,
        transition=step.transition,
        rule=step.rule,
        source=step.source,
        raised_at=step.raised_at,
        told=told,
    )
