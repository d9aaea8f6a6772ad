"""Kind `threshold`: a point beyond one limit, or beyond several levels of rising severity."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from monitor.fields import Frozen, Quantity, several
from monitor.model import SEVERITY_RANK, Value
from monitor.settings.calendarshape import ScheduleWritten
from monitor.site import Rule, Source
from rules.kind import InUnitOfPoints, ValueRule
from rules.surroundings import Surroundings

__all__ = ["THRESHOLD", "Level", "Threshold", "ThresholdAt", "ThresholdJudge", "ThresholdRule"]


def _one_side(above: Quantity | None, below: Quantity | None) -> None:
    if (above is None) == (below is None):
        raise ValueError("write either `above:` or `below:`")


class Level(Frozen):
    """One step of a threshold: its limit and how severe it is to be beyond it."""

    above: Quantity | None = None
    below: Quantity | None = None
    severity: Literal["low", "medium", "high", "critical"]
    deadband: Quantity | None = None

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        _one_side(self.above, self.below)
        return self


class ThresholdAt(Frozen):
    """Another limit in some hours."""

    schedule: ScheduleWritten
    above: Quantity | None = None
    below: Quantity | None = None

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        _one_side(self.above, self.below)
        return self


class ThresholdRule(ValueRule):
    """Settings of a rule of kind `threshold`."""

    kind: Literal["threshold"]
    above: Quantity | None = None
    below: Quantity | None = None
    levels: tuple[Level, ...] | None = None
    deadband: Quantity | None = None
    at: Annotated[tuple[ThresholdAt, ...], BeforeValidator(several)] = ()

    @model_validator(mode="after")
    def _has_limits(self) -> Self:
        if self.levels is None:
            _one_side(self.above, self.below)
            if any((each.above is None) is not (self.above is None) for each in self.at):
                raise ValueError("in `at:` write the limits on the same side as that of the rule")
            return self
        if self.at:
            raise ValueError("`at:` is for one limit: write a rule with a `schedule:` for each of the levels")
        if self.above is not None or self.below is not None or "severity" in self.model_fields_set:
            raise ValueError("with `levels:`, write the limits and severities there")
        if not self.levels:
            raise ValueError("`levels:` needs at least one level")
        if len({level.severity for level in self.levels}) < len(self.levels):
            raise ValueError("each of `levels:` needs a severity of its own")
        return self

    def variants(self) -> Sequence[Self]:
        """The same rule by the limit of each of `at`."""
        return [self.model_copy(update={"above": each.above, "below": each.below, "at": ()}) for each in self.at]


class ThresholdJudge:
    """Compares with the limits, highest severity first; a level once reached is held through its deadband."""

    def __init__(self, params: ThresholdRule) -> None:
        levels = params.levels or (Level(above=params.above, below=params.below, severity=params.severity),)
        ranked = sorted(levels, key=lambda level: SEVERITY_RANK[level.severity])
        self.severities: tuple[str, ...] = tuple(level.severity for level in ranked)
        self._limits = tuple(_signed(level) for level in ranked)
        self.quiet = (
            max((limit for sign, limit in self._limits if sign < 0), default=-math.inf),
            min((limit for sign, limit in self._limits if sign > 0), default=math.inf),
        )
        slacks = tuple(_magnitude(level.deadband or params.deadband) for level in ranked)
        self._steps = tuple(
            (number, *self._limits[number - 1], slacks[number - 1]) for number in range(len(ranked), 0, -1)
        )

    def level(self, value: Value, engaged: int) -> int:
        """Answer the highest level that the value is beyond."""
        for number, sign, limit, deadband in self._steps:
            slack = deadband if number <= engaged else 0.0
            if value * sign > limit * sign - slack:  # type: ignore[operator] # a text raises, as promised
                return number
        return 0

    def limit(self, value: Value, level: int) -> float | None:
        """Answer the limit of a level."""
        del value
        return self._limits[level - 1][1] if level else None


def _magnitude(deadband: Quantity | None) -> float:
    return 0.0 if deadband is None else deadband.magnitude


def _signed(level: Level) -> tuple[float, float]:
    if level.above is not None:
        return 1.0, level.above.magnitude
    assert level.below is not None
    return -1.0, level.below.magnitude


class Threshold(InUnitOfPoints):
    """The kind `threshold`."""

    kind = "threshold"
    model = ThresholdRule
    hears = "point"

    def point_patterns(self, params: ThresholdRule) -> Sequence[str]:
        """One alarm for each point."""
        return params.patterns

    def build(self, rule: Rule, source: Source, around: Surroundings) -> ThresholdJudge:
        """Make the judge of one point."""
        del source, around
        return ThresholdJudge(rule.params)


THRESHOLD = Threshold()
