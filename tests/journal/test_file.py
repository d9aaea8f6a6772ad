"""journal.db as a file: damaged, foreign, newer, taken, full, and after a kill."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal import file, writer
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Position, Reading
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.conformance import everything
from tests.journal.entries import derive, reading

NO_DATABASE = b"this is not a database" * 500


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "broken.db"
    path.write_bytes(NO_DATABASE)
    return path


@pytest.mark.fault(
    "file damaged",
    part="journal",
    outcome="Found damaged at the start, it is moved aside, never deleted, and a new one begun.",
)
async def test_a_damaged_file_is_moved_aside_and_a_new_journal_begun(damaged: Path, clock: ManualClock) -> None:
    with capture_logs() as logs:
        journal = SqliteJournal.open(damaged, JournalSettings(), now=clock.now, begin_above=Position(70))
    last = await journal.append([Batch(entries=[reading()])])
    aside = journal.stats()["moved_aside"]
    await journal.close()

    assert last == 71
    assert (damaged.parent / str(aside)).read_bytes() == NO_DATABASE
    assert [log["event"] for log in logs] == ["journal_moved_aside"]


@pytest.mark.fault(
    "foreign file",
    part="journal",
    outcome="Another program's database is moved aside with all that is in it.",
)
async def test_a_foreign_database_is_moved_aside_whole(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "j.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text)")
        db.execute("INSERT INTO notes VALUES ('mine')")
    journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
    aside = tmp_path / str(journal.stats()["moved_aside"])
    await journal.close()

    with closing(sqlite3.connect(aside)) as db:
        assert db.execute("SELECT text FROM notes").fetchall() == [("mine",)]


async def test_a_journal_whose_tables_are_damaged_goes_on_above_its_last_position(
    tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "j.db"
    journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
    await journal.append([Batch(entries=[reading(time=time) for time in range(5)])])
    await journal.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 0")
        db.execute("PRAGMA application_id = 1")
    journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
    last = await journal.append([Batch(entries=[reading()])])
    await journal.close()

    assert last == 6


@pytest.mark.fault(
    "file of another version",
    part="journal",
    outcome="A file of a newer version is refused and left alone.",
)
async def test_a_newer_journal_is_refused_and_left_alone(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "j.db"
    await SqliteJournal.open(path, JournalSettings(), now=clock.now).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(JournalError, match="newer version"):
        SqliteJournal.open(path, JournalSettings(), now=clock.now)
    assert not [found.name for found in os.scandir(tmp_path) if "corrupt" in found.name]


@pytest.mark.usefixtures("journal")
async def test_two_writers_are_refused(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(JournalError, match="another process is writing"):
        SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)


async def test_a_folder_that_is_absent_is_a_clear_error(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(JournalError, match="cannot be written"):
        SqliteJournal.open(tmp_path / "none" / "j.db", JournalSettings(), now=clock.now)


async def test_the_files_are_for_their_owner_alone(journal: SqliteJournal, tmp_path: Path) -> None:
    await journal.append([Batch(entries=[derive()])])

    assert {found.name: found.stat().st_mode & 0o077 for found in os.scandir(tmp_path)} == {
        "journal.db": 0,
        "journal.db-wal": 0,
        "journal.db-shm": 0,
        "journal.db.lock": 0,
    }


# A disk without room -----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, where mounting is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here; test_a_full_database does the same within the file")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def _fill(journal: SqliteJournal) -> int:
    """Append until the journal refuses; answers how many entries it has acknowledged."""
    for kept in range(200):
        try:
            await journal.append([Batch(entries=[reading(time=kept, text="x" * 50_000)])])
        except JournalError:
            return kept
    raise AssertionError("there was room for everything")


@pytest.mark.fault(
    "disk full",
    part="journal",
    outcome="What was kept stays, the rest is refused; with room again it goes on by itself.",
)
async def test_a_full_disk_loses_nothing_and_the_journal_goes_on_by_itself(
    small_disk: Path, clock: ManualClock
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    journal = SqliteJournal.open(small_disk / "j.db", JournalSettings(), now=clock.now)
    with capture_logs() as logs:
        kept = await _fill(journal)
        with pytest.raises(JournalError):
            await journal.append([Batch(entries=[reading(text="x" * 50_000)])])
        assert journal.stats()["failing"] is True
        ballast.unlink()
        last = await journal.append([Batch(entries=[reading(time=kept)])])
    times = [recorded.entry.time for recorded in await everything(journal)]
    failing = journal.stats()["failing"]
    await journal.close()

    assert times == list(range(kept + 1))
    assert last == kept + 1
    assert failing is False
    assert [log["event"] for log in logs] == ["journal_failed", "journal_works_again"]


async def test_a_full_database_fails_the_append_and_works_again_with_room(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = "PRAGMA max_page_count = 100"

    def connect_small(path: Path) -> sqlite3.Connection:
        db = file.connect(path)
        db.execute(pages)
        return db

    monkeypatch.setattr(writer, "connect", connect_small)
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
    kept = await _fill(journal)
    pages = "PRAGMA max_page_count = 100000"
    await journal.append([Batch(entries=[reading(time=kept)])])
    times = [recorded.entry.time for recorded in await everything(journal)]
    await journal.close()

    assert times == list(range(kept + 1))


# A kill ------------------------------------------------------------------------------------------------

_WRITER = """
import asyncio, sys
from pathlib import Path
from monitor.journal import file, writer
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Reading
from monitor.ports import Batch
from monitor.site import JournalSettings

async def main():
    journal = SqliteJournal.open(Path(sys.argv[1]), JournalSettings(), now=lambda: 5)
    start = journal.last

    async def write(lane):
        number = 0
        while True:
            entry = Reading(device=f"m{lane}", time=start * 1000 + number, arrived=number, values={"power_w": 1.5})
            position = await journal.append([Batch(entries=[entry])])
            print(lane, entry.time, flush=True)
            number += 1

    await asyncio.gather(*(write(lane) for lane in range(5)))

asyncio.run(main())
"""


def _killed_writer(path: Path, acknowledgements: int) -> list[tuple[str, int]]:
    """Let a child write; kill it after so many acknowledgements; answers all that it has acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(acknowledgements)]
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate()
    lines += [line + "\n" for line in rest.split("\n")[:-1]]
    return [(f"m{lane}", int(time)) for lane, time in (line.split() for line in lines)]


@pytest.mark.fault(
    "SIGKILL",
    part="journal",
    outcome="What was acknowledged is there, once and in order.",
)
async def test_a_kill_loses_nothing_acknowledged_and_positions_grow(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "j.db"
    acknowledged: list[tuple[str, int]] = []
    newest = []
    for count in (50, 200, 101):
        acknowledged += await asyncio.to_thread(_killed_writer, path, count)
        journal = SqliteJournal.open(path, JournalSettings(), now=clock.now)
        newest.append(journal.last)
        found = await everything(journal)
        await journal.close()

    kept = [
        (recorded.entry.device, recorded.entry.time) for recorded in found if isinstance(recorded.entry, Reading)
    ]
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    assert [recorded.position for recorded in found] == list(range(1, len(found) + 1))
    assert newest == sorted(set(newest))
