"""The notifier on the real state, with real SMTP and HTTP servers at the other end."""

import asyncio
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.errors import ChannelUnavailable
from monitor.journal.state import State
from monitor.notify.outbox import Standing, backoff
from monitor.ports import Message, NoticeKind
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, person, rule, site
from tests.notify.notifying import House, hooked, listed, mailed, reach, running, seen_again, settle, until
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer, plain_text


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


async def test_a_kill_between_sending_and_writing_it_down_sends_again(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        await settle(notifier)
    await state.transact(lambda db: db.execute("UPDATE outbox SET state = 'sending', sent_at = NULL"))

    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier)

    assert (row["state"], row["attempts"], row["maybe_delivered"]) == ("sent", 2, True)
    assert len(web.taken) == 2


@pytest.mark.fault(
    "SIGKILL",
    part="notifications",
    outcome="A message that may have been on its way is sent again, and marked so; none is lost.",
)
async def test_a_process_killed_while_it_sends_sends_again_at_the_next_start(
    tmp_path: Path, clock: ManualClock, web: WebServer
) -> None:
    house = House(State.open(tmp_path / "state.db"), clock, site(hooked(web, "ana", "?rto=60")))
    await house.tell(NoticeKind.RAISE)
    await house.state.close()
    web.hang = True
    address = house.site.notify.people["ana"].channels["hook"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.notify.sender", str(tmp_path / "state.db"), address
    )
    await asyncio.to_thread(web.requested.wait, 20)
    process.kill()
    await process.wait()
    web.hang = False
    house.state = State.open(tmp_path / "state.db")

    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier)
    await house.state.close()

    assert (row["state"], row["attempts"], row["maybe_delivered"]) == ("sent", 2, True)
    assert len(web.taken) == 1


@pytest.mark.fault(
    "stop in the middle",
    part="notifications",
    outcome="A service that hangs does not hold up the stop; its message is sent at the next start.",
)
async def test_stopping_waits_for_nobody_who_hangs(state: State, clock: ManualClock, web: WebServer) -> None:
    web.hang = True
    house = House(state, clock, site(hooked(web, "ana", "?rto=60")))
    await house.tell(NoticeKind.RAISE)

    async with asyncio.timeout(60):
        async with running(house.notifier()) as notifier:

            async def arrived() -> bool:
                return len(web.requests) == 1

            await until(notifier, arrived)
        assert (await notifier.counts())["sending"] == 1


async def test_stopping_lets_what_is_nearly_done_be_written_down(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    slow = Slow()

    async with running(house.notifier(lambda _address: slow)) as notifier:
        await slow.begun.wait()
        asyncio.get_running_loop().call_later(0.05, slow.go_on.set)

    assert (await notifier.counts())["sent"] == 1


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


class Slow:
    """A channel that delivers when it is told to."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def send(self, address: str, message: Message) -> None:
        self.begun.set()
        await self.go_on.wait()
        if not message.title:
            raise ChannelUnavailable(address)
