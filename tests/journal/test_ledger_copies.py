"""Copies of ledger.db: weekly, beside a writer that goes on, and never of a damaged one."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.errors import JournalError
from monitor.journal import copies as copies_module
from monitor.journal.copies import WEEKLY, Copies, Rhythm, copies_of
from monitor.journal.state import LEDGER, State
from tests.clock import ManualClock
from tests.journal.ledgers import (
    DAY,
    ZONE,
    book,
    booked,
    contents,
    fill,
    harm_the_middle,
    opened,
    there,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


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


async def test_a_copy_of_the_ledger_opens_as_a_ledger(path: Path, clock: ManualClock) -> None:
    await fill(path, clock, copies=1)
    copy = copies_of(path)[0]

    ledger = State.open(copy, LEDGER)
    position = await ledger.position("metering")
    await ledger.close()

    assert position == 7
