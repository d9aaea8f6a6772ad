"""After a restore: what may have been sent already is not sent again, but once for each alarm still active."""

import pytest

from monitor.journal.state import State, set_position
from monitor.model import Position
from monitor.notices import NoticeKind
from monitor.notify.decision import Standing
from tests.clock import ManualClock
from tests.notify.house import site
from tests.notify.notifying import House, listed, mailed, reach, running, seen_again, settle
from tests.servers.smtp import MailServer

HOUR = 3_600_000


@pytest.fixture
def house(state: State, clock: ManualClock, mail: MailServer) -> House:
    return House(state, clock, site(mailed(mail, "ana")))


async def restore(house: House, *, judged: int = 70) -> None:
    """The state was restored now; the journal ended at 70 then."""
    at = house.clock.now()
    await house.state.transact(lambda db: db.execute("INSERT INTO restores VALUES (?, ?, 70)", (at, at - HOUR)))
    await judge(house, judged)


async def judge(house: House, position: int) -> None:
    await house.state.transact(lambda db: set_position(db, "alarms", Position(position)))


@pytest.mark.fault(
    "file damaged",
    part="notifications",
    outcome="After a restore, nobody is told again of an alarm that is over; once of one that is still active.",
)
async def test_an_alarm_that_is_over_is_not_told_again(house: House, mail: MailServer) -> None:
    await house.tell(NoticeKind.RAISE)
    house.clock.advance(1000)
    await house.end(NoticeKind.CLEAR)
    house.standing = Standing(acknowledged=True, cleared=True)
    house.clock.advance(HOUR)
    await restore(house)

    async with running(house.notifier()) as notifier:
        rows = await settle(notifier)

    assert [row["state"] for row in rows] == ["superseded", "superseded"]
    assert "restored" in rows[0]["last_error"]
    assert mail.messages == []


async def test_an_alarm_that_is_still_active_is_told_once(house: House, mail: MailServer) -> None:
    await house.tell(NoticeKind.RAISE, number=1)
    await house.tell(NoticeKind.SEVERITY, number=2, severity="critical")
    house.clock.advance(HOUR)
    await restore(house)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "superseded", "sent")

    assert len(mail.messages) == 1


async def test_nothing_of_before_is_sent_until_the_journal_is_judged_again(house: House, mail: MailServer) -> None:
    await house.tell(NoticeKind.RAISE)
    house.clock.advance(HOUR)
    await restore(house, judged=69)

    async with running(house.notifier()) as notifier:
        await seen_again(notifier)
        house.clock.advance(2000)
        await seen_again(notifier)
        waiting = await listed(notifier)
        await judge(house, 70)
        house.clock.advance(2000)
        await reach(notifier, "sent")

    assert waiting == [("raise", "ana", "queued")]
    assert len(mail.messages) == 1


async def test_what_happens_after_the_restore_is_told_as_ever(house: House, mail: MailServer) -> None:
    await restore(house, judged=0)
    house.clock.advance(1000)
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "sent")

    assert len(mail.messages) == 1
