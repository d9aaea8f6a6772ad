"""A ledger in memory, and sites of meters, for tests."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.journal.migrate import migrate
from monitor.metering import ledger
from monitor.metering.account import Entry
from monitor.metering.quarters import spread
from monitor.metering.step import Cause, Step
from monitor.periods import QUARTER
from monitor.schema import COUNTER_NAMES, point_unit
from monitor.site import Counter, Device, Point, Site

__all__ = ["amounts", "book", "counted", "meter", "ms", "new", "site_of"]


def ms(text: str, zone: str = "UTC") -> int:
    """A local time such as `2026-11-27 10:00` in UTC ms."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp() * 1000)


def new() -> sqlite3.Connection:
    """A ledger with its tables and nothing in them."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    migrate(db, "ledger", "ledger.db")
    return db


def meter(ident: str, *, device_class: str = "electricity", every: float = 10.0, **keys: Any) -> Device:
    """A meter with the counter of its class."""
    name = COUNTER_NAMES[device_class][0]
    points = {name: Point(name=name, unit=point_unit(name), counter=Counter())}
    keys = {"connection": "bus", "scan": {"fast": every}, "points": points} | keys
    return Device(id=ident, name=ident, device_class=device_class, **keys)


def site_of(*devices: Device, zone: str = "Europe/Berlin", **keys: Any) -> Site:
    """A site of these meters."""
    return Site(id="hq", name="hq", timezone=ZoneInfo(zone), devices={each.id: each for each in devices}, **keys)


def counted(times: Sequence[int], registers: Sequence[float], *, gap: int = 10 * 60_000) -> list[Step]:
    """The steps between registers; those longer than `gap` are gaps."""
    return [
        Step(
            start=times[i],
            end=times[i + 1],
            start_register=registers[i],
            end_register=registers[i + 1],
            amount=registers[i + 1] - registers[i],
            cause=Cause.GAP if times[i + 1] - times[i] > gap else Cause.COUNTED,
        )
        for i in range(len(times) - 1)
    ]


def book(db: sqlite3.Connection, device: str, point: str, steps: Sequence[Step]) -> int:
    """Put steps into a ledger, as the consumer does; answers the counter's number."""
    number = ledger.number_of(db, device, point)
    for step in steps:
        ledger.add_entries(
            db, number, {share.quarter: Entry(share.amount, share.register) for share in spread(step)}
        )
    ledger.add_steps(db, number, [step for step in steps if step.cause is not Cause.COUNTED])
    ledger.save_account(db, number, steps[0].start, steps[-1].end, {})
    return number


def amounts(db: sqlite3.Connection, number: int, start: int, end: int) -> list[float]:
    """What a counter has in the quarters of [start, end)."""
    rows = db.execute(
        "SELECT amount FROM quarter WHERE counter = ? AND quarter >= ? AND quarter < ? ORDER BY quarter",
        (number, start // QUARTER, end // QUARTER),
    )
    return [row[0] for row in rows]
