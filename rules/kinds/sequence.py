"""Kinds `sequence` and `absence`: one thing and then another within a time, or one thing without the other.

Both are states: the condition of an absence that is about a point is over when the point is, or when what was
missed comes; what is about events is over after a while (`clear_after`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from monitor.derivedpoints import derived_points
from monitor.fields import Duration
from monitor.model import Derived, Event, Reading
from monitor.settings.model import Occasion, RuleModel
from monitor.site import Device, Rule, Source
from rules.kind import EntryJudge, Interest, InUnitOfPoints, Verdict
from rules.occasions import Follower, devices_of, fits, interest_in, joined
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = [
    "ABSENCE",
    "SEQUENCE",
    "Absence",
    "AbsenceJudge",
    "AbsenceRule",
    "Following",
    "SequenceJudge",
    "SequenceRule",
]

_Within = Annotated[Duration, Field(gt=0, le=86400)]
_MOST: Final = 64
_GRACE: Final = 5000
"""What was said before an event may be heard a moment (ms) after it, over another way."""


def _of_the_rule(first: Occasion) -> None:
    if first.device is not None or "same" in first.model_fields_set:
        raise ValueError("`first:` is of the rule's `devices:`: it takes neither `device:` nor `same:`")


class SequenceRule(RuleModel):
    """Settings of a rule of kind `sequence`."""

    kind: Literal["sequence"]
    first: Occasion
    then: Occasion
    within: _Within
    clear_after: Duration = 600.0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _of_the_rule(self.first)
        return self


class AbsenceRule(RuleModel):
    """Settings of a rule of kind `absence`."""

    kind: Literal["absence"]
    first: Occasion
    without: Occasion
    within: _Within | None = None
    before: _Within | None = None
    clear_after: Duration = 600.0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _of_the_rule(self.first)
        if (self.within is None) == (self.before is None):
            raise ValueError("write either `within:` (it has to follow) or `before:` (it has to have been)")
        return self


class _Side:
    """One of the two: an event, or a point that is followed. `times`: the latest times of an event."""

    def __init__(self, occasion: Occasion, named: Sequence[str], devices: Mapping[str, Device]) -> None:
        self._occasion = occasion
        self._named = frozenset(named)
        self.follower = None if occasion.point is None else Follower(occasion, named, devices)
        self.interest = interest_in(occasion, named, devices)
        self.times: list[int] = []

    def is_meant(self, event: Event) -> bool:
        kinds = self._occasion.event
        return (
            kinds is not None
            and event.kind in kinds
            and event.device in self._named
            and fits(self._occasion.where, event)
        )

    def note(self, at: int) -> None:
        self.times = sorted([*self.times, at])[-_MOST:]

    def was(self, begin: int, end: int, now: int) -> bool:
        """Whether it happened, or was so, at any time from `begin` to `end`."""
        if self.follower is None:
            return any(begin <= time <= end for time in self.times)
        if self.follower.since is not None and self.follower.since <= end:
            return self.follower.truth(now) == Truth.TRUE or (self.follower.last or 0) >= begin
        return self.follower.last is not None and begin <= self.follower.last <= end

    def dump(self) -> list[Any]:
        return [self.times, None if self.follower is None else self.follower.dump()]

    def load(self, memory: Sequence[Any]) -> None:
        self.times = list(memory[0])
        if self.follower is not None and memory[1] is not None:
            self.follower.load(memory[1])


class _Pair(EntryJudge):
    """What both kinds share: two sides, what waits (times of the first, and until when), until when it holds."""

    def __init__(self, severity: str, first: _Side, second: _Side, clear_after: float) -> None:
        self.severities = (severity,)
        self.interest: Interest = joined(first.interest, second.interest)
        self._first = first
        self._second = second
        self._clear_after = round(clear_after * 1000)
        self._waits: list[tuple[int, int]] = []
        self._until: int | None = None

    def _note_wait(self, at: int, until: int) -> None:
        self._waits = [*self._waits, (at, until)][-_MOST:]

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take what a device says of the points."""
        return self._take(reading, at, now)

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take what the monitor says of them."""
        return self._take(derived, at, now)

    def _take(self, entry: Reading | Derived, at: int, now: int) -> Verdict | None:
        verdict = None
        for side, heed in ((self._second, self._heed_second), (self._first, self._heed_first)):
            if side.follower is not None and side.follower.take(entry, at):
                verdict = heed(at, now) or verdict
        return verdict

    def event(self, event: Event, at: int, now: int) -> Verdict | None:
        """Take an event of either side."""
        verdict = None
        for side, happened in ((self._second, self._second_happened), (self._first, self._first_happened)):
            if side.is_meant(event):
                side.note(at)
                verdict = happened(at, now, late=event.late) or verdict
        return verdict

    def _heed_first(self, at: int, now: int) -> Verdict | None:
        raise NotImplementedError

    def _heed_second(self, at: int, now: int) -> Verdict | None:
        raise NotImplementedError

    def _first_happened(self, at: int, now: int, *, late: bool) -> Verdict | None:
        raise NotImplementedError

    def _second_happened(self, at: int, now: int, *, late: bool) -> Verdict | None:
        raise NotImplementedError

    def _over(self) -> Verdict:
        self._until = None
        return Verdict(Truth.FALSE)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {
            "first": self._first.dump(),
            "second": self._second.dump(),
            "waits": self._waits,
            "until": self._until,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._first.load(memory["first"])
        self._second.load(memory["second"])
        self._waits = [(at, until) for at, until in memory["waits"]]
        self._until = memory["until"]

    def resume(self, stopped: int, started: int) -> None:
        """What waited cannot be judged any more: what it waited for may have come meanwhile."""
        del stopped, started
        self._waits = []
        for side in (self._first, self._second):
            if side.follower is not None:
                side.follower.forget()


class SequenceJudge(_Pair):
    """True from the second on, when it comes within `within` ms after the first; over after a while."""

    def __init__(self, params: SequenceRule, first: _Side, second: _Side) -> None:
        super().__init__(params.severity, first, second, params.clear_after)
        self._within = round(params.within * 1000)

    def _heed_first(self, at: int, now: int) -> Verdict | None:
        assert self._first.follower is not None
        return self._first_happened(at, now, late=False) if self._first.follower.turned else None

    def _heed_second(self, at: int, now: int) -> Verdict | None:
        assert self._second.follower is not None
        return self._second_happened(at, now, late=False) if self._second.follower.turned else None

    def _first_happened(self, at: int, now: int, *, late: bool) -> Verdict | None:
        then = next((time for time in self._second.times if at <= time <= at + self._within), None)
        if then is not None:
            return self._is_true(then, at, late=late)
        self._waits = [wait for wait in self._waits if wait[1] >= now]
        self._note_wait(at, max(at, now if late else at) + self._within)
        return None

    def _second_happened(self, at: int, now: int, *, late: bool) -> Verdict | None:
        del now
        first = next((time for time, _ in self._waits if time <= at <= time + self._within), None)
        return None if first is None else self._is_true(at, first, late=late)

    def _is_true(self, at: int, first: int, *, late: bool) -> Verdict:
        self._until = max(self._until or 0, at + self._clear_after)
        return Verdict(Truth.TRUE, value=(at - first) / 1000, limit=self._within / 1000, since=at, late=late)

    def due(self) -> int | None:
        """When it has been long enough ago."""
        return self._until

    def tick(self, now: int) -> Verdict | None:
        """Say so."""
        return self._over() if self._until is not None and self._until <= now else None


class AbsenceJudge(_Pair):
    """True when the first is without the other: `within` ms after it, or `before` it."""

    def __init__(self, params: AbsenceRule, first: _Side, second: _Side) -> None:
        super().__init__(params.severity, first, second, params.clear_after)
        self._before = params.before is not None
        self._within = round((params.within if params.before is None else params.before) * 1000)  # type: ignore[operator] # one of the two is set
        self._missed = False

    def _heed_first(self, at: int, now: int) -> Verdict | None:
        follower = self._first.follower
        assert follower is not None
        truth = follower.truth(now)
        if truth == Truth.FALSE:
            self._waits = []
            was, self._missed = self._missed, False
            return Verdict(Truth.FALSE) if was else None
        if truth == Truth.UNKNOWN:
            return Verdict(Truth.UNKNOWN) if self._missed else None
        if follower.since == at and not self._missed and not self._waits:
            return self._first_happened(at, now, late=False)
        return Verdict(Truth.TRUE, limit=self._within / 1000) if self._missed else None

    def _heed_second(self, at: int, now: int) -> Verdict | None:
        assert self._second.follower is not None
        truth = self._second.follower.truth(now)
        if truth == Truth.TRUE:
            return self._second_happened(at, now, late=False)
        if self._missed:
            return Verdict(truth if truth == Truth.UNKNOWN else Truth.TRUE, limit=self._within / 1000)
        holds = self._first.follower is not None and self._first.follower.truth(now) == Truth.TRUE
        if truth == Truth.FALSE and holds and not self._before and not self._waits:
            self._note_wait(at, at + self._within)
        return None

    def _first_happened(self, at: int, now: int, *, late: bool) -> Verdict | None:
        heard = now if late else at
        if self._before:
            self._note_wait(at, heard + _GRACE)
        elif not self._second.was(at, at + self._within, now):
            self._note_wait(at, heard + self._within)
        return None

    def _second_happened(self, at: int, now: int, *, late: bool) -> Verdict | None:
        del now, late
        if self._before:
            return None
        self._waits = [(time, until) for time, until in self._waits if not time <= at <= time + self._within]
        if not self._missed:
            return None
        self._missed = False
        return self._over()

    def due(self) -> int | None:
        """When the first of what waits has waited long enough, or what was missed is long enough ago."""
        ends = [until for _, until in self._waits]
        return min(ends if self._until is None else [*ends, self._until], default=None)

    def tick(self, now: int) -> Verdict | None:
        """Judge what has waited long enough."""
        ripe = [(at, until) for at, until in self._waits if until <= now]
        self._waits = [wait for wait in self._waits if wait[1] > now]
        for at, until in ripe:
            begin, end = (at - self._within, at) if self._before else (at, until)
            if not self._second.was(begin, end, now):
                return self._miss(at, until, now)
        if self._until is not None and self._until <= now:
            self._missed = False
            return self._over()
        return None

    def _miss(self, at: int, until: int, now: int) -> Verdict | None:
        for side in (self._first, self._second):
            if side.follower is not None and side.follower.truth(now) == Truth.UNKNOWN:
                self._note_wait(at, now + self._within)
                return Verdict(Truth.UNKNOWN)
        self._missed = True
        if self._first.follower is None:
            self._until = max(self._until or 0, until + self._clear_after)
        elapsed = self._within if self._before else until - at
        return Verdict(Truth.TRUE, value=elapsed / 1000, limit=self._within / 1000)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {**super().dump(), "missed": self._missed}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        super().load(memory)
        self._missed = memory["missed"]


class _OfTwo(InUnitOfPoints):
    hears = "entries"

    def point_patterns(self, params: RuleModel) -> None:
        """One alarm for each device."""
        del params


def _has(device: Device, point: str) -> bool:
    return point in device.points or point in derived_points(device)


def _sides(first: Occasion, second: Occasion, own: str, around: Surroundings) -> tuple[_Side, _Side] | None:
    """Both sides; None where the device has not the point that the first is about."""
    device = around.devices.get(own)
    if device is None or (first.point is not None and not _has(device, first.point)):
        return None
    others = devices_of(second, own, around.devices)
    return _Side(first, (own,), around.devices), _Side(second, others, around.devices)


class Following(_OfTwo):
    """The kind `sequence`."""

    kind = "sequence"
    model = SequenceRule

    def build(self, rule: Rule, source: Source, around: Surroundings) -> SequenceJudge | None:
        """Make the judge of one device."""
        params: SequenceRule = rule.params
        sides = _sides(params.first, params.then, source.device, around)
        return None if sides is None else SequenceJudge(params, *sides)


class Absence(_OfTwo):
    """The kind `absence`."""

    kind = "absence"
    model = AbsenceRule

    def build(self, rule: Rule, source: Source, around: Surroundings) -> AbsenceJudge | None:
        """Make the judge of one device."""
        params: AbsenceRule = rule.params
        sides = _sides(params.first, params.without, source.device, around)
        return None if sides is None else AbsenceJudge(params, *sides)


SEQUENCE = Following()
ABSENCE = Absence()
