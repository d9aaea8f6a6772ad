"""Local periods: quarters of an hour, hours, days, weeks and months of a time zone, as spans of UTC milliseconds.

A local day has 23, 24 or 25 hours (23.5 or 24.5 on Lord Howe Island, none where a zone crossed the date line); all
offsets in use are whole quarters of an hour, so that every local period begins where a quarter of an hour of UTC
does. Days follow each other without gap or overlap, also where a clock went back over midnight (Newfoundland until
2011): a day begins when it is first shown, and the hour that is shown again belongs to it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = [
    "DAY",
    "HOUR",
    "QUARTER",
    "WRITTEN",
    "Period",
    "before",
    "begin_of",
    "day_of",
    "day_week_before",
    "hour_week_before",
    "local_day",
    "moment_of",
    "month_of",
    "offsets",
    "parse",
    "pieces",
    "year_before",
    "zone_of",
]

_COPIES: Final = frozenset({"posix", "posixrules", "right"})
"""What lies beside the zones under the same names."""
QUARTER: Final = 900_000
HOUR: Final = 3_600_000
DAY: Final = 86_400_000
"""Milliseconds of a quarter of an hour, an hour, and 24 hours; a local day may be another."""

_KNOWN: Final = 4096
"""Edges of days and hours that are kept at hand: the same few are asked for again and again."""

_ONE_DAY: Final = timedelta(days=1)
_WRITTEN_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SOME_DAY: Final = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
WRITTEN: Final = (
    "^(today|yesterday|(this|last)-(week|month|year)|[0-9]{4}|[0-9]{4}-(0[1-9]|1[0-2])"
    rf"|[0-9]{{4}}-W(0[1-9]|[1-4][0-9]|5[0-3])|{_SOME_DAY}(\.\.{_SOME_DAY})?)$"
)
"""How a period is written, as a pattern of JSON Schema; that there is such a day, only a calendar says."""
_ALLOWED: Final = (
    "2026, 2026-11, 2026-W48, 2026-11-27, FROM..TO with two days, today, yesterday, "
    "this-week, last-week, this-month, last-month, this-year or last-year"
)


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of a name such as Europe/Berlin; None when there is none.

    The zones are not listed for it: that takes as long as reading a small site file does.
    """
    try:
        return None if name.partition("/")[0] in _COPIES else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Period:
    """A span of local days: `first` and `last` are both included, `start` and `end` its UTC ms, end excluded."""

    name: str
    first: date
    last: date
    start: int
    end: int


def local_day(time: int, zone: ZoneInfo) -> date:
    """The local day of a moment (UTC ms)."""
    shown = datetime.fromtimestamp(time / 1000, zone).date()
    return shown + _ONE_DAY if begin_of(shown + _ONE_DAY, zone) <= time else shown


@lru_cache(maxsize=_KNOWN)
def begin_of(day: date, zone: ZoneInfo) -> int:
    """UTC ms of the begin of a local day: its first moment, also where midnight does not exist.

    A day that a zone left out begins, and ends, where the following one does.
    """
    return moment_of(day, 0, zone)


def moment_of(day: date, minute: int, zone: ZoneInfo) -> int:
    """UTC ms when the clock on the wall first shows so many minutes (0 to 1439) of a day, or jumps over them."""
    wall = datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=zone)
    found = round(wall.timestamp() * 1000)
    # A moment that the clock jumped over is told as if it had not: what is wanted is the jump itself.
    skipped = datetime.fromtimestamp(found / 1000, zone).replace(tzinfo=None) - wall.replace(tzinfo=None)
    if skipped:
        return _change(found - round(skipped.total_seconds() * 1000), found, zone)
    return found


def offsets(start: int, end: int, zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Cut [start, end), a day or less, where the clock is set: begin, end and the offset from UTC, all in ms."""
    if start >= end:
        return
    first, last = _offset(start, zone), _offset(end - 1, zone)
    change = end if first == last else _change(start, end - 1, zone)
    yield start, change, first
    if change < end:
        yield change, end, last


def _offset(time: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(time / 1000, zone).utcoffset() or timedelta()
    return round(offset.total_seconds() * 1000)


def _change(start: int, end: int, zone: ZoneInfo) -> int:
    """The first moment with the offset of `end`, which is not that of `start`."""
    after = _offset(end, zone)
    while end - start > 1:
        middle = (start + end) // 2
        start, end = (start, middle) if _offset(middle, zone) == after else (middle, end)
    return end


def _period(name: str, first: date, last: date, zone: ZoneInfo) -> Period:
    return Period(name, first, last, begin_of(first, zone), begin_of(last + _ONE_DAY, zone))


def day_of(time: int, zone: ZoneInfo) -> Period:
    """The local day around a moment."""
    day = local_day(time, zone)
    return _period(day.isoformat(), day, day, zone)


def month_of(time: int, zone: ZoneInfo) -> Period:
    """The local month around a moment."""
    return _month(local_day(time, zone).replace(day=1), zone)


def _month(first: date, zone: ZoneInfo) -> Period:
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return _period(first.isoformat()[:7], first, following - timedelta(days=1), zone)


def _week(day: date, zone: ZoneInfo) -> Period:
    year, week, weekday = day.isocalendar()
    monday = day - timedelta(days=weekday - 1)
    return _period(f"{year:04}-W{week:02}", monday, monday + timedelta(days=6), zone)


def _year(year: int, zone: ZoneInfo) -> Period:
    return _period(f"{year:04}", date(year, 1, 1), date(year, 12, 31), zone)


def parse(text: str, zone: ZoneInfo, now: int) -> Period:
    """Read a period as people write it; `now` in UTC ms. Raises ValueError that says what may be written."""
    today = local_day(now, zone)
    words = {
        "today": lambda: _period(today.isoformat(), today, today, zone),
        "yesterday": lambda: day_of(begin_of(today, zone) - 1, zone),
        "this-week": lambda: _week(today, zone),
        "last-week": lambda: _week(today - timedelta(days=7), zone),
        "this-month": lambda: _month(today.replace(day=1), zone),
        "last-month": lambda: month_of(begin_of(today.replace(day=1), zone) - 1, zone),
        "this-year": lambda: _year(today.year, zone),
        "last-year": lambda: _year(today.year - 1, zone),
    }
    if text in words:
        return words[text]()
    try:
        return _written(text, zone)
    except (ValueError, OverflowError):
        raise ValueError(f"`{text[:40]}` is no period: write {_ALLOWED}") from None


def _written(text: str, zone: ZoneInfo) -> Period:
    if found := re.fullmatch(rf"({_WRITTEN_DAY})\.\.({_WRITTEN_DAY})", text):
        first, last = date.fromisoformat(found[1]), date.fromisoformat(found[2])
        if last < first:
            raise ValueError(text)
        return _period(text, first, last, zone)
    if re.fullmatch(r"[0-9]{4}", text):
        return _year(int(text), zone)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        return _month(date.fromisoformat(f"{text}-01"), zone)
    if found := re.fullmatch(r"([0-9]{4})-W([0-9]{2})", text):
        return _week(date.fromisocalendar(int(found[1]), int(found[2]), 1), zone)
    if re.fullmatch(_WRITTEN_DAY, text):
        day = date.fromisoformat(text)
        return _period(text, day, day, zone)
    raise ValueError(text)


def before(time: int, every: str, zone: ZoneInfo) -> Period:
    """The last whole day, week or month that is over at a moment."""
    today = local_day(time, zone)
    if every == "day":
        return day_of(begin_of(today, zone) - 1, zone)
    if every == "week":
        return _week(today - timedelta(days=7), zone)
    return month_of(begin_of(today.replace(day=1), zone) - 1, zone)


def day_week_before(start: int, zone: ZoneInfo) -> tuple[int, int] | None:
    """The same local day a week before the one that begins at `start`; None where the zone left it out."""
    day = local_day(start, zone) - timedelta(days=7)
    begin, end = begin_of(day, zone), begin_of(day + _ONE_DAY, zone)
    return (begin, end) if begin < end else None


def hour_week_before(start: int, end: int, zone: ZoneInfo) -> tuple[int, int] | None:
    """The same local hour a week before [start, end), which is one of the hours of `pieces`.

    Where there were two of it, the first. None where the clock left it out, or showed it for another time.
    """
    wall = datetime.fromtimestamp(start / 1000, zone).replace(fold=0) - timedelta(days=7)
    begin = round(wall.timestamp() * 1000)
    is_shown = datetime.fromtimestamp(begin / 1000, zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
    until = _end_of_hour(begin, zone)
    return (begin, until) if is_shown and until - begin == end - start else None


def year_before(period: Period, zone: ZoneInfo) -> Period:
    """The same days of the year before.

    The 29th of February becomes the 28th, a month its whole month, a week the week of the same number.
    """
    if "-W" in period.name:
        year, week, _ = period.first.isocalendar()
        last = min(week, date(year - 1, 12, 28).isocalendar().week)
        return _week(date.fromisocalendar(year - 1, last, 1), zone)
    first, last_day = _earlier(period.first), _earlier(period.last)
    if _is_month_end(period.last) and period.first.day == 1:
        last_day = _month(last_day.replace(day=1), zone).last
    return _period(_name(first, last_day, like=period.name), first, last_day, zone)


def _name(first: date, last: date, *, like: str) -> str:
    if ".." in like:
        return f"{first}..{last}"
    return first.isoformat()[: len(like)]


def _earlier(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def _is_month_end(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def pieces(start: int, end: int, per: str, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Cut [start, end) into quarters of an hour, hours, days or months of a zone; an empty `per`: not at all.

    The first and the last piece are shorter where the span begins or ends within one.
    """
    at = start
    while at < end:
        until = min(end, _end_of(at, per, zone)) if per else end
        yield at, until
        at = until


def _end_of(time: int, per: str, zone: ZoneInfo) -> int:
    if per == "quarter":
        return (time // QUARTER + 1) * QUARTER
    if per == "hour":
        return _end_of_hour(time, zone)
    if per == "day":
        return day_of(time, zone).end
    if per == "month":
        return month_of(time, zone).end
    raise ValueError(f"`{per[:20]}` is no piece of time: write quarter, hour, day or month")


@lru_cache(maxsize=_KNOWN)
def _end_of_hour(time: int, zone: ZoneInfo) -> int:
    """Hours follow the local clock: in a zone of +5:30 they begin at half past of UTC, and end where it is set."""
    shift = _offset(time, zone)
    end = ((time + shift) // HOUR + 1) * HOUR - shift
    return next(offsets(time, end, zone))[1]
