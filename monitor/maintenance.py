"""Maintenance windows: when work is done at some devices, and nobody has to be told of it. Pure; times are UTC ms.

A window repeats by a rule of RFC 5545, in local time: it begins when the clock on the wall shows the time of its
first begin (where that time does not exist, when the clock jumps over it), and lasts as long as the first one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from monitor.periods import DAY, local_day, moment_of
from monitor.wording import Sentence

__all__ = ["LONGEST", "MOST_ASKED", "WORDS", "Window", "problem"]

LONGEST: Final = 366 * DAY
"""The longest that a window may last, in ms."""

MOST_ASKED: Final = 200
"""How many windows people may add by hand: all are looked at whenever one begins or ends."""

WORDS: Final = {
    "daily": "FREQ=DAILY",
    "weekly": "FREQ=WEEKLY",
    "monthly": "FREQ=MONTHLY",
    "yearly": "FREQ=YEARLY",
}
"""Words for the simplest repetitions."""

_LATEST: Final = 253_402_300_799_999
"""The end of the year 9999 (UTC ms)."""
_UTC: Final = ZoneInfo("UTC")
_HORIZON: Final = 5 * 366 * DAY
_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS: Final = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST")
_MOST: Final = 1000
_CYCLE: Final = 400
"""After so many years the calendar repeats, weekdays included."""
_LAST_CYCLE: Final = 9900
"""Rules are reckoned from this year on: one that never comes true ends at the year 9999, and soon."""
_ONE_DAY: Final = timedelta(days=1)
_YEARS_KEPT: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Some time for work, once or again and again.

    `starts`: when it begins first; `duration` in ms; `repeat`: a rule such as `FREQ=WEEKLY;BYDAY=TU`, or empty.
    `devices`: ids, None for all; `rules`: patterns of ids of rules with `*`, empty for all. `by`: who wants it.
    """

    id: str
    starts: int
    duration: int
    repeat: str = ""
    zone: ZoneInfo = _UTC
    devices: frozenset[str] | None = None
    rules: tuple[str, ...] = ()
    name: str = ""
    reason: str = ""
    by: str = ""

    def covers(self, rule: str, device: str) -> bool:
        """Whether an alarm of a rule at a device is meant."""
        if self.devices is not None and device not in self.devices:
            return False
        return not self.rules or any(fnmatchcase(rule, pattern) for pattern in self.rules)

    def is_on(self, time: int) -> bool:
        """Whether a moment lies within it."""
        return any(begin <= time for begin in self._begins(time - self.duration, time))

    def change_after(self, time: int) -> int | None:
        """The first moment after `time` when that is another; None: never, as far as five years ahead."""
        end: int | None = None
        for begin in self._begins(time - self.duration, max(time, self.starts) + _HORIZON):
            if begin > time and end is None:
                return begin
            if end is not None and begin > end:
                return end
            end = begin + self.duration
        return end

    def end_of(self, time: int) -> int | None:
        """When the stretch that a moment lies in is over; None when it lies in none."""
        return self.change_after(time) if self.is_on(time) else None

    def _begins(self, after: int, until: int) -> Iterator[int]:
        """Yield the moments in (after, until] at which it begins, in order."""
        if not self.repeat:
            if after < self.starts <= until:
                yield self.starts
            return
        first = datetime.fromtimestamp(self.starts / 1000, self.zone)
        minute = first.hour * 60 + first.minute
        begin, end = local_day(max(after, self.starts), self.zone) - _ONE_DAY, local_day(until, self.zone)
        for year in range(begin.year, end.year + 1):
            days = _days(first.date(), self.repeat, year)
            for day in days[bisect_left(days, begin) : bisect_right(days, end)]:
                moment = moment_of(day, minute, self.zone)
                if after < moment <= until:
                    yield moment


def problem(window: Window) -> Sentence | None:
    """Say what is wrong with a window; None when nothing is. Takes a bounded time."""
    if not 0 < window.duration <= LONGEST:
        return Sentence("it has to last longer than nothing and at most a year")
    if not 0 <= window.starts <= _LATEST:
        return Sentence("it begins in no year that a calendar has")
    return (_ill_formed(window.repeat) or _never(window)) if window.repeat else None


def _ill_formed(repeat: str) -> Sentence | None:
    parts = dict(part.partition("=")[::2] for part in repeat.split(";"))
    unknown = [part for part in parts if part not in _PARTS]
    if unknown:
        known = Sentence("write daily, weekly, monthly or yearly, or a rule of {parts}", parts=", ".join(_PARTS))
        if not unknown[0]:
            return Sentence("a repetition has no empty part; {known}", known=known)
        return Sentence("a repetition has no {part}; {known}", part=unknown[0], known=known)
    if parts.get("FREQ") not in _FREQUENCIES:
        return Sentence("write FREQ= with one of {known}: `FREQ=WEEKLY;BYDAY=TU`", known=", ".join(_FREQUENCIES))
    counts = [parts.get(name, "1") for name in ("INTERVAL", "COUNT")]
    if not all(count.isdecimal() and 0 < int(count) <= _MOST for count in counts):
        return Sentence("INTERVAL and COUNT go from 1 to {count}", count=_MOST)
    return None


def _never(window: Window) -> Sentence | None:
    try:
        first = datetime.fromtimestamp(window.starts / 1000, window.zone).date()
        if next(iter(_rule(first, window.repeat, _ahead(first))), None) is not None:
            is_never = window.change_after(window.starts - window.duration - DAY) is None
        else:
            is_never = True
    except (ValueError, TypeError, OverflowError) as error:
        return Sentence("the repetition cannot be read: {error}", error=str(error))
    return Sentence("it does not come true within five years") if is_never else None


@lru_cache(maxsize=_YEARS_KEPT)
def _days(first: date, repeat: str, year: int) -> tuple[date, ...]:
    """The days of a year on which a rule that counts from a first day comes true."""
    ahead = _ahead(first)
    if year < first.year or year + ahead > MAXYEAR:
        return ()
    found = _rule(first, repeat, ahead).between(
        datetime(year + ahead, 1, 1),  # noqa: DTZ001 - days, in no zone
        datetime(year + ahead, 12, 31),  # noqa: DTZ001
        inc=True,
    )
    return tuple(each.date().replace(year=each.year - ahead) for each in found)


def _ahead(first: date) -> int:
    return (_LAST_CYCLE - first.year) // _CYCLE * _CYCLE


def _rule(first: date, repeat: str, ahead: int) -> rrule:
    parts = [part for part in repeat.split(";") if not part.startswith("UNTIL=")]
    begin = datetime(first.year + ahead, first.month, first.day)  # noqa: DTZ001 - days, in no zone
    rule = rrulestr(";".join(parts), dtstart=begin)
    assert isinstance(rule, rrule)
    until = repeat.partition("UNTIL=")[2].partition(";")[0]
    if not until:
        return rule
    last = datetime.strptime(until[:8], "%Y%m%d").replace(tzinfo=UTC)
    return rule.replace(until=last.replace(year=last.year + ahead, tzinfo=None))
