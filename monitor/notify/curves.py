"""What a device told over time, read of the journal for pictures: bounded, thinned, with its gaps.

For processes that draw; nothing here loads a large library.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from monitor.errors import JournalError
from monitor.journal.codec import KINDS, decode
from monitor.model import Derived, Event, Reading

__all__ = ["PAUSE", "Curve", "gaps_of", "oldest", "read", "thin"]

PAUSE: Final = 600_000
"""Milliseconds without a value after which a line is interrupted at the earliest."""

_MOST_DECODED: Final = 20_000
_MOST_DRAWN: Final = 500
_MOST_MARKS: Final = 200
_MIX: Final = 2_654_435_761
"""Knuth's multiplier (2^32 by the golden ratio): picks rows evenly, in step with no poll."""
_LONG, _LONG_BY_CHANCE = 5, 20
"""Times the usual distance of two values that are a gap; where rows were picked by chance, more."""
_ENTRIES: Final = (
    "SELECT time, kind, body FROM entries INDEXED BY entries_by_device"
    " WHERE device = ? AND time >= ? AND time < ? ORDER BY time, position"
)
_COUNT: Final = (
    "SELECT count(*) FROM entries INDEXED BY entries_by_device WHERE device = ? AND time >= ? AND time < ?"
)
# What is reckoned of a device has the time at which its hour or its day began: the device is not as old as that.
_OLDEST: Final = "SELECT time FROM entries WHERE device = ? AND kind IN (?, ?) ORDER BY time LIMIT 1"


class Curve(NamedTuple):
    """What a device told over a time: (UTC ms, value) in order; a value is a number, a state or an event's kind.

    The value None: from then on nobody knows. `gaps`: where no numbers came for longer than usual, from the last
    before to the first after it (UTC ms).
    """

    points: Sequence[tuple[int, Any]]
    is_of_numbers: bool
    gaps: Sequence[tuple[int, int]] = ()


def read(path: Path, wish: Mapping[str, Any]) -> Curve:
    """Read what a wish asks for, never more than some thousand entries. Raises sqlite3.Error.

    `device`, `point` (None: events), `start` and `end` (UTC ms) say what; `silence`: milliseconds after which a
    state is no longer known (left out or None: it lasts until the next one).
    """
    span = (wish["device"], wish["start"], wish["end"])
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        every = max(1, -(-db.execute(_COUNT, span).fetchone()[0] // _MOST_DECODED))
        found = list(_told(db, span, wish["point"], every))
    is_of_numbers = bool(found) and all(type(value) in {int, float} for _, value in found)
    if wish["point"] is None:
        return Curve(found[-_MOST_MARKS:], is_of_numbers=False)
    if is_of_numbers:
        gaps = gaps_of(found, _LONG if every == 1 else _LONG_BY_CHANCE)
        return Curve(thin(found, wish["start"], wish["end"]), is_of_numbers, gaps)
    return Curve(_changes(list(_until_silent(found, wish.get("silence")))), is_of_numbers)


def oldest(path: Path, device: str) -> int | None:
    """When a device told the first of what the journal still has (UTC ms). Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        return next(iter(db.execute(_OLDEST, (device, KINDS["reading"], KINDS["event"]))), (None,))[0]


def _told(
    db: sqlite3.Connection, span: tuple[str, int, int], point: str | None, every: int
) -> Iterator[tuple[int, Any]]:
    """The values of the point, or the events of the device when there is none; of `every` so many rows one."""
    name = b"" if point is None else point.encode()
    kinds = {KINDS["event"]} if point is None else {KINDS["reading"], KINDS["derived"]}
    for number, (time, kind, body) in enumerate(db.execute(_ENTRIES, span)):
        if (
            kind not in kinds
            or name not in body
            or (number * _MIX & 0xFFFF_FFFF) >> 12 & 0xFFFF >= 0x1_0000 // every
        ):
            continue
        try:
            entry = decode(kind, body)
        except JournalError:
            continue
        if isinstance(entry, Event):
            yield time, entry.kind
        elif (
            point is not None
            and isinstance(entry, (Reading, Derived))
            and (value := entry.values.get(point)) is not None
        ):
            yield time, value


def gaps_of(points: Sequence[tuple[int, Any]], times: int = _LONG) -> list[tuple[int, int]]:
    """Where the next value came later than so many times the usual: (before, after), UTC ms."""
    spans = [(before[0], after[0]) for before, after in pairwise(points)]
    if not spans:
        return []
    longest = max(PAUSE, times * median(after - before for before, after in spans))
    return [(before, after) for before, after in spans if after - before > longest]


def _until_silent(points: Sequence[tuple[int, Any]], silence: int | None) -> Iterator[tuple[int, Any]]:
    """States; None where nothing more was told of one for too long."""
    for at, point in enumerate(points):
        if silence is not None and at and point[0] - points[at - 1][0] > max(silence, PAUSE):
            yield points[at - 1][0] + silence, None
        yield point


def thin(
    points: Sequence[tuple[int, float]], start: int, end: int, most: int = _MOST_DRAWN
) -> list[tuple[int, float]]:
    """At most `most` of these points: of each slice of time the least and the greatest, so no peak is lost."""
    if len(points) <= most:
        return list(points)
    slices: dict[int, list[tuple[int, float]]] = {}
    for point in points:
        slices.setdefault((point[0] - start) * (most // 2) // max(1, end - start), []).append(point)
    kept: list[tuple[int, float]] = []
    for _, those in sorted(slices.items()):
        ends = {min(those, key=lambda one: one[1]), max(those, key=lambda one: one[1])}
        kept += sorted(ends)
    return kept


def _changes(points: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Where a state changed, and the first and the last of all; the newest when there are too many."""
    kept = [
        point for at, point in enumerate(points) if at in {0, len(points) - 1} or point[1] != points[at - 1][1]
    ]
    return kept[-_MOST_DRAWN:]
