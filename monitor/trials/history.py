"""What was recorded, in the order in which it was judged: a journal read beside the daemon that writes it."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from monitor.errors import JournalError
from monitor.journal.codec import KINDS, decode
from monitor.journal.swift import make_recorded
from monitor.model import Position, Recorded
from monitor.schema import MONITOR_DEVICE

__all__ = ["History"]

_AT_ONCE: Final = 2000
_WAIT_S: Final = 10
_COMMAND: Final = KINDS["command"]
_TRANSITION: Final = KINDS["transition"]
_MOST_NAMED: Final = 500
_MOST_DAMAGED: Final = 10_000
_PAGE: Final = (
    "SELECT position, recorded, kind, body FROM entries WHERE position > ? AND position <= ? AND kind <> ?"
    " {devices} ORDER BY position LIMIT ?"
)


class History:
    """A journal, open for reading. Everything is read in short looks: none holds up its writer.

    `damaged`: positions of rows that cannot be read, of thousands the first. Raises JournalError.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "journal.db"
        self.damaged: set[int] = set()
        self.without_access = False
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S, isolation_level=None
            )
            self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            raise JournalError(f"{path} cannot be read: {error}") from error

    def close(self) -> None:
        """Close it; safe to call twice."""
        self._db.close()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The positions (after, until] of what was recorded in [start, end) (UTC ms)."""
        return self._before(start), self._before(end)

    def begins(self) -> int | None:
        """When the oldest entry that is left was recorded (UTC ms); None: there is none."""
        row = self._ask("SELECT recorded FROM entries ORDER BY position LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    def entries(
        self, after: int, until: int, devices: Collection[str] | None
    ) -> Iterator[tuple[int, Sequence[Recorded]]]:
        """Yield (after, until] in order, with how far it has come: of these devices, of the monitor, and commands.

        What can be judged: the alarms that were raised then are left out. A damaged row is, too.
        """
        chosen, names = "", [] if devices is None else sorted({*devices, MONITOR_DEVICE})
        if devices is not None and len(names) <= _MOST_NAMED:
            chosen = f"AND (device IN ({', '.join('?' * len(names))}) OR kind = {_COMMAND})"
        else:
            names = []
        query = _PAGE.format(devices=chosen)
        while True:
            rows = self._ask(query, (after, until, _TRANSITION, *names, _AT_ONCE)).fetchall()
            if rows:
                found = [_read(*row) for row in rows]
                read = [one for one in found if one is not None]
                if len(read) < len(rows) and len(self.damaged) < _MOST_DAMAGED:
                    self.damaged |= {row[0] for row, one in zip(rows, found, strict=True) if one is None}
                yield rows[-1][0], read
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1][0]

    def _before(self, time: int) -> int:
        """The newest position of before a time; stamps never decrease along the positions."""
        row = self._ask("SELECT min(position), max(position) FROM entries").fetchone()
        if row[0] is None:
            return 0
        low, high = row[0] - 1, row[1]
        while low < high:
            middle = (low + high + 1) // 2
            found = self._ask(
                "SELECT recorded FROM entries WHERE position <= ? ORDER BY position DESC LIMIT 1", (middle,)
            ).fetchone()
            if found is None or found[0] < time:
                low = middle
            else:
                high = middle - 1
        return int(low)

    def _ask(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(query, values)
        except sqlite3.Error as error:
            raise JournalError(f"journal.db cannot be read: {error}") from error


def _read(position: int, recorded: int, kind: int, body: bytes) -> Recorded | None:
    try:
        return make_recorded(Position(position), recorded, decode(kind, body))
    except JournalError:
        return None
