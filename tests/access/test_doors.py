"""Doors on the real journal and state: what is forced comes into the journal once, whatever is restarted."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from datetime import date
from pathlib import Path

import pytest

from monitor.access import doordays
from monitor.access import doors as doors_module
from monitor.access import openings as openings_module
from monitor.access.doors import Doors
from monitor.accessbook import DoorDay
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
async def house(
    folder: Path, clock: ManualClock, *, held_after: float = 30.0
) -> AsyncIterator[tuple[SqliteJournal, State]]:
    """A running monitor, of which everything is stopped at the end."""
    state = State.open(folder / "s.db")
    journal = SqliteJournal.open(folder / "j.db", JournalSettings(), now=clock.now)
    doors = Doors(journal, state, site(held_after=held_after), now=clock.now)
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


async def _forced(journal: SqliteJournal, after: int = 0) -> Sequence[Event]:
    found = [recorded.entry for recorded in await everything(journal, after)]
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


async def _until(journal: SqliteJournal, kind: str) -> Event:
    """Wait for the first event of a kind."""
    async with asyncio.timeout(60):
        while True:
            for recorded in await everything(journal):
                if isinstance(recorded.entry, Event) and recorded.entry.kind == kind:
                    return recorded.entry
            await asyncio.sleep(0.01)


async def test_a_door_is_held_though_nothing_else_happens(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, held_after=0.2) as (journal, state):
        await _append(journal, said("front", T - 9000, open=False), card(T), said("front", T, open=True))
        held = await _until(journal, "held")
        passage = await _until(journal, "passage")
        await _settled(journal, state)

    assert (held.time, held.id, held.attributes) == (
        T + 200,
        f"held-{T}",
        {"door": "front", "since": T, "open_s": 0.2},
    )
    assert (passage.device, passage.attributes["card"]) == ("front-reader", f"card-{T}")


async def _figures(state: State) -> list[DoorDay]:
    return doordays.read(iter(await state.query("SELECT * FROM door_day ORDER BY day")))


async def test_figures_are_kept_by_day_and_old_days_forgotten(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "s.db"
    await State.open(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        days = [(f"2025-{month:02}-01", json.dumps({"forced": month})) for month in (1, 11)]
        db.executemany("INSERT INTO door_day VALUES ('front', ?, ?)", days)
    for _ in range(2):
        async with house(tmp_path, clock) as (journal, state):
            await _append(journal, said("front", clock.time - 9000, open=False))
            await _append(journal, said("front", clock.time, open=True))
            await _append(journal, said("front", clock.time + 5000, open=False))
            clock.advance(10_000)
            await _append(journal, said("meter", clock.time, power_w=1.0))
            async with asyncio.timeout(60):
                while not (await _figures(state))[-1].open_s:  # noqa: ASYNC110 - another task works
                    await asyncio.sleep(0.01)
            await _settled(journal, state)
            clock.advance(20_000)
    async with house(tmp_path, clock) as (journal, state):
        await _settled(journal, state)
        figures = await _figures(state)

    assert figures == [
        DoorDay(door="front", day=date(2025, 11, 1), forced=11),
        DoorDay(door="front", day=date(2026, 11, 22), opened={"none": 2}, forced=2, open_s=10.0, longest_s=5.0),
    ]


async def test_a_transaction_that_was_told_as_failed_and_is_in_the_file_counts_once(
    tmp_path: Path, clock: ManualClock
) -> None:
    state = State.open(tmp_path / "s.db")
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
    doors = Doors(journal, state, site(), now=clock.now)
    figures = {("front", "2026-11-22"): {"forced": 1, "opened": {"none": 1}}}
    work = doors._work({"saves": "1"}, figures, [], 1, journal.last)
    await state.transact(work)
    await state.transact(work)
    kept = await _figures(state)
    await journal.close()
    await state.close()

    assert [(day.forced, day.opened) for day in kept] == [(1, {"none": 1})]


async def test_after_a_gap_nothing_of_before_is_told_and_the_doors_go_on(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with house(tmp_path, clock) as (journal, state):
        await _append(journal, said("front", T - 9000, open=False))
        await _settled(journal, state)
    journal = SqliteJournal.open(tmp_path / "j.db", JournalSettings(), now=clock.now)
    await _append(journal, *(said("meter", T + n, power_w=1.0) for n in range(10)))
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "j.db")) as db, db:
        first, last = db.execute("SELECT min(position) + 3, max(position) - 3 FROM entries").fetchone()
        db.execute("DELETE FROM entries WHERE position > ? AND position <= ?", (first, last))
        db.execute("INSERT INTO gaps VALUES (?, ?, 'lost')", (first, last))
    async with house(tmp_path, clock) as (journal, state):
        await _append(journal, said("front", T, open=True))
        await _append(journal, said("back", T - 1, open=False), said("back", T, open=True))
        async with asyncio.timeout(60):
            while not (forced := await _forced(journal, last)):  # noqa: ASYNC110 - another task works
                await asyncio.sleep(0.01)

    assert [event.device for event in forced] == ["back"]
