"""Messages that one channel cannot carry go over the person's next one: on real servers."""

from dataclasses import replace

import orjson
import pytest

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify.outbox import Notifier
from monitor.site import Site
from monitor.staff import REMINDERS, Person
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, person, site
from tests.notify.notifying import House, hooked, listed, mailed, reach, running, seen_again, settle, until
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer

HOUR = 60 * MINUTE


def both(web: WebServer, mail: MailServer, name: str = "ana") -> Person:
    """Somebody with a web hook first and a mailbox second."""
    channels = {**hooked(web, name).channels, **mailed(mail, name).channels}
    return person(name, **channels)


def reminding(settings: Site) -> Site:
    return replace(settings, notify=replace(settings.notify, reminders=REMINDERS))


async def told_over(house: House, channel: str, **changes: object) -> None:
    """What routing does for somebody whose first channel is this one: rows for it alone."""
    await house.tell(NoticeKind.RAISE, **changes)
    await house.state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel <> ?", (channel,)))


async def ana_then_ben(state: State, clock: ManualClock, web: WebServer, mail: MailServer) -> House:
    """An alarm that is told to ana over the web alone, and a quarter of an hour later to ben."""
    house = House(
        state, clock, site(both(web, mail), mailed(mail, "ben"), escalation=[(0, ["ana"]), (900, ["ben"])])
    )
    await house.tell(NoticeKind.RAISE)
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel = 'mail' AND person = 'ana'"))
    return house


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="What an address refuses for good goes over the person's next channel.",
)
async def test_what_an_address_refuses_goes_over_the_next_channel(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.otherwise = 404
    house = await ana_then_ben(state, clock, web, mail)

    async with running(house.notifier()) as notifier:
        dead, later, instead = await reach(notifier, "dead", "queued", "sent")
        (body,) = await state.query("SELECT body FROM outbox WHERE id = ?", (instead["id"],))

    assert (dead["channel"], instead["channel"], instead["notification_id"]) == (
        "hook",
        "mail",
        dead["notification_id"],
    )
    assert later["next_at"] == NOW + 15 * MINUTE
    fallback = {"channel": "hook", "reason": "HTTP 404 Not Found"}
    assert orjson.loads(body["body"])["why"]["fallback_of"] == fallback
    assert [message["To"] for message in mail.messages] == ["ana@example.org"]


async def test_when_no_channel_is_left_the_next_step_comes_at_once(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.otherwise = 404
    mail.refused_recipients["ana@example.org"] = "550 5.1.1 who?"
    house = await ana_then_ben(state, clock, web, mail)

    async with running(house.notifier()) as notifier:
        await reach(notifier, "dead", "sent", "dead")

    assert [message["To"] for message in mail.messages] == ["ben@example.org"]


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="What could not be delivered in its time goes over the person's next channel, with a time of its own.",
)
async def test_what_expires_undelivered_goes_over_the_next_channel(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.otherwise = 503
    house = House(state, clock, site(both(web, mail)))
    await told_over(house, "hook", severity="low")

    async with running(house.notifier()) as notifier:
        await settle(notifier, "failed")
        clock.advance(2 * HOUR)
        dead, instead = await reach(notifier, "dead", "sent")

    assert dead["last_error"] == "expired; HTTP 503 Service Unavailable"
    assert instead["expires"] == NOW + 4 * HOUR
    assert len(mail.messages) == 1


async def test_while_another_channel_of_the_person_may_carry_it_no_further_one_is_used(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.answers = [404, 503]
    ana = both(web, mail)
    ana = replace(ana, channels={"hook": ana.channels["hook"], "second": ana.channels["hook"], **ana.channels})
    house = House(state, clock, site(ana))
    await house.tell(NoticeKind.RAISE)
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel = 'mail'"))

    async with running(house.notifier()) as notifier:
        await until(notifier, lambda: _states(notifier, {"dead", "failed"}))
        await seen_again(notifier)
        assert len(await notifier.list_notifications()) == 2


@pytest.mark.parametrize(("severity", "subjects"), [("low", 0), ("high", 1)])
async def test_what_cleared_meanwhile_is_told_in_one_sensible_message_or_none(  # noqa: PLR0917 - fixtures
    state: State, clock: ManualClock, web: WebServer, mail: MailServer, severity: str, subjects: int
) -> None:
    web.answers = [503]
    web.otherwise = 404
    house = House(state, clock, site(both(web, mail)))
    await told_over(house, "hook", severity=severity)

    async with running(house.notifier()) as notifier:
        await settle(notifier, "failed")
        later = clock.now() + MINUTE
        await house.end(NoticeKind.CLEAR, severity=severity, time=later, created=later)
        clock.advance(MINUTE)
        await settle(notifier)

    assert ["CLEARED" in subject for subject in mail.subjects()] == [True] * subjects


async def test_the_clear_goes_to_the_channel_that_carried_the_raise(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.otherwise = 404
    house = House(state, clock, site(both(web, mail)))
    await told_over(house, "hook")

    async with running(house.notifier()) as notifier:
        await reach(notifier, "dead", "sent")
        await house.end(NoticeKind.CLEAR)
        await settle(notifier)
        found = await notifier.list_notifications()

    assert {(row["channel"], row["state"]) for row in found if row["kind"] == "clear"} == {
        ("hook", "superseded"),
        ("mail", "sent"),
    }
    assert ["CLEARED" in subject for subject in mail.subjects()] == [False, True]


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="A reminder that an address refuses for good goes over the next channel, and so do those after it.",
)
async def test_a_reminder_that_is_refused_goes_over_the_next_channel(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.answers = [200]
    web.otherwise = 404
    house = House(state, clock, reminding(site(both(web, mail))))
    await told_over(house, "hook")

    async with running(house.notifier()) as notifier:
        await reach(notifier, "sent", "queued")
        clock.advance(30 * MINUTE)
        _, refused, instead, _ = await reach(notifier, "sent", "dead", "sent", "queued")
        clock.advance(60 * MINUTE)
        later = (await reach(notifier, "sent", "dead", "sent", "sent", "queued"))[3]
        await house.tell(NoticeKind.CLEAR, number=9, told=frozenset({("ana", "hook")}))
        house.standing = house.standing._replace(cleared=True)
        clock.advance(60 * MINUTE)
        await settle(notifier)

    assert [(row["kind"], row["channel"]) for row in (refused, instead, later)] == [
        ("remind", "hook"),
        ("remind", "mail"),
        ("remind", "mail"),
    ]
    assert (later["not_before"], later["notification_id"]) == (NOW + 90 * MINUTE, "o1:remind:2")
    assert [subject.split(":")[0] for subject in mail.subjects()] == [
        "[HIGH, REMINDER] Undervoltage",
        "[HIGH, REMINDER] Undervoltage",
        "[CLEARED] Undervoltage",
    ]


async def test_who_is_reminded_over_another_channel_anyway_is_not_reminded_twice(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.answers = [200]
    web.otherwise = 404
    ana = both(web, mail)
    ana = replace(ana, channels={**ana.channels, "other": ana.channels["mail"]})
    house = House(state, clock, reminding(site(ana)))
    await house.tell(NoticeKind.RAISE)
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel = 'other'"))

    async with running(house.notifier()) as notifier:
        await reach(notifier, "sent", "sent", "queued", "queued")
        clock.advance(30 * MINUTE)
        found = await reach(notifier, "sent", "sent", "dead", "sent", "queued")

    assert {row["channel"] for row in found} == {"hook", "mail"}
    assert len(mail.messages) == 2


async def _states(notifier: Notifier, wanted: set[str]) -> bool:
    return {row[2] for row in await listed(notifier)} == wanted
