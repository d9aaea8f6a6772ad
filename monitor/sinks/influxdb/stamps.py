"""A millisecond of its own for every event and transition, the same one after any replay.

Points of equal tags and time overwrite each other in InfluxDB. The first entry of the journal that wants a
millisecond owns it, the next one gets the first free one behind it; who owns what is kept in state.db *before* it
is written, so that a batch that is sent again is sent as it was.
"""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence

from monitor.journal.state import State
from monitor.model import Position
from monitor.sinks.influxdb.lines import Stamp, Wanted

__all__ = ["settle"]

_KEPT_MS = 31 * 86_400_000
_OCCURRENCES_KEPT_MS = 400 * 86_400_000


async def settle(state: State, wanted: Sequence[Wanted]) -> Mapping[Position, Stamp]:
    """Answer a stamp for each; new ones would survive a power cut when this returns. Raises JournalError."""
    if not wanted:
        return {}
    return await state.transact(lambda db: _settle(db, wanted))


def _settle(db: sqlite3.Connection, wanted: Sequence[Wanted]) -> dict[Position, Stamp]:
    stamps = {}
    for each in wanted:
        time = _own_time(db, each)
        stamps[each.position] = _step(db, each, time) if each.occurrence else Stamp(time=time)
    newest = max(each.recorded for each in wanted)
    db.execute("DELETE FROM influx_times WHERE recorded < ?", (newest - _KEPT_MS,))
    db.execute("DELETE FROM influx_occurrences WHERE recorded < ?", (newest - _OCCURRENCES_KEPT_MS,))
    return stamps


def _own_time(db: sqlite3.Connection, wanted: Wanted) -> int:
    owned = db.execute("SELECT time FROM influx_times WHERE position = ?", (wanted.position,)).fetchone()
    if owned is not None:
        return int(owned[0])
    series = int.from_bytes(hashlib.blake2b(wanted.series, digest_size=8).digest(), signed=True)
    time = wanted.time
    while db.execute("SELECT 1 FROM influx_times WHERE series = ? AND time = ?", (series, time)).fetchone():
        time += 1
    db.execute("INSERT INTO influx_times VALUES (?, ?, ?, ?)", (series, time, wanted.position, wanted.recorded))
    return time


def _step(db: sqlite3.Connection, wanted: Wanted, time: int) -> Stamp:
    if wanted.begins:
        db.execute(
            "INSERT INTO influx_occurrences VALUES (?, ?, ?, ?, NULL, NULL, ?) ON CONFLICT DO NOTHING",
            (wanted.occurrence, wanted.series, time, wanted.time, wanted.recorded),
        )
    found = db.execute(
        "SELECT series, written, start, ended, end_position FROM influx_occurrences WHERE occurrence = ?",
        (wanted.occurrence,),
    ).fetchone()
    if found is None:  # it began before this sink did
        return Stamp(time=time, end=wanted.time if wanted.ends else 0)
    series, written, start, ended, end_position = found
    if ended is None and wanted.ends:
        ended, end_position = wanted.time, wanted.position
        db.execute(
            "UPDATE influx_occurrences SET ended = ?, end_position = ?, recorded = ? WHERE occurrence = ?",
            (ended, end_position, wanted.recorded, wanted.occurrence),
        )
    over = end_position is not None and wanted.position >= end_position
    rewrite = (series, written) if wanted.position == end_position and not wanted.begins else None
    return Stamp(time=time, start=start, end=ended if over else 0, rewrite=rewrite)
