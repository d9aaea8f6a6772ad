"""What the files of a state folder still know of a period, beside the daemon that writes them.

Everything is read in short looks, a page each: none holds up a checkpoint of the daemon, or is long enough
to be in its way. Memory holds a slice of time at most.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from monitor.errors import JournalError
from monitor.export.kinds import ENTRIES_OF, kind_of
from monitor.journal.past import Place, begin_at, begins, is_told, read_page, shortened
from monitor.metering.past import past_usage
from monitor.metering.rollup import Meters
from monitor.model import Position, Recorded
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.lines import Stamp, Wanted
from monitor.sinks.influxdb.past import NOTHING, Owned, owned_by, past_stamps
from monitor.site import Site

__all__ = ["Kept", "Wish"]

_AT_ONCE: Final = 5000
_WAIT_S: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted: a span [start, end) of UTC ms, kinds, and devices (None: all there are)."""

    start: int
    end: int
    kinds: frozenset[str]
    devices: frozenset[str] | None = None


class Kept:
    """journal.db, and state.db and ledger.db where they are, open for reading. Raises JournalError throughout."""

    def __init__(self, folder: Path, site: Site, now: int) -> None:
        self._site = site
        self._now = now
        self._opened = contextlib.ExitStack()
        try:
            self._journal = self._open(folder / "journal.db")
            others = (
                self._open(path) if path.exists() else None for path in (folder / "state.db", folder / "ledger.db")
            )
            self._state, self._ledger = others
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S, isolation_level=None
            )
            self._opened.callback(db.close)
            db.row_factory = sqlite3.Row
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise JournalError(f"{path} cannot be read: {error}") from error
        return db

    def close(self) -> None:
        """Close the files; safe to call twice."""
        self._opened.close()

    @property
    def begins(self) -> int | None:
        """When the journal begins (UTC ms); None: it is empty."""
        with _told_as("journal.db"):
            return begins(self._journal)

    def slices(self, wish: Wish) -> Iterator[tuple[int, Sequence[Recorded]]]:
        """Yield what was told of a period, by time, with the time up to which it has come then."""
        if "usage" in wish.kinds and self._ledger is not None:
            yield from self._of_ledger(wish)
        kinds = frozenset[str]().union(*(ENTRIES_OF[kind] for kind in wish.kinds))
        place: Place | None = begin_at(wish.start, wish.end)
        found: list[Recorded] = []
        while place is not None:
            with _told_as("journal.db"):
                page = read_page(self._journal, place, wish.end, most=_AT_ONCE, kinds=kinds, devices=wish.devices)
            following = page.following
            if following is not None and following.start < place.end and (shorter := shortened(place)) is not None:
                place, found = shorter, []
                continue
            found += [each for each in page.entries if kind_of(each.entry) in wish.kinds]
            if following is None or following.start >= place.end:
                found.sort(key=lambda each: (each.entry.time, each.position))
                yield place.end, found
                found = []
            place = following

    def _of_ledger(self, wish: Wish) -> Iterator[tuple[int, Sequence[Recorded]]]:
        """What usage the journal has no more."""
        assert self._ledger is not None
        since, meters = self.begins, Meters(self._site)
        at, device = wish.start, ""
        until = wish.end if since is None else min(wish.end, since)
        while at < until:
            with _told_as("ledger.db"):
                page = past_usage(self._ledger, meters, now=self._now, start=at, end=until, device=device)
            with _told_as("journal.db"):
                left = [each for each in page.entries if not is_told(self._journal, each)]
            wanted = [each for each in left if wish.devices is None or each.device in wish.devices]
            yield (
                wish.start,
                [Recorded(Position(-number), each.time, each) for number, each in enumerate(wanted, 1)],
            )
            at, device = page.following, page.device

    def stamps(self, encoder: Encoder, entries: Sequence[Recorded]) -> Mapping[Position, Stamp]:
        """The milliseconds at which the sink wrote them, or would have."""
        with _told_as("journal.db or state.db"):
            return past_stamps(self._journal, encoder, entries, partial(_owned, self._state))


def _owned(state: sqlite3.Connection | None, wanted: Sequence[Wanted]) -> Owned:
    return NOTHING if state is None else owned_by(state, wanted)


@contextlib.contextmanager
def _told_as(name: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise JournalError(f"{name} cannot be read: {error}") from error
