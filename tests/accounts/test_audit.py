"""The audit trail: strangers cannot fill it, it is trimmed, and it outlives a disk that takes nothing."""

import asyncio

import pytest

from monitor.accounts.audit import MORE, Audit, Row
from monitor.journal.state import State
from tests.clock import ManualClock


def _row(outcome: int = 200, *, by: str = "", target: str = "", action: str = "POST /x") -> Row:
    via = "session" if by else ""
    return Row(time=0, by=by, via=via, address="192.0.2.1", action=action, target=target, outcome=outcome)


@pytest.fixture
def audit(state: State, clock: ManualClock) -> Audit:
    return Audit(state, clock.now, most=1000)


async def test_refusals_of_strangers_are_told_a_hundred_times_an_hour_and_counted(
    audit: Audit, clock: ManualClock
) -> None:
    for _ in range(350):
        await audit.note(_row(401))
    await audit.note(_row(403, by="Ana"))
    clock.time += 3_600_000
    await audit.tend()
    rows = await audit.look(limit=500)

    assert len(rows) == 102
    assert (rows[0]["action"], rows[0]["target"]) == (MORE, "250")
    assert rows[1]["by"] == "Ana"


async def test_what_was_done_is_always_told(audit: Audit) -> None:
    for number in range(300):
        await audit.note(_row(by="Ana", target=str(number)))

    assert [row["target"] for row in await audit.look(limit=500)] == [str(each) for each in range(299, -1, -1)]


async def test_the_same_read_is_told_once_in_ten_minutes(audit: Audit, clock: ManualClock) -> None:
    for _ in range(20):
        await audit.note(_row(by="Ana", action="GET /rollcall"), is_read=True)
        await audit.note(_row(by="Ben", action="GET /rollcall"), is_read=True)
        clock.time += 60_000

    assert len(await audit.look(limit=500)) == 4


async def test_it_is_trimmed_by_number_and_by_age(audit: Audit, clock: ManualClock) -> None:
    for number in range(1500):
        await audit.note(_row(by="Ana", target=str(number)))
    await audit.tend()
    kept = await audit.look(limit=5000)
    clock.time += 3 * 366 * 86_400_000
    await audit.note(_row(by="Ana", target="new"))
    await audit.tend()

    assert len(kept) == 1000
    assert kept[-1]["target"] == "500"
    assert [row["target"] for row in await audit.look(limit=5000)] == ["new"]


async def test_what_the_disk_does_not_take_waits(audit: Audit, state: State) -> None:
    await state.alone(lambda db: db.execute("PRAGMA query_only = ON"))
    await audit.note(_row(by="Ana", target="first"))
    await state.alone(lambda db: db.execute("PRAGMA query_only = OFF"))
    await audit.note(_row(by="Ana", target="second"))

    assert [row["target"] for row in await audit.look()] == ["second", "first"]


async def test_what_is_done_at_once_is_told_once(audit: Audit) -> None:
    await asyncio.gather(*(audit.note(_row(by="Ana", target=str(number))) for number in range(50)))

    assert sorted(int(row["target"]) for row in await audit.look(limit=500)) == list(range(50))


async def test_filters_are_texts_and_nothing_else(audit: Audit) -> None:
    for action in ("POST /a_b", "POST /axb", "POST /50%"):
        await audit.note(_row(by="O'Hara", action=action))

    assert [row["action"] for row in await audit.look(action="a_b")] == ["POST /a_b"]
    assert [row["action"] for row in await audit.look(action="%")] == ["POST /50%"]
    assert len(await audit.look(by="O'Hara")) == 3
    assert await audit.look(by="' OR 1 = 1 --") == []
