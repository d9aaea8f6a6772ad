"""What is counted of doors by local day, and the table `door_day` that it is kept in. Nobody is in it."""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from monitor.access.openings import Opening
from monitor.accessbook import DoorDay
from monitor.periods import local_day, pieces

__all__ = ["DoorFigures", "Figures", "add", "forget", "read"]

_SECONDS = frozenset({"open_s", "longest_s", "stuck_s"})


class Figures:
    """What was counted since it was taken last: differences, by door and local day."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._days: dict[tuple[str, str], dict[str, Any]] = {}

    def count(self, door: str, name: str, time: int, by: int = 1) -> None:
        """Count something that happened at a moment (UTC ms)."""
        day = self._day(door, time)
        day[name] = day.get(name, 0) + by

    def opened(self, door: str, cause: str, time: int) -> None:
        """Count an opening with its cause."""
        causes = self._day(door, time).setdefault("opened", {})
        causes[cause] = causes.get(cause, 0) + 1

    def stood(self, door: str, name: str, start: int, end: int) -> None:
        """Add how long something lasted (open_s, stuck_s), each day its part; of open_s the longest part too."""
        for begin, until in pieces(start, end, "day", self._zone):
            day, seconds = self._day(door, begin), (until - begin) / 1000
            day[name] = day.get(name, 0.0) + seconds
            if name == "open_s":
                day["longest_s"] = max(day.get("longest_s", 0.0), seconds)

    def take(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """What was counted, by door and ISO day; from now on anew."""
        days, self._days = self._days, {}
        return days

    def _day(self, door: str, time: int) -> dict[str, Any]:
        return self._days.setdefault((door, local_day(time, self._zone).isoformat()), {})


class DoorFigures:
    """What is counted of one door."""

    def __init__(self, figures: Figures, door: str) -> None:
        self._figures = figures
        self.door = door

    def count(self, name: str, time: int, *, is_quiet: bool = False, by: int = 1) -> None:
        """Count something that happened at a moment, unless it is of the time before all this was told."""
        if not is_quiet:
            self._figures.count(self.door, name, time, by)

    def opened(self, cause: str, time: int) -> None:
        """Count an opening with its cause."""
        self._figures.opened(self.door, cause, time)

    def stood(self, opening: Opening, until: int) -> None:
        """Book how long a door stood open so far, and of that how long cards were shown in vain."""
        self._figures.stood(self.door, "open_s", opening.booked, until)
        if opening.stuck_from is not None:
            self._figures.stood(self.door, "stuck_s", max(opening.booked, opening.stuck_from), until)
        opening.booked = max(opening.booked, until)


def add(db: sqlite3.Connection, days: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Within `State.transact`: add what was counted to what is kept."""
    for (door, day), counted in days.items():
        row = db.execute("SELECT body FROM door_day WHERE door = ? AND day = ?", (door, day)).fetchone()
        kept = {} if row is None else orjson.loads(row[0])
        body = orjson.dumps(_sum(kept, counted)).decode()
        db.execute("INSERT OR REPLACE INTO door_day VALUES (?, ?, ?)", (door, day, body))


def _sum(kept: dict[str, Any], counted: Mapping[str, Any]) -> dict[str, Any]:
    for name, amount in counted.items():
        if name == "opened":
            kept[name] = _sum(kept.get(name, {}), amount)
        elif name == "longest_s":
            kept[name] = max(kept.get(name, 0.0), amount)
        else:
            total = kept.get(name, 0) + amount
            kept[name] = round(total, 3) if name in _SECONDS else total
    return kept


def forget(db: sqlite3.Connection, before: date) -> None:
    """Within `State.transact`: delete the days before one."""
    db.execute("DELETE FROM door_day WHERE day < ?", (before.isoformat(),))


def read(rows: Iterator[Any]) -> list[DoorDay]:
    """The figures in rows of the table `door_day`: door, day, body."""
    return [
        DoorDay(door=row["door"], day=date.fromisoformat(row["day"]), **orjson.loads(row["body"])) for row in rows
    ]
