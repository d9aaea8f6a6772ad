"""Keeping the journal within its age and size without losing what a consumer still needs."""

import sqlite3
import threading
from collections.abc import Mapping
from time import monotonic

from monitor.model import Position
from monitor.site import JournalSettings

__all__ = ["Trimmer"]

_AT_ONCE = 1000
_LOOK_EVERY = 1.0
_FIRST_LOOK = 60.0


class Trimmer:
    """Deletes the oldest entries that every registered consumer has passed, a small step at a time.

    `step` and `persist` are for the writer's thread, the rest for any.
    """

    pause = _LOOK_EVERY
    """Seconds between two looks when there was nothing to do."""

    def __init__(self, settings: JournalSettings) -> None:
        self._keep = int(settings.keep * 1000)
        self._max_size = settings.max_size
        self._guard = threading.Lock()
        self._consumers: dict[str, Position] = {}
        self._changed: set[str] = set()
        # Whoever is started with the daemon has registered by then.
        self._look_at = monotonic() + _FIRST_LOOK
        self.trimmed = 0
        self.size = 0
        self.over_size = False

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
        too_big = self.size > self._max_size
        passed = min(self.consumers.values(), default=last)
        # The newest entry always stays: it carries the position that the next one follows.
        rows = db.execute(
            "SELECT position, recorded FROM entries WHERE position <= ? ORDER BY position LIMIT ?",
            (min(passed, last - 1), _AT_ONCE),
        ).fetchall()
        if not too_big:
            rows = [row for row in rows if row[1] < now - self._keep]
        self.over_size = too_big and not rows
        if not rows:
            self._look_at = monotonic() + _LOOK_EVERY
            return False
        self._delete(db, rows[-1][0])
        self.trimmed += len(rows)
        return len(rows) == _AT_ONCE or too_big

    def _delete(self, db: sqlite3.Connection, until: int) -> None:
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
