"""Kind `stuck`: a counter that counts nothing, or a value that never changes, while it should."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Duration
from monitor.model import Derived, Reading
from monitor.periods import DAY, HOUR
from monitor.settings.model import Occasion
from monitor.site import Device, Rule, Source
from rules.deltas import DeltaJudge
from rules.kind import EntryJudge, Interest, InUnitOfPoints, PointRule, Verdict, is_sure, patience
from rules.occasions import Follower, devices_of, interest_in, joined
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["STUCK", "FrozenJudge", "IdleJudge", "Stuck", "StuckRule"]

_LEARNS: Final = 7
_REMEMBERS: Final = 28
_TIMES: Final = 3
_FROZEN: Final = HOUR
"""How long a value that is no counter has to be the same at least, unless the rule says otherwise (ms)."""


class StuckRule(PointRule):
    """Settings of a rule of kind `stuck`."""

    kind: Literal["stuck"]
    unchanged_for: Annotated[Duration, Field(ge=60, le=366 * 86400)] | None = None
    reads: Annotated[int, Field(ge=2, le=100_000)] = 60
    while_: Occasion | None = Field(None, alias="while")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.while_ is not None and self.while_.point is None:
            raise ValueError("`while:` says how a point has to be: `{point: power_w, above: 100 W}`")
        return self


class _Used(EntryJudge):
    """Knows whether it is used, by the points of `while`; without that it always is."""

    def __init__(self, params: StuckRule, device: Device, around: Surroundings) -> None:
        self.severities = (params.severity,)
        own = Interest(readings=(device.id,), derived=((device.id, device.device_class),))
        self._follower: Follower | None = None
        if params.while_ is not None:
            named = devices_of(params.while_, device.id, around.devices)
            self._follower = Follower(params.while_, named, around.devices)
            own = joined(own, interest_in(params.while_, named, around.devices))
        self.interest = own
        self._device = device.id

    def _is_used(self, now: int) -> bool:
        return self._follower is None or self._follower.truth(now) == Truth.TRUE

    def resume(self, stopped: int, started: int) -> None:
        """Nothing is known of the time between."""
        del stopped, started
        if self._follower is not None:
            self._follower.forget()

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {} if self._follower is None else {"while": self._follower.dump()}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        if self._follower is not None and "while" in memory:
            self._follower.load(memory["while"])


class IdleJudge(DeltaJudge, _Used):
    """Adds up how long a counter has counted nothing, from one delta beside its readings to the next.

    Only time counts in which it was read, and used. Without `unchanged_for` it learns what is usual: the longest
    such time of each day, of the last 28; it says nothing before it knows seven days.
    """

    def __init__(self, params: StuckRule, device: Device, counter: str, around: Surroundings) -> None:
        super().__init__(params, device, around)
        self._follow(device, counter)
        self._fixed = None if params.unchanged_for is None else round(params.unchanged_for * 1000)
        self._last: int | None = None
        self._first: int | None = None
        self._run = 0
        self._was_used = False
        self._days: list[list[int]] = []

    @property
    def limit(self) -> int | None:
        """How long it may count nothing (ms); None: that is not learnt yet."""
        if self._fixed is not None:
            return self._fixed
        if self._first is None or self._last is None or self._last - self._first < _LEARNS * DAY:
            return None
        return max(DAY, _TIMES * max((longest for _, longest in self._days), default=0))

    def reading(self, reading: Reading, at: int, now: int) -> None:
        """Take what a device says of its use."""
        del now
        if self._follower is not None:
            self._follower.take(reading, at)

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take a delta, or what is told of the use."""
        if self._follower is not None:
            self._follower.take(derived, at)
        amount = derived.values.get(self._field) if derived.device == self._device else None
        if amount is None or isinstance(amount, str) or (self._last is not None and at <= self._last):
            return None
        return self._count(float(amount), at, now)

    def _count(self, amount: float, at: int, now: int) -> Verdict:
        last, self._last = self._last, at
        self._first = at if self._first is None else self._first
        was_used, self._was_used = self._was_used, self._is_used(now)
        self._is_lost = False
        if amount:
            self._learn(at)
            self._run = 0
            return Verdict(Truth.FALSE, value=0.0)
        is_seen = last is not None and (self._patience is None or at - last <= self._patience)
        if last is not None and is_seen and was_used and self._was_used:
            self._run += at - last
        limit = self.limit
        if limit is None:
            days = (at - self._first) // DAY
            return Verdict(Truth.UNKNOWN, facts={"status": "learning", "learnt": f"{days} of {_LEARNS} days"})
        truth = Truth.TRUE if self._run >= limit else Truth.FALSE
        if truth == Truth.FALSE and not self._was_used:
            truth = Truth.UNKNOWN
        facts = {"unchanged_h": round(self._run / HOUR, 2), "limit_h": round(limit / HOUR, 2)}
        return Verdict(truth, value=0.0, facts=facts)

    def _learn(self, at: int) -> None:
        day = at // DAY
        if self._days and self._days[-1][0] == day:
            self._days[-1][1] = max(self._days[-1][1], self._run)
        else:
            self._days.append([day, self._run])
        self._days = [each for each in self._days if each[0] > day - _REMEMBERS]

    def _known(self) -> int | None:
        return self._last

    def resume(self, stopped: int, started: int) -> None:
        """Nothing is known of the time between, and nothing of it counts."""
        super().resume(stopped, started)
        self._was_used = False
        self._is_lost = self._last is not None

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {
            **super().dump(),
            "last": self._last,
            "first": self._first,
            "run": self._run,
            "used": self._was_used,
            "days": self._days,
            "lost": self._is_lost,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        super().load(memory)
        self._last, self._first, self._run = memory["last"], memory["first"], memory["run"]
        self._was_used, self._is_lost = memory["used"], memory["lost"]
        self._days = [list(each) for each in memory["days"]]


class FrozenJudge(_Used):
    """Counts readings with the very same value: an instrument never shows that for long.

    What is missing or doubtful makes it unknown; a gap begins the count anew, and so does a time without use.
    """

    def __init__(self, params: StuckRule, device: Device, point: str, around: Surroundings) -> None:
        super().__init__(params, device, around)
        self._point = point
        self._reads = params.reads
        self._least = _FROZEN if params.unchanged_for is None else round(params.unchanged_for * 1000)
        seconds = patience(device, point)
        self._patience = None if seconds is None else round(seconds * 1000)
        self._value: float | None = None
        self._since = 0
        self._last = 0
        self._same = 0
        self._is_alive = False
        """Whether it has been seen to change since the last gap."""

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take a reading of the point, or of what says that it is used."""
        if self._follower is not None:
            self._follower.take(reading, at)
        if reading.device != self._device or reading.late:
            return None
        if self._point in reading.missing:
            return Verdict(Truth.UNKNOWN)
        value = reading.values.get(self._point)
        if value is None or at <= self._last:
            return None
        return self._compare(value, at, now) if is_sure(reading) else Verdict(Truth.UNKNOWN)

    def derived(self, derived: Derived, at: int, now: int) -> None:
        """Take what is told of the use."""
        del now
        if self._follower is not None:
            self._follower.take(derived, at)

    def _compare(self, value: object, at: int, now: int) -> Verdict:
        if isinstance(value, str | bool) or not isinstance(value, int | float):
            raise TypeError(f"`{self._point}` is no number")
        last, self._last = self._last, at
        has_gap = self._patience is not None and at - last > self._patience
        is_used = self._is_used(now)
        if value != self._value:
            self._value, self._since, self._same = float(value), at, 1
            self._is_alive = True
            return Verdict(Truth.FALSE, value=value, limit=None)
        if has_gap or not is_used:
            self._since, self._same, self._is_alive = at, 1, False
            return Verdict(Truth.UNKNOWN)
        self._same += 1
        is_stuck = self._same >= self._reads and at - self._since >= self._least
        truth = Truth.TRUE if is_stuck else Truth.FALSE if self._is_alive else Truth.UNKNOWN
        facts = {"reads": float(self._same), "unchanged_h": round((at - self._since) / HOUR, 2)}
        return Verdict(truth, value=value, facts=facts)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {
            **super().dump(),
            "value": self._value,
            "since": self._since,
            "last": self._last,
            "same": self._same,
            "alive": self._is_alive,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        super().load(memory)
        self._value, self._since = memory["value"], memory["since"]
        self._last, self._same, self._is_alive = memory["last"], memory["same"], memory["alive"]


class Stuck(InUnitOfPoints):
    """The kind `stuck`."""

    kind = "stuck"
    model = StuckRule
    hears = "entries"

    def point_patterns(self, params: StuckRule) -> Sequence[str]:
        """One alarm for each point."""
        return params.patterns

    def refusal(self, params: StuckRule, device: Device, point: str | None) -> str:
        """What the monitor derives may well stay the same."""
        del params
        if point not in device.points:
            return f"`{point}` is derived by the monitor: write a point that the device says itself"
        return ""

    def build(self, rule: Rule, source: Source, around: Surroundings) -> IdleJudge | FrozenJudge | None:
        """Make the judge of one point; None of what is derived: it repeats itself."""
        device, point = around.devices[source.device], source.point
        if point is None or point not in device.points:
            return None
        if device.points[point].counter is not None:
            return IdleJudge(rule.params, device, point, around)
        return FrozenJudge(rule.params, device, point, around)


STUCK = Stuck()
