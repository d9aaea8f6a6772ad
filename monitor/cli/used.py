"""What the demo's meters used by its ledger, beside what the simulated meters really counted."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import orjson

from monitor.simulation.stories import Stories
from monitor.simulation.truth import Truth
from monitor.simulation.world import World
from monitor.site import Site

__all__ = ["what_was_used"]

_DIGITS = 9


def what_was_used(
    ledger: sqlite3.Connection, journal: sqlite3.Connection, site: Site, stories: Stories | None = None
) -> Iterator[dict[str, Any]]:
    """Answer every counter that counts, from its first register to its newest; amounts in the unit of the point.

    `used` is the sum of its quarters, `true` what the simulated meter went on by between the same two registers;
    None where it never showed them (a state of another demo). `difference` is the one less the other, to the 9th
    digit. `stories`: those of the past that the state was given.
    """
    world = World(site, stories=stories)
    rows = ledger.execute(
        "SELECT device, point, first, body, (SELECT total(amount) FROM quarter WHERE counter = id) AS used"
        " FROM counter WHERE first IS NOT NULL ORDER BY id"
    ).fetchall()
    for row in rows:
        device = site.devices.get(row["device"])
        if device is None or row["point"] not in device.points:
            continue
        until, last = orjson.loads(row["body"])["track"]["head"]
        first = _first(journal, device.id, row["point"], row["first"])
        true = _true(Truth(world, device), row["point"], (row["first"], first), (until, last))
        yield {
            "device": device.id,
            "point": row["point"],
            "unit": device.points[row["point"]].unit,
            "since": row["first"],
            "until": until,
            "first_register": first,
            "last_register": last,
            "used": round(row["used"], _DIGITS),
            "true": None if true is None else round(true, _DIGITS),
            "difference": None if true is None else round(row["used"] - true, _DIGITS) + 0.0,
        }


def _first(journal: sqlite3.Connection, device: str, point: str, time: int) -> float | None:
    """The register that a counter began with, as the journal has it."""
    rows = journal.execute(
        "SELECT body FROM entries WHERE kind = 1 AND device = ? AND time = ? ORDER BY position", (device, time)
    )
    found = (orjson.loads(row["body"])[3].get(point) for row in rows)
    return next((float(register) for register in found if register is not None), None)


def _true(truth: Truth, point: str, first: tuple[int, float | None], last: tuple[int, float]) -> float | None:
    """What the meter went on by between two registers, if it showed both at these times (UTC ms)."""
    if first[1] is None:
        return None
    both = ((first[0], first[1]), last)
    if not all(truth.is_shown(point, register, time / 1000) for time, register in both):
        return None
    swap = truth.swap(point)
    if swap is not None and first[0] < swap[0] <= last[0]:
        _, old, new = swap
        return old - first[1] + last[1] - new
    return last[1] - first[1]
