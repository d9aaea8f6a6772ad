"""What holidays and weekly hours take wherever a site file has them: keys, forms and limits."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from monitor.fields import Frozen, Label, several
from monitor.settings.written import Day, DayNumbers, Span

__all__ = ["HolidayKeys", "HoursKeys", "HoursList"]


def _named_days(value: object) -> Any:
    """Days without names, or a mapping of days to names, as pairs of both."""
    if isinstance(value, Mapping):
        return tuple(value.items())
    return tuple((day, "") for day in several(value))


class HolidayKeys(Frozen):
    """Which days are holidays."""

    country: Label = ""
    region: Label = ""
    days: Annotated[tuple[tuple[Day, Label], ...], BeforeValidator(_named_days)] = ()

    @property
    def is_known(self) -> bool:
        """Whether they name any day at all."""
        return bool(self.country or self.days)


class HoursKeys(Frozen):
    """Hours of some days: every day without `days`, the whole day without `hours`."""

    days: Annotated[tuple[DayNumbers, ...], BeforeValidator(several)] = ()
    hours: Annotated[tuple[Span, ...], BeforeValidator(several)] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.days and not self.hours:
            raise ValueError('write `days`, `hours` or both, such as `{days: mon-fri, hours: "07:00-17:00"}`')
        return self


HoursList = Annotated[tuple[HoursKeys, ...], BeforeValidator(several), Field(min_length=1)]
"""One mapping or a list of them: what holds at any of them, holds."""
