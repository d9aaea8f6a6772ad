"""The book: answers what people and reports ask of doors and zones, from readers' connections of its own.

Questions never wait for whoever writes, nor they for them.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from monitor.accessbook import AccessEntry, DoorDay, DoorNow, Present, ZoneNow
from monitor.journal.reader import Reader
from monitor.model import LATE
from monitor.site import Site

__all__ = ["Book"]

T = TypeVar("T")

_OF_DEVICES: Final = "device IN (SELECT value FROM json_each(?))"
_OF_KINDS: Final = "kind IN (SELECT value FROM json_each(?))"
_FIGURES: Final = frozenset(field.name for field in fields(DoorDay)) - {"door", "day"}


class Book:
    """A `monitor.accessbook.AccessBook` of access.db and state.db.

    `doors` and `zones` answer how those are now; a zone that the site no longer has is in no answer about now.
    """

    def __init__(  # noqa: PLR0913 - what it answers from
        self,
        access: Path,
        state: Path,
        site: Site,
        *,
        doors: Callable[[], Sequence[DoorNow]],
        zones: Callable[[], Sequence[ZoneNow]],
        now: Callable[[], int],
    ) -> None:
        self._access = Reader(access, access.name)
        self._state = Reader(state, state.name)
        self._site = site
        self._doors = doors
        self._zones = zones
        self._now = now

    def close(self) -> None:
        """Let go of the readers' threads; safe to call twice."""
        self._access.close()
        self._state.close()

    def doors(self) -> Sequence[DoorNow]:
        """Every door as it is now."""
        return self._doors()

    def zones(self) -> Sequence[ZoneNow]:
        """Every zone as it is now."""
        return self._zones()

    async def door_days(self, first: date, last: date) -> Sequence[DoorDay]:
        """What happened at each door on each local day, both days included; by door and day."""

        def read(db: sqlite3.Connection) -> list[DoorDay]:
            sql = "SELECT door, day, body FROM door_day WHERE day >= ? AND day <= ? ORDER BY door, day"
            return [_day(row) for row in db.execute(sql, (first.isoformat(), last.isoformat()))]

        return await self._state.ask(read)

    async def present(self) -> Sequence[Present]:
        """Everybody who is in a zone now and whose card is known; by zone and time."""

        def read(db: sqlite3.Connection) -> list[Present]:
            sql = "SELECT credential, zone, since, reader FROM presence ORDER BY zone, since, credential"
            known = self._site.access.zones
            return [Present(**row) for row in map(dict, db.execute(sql)) if row["zone"] in known]

        return await self._access.ask(read)

    async def entries(  # noqa: PLR0913 - what can be asked for
        self,
        start: int,
        end: int,
        *,
        devices: Sequence[str] = (),
        kinds: Sequence[str] = (),
        credential: str = "",
        limit: int = 10_000,
    ) -> Sequence[AccessEntry]:
        """What happened in [start, end), the newest `limit` of it, oldest first; empty filters: all."""
        where = ["time >= ?", "time < ?"]
        parameters: list[Any] = [start, end]
        for condition, chosen in ((_OF_DEVICES, devices), (_OF_KINDS, kinds)):
            if chosen:
                where.append(condition)
                parameters.append(orjson.dumps(list(chosen)).decode())
        if credential:
            where.append("credential = ? AND credential <> ''")  # as the index says it
            parameters.append(credential)
        sql = f"SELECT * FROM entry WHERE {' AND '.join(where)} ORDER BY time DESC, position DESC LIMIT ?"  # noqa: S608

        def read(db: sqlite3.Connection) -> list[AccessEntry]:
            return [_entry(row) for row in db.execute(sql, (*parameters, max(0, limit)))][::-1]

        return await self._access.ask(read)


def _day(row: Any) -> DoorDay:
    figures = {name: value for name, value in orjson.loads(row["body"]).items() if name in _FIGURES}
    return DoorDay(door=row["door"], day=date.fromisoformat(row["day"]), **figures)


def _entry(row: Any) -> AccessEntry:
    return AccessEntry(
        device=row["device"],
        id=row["id"],
        kind=row["kind"],
        time=row["time"],
        door=row["door"],
        zone=row["zone"],
        direction=row["direction"],
        result=row["result"],
        reason=row["reason"],
        credential=row["credential"],
        is_late=row["arrived"] - row["time"] > LATE,
        attributes=orjson.loads(row["attributes"]),
    )
