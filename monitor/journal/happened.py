"""Reading events backwards in time, of one device or of all, a page at a time."""

import heapq
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.errors import JournalError
from monitor.journal.codec import decode
from monitor.model import Event, Position

__all__ = ["Mark", "events_before"]

_MOST_LOOKED_AT: Final = 20_000
_DEVICES: Final = """WITH RECURSIVE known (device) AS (
    SELECT min(device) FROM entries INDEXED BY entries_events WHERE kind = 2
    UNION ALL SELECT (SELECT min(device) FROM entries INDEXED BY entries_events
        WHERE kind = 2 AND device > known.device)
    FROM known WHERE known.device IS NOT NULL
) SELECT device FROM known WHERE device IS NOT NULL"""
_READ: Final = """
    SELECT time, position, body FROM entries INDEXED BY entries_events
    WHERE kind = 2 AND device = :device AND time >= :start AND (time, position) < (:time, :position)
    ORDER BY time DESC, position DESC LIMIT :most
"""
_CHUNK: Final = 50


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Where an event stands: by its time (UTC ms), then its place in the journal."""

    time: int
    position: int


def events_before(  # noqa: PLR0913 - where, and which
    db: sqlite3.Connection,
    before: Mark,
    start: int,
    limit: int,
    *,
    device: str = "",
    is_wanted: Callable[[Event], bool] = lambda _: True,
) -> tuple[Sequence[Event], Mark | None]:
    """Answer at most `limit` events with start <= time before a mark, newest first, and where more may be.

    It looks at so many rows and no more: a page may be shorter, or empty, and there be more.
    """
    devices = [device] if device else [row[0] for row in db.execute(_DEVICES)]
    streams = [_backwards(db, each, before, start) for each in devices]
    found: list[Event] = []
    for looked_at, (mark, body) in enumerate(heapq.merge(*streams, key=lambda one: one[0], reverse=True)):
        if looked_at >= _MOST_LOOKED_AT or len(found) >= limit:
            return found, Mark(mark.time, mark.position + 1)
        event = _decoded(body)
        if event is not None and is_wanted(event):
            found.append(event)
    return found, None


def _backwards(db: sqlite3.Connection, device: str, before: Mark, start: int) -> Iterator[tuple[Mark, bytes]]:
    """The events of a device, in chunks: most devices are not asked for a second one."""
    mark = before
    while True:
        asked = {"device": device, "start": start, "time": mark.time, "position": mark.position, "most": _CHUNK}
        rows = db.execute(_READ, asked).fetchall()
        for time, position, body in rows:
            mark = Mark(int(time), int(Position(position)))
            yield mark, body
        if len(rows) < _CHUNK:
            return


def _decoded(body: bytes) -> Event | None:
    try:
        entry = decode("event", body)
    except JournalError:  # a damaged row; those who follow the journal tell of it
        return None
    return entry if isinstance(entry, Event) else None
