"""What the section `access` takes: keys, forms and limits of doors and zones."""

from typing import Annotated

from pydantic import Field

from monitor.fields import Duration, Frozen, Id, Label, Texts
from monitor.settings.calendarshape import HolidayKeys, HoursList
from monitor.settings.written import Minute

__all__ = ["AccessKeys", "AccessZoneKeys", "DoorKeys"]

_DAYS = 86400.0
_YEARS = 365.25 * _DAYS

_Held = Annotated[Duration, Field(ge=1, le=_DAYS)]


class AccessKeys(Frozen):
    """The section `access`, but for its lists `doors` and `zones`."""

    unlock_pulse: Annotated[Duration, Field(le=600)] = 5.0
    held_after: _Held = 30.0
    keep: Annotated[Duration, Field(ge=_DAYS, le=5 * _YEARS)] = 90 * _DAYS
    pseudonyms: bool = False
    names: Annotated[str, Field(min_length=16)] | None = Field(None, repr=False)
    holidays: HolidayKeys | None = None


class DoorKeys(Frozen):
    """One entry of `access.doors`."""

    door: str
    held_after: _Held | None = None
    unlocked: HoursList | None = None


class AccessZoneKeys(Frozen):
    """One entry of `access.zones`."""

    id: Id
    name: Label = ""
    doors: Annotated[Texts, Field(min_length=1)]
    within: str = ""
    hours: HoursList | None = None
    most: Annotated[int, Field(ge=1)] | None = None
    reset: Minute | None = None
    passback: bool = False
