"""What rosters take: keys, forms and limits. References are checked where they are bound."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from monitor.duty import Unit
from monitor.fields import Frozen, Id, Label, Texts
from monitor.settings.calendarshape import ScheduleWritten
from monitor.settings.written import Day, DayNumbers, Minute

__all__ = ["AwayKeys", "Edge", "HandOver", "LayerKeys", "OverrideKeys", "RosterKeys", "TurnLength"]

_TURN = re.compile(r"(\d{1,4}) ?(h|days?|weeks?)")
_UNITS: Final[dict[str, Unit]] = {"h": "hours", "d": "days", "w": "weeks"}
_MOST: Final[dict[Unit, int]] = {"hours": 168, "days": 92, "weeks": 52}


def _turn(value: object) -> Any:
    if isinstance(value, tuple):
        return value
    found = _TURN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write how long a turn is, such as `12 h`, `1 day` or `2 weeks`")
    unit, count = _UNITS[found[2][0]], int(found[1])
    if not 1 <= count <= _MOST[unit]:
        raise ValueError("a turn lasts from 1 h to 168 h, up to 92 days, or up to 52 weeks")
    return unit, count


TurnLength = Annotated[tuple[Unit, int], BeforeValidator(_turn)]
"""The unit of a turn, and how many of it: by the clock on the wall."""


class _Pieces(Frozen):
    """The forms of a hand-over, taken apart."""

    days: DayNumbers = (1,)
    minute: Minute


def _hand_over(value: object) -> Any:
    if isinstance(value, tuple):
        return value
    *day, clock = value.split() if isinstance(value, str) else ("", "")
    try:
        pieces = _Pieces.model_validate({"minute": clock} | ({"days": " ".join(day)} if day else {}))
    except ValueError:
        pieces = None
    if pieces is None or len(pieces.days) != 1 or pieces.days == (0,):
        raise ValueError(
            'write when a turn hands over, such as `mon 08:00`, or `"08:00"` for turns of days or hours'
        )
    return (pieces.days[0] if day else None), pieces.minute


HandOver = Annotated[tuple[int | None, int], BeforeValidator(_hand_over)]
"""An ISO weekday, where one is written, and a minute of the local day."""


class _Wall(Frozen):
    """A day, and a time of it where one is written."""

    day: Day
    minute: Minute | None = None

    def as_edge(self) -> tuple[Any, int | None]:
        """Both, as a pair."""
        return self.day, self.minute


def _edge(value: object) -> Any:
    if isinstance(value, tuple):
        return value
    day, _, clock = value.strip().replace("T", " ").partition(" ") if isinstance(value, str) else ("", "", "")
    try:
        return _Wall.model_validate({"day": day} | ({"minute": clock} if clock else {})).as_edge()
    except ValueError:
        raise ValueError("write a day such as `2026-12-24`, or a time of it such as `2026-12-24 18:00`") from None


Edge = Annotated[tuple[Day, int | None], BeforeValidator(_edge)]
"""A local day, and a minute of it where one is written: a `to` without one includes the whole day."""


class AwayKeys(Frozen):
    """A span in which somebody is not there."""

    starts: Edge = Field(alias="from")
    ends: Edge = Field(alias="to")


class OverrideKeys(AwayKeys):
    """One entry of `overrides` of a roster: who stands in."""

    person: str
    reason: Label = ""


class LayerKeys(Frozen):
    """One entry of `layers` of a roster."""

    name: Label = ""
    people: Annotated[Texts, Field(min_length=1)]
    turn: TurnLength = ("weeks", 1)
    handover: HandOver = (None, 480)
    begins: Day | None = Field(None, alias="from")
    hours: ScheduleWritten | None = None


class RosterKeys(Frozen):
    """One entry of `notify.rosters`."""

    id: Id
    name: Label = ""
    layers: Annotated[tuple[LayerKeys, ...], Field(min_length=1)]
    overrides: tuple[OverrideKeys, ...] = ()
