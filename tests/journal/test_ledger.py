"""ledger.db: what takes the place of a damaged one, when it is copied, and what its outage means to all else."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal import copies as copies_module
from monitor.journal import files as files_module
from monitor.journal import trim
from monitor.journal.copies import WEEKLY, Copies, Rhythm, copies_of
from monitor.journal.files import Files, open_files
from monitor.journal.soundness import find_fault
from monitor.journal.state import LEDGER, State, set_position
from monitor.model import Position
from monitor.notify.channels import Channels
from monitor.notify.direct import Direct
from monitor.notify.outage import Outages
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.entries import reading
from tests.journal.test_copies import damage, empty, overwrite, truncate
from tests.notify.house import person, site
from tests.notify.test_outage import PACE

HOUR = 3_600_000
DAY = 24 * HOUR
ZONE = ZoneInfo("Europe/Berlin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@asynccontextmanager
async def opened(path: Path, clock: ManualClock, settings: JournalSettings | None = None) -> AsyncIterator[Files]:
    async with open_files(path.parent, settings or JournalSettings(), now=clock.now, timezone=ZONE) as files:
        yield files


def book(quarters: int, *, position: int = 0, counter: int = 1) -> Callable[[sqlite3.Connection], None]:
    """What metering does in a transaction: it books, and notes how far it has come."""

    def work(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT OR IGNORE INTO counter VALUES (?, ?, 'energy_import_kwh', 1, 2, '{}')",
            (counter, f"m{counter}"),
        )
        rows = [(counter, quarter, 1.5, 2.5) for quarter in range(quarters)]
        db.executemany("INSERT OR REPLACE INTO quarter VALUES (?, ?, ?, ?)", rows)
        set_position(db, "metering", Position(position))

    return work


async def fill(path: Path, clock: ManualClock, *, copies: int, quarters: int = 5000) -> None:
    """A state folder as a run leaves it: the ledger at position 7, and so many copies, the newest at that."""
    async with opened(path, clock) as files:
        last = await files.journal.append([Batch(entries=[reading(time=n) for n in range(9)])])
        await files.state.transact(lambda db: set_position(db, "alarms", last))
        for generation in range(copies, 0, -1):
            await files.ledger.transact(book(quarters, position=8 - generation))
            await asyncio.to_thread(files.ledger_copies.copy)
        await files.ledger.transact(book(quarters + 1, position=8))


def there(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """The content of each file whose name fits."""
    return {each.name: each.read_bytes() for each in folder.glob(pattern) if each.is_file()}


def contents(path: Path) -> dict[str, bytes]:
    """What stands in a database and in its write-ahead log, by ending."""
    files = {ending: path.with_name(path.name + ending) for ending in ("", "-wal")}
    return {ending: file.read_bytes() for ending, file in files.items() if file.exists()}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def remove(folder: Path, pattern: str) -> None:
    for each in folder.glob(pattern):
        each.unlink()


def harm_the_middle(path: Path) -> None:
    """Overwrite two pages that only who reads everything comes to."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(8192))


def booked(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM quarter").fetchone()[0])


def be_foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text)")


def be_orphaned(path: Path) -> None:
    path.unlink()
    path.with_name("ledger.db-wal").write_bytes(b"what was not written into the ledger yet" * 200)


def lose_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE step")


def be_empty(path: Path) -> None:
    path.touch()


def be_absent(path: Path) -> None:
    path.unlink()


HARMS = [damage, overwrite, truncate, empty, be_foreign, be_orphaned, lose_a_table]


# At the start ------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "file damaged",
    part="ledger",
    outcome="Damaged, truncated, emptied, foreign, incomplete or gone: moved aside whole, and the newest good copy"
    " takes its place; metering goes on from the copy's position.",
)
@pytest.mark.parametrize("harm", [*HARMS, be_absent])
async def test_a_harmed_ledger_is_moved_aside_and_its_newest_good_copy_takes_its_place(
    path: Path, clock: ManualClock, harm: Callable[[Path], None]
) -> None:
    await fill(path, clock, copies=2)
    harm(path)
    harmed = contents(path)

    with capture_logs() as logs:
        async with opened(path, clock) as files:
            position = await files.ledger.position("metering")
            told, status = files.what_was_replaced(), files.journal.stats()
            mode = mode_of(path)

    aside = told.get("ledger_moved_aside", "")
    assert [log["event"] for log in logs] == ["ledger_restored"]
    assert position == 7
    assert told["ledger_restored_from"] == "ledger.db.copy"
    assert status["ledger_restored"] == clock.time
    assert (status["ledger_replaced"], status["ledger_moved_aside"]) == (True, aside)
    assert contents(path.with_name(aside or "nothing")) == harmed
    assert booked(path) == 5000
    assert mode == 0o600
    assert [copy.exists() for copy in copies_of(path)] == [False, True]
    async with opened(path, clock) as files:
        assert files.what_was_replaced() == {}


async def test_a_copy_that_is_harmed_too_is_passed_over(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=2)
    overwrite(path)
    truncate(copies_of(path)[0])

    async with opened(path, clock) as files:
        position = await files.ledger.position("metering")
        told = files.what_was_replaced()

    assert position == 6
    assert told["ledger_restored_from"] == "ledger.db.copy.1"


@pytest.mark.fault(
    "file damaged",
    part="ledger",
    outcome="Without a good copy the monitor starts all the same: the file is moved aside, a new ledger begun, and"
    " said aloud in log, status, event and alarm. The damaged file is kept.",
)
@pytest.mark.parametrize("harm", HARMS)
async def test_without_a_good_copy_a_new_ledger_is_begun_aloud(
    path: Path, clock: ManualClock, harm: Callable[[Path], None]
) -> None:
    await fill(path, clock, copies=1)
    harm(path)
    overwrite(copies_of(path)[0])
    harmed = contents(path)

    with capture_logs() as logs:
        async with opened(path, clock) as files:
            position = await files.ledger.position("metering")
            told, status = files.what_was_replaced(), files.journal.stats()
            await files.ledger.transact(book(3))

    assert [(log["event"], log["log_level"]) for log in logs] == [("ledger_begun_afresh", "error")]
    assert position == 0
    assert set(told) == {"ledger_moved_aside"}
    assert contents(path.with_name(told["ledger_moved_aside"])) == harmed
    assert (status["ledger_replaced"], status["ledger_restored"]) == (True, 0)
    assert booked(path) == 3


async def test_a_ledger_is_begun_in_silence_beside_the_files_of_a_version_without_one(
    path: Path, clock: ManualClock
) -> None:
    await fill(path, clock, copies=0)
    be_absent(path)

    with capture_logs() as logs:
        async with opened(path, clock) as files:
            told, status = files.what_was_replaced(), files.journal.stats()

    assert (logs, told, status["ledger_replaced"]) == ([], {}, False)


async def test_a_first_start_that_was_interrupted_is_no_damage(path: Path, clock: ManualClock) -> None:
    be_empty(path)

    with capture_logs() as logs:
        async with opened(path, clock) as files:
            await files.ledger.transact(book(3))

    assert (logs, booked(path)) == ([], 3)


@pytest.mark.fault(
    "file of another version",
    part="ledger",
    outcome="A file of a newer version is refused, and no older copy replaces it.",
)
async def test_a_newer_ledger_is_refused_and_no_older_copy_replaces_it(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=1)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 9999")
    before = contents(path)

    with pytest.raises(JournalError, match="newer version"):
        async with opened(path, clock):
            pass
    assert contents(path) == before
    assert copies_of(path)[0].exists()


@pytest.mark.parametrize("kept", ["copies", "no copies"])
async def test_a_kill_between_moving_aside_and_restoring_is_made_good_by_the_next_start(
    path: Path, clock: ManualClock, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path, clock, copies=2 if kept == "copies" else 0)
    files_module.condemn(path, Position(0))
    with monkeypatch.context() as killed:
        killed.setattr("monitor.journal.ledger.acquit", _be_killed)
        with pytest.raises(SystemExit):
            async with opened(path, clock):
                pass
    assert "ledger.db" not in there(path.parent)

    with capture_logs() as logs:
        async with opened(path, clock) as files:
            position = await files.ledger.position("metering")

    assert position == (7 if kept == "copies" else 0)
    assert [log["event"] for log in logs] == ["ledger_restored" if kept == "copies" else "ledger_begun_afresh"]
    assert not there(path.parent, "ledger.db.damaged")
    assert len(there(path.parent, "ledger.db.corrupt-*")) == 1


def _be_killed(_: Path) -> None:
    raise SystemExit("as a kill would")


async def test_a_start_looks_at_the_ends_of_the_tables_and_not_at_all_of_them(
    path: Path, clock: ManualClock
) -> None:
    await fill(path, clock, copies=0, quarters=50_000)
    harm_the_middle(path)

    assert find_fault(path, LEDGER.schema, LEDGER.application) != ""
    assert find_fault(path, LEDGER.schema, LEDGER.application, whole=False) == ""


async def test_a_new_journal_begins_above_what_either_file_has_applied(path: Path, clock: ManualClock) -> None:
    for state, ledger in ((70, 50), (80, 90)):
        async with opened(path, clock) as files:
            await files.state.transact(lambda db, at=state: set_position(db, "alarms", Position(at)))
            await files.ledger.transact(book(1, position=ledger))
        remove(path.parent, "journal.db*")
        async with opened(path, clock) as files:
            assert files.journal.last == max(state, ledger)


@pytest.mark.fault(
    "file damaged",
    part="ledger",
    outcome="What the journal no longer has since the copy is a gap to metering; all behind it is booked again.",
)
async def test_a_restored_ledger_that_is_older_than_the_journal_meets_a_gap(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_FIRST_LOOK", 0.0), ("_LOOK_EVERY", 0.01), ("_AT_ONCE", 10)):
        monkeypatch.setattr(trim, name, value)
    monkeypatch.setattr(trim.Trimmer, "pause", 0.01)
    short = JournalSettings(keep=60.0)
    async with opened(path, clock, short) as files:
        files.journal.register("metering")
        first = await files.journal.append([Batch(entries=[reading(time=1)])])
        await files.ledger.transact(book(1, position=first))
        await asyncio.to_thread(files.ledger_copies.copy)
        await files.journal.append([Batch(entries=[reading(time=n) for n in range(2, 50)])])
        files.journal.acknowledge("metering", files.journal.last)
        clock.time += DAY
        async with asyncio.timeout(60):
            while not files.journal.stats()["trimmed"]:
                await files.journal.append([Batch(entries=[reading(time=clock.time)])])
        await files.ledger.transact(book(2, position=files.journal.last))
    overwrite(path)

    async with opened(path, clock, short) as files:
        position = await files.ledger.position("metering")
        files.journal.register("metering")
        stream = files.journal.follow(position)
        gap, rest = await anext(stream), await anext(stream)
        last = files.journal.last

    assert position == first
    assert isinstance(gap, Gap)
    assert not isinstance(rest, Gap)
    assert first <= gap.after < gap.until < rest[0].position
    assert rest[-1].position == last


# Copies ------------------------------------------------------------------------------------------------


async def test_a_copy_is_due_once_a_week_and_not_at_a_start(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=1)
    copies = Copies(path, LEDGER, WEEKLY, now=clock.now, timezone=ZONE)
    made = clock.time

    def due(after: int) -> bool:
        clock.time = made + after
        return copies.is_due(is_start=True)

    assert not due(0)
    assert not due(7 * DAY - 1)
    assert due(7 * DAY)
    assert due(-2 * DAY), "the clock was set back"


async def test_a_damaged_ledger_makes_no_copy_and_the_good_ones_stay(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=2, quarters=50_000)
    harm_the_middle(path)
    before = [copy.read_bytes() for copy in copies_of(path)]

    async with opened(path, clock) as files:
        with capture_logs() as logs:
            await files.ledger_copies._try()
            await files.ledger_copies._try()
        with pytest.raises(JournalError, match=r"ledger\.db is damaged"):
            await files.watch()
    assert [log["event"] for log in logs] == ["ledger_not_copied"]
    assert [copy.read_bytes() for copy in copies_of(path)] == before

    async with opened(path, clock) as files:
        assert files.what_was_replaced()["ledger_restored_from"] == "ledger.db.copy"
        assert await files.ledger.position("metering") == 7


async def test_damage_that_only_the_copy_meets_is_lived_with_when_there_is_no_good_copy(
    path: Path, clock: ManualClock
) -> None:
    await fill(path, clock, copies=0, quarters=50_000)
    harm_the_middle(path)

    async with opened(path, clock) as files:
        await files.ledger_copies._try()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(files.watch(), 0.2)
        status = files.journal.stats()

    assert status["ledger_copied"] == 0
    assert "malformed" in str(status["ledger_copy_error"])


async def test_the_ledger_is_written_while_it_is_copied_and_its_log_shrinks_again(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy stands still in the middle of it until so much has been written that nobody could overlook it."""
    await fill(path, clock, copies=0, quarters=100_000)
    monkeypatch.setattr(copies_module, "_STEPS", 1000)
    waits, goes_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    look = copies_module._Pace.look

    def slow(pace: copies_module._Pace) -> bool:
        if not goes_on.is_set():
            loop.call_soon_threadsafe(waits.set)
            asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result()
        return look(pace)

    monkeypatch.setattr(copies_module._Pace, "look", slow)
    async with opened(path, clock) as files:
        copying = asyncio.create_task(files.ledger_copies._in_its_thread())
        await waits.wait()
        for number in range(2, 9):
            await files.ledger.transact(book(100_000, counter=number, position=number))
        longest = len(contents(path)["-wal"])
        goes_on.set()
        await copying
        for number in range(3):
            await files.ledger.transact(book(1, position=20 + number))
        after = len(contents(path)["-wal"])

    assert longest > 20 * 2**20
    assert after <= 16 * 2**20
    assert booked(copies_of(path)[0]) == 100_001, "as it was when the copy began"
    assert booked(path) == 800_001


async def test_a_stop_does_not_wait_for_a_copy_and_leaves_the_old_one(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path, clock, copies=1, quarters=50_000)
    before = copies_of(path)[0].read_bytes()
    clock.time += 8 * DAY
    monkeypatch.setattr(copies_module, "_STEPS", 1)
    began = asyncio.Event()
    loop = asyncio.get_running_loop()
    look = copies_module._Pace.look

    def seen(pace: copies_module._Pace) -> bool:
        loop.call_soon_threadsafe(began.set)
        pace._stopping.wait(60)
        return look(pace)

    monkeypatch.setattr(copies_module._Pace, "look", seen)
    at_once = Rhythm(every=7 * DAY, at_day=False, settle=0.0, again=60.0)
    running = asyncio.create_task(Copies(path, LEDGER, at_once, now=clock.now, timezone=ZONE).run())
    async with asyncio.timeout(60):
        await began.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    assert copies_of(path)[0].read_bytes() == before
    assert not copies_of(path)[1].exists()


@pytest.mark.fault(
    "disk full",
    part="ledger",
    outcome="The copy that would fill the disk is not made, and one during which the disk gets full is given up.",
)
async def test_a_copy_during_which_the_disk_gets_full_is_given_up(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path, clock, copies=1, quarters=200_000)
    before = copies_of(path)[0].read_bytes()
    copies = Copies(path, LEDGER, WEEKLY, now=clock.now, timezone=ZONE)
    monkeypatch.setattr(copies_module, "_STEPS", 1000)
    monkeypatch.setattr(copies_module, "_AT_ONCE", 4096)
    monkeypatch.setattr(copies_module, "_KEPT_FREE", 2**62)

    with pytest.raises(OSError, match="the disk got full"):
        copies.copy()
    assert copies_of(path)[0].read_bytes() == before
    assert not there(path.parent, "*.new")

    monkeypatch.setattr(copies_module, "size_of", lambda _: 2**60)
    with pytest.raises(OSError, match="no room for a copy"):
        copies.copy()


# While it runs -----------------------------------------------------------------------------------------


@pytest.mark.fault(
    "I/O error",
    part="ledger",
    outcome="While only the ledger cannot be written, metering waits and the status says so; everything else is"
    " recorded, and nobody is told that nothing can be.",
)
async def test_an_outage_of_the_ledger_alone_is_no_outage_of_the_recording(path: Path, clock: ManualClock) -> None:
    house = site(person("ana"))
    async with opened(path, clock) as files:
        outages = Outages(
            house,
            files.journal,
            failing=files.failure,
            direct=Direct(house, Channels()),
            now=clock.now,
            pace=PACE,
        )
        tasks = [asyncio.create_task(each) for each in (outages.run(), files.watch())]
        with capture_logs() as logs:
            files.ledger._db.execute("PRAGMA query_only = ON")
            with pytest.raises(JournalError, match="the ledger cannot be written"):
                await files.ledger.transact(book(1))
            async with asyncio.timeout(60):
                while not any(log["event"] == "ledger_cannot_be_written" for log in logs):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            during = files.journal.stats()
            kept = await files.journal.append([Batch(entries=[reading()])])
            await files.state.transact(lambda db: set_position(db, "alarms", kept))
            files.ledger._db.execute("PRAGMA query_only = OFF")
            await files.ledger.transact(book(1))
            async with asyncio.timeout(60):
                while not any(log["event"] == "ledger_is_written_again" for log in logs):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        after = files.journal.stats()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    assert (during["ledger_failing"], after["ledger_failing"]) == (True, False)
    assert outages.count == 0
    assert [log["event"] for log in logs] == ["ledger_cannot_be_written", "ledger_is_written_again"]


@pytest.mark.fault(
    "file damaged",
    part="ledger",
    outcome="Found damaged while it is used, it ends the monitor; the next start restores it from its copy, also"
    " where that start could not see the damage itself.",
)
async def test_a_ledger_found_damaged_while_it_was_used_is_restored_at_the_next_start(
    path: Path, clock: ManualClock
) -> None:
    await fill(path, clock, copies=1, quarters=50_000)
    harm_the_middle(path)
    async with opened(path, clock) as files:
        with pytest.raises(JournalError, match="malformed"):
            await files.ledger.query("SELECT sum(amount) FROM quarter")
        with pytest.raises(JournalError, match=r"ledger\.db is damaged"):
            await files.watch()

    async with opened(path, clock) as files:
        told = files.what_was_replaced()
        total = await files.ledger.query("SELECT count(amount) FROM quarter")
    async with opened(path, clock) as files:
        again = files.what_was_replaced()

    assert told["ledger_restored_from"] == "ledger.db.copy"
    assert total[0][0] == 50_000
    assert again == {}


async def test_damage_that_cannot_be_noted_does_not_end_the_monitor_again_and_again(
    path: Path, clock: ManualClock
) -> None:
    await fill(path, clock, copies=1)
    async with opened(path, clock) as files:
        os.mkdir(f"{path}.damaged")  # noqa: PTH102 - nothing else runs
        files.ledger.damaged = True
        with capture_logs() as logs, pytest.raises(TimeoutError):
            await asyncio.wait_for(files.watch(), 2.5)
        failing = files.journal.stats()["ledger_failing"]

    assert [log["event"] for log in logs] == ["damage_cannot_be_noted"]
    assert failing is True


async def test_a_copy_of_the_ledger_opens_as_a_ledger(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=1)
    copy = copies_of(path)[0]

    ledger = State.open(copy, LEDGER)
    position = await ledger.position("metering")
    await ledger.close()

    assert position == 7
