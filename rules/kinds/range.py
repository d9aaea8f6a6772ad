"""Kind `range`: a point outside a band."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from monitor.fields import Frozen, Quantity, several
from monitor.model import Value
from monitor.settings.calendarshape import ScheduleWritten
from monitor.site import Rule, Source
from rules.kind import InUnitOfPoints, ValueRule
from rules.surroundings import Surroundings

__all__ = ["RANGE", "Range", "RangeAt", "RangeJudge", "RangeRule"]


class RangeAt(Frozen):
    """Another band in some hours."""

    schedule: ScheduleWritten
    low: Quantity
    high: Quantity

    @model_validator(mode="after")
    def _low_below_high(self) -> Self:
        _in_order(self.low, self.high)
        return self


def _in_order(low: Quantity, high: Quantity) -> None:
    if low.unit == high.unit and low.magnitude >= high.magnitude:
        raise ValueError("`low:` must be below `high:`")


class RangeRule(ValueRule):
    """Settings of a rule of kind `range`."""

    kind: Literal["range"]
    low: Quantity
    high: Quantity
    deadband: Quantity | None = None
    at: Annotated[tuple[RangeAt, ...], BeforeValidator(several)] = ()

    @model_validator(mode="after")
    def _low_below_high(self) -> Self:
        _in_order(self.low, self.high)
        return self

    def variants(self) -> Sequence[Self]:
        """The same rule by the limits of each of `at`."""
        return [self.model_copy(update={"low": each.low, "high": each.high, "at": ()}) for each in self.at]


class RangeJudge:
    """True below `low` and above `high`; false again inside by the deadband."""

    def __init__(self, params: RangeRule) -> None:
        self.severities: tuple[str, ...] = (params.severity,)
        self._low = params.low.magnitude
        self._high = params.high.magnitude
        self.quiet = (self._low, self._high)
        self._deadband = params.deadband.magnitude if params.deadband is not None else 0.0

    def level(self, value: Value, engaged: int) -> int:
        """Answer 1 outside the band, 0 inside."""
        slack = self._deadband if engaged else 0.0
        outside = value < self._low + slack or value > self._high - slack  # type: ignore[operator] # a text raises
        return int(outside)

    def limit(self, value: Value, level: int) -> float | None:
        """Answer the end of the band that the value is nearer to."""
        del level
        middle = (self._low + self._high) / 2
        return self._low if isinstance(value, int | float) and value < middle else self._high


class Range(InUnitOfPoints):
    """The kind `range`."""

    kind = "range"
    model = RangeRule
    hears = "point"

    def point_patterns(self, params: RangeRule) -> Sequence[str]:
        """One alarm for each point."""
        return params.patterns

    def build(self, rule: Rule, source: Source, around: Surroundings) -> RangeJudge:
        """Make the judge of one point."""
        del source, around
        return RangeJudge(rule.params)


RANGE = Range()
