"""One rule at one source: a judge that says what entries mean, and the alarm that follows from it."""

from monitor.model import Derived, Event, Reading, Transition, Value
from rules.kind import NEVER_QUIET, EntryJudge, PointJudge, ReadingJudge, Verdict
from rules.machine import Machine
from rules.momentary import EventWatch
from rules.states import ms
from rules.timeline import Timeline
from rules.truth import Truth

__all__ = ["EntryWatch", "EventWatch", "PointWatch", "ReadingWatch", "Track", "Watch"]


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
        for watch in self.watches:
            if not watch.machine.is_idle:
                self.low, self.high = NEVER_QUIET
                return
        self.low = max(watch.judge.quiet[0] for watch in self.watches)
        self.high = min(watch.judge.quiet[1] for watch in self.watches)


class PointWatch:
    """A rule that judges the values of one point.

    `stale_after`: ms after which its last value says nothing any more (None: never). `gone`: that has been heeded,
    by a rule that says what it means.
    """

    __slots__ = ("_time", "armed", "gone", "index", "judge", "machine", "stale_after", "track")

    def __init__(self, index: int, judge: PointJudge, machine: Machine, track: Track, time: Timeline) -> None:
        self.index = index
        self.judge = judge
        self.machine = machine
        self.track = track
        self._time = time
        self.armed: int | None = None
        self.gone = False
        stale_after = getattr(machine.rule.params, "stale_after", None)
        self.stale_after = track.stale_after if stale_after is None else ms(stale_after)
        if self.stale_after is not None:
            machine.gap = self.stale_after
        track.watches.append(self)

    def sample(self, value: Value, at: int) -> None:
        """Take a good value of time `at`. Lets out what the judge raises, having gone to UNKNOWN."""
        machine = self.machine
        self.gone = False
        try:
            level = self.judge.level(value, machine.engaged)
        except Exception:
            machine.unknown(at)
            raise
        if level:
            machine.true(level, value, self.judge.limit(value, level), at)
        elif not machine.is_idle:
            machine.false(value, at)

    def _stale_at(self) -> int | None:
        machine = self.machine
        if self.stale_after is None or machine.is_lost or self.gone:
            return None
        last = self.track.last
        if machine.minds_silence:
            if not last or (machine.is_idle and not machine.raises_on_silence):
                return None
            return max(last, self._time.started) + self.stale_after
        return None if machine.is_idle else last + self.stale_after

    def due(self) -> int | None:
        """Say when time alone will change something."""
        return _earlier(self.machine.due(), self._stale_at())

    def tick(self, now: int) -> None:
        """Do what is due by `now`: what the last value still proves, then the end of that proof."""
        stale, due = self._stale_at(), self.machine.due()
        if stale is not None and stale <= now and (due is None or stale < due):
            self.gone = self.machine.minds_silence
            self.machine.unknown(stale, self.track.last)
            self.track.settle()
        self.machine.tick(now)

    def resume(self, stopped: int, started: int) -> None:
        """Leave out the time between."""
        self.gone = False
        self.machine.resume(stopped, started, keeps_word=self.stale_after is None)


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
        try:
            verdict = self._verdict(entry, at, now)
            over = self.judge.due() if verdict is not None and verdict.late else None
            self.machine.is_past = over is not None and over <= now
            self._follow(verdict, at)
        except Exception:
            self.stirred = True
            self.machine.unknown(now)
            raise
        self.stirred |= self.judge.changed

    def _follow(self, verdict: Verdict | None, at: int) -> None:
        if verdict is not None:
            self.judge.learning = verdict.facts.get("status") == "learning"
        _tell(self.machine, verdict, at)

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
            try:
                self._follow(self.judge.tick(now), now)
            except Exception:
                self.machine.unknown(now)
                raise
        self.machine.tick(now)

    def resume(self, stopped: int, started: int) -> None:
        """Leave out the time between."""
        self.stirred = True
        self.judge.resume(stopped, started)
        self.machine.resume(stopped, started)


Watch = PointWatch | ReadingWatch | EntryWatch | EventWatch


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


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None:
        return other
    return one if other is None else min(one, other)
