"""What a demo came to, counted from the journal and the state."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.app.seeding import stories_of
from monitor.cli.used import what_was_used
from monitor.schema import MONITOR_DEVICE
from monitor.site import Site

__all__ = ["summary"]

_READING, _EVENT = 1, 2
_LOST = ("dead", "failed")


async def summary(folder: Path, site: Site, status: Mapping[str, Any]) -> dict[str, Any]:
    """Count what the files of a state folder hold; `status` adds what only the running daemon knows."""
    return (await asyncio.to_thread(_count, folder)) | {
        "used": await asyncio.to_thread(_used, folder, site),
        "journal": dict(status.get("journal", {})),
        "sinks": dict(status.get("sinks", {})),
    }


def _count(folder: Path) -> dict[str, Any]:
    with closing(_open(folder / "journal.db")) as journal, closing(_open(folder / "state.db")) as state:
        kinds = dict(journal.execute("SELECT kind, count(*) FROM entries GROUP BY kind").fetchall())
        (devices,) = journal.execute(
            "SELECT count(DISTINCT device) FROM entries WHERE kind IN (1, 2) AND device <> ?", (MONITOR_DEVICE,)
        ).fetchone()
        outbox = dict(state.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
        alarms = state.execute(
            "SELECT rule, device, severity, state, raised_at, acknowledged_at, cleared_at"
            " FROM alarm WHERE suppression NOT LIKE '%\"shadow\"%' AND EXISTS (SELECT 1 FROM alarm_event AS step"
            " WHERE step.occurrence = alarm.occurrence AND step.cause = 'raised') ORDER BY raised_at"
        ).fetchall()
    return {
        "devices": devices,
        "readings": kinds.get(_READING, 0),
        "events": kinds.get(_EVENT, 0),
        "alarms": [dict(alarm) for alarm in alarms],
        "notifications": {"sent": outbox.get("sent", 0), "failed": sum(outbox.get(state, 0) for state in _LOST)},
    }


def _used(folder: Path, site: Site) -> list[dict[str, Any]]:
    with closing(_open(folder / "ledger.db")) as ledger, closing(_open(folder / "journal.db")) as journal:
        return list(what_was_used(ledger, journal, site, stories_of(folder, site)))


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    db.row_factory = sqlite3.Row
    return db
