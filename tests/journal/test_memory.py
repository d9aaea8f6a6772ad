"""The ring of recent batches: what it holds, what it lets go, and what it never hides."""

import asyncio

import pytest

from monitor.errors import JournalError
from monitor.journal.memory import Recent
from monitor.model import Position, Recorded
from tests.journal.entries import reading


def batch(first: int, last: int) -> tuple[Recorded, ...]:
    return tuple(Recorded(Position(position), 5, reading()) for position in range(first, last + 1))


def positions(recent: Recent, after: int, limit: int = 100) -> list[int] | None:
    found = recent.after(Position(after), limit)
    return None if found is None else [recorded.position for recorded in found]


def test_who_is_in_step_gets_the_batch_itself_and_who_is_behind_gets_several_joined() -> None:
    recent = Recent(Position(10), limit=1000)
    batches = [batch(11, 12), batch(13, 13), batch(14, 16)]
    for one in batches:
        recent.add(one, 1)

    assert recent.after(Position(13), 100) is batches[2]
    assert positions(recent, 10) == [11, 12, 13, 14, 15, 16]
    assert positions(recent, 11) == [12, 13, 14, 15, 16]
    assert positions(recent, 10, limit=4) == [11, 12, 13]
    assert positions(recent, 15) == [16]
    assert positions(recent, 16) == positions(recent, 99) == []
    assert positions(recent, 9) is None


def test_the_oldest_batches_make_room_and_the_newest_always_stays() -> None:
    recent = Recent(Position(0), limit=10)
    for first in (1, 3, 5):
        recent.add(batch(first, first + 1), 4)

    assert positions(recent, 1) is None
    assert positions(recent, 2) == [3, 4, 5, 6]
    recent.add(batch(7, 7), 50)
    assert positions(recent, 5) is None
    assert positions(recent, 6) == [7]


def test_what_was_committed_without_being_told_is_not_passed_over() -> None:
    recent = Recent(Position(0), limit=100)
    recent.add(batch(1, 2), 1)
    recent.add(batch(5, 6), 1)

    assert positions(recent, 0) is None
    assert positions(recent, 2) is None
    assert positions(recent, 4) == [5, 6]


async def test_those_who_wait_are_woken_by_a_batch_and_sent_away_at_the_end() -> None:
    recent = Recent(Position(0), limit=100)
    waiting = [asyncio.create_task(recent.grown(Position(after))) for after in (0, 5)]
    await asyncio.sleep(0)
    recent.add(batch(1, 1), 1)
    await waiting[0]
    assert not waiting[1].done()
    recent.close()

    with pytest.raises(JournalError, match="closed"):
        await waiting[1]
