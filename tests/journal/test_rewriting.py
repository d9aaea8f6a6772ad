"""The one change to what is kept: a person leaves the journal, its memory, its free pages and its log."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import JournalError
from monitor.journal import rewriting as rewriting_module
from monitor.journal import trim
from monitor.journal.counting import holds
from monitor.journal.rewriting import Rewriting
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.traces import cleanse_copy, cleanse_damaged, count_in, erase, find
from monitor.model import Entry, Event, Position, Recorded
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.entries import reading
from tests.systemd.test_sandbox import sandboxed

ANA, BEN = "0123456789abcdef01234567", "fedcba9876543210fedcba98"
DAY = 86_400_000


def card(number: int, who: str, *, id: str = "", time: int = 1000) -> Event:  # noqa: A002 - as the model has it
    return Event(
        device="reader",
        kind="card",
        time=time + number,
        arrived=time + number,
        id=id or f"c{number}",
        attributes={"result": "granted", "credential": who},
    )


@asynccontextmanager
async def opened(
    folder: Path, clock: ManualClock, settings: JournalSettings | None = None
) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal.open(folder / "journal.db", settings or JournalSettings(), now=clock.now)
    try:
        yield journal
    finally:
        await journal.close()


async def append(journal: SqliteJournal, entries: Sequence[Entry]) -> Position:
    return await journal.append([Batch(entries=entries)])


def kept(folder: Path, text: str) -> int:
    """How often a text stands in the raw bytes of the journal and its log."""
    return sum(holds(folder / f"journal.db{ending}", text) for ending in ("", "-wal"))


async def everything(journal: SqliteJournal, after: int = 0) -> Sequence[Recorded]:
    found = await journal.read(Position(after), 10_000)
    assert not isinstance(found, Gap)
    return found


async def test_a_person_leaves_every_kind_of_place_and_nobody_else_does(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting_module, "_AT_ONCE", 7)
    monkeypatch.setattr(rewriting_module, "_CHANGED_AT_ONCE", 3)
    async with opened(tmp_path, clock) as journal:
        entries: list[Entry] = []
        for number in range(40):
            entries += [reading(time=number), card(number, ANA if number % 2 else BEN)]
        await append(journal, entries)
        await append(
            journal, [card(90, ANA, id=ANA), card(91, BEN, id=f"erased-{BEN}"), card(92, ANA, id="erased")]
        )
        before = await everything(journal)
        follower = journal.follow(Position(70))
        rewriting = Rewriting(journal)

        shown = await rewriting.find(ANA)
        count = await rewriting.erase(ANA)
        swept = await rewriting.sweep()
        after = await everything(journal)
        followed = await anext(follower)
        again = await rewriting.erase(ANA)

        assert kept(tmp_path, ANA) == 0
        assert kept(tmp_path, BEN) > 20
    assert (len(shown), count, again, swept) == (22, 22, 0, True)
    assert [each.position for each in after] == [each.position for each in before]
    assert not isinstance(followed, Gap)
    assert ANA not in repr(followed)
    assert "'credential': 'erased'" in repr(followed)
    assert repr(after) == repr(before).replace(ANA, "erased")
    async with opened(tmp_path, clock) as journal:
        assert repr(await everything(journal)) == repr(after)


async def test_entries_go_on_being_kept_while_a_person_is_erased(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as journal:
        for start in range(0, 20_000, 1000):
            await append(journal, [card(start + number, ANA) for number in range(1000)])
        erasing = asyncio.create_task(Rewriting(journal).erase(ANA))
        meanwhile = 0
        while not erasing.done():
            await append(journal, [reading(time=meanwhile)])
            meanwhile += 1

        assert await erasing == 20_000
    assert meanwhile > 20


async def test_the_credentials_of_old_events_are_forgotten_and_their_rest_stays(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with opened(tmp_path, clock) as journal:
        await append(journal, [card(1, ANA), reading(time=1)])
        clock.time += 10 * DAY
        young = await append(journal, [card(2, BEN)])
        rewriting = Rewriting(journal)

        until, count = await rewriting.forget(Position(0), clock.time - 5 * DAY)
        again = await rewriting.forget(until, clock.time - 5 * DAY)
        await rewriting.sweep()
        found = [each.entry for each in await everything(journal)]

        assert (kept(tmp_path, ANA), kept(tmp_path, BEN)) == (0, 1)
    assert (until, count, again) == (young - 1, 1, (until, 0))
    assert isinstance(found[0], Event)
    assert found[0].attributes == {"result": "granted"}


@pytest.mark.parametrize(("age", "count"), [(20, 0), (5, 3000), (0, 4000)])
async def test_what_is_old_enough_is_found_without_reading_the_journal(
    tmp_path: Path, clock: ManualClock, age: int, count: int
) -> None:
    """What is young is by far the most: looking through it each hour would keep the disk busy for nothing."""
    async with opened(tmp_path, clock) as journal:
        for day in range(4):
            await append(journal, [reading(time=number) for number in range(1000)])
            clock.time += (10 if day == 2 else 1) * DAY
        clock.time += DAY
        await append(journal, [reading(time=1)])
        steps: list[int] = []

        def work(db: sqlite3.Connection) -> int:
            db.set_progress_handler(lambda: steps.append(1), 1)
            try:
                return rewriting_module.recorded_before(db, Position(0), clock.time - age * DAY)
            finally:
                db.set_progress_handler(None, 1)

        found = await journal.look(work)

    assert found == count
    assert len(steps) < 1000


async def test_who_is_erased_between_finding_and_forgetting_does_not_come_back(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, clock) as journal:
        await append(journal, [card(1, ANA, id=f"of-{ANA}"), reading(time=1)])
        clock.time += 10 * DAY
        await append(journal, [reading(time=2)])
        forgetting, change = Rewriting(journal), rewriting_module.Rewriting._change

        async def erased_first(self: Rewriting, *found: Any) -> int:
            if self is forgetting:
                assert await Rewriting(journal).erase(ANA) == 1
            return await change(self, *found)

        monkeypatch.setattr(rewriting_module.Rewriting, "_change", erased_first)
        await forgetting.forget(Position(0), clock.time - 5 * DAY)
        await forgetting.sweep()
        (first, *_) = await everything(journal)

    assert kept(tmp_path, ANA) == 0
    assert isinstance(first.entry, Event)
    assert (first.entry.id, dict(first.entry.attributes)) == ("of-erased", {"result": "granted"})


@pytest.mark.parametrize("trimmed", ["cards", "readings"])
async def test_what_is_trimmed_leaves_no_credential_in_free_pages(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, trimmed: str
) -> None:
    monkeypatch.setattr(trim, "_FIRST_LOOK", 0.0)
    monkeypatch.setattr(trim, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(trim.Trimmer, "pause", 0.01)
    async with opened(tmp_path, clock, JournalSettings(keep=DAY / 1000)) as journal:
        await journal.in_writer(lambda db: db.execute("PRAGMA secure_delete = OFF").fetchall())
        for start in range(0, 3000, 500):
            some: list[Entry] = [
                card(start + number, ANA) if trimmed == "cards" else reading(device=ANA, time=number)
                for number in range(500)
            ]
            await append(journal, some)
        clock.time += 2 * DAY
        await append(journal, [reading(time=1)])
        async with asyncio.timeout(60):
            while int(str(journal.stats()["trimmed"])) < 3000:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await Rewriting(journal).sweep()

    # Readings are trimmed as fast as they can be: their pages are only marked as free.
    assert (kept(tmp_path, ANA) == 0) == (trimmed == "cards")


def test_a_text_leaves_every_column_of_every_table(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "any.db", isolation_level=None)) as db:
        db.execute("CREATE TABLE plain (number INTEGER, word TEXT, body BLOB) STRICT")
        db.execute("CREATE TABLE keyed (who TEXT, place TEXT, PRIMARY KEY (who, place)) STRICT, WITHOUT ROWID")
        db.execute("CREATE TABLE apart (who TEXT)")
        db.execute("CREATE TABLE counted (a INTEGER, b REAL) STRICT")
        db.executemany(
            "INSERT INTO plain VALUES (?, ?, ?)", [(1, ANA, b""), (2, f"x{ANA}y", ANA.encode()), (3, BEN, None)]
        )
        db.executemany("INSERT INTO keyed VALUES (?, ?)", [(ANA, "hall"), ("erased", "hall"), (BEN, ANA)])
        db.execute("INSERT INTO apart VALUES (?)", (ANA,))

        found = sorted(table for table, _ in find(db, ANA, but={"apart"}))
        count = erase(db, ANA, but={"apart"})
        plain = db.execute("SELECT * FROM plain ORDER BY number").fetchall()
        keyed = db.execute("SELECT * FROM keyed ORDER BY who").fetchall()

        assert found == ["keyed", "keyed", "plain", "plain"]
        assert count == 4
        assert plain == [(1, "erased", b""), (2, "xerasedy", b"erased"), (3, BEN, None)]
        assert keyed == [("erased", "hall"), ("erased-1", "hall"), (BEN, "erased")]
        assert [table for table, _ in find(db, ANA)] == ["apart"]


def test_a_copy_is_written_anew_and_keeps_its_time(tmp_path: Path) -> None:
    path = tmp_path / "state.db.copy"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text TEXT)")
        db.executemany("INSERT INTO notes VALUES (?)", [(ANA,), (BEN,)])
        db.execute("DELETE FROM notes WHERE text = ?", (ANA,))
        db.execute("INSERT INTO notes VALUES (?)", (f"again {ANA}",))
    os.utime(path, (5, 5))

    count = cleanse_copy(path, ANA)

    assert count > 0
    assert (holds(path, ANA), path.stat().st_mtime, path.stat().st_mode & 0o777) == (0, 5, 0o600)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT text FROM notes ORDER BY text").fetchall() == [("again erased",), (BEN,)]
    assert [each.name for each in tmp_path.iterdir()] == ["state.db.copy"]


@pytest.mark.parametrize("change", [cleanse_copy, cleanse_damaged])
def test_a_damaged_file_is_overwritten_where_it_stands(tmp_path: Path, change: object) -> None:
    path = tmp_path / "state.db.corrupt-1"
    content = b"x" * 1_048_570 + ANA.encode() + b"between" + ANA.encode() + b"end"
    path.write_bytes(content)

    assert callable(change)
    assert change(path, ANA) == 2

    assert path.read_bytes() == content.replace(ANA.encode(), b"erased" + b"-" * 18)
    assert holds(path, ANA) == 0


def test_what_a_kill_has_left_of_a_copy_goes_as_well(tmp_path: Path) -> None:
    path = tmp_path / "state.db.copy"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text TEXT)")
        db.execute("INSERT INTO notes VALUES (?)", (ANA,))
    for ending in (".new", ".cleansed", ".cleansed-journal", ".cleansed-wal"):
        (tmp_path / f"state.db.copy{ending}").write_bytes(ANA.encode() * 100)

    assert cleanse_copy(path, ANA) == 1

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT text FROM notes").fetchall() == [("erased",)]
    assert [each.name for each in tmp_path.iterdir()] == ["state.db.copy"]


def test_a_good_copy_is_not_overwritten_when_there_is_no_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db.copy"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text TEXT)")
        db.execute("INSERT INTO notes VALUES (?)", (ANA,))
    before = path.read_bytes()
    monkeypatch.setattr("monitor.journal.traces.clear_drafts", lambda _: None)
    (tmp_path / "state.db.copy.cleansed").symlink_to("/dev/full")

    with pytest.raises(OSError, match="cannot be written anew"):
        cleanse_copy(path, ANA)
    assert path.read_bytes() == before


async def test_a_change_does_not_wait_for_readings_that_may_wait(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock, JournalSettings(commit_every=300.0)) as journal:
        await append(journal, [card(number, ANA) for number in range(10)])
        waiting = asyncio.create_task(append(journal, [reading(time=1)]))
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
            count = await Rewriting(journal).erase(ANA)
            is_waiting = not waiting.done()
            await append(journal, [card(90, BEN)])
            await waiting

    assert (count, is_waiting) == (10, True)


def test_bytes_are_read_in_the_sandbox_of_the_service(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1_048_570 + ANA.encode() + ANA.encode())
    (tmp_path / "b").write_bytes(BEN.encode())
    code = (
        "import asyncio; from pathlib import Path; from monitor.journal.traces import count_in;"
        f"folder = Path({str(tmp_path)!r});"
        f"found = asyncio.run(count_in([folder / 'a', folder / 'b', folder / 'absent'], {ANA!r}));"
        "print({path.name: count for path, count in found.items()})"
    )

    ran = sandboxed(sys.executable, "-c", code)

    assert (ran.returncode, ran.stdout.strip()) == (0, "{'a': 2}"), ran.stderr


async def test_a_connection_on_which_a_change_failed_is_not_trusted_again(
    tmp_path: Path, clock: ManualClock
) -> None:
    used: list[sqlite3.Connection] = []
    async with opened(tmp_path, clock) as journal:
        await journal.in_writer(used.append)
        with pytest.raises(JournalError, match="the journal cannot be changed: no such table"):
            await journal.in_writer(lambda db: db.execute("DELETE FROM nowhere"))
        await append(journal, [reading(time=1)])
        await journal.in_writer(used.append)

        assert used[0] is not used[1]
        assert not journal.damaged
        assert len(await everything(journal)) == 1


async def test_reading_of_bytes_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless")  # whoever opens it waits for a writer that never comes
    reading_it = asyncio.create_task(count_in([tmp_path / "endless"], ANA))
    await asyncio.sleep(0.1)
    reading_it.cancel()

    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await reading_it
