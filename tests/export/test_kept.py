"""Reading beside a daemon: nothing is held up, and what is written meanwhile is no harm."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import JournalError
from monitor.export.kept import Kept, Wish
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Event, Position, Reading
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.sinks.site import NOW, a_site, event, reading
from tests.sinks.test_runner import append

MINUTE = 60_000


def wish(**more: Any) -> Wish:
    base: dict[str, Any] = {"start": NOW, "end": NOW + 600 * MINUTE, "kinds": frozenset({"readings", "events"})}
    return Wish(**{**base, **more})


async def test_a_checkpoint_and_a_writer_go_on_between_two_slices(
    journal: SqliteJournal, state: State, tmp_path: Path
):
    """The write-ahead log can be emptied at any moment: no look is open between the slices."""
    del state
    devices = ("e-main", "w-main", "g-main")
    for first in range(0, 30_000, 1000):
        await append(
            journal,
            *(reading(devices[each % 3], NOW + each * 1000, power_w=1.0) for each in range(first, first + 1000)),
        )
    kept, busy, found = Kept(tmp_path, a_site(), NOW), set[int](), 0
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
        for number, (_, entries) in enumerate(kept.slices(wish())):
            await append(journal, reading("e-main", NOW - MINUTE - number, power_w=2.0))
            busy.add(other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            found += len(entries)
    kept.close()

    assert found == 30_000
    assert busy == {0}


async def test_entries_come_in_the_order_of_time_and_once(journal: SqliteJournal, tmp_path: Path):
    await append(journal, *(reading("e-main", NOW + each * 500, power_w=1.0) for each in range(0, 8000, 2)))
    await append(journal, *(reading("a-late", NOW + each * 500, power_w=1.0) for each in range(1, 8000, 2)))
    kept = Kept(tmp_path, a_site(), NOW)
    times = [each.entry.time for _, entries in kept.slices(wish()) for each in entries]
    kept.close()

    assert times == [NOW + each * 500 for each in range(8000)]


async def test_memory_holds_little_though_nothing_was_told_for_a_year_before(
    journal: SqliteJournal, tmp_path: Path
):
    """Slices are long where there is little: the first one in which there is much becomes a short one."""
    for first in range(0, 40_000, 1000):
        await append(
            journal, *(reading("e-main", NOW + each * 100, power_w=1.0) for each in range(first, first + 1000))
        )
    kept = Kept(tmp_path, a_site(), NOW)
    slices = list(kept.slices(wish(start=NOW - 365 * 24 * 60 * MINUTE)))
    kept.close()

    times = [each.entry.time for _, entries in slices for each in entries]
    assert times == [NOW + each * 100 for each in range(40_000)]
    assert max(len(entries) for _, entries in slices) <= 5000


async def test_it_reads_the_files_of_a_daemon_that_is_stopped(tmp_path: Path, clock: ManualClock):
    journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
    await append(journal, reading("e-main", power_w=1.0), event("tamper"))
    await journal.close()
    kept = Kept(tmp_path, a_site(), NOW)
    found = [type(each.entry) for _, entries in kept.slices(wish()) for each in entries]
    kept.close()
    again = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
    last = again.last
    await again.close()

    assert found == [Reading, Event]
    assert last == Position(2)


async def test_a_file_that_is_none_is_a_clear_error(tmp_path: Path):
    (tmp_path / "journal.db").write_bytes(b"no database at all, " * 100)

    with pytest.raises(JournalError, match="cannot be read"):
        Kept(tmp_path, a_site(), NOW)


async def test_an_empty_journal_has_nothing(journal: SqliteJournal, tmp_path: Path):
    await journal.append([Batch(entries=[])])
    kept = Kept(tmp_path, a_site(), NOW)

    assert kept.begins is None
    assert [entries for _, entries in kept.slices(wish()) if entries] == []
    kept.close()
