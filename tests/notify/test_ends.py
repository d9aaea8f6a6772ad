"""What follows the first message of an alarm, of the notifier on the real state: who hears of it."""

import pytest

from monitor.journal.state import State
from monitor.notices import NoticeKind
from tests.clock import ManualClock
from tests.notify.house import MINUTE, site
from tests.notify.notifying import House, hooked, listed, mailed, reach, running, seen_again, settle
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer, plain_text


async def test_the_others_told_hear_who_acknowledged(state: State, clock: ManualClock, mail: MailServer) -> None:
    house = House(state, clock, site(mailed(mail, "ana"), mailed(mail, "ben")))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await settle(notifier)
        await house.end(NoticeKind.ACKNOWLEDGED, by="ana")
        await settle(notifier)

    acknowledged = [message for message in mail.messages if "ACKNOWLEDGED" in message["Subject"]]
    assert [message["To"] for message in acknowledged] == ["ben@example.org"]
    assert "by ana" in plain_text(acknowledged[0])


async def test_the_clear_goes_to_those_who_were_told_and_to_nobody_else(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    mail.refused_recipients["cy@example.org"] = "550 5.1.1 who?"
    people = (mailed(mail, "ana"), mailed(mail, "ben"), mailed(mail, "cy"))
    house = House(state, clock, site(*people, escalation=[(0, ["ana", "cy"]), (900, ["ben"])]))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "sent", "dead", "queued")
        clock.advance(MINUTE)
        await house.end(NoticeKind.CLEAR)
        clock.advance(15 * MINUTE)
        await settle(notifier)
        found = await listed(notifier)

    assert found == [
        ("raise", "ana", "sent"),
        ("raise", "cy", "dead"),
        ("raise", "ben", "superseded"),
        ("clear", "ana", "sent"),
        ("clear", "ben", "superseded"),
        ("clear", "cy", "superseded"),
    ]
    assert "after 1 min" in mail.texts()[-1]


@pytest.mark.parametrize(
    ("severity", "subjects"), [("low", []), ("high", ["[HIGH, CLEARED] Undervoltage: Main meter"])]
)
async def test_a_raise_that_could_not_go_out_before_its_clear(
    state: State, clock: ManualClock, mail: MailServer, severity: str, subjects: list[str]
) -> None:
    mail.answers = ["451 not now"]
    house = House(state, clock, site(mailed(mail, "ana")))
    await house.tell(NoticeKind.RAISE, severity=severity)

    async with running(house.notifier()) as notifier:
        await settle(notifier, "failed")
        later = clock.now() + MINUTE  # the notifier does not rest: both are due at the same moment
        await house.end(NoticeKind.CLEAR, severity=severity, time=later, created=later)
        clock.advance(MINUTE)
        found = await settle(notifier)

    assert [row["state"] for row in found] == ["sent" if subjects else "superseded", "superseded"]
    assert mail.subjects() == subjects


async def test_messages_of_one_alarm_keep_their_order(state: State, clock: ManualClock, web: WebServer) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    await house.tell(NoticeKind.RAISE, occurrence="o2", severity="critical")
    web.answers = [200, 500]

    async with running(house.notifier()) as notifier:
        await reach(notifier, "failed", "sent")
        await house.end(NoticeKind.CLEAR)
        await seen_again(notifier)
        assert ("clear", "ana", "queued") in await listed(notifier)
        clock.advance(6_000)
        await settle(notifier)

    assert [request.json()["title"] for request in web.taken] == [
        "[CRITICAL] Undervoltage: Main meter",
        "[HIGH, CLEARED] Undervoltage: Main meter",
    ]
