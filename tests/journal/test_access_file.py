"""access.db is opened, copied, watched and replaced as the ledger is."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal.copies import copies_of
from monitor.journal.state import set_position
from monitor.model import Position
from monitor.ports import Batch
from tests.clock import ManualClock
from tests.journal.entries import reading
from tests.journal.harms import overwrite, truncate
from tests.journal.ledgers import contents, mode_of, opened, remove


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.db"


async def fill(path: Path, clock: ManualClock, *, copies: int) -> None:
    """A state folder as a run leaves it: access.db at position 8, its newest copy at 7."""
    async with opened(path, clock) as files:
        await files.journal.append([Batch(entries=[reading(time=n) for n in range(9)])])
        await files.state.transact(lambda db: set_position(db, "alarms", Position(1)))
        for position in (*range(8 - copies, 8), 8):
            await files.access.transact(lambda db, at=position: set_position(db, "access", Position(at)))
            if position < 8:
                await asyncio.to_thread(files.access_copies.copy)


@pytest.mark.parametrize("harm", [overwrite, truncate, Path.unlink])
async def test_a_harmed_file_is_replaced_by_its_newest_good_copy(
    path: Path, clock: ManualClock, harm: Callable[[Path], None]
) -> None:
    await fill(path, clock, copies=2)
    harm(path)
    harmed = contents(path)

    with capture_logs() as logs:
        async with opened(path, clock) as files:
            position = await files.access.position("access")
            told, status = files.what_was_replaced(), files.journal.stats()
            mode = mode_of(path)

    aside = told.get("access_moved_aside", "")
    assert [log["event"] for log in logs] == ["access_restored"]
    assert (position, mode) == (7, 0o600)
    assert told["access_restored_from"] == "access.db.copy"
    assert (status["access_replaced"], status["access_moved_aside"]) == (True, aside)
    assert status["access_restored"] == clock.time
    assert contents(path.with_name(aside or "nothing")) == harmed


async def test_without_a_good_copy_a_new_file_is_begun_aloud(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=1)
    overwrite(path)
    overwrite(copies_of(path)[0])

    with capture_logs() as logs:
        async with opened(path, clock) as files:
            told, status = files.what_was_replaced(), files.journal.stats()

    assert [(log["event"], log["log_level"]) for log in logs] == [("access_begun_afresh", "error")]
    assert set(told) == {"access_moved_aside"}
    assert (status["access_replaced"], status["access_restored"]) == (True, 0)


async def test_its_outage_is_said_and_is_no_outage_of_the_recording(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock) as files:
        watch = asyncio.create_task(files.watch())
        with capture_logs() as logs:
            files.access._db.execute("PRAGMA query_only = ON")
            with pytest.raises(JournalError, match="the access cannot be written"):
                await files.access.transact(lambda db: set_position(db, "access", Position(1)))
            await _until(lambda: any(log["event"] == "access_cannot_be_written" for log in logs))
            during = (files.journal.stats()["access_failing"], files.failure())
            files.access._db.execute("PRAGMA query_only = OFF")
            await files.access.transact(lambda db: set_position(db, "access", Position(1)))
            await _until(lambda: any(log["event"] == "access_is_written_again" for log in logs))
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch

    assert during == (True, "")


async def test_damage_found_in_use_is_told_to_the_next_start(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=1)
    async with opened(path, clock) as files:
        files.access.damaged = True
        with pytest.raises(JournalError, match=r"access\.db is damaged"):
            await files.watch()

    async with opened(path, clock) as files:
        assert files.what_was_replaced()["access_restored_from"] == "access.db.copy"


async def test_a_new_journal_begins_above_what_it_has_applied(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock) as files:
        await files.access.transact(lambda db: set_position(db, "access", Position(90)))
    remove(path.parent, "journal.db*")

    async with opened(path, clock) as files:
        assert files.journal.last == 90


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
