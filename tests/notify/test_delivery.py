"""Services that do not work, messages that go over another channel, and what is kept of both: on real servers."""

from dataclasses import replace

import orjson
import pytest
from structlog.testing import capture_logs

from monitor.journal.state import State
from monitor.notify import channelstate, waiting
from monitor.notify.outbox import Notifier
from monitor.notify.traffic import Held
from monitor.ports import NoticeKind
from monitor.site import Site
from monitor.staff import Person, Rate
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, person, site
from tests.notify.notifying import House, hooked, listed, mailed, reach, running, seen_again, settle, until
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer

HOUR = 60 * MINUTE
STEPS = [(0.0, ["ana"]), (900.0, ["ben"])]


def both(web: WebServer, mail: MailServer, name: str = "ana") -> Person:
    """Somebody with a web hook first and a mailbox second."""
    channels = {**hooked(web, name).channels, **mailed(mail, name).channels}
    return person(name, **channels)


async def told_over(house: House, channel: str, **changes: object) -> None:
    """What routing does for somebody whose first channel is this one: rows for it alone."""
    await house.tell(NoticeKind.RAISE, **changes)
    await house.state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel <> ?", (channel,)))


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


# The next channel -------------------------------------------------------------------------------------


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="What an address refuses for good goes over the person's next channel.",
)
async def test_what_an_address_refuses_goes_over_the_next_channel(
    state: State, clock: ManualClock, web: WebServer, mail: MailServer
) -> None:
    web.otherwise = 404
    house = House(
        state, clock, site(both(web, mail), mailed(mail, "ben"), escalation=[(0, ["ana"]), (900, ["ben"])])
    )
    await house.tell(NoticeKind.RAISE)
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel = 'mail' AND person = 'ana'"))

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
    house = House(
        state, clock, site(both(web, mail), mailed(mail, "ben"), escalation=[(0, ["ana"]), (900, ["ben"])])
    )
    await house.tell(NoticeKind.RAISE)
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel = 'mail' AND person = 'ana'"))

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


# What is kept of channels -----------------------------------------------------------------------------


async def test_how_a_channel_does_is_kept_and_survives_a_restart(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.answers = [200, 503, 503]
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        await settle(notifier, "sent")
        clock.advance(MINUTE)
        await house.tell(NoticeKind.RAISE, occurrence="o2")
        await reach(notifier, "sent", "failed")
        clock.advance(6_000)
        await until(notifier, lambda: _requests(web, 3))
        await seen_again(notifier)

    (row,) = await state.query(channelstate.STATES)
    assert (row["last_success"], row["last_failure"], row["failures"], row["refused"]) == (
        NOW,
        NOW + MINUTE + 6_000,
        2,
        0,
    )
    assert row["last_error"] == "HTTP 503 Service Unavailable"
    assert not channelstate.is_failing(row)
    house.site = site(hooked(web, "ben"))
    async with running(house.notifier()) as notifier:
        await seen_again(notifier)
    assert await state.query(channelstate.STATES) == []


async def test_a_channel_that_refuses_for_good_fails_until_it_takes_something(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.answers = [401]
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        await settle(notifier, "dead")
        (refused,) = await state.query(channelstate.STATES)
        await house.tell(NoticeKind.RAISE, occurrence="o2")
        await reach(notifier, "dead", "sent")

    (works,) = await state.query(channelstate.STATES)
    assert (channelstate.is_failing(refused), channelstate.is_failing(works)) == (True, False)


async def test_what_an_attempt_took_and_when_it_began_is_beside_the_message(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier, "sent")

    assert row["tried_at"] == NOW
    assert 0 <= row["took"] < 60_000


def test_quantiles_are_those_of_what_was_seen() -> None:
    assert channelstate.quantiles([]) == (None, None)
    assert channelstate.quantiles([500]) == (0.5, 0.5)
    assert channelstate.quantiles(list(range(100, 2100, 100))) == (1.0, 1.9)


async def _requests(web: WebServer, count: int) -> bool:
    return len(web.requests) >= count


async def _states(notifier: Notifier, wanted: set[str]) -> bool:
    return {row[2] for row in await listed(notifier)} == wanted


async def test_a_year_of_messages_is_not_read_to_know_how_fast_they_were(state: State) -> None:
    plan = await state.query(
        f"EXPLAIN QUERY PLAN {channelstate.LATENCIES}", {"person": "ana", "channel": "hook", "since": NOW}
    )

    assert [row["detail"] for row in plan] == [
        "SEARCH outbox USING INDEX outbox_lane (person=? AND channel=? AND sent_at>?)"
    ]
