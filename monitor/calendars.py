"""Weekly hours and holidays of a place: when something is open, allowed or expected. Pure; times are UTC ms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from monitor.periods import local_day, moment_of

__all__ = ["Hours", "Schedule", "public_holidays"]

_ONE_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = 1440
_HOLIDAY: Final = 0
_DAYS_AHEAD: Final = 400
_DAYS_KEPT: Final = 4096


@lru_cache(maxsize=256)
def public_holidays(country: str, region: str, year: int) -> frozenset[date]:
    """The public holidays of a year; none where the library does not know the place: the settings refuse it."""
    import holidays  # takes a tenth of a second and several MB: only who heeds holidays pays

    try:
        return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))
    except NotImplementedError:
        return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours of some days.

    `days`: ISO weekdays (1 is Monday) and 0 for holidays; empty: every day. A holiday counts as 0 and not as its
    weekday. `spans`: minutes of the local day, end excluded; an end above 1440 goes on after midnight, and still
    belongs to the day on which it began. Empty: the whole day.
    """

    days: frozenset[int] = frozenset()
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The hours of a place, and its holidays: those of `country` and `region`, and days off with their names.

    `inverted`: all hours but these are meant.
    """

    hours: tuple[Hours, ...]
    country: str = ""
    region: str = ""
    days_off: Mapping[date, str] = field(default_factory=dict, hash=False)
    inverted: bool = False

    def is_on(self, time: int, zone: ZoneInfo) -> bool:
        """Whether a moment lies within the hours."""
        day = local_day(time, zone)
        is_on = any(begin <= time < end for each in (day - _ONE_DAY, day) for begin, end in self._on(each, zone))
        return is_on is not self.inverted

    def change_after(self, time: int, zone: ZoneInfo) -> int | None:
        """The first moment after `time` when that is another; None: not within more than a year."""
        now = self.is_on(time, zone)
        day = local_day(time, zone) - _ONE_DAY
        for ahead in range(_DAYS_AHEAD):
            edges = sorted({edge for span in self._on(day + ahead * _ONE_DAY, zone) for edge in span})
            for edge in edges:
                if edge > time and self.is_on(edge, zone) is not now:
                    return edge
        return None

    def is_holiday(self, day: date) -> bool:
        """Whether a local day is a holiday."""
        return day in self.days_off or bool(
            self.country and day in public_holidays(self.country, self.region, day.year)
        )

    def _on(self, day: date, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
        kind = _HOLIDAY if self.is_holiday(day) else day.isoweekday()
        for hours in self.hours:
            if hours.days and kind not in hours.days:
                continue
            for first, last in hours.spans or ((0, _MIDNIGHT),):
                begin, end = _moment(day, first, zone), _moment(day, last, zone)
                if begin < end:
                    yield begin, end


@lru_cache(maxsize=_DAYS_KEPT)
def _moment(day: date, minute: int, zone: ZoneInfo) -> int:
    """UTC ms when the clock on the wall shows so many minutes of a day, or of the one behind it."""
    days, minutes = divmod(minute, _MIDNIGHT)
    return moment_of(day + days * _ONE_DAY, minutes, zone)
