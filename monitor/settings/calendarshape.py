"""What holidays and weekly hours take wherever a site file has them: keys, forms and limits."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from monitor.fields import Frozen, Id, Label, several
from monitor.settings.written import Day, DayNumbers, Span

__all__ = ["CalendarKeys", "HolidayKeys", "HoursKeys", "HoursList", "ScheduleWritten"]


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


class CalendarKeys(Frozen):
    """One entry of `calendars`: hours that rules call by its id."""

    id: Id
    hours: Annotated[tuple[HoursKeys, ...], BeforeValidator(several), Field(min_length=1)]
    holidays: HolidayKeys | None = None


def _hours_or_name(value: object) -> Any:
    if isinstance(value, str):
        return value
    hours = several(value)
    if not hours:
        raise ValueError('write the id of a calendar, or hours such as `{days: mon-fri, hours: "07:00-17:00"}`')
    return hours


ScheduleWritten = Annotated[
    Annotated[str, Tag("name")] | Annotated[tuple[HoursKeys, ...], Tag("hours")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "hours"),
    BeforeValidator(_hours_or_name),
]
"""The id of a calendar (`not` before it: all other hours), or hours as in `HoursList`."""

HoursList = Annotated[tuple[HoursKeys, ...], BeforeValidator(several), Field(min_length=1)]
"""One mapping or a list of them: what holds at any of them, holds."""
