"""Steps of an escalation, of the notifier on the real state: when the next one comes, and when none does."""

import pytest

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify.outbox import Standing
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, rule, site
from tests.notify.notifying import House, hooked, listed, mailed, reach, running, seen_again, settle
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer


async def test_the_next_step_is_told_when_nobody_has_acknowledged(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    people = (mailed(mail, "ana"), mailed(mail, "ben"))
    house = House(state, clock, site(*people, escalation=[(0, ["ana"]), (900, ["ben"])]))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "sent", "queued")
        clock.advance(15 * MINUTE - 1)
        await seen_again(notifier)
        assert await listed(notifier) == [("raise", "ana", "sent"), ("raise", "ben", "queued")]
        clock.advance(1)
        await settle(notifier, "sent")

    assert [message["To"] for message in mail.messages] == ["ana@example.org", "ben@example.org"]


async def test_no_further_step_after_an_acknowledgement(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    people = (mailed(mail, "ana"), mailed(mail, "ben"))
    house = House(state, clock, site(*people, escalation=[(0, ["ana"]), (900, ["ben"])]))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "sent", "queued")
        house.standing = Standing(acknowledged=True, cleared=False)
        await house.end(NoticeKind.ACKNOWLEDGED, by="ana")
        clock.advance(15 * MINUTE)
        found = await settle(notifier)

    assert [row["state"] for row in found] == ["sent", "superseded", "superseded"]
    assert found[1]["last_error"] == "the alarm was acknowledged"
    assert found[2]["last_error"] == "this person was never told of the alarm"
    assert len(mail.messages) == 1


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="When a step of the escalation reached nobody, the next one comes at once.",
)
async def test_when_a_step_reached_nobody_the_next_one_comes_at_once(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    mail.refused_recipients["ana@example.org"] = "550 5.1.1 who?"
    people = (mailed(mail, "ana"), mailed(mail, "ben"), mailed(mail, "cy"))
    house = House(state, clock, site(*people, escalation=[(0, ["ana"]), (900, ["ben"]), (1800, ["cy"])]))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "dead", "sent", "queued")

    assert [message["To"] for message in mail.messages] == ["ben@example.org"]


async def test_steps_of_an_alarm_that_is_told_late_count_from_the_telling(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    people = (hooked(web, "ana"), hooked(web, "ben"))
    house = House(state, clock, site(*people, escalation=[(0, ["ana"]), (900, ["ben"])]))
    clock.advance(180 * MINUTE)
    await house.tell(NoticeKind.RAISE, severity="low", raised_at=NOW, late=True, time=NOW)

    async with running(house.notifier()) as notifier:
        await seen_again(notifier)
        found = await reach(notifier, "sent", "queued")

    assert found[1]["next_at"] == NOW + 195 * MINUTE


@pytest.mark.fault(
    "clock stepped back",
    part="notifications",
    outcome="Escalations and repetitions wait as long as they should, nothing expires.",
)
@pytest.mark.fault(
    "clock stepped forward",
    part="notifications",
    outcome="Escalations and repetitions wait as long as they should, nothing expires.",
)
@pytest.mark.parametrize("by", [3 * 1440 * MINUTE, -1440 * MINUTE])
async def test_setting_the_clock_matures_nothing_and_expires_nothing(
    state: State, clock: ManualClock, web: WebServer, by: int
) -> None:
    people = (hooked(web, "ana"), hooked(web, "ben"))
    house = House(state, clock, site(*people, escalation=[(0, ["ana"]), (900, ["ben"])]))
    web.answers = [503]
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "failed", "queued")
        await seen_again(notifier)
        house.set_clock(by)
        await house.tell(NoticeKind.RAISE, occurrence="by-the-old-clock", created=NOW)
        await seen_again(notifier)
        await reach(notifier, "failed", "queued", "sent", "queued")
        clock.advance(6_000)
        await reach(notifier, "sent", "queued", "sent", "queued")
        clock.advance(15 * MINUTE - 6_001)
        await seen_again(notifier)
        await reach(notifier, "sent", "queued", "sent", "queued")
        clock.advance(1)
        await reach(notifier, "sent", "sent", "sent", "sent")


async def test_an_event_alarm_is_told_although_it_is_clear(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    people = (hooked(web, "ana"), hooked(web, "ben"))
    house = House(state, clock, site(*people, escalation=[(0, ["ana"]), (900, ["ben"])]))
    house.standing = Standing(acknowledged=False, cleared=True)
    await house.tell(NoticeKind.RAISE, rule=rule("event"), severity="low")

    async with running(house.notifier()) as notifier:
        await reach(notifier, "sent", "queued")
        clock.advance(15 * MINUTE)
        await settle(notifier, "sent")

    assert {request.path for request in web.taken} == {"/ana", "/ben"}
