"""ledger.db: what takes the place of a damaged one, when it is copied, and what its outage means to all else."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal import files as files_module
from monitor.journal import trim
from monitor.journal.copies import copies_of
from monitor.journal.soundness import find_fault
from monitor.journal.state import LEDGER, set_position
from monitor.model import Position
from monitor.notify.channels import Channels
from monitor.notify.direct import Direct
from monitor.notify.outage import Outages
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.entries import reading
from tests.journal.harms import be_foreign, damage, empty, overwrite, truncate
from tests.journal.ledgers import (
    DAY,
    book,
    booked,
    contents,
    fill,
    harm_the_middle,
    mode_of,
    opened,
    remove,
    there,
)
from tests.notify.house import person, site
from tests.notify.test_outage import PACE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


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


def be_for_reading_alone(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")


def claim_a_version_that_nobody_writes(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 268435457")


HARMS = [
    damage,
    overwrite,
    truncate,
    empty,
    be_foreign,
    be_orphaned,
    lose_a_table,
    be_for_reading_alone,
    claim_a_version_that_nobody_writes,
]


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
        killed.setattr("monitor.journal.opening.acquit", _be_killed)
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
