"""Kind `delta`: what a counter counted, in a window that slides or in an hour, day or month of the calendar.

It goes by what metering has booked and never by the register: a window adds up the deltas beside the readings, a
period of the calendar is the roll-up that metering tells of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self, TypeGuard

from pydantic import Field, model_validator

from monitor.derivedpoints import rhythm_of
from monitor.fieldkeys import USAGE_AMOUNT, USAGE_ESTIMATED, USAGE_PARTIAL
from monitor.fields import Duration, Quantity
from monitor.meters import billed_counter
from monitor.model import Derived
from monitor.periods import DAY, HOUR
from monitor.schema import COUNTER_NAMES, MEASUREMENT_USAGE
from monitor.site import Device, Rule, Source
from rules.deltas import DeltaJudge
from rules.kind import EntryJudge, Interest, InUnitOfPoints, PointRule, Verdict
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["DELTA", "CalendarJudge", "Delta", "DeltaRule", "WindowJudge"]

_BUCKETS: Final = 60
_SHORTEST: Final = 60_000
_MOST_RAISED: Final = 32
_LATENESS: Final[Mapping[str, int]] = {"hour": DAY, "day": DAY + HOUR, "month": 31 * DAY + HOUR}
"""How much earlier than the running period another may have begun (ms) that can still raise an alarm."""
_DIGITS: Final = 9


class DeltaRule(PointRule):
    """Settings of a rule of kind `delta`."""

    kind: Literal["delta"]
    above: Quantity | None = None
    below: Quantity | None = None
    window: Annotated[Duration, Field(ge=300, le=31 * 86400)] | None = None
    per: Literal["hour", "day", "month"] | None = None
    deadband: Quantity | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("write either `above:` or `below:`")
        if (self.window is None) == (self.per is None):
            raise ValueError("write either `window:` (it slides) or `per: hour`, `day` or `month`")
        if self.per is not None and self.deadband is not None:
            raise ValueError("`deadband:` goes with `window:`: what a period used never falls")
        return self


class _Limits:
    """Compares an amount with the limit. `is_engaged`: it was beyond it last."""

    def __init__(self, params: DeltaRule) -> None:
        self._is_above = params.above is not None
        limit = params.above if params.above is not None else params.below
        assert limit is not None
        self.limit = limit.magnitude
        self._deadband = 0.0 if params.deadband is None else params.deadband.magnitude
        self.is_engaged = False

    def judge(self, amount: float, *, is_whole: bool, doubtful: float = 0.0) -> Verdict:
        """What an amount comes to; so much of it (`doubtful`) is a guess, and what is not whole may be more.

        What has been used already is above the limit, whatever is not known; that it is below has to be known.
        """
        slack = self._deadband if self.is_engaged else 0.0
        least = amount - doubtful
        if self._is_above:
            truth = Truth.TRUE if least > self.limit - slack else Truth.FALSE if is_whole else Truth.UNKNOWN
            truth = Truth.UNKNOWN if truth == Truth.FALSE and amount > self.limit - slack else truth
        elif not is_whole:
            truth = Truth.FALSE if least >= self.limit + slack else Truth.UNKNOWN
        else:
            truth = Truth.TRUE if amount < self.limit + slack else Truth.FALSE
            truth = Truth.UNKNOWN if truth == Truth.FALSE and least < self.limit + slack else truth
        if truth != Truth.UNKNOWN:
            self.is_engaged = truth == Truth.TRUE
        return Verdict(truth, value=amount, limit=self.limit)


class WindowJudge(DeltaJudge):
    """Adds up the deltas of the last `window` ms, in buckets. `until`: up to when they are known.

    A delta is spread over the time since the one before: what is booked late enters where it was used.
    """

    def __init__(self, params: DeltaRule, device: Device, counter: str) -> None:
        assert params.window is not None
        self.severities = (params.severity,)
        self.interest = Interest(derived=((device.id, device.device_class),))
        self._follow(device, counter)
        self._limits = _Limits(params)
        self._window = round(params.window * 1000)
        self._step = max(_SHORTEST, -(-self._window // _BUCKETS))
        self._since: int | None = None
        self._until = 0
        self._buckets: dict[int, float] = {}

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take a delta."""
        del now
        amount = derived.values.get(self._field)
        if amount is None or isinstance(amount, str):
            return None
        if self._since is None or at <= self._until:
            self._since = at if self._since is None else self._since
            self._add(at // self._step, float(amount))
        else:
            self._spread(self._until, at, float(amount))
        self._until = max(self._until, at)
        self._is_lost = False
        oldest = (self._until - self._window) // self._step
        self._buckets = {number: kept for number, kept in self._buckets.items() if number >= oldest}
        is_whole = self._since <= self._until - self._window
        return self._limits.judge(self._sum(), is_whole=is_whole)

    def _spread(self, start: int, end: int, amount: float) -> None:
        start = max(start, end - self._window) if end - start > self._window else start
        share = amount / (end - self._until)
        while start < end:
            until = min(end, (start // self._step + 1) * self._step)
            self._add(start // self._step, share * (until - start))
            start = until

    def _add(self, number: int, amount: float) -> None:
        self._buckets[number] = self._buckets.get(number, 0.0) + amount

    def _sum(self) -> float:
        begin = self._until - self._window
        oldest, inside = divmod(begin, self._step)
        total = sum(amount for number, amount in sorted(self._buckets.items()) if number > oldest)
        return round(total + self._buckets.get(oldest, 0.0) * (1 - inside / self._step), _DIGITS)

    def _known(self) -> int | None:
        return None if self._since is None else self._until

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {
            "since": self._since,
            "until": self._until,
            "lost": self._is_lost,
            "engaged": self._limits.is_engaged,
            "buckets": sorted(self._buckets.items()),
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._since, self._until, self._is_lost = memory["since"], memory["until"], memory["lost"]
        self._limits.is_engaged = memory["engaged"]
        self._buckets = dict(memory["buckets"])


class CalendarJudge(EntryJudge):
    """Judges the roll-ups of hours, days or months. Periods are called by their begin (UTC ms).

    The running one is above its limit as soon as it is; that one is below is judged when it is over, and wholly
    known. What is told again of an earlier one, up to a day later, may still raise, once for each period.
    """

    def __init__(self, params: DeltaRule, device: Device, counter: str) -> None:
        assert params.per is not None
        self.severities = (params.severity,)
        self.interest = Interest(derived=((device.id, MEASUREMENT_USAGE[params.per]),))
        self._field = USAGE_AMOUNT if counter == billed_counter(device) else counter
        self._is_above = params.above is not None
        self._limits = _Limits(params)
        self._lateness = _LATENESS[params.per]
        self._facts = {"per": params.per}
        self._latest = 0
        self._raised: list[int] = []

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take what is told of a period."""
        del at
        amount, guess = derived.values.get(self._field), derived.values.get(USAGE_ESTIMATED, 0.0)
        if not _is_number(amount):
            return None
        is_over = derived.values.get(USAGE_PARTIAL) == 0
        if not self._is_above and (not is_over or derived.time < self._latest):
            return None
        is_late = derived.time < self._latest
        doubtful = float(guess) if _is_number(guess) else 0.0
        verdict = self._limits.judge(float(amount), is_whole=True, doubtful=doubtful)
        if is_late and (
            verdict.truth != Truth.TRUE
            or derived.time in self._raised
            or derived.time < self._latest - self._lateness
        ):
            return None
        self._latest = max(self._latest, derived.time)
        if verdict.truth == Truth.TRUE and derived.time not in self._raised:
            self._raised = [*self._raised[1 - _MOST_RAISED :], derived.time]
        return replace(verdict, since=now, late=is_late, facts=self._facts)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {"latest": self._latest, "raised": self._raised}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._latest, self._raised = memory["latest"], list(memory["raised"])


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Delta(InUnitOfPoints):
    """The kind `delta`."""

    kind = "delta"
    model = DeltaRule
    hears = "entries"

    def point_patterns(self, params: DeltaRule) -> Sequence[str]:
        """One alarm for each counter."""
        return params.patterns

    def refusal(self, params: DeltaRule, device: Device, point: str | None) -> str:
        """Only counters are judged, by what metering tells of them."""
        if point is None or point not in device.points or device.points[point].counter is None:
            return f"`{point}` is no counter that is metered: write one such as `energy_import_kwh` or `volume_m3`"
        if params.window is not None:
            return ""
        if point not in {billed_counter(device), *COUNTER_NAMES.get(device.device_class, ())}:
            return f"of `{point}` no {params.per} is added up: write `window:` instead of `per:`"
        if params.per == "hour" and rhythm_of(device, point) > HOUR:
            return "it is read more seldom than once an hour: write `per: day`"
        return ""

    def build(self, rule: Rule, source: Source, around: Surroundings) -> WindowJudge | CalendarJudge | None:
        """Make the judge of one counter."""
        params: DeltaRule = rule.params
        device, counter = around.devices[source.device], source.point
        if counter is None or self.refusal(params, device, counter):
            return None
        if params.window is not None:
            return WindowJudge(params, device, counter)
        return CalendarJudge(params, device, counter)


DELTA = Delta()
