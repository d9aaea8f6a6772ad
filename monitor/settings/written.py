"""Forms of days, hours, money and ratios as people write them."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

__all__ = [
    "Day",
    "DayNumbers",
    "Kilograms",
    "Minute",
    "Moment",
    "Money",
    "Ratio",
    "Season",
    "Share",
    "Span",
    "Spans",
    "Wall",
]

_NUMBER = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,15})?(?:[eE][-+]?\d{1,2})?")
_MOST: Final = Decimal(10) ** 9
_MOST_RATIO: Final = 1_000_000
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOLIDAYS: Final = "holidays"
_SEASON = re.compile(r"(\d{2})-(\d{2})\s*\.\.\s*(\d{2})-(\d{2})")
_SPAN = re.compile(r"(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_LEAP: Final = 2024
_QUARTER: Final = 15
_DAY: Final = 1440


def _decimal(value: object) -> Decimal | None:
    """The decimal number as it was written; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if abs(number) < _MOST else None


def _money(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    found = _decimal(value)
    if found is None:
        raise ValueError("write an amount of money as a bare number, such as `0.3420`")
    return found


Money = Annotated[Decimal, BeforeValidator(_money)]
"""An amount in the currency of the tariff, exact."""


def _share(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    text = value.strip() if isinstance(value, str) else ""
    found = _decimal(text.removesuffix("%").strip()) if text.endswith("%") else None
    if found is None or not 0 <= found <= 100:  # noqa: PLR2004 - per cent
        raise ValueError("write a share from 0 % to 100 %, such as `19 %`")
    return found / 100


Share = Annotated[Decimal, BeforeValidator(_share)]
"""A share of 1, written in per cent."""


def _kilograms(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    text = value.strip() if isinstance(value, str) else ""
    for unit, divisor in (("kg", 1), ("g", 1000)):
        if text.endswith(unit):
            found = _decimal(text.removesuffix(unit).strip())
            if found is not None and found >= 0:
                return found / divisor
            break
    raise ValueError("write what one unit emits, such as `0.363 kg` or `363 g`")


Kilograms = Annotated[Decimal, BeforeValidator(_kilograms)]
"""Kilograms, written with their unit."""


def _ratio(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    above, slash, below = str(value).partition("/") if isinstance(value, str) else (value, "", 1)
    numbers = [_decimal(part) for part in (above, below if slash or not isinstance(value, str) else 1)]
    if None in numbers or not all(number and number > 0 for number in numbers):
        raise ValueError("write what is on the transformer, such as `200/5`, or its ratio, such as `40`")
    ratio = Fraction(numbers[0] or 1) / Fraction(numbers[1] or 1)
    if not Fraction(1, _MOST_RATIO) <= ratio <= _MOST_RATIO:
        raise ValueError(f"a ratio is at most {_MOST_RATIO}")
    return ratio


Ratio = Annotated[Fraction, BeforeValidator(_ratio)]
"""The ratio of a transformer, exact."""


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("write a day such as `2026-01-31`")


Day = Annotated[date, BeforeValidator(_day)]
"""A day of the site's time zone."""


def _season(value: object) -> Any:
    found = _SEASON.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if found is not None:
            first, last = ((int(found[at]), int(found[at + 1])) for at in (1, 3))
            date(_LEAP, *first), date(_LEAP, *last)
            return first, last
    except ValueError:
        pass
    raise ValueError("write the first and the last day, month first, such as `11-01..03-31`")


_MonthDay = tuple[int, int]
Season = Annotated[tuple[_MonthDay, _MonthDay], BeforeValidator(_season)]
"""The first and the last day of a season as (month, day), both included."""


def _days(value: object) -> tuple[int, ...]:
    text = value.strip().lower() if isinstance(value, str) else ""
    if text == _HOLIDAYS:
        return (0,)
    first, dash, last = (part.strip() for part in text.partition("-"))
    if first in _WEEKDAYS and (last in _WEEKDAYS or not dash):
        begin = _WEEKDAYS.index(first)
        count = (_WEEKDAYS.index(last) - begin) % 7 + 1 if dash else 1
        return tuple((begin + step) % 7 + 1 for step in range(count))
    raise ValueError("write days such as `mon-fri`, `sat`, `sun` or `holidays`, or a list of those")


DayNumbers = Annotated[tuple[int, ...], BeforeValidator(_days)]
"""ISO weekdays, and 0 for holidays."""


def _span(value: object) -> tuple[int, int]:
    """The first minute and the one behind the last; an end that is not later is one of the following day."""
    found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or any(int(found[at]) >= 60 for at in (2, 4)):  # noqa: PLR2004 - minutes
        raise ValueError('write hours such as `"07:00-20:00"`')
    begin, end = (60 * int(found[at]) + int(found[at + 1]) for at in (1, 3))
    if max(begin, end) > _DAY or begin == _DAY:
        raise ValueError("a day has the hours 00:00 to 24:00")
    if begin == end:
        raise ValueError("these hours have no length; leave `hours` out for the whole day")
    return begin, end if begin < end else end + _DAY


Span = Annotated[tuple[int, int], BeforeValidator(_span)]
"""A span of minutes of the local day, end excluded: an end above 1440 is after midnight."""


def _spans(value: object) -> Any:
    begin, end = _span(value)
    if begin % _QUARTER or end % _QUARTER:
        raise ValueError("what is used is known by quarters of an hour: write minutes 00, 15, 30 or 45")
    return tuple(span for span in ((begin, min(end, _DAY)), (0, end - _DAY)) if span[0] < span[1])


Spans = Annotated[tuple[tuple[int, int], ...], BeforeValidator(_spans)]
"""Spans of minutes of the local day, end excluded: two of them where the hours go over midnight."""


def _minute(value: object) -> int:
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write a time of day such as `"03:00"`')
    return 60 * int(found[1]) + int(found[2])


Minute = Annotated[int, BeforeValidator(_minute)]
"""A minute of the local day, 0 to 1439."""


Wall = tuple[date, int]
"""A day, and a minute of it as the clock on the wall shows it."""


def _moment(value: object) -> Any:
    if isinstance(value, tuple):
        return value
    day, _, time = value.strip().replace("T", " ").partition(" ") if isinstance(value, str) else ("", "", "")
    try:
        return _day(day), _minute(time)
    except ValueError:
        raise ValueError("write a day and a time of it, such as `2026-11-28 08:00`") from None


Moment = Annotated[Wall, BeforeValidator(_moment)]
"""A local time of the site, to the minute."""
