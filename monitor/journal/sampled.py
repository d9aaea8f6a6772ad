"""The past of some points of a device in equal steps of time: what a chart of any length needs and no more.

All in one look at the journal, bounded in rows and in time. A reading whose quality is suspect is left out.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from monitor.errors import JournalError
from monitor.journal.codec import KINDS, decode
from monitor.model import Derived, Quality, Reading, Value

__all__ = ["MOST_STEPS", "Bucket", "History", "gathered", "history"]

MOST_STEPS: Final = 2000
_MOST_ROWS: Final = 100_000
_LONGEST: Final = 5.0
_LOOK: Final = 1000
_MIX: Final = 2_654_435_761
"""Knuth's multiplier (2^32 by the golden ratio): picks rows evenly, in step with no poll."""
_NUMBERS: Final = (KINDS["reading"], KINDS["derived"])
_WHERE: Final = f"""FROM entries INDEXED BY entries_by_device
    WHERE device = ? AND time >= ? AND time < ? AND kind IN ({_NUMBERS[0]}, {_NUMBERS[1]})"""
_COUNT: Final = f"SELECT count(*) {_WHERE}"
_READ: Final = f"SELECT kind, time, body {_WHERE} ORDER BY time, position"


@dataclass(slots=True)
class Bucket:
    """The values of one step: their mean, each counting alike, is of a state the share of true."""

    least: float
    greatest: float
    total: float
    last: Value
    count: int

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return self.total / self.count


@dataclass(frozen=True, slots=True)
class History:
    """Point -> number of the step -> what was in it. Steps without a value are left out.

    `sampled`: one of so many rows was looked at; `is_whole`: it was done before its time was over.
    """

    points: dict[str, dict[int, Bucket]] = field(default_factory=dict)
    sampled: int = 1
    is_whole: bool = True


def history(
    db: sqlite3.Connection, device: str, points: Sequence[str], *, period: tuple[int, int], step: int
) -> History:
    """Gather a period [start, end) of a device (UTC ms) in steps of so many ms. Raises sqlite3.Error."""
    start, end = period
    span = (device, start, end)
    every = max(1, -(-db.execute(_COUNT, span).fetchone()[0] // _MOST_ROWS))
    wanted: dict[str, dict[int, Bucket]] = {point: {} for point in points}
    ends = monotonic() + _LONGEST
    for number, (kind, time, body) in enumerate(db.execute(_READ, span)):
        if number % _LOOK == 0 and monotonic() > ends:
            return History(wanted, every, is_whole=False)
        if every > 1 and (number * _MIX & 0xFFFF_FFFF) >> 16 >= 0x1_0000 // every:
            continue
        try:
            entry = decode(kind, body)
        except JournalError:  # a damaged row; those who follow the journal tell of it
            continue
        if isinstance(entry, (Reading, Derived)) and entry.quality is not Quality.SUSPECT:
            for point, buckets in wanted.items():
                if (value := entry.values.get(point)) is not None:
                    gathered(buckets, (time - start) // step, value)
    return History(wanted, every)


def gathered(buckets: dict[int, Bucket], step: int, value: Value) -> None:
    """Take one more value of a step; of texts only the last and their number are kept."""
    number = float(value) if isinstance(value, (int, float)) else 0.0
    bucket = buckets.get(step)
    if bucket is None:
        buckets[step] = Bucket(number, number, number, value, 1)
        return
    bucket.least = min(bucket.least, number)
    bucket.greatest = max(bucket.greatest, number)
    bucket.total += number
    bucket.last = value
    bucket.count += 1
