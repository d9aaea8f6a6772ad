"""One rule at one source: a judge that says what entries mean, and the alarm that follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.model import SEVERITY_RANK, Derived, Event, Reading, Transition, Value
from monitor.ports import NoticeKind
from monitor.site import Rule, Source
from rules.effects import Effects, Step
from rules.kind import NEVER_QUIET, EntryJudge, EventJudge, PointJudge, ReadingJudge, Verdict
from rules.machine import Condition, Machine, occurrence_id
from rules.timeline import Timeline
from rules.truth import Truth

__all__ = ["EntryWatch", "EventWatch", "PointWatch", "ReadingWatch", "Track", "Watch"]

_MOST_OPEN = 100
_NOTICES = {"raised": NoticeKind.RAISE, "acknowledged": NoticeKind.ACKNOWLEDGED}


class Track:
    """What is known of one point: engine time of its newest sample, and who judges it.

    A good number from `low` to `high` changes nothing, and nobody needs to look at it: see `settle`.
    """

    __slots__ = ("high", "last", "low", "stale_after", "watches")

    def __init__(self, stale_after: int | None) -> None:
        self.last = 0
        self.stale_after = stale_after
        self.watches: list[PointWatch] = []
        self.low, self.high = NEVER_QUIET

    def settle(self) -> None:
        """Find out, after a sample, whether the next one may pass unseen.

        It may while every alarm is clear: only a sample beyond somebody's band makes one anything else.
        """
        if all(watch.machine.condition is Condition.CLEAR for watch in self.watches):
            self.low = max(watch.judge.quiet[0] for watch in self.watches)
            self.high = min(watch.judge.quiet[1] for watch in self.watches)
        else:
            self.low, self.high = NEVER_QUIET


class PointWatch:
    """A rule that judges the values of one point."""

    __slots__ = ("armed", "index", "judge", "machine", "track")

    def __init__(self, index: int, judge: PointJudge, machine: Machine, track: Track) -> None:
        self.index = index
        self.judge = judge
        self.machine = machine
        self.track = track
        self.armed: int | None = None
        track.watches.append(self)

    def sample(self, value: Value, at: int) -> None:
        """Take a good value of time `at`. Lets out what the judge raises, having gone to UNKNOWN."""
        machine = self.machine
        try:
            level = self.judge.level(value, machine.engaged)
        except Exception:
            machine.unknown(at)
            raise
        if level:
            machine.true(level, value, self.judge.limit(value, level), at)
        elif machine.condition is not Condition.CLEAR:
            machine.false(value, at)

    def _stale_at(self) -> int | None:
        machine = self.machine
        if machine.condition is Condition.CLEAR or machine.unknown_since is not None:
            return None
        return None if self.track.stale_after is None else self.track.last + self.track.stale_after

    def due(self) -> int | None:
        """Say when time alone will change something."""
        return _earlier(self.machine.due(), self._stale_at())

    def tick(self, now: int) -> None:
        """Do what is due by `now`: what the last value still proves, then the end of that proof."""
        stale, due = self._stale_at(), self.machine.due()
        if stale is not None and stale <= now and (due is None or stale < due):
            self.machine.unknown(stale)
        self.machine.tick(now)

    def resume(self, stopped: int, started: int) -> None:
        """Leave out the time between."""
        self.machine.resume(stopped, started, keeps_word=self.track.stale_after is None)


class ReadingWatch:
    """A rule that judges all readings of one device."""

    __slots__ = ("armed", "index", "judge", "machine")

    def __init__(self, index: int, judge: ReadingJudge, machine: Machine) -> None:
        self.index = index
        self.judge = judge
        self.machine = machine
        self.armed: int | None = None

    def reading(self, reading: Reading, at: int, now: int) -> None:
        """Take a reading of time `at`. Lets out what the judge raises, having gone to UNKNOWN."""
        try:
            verdict = self.judge.reading(reading, at, now)
        except Exception:
            self.machine.unknown(at)
            raise
        if verdict is not None:
            _tell(self.machine, verdict, at)

    def event(self, event: Event, now: int) -> None:
        """Take an event of the device that the judge wants to hear of."""
        self._follow(self.judge.event(event, now), now)

    def _follow(self, verdict: Verdict | None, at: int) -> None:
        _tell(self.machine, verdict, at)

    def due(self) -> int | None:
        """Say when time alone will change something."""
        one, other = self.machine.due(), self.judge.due()
        return other if one is None else _earlier(one, other)

    def tick(self, now: int) -> None:
        """Do what is due by `now`."""
        self._follow(self.judge.tick(now), now)
        self.machine.tick(now)

    def resume(self, stopped: int, started: int) -> None:
        """Leave out the time between."""
        self.judge.resume(stopped, started)
        self.machine.resume(stopped, started)


class EntryWatch:
    """A rule that judges entries of any devices. `stirred`: its judge may have something new to remember."""

    __slots__ = ("armed", "index", "judge", "machine", "stirred")

    def __init__(self, index: int, judge: EntryJudge, machine: Machine) -> None:
        self.index = index
        self.judge = judge
        self.machine = machine
        self.armed: int | None = None
        self.stirred = False

    def hear(self, entry: Reading | Derived | Event | Transition, at: int, now: int) -> None:
        """Take an entry of time `at`. Lets out what the judge raises, having gone to UNKNOWN."""
        self.stirred = True
        try:
            _tell(self.machine, self._verdict(entry, at, now), at)
        except Exception:
            self.machine.unknown(now)
            raise

    def _verdict(self, entry: Reading | Derived | Event | Transition, at: int, now: int) -> Verdict | None:
        if isinstance(entry, Reading):
            return self.judge.reading(entry, at, now)
        if isinstance(entry, Derived):
            return self.judge.derived(entry, at, now)
        if isinstance(entry, Event):
            return self.judge.event(entry, at, now)
        return self.judge.alarm(entry, now)

    def due(self) -> int | None:
        """Say when time alone will change something."""
        return _earlier(self.machine.due(), self.judge.due())

    def tick(self, now: int) -> None:
        """Do what is due by `now`."""
        due = self.judge.due()
        if due is not None and due <= now:
            self.stirred = True
            _tell(self.machine, self.judge.tick(now), now)
        self.machine.tick(now)

    def resume(self, stopped: int, started: int) -> None:
        """Leave out the time between."""
        self.stirred = True
        self.judge.resume(stopped, started)
        self.machine.resume(stopped, started)


class EventWatch:
    """A rule whose alarms are over at once: what is open here only waits for its acknowledgement."""

    __slots__ = ("_effects", "_time", "changed", "judge", "opened", "rule", "source")

    def __init__(self, rule: Rule, source: Source, judge: EventJudge, time: Timeline, effects: Effects) -> None:
        self.rule = rule
        self.source = source
        self.judge = judge
        self._time = time
        self._effects = effects
        self.opened: dict[str, dict[str, Any]] = {}
        self.changed: set[str] = set()

    def event(self, event: Event) -> str:
        """Raise an alarm for an event that matches, and answer its occurrence; '' when it does not."""
        if not self.judge.matches(event):
            return ""
        time = min(event.time, self._time.wall(self._time.now))
        while any(memory["raised_at"] == time for memory in self.opened.values()):
            time += 1
        occurrence = occurrence_id(self.rule.id, self.source.key, event.id, time)
        waits = self.rule.params.ack == "required"
        memory = {
            "rule": self.rule.id,
            "name": self.rule.name,
            "kind": self.rule.kind,
            "device": self.source.device,
            "severity": self.judge.severities[0],
            "raised_at": time,
            "late": event.late,
        }
        if waits:
            self.opened[occurrence] = memory
            self.changed.add(occurrence)
        raised = self._transition(occurrence, memory, "raised")
        self._emit(replace(raised, number=1, time=time, response="unacked" if waits else "none"), memory)
        if len(self.opened) > _MOST_OPEN:
            self.close(self.waiting()[0], f"more than {_MOST_OPEN} wait")
        return occurrence

    def waiting(self) -> Sequence[str]:
        """Answer the occurrences that wait, oldest first."""
        return sorted(self.opened, key=lambda occurrence: (self.opened[occurrence]["raised_at"], occurrence))

    def acknowledge(self, occurrence: str, by: str, reason: str) -> None:
        """End the wait of one alarm."""
        memory = self._end(occurrence)
        self._emit(replace(self._transition(occurrence, memory, "acknowledged"), by=by, reason=reason), memory)

    def close(self, occurrence: str, reason: str) -> None:
        """End the wait of one alarm without anybody's word."""
        memory = self._end(occurrence)
        self._emit(replace(self._transition(occurrence, memory, "closed"), reason=reason), memory)

    def _end(self, occurrence: str) -> dict[str, Any]:
        self.changed.add(occurrence)
        return self.opened.pop(occurrence)

    def _transition(self, occurrence: str, memory: Mapping[str, Any], cause: str) -> Transition:
        return Transition(
            occurrence=occurrence,
            number=2,
            rule=self.rule.id,
            device=self.source.device,
            source_key=self.source.key,
            cause=cause,
            condition=Condition.CLEAR.value,
            response="none",
            severity=memory["severity"],
            time=max(self._time.wall(self._time.now), memory["raised_at"] + 1),
            late=memory["late"],
            rule_version=self.rule.version,
        )

    def _emit(self, transition: Transition, memory: Mapping[str, Any]) -> None:
        self._effects.steps.append(
            Step(
                transition=transition,
                rule=self.rule,
                source=self.source,
                notice=None if _is_old_news(transition) else _NOTICES.get(transition.cause),
                raised_at=memory["raised_at"],
                since=memory["raised_at"],
                momentary=True,
            )
        )


Watch = PointWatch | ReadingWatch | EntryWatch


def _tell(machine: Machine, verdict: Verdict | None, at: int) -> None:
    if verdict is None:
        return
    at = at if verdict.since is None else verdict.since
    if verdict.truth is Truth.TRUE:
        machine.late, machine.facts = verdict.late, verdict.facts
        machine.true(verdict.level, verdict.value, verdict.limit, at)
    elif verdict.truth is Truth.FALSE:
        machine.false(verdict.value, at)
    else:
        machine.unknown(at)


def _is_old_news(transition: Transition) -> bool:
    """Whether nobody needs to be told: it was over long before it was heard of, and was not severe."""
    return transition.late and SEVERITY_RANK[transition.severity] < SEVERITY_RANK["high"]


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None:
        return other
    return one if other is None else min(one, other)
