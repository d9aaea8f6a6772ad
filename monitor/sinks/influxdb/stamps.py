"""A millisecond of its own for every event and transition, the same one after any replay.

Points of equal tags and time overwrite each other in InfluxDB. The first entry of the journal that wants a
millisecond owns it, the next one gets the first free one behind it; who owns what is kept in state.db *before* it
is written, so that a batch that is sent again is sent as it was.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from monitor.journal.state import State, position_of
from monitor.model import Position
from monitor.sinks.influxdb.lines import Stamp, Wanted

__all__ = ["Stamps"]

_KEPT_MS = 31 * 86_400_000
_OCCURRENCES_KEPT_MS = 400 * 86_400_000


class Stamps:
    """What all InfluxDB sinks of a site share: whichever comes first decides, and the others write the same.

    `sink`: which one asks. `sinks`: all there are. What the slowest of them still has to write is not forgotten,
    or it would be decided once more, without its neighbours.
    """

    def __init__(self, state: State, sink: str, sinks: Iterable[str] = ()) -> None:
        self._state = state
        self._sink = sink
        self._sinks = frozenset({sink, *sinks})

    async def settle(self, wanted: Sequence[Wanted]) -> Mapping[Position, Stamp]:
        """Answer a stamp for each; new ones would survive a power cut when this returns. Raises JournalError."""
        if not wanted:
            return {}
        return await self._state.transact(lambda db: self._settle(db, wanted))

    async def begun(self, steps: Sequence[tuple[Wanted, int]]) -> None:
        """Note that the sink has the lines at the start of occurrences, at these milliseconds, and owes their end.

        Raises JournalError.
        """

        def work(db: sqlite3.Connection) -> None:
            for each, time in steps:
                _begin(db, each, time, self._sink)

        await self._state.transact(work)

    def _settle(self, db: sqlite3.Connection, wanted: Sequence[Wanted]) -> dict[Position, Stamp]:
        stamps = {}
        for each in wanted:
            time = _own_time(db, each)
            stamps[each.position] = _step(db, each, time, self._sink) if each.occurrence else Stamp(time=time)
        self._forget(db, max(each.recorded for each in wanted))
        return stamps

    def _forget(self, db: sqlite3.Connection, newest: int) -> None:
        """Let go what is old, counted from where the slowest sink is."""
        slowest = min(position_of(db, sink) for sink in self._sinks)
        reached = db.execute(
            "SELECT recorded FROM influx_times WHERE position <= ? ORDER BY position DESC LIMIT 1", (slowest,)
        ).fetchone()
        longest = newest - _OCCURRENCES_KEPT_MS
        since = longest if reached is None else max(longest, min(newest, reached[0]) - _KEPT_MS)
        db.execute("DELETE FROM influx_times WHERE recorded < ?", (since,))
        gone = db.execute("DELETE FROM influx_occurrences WHERE recorded < ?", (longest,)).rowcount
        if gone:
            db.execute(
                "DELETE FROM influx_started WHERE occurrence NOT IN (SELECT occurrence FROM influx_occurrences)"
            )


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


def _begin(db: sqlite3.Connection, wanted: Wanted, time: int, sink: str) -> None:
    db.execute(
        "INSERT INTO influx_occurrences VALUES (?, ?, ?, ?, NULL, NULL, ?) ON CONFLICT DO NOTHING",
        (wanted.occurrence, wanted.series, time, wanted.time, wanted.recorded),
    )
    db.execute("INSERT INTO influx_started VALUES (?, ?) ON CONFLICT DO NOTHING", (wanted.occurrence, sink))


def _step(db: sqlite3.Connection, wanted: Wanted, time: int, sink: str) -> Stamp:
    if wanted.begins:
        _begin(db, wanted, time, sink)
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
    rewrite = None
    if wanted.position == end_position and not wanted.begins and _has_started(db, wanted.occurrence, sink):
        rewrite = (series, written)
    return Stamp(time=time, start=start, end=ended if over else 0, rewrite=rewrite)


def _has_started(db: sqlite3.Connection, occurrence: str, sink: str) -> bool:
    """Whether a sink has the line at the start: one that was added later, or did not write it, has not."""
    return bool(
        db.execute("SELECT 1 FROM influx_started WHERE occurrence = ? AND sink = ?", (occurrence, sink)).fetchone()
    )
