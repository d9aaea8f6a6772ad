"""Roll-ups of the past as they would be told now, of any time that the ledger remembers; changes nothing."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.metering.rollup import Meters, Rollup
from monitor.metering.view import View
from monitor.model import Derived
from monitor.periods import Period, day_of, month_of, pieces

__all__ = ["UsagePage", "past_usage"]

_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Some roll-ups, and where the next ones begin: a time, and the first meter of that day."""

    entries: Sequence[Derived]
    following: int
    device: str = ""


class _Recalled(Rollup):
    """Tells as `Rollup` does, and remembers nothing of it."""

    def _remember(self, device: str, start: int, end: int, values: Mapping[str, Any]) -> None:
        pass


def past_usage(  # noqa: PLR0913 - a ledger, and which part of it
    db: sqlite3.Connection, meters: Meters, *, now: int, start: int, end: int, device: str = ""
) -> UsagePage:
    """Tell some hundred of the hours, days and months that begin in [start, end), of the first day with any.

    Of that day, the meters from `device` on (in the order of their ids); the next ones come with the next call.
    """
    zone = meters.site.timezone
    day = day_of(start, zone)
    rollup = _Recalled(meters, db, View(db, meters.site, now=now), "past")
    found: list[Derived] = []
    for meter in sorted(meters.billed):
        if meter < device:
            continue
        if len(found) >= _MOST:
            return UsagePage(found, start, meter)
        found += _of_day(rollup, meters, meter, day, (start, end))
    return UsagePage(found, max(day.end, start + 1))


def _of_day(rollup: Rollup, meters: Meters, meter: str, day: Period, span: tuple[int, int]) -> Iterator[Derived]:
    start, end = span
    zone = meters.site.timezone
    hours: list[tuple[int, int]] = []
    if meter not in meters.slow:
        hours = [hour for hour in pieces(day.start, day.end, "hour", zone) if start <= hour[0] < end]
    told = rollup.tell_day(meter, day.start, day.end, hours)
    yield from (each for each in told if start <= each.time < end)
    month = month_of(day.start, zone)
    if start <= month.start == day.start:
        yield from rollup.tell_month(meter, month.start, month.end)
