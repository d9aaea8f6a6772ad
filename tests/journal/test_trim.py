"""The journal within its bounds: by age, by size, and never what a consumer still needs."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from monitor.journal import trim
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Position
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.journal.conformance import everything
from tests.journal.entries import reading

DAY = 86_400_000


@pytest.fixture(autouse=True)
def impatient_trimmer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trim, "_FIRST_LOOK", 0.0)
    monkeypatch.setattr(trim, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(trim.Trimmer, "pause", 0.01)
    monkeypatch.setattr(trim, "_AT_ONCE", 10)


def _open(tmp_path: Path, clock: ManualClock, settings: JournalSettings) -> SqliteJournal:
    return SqliteJournal.open(tmp_path / "j.db", settings, now=clock.now)


async def _until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not met():  # noqa: ASYNC110 - another thread works
            await asyncio.sleep(0.01)


async def _days(journal: SqliteJournal, clock: ManualClock, days: int) -> None:
    for day in range(days):
        await journal.append([Batch(entries=[reading(time=day, number=n) for n in range(25)])])
        clock.advance(DAY)


async def test_what_is_too_old_goes_and_is_a_gap(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=2.5 * 86400))
    await _days(journal, clock, 4)
    await _until(lambda: journal.stats()["trimmed"] == 50)
    await asyncio.sleep(0.1)
    gap = await journal.read(Position(10), 5)
    found = await everything(journal, after=50)
    trimmed = journal.stats()["trimmed"]
    await journal.close()
    journal = _open(tmp_path, clock, JournalSettings())
    stream = journal.follow(Position(0))
    followed = [await anext(stream), await anext(stream)]
    await journal.close()

    assert trimmed == 50
    assert gap == Gap(after=Position(10), until=Position(50), reason="trimmed")
    assert [recorded.position for recorded in found] == list(range(51, 101))
    assert followed == [Gap(after=Position(0), until=Position(50), reason="trimmed"), found]


async def test_a_consumer_that_never_acknowledged_holds_the_trim(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    journal.register("alarms")
    journal.register("sink")
    await _days(journal, clock, 2)
    journal.acknowledge("alarms", Position(40))
    await asyncio.sleep(0.2)
    held = journal.stats()
    journal.acknowledge("sink", Position(30))
    await _until(lambda: journal.stats()["trimmed"] == 30)
    await asyncio.sleep(0.1)
    after = journal.stats()
    await journal.close()

    assert (held["trimmed"], held["slowest"], held["lag"]) == (0, "sink", 50)
    assert (after["trimmed"], after["slowest"], after["lag"]) == (30, "sink", 20)


async def test_a_registered_consumer_is_remembered_where_it_was(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings())
    await _days(journal, clock, 1)
    journal.acknowledge("sink", Position(20))
    await journal.close()
    journal = _open(tmp_path, clock, JournalSettings())
    journal.register("sink")
    lag = journal.stats()["lag"]
    await journal.close()

    assert lag == 5


async def test_a_consumer_that_is_gone_from_the_settings_holds_nothing(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    journal.acknowledge("old-sink", Position(0))
    await journal.append([Batch(entries=[reading(), reading()])])
    await journal.close()
    clock.advance(DAY)
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    await _until(lambda: journal.stats()["trimmed"] == 1)
    await journal.close()


async def test_the_newest_entry_stays_and_positions_go_on(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    await _days(journal, clock, 2)
    await _until(lambda: journal.stats()["trimmed"] == 49)
    await journal.close()
    journal = _open(tmp_path, clock, JournalSettings(keep=1))
    last = await journal.append([Batch(entries=[reading()])])
    await journal.close()

    assert last == 51


async def test_size_bounds_the_journal_before_age_does(tmp_path: Path, clock: ManualClock) -> None:
    bound = 400_000
    journal = _open(tmp_path, clock, JournalSettings(max_size=bound))
    for time in range(100):
        await journal.append([Batch(entries=[reading(time=time, text="x" * 20_000)])])
    await _until(lambda: int(journal.stats()["size_bytes"]) <= bound)
    newest = await journal.readings("meter", 1)
    over = journal.stats()["over_size"]
    await journal.close()

    assert newest[0].entry.time == 99
    assert over is False


async def test_unsent_entries_stay_although_the_size_is_exceeded(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(max_size=100_000))
    journal.register("sink")
    for time in range(20):
        await journal.append([Batch(entries=[reading(time=time, text="x" * 20_000)])])
    await _until(lambda: journal.stats()["over_size"] is True)
    found = await everything(journal)
    journal.acknowledge("sink", journal.last)
    await _until(lambda: journal.stats()["over_size"] is False)
    await journal.close()

    assert len(found) == 20


async def test_a_trimmed_journal_is_sound(tmp_path: Path, clock: ManualClock) -> None:
    journal = _open(tmp_path, clock, JournalSettings(keep=86400))
    await _days(journal, clock, 5)
    await _until(lambda: int(journal.stats()["trimmed"]) >= 100)
    await journal.close()

    with closing(sqlite3.connect(tmp_path / "j.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM gaps").fetchone() == (1,)
