"""Keeping the journal within its age and size, and saying in time when that would cost what is still needed."""

import os
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Final

from monitor.model import Position
from monitor.site import JournalSettings

__all__ = ["SECURE", "Trimmer"]

_AT_ONCE = 1000
_LOOK_EVERY = 1.0
_FIRST_LOOK = 60.0
_DELIVERIES_EVERY = 3600.0
_DELIVERIES_KEPT = 8 * 86_400_000
_HOUR = 3_600_000
_RATE_OVER = 100_000
_BESIDE = 1000
"""Entries behind those that are deleted which may stand on the same pages, and are then moved."""
_SHORTEST_RATE = 60_000
_BEHIND = 10 * 60_000
_RESERVE = 64 * 1024 * 1024
_RESERVE_SHARE = 20
_NAMES_SOMEBODY = "SELECT 1 FROM entries WHERE position <= ? AND kind = 2 AND instr(body, ?) LIMIT 1"
_CREDENTIAL = b'"credential"'

SECURE: Final = {1: "ON", 2: "FAST"}
"""What SQLite answers for `secure_delete`, and how that is set: 2 would be taken for ON. All else: OFF."""

PLENTY: Final = 8760.0
"""`hours_left` when no part of the monitor is behind, and the most that is ever said."""


class Trimmer:
    """Deletes the oldest entries, a small step at a time: first what every registered consumer has passed.

    Age and a disk that gets full never cost what a consumer still needs; `max_size` does, as the last resort, and
    `hours_left` says long before when that will be. `step` and `persist` are for the writer's thread, the rest
    for any.
    """

    pause = _LOOK_EVERY
    """Seconds between two looks when there was nothing to do."""

    def __init__(self, settings: JournalSettings, folder: Path) -> None:
        self._folder = folder
        self._keep = int(settings.keep * 1000)
        self._max_size = settings.max_size
        self._guard = threading.Lock()
        self._consumers: dict[str, Position] = {}
        self._changed: set[str] = set()
        # Whoever is started with the daemon has registered by then.
        self._look_at = monotonic() + _FIRST_LOOK
        self._deliveries_at = monotonic() + _FIRST_LOOK
        self._file = 0
        self.trimmed = 0
        self.lost = 0
        """Entries since the start that went although a consumer still needed them."""
        self.size = 0
        self.over_size = False
        self.hours_left = PLENTY
        """Hours until that begins, at the pace at which entries come."""

    def load(self, db: sqlite3.Connection) -> None:
        """Read how far the consumers had come."""
        self._stored = {name: Position(position) for name, position in db.execute("SELECT * FROM consumers")}
        self._measure(db)

    def register(self, consumer: str) -> None:
        """Hold everything that this consumer has not acknowledged."""
        with self._guard:
            self._consumers.setdefault(consumer, self._stored.get(consumer, Position(0)))

    def acknowledge(self, consumer: str, position: Position) -> None:
        """Hold nothing up to `position` for this consumer; an older position than before changes nothing."""
        with self._guard:
            if position > self._consumers.get(consumer, -1):
                self._consumers[consumer] = position
                self._changed.add(consumer)

    @property
    def consumers(self) -> Mapping[str, Position]:
        """How far every consumer has come."""
        with self._guard:
            return dict(self._consumers)

    def persist(self, db: sqlite3.Connection) -> None:
        """Write down how far the consumers have come, within the caller's transaction or as its own."""
        with self._guard:
            rows = [(name, self._consumers[name]) for name in self._changed]
            self._changed.clear()
        if rows:
            db.executemany("INSERT OR REPLACE INTO consumers VALUES (?, ?)", rows)

    def step(self, db: sqlite3.Connection, now: int, last: Position) -> bool:
        """Delete at most one small step of entries; answers whether to come again at once."""
        if monotonic() < self._look_at:
            return False
        self._measure(db)
        passed = min(self.consumers.values(), default=last)
        room = self._room()
        self.hours_left = self._estimate(db, now, passed, last, min(self._max_size, room))
        too_big = self.size > self._max_size
        # The newest entry always stays: it carries the position that the next one follows.
        rows = _oldest(db, min(passed, last - 1))
        if not too_big and self.size <= room:
            rows = [row for row in rows if row[1] < now - self._keep]
        self.over_size = too_big and not rows
        if self.over_size:
            rows = _oldest(db, last - 1)
            self.lost += len(rows)
        self._forget_deliveries(db, now)
        if not rows:
            self._look_at = monotonic() + _LOOK_EVERY
            return False
        self._delete(db, rows[-1][0])
        self.trimmed += len(rows)
        return len(rows) == _AT_ONCE or too_big

    def _room(self) -> int:
        """Answer how large the entries may become on this disk, with a reserve for all others who write."""
        disk = os.statvfs(self._folder)
        reserve = min(_RESERVE, disk.f_blocks * disk.f_frsize // _RESERVE_SHARE)
        return self._file + disk.f_bavail * disk.f_frsize - reserve

    def _estimate(self, db: sqlite3.Connection, now: int, passed: int, last: int, room: int) -> float:
        """Hours until entries that are still needed fill all the room, at the pace of the newest ones."""
        oldest = db.execute("SELECT position, recorded FROM entries ORDER BY position LIMIT 1").fetchone()
        needed = _next(db, passed)
        if oldest is None or needed is None or now - needed[1] < _BEHIND:
            return PLENTY
        pace_from = _next(db, max(passed, last - _RATE_OVER)) or needed
        size_of_one = self.size / (last - oldest[0] + 1)
        taken = size_of_one * (last - needed[0] + 1)
        growth = size_of_one * (last - pace_from[0] + 1) / max(now - pace_from[1], _SHORTEST_RATE)
        hours: float = (room - taken) / growth / _HOUR
        return min(PLENTY, max(0.0, hours))

    def _forget_deliveries(self, db: sqlite3.Connection, now: int) -> None:
        """Once an hour, forget deliveries that nobody has settled for so long that no sender repeats them."""
        if monotonic() >= self._deliveries_at:
            self._deliveries_at = monotonic() + _DELIVERIES_EVERY
            db.execute("DELETE FROM deliveries WHERE recorded < ?", (now - _DELIVERIES_KEPT,))

    def _delete(self, db: sqlite3.Connection, until: int) -> None:
        secure = db.execute(_NAMES_SOMEBODY, (until + _BESIDE, _CREDENTIAL)).fetchone() is not None
        if secure:  # what was deleted, or moved from page to page, is not to be read from the file's free pages
            usual = db.execute("PRAGMA secure_delete").fetchone()[0]
            db.execute("PRAGMA secure_delete = ON")
        try:
            self._delete_until(db, until)
        finally:
            if secure:
                db.execute(f"PRAGMA secure_delete = {SECURE.get(usual, 'OFF')}")

    def _delete_until(self, db: sqlite3.Connection, until: int) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("DELETE FROM entries WHERE position <= ?", (until,))
            db.execute("DELETE FROM gaps WHERE until <= ?", (until,))
            db.execute("INSERT OR REPLACE INTO gaps VALUES (0, ?, 'trimmed')", (until,))
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _measure(self, db: sqlite3.Connection) -> None:
        pages, free, page_size = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        self.size = (pages - free) * page_size
        self._file = pages * page_size


def _oldest(db: sqlite3.Connection, until: int) -> list[tuple[int, int]]:
    return db.execute(
        "SELECT position, recorded FROM entries WHERE position <= ? ORDER BY position LIMIT ?", (until, _AT_ONCE)
    ).fetchall()


def _next(db: sqlite3.Connection, after: int) -> tuple[int, int] | None:
    found: tuple[int, int] | None = db.execute(
        "SELECT position, recorded FROM entries WHERE position > ? ORDER BY position LIMIT 1", (after,)
    ).fetchone()
    return found
