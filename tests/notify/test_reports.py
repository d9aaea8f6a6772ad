"""Reports in the outbox: one mail to each person, with the report in it, and never in the way of an alarm."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from email.message import EmailMessage
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from monitor.duereport import DueReport
from monitor.errors import ReportUnavailable
from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify.channels import Channels
from monitor.notify.composing import Composer
from monitor.notify.outbox import Notifier, Standing
from monitor.notify.reports import REPORT_LIVES, make_put
from monitor.periods import parse
from monitor.ports import Attachment, Message
from monitor.site import ReportSettings, Site
from monitor.staff import Person
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, insert, person, rows, site
from tests.notify.notifying import hooked, mailed, reach, running, seen_again, settle
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer

HOUR = 60 * MINUTE
DAY = 24 * HOUR
PAGE = "<html><body><table><tr><td>1234.5 kWh</td></tr></table></body></html>"


class Builder:
    """Builds reports as a test wants: `wrong` is raised before, `held` is waited for."""

    def __init__(self) -> None:
        self.wrong: list[Exception] = []
        self.held: asyncio.Event | None = None
        self.asked: list[Mapping[str, Any]] = []

    async def __call__(self, body: Mapping[str, Any], language: str) -> Message:
        self.asked.append(body)
        if self.held is not None:
            await self.held.wait()
        if self.wrong:
            raise self.wrong.pop(0)
        title = {"en": "Monthly report", "zh": "月报"}[language]
        return Message(
            title=f"{title} {body['period']}",
            text="1234.5 kWh",
            severity="low",
            html=f"<html><body><h1>{title}</h1><p>1234.5 &lt;kWh&gt; {body['again']}</p></body></html>",
            attachments=(
                Attachment(name="maple-court-2026-10.html", media_type="text/html", content=PAGE.encode()),
                Attachment(name="maple-court-2026-10.csv", media_type="text/csv", content="Zähler;1\r\n".encode()),
            ),
        )


class Office:
    """The outbox of a site whose people get a monthly report."""

    def __init__(self, state: State, clock: ManualClock, *people: Person) -> None:
        self.state = state
        self.clock = clock
        self.site: Site = site(*people)
        self.build = Builder()
        self.settings = ReportSettings(
            id="monthly",
            name="Monthly report",
            kinds=("usage",),
            every="month",
            people=tuple(one.id for one in people),
            wait=86_400.0,
        )

    async def put(self, period: str = "2026-10", *, is_again: bool = False) -> int:
        due = DueReport(
            settings=self.settings,
            period=parse(period, ZoneInfo("Europe/Berlin"), NOW),
            is_again=is_again,
        )
        return await self.state.transact(lambda db: make_put(self.site)(db, due, self.clock.now()))

    def notifier(self) -> Notifier:
        return Notifier(
            self.state,
            self.site,
            channels=Channels(),
            now=self.clock.now,
            standing=lambda _db, _occurrence: Standing(acknowledged=False, cleared=False),
            composer=Composer(self.site, render_report=self.build),
            monotonic=lambda: self.clock.now() / 1000,
        )


def parts(message: EmailMessage) -> dict[str, str]:
    """The parts of a mail by type, or by name where they have one."""
    return {
        part.get_filename() or part.get_content_type(): part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in message.walk()
        if not part.is_multipart()
    }


async def test_each_person_gets_one_mail_with_the_report_in_their_language(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    office = Office(state, clock, mailed(mail, "ana"), mailed(mail, "ben", "zh"))
    assert await office.put() == 2
    assert await office.put() == 2  # the same period once more: nothing comes of it

    async with running(office.notifier()) as notifier:
        found = await settle(notifier)

    assert [(row["kind"], row["occurrence"], row["state"]) for row in found] == [
        ("report", "report:monthly:2026-10", "sent")
    ] * 2
    by_person = {str(message["To"]): message for message in mail.messages}
    assert len(mail.messages) == 2
    assert str(by_person["ana@example.org"]["Subject"]) == "Monthly report 2026-10"
    assert str(by_person["ben@example.org"]["Subject"]) == "月报 2026-10"
    for name, title in (("ana", "Monthly report"), ("ben", "月报")):
        read = parts(by_person[f"{name}@example.org"])
        assert list(read) == ["text/plain", "text/html", "maple-court-2026-10.html", "maple-court-2026-10.csv"]
        assert f"<h1>{title}</h1>" in read["text/html"]
        assert "1234.5 kWh" in read["text/plain"]
        assert read["maple-court-2026-10.html"] == PAGE
        assert read["maple-court-2026-10.csv"] == "Zähler;1\r\n"


async def test_a_person_gets_it_over_mail_or_as_text_over_their_first_channel(
    state: State, clock: ManualClock, mail: MailServer, web: WebServer
) -> None:
    address = mailed(mail, "ana").channels["mail"]
    hook = hooked(web, "ana").channels["hook"]
    both = person("ana", chat=hook, mail=address, other=address)
    office = Office(state, clock, both, hooked(web, "ben"), person("cy"))
    assert await office.put() == 2

    async with running(office.notifier()) as notifier:
        await settle(notifier)

    assert [message["To"] for message in mail.messages] == ["ana@example.org"]
    (told,) = web.taken
    assert told.path == "/ben"
    assert told.json()["message"] == "1234.5 kWh"
    assert not told.json().get("attachments")


@pytest.mark.fault(
    "mail server away",
    part="reports",
    outcome="A report that hangs, or is built for long, holds up no alarm to the same person.",
)
async def test_a_report_holds_up_no_alarm_to_the_same_person(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    office = Office(state, clock, mailed(mail, "ana"))
    office.build.held = asyncio.Event()
    for period in ("2026-08", "2026-09", "2026-10"):
        await office.put(period)

    async with running(office.notifier()) as notifier:
        await reach(notifier, "sending", "queued", "queued")
        alarm = rows(office.site, NoticeKind.RAISE, time=NOW, severity="low")
        await state.transact(lambda db: insert(db, alarm, NOW))
        await reach(notifier, "sending", "queued", "queued", "sent")
        office.build.held.set()
        await settle(notifier)

    assert mail.subjects() == [
        "[LOW] Undervoltage: Main meter",
        *(f"Monthly report {period}" for period in ("2026-08", "2026-09", "2026-10")),
    ]


async def test_two_reports_are_built_at_a_time(state: State, clock: ManualClock, mail: MailServer) -> None:
    office = Office(state, clock, *(mailed(mail, f"p{number}") for number in range(4)))
    office.build.held = asyncio.Event()
    await office.put()

    async with running(office.notifier()) as notifier:
        await seen_again(notifier)
        await reach(notifier, "sending", "sending", "queued", "queued")
        office.build.held.set()
        await settle(notifier)

    assert len(mail.messages) == 4


async def test_a_report_that_cannot_be_built_is_tried_again_and_not_lost(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    office = Office(state, clock, mailed(mail, "ana"))
    office.build.wrong = [ReportUnavailable("what was metered cannot be read")] * 2 + [ValueError("s3cr3t")]
    await office.put()

    with capture_logs() as logs:
        async with running(office.notifier()) as notifier:
            (first,) = await settle(notifier, "failed")
            for attempts in (2, 3):
                clock.advance(MINUTE)
                while (await reach(notifier, "failed"))[0]["attempts"] < attempts:
                    await seen_again(notifier)
            clock.advance(MINUTE)
            (sent,) = await settle(notifier)

    assert first["last_error"] == "what was metered cannot be read"
    assert (sent["state"], sent["attempts"], len(mail.messages)) == ("sent", 4, 1)
    events = [entry["event"] for entry in logs]
    assert events.count("report_not_built") == 1
    assert events.count("report_sent") == 1
    assert "s3cr3t" not in repr(logs)


@pytest.mark.fault(
    "mail server away",
    part="reports",
    outcome="A report is tried for 14 days, up to an hour apart, and then delivered once.",
)
async def test_a_mail_server_that_is_away_for_days_gets_it_when_it_is_back(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    office = Office(state, clock, mailed(mail, "ana"))
    mail.otherwise = "451 4.3.0 not now"
    await office.put()

    async with running(office.notifier()) as notifier:
        row = await _fail_until(notifier, office, NOW + 3 * DAY)
        assert 40 <= row["attempts"] <= 100
        mail.otherwise = None
        clock.advance(2 * HOUR)
        (row,) = await settle(notifier, "sent")

    assert len(mail.messages) == 1


async def _fail_until(notifier: Notifier, office: Office, end: int) -> Mapping[str, Any]:
    """Go on from try to try, each a failure; answers the row."""
    while True:
        (row,) = await settle(notifier, "failed")
        if office.clock.now() >= end:
            return row
        office.clock.time = max(office.clock.time, row["next_at"])
        while (await settle(notifier, "failed"))[0]["attempts"] == row["attempts"]:
            await seen_again(notifier)


async def test_what_is_not_delivered_in_two_weeks_is_given_up_and_said_aloud(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    office = Office(state, clock, mailed(mail, "ana"))
    mail.otherwise = "451 4.3.0 not now"
    await office.put()

    with capture_logs() as logs:
        async with running(office.notifier()) as notifier:
            await settle(notifier, "failed")
            clock.advance(REPORT_LIVES)
            (row,) = await settle(notifier, "dead")

    assert row["last_error"] == "expired; the mail server answered 451"
    assert [entry["report"] for entry in logs if entry["event"] == "report_given_up"] == [row["occurrence"]]
    assert row["expires"] <= clock.now()  # so that it counts as failed for an hour, and not for two weeks


async def test_an_address_that_refuses_is_tried_again_later_and_at_the_next_start(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    office = Office(state, clock, mailed(mail, "ana"))
    mail.refused_recipients["ana@example.org"] = "550 5.1.1 who?"
    await office.put()

    async with running(office.notifier()) as notifier:
        (row,) = await settle(notifier, "failed")
        assert row["next_at"] == NOW + 6 * HOUR
    clock.advance(MINUTE)
    office.site = site(mailed(mail, "ana", "zh"))
    mail.refused_recipients.clear()
    async with running(office.notifier()) as notifier:
        await settle(notifier, "sent")

    assert mail.subjects() == ["月报 2026-10"]


@pytest.mark.fault(
    "monitor off",
    part="reports",
    outcome="What was due before a long stop is sent after it; it does not expire meanwhile.",
)
@pytest.mark.parametrize("was_tried", [False, True])
async def test_a_report_does_not_expire_while_the_monitor_is_off(
    state: State, clock: ManualClock, mail: MailServer, *, was_tried: bool
) -> None:
    office = Office(state, clock, mailed(mail, "ana"))
    await office.put()
    if was_tried:
        mail.answers = ["451 4.3.0 not now"]
        async with running(office.notifier()) as notifier:
            await settle(notifier, "failed")
    clock.advance(90 * DAY)

    async with running(office.notifier()) as notifier:
        await settle(notifier, "sent")

    assert len(mail.messages) == 1


async def test_one_that_may_have_arrived_is_sent_once_more_and_says_so(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    office = Office(state, clock, hooked(web, "ana"))
    web.hang = True
    await office.put()

    with capture_logs() as logs:
        async with running(office.notifier()) as notifier:
            await settle(notifier, "failed")
            clock.advance(MINUTE)
            (row,) = await settle(notifier, "unknown")

    assert (row["attempts"], row["maybe_delivered"]) == (2, True)
    assert [body["again"] for body in office.build.asked] == [False, True]
    assert [entry["event"] for entry in logs if entry["event"].startswith("report")] == ["report_given_up"]


@pytest.mark.fault(
    "file damaged",
    part="reports",
    outcome="After a restore, what may have been sent since the copy is sent once more, and says that.",
)
async def test_one_from_before_a_restore_is_sent_and_says_that_it_may_have_arrived(
    state: State, clock: ManualClock, mail: MailServer
) -> None:
    office = Office(state, clock, mailed(mail, "ana"))
    await office.put()
    clock.advance(HOUR)
    at = clock.now()
    await state.transact(lambda db: db.execute("INSERT INTO restores VALUES (?, ?, 70)", (at, at - DAY)))
    clock.advance(HOUR)
    await office.put("2026-11")

    async with running(office.notifier()) as notifier:
        await settle(notifier, "sent")

    assert [(body["period"], body["again"]) for body in office.build.asked] == [
        ("2026-10", True),
        ("2026-11", False),
    ]
    assert len(mail.messages) == 2


async def test_somebody_who_left_is_dead_and_said_aloud(state: State, clock: ManualClock) -> None:
    office = Office(state, clock, person("ana", hook="json://host"))
    await office.put()
    office.site = site(person("ben", hook="json://host"))

    with capture_logs() as logs:
        async with running(office.notifier()) as notifier:
            (row,) = await settle(notifier)

    assert (row["state"], row["last_error"]) == ("dead", "the person or channel is no longer in the settings")
    assert [entry["event"] for entry in logs if entry["event"].startswith("report")] == ["report_given_up"]


async def test_what_a_row_holds_is_enough_to_build_it_later(state: State, clock: ManualClock) -> None:
    office = Office(state, clock, person("ana", hook="json://host"))
    office.settings = replace(office.settings, devices=("main-electricity",), people=("ana", "ana"))
    await office.put(is_again=True)

    (row,) = await state.query(
        "SELECT severity, not_before, expires, body ->> '$.period' AS period, body FROM outbox"
    )

    assert (row["severity"], row["not_before"], row["expires"]) == ("low", NOW, NOW + REPORT_LIVES)
    assert date.fromisoformat(f"{row['period']}-01") == date(2026, 10, 1)
    assert '"devices":["main-electricity"]' in cast("str", row["body"])
    assert '"again":true' in cast("str", row["body"])
