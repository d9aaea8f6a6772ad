"""What the site file takes about how much people want to hear, and when: keys, forms and limits."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from monitor.fields import Duration, Frozen, several
from monitor.settings.written import DayNumbers, Span
from monitor.staff import REMINDERS

__all__ = ["BudgetKeys", "GroupingKeys", "QuietKeys", "RemindersKeys"]

_WEEK = 7 * 86400.0


class QuietKeys(Frozen):
    """Hours in which somebody hears only of what is at least `below`: written here, or a calendar's."""

    hours: Annotated[tuple[Span, ...], BeforeValidator(several)] = ()
    days: Annotated[tuple[DayNumbers, ...], BeforeValidator(several)] = ()
    calendar: str | None = None
    below: Literal["medium", "high", "critical"] = "high"

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if (self.calendar is None) is (not self.hours and not self.days):
            raise ValueError('write `hours` such as "22:00-07:00", or the id of a `calendar`')
        return self


class BudgetKeys(Frozen):
    """How many messages somebody wants at most."""

    day: Annotated[int, Field(ge=1, le=1000)] | None = None
    night: Annotated[int, Field(ge=0, le=1000)] | None = None


class GroupingKeys(Frozen):
    """What is told in one message."""

    wait: Annotated[Duration, Field(le=600)] = 30.0
    interval: Annotated[Duration, Field(le=3600)] = 300.0
    pace: Annotated[Duration, Field(le=3600)] = 60.0


def _off(value: object) -> Any:
    """`off`, which other programs read as false, is: no reminder at all."""
    if value is False or value == "off":
        return ()
    times = several(value)
    if not times:
        raise ValueError("write times such as `[30 min, 1 h]`, or `off`")
    return times


Times = Annotated[
    tuple[Annotated[Duration, Field(ge=60, le=_WEEK)], ...], BeforeValidator(_off), Field(max_length=20)
]


class RemindersKeys(Frozen):
    """Severity -> times between reminders, the last of them again and again."""

    critical: Times = REMINDERS["critical"]
    high: Times = REMINDERS["high"]
    medium: Times = REMINDERS["medium"]
    low: Times = ()

    @property
    def by_severity(self) -> Mapping[str, tuple[float, ...]]:
        """Those that there are."""
        named = {"critical": self.critical, "high": self.high, "medium": self.medium, "low": self.low}
        return {severity: times for severity, times in named.items() if times}
