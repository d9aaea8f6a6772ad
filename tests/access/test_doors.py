"""Doors on the real journal and state: what is forced comes into the journal once, whatever is restarted."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from monitor.access import doors as doors_module
from monitor.access import openings as openings_module
from monitor.access.doors import Doors
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Entry, Event
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.access.sites import card, said, site
from tests.clock import ManualClock
from tests.journal.conformance import everything

T = 1_795_378_523_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors_module, "_TICK", 0.01)
    monkeypatch.setattr(doors_module, "_SAVE_EVERY", 0.05)
    monkeypatch.setattr(openings_module, "TOLERANCE", 300)


@asynccontextmanager
async def house(folder: Path, clock: ManualClock) -> AsyncIterator[tuple[SqliteJournal, State]]:
    """A running monitor, of which everything is stopped at the end."""
    state = State.open(folder / "s.db")
    journal = SqliteJournal.open(folder / "j.db", JournalSettings(), now=clock.now)
    doors = Doors(journal, state, site())
    tasks = [asyncio.create_task(doors.run()), asyncio.create_task(Feeder(state, journal).run())]
    try:
        yield journal, state
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await journal.close()
        await state.close()


async def _append(journal: SqliteJournal, *entries: Entry) -> None:
    await journal.append([Batch(entries=entries)])


async def _forced(journal: SqliteJournal) -> Sequence[Event]:
    found = [recorded.entry for recorded in await everything(journal)]
    return [entry for entry in found if isinstance(entry, Event) and entry.kind == "forced"]


async def _settled(journal: SqliteJournal, state: State) -> None:
    """Wait until the doors have saved everything that is in the journal."""
    async with asyncio.timeout(60):
        while await state.position("doors") < journal.last:  # noqa: ASYNC110 - another task works
            await asyncio.sleep(0.01)


async def _until_forced(journal: SqliteJournal) -> None:
    async with asyncio.timeout(60):
        while not await _forced(journal):  # noqa: ASYNC110 - another task works
            await asyncio.sleep(0.01)


async def test_a_forced_door_is_told_though_nothing_else_happens(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as (journal, state):
        await _append(journal, said("front", T - 9000, open=False))
        await _append(journal, said("front", T, open=True))
        await _until_forced(journal)
        await _settled(journal, state)
        forced = await _forced(journal)

    assert [(event.device, event.time, event.attributes) for event in forced] == [("front", T, {"door": "front"})]


async def test_a_grant_before_a_restart_allows_the_opening_after_it(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as (journal, state):
        await _append(journal, said("front", T - 9000, open=False), card(T - 3000))
        await _settled(journal, state)
    async with house(tmp_path, clock) as (journal, state):
        await _append(journal, said("front", T, open=True), said("back", T, open=False))
        await _append(journal, said("back", T + 1, open=True))
        await _until_forced(journal)
        forced = await _forced(journal)

    assert [event.device for event in forced] == ["back"]


@pytest.mark.fault(
    "monitor off",
    part="rules and alarms",
    outcome="A door that was forced before the stop is told after it.",
)
async def test_an_opening_before_a_restart_is_told_after_it(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as (journal, state):
        await _append(journal, said("front", T - 9000, open=False), said("front", T, open=True))
        early = await _forced(journal)
    async with house(tmp_path, clock) as (journal, state):
        await _until_forced(journal)
        await _settled(journal, state)
    async with house(tmp_path, clock) as (journal, state):
        await _settled(journal, state)
        forced = await _forced(journal)

    assert early == []
    assert len(forced) == 1


async def test_a_replay_from_the_beginning_appends_nothing_new(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as (journal, state):
        await _append(journal, said("front", T - 9000, open=False), said("front", T, open=True))
        await _until_forced(journal)
        await _settled(journal, state)
    with closing(sqlite3.connect(tmp_path / "s.db")) as db, db:
        db.execute("DELETE FROM doors")
        db.execute("DELETE FROM positions")
    async with house(tmp_path, clock) as (journal, state):
        await _settled(journal, state)
        async with asyncio.timeout(60):
            while not journal.stats()["refused"]:  # noqa: ASYNC110 - another task works
                await asyncio.sleep(0.01)
        refused = journal.stats()["refused"]
        forced = await _forced(journal)

    assert len(forced) == 1
    assert refused == 1


async def test_the_journal_is_told_how_far_the_doors_have_come(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as (journal, state):
        journal.register(Doors.name)
        await _append(journal, *(said("meter", T + n, power_w=1.0) for n in range(10)))
        await _settled(journal, state)
        async with asyncio.timeout(60):
            while journal.stats()["lag"]:  # noqa: ASYNC110 - another task works
                await asyncio.sleep(0.01)
        slowest = journal.stats()["slowest"]

    assert slowest == "doors"
