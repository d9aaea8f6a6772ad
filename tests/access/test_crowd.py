"""Three hundred people at twelve doors for a day: what is counted, listed and told is what happened."""

import asyncio
import contextlib
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest

from monitor.access import doors as doors_module
from monitor.access import people as people_module
from monitor.access.doors import Doors
from monitor.journal.feeder import Feeder
from monitor.journal.state import State
from monitor.model import Event, Reading
from monitor.periods import DAY, HOUR
from tests.access.crowd import BEGIN, SITE, Crowd, crowd
from tests.access.homes import Home, home
from tests.clock import ManualClock

SEED: Final = 20_261_127
AT_ONCE: Final = 12_000
"""Milliseconds of the day that come into the journal together."""
NOON: Final = BEGIN + 12 * HOUR


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_module, "_TICK", 0.01)
    monkeypatch.setattr(doors_module, "_TICK", 0.01)
    monkeypatch.setattr(doors_module, "_SAVE_EVERY", 0.05)


def test_the_day_has_something_of_everything() -> None:
    day = crowd(SEED)
    truth = day.truth

    assert len({person for _, person, _ in truth.moves}) == 300
    assert len(truth.held) >= 5
    assert min(len(cards) for cards in (truth.denied, truth.unused, truth.out_of_hours)) >= 5
    assert len(truth.forced) >= 5
    assert all(known > 0 for _, known in truth.counts(NOON).values())
    assert truth.counts(NOON)["house"][0] > truth.counts(NOON)["house"][1]
    assert truth.counts(BEGIN + DAY)["floor"][1] > 0
    assert crowd(SEED).said == day.said


async def test_a_day_of_three_hundred_people_is_told_as_it_was(tmp_path: Path, clock: ManualClock) -> None:
    day = crowd(SEED)
    clock.time = BEGIN
    state = State.open(tmp_path / "state.db")
    async with home(tmp_path, SITE, clock) as made, contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(state.close)
        await made.settle()
        doors = Doors(made.journal, state, SITE, now=clock.now)
        tasks = [asyncio.create_task(doors.run()), asyncio.create_task(Feeder(state, made.journal).run())]
        stack.push_async_callback(_end, tasks)
        await _live(day, made, state, clock)

        found = [each.entry for each in await made.entries() if isinstance(each.entry, Event)]
        kept = await made.book.entries(BEGIN, BEGIN + DAY + HOUR)
    truth = day.truth
    assert _cards(found, "out_of_hours") == sorted(truth.out_of_hours)
    assert _cards(found, "passage") == sorted(
        (event.device, event.id)
        for event in day.said
        if isinstance(event, Event) and event.attributes["result"] == "granted"
        if (event.device, event.id) not in truth.unused
    )
    assert sorted((each.device, each.id) for each in kept if each.result == "denied") == sorted(truth.denied)
    assert sorted((each.device, each.time) for each in kept if each.kind == "forced") == sorted(truth.forced)
    held = [(each.device, each.attributes["since"]) for each in kept if each.kind == "held"]
    assert sorted(held) == sorted(truth.held)
    assert [event for event in found if event.kind in {"passback", "crowded"}] == []


async def _live(day: Crowd, made: Home, state: State, clock: ManualClock) -> None:
    """Let the day pass, and look at each full hour."""
    for hour, said in groupby(day.said, key=lambda each: (each.arrived - BEGIN) // HOUR):
        for moment, together in groupby(said, key=lambda each: each.arrived // AT_ONCE):
            clock.time = (moment + 1) * AT_ONCE
            await made.keep(*together)
        clock.time = now = BEGIN + (hour + 1) * HOUR
        await made.keep(Reading(device="house-0-in", time=now, arrived=now, values={"tamper": False}))
        await _settled(made, state)

        assert made.counts() == day.truth.counts(now), f"{hour + 1}:00"
        if now == NOON or hour == 23:
            assert await made.where() == day.truth.named(now)


async def _settled(made: Home, state: State) -> None:
    async with asyncio.timeout(60):
        while True:
            last = made.journal.last
            waiting = await state.query("SELECT count(*) FROM produced")
            if await state.position("doors") == last and not waiting[0][0]:
                await made.settle()
                if made.journal.last == last:
                    return
            await asyncio.sleep(0.01)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _cards(found: list[Event], kind: str) -> list[tuple[str, str]]:
    return sorted((event.device, str(event.attributes["card"])) for event in found if event.kind == kind)
