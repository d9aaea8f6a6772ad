"""Services that do not work are left alone, and none is asked faster than it allows: on real servers."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify import waiting
from monitor.notify.traffic import Held
from monitor.site import Site
from monitor.staff import Rate
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, site
from tests.notify.notifying import House, hooked, listed, mailed, reach, running, seen_again, settle, until
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer

HOUR = 60 * MINUTE


def with_rate(settings: Site, rate: Rate) -> Site:
    return replace(settings, notify=replace(settings.notify, rate=rate))


# A service that does not work -------------------------------------------------------------------------


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="After five failures in a row the service is left alone for a minute; what waits uses up no attempt.",
)
async def test_a_service_that_does_not_work_is_left_alone_and_what_waits_goes_when_it_works_again(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.otherwise = 503
    names = ("ana", "ben", "cy", "dan", "eve", "fay", "gil")
    house = House(state, clock, site(*(hooked(web, name) for name in names)))
    for name in names[:5]:
        await house.tell(NoticeKind.RAISE, occurrence=f"of-{name}")
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE occurrence <> 'of-' || person"))

    with capture_logs() as logs:
        async with running(house.notifier()) as notifier:
            await reach(notifier, *["failed"] * 5)
            await house.tell(NoticeKind.RAISE, occurrence="later")
            await seen_again(notifier)
            waiting = list(await notifier.list_notifications("later"))
            asked = len(web.requests)
            clock.advance(59_000)
            await seen_again(notifier)
            assert len(web.requests) == asked == 5
            web.otherwise = 200
            clock.advance(1_000)
            await settle(notifier, "sent")

    assert {(row["state"], row["held"], row["attempts"]) for row in waiting} == {("queued", "channel", 0)}
    assert all("does not work (HTTP 503 Service Unavailable)" in row["last_error"] for row in waiting)
    assert not any("s3cr3t" in row["last_error"] for row in waiting)
    events = [entry["event"] for entry in logs]
    assert events.count("service_left_alone") == events.count("service_back") == 1
    assert len(web.taken) == 12


async def test_what_a_message_had_waited_for_before_is_known_again_afterwards(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    await house.tell(NoticeKind.RAISE, occurrence="o2")
    await state.transact(lambda db: db.execute("UPDATE outbox SET held = 'quiet' WHERE occurrence = 'o2'"))
    lanes = (("ana", "hook"),)
    held = [Held(lanes=lanes, wait=9000, wait_of_critical=9000, reason="x", probes=False, critical=False)]
    notifier = house.notifier()

    async def marks() -> list[tuple[str, int]]:
        return [(row["held"], row["next_at"]) for row in reversed(await notifier.list_notifications())]

    await state.transact(lambda db: waiting.hold(db, held, NOW))
    await state.transact(lambda db: waiting.hold(db, held, NOW + 9000))
    during = await marks()
    await state.transact(lambda db: waiting.release(db, lanes, NOW + 10_000))
    after = await marks()

    assert during == [("channel", NOW + 18_000), ("channel:quiet", NOW + 18_000)]
    assert after == [("", NOW + 10_000), ("quiet", NOW + 10_000)]


async def test_while_it_is_tried_again_one_message_goes_and_the_others_wait(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.otherwise = 503
    house = House(state, clock, site(*(hooked(web, f"p{number}") for number in range(6))))
    await house.tell(NoticeKind.RAISE, severity="medium")

    async with running(house.notifier()) as notifier:
        await seen_again(notifier)
        await reach(notifier, *["failed"] * 6)
        before = len(web.requests)
        clock.advance(61_000)
        await seen_again(notifier)

        async def probed() -> bool:
            return len(web.requests) > before

        await until(notifier, probed)
        await seen_again(notifier)
        assert len(web.requests) == before + 1
        clock.advance(60_000)
        await seen_again(notifier)
        assert len(web.requests) == before + 1


async def test_a_critical_message_tries_within_a_minute_however_long_the_others_wait(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.otherwise = 503
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE, severity="high")

    async with running(house.notifier()) as notifier:
        for _ in range(12):
            clock.advance(11 * MINUTE)
            await seen_again(notifier)
        await house.tell(NoticeKind.RAISE, severity="critical", occurrence="worse")
        web.otherwise = 200
        clock.advance(61_000)

        async def told() -> bool:
            return ("raise", "ana", "sent") in await listed(notifier)

        await until(notifier, told)

    assert "[CRITICAL]" in web.taken[0].json()["title"]


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="A service that is left alone keeps nothing beyond its time: what expires is given up when it does.",
)
async def test_nothing_waits_beyond_its_time(state: State, clock: ManualClock, web: WebServer) -> None:
    web.otherwise = 503
    house = House(state, clock, site(*(hooked(web, f"p{number}") for number in range(5))))
    await house.tell(NoticeKind.RAISE, severity="low")

    async with running(house.notifier()) as notifier:
        await reach(notifier, *["failed"] * 5)
        await house.tell(NoticeKind.RAISE, severity="low", occurrence="later")
        await seen_again(notifier)
        clock.advance(2 * HOUR)
        await seen_again(notifier)
        found = await settle(notifier, "dead")

    assert all("expired" in row["last_error"] for row in found)
    assert len(web.requests) == 5


async def test_addresses_that_are_refused_leave_the_service_to_the_others(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.answers = [404, 404, 404, 404, 404, 404]
    house = House(state, clock, site(*(hooked(web, f"p{number}") for number in range(6))))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await settle(notifier, "dead")
        await house.tell(NoticeKind.RAISE, occurrence="later")
        await reach(notifier, *["dead"] * 6, *["sent"] * 6)


async def test_mailboxes_that_put_off_leave_the_mail_server_to_the_others(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    names = [f"p{number}" for number in range(6)]
    mail.refused_recipients = {f"{name}@example.org": "451 4.7.1 greylisted" for name in names[:5]}
    house = House(state, clock, site(*(mailed(mail, name) for name in names)))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        await reach(notifier, *["failed"] * 5, "sent")
        mail.refused_recipients = {}
        clock.advance(7_000)
        await settle(notifier, "sent")


# Rates ------------------------------------------------------------------------------------------------


async def test_messages_go_no_faster_than_the_service_allows_and_critical_ones_first(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    people = [hooked(web, f"p{number}") for number in range(8)]
    house = House(state, clock, with_rate(site(*people), Rate(burst=3, every=10.0)))
    await house.tell(NoticeKind.RAISE, severity="low")
    await house.tell(NoticeKind.RAISE, severity="critical", occurrence="worse")

    async with running(house.notifier()) as notifier:

        async def three() -> bool:
            return len(web.taken) == 3

        await until(notifier, three)
        await seen_again(notifier)
        assert [request.json()["title"][:10] for request in web.taken] == ["[CRITICAL]"] * 3
        clock.advance(10_000)

        async def four() -> bool:
            return len(web.taken) == 4

        await until(notifier, four)
        await seen_again(notifier)
        assert len(web.taken) == 4
