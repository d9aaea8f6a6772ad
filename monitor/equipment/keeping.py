"""What upkeep keeps at once: one transaction of the ledger with all that is new since the one before.

A mistake of the program in one part must not stop all others for ever: it is undone by itself, told once, and the
rest goes on. What the disk does not take is tried again as a whole.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from monitor.equipment.machine import PRODUCER
from monitor.equipment.tally import added
from monitor.journal.state import produce, set_position
from monitor.model import Derived, Event, Position
from monitor.upkeepbook import ServiceDone

__all__ = ["Keeper", "News", "read_memory", "remember"]

_log = structlog.get_logger()

_OWN: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""What SQLite says of values that it cannot keep; all else it says is of the disk or the file."""
_COMMIT: Final = "commit"
_TABLES: Final[Mapping[str, str]] = {
    "battery": "INSERT OR REPLACE INTO battery VALUES (?, ?, ?)",
    "presence": "INSERT OR REPLACE INTO presence VALUES (?, ?, ?)",
    "supply": "INSERT OR REPLACE INTO supply VALUES (?, ?, ?, ?, ?)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What the ledger does not have yet.

    `number`: of the commit, one more than that of the one before. `days`: what is to be added to the days of each
    device. `rows`: of the tables battery, presence and supply, in the order of their columns.
    """

    number: int
    position: Position
    memory: Mapping[str, Any]
    days: Mapping[str, Mapping[str, Mapping[str, float]]]
    told: Sequence[Event | Derived]
    done: Sequence[tuple[str, ServiceDone]]
    rows: Mapping[str, Sequence[Sequence[Any]]]


def read_memory(db: sqlite3.Connection) -> tuple[int, dict[str, Any]]:
    """Within `State.transact`: the number of the last commit, and what is remembered by key."""
    kept = {row["key"]: row["body"] for row in db.execute("SELECT key, body FROM upkeep")}
    return int(kept.pop(_COMMIT, 0)), kept


class Keeper:
    """Writes the ledger, in its own thread."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def keep(self, db: sqlite3.Connection, news: News) -> None:
        """Within one transaction: everything that is new."""
        if _read_number(db) == news.number:
            return  # the commit before was told as failed, and is in the file
        for device, days in news.days.items():
            self._alone(db, f"days of {device}", _add_days, device, days)
        for command, row in news.done:
            self._alone(db, f"service of {row.device}", _add_done, command, row)
        for table, rows in news.rows.items():
            for values in rows:
                self._alone(db, table, _add_row, table, values)
        for key, body in news.memory.items():
            self._alone(db, key, remember, key, body)
        for entry in news.told:
            self._alone(db, f"entries of {entry.device}", _produce, entry)
        remember(db, _COMMIT, news.number)
        set_position(db, PRODUCER, news.position)

    def _alone(self, db: sqlite3.Connection, what: str, work: Callable[..., None], *arguments: Any) -> None:
        """Do a part of the transaction; a mistake of its own undoes that part, and is told once."""
        db.execute("SAVEPOINT part")
        try:
            work(db, *arguments)
        except Exception as error:
            if isinstance(error, (sqlite3.Error, UnicodeDecodeError)) and not isinstance(error, _OWN):
                raise
            db.execute("ROLLBACK TO part")
            if what not in self._told:
                self._told.add(what)
                _log.exception("upkeep_part_set_aside", what=what)
        db.execute("RELEASE part")


def _read_number(db: sqlite3.Connection) -> int:
    """Within `State.transact`: the number of the last commit."""
    row = db.execute("SELECT body FROM upkeep WHERE key = ?", (_COMMIT,)).fetchone()
    return 0 if row is None else int(row["body"])


def _add_days(db: sqlite3.Connection, device: str, days: Mapping[str, Mapping[str, float]]) -> None:
    for day, news in days.items():
        row = db.execute("SELECT body FROM equipment_day WHERE device = ? AND day = ?", (device, day)).fetchone()
        body = added({} if row is None else orjson.loads(row["body"]), news)
        db.execute("INSERT OR REPLACE INTO equipment_day VALUES (?, ?, ?)", (device, day, _json(body)))


def _add_done(db: sqlite3.Connection, command: str, row: ServiceDone) -> None:
    db.execute(
        "INSERT OR IGNORE INTO serviced VALUES (?, ?, ?, ?, ?, ?, ?)",
        (command, row.device, row.service, row.time, row.hours, row.by, row.note),
    )


def _add_row(db: sqlite3.Connection, table: str, row: Sequence[Any]) -> None:
    db.execute(_TABLES[table], [_json(value) if isinstance(value, list | tuple) else value for value in row])


def remember(db: sqlite3.Connection, key: str, body: Any) -> None:
    """Within `State.transact`: remember something, JSON-ready; None: forget it."""
    if body is None:
        db.execute("DELETE FROM upkeep WHERE key = ?", (key,))
    else:
        db.execute("INSERT OR REPLACE INTO upkeep VALUES (?, ?)", (key, _json(body)))


def _produce(db: sqlite3.Connection, entry: Event | Derived) -> None:
    produce(db, PRODUCER, [entry])


def _json(body: Any) -> str:
    return orjson.dumps(body).decode()
