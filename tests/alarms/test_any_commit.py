"""The shell is killed in and behind each transaction: an alarm is kept with its messages, or not at all."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Entry, Position
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.alarms.household import FORCED, House, site
from tests.clock import ManualClock
from tests.faults.checks import untold
from tests.rules.build import START, event, reading

SITE = site({"id": "fault", "kind": "state", "point": "alarm", "is": True, "severity": "high"}, FORCED)
TABLES = ("rule_memory", "alarm", "alarm_event", "produced", "positions", "outbox")
"""What a transaction writes; messages only where people have to hear of the step."""
STORY: Sequence[tuple[int, Entry]] = [
    (at, reading(at, value=at % 10_000 == 0, point="alarm", id="sensor")) for at in range(0, 50_000, 5000)
] + [(52_000, event(52_000, "forced"))]
"""An alarm is raised five times within a minute and chatters from the third on; then a door is forced."""


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[House]:
    clock = ManualClock(START)
    journal = SqliteJournal.open(path.with_suffix(".journal"), JournalSettings(), now=clock.now)
    state = State.open(path.with_suffix(".state"))
    try:
        yield House(journal, state, clock)
    finally:
        await journal.close()
        await state.close()


async def append(house: House, at: int, entry: Entry) -> Position:
    house.clock.time = START + at
    return await house.journal.append([Batch(entries=[entry])])


async def kept(house: House, position: Position) -> bool:
    alarms = house.alarms
    return alarms is not None and alarms._position >= position and not alarms._steps


async def killed_at(house: House, table: str, position: Position) -> bool:
    """Judge up to a position and be killed at the first row for this table; answers whether there was one."""
    reached: list[str] = []

    def fail() -> None:
        reached.append(table)
        raise OSError

    def lay(db: Connection) -> None:
        db.create_function("fail", 0, fail)
        db.execute(f"CREATE TEMP TRIGGER failing BEFORE INSERT ON {table} BEGIN SELECT fail(); END")

    async def is_over() -> bool:
        return bool(reached) or await kept(house, position)

    await house.state.transact(lay)
    async with house.running(SITE, fed=False):
        await house.until(is_over)
    await house.state.transact(lambda db: db.execute("DROP TRIGGER temp.failing"))
    return bool(reached)


async def told(house: House) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All steps of alarms in the journal, and all messages."""
    async with house.running(SITE):
        await house.settled()
    steps = [asdict(step) for step in await house.transitions()]
    return steps, [dict(row) for row in await house.state.query("SELECT * FROM outbox ORDER BY id")]


async def calm(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    async with opened(path) as house:
        async with house.running(SITE):
            for at, entry in STORY:
                await house.say(entry, at=at)
        return await told(house)


@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="Killed at any row that it writes of an alarm, it has kept the alarm with all of its messages or"
    " nothing of both, and makes up for that at the next start.",
)
async def test_killed_at_any_row_an_alarm_is_kept_with_its_messages_or_not_at_all(tmp_path: Path) -> None:
    expected = await calm(tmp_path / "calm")
    reached = dict.fromkeys(TABLES, 0)

    async with opened(tmp_path / "killed") as house:
        for at, entry in STORY:
            position = await append(house, at, entry)
            for table in TABLES:
                reached[table] += await killed_at(house, table, position)
            async with house.running(SITE, fed=False):
                await house.until(lambda position=position: kept(house, position))
        found = await told(house)

    assert found == expected
    assert reached == dict.fromkeys(TABLES, len(STORY)) | {"outbox": len(expected[1])}


async def test_an_alarm_without_a_message_is_found_unless_it_chatters(tmp_path: Path) -> None:
    steps, rows = await calm(tmp_path / "calm")
    raised = [step["occurrence"] for step in steps if step["cause"] == "raised"]
    own = [row["occurrence"] for row in rows if row["kind"] in {"raise", "chatter"}]
    first, second, third, fourth, fifth, door = raised

    assert own == [first, second, third, door]
    assert not list(untold(steps, own))
    assert list(untold(steps, [second, third, door])) == [first]
    assert list(untold(steps, [first, second, door])) == [third, fourth, fifth]
    assert list(untold(steps, [first, second, third])) == [door]
