"""The book: answers what people and reports ask of equipment, from a reader's connection of its own.

Questions never wait for the ledger's writer, nor it for them.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import orjson

from monitor.equipment.availability import availability
from monitor.equipment.supply import supply_spans
from monitor.journal.reader import Reader
from monitor.site import Site
from monitor.upkeepbook import (
    Availability,
    Battery,
    EquipmentDay,
    EquipmentNow,
    GroupNow,
    ServiceDone,
    ServiceDue,
    SupplyNow,
    SupplySpan,
)

__all__ = ["Book"]

T = TypeVar("T")

_FAULT: Final = "/fault"
"""Behind the id of equipment in the table presence: whether it has a fault. No id of a device has a slash."""


class _Now(Protocol):
    """What can be asked of the running consumer."""

    def equipment(self) -> Sequence[EquipmentNow]: ...
    def groups(self) -> Sequence[GroupNow]: ...
    def services(self) -> Sequence[ServiceDue]: ...
    def batteries(self) -> Sequence[Battery]: ...
    def supply(self) -> Sequence[SupplyNow]: ...


class Book:
    """A `monitor.upkeepbook.UpkeepBook` of the ledger at `path`; `upkeep` answers how things are now."""

    def __init__(self, path: Path, site: Site, *, upkeep: _Now, now: Callable[[], int]) -> None:
        self._file = Reader(path, "the ledger")
        self._site = site
        self._upkeep = upkeep
        self._now = now

    def close(self) -> None:
        """Let go of the reader's threads; safe to call twice."""
        self._file.close()

    def equipment(self) -> Sequence[EquipmentNow]:
        """Every piece of equipment as it is now."""
        return self._upkeep.equipment()

    def groups(self) -> Sequence[GroupNow]:
        """Every group as it is now."""
        return self._upkeep.groups()

    def supply(self) -> Sequence[SupplyNow]:
        """The supply of every building as it is now."""
        return self._upkeep.supply()

    def services(self) -> Sequence[ServiceDue]:
        """All work, what is due first before the rest."""
        return self._upkeep.services()

    def batteries(self) -> Sequence[Battery]:
        """Every battery that says how full it is, the emptiest first."""
        return self._upkeep.batteries()

    async def days(self, devices: Sequence[str], first: date, last: date) -> Sequence[EquipmentDay]:
        """What equipment did on each local day, both days included; by device and day."""

        def read(db: sqlite3.Connection) -> list[EquipmentDay]:
            sql = "SELECT * FROM equipment_day WHERE device = ? AND day >= ? AND day <= ? ORDER BY day"
            span = (first.isoformat(), last.isoformat())
            return [_day(row) for device in sorted(set(devices)) for row in db.execute(sql, (device, *span))]

        return await self._file.ask(read)

    async def done(self, start: int, end: int) -> Sequence[ServiceDone]:
        """Work that was done, oldest first."""
        sql = 'SELECT device, service, time, hours, "by", note FROM serviced WHERE time >= ? AND time < ?'

        def read(db: sqlite3.Connection) -> list[ServiceDone]:
            rows = db.execute(f"{sql} ORDER BY time, device, service", (start, end))
            return [ServiceDone(**dict(row)) for row in rows]

        return await self._file.ask(read)

    async def availability(self, devices: Sequence[str], start: int, end: int) -> Sequence[Availability]:
        """How long each device answered; equipment that has a fault is as if it did not."""
        known = [device for device in devices if device in self._site.devices]
        now = self._now()

        def read(db: sqlite3.Connection) -> Sequence[Availability]:
            found = list[tuple[str, int, str]]()
            for device in known:
                rows = _changes(db, device, start, end)
                if device in self._site.equipment:
                    rows = list(_without_faults(rows, _changes(db, f"{device}{_FAULT}", start, end)))
                found += [(device, *row) for row in rows]
            return availability(found, known, start, end, now)

        return await self._file.ask(read)

    async def supply_spans(self, start: int, end: int) -> Sequence[SupplySpan]:
        """How the supply was, by building, utility and time."""
        sql = (
            "SELECT building, utility, start, state, lost FROM supply AS one WHERE start < ? AND start >="
            " coalesce((SELECT max(start) FROM supply WHERE building = one.building AND utility = one.utility"
            " AND start <= ?), 0)"
        )

        now = self._now()

        def read(db: sqlite3.Connection) -> Sequence[SupplySpan]:
            return supply_spans([tuple(row) for row in db.execute(sql, (end, start))], start, end, now)

        return await self._file.ask(read)


def _day(row: Any) -> EquipmentDay:
    return EquipmentDay(device=row["device"], day=date.fromisoformat(row["day"]), **orjson.loads(row["body"]))


def _changes(db: sqlite3.Connection, device: str, start: int, end: int) -> list[tuple[int, str]]:
    """When a device began to do otherwise in a period, and how it was when that began."""
    rows = db.execute(
        "SELECT start, state FROM presence WHERE device = ? AND start < ? AND start >= coalesce("
        "(SELECT max(start) FROM presence WHERE device = ? AND start <= ?), 0) ORDER BY start",
        (device, end, device, start),
    )
    return [(row["start"], row["state"]) for row in rows]


def _without_faults(
    presence: Iterable[tuple[int, str]], faults: Iterable[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    """How equipment was: down also while it answers that it has a fault."""
    changes = sorted([(time, 0, state) for time, state in presence] + [(time, 1, state) for time, state in faults])
    now = ["unknown", "up"]
    for time, which, state in changes:
        now[which] = state
        yield time, "down" if now == ["up", "down"] else now[0]
