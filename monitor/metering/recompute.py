"""Working out roll-ups of the past anew: after prices, gas values or virtual meters have changed in the settings.

What the counters have counted stays as it is. Each local day of each meter is held against what was told of it
last; only days whose figures are others now are told again, and their hours only where the amount is another.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import uuid4

import orjson

from monitor.fieldkeys import USAGE_AMOUNT, USAGE_BELOW, USAGE_WEEK_BEFORE, USAGE_WEEKDAY
from monitor.journal.state import State, produce
from monitor.metering.rollup import PRODUCER, Meters, Rollup
from monitor.metering.view import View
from monitor.model import Derived
from monitor.periods import month_of, pieces

__all__ = ["Progress", "recompute"]

_HOURS_HAVE: Final = (USAGE_AMOUNT, USAGE_BELOW, USAGE_WEEK_BEFORE, USAGE_WEEKDAY)
"""When one of these is another of a day, its hours have to be told again, too."""
_DAYS_AT_ONCE: Final = 20
_MOST_WAITING: Final = 5000
_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it has come: days of meters that were looked at, of how many, and how many are told again."""

    done: int
    total: int
    changed: int


async def recompute(  # noqa: PLR0913 - a store, its meters, which and when
    store: State, meters: Meters, *, devices: Sequence[str], start: int, end: int, now: int, oldest: int = 0
) -> AsyncIterator[Progress]:
    """Work out the days in [start, end) (UTC ms) anew, a few at a time, so that metering goes on meanwhile.

    What was counted before `oldest` may be forgotten: days and months that began then stay as they were told.
    Waits for the feeder, so that what is told again never piles up. Raises JournalError.
    """
    days = list(pieces(start, min(end, now), "day", meters.site.timezone))
    days = [day for day in days if day[0] >= oldest]
    total, done, changed = len(days) * len(devices), 0, 0
    yield Progress(done=0, total=total, changed=0)
    for device in devices:
        for place in range(0, len(days), _DAYS_AT_ONCE):
            some = days[place : place + _DAYS_AT_ONCE]
            work = partial(_days, meters=meters, device=device, days=some, now=now, oldest=oldest)
            changed += await store.transact(work)
            done += len(some)
            yield Progress(done=done, total=total, changed=changed)
            await _wait_for_feeder(store)


async def _wait_for_feeder(store: State) -> None:
    while (await store.query("SELECT count(*) FROM produced"))[0][0] > _MOST_WAITING:  # noqa: ASYNC110 - another file's feeder empties it
        await asyncio.sleep(_PAUSE)


def _days(  # noqa: PLR0913 - a store, which meter, which days
    db: sqlite3.Connection,
    *,
    meters: Meters,
    device: str,
    days: Sequence[tuple[int, int]],
    now: int,
    oldest: int,
) -> int:
    zone = meters.site.timezone
    view = View(db, meters.site, now=now)
    rollup = Rollup(meters, db, view, f"again-{uuid4()}")
    told = list[Derived]()
    months = set()
    changed = 0
    for start, end in days:
        before = _told_last(db, device, start)
        after = rollup.day(device, start, end)
        if not after or after == before:
            continue
        changed += 1
        if month_of(start, zone).start >= oldest:
            months.add(month_of(start, zone))
        is_other = any(before.get(name) != after.get(name) for name in _HOURS_HAVE)
        hours = list(pieces(start, end, "hour", zone)) if is_other and device not in meters.slow else []
        told += rollup.tell_day(device, start, end, hours)
    for month in months:
        told += rollup.tell_month(device, month.start, month.end)
    produce(db, PRODUCER, told)
    return changed


def _told_last(db: sqlite3.Connection, device: str, start: int) -> Mapping[str, Any]:
    row = db.execute("SELECT body FROM day WHERE device = ? AND start = ?", (device, start)).fetchone()
    found: Mapping[str, Any] = {} if row is None else orjson.loads(row[0])
    return found
