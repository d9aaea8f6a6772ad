"""Years that nobody needs any more leave the ledger, in small transactions, and nothing else does."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.journal.state import LEDGER, State
from monitor.metering import retention
from monitor.metering.retention import forget, forget_all

QUARTER = 900_000
DAY = 96 * QUARTER
BEFORE = 20_000 * DAY + 10 * QUARTER
"""Half past two at night (UTC) of a day in 2024."""


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[State]:
    ledger = State.open(tmp_path / "ledger.db", LEDGER)
    await ledger.transact(fill)
    yield ledger
    await ledger.close()


def fill(db: sqlite3.Connection) -> None:
    """Two counters with a thousand quarters on both sides of BEFORE, and some days, steps and coverage."""
    middle = BEFORE // QUARTER
    for counter in (1, 2):
        db.execute("INSERT INTO counter VALUES (?, ?, 'volume_m3', 1, 2, '{}')", (counter, f"m{counter}"))
        quarters = [(counter, middle + n, 1.0, None) for n in range(-500, 500)]
        db.executemany("INSERT INTO quarter VALUES (?, ?, ?, ?)", quarters)
        steps = [(counter, end - DAY, end) for end in (BEFORE - DAY, BEFORE - 1, BEFORE, BEFORE + 1, BEFORE + DAY)]
        db.executemany(
            "INSERT INTO step (counter, start, \"end\", amount, cause, lost) VALUES (?, ?, ?, 1.0, 'gap', 0)",
            steps,
        )
        db.executemany(
            "INSERT INTO day VALUES (?, ?, '{}')", [(f"m{counter}", (20_000 + n) * DAY) for n in range(-3, 3)]
        )
        for number in range(-3, 3):
            day = datetime.fromtimestamp((20_000 + number) * DAY / 1000, UTC).date().isoformat()
            db.execute("INSERT INTO coverage VALUES (?, ?, 96, 96, 0, '{}')", (f"m{counter}", day))
    db.execute("INSERT INTO memory VALUES ('key', '{}')")


async def left(ledger: State, query: str) -> list[object]:
    return [row[0] for row in await ledger.query(query)]


async def test_what_ended_before_goes_and_the_rest_stays(ledger: State) -> None:
    forgotten = await forget_all(ledger, BEFORE)

    assert forgotten == 2 * (500 + 3 + 3 + 2)
    assert await left(ledger, "SELECT min(quarter) FROM quarter GROUP BY counter") == [BEFORE // QUARTER] * 2
    assert await left(ledger, "SELECT count(*) FROM quarter") == [1000]
    assert await left(ledger, 'SELECT DISTINCT "end" FROM step ORDER BY 1') == [BEFORE + 1, BEFORE + DAY]
    assert await left(ledger, "SELECT DISTINCT start / 86400000 FROM day") == [20_000, 20_001, 20_002]
    assert await left(ledger, "SELECT min(day) FROM coverage") == ["2024-10-03"]
    assert await left(ledger, "SELECT count(*) FROM counter") == [2]
    assert await left(ledger, "SELECT count(*) FROM memory") == [1]


async def test_a_quarter_that_ends_later_stays_whole(ledger: State) -> None:
    await forget_all(ledger, BEFORE + QUARTER - 1)

    assert await left(ledger, "SELECT min(quarter) FROM quarter") == [BEFORE // QUARTER]


async def test_each_transaction_deletes_a_few_rows_and_all_of_them_together_everything(ledger: State) -> None:
    steps = []
    while not steps or steps[-1] == 100:
        steps.append(await ledger.transact(lambda db: forget(db, BEFORE, 100)))

    assert steps == [100] * 10 + [16]
    assert await ledger.transact(lambda db: forget(db, BEFORE)) == 0


async def test_many_steps_forget_as_much_as_one(ledger: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 7)
    monkeypatch.setattr(retention, "_REST", 0.0)
    monkeypatch.setattr(forget, "__defaults__", (7,))

    assert await forget_all(ledger, BEFORE) == 1016
    assert await left(ledger, "SELECT count(*) FROM quarter") == [1000]


async def test_old_rows_are_found_over_an_index(ledger: State) -> None:
    asked: list[str] = []

    def look(db: sqlite3.Connection) -> None:
        db.set_trace_callback(asked.append)
        forget(db, BEFORE, 5000)
        db.set_trace_callback(None)

    await ledger.transact(look)
    for statement in (each for each in asked if each.startswith("DELETE FROM") and "coverage" not in each):
        plan = " ".join(row["detail"] for row in await ledger.query(f"EXPLAIN QUERY PLAN {statement}"))
        assert "SCAN" not in plan, plan
