"""Reading the journal by the times that entries tell of, wherever they stand in it, a page at a time.

Time is cut into slices of about a page; a slice is read device by device, along the index (device, time). So all
that was said of one instant of a device comes together and in the journal's order, what is read lies close in the
file, and no look at it lasts long.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from monitor.errors import JournalError
from monitor.journal.codec import KINDS, decode
from monitor.journal.swift import make_recorded
from monitor.model import Derived, Position, Recorded

__all__ = [
    "Page",
    "Place",
    "begin_at",
    "begins",
    "devices_of",
    "is_told",
    "read_page",
    "shortened",
    "steps_of",
    "told_around",
]

_FIRST: Final = 60_000
_SHORTEST: Final = 1000
_LONGEST: Final = 32 * 86_400_000
_READ: Final = (
    "SELECT time, position, recorded, kind, body FROM entries INDEXED BY entries_by_device"
    " WHERE device = ? AND time >= ? AND time < ? ORDER BY time, position"
)
_DEVICES: Final = """WITH RECURSIVE known (device) AS (
    SELECT min(device) FROM entries
    UNION ALL SELECT (SELECT min(device) FROM entries WHERE device > known.device) FROM known
    WHERE known.device IS NOT NULL
) SELECT device FROM known WHERE device IS NOT NULL"""
_WRITTEN: Final = ("reading", "event", "derived", "transition")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far somebody has come: everything before `start` is read (UTC ms).

    Of the slice [start, end) so are the devices before `device`, and of that what it told of before `time`.
    """

    start: int
    end: int
    device: str = ""
    time: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and where the next page begins; None: there is no other."""

    entries: Sequence[Recorded]
    following: Place | None


def begin_at(start: int, until: int) -> Place:
    """Where to begin with [start, until)."""
    return Place(start=start, end=min(until, start + _FIRST))


def shortened(place: Place) -> Place | None:
    """Where to begin anew when a slice is more than a page, a quarter of it; None: it is as short as can be."""
    length = (place.end - place.start) // 4
    return None if length < _SHORTEST else Place(start=place.start, end=place.start + length)


def begins(db: sqlite3.Connection) -> int | None:
    """When the oldest entry that is left was recorded (UTC ms); None: there is none."""
    row = db.execute("SELECT recorded FROM entries ORDER BY position LIMIT 1").fetchone()
    return None if row is None else int(row[0])


def devices_of(db: sqlite3.Connection) -> Sequence[str]:
    """Everything that the journal has entries of, in order."""
    return [row[0] for row in db.execute(_DEVICES)]


def read_page(  # noqa: PLR0913 - a place, and what is wanted there
    db: sqlite3.Connection,
    place: Place,
    until: int,
    *,
    most: int,
    kinds: Collection[str] = _WRITTEN,
    devices: Collection[str] | None = None,
) -> Page:
    """Read about `most` entries of [place, until), some more where one instant has more; one consistent look.

    `devices`: only these. What was derived of one instant several times comes once, as all of it together is.
    """
    numbers = frozenset(KINDS[kind] for kind in kinds)
    found: list[Recorded] = []
    db.execute("SAVEPOINT page")
    try:
        for device in devices_of(db):
            if device < place.device or (devices is not None and device not in devices):
                continue
            if len(found) >= most:
                return Page(found, replace(place, device=device, time=place.start))
            start = place.time if device == place.device else place.start
            stopped = _read_device(db, device, (start, place.end), numbers, found, most)
            if stopped is not None:
                return Page(found, replace(place, device=device, time=stopped))
    finally:
        db.execute("RELEASE page")
    return Page(found, _next_slice(place, until, len(found), most))


def _next_slice(place: Place, until: int, found: int, most: int) -> Place | None:
    if place.end >= until:
        return None
    length = place.end - place.start
    if place.device:
        length = max(_SHORTEST, length // 2)
    elif found < most // 4:
        length = min(_LONGEST, length * (2 if found else 4))
    return Place(start=place.end, end=min(until, place.end + length))


def _read_device(  # noqa: PLR0913, PLR0917 - a span of a device, and where it goes
    db: sqlite3.Connection,
    device: str,
    span: tuple[int, int],
    kinds: Collection[int],
    found: list[Recorded],
    most: int,
) -> int | None:
    """Read one device; answer the instant at which it stopped because that was enough, or None."""
    instant, now = _Instant(), None
    for time, position, recorded, kind, body in db.execute(_READ, (device, *span)):
        if time != now:
            found += instant.entries()
            if len(found) >= most:
                return int(time)
            instant, now = _Instant(), time
        if kind in kinds and (read := _read(position, recorded, kind, body)) is not None:
            instant.add(read)
    found += instant.entries()
    return None


def _read(position: int, recorded: int, kind: int, body: bytes) -> Recorded | None:
    try:
        return make_recorded(Position(position), recorded, decode(kind, body))
    except JournalError:  # a damaged row; those who follow the journal tell of it
        return None


class _Instant:
    """What a device told of one instant: a month that still runs is told again every quarter of an hour."""

    def __init__(self) -> None:
        self._found: dict[Any, Recorded] = {}
        self._newest: dict[str, Any] = {}

    def add(self, recorded: Recorded) -> None:
        entry = recorded.entry
        if not isinstance(entry, Derived):
            self._found[recorded.position] = recorded
            return
        key = (entry.measurement, tuple(sorted(entry.attributes.items())))
        before = self._found.pop(key, None)
        if before is not None and self._newest[entry.measurement] == key:
            assert isinstance(before.entry, Derived)
            recorded = replace(recorded, entry=replace(entry, values={**before.entry.values, **entry.values}))
        elif before is not None:  # another series or other texts in between: each stays where it is
            self._found[before.position] = before
        self._newest[entry.measurement] = key
        self._found[key] = recorded

    def entries(self) -> Sequence[Recorded]:
        return sorted(self._found.values(), key=lambda each: each.position)


def told_around(db: sqlite3.Connection, device: str, start: int, end: int) -> Iterator[Recorded]:
    """Events and transitions of a device with start <= time < end, in the journal's order."""
    rows = db.execute(
        "SELECT position, recorded, kind, body FROM entries WHERE device = ? AND time >= ? AND time < ?"
        " AND kind IN (?, ?) ORDER BY position",
        (device, start, end, KINDS["event"], KINDS["transition"]),
    )
    return (found for row in rows if (found := _read(*row)) is not None)


def steps_of(db: sqlite3.Connection, occurrence: str) -> Iterator[Recorded]:
    """The steps of an occurrence of an alarm from its first on; none when that is trimmed."""
    number = 1
    while row := db.execute(
        "SELECT position, recorded, kind, body FROM entries WHERE identity = ?", (f"t/{number}/{occurrence}",)
    ).fetchone():
        if (found := _read(*row)) is not None:
            yield found
        number += 1


def is_told(db: sqlite3.Connection, derived: Derived) -> bool:
    """Whether the journal has any version of a derived entry, whose key is `name@version`."""
    name = f"d/{derived.producer}/{derived.device}/{derived.time}/{derived.key.partition('@')[0]}"
    row = db.execute(
        "SELECT 1 FROM entries WHERE identity >= ? AND identity < ? LIMIT 1", (f"{name}@", f"{name}A")
    ).fetchone()
    return row is not None
