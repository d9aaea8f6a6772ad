"""The past as it is sent to InfluxDB again: what the journal has, and what usage only the ledger still knows."""

import hashlib
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from monitor.errors import JournalError
from monitor.journal.past import Page, Place, begin_at, begins, is_told, read_page
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Derived, Position, Recorded, Transition
from monitor.sinks.backfill import Portion
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.lines import Stamp, Wanted
from monitor.sinks.influxdb.past import Owned, owned_by, past_stamps
from monitor.sinks.influxdb.writer import InfluxSink
from monitor.site import Site

__all__ = ["InfluxPast", "Older", "untold"]

_AT_ONCE: Final = 5000


class OlderUsage(Protocol):
    """Some usage, and where the next begins: a time, and the first meter of that day."""

    @property
    def entries(self) -> Sequence[Derived]:
        """The roll-ups."""

    @property
    def following(self) -> int:
        """UTC ms."""

    @property
    def device(self) -> str:
        """The meter; empty: the first."""


Older = Callable[[int, int, str], Awaitable[OlderUsage]]
"""Asks for usage that begins in [start, end), from a meter on."""


class InfluxPast:
    """A `monitor.sinks.backfill.Past` for one InfluxDB; `state_file` is only read."""

    def __init__(
        self, sink: InfluxSink, site: Site, journal: SqliteJournal, state_file: Path, older: Older
    ) -> None:
        self._sink = sink
        self._encoder = Encoder(site)  # its own: this is another thread
        self._journal = journal
        self._state_file = state_file
        self._older = older

    async def portion(self, place: Mapping[str, Any], first: int, until: int) -> Portion:
        """Read a portion: first what only the ledger knows, then the journal."""
        if "start" not in place:
            since = await self._journal.look(begins)
            end = until if since is None else min(until, since)
            at = int(place.get("ledger", first))
            if at < end:
                return await self._of_ledger(at, end, str(place.get("device", "")), (first, until))
            place = asdict(begin_at(first, until))
        at_place = Place(**{name: place[name] for name in ("start", "end", "device", "time")})
        page, stamps = await self._journal.look(partial(self._read, place=at_place, until=until))
        lasting = self._lasting(page.entries, stamps)
        if lasting:  # once that is noted, an end is found here, or told later by what follows the journal
            await self._sink.begun(lasting)
            stamps = await self._journal.look(partial(self._stamps, entries=page.entries))
        return Portion(
            entries=page.entries,
            write=partial(self._sink.write, stamps=stamps),
            place=None if page.following is None else asdict(page.following),
            reached=until if page.following is None else page.following.start,
        )

    async def _of_ledger(self, at: int, end: int, device: str, span: tuple[int, int]) -> Portion:
        first, until = span
        older = await self._older(at, end, device)
        left = await self._journal.look(partial(untold, entries=older.entries))
        place = {"ledger": older.following, "device": older.device}
        if older.following >= end:
            place = asdict(begin_at(first, until))
        return Portion(entries=left, write=self._sink.write, place=place, reached=first)

    def _read(self, db: sqlite3.Connection, place: Place, until: int) -> tuple[Page, Mapping[Position, Stamp]]:
        page = read_page(db, place, until, most=_AT_ONCE)
        return page, self._stamps(db, page.entries)

    def _stamps(self, db: sqlite3.Connection, entries: Sequence[Recorded]) -> Mapping[Position, Stamp]:
        return past_stamps(db, self._encoder, entries, self._owned)

    def _lasting(
        self, entries: Sequence[Recorded], stamps: Mapping[Position, Stamp]
    ) -> Sequence[tuple[Wanted, int]]:
        """First steps, which the sink writes, of alarms that have not ended."""
        takes = self._sink.takes
        steps = [each for each in entries if isinstance(each.entry, Transition)]
        wanted = self._encoder.wanted(each for each in steps if takes is None or takes(each.entry))
        return [
            (each, stamps[each.position].time) for each in wanted if each.begins and not stamps[each.position].end
        ]

    def _owned(self, wanted: Sequence[Wanted]) -> Owned:
        try:
            with closing(sqlite3.connect(f"{self._state_file.absolute().as_uri()}?mode=ro", uri=True)) as db:
                return owned_by(db, wanted)
        except sqlite3.Error as error:
            raise JournalError(f"the state cannot be read: {error}") from error


def untold(db: sqlite3.Connection, entries: Sequence[Derived]) -> Sequence[Recorded]:
    """Those of which the journal has no version, each with a position that no other has, whenever it is asked for.

    By its position a dead letter is known, and kept once.
    """
    return [Recorded(_position(each), each.time, each) for each in entries if not is_told(db, each)]


def _position(derived: Derived) -> Position:
    name = f"{derived.producer}/{derived.device}/{derived.time}/{derived.key.partition('@')[0]}"
    return Position(-1 - (int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 1))
