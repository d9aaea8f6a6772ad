"""The program starts with a clock that is behind the one its messages were made by."""

import pytest

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify.store import begin_again
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, insert, person, rows, site

HOUSE = site(
    person("ana", mail="json://a"), person("ben", mail="json://b"), escalation=[(0, ["ana"]), (900, ["ben"])]
)


async def _times(state: State) -> dict[str, tuple[int, int, int]]:
    found = await state.query("SELECT person, created, next_at, expires FROM outbox")
    return {row["person"]: (row["created"], row["next_at"], row["expires"]) for row in found}


@pytest.fixture
async def told(state: State) -> State:
    await state.transact(lambda db: insert(db, rows(HOUSE, NoticeKind.RAISE, time=NOW), NOW))
    return state


@pytest.mark.parametrize("now", [20_000, NOW - 60 * MINUTE])
async def test_what_waits_comes_down_to_the_clock_with_its_delay_and_its_life(told: State, now: int) -> None:
    before = await _times(told)
    await told.transact(lambda db: begin_again(db, now))
    after = await _times(told)

    assert {who: tuple(at - NOW for at in times) for who, times in before.items()} == {
        who: tuple(at - now for at in times) for who, times in after.items()
    }
    assert after["ben"][1] == now + 15 * MINUTE


@pytest.mark.parametrize("now", [NOW, NOW - 4000, NOW + 7 * MINUTE])
async def test_a_clock_that_is_right_moves_nothing(told: State, now: int) -> None:
    before = await _times(told)
    await told.transact(lambda db: begin_again(db, now))

    assert await _times(told) == before


async def test_what_is_over_stays_where_it_was(told: State, clock: ManualClock) -> None:
    await told.transact(lambda db: db.execute("UPDATE outbox SET state = 'sent', sent_at = created").rowcount)
    before = await _times(told)
    await told.transact(lambda db: begin_again(db, clock.now() - 86_400_000))

    assert await _times(told) == before
