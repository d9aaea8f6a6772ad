"""The notifier on the real state, with real SMTP and HTTP servers at the other end."""

import pytest
from structlog.testing import capture_logs

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify.outbox import backoff
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, person, site
from tests.notify.notifying import House, hooked, mailed, reach, running, seen_again, settle, until
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer


async def test_each_person_gets_the_message_in_their_language(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    house = House(state, clock, site(mailed(mail, "ana"), mailed(mail, "ben", "zh")))
    await house.tell(NoticeKind.RAISE)

    async with running(house.notifier()) as notifier:
        found = await settle(notifier)

    assert [(row["state"], row["attempts"], row["sent_at"]) for row in found] == [("sent", 1, NOW)] * 2
    assert set(mail.subjects()) == {"[HIGH] Undervoltage: Main meter", "【高】欠压：Main meter"}  # noqa: RUF001
    assert any("电压 L1：201.3 V" in text for text in mail.texts())  # noqa: RUF001


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="It is tried again, from five seconds to ten minutes apart, and then delivered.",
)
async def test_a_refusal_is_tried_again_later_and_then_delivered(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    mail.answers = ["451 4.3.0 not now"]
    house = House(state, clock, site(mailed(mail, "ana")))
    await house.tell(NoticeKind.RAISE)

    with capture_logs() as logs:
        async with running(house.notifier()) as notifier:
            (failed,) = await settle(notifier, "failed")
            await seen_again(notifier)
            assert mail.attempts == 1
            clock.advance(6_000)
            (sent,) = await settle(notifier)

    assert failed["last_error"] == "the mail server answered 451"
    assert 4_000 <= failed["next_at"] - NOW <= 6_000
    assert (sent["attempts"], len(mail.messages)) == (2, 1)
    assert [entry["event"] for entry in logs] == ["channel_lost", "channel_back"]


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="What is kept and logged of a message that was refused for good holds no password.",
)
async def test_a_permanent_failure_is_dead_at_once_and_holds_no_secret(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.otherwise = 401
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)

    with capture_logs() as logs:
        async with running(house.notifier()) as notifier:
            (row,) = await settle(notifier)
            counts = await notifier.counts()

    assert (row["state"], row["last_error"], row["attempts"]) == ("dead", "HTTP 401 Unauthorized", 1)
    assert counts["dead"] == 1
    assert counts["sent"] == 0
    assert "s3cr3t" not in repr((row, logs))
    assert len(web.requests) == 1


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="Where it is not known whether a message went out, it is sent again and marked so.",
)
@pytest.mark.parametrize(("severity", "state_after"), [("medium", "unknown"), ("high", "failed")])
async def test_a_time_out_leaves_open_what_happened(
    state: State, clock: ManualClock, web: WebServer, severity: str, state_after: str
) -> None:
    web.hang = True
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE, severity=severity)

    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier, "unknown", "failed")
        clock.advance(MINUTE)
        web.hang = False
        await seen_again(notifier)
        (later,) = await settle(notifier)

    assert (row["state"], row["maybe_delivered"]) == (state_after, True)
    assert len(web.requests) == (2 if severity == "high" else 1)
    assert later["state"] == ("sent" if severity == "high" else "unknown")


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="What cannot be delivered in its time is dead, and counted.",
)
async def test_what_cannot_be_delivered_in_its_time_is_dead(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.otherwise = 503
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE, severity="low")

    async with running(house.notifier()) as notifier:
        await settle(notifier, "failed")
        clock.advance(2 * 60 * MINUTE)
        (row,) = await settle(notifier, "dead")

    assert row["last_error"] == "expired; HTTP 503 Service Unavailable"
    assert len(web.requests) == 1


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="A person whose channel hangs holds up nobody else.",
)
async def test_a_person_whose_channel_hangs_holds_up_nobody_else(
    state: State, clock: ManualClock, mail: MailServer, web: WebServer
) -> None:
    web.hang = True
    house = House(state, clock, site(hooked(web, "ana", "?rto=60"), mailed(mail, "ben")))
    for number in range(20):
        await house.tell(NoticeKind.RAISE, occurrence=f"o{number}")

    async with running(house.notifier()) as notifier:

        async def all_mailed() -> bool:
            return len(mail.messages) == 20

        await until(notifier, all_mailed)

    assert len(web.requests) == 1


async def test_what_is_long_over_is_forgotten(state: State, clock: ManualClock, web: WebServer) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        await settle(notifier)
    clock.advance(401 * 1440 * MINUTE)
    await house.tell(NoticeKind.RAISE, occurrence="new")

    async with running(house.notifier()) as notifier:
        await seen_again(notifier)
        (row,) = await settle(notifier)

    assert row["occurrence"] == "new"


async def test_a_state_that_cannot_be_written_halts_without_losing_anything(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    await state.transact(
        lambda db: db.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT raise(ABORT, 'disk full'); END"
        )
    )

    with capture_logs() as logs:
        async with running(house.notifier()) as notifier:
            await seen_again(notifier)
            assert not web.requests
            await state.transact(lambda db: db.execute("DROP TRIGGER full"))
            await settle(notifier, "sent")

    assert [entry["event"] for entry in logs] == ["notifications_halted", "notifications_resumed"]


async def test_somebody_who_left_the_settings_is_dead_and_not_forgotten(state: State, clock: ManualClock) -> None:
    house = House(state, clock, site(person("ana", hook="json://host")))
    await house.tell(NoticeKind.RAISE)
    house.site = site(person("ben", hook="json://host"))

    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier)

    assert row["last_error"] == "the person or channel is no longer in the settings"


@pytest.mark.fault(
    "defect in the program",
    part="notifications",
    outcome="A message that cannot be made hurts no other.",
)
async def test_a_defect_in_one_message_is_tried_again_and_hurts_no_other(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana"), hooked(web, "ben")))
    await house.tell(NoticeKind.RAISE)
    await state.transact(
        lambda db: db.execute("UPDATE outbox SET body = json_remove(body, '$.since') WHERE person = 'ana'")
    )

    with capture_logs() as logs:
        async with running(house.notifier()) as notifier:
            await reach(notifier, "failed", "sent")

    assert any(entry["event"] == "notification_defect" for entry in logs)


async def test_rows_of_one_occurrence_can_be_listed(state: State, clock: ManualClock) -> None:
    house = House(state, clock, site(person("ana", hook="json://host")))
    await house.tell(NoticeKind.RAISE)
    await house.tell(NoticeKind.RAISE, occurrence="o2")

    (row,) = await house.notifier().list_notifications("o2")

    assert (row["occurrence"], row["state"], row["channel"]) == ("o2", "queued", "hook")
    assert "body" not in row
    assert await house.notifier().list_notifications("nothing") == []


async def test_waking_spares_the_wait(state: State, clock: ManualClock, web: WebServer) -> None:
    house = House(state, clock, site(hooked(web, "ana")))

    async with running(house.notifier()) as notifier:
        await seen_again(notifier)
        await house.tell(NoticeKind.RAISE)
        notifier.wake()
        (row,) = await settle(notifier)

    assert row["state"] == "sent"


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 5), (2, 10), (5, 80), (8, 600), (1000, 600)])
def test_retries_grow_from_five_seconds_to_ten_minutes(attempts: int, seconds: int) -> None:
    assert backoff(attempts, 0) == seconds * 1000
    assert backoff(attempts, -1) == seconds * 800
    assert backoff(attempts, 1) == seconds * 1200
