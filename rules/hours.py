"""Rules that count only in some hours, and limits that are others in some hours. Pure; schedules are UTC ms."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from monitor.calendars import Schedule
from monitor.model import Event, Value
from monitor.site import Rule, Source
from rules.effects import Effects
from rules.kind import EventJudge, PointJudge
from rules.machine import TRUE_WORD, Machine
from rules.states import CLEAR, RECOVERING, number
from rules.timeline import Timeline

__all__ = ["HourlyJudge", "ScheduledEvents", "ScheduledMachine"]

_UNKNOWN = "unknown"


class ScheduledMachine(Machine):
    """An alarm whose condition is false outside of its hours, whatever the judge says.

    What the judge said last is remembered (`word`, None: that it is false), since it need not say it again when
    the hours begin. `edge` is when they change next (UTC ms), as long as that matters.
    """

    kept = (*Machine.kept, "word", "in_hours")
    __slots__ = ("_edge", "_offset", "_schedule", "_zone", "in_hours", "word")

    def __init__(  # noqa: PLR0913, PLR0917 - as a machine, and the hours
        self,
        rule: Rule,
        source: Source,
        severities: tuple[str, ...],
        time: Timeline,
        effects: Effects,
        schedule: Schedule,
        zone: ZoneInfo,
    ) -> None:
        super().__init__(rule, source, severities, time, effects)
        self._schedule = schedule
        self._zone = zone
        self._edge: int | None = None
        self._offset: int | None = None
        self.in_hours: bool | None = None
        self.word: list[Any] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it is clear, and will be until the judge says something else."""
        return super().is_idle and self.word is None

    @property
    def is_lost(self) -> bool:
        """Whether nothing is known."""
        return super().is_lost or (self.word is not None and self.word[0] == _UNKNOWN)

    def true(self, level: int, value: Value | None, limit: float | None, at: int, *, silent: bool = False) -> None:
        """The condition holds; heeded within the hours."""
        self._follow()
        self.word = [TRUE_WORD, level, number(value), limit, silent]
        self.changed = True
        if self.in_hours:
            super().true(level, value, limit, at, silent=silent)

    def false(self, value: Value | None, at: int) -> None:
        """The condition does not hold."""
        self._follow()
        if self.word is not None:
            self.word = None
            self.changed = True
        super().false(value, at)

    def unknown(self, at: int, known_until: int | None = None) -> None:
        """Nothing is known; outside of the hours it is false all the same."""
        self._follow()
        if self.word is not None or not self.in_hours:
            self.word = [_UNKNOWN]
            self.changed = True
        if self.in_hours:
            super().unknown(at, known_until)

    def resume(self, stopped: int, started: int, *, keeps_word: bool = False) -> None:
        """Leave out the time between; the hours may have changed meanwhile."""
        was = self.in_hours
        if self.word is not None and not keeps_word:
            # Where silence means something, it has to last first: it begins with the start.
            self.word = None if self.minds_silence else [_UNKNOWN]
            self.changed = True
        self._look()
        super().resume(stopped, started, keeps_word=keeps_word or not (was or self.in_hours))
        if was is not None and was is not self.in_hours:
            self._turn(started)

    def due(self) -> int | None:
        """When time alone changes something: the hours are part of it."""
        due = super().due()
        if self.is_idle or not self._time.now:
            return due
        if self._offset != self._time.offset:
            return self._time.now
        if self._edge is None:
            return due
        edge = self._edge + self._time.offset
        return edge if due is None else min(due, edge)

    def tick(self, now: int) -> None:
        """Do what is due by `now`."""
        self._follow()
        super().tick(now)

    def _follow(self) -> None:
        """Heed an edge that has come, and a clock that was set."""
        wall = self._time.wall(self._time.now)
        if self._offset == self._time.offset and (self._edge is None or wall < self._edge):
            return
        is_edge = self._offset == self._time.offset and self._edge is not None
        at = self._edge + self._time.offset if is_edge and self._edge is not None else self._time.now
        was = self.in_hours
        self._look()
        if was is not None and was is not self.in_hours:
            self._turn(min(at, self._time.now))

    def _look(self) -> None:
        wall = self._time.wall(self._time.now)
        self.in_hours = self._schedule.is_on(wall, self._zone)
        self._edge = self._schedule.change_after(wall, self._zone)
        self._offset = self._time.offset

    def _turn(self, at: int) -> None:
        self.changed = True
        if not self.in_hours:
            super().false(None, at)
        elif self.word is not None and self.word[0] == TRUE_WORD:
            _, level, value, limit, silent = self.word
            super().true(min(level, len(self.severities)), value, limit, at, silent=silent)
        elif self.word is not None:
            super().unknown(at)

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; a rule that had no hours before was in them all the time."""
        super().load(memory)
        if "in_hours" not in memory and self.condition is not CLEAR:
            self.in_hours = True
            if self.condition is not RECOVERING and self.normal_since is None:
                self.word = [TRUE_WORD, self.level, self.value, self.limit, self.silent]

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to remember: of an alarm that is clear, what was said last."""
        return super().is_blank and self.word is None


class ScheduledEvents:
    """An event judge that heeds only what happened within the hours."""

    def __init__(self, judge: EventJudge, schedule: Schedule, zone: ZoneInfo) -> None:
        self.kinds = judge.kinds
        self.severities = judge.severities
        self._judge = judge
        self._schedule = schedule
        self._zone = zone

    def matches(self, event: Event) -> int:
        """The level of an event; 0 outside of the hours."""
        return self._judge.matches(event) if self._schedule.is_on(event.time, self._zone) else 0


class HourlyJudge:
    """A judge of values with other limits in some hours: the first of them that are on count, else the usual ones.

    Limits change from one value to the next: the one that comes when the hours have begun is judged by theirs.
    """

    def __init__(
        self, usual: PointJudge, others: Sequence[tuple[Schedule, PointJudge]], zone: ZoneInfo, time: Timeline
    ) -> None:
        self.severities = usual.severities
        judges = [usual, *(judge for _, judge in others)]
        self.quiet = (max(judge.quiet[0] for judge in judges), min(judge.quiet[1] for judge in judges))
        self._usual = usual
        self._others = tuple(others)
        self._zone = zone
        self._time = time

    def level(self, value: Value, engaged: int) -> int:
        """Answer the level that a value reaches by the limits of now."""
        return self._now().level(value, engaged)

    def limit(self, value: Value, level: int) -> float | None:
        """Answer the limit that it has passed."""
        return self._now().limit(value, level)

    def _now(self) -> PointJudge:
        wall = self._time.wall(self._time.now)
        return next((judge for hours, judge in self._others if hours.is_on(wall, self._zone)), self._usual)
