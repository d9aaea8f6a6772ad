"""Maintenance, stand-ins, messages and channels: their pages and forms."""

import sqlite3

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.web.callers import Role
from tests.clock import ManualClock
from tests.servers.http import WebServer
from tests.web.console.alarms.alarmhouse import HOUR, Console, living, make_site
from tests.web.console.looking import form_fields


async def test_maintenance_is_planned_keeps_alarms_back_and_is_ended(console: Console) -> None:
    async with console.asked_by(Role.SUPERVISOR) as browser:
        form = form_fields(await browser.see("/maintenance"), "/maintenance/plan")
        planned = await browser.done(
            "/maintenance/plan",
            **{**form, "name": "New breaker", "building": "A", "repeat": "weekly", "reason": "electrician"},
        )
        (window,) = await console.parts.holds.maintenance()  # type: ignore[union-attr]
        await console.says(200.0)
        held = await browser.see("/shelves")
        ended = await browser.done(f"/maintenance/{window.window.id}/end")
        left = await console.parts.holds.maintenance()  # type: ignore[union-attr]

    assert "New breaker" in planned
    assert "on now" in planned
    assert "2 hr, every week" in planned
    assert "electrician" in planned
    assert (window.on, window.window.devices, window.window.by) == (True, frozenset({"meter"}), "Ana")
    assert "Suppressed</h2>" not in held
    assert "Undervoltage" in held
    assert "No maintenance is planned." in ended
    assert left == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"length": "two"}, "Write a number."),
        ({"length": "nan"}, "This is longer than it may be."),
        ({"length": "9999"}, "This is longer than it may be."),
        ({"length": "0"}, "This is longer than it may be."),
        ({"unit": "years"}, "Choose one."),
        ({"repeat": "hourly"}, "Choose one."),
        ({"starts": "yesterday"}, "Write a day and a time."),
        ({"starts": "0001-01-01T00:00"}, "Write a day and a time."),
        ({"starts": "2026-11-22T10:00+01:00"}, "Write a day and a time."),
        ({"starts": "2020-01-01T10:00"}, "it would be over already"),
        ({"reason": ""}, "others have to know"),
        ({"device": "metre"}, "did you mean meter"),
        ({"name": "n" * 501}, "500 characters"),
    ],
)
async def test_maintenance_that_cannot_be_is_refused_and_what_was_typed_is_kept(
    console: Console, said: dict[str, str], words: str
) -> None:
    form = {"name": "Work", "length": "2", "unit": "hours", "reason": "why", **said}
    async with console.asked_by(Role.SUPERVISOR) as browser:
        page = await browser.refused("/maintenance/plan", **form)
    again = form_fields(page, "/maintenance/plan")

    assert words in page
    assert {name: again[name] for name in ("name", "reason")} == {name: form[name] for name in ("name", "reason")}
    assert await console.commands() == []


async def test_maintenance_that_is_not_there_is_not_ended(console: Console) -> None:
    async with console.asked_by(Role.SUPERVISOR) as browser:
        page = await browser.refused("/maintenance/nothing/end")

    assert "there is no maintenance nothing" in page


async def test_somebody_stands_in_and_it_is_taken_back(console: Console) -> None:
    async with console.asked_by(Role.SUPERVISOR) as browser:
        before = await browser.see("/on-call")
        form = form_fields(before, "/on-call/stand-in")
        said = {**form, "person": "li", "ends": "2026-12-24T08:00", "reason": "Ana is ill"}
        stands = await browser.done("/on-call/stand-in", **said)
        (override,) = await console.parts.duty.overrides()  # type: ignore[union-attr]
        back = await browser.done(f"/on-call/{override.id}/end")

    assert "Now: <bdi>Ana</bdi>" in before
    assert "The week ahead" in before
    assert "Now: <bdi>李伟</bdi>" in stands
    assert "Ana is ill" in stands
    assert (override.person, override.by, override.ends) == ("li", "Ana", 1_798_095_600_000)
    assert "Now: <bdi>Ana</bdi>" in back


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"roster": "none"}, "Choose one."),
        ({"person": "none"}, "Choose somebody."),
        ({"ends": ""}, "Write a day and a time."),
        ({"ends": "2020-01-01T00:00"}, "This lies in the past."),
        ({"starts": "2027-01-01T00:00"}, "It has to end after it begins."),
        ({"starts": "x"}, "Write a day and a time."),
        ({"reason": "r" * 501}, "500 characters"),
        ({"ends": "2099-01-01T00:00"}, "Not done:"),
    ],
)
async def test_who_cannot_stand_in_is_refused(console: Console, said: dict[str, str], words: str) -> None:
    form = {"roster": "duty", "person": "li", "ends": "2026-12-24T08:00", "reason": "why", **said}
    async with console.asked_by(Role.SUPERVISOR) as browser:
        page = await browser.refused("/on-call/stand-in", **form)
        nobody = await browser.refused("/on-call/none/end")

    assert words in page
    assert form_fields(page, "/on-call/stand-in")["reason"] == form["reason"]
    assert "Not done:" in nobody
    assert await console.commands() == []


async def test_messages_are_listed_with_what_became_of_them(console: Console, state: State) -> None:
    occurrence = await console.alarm()
    await console.says(230.0)
    later = console.house.clock.time + HOUR

    def send(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE outbox SET state = 'dead', last_error = '550 no such user', person = 'li', channel = 'hook'"
            " WHERE kind = 'clear'"
        )
        db.execute("UPDATE outbox SET held = 'quiet', next_at = ? WHERE kind = 'raise'", (later,))

    await state.transact(send)
    async with console.asked_by(Role.VIEWER) as browser:
        all_ = await browser.see("/notifications")
        failed = await browser.see("/notifications", state="failed")
        waiting = await browser.see("/notifications", state="waiting", person="ana", channel="mail")
        nothing = await browser.see("/notifications", state="sent")

    assert f'href="/alarms/{occurrence}"' in all_
    assert "for the end of quiet hours" in waiting
    assert "550 no such user" not in waiting
    assert "not delivered" in failed
    assert "550 no such user" in failed
    assert "quiet hours" not in failed
    assert "No message." in nothing


async def test_a_channel_is_tried_and_the_page_says_what_became_of_it(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    with WebServer() as web:
        there = make_site(f"json://ana:s3cr3t@127.0.0.1:{web.port}/s3cr3t?rto=5")
        async with living(journal, state, clock, there) as console, console.asked_by() as browser:
            before = await browser.see("/channels")
            after = await browser.done("/channels/test", person="ana", channel="hook", severity="low")
            unknown = await browser.refused("/channels/test", person="ana", channel="none", severity="low")
            wrong = await browser.refused("/channels/test", person="ana", channel="hook", severity="worst")
        received = len(web.requests)

    assert received == 1
    assert "never tried" in before
    assert "The test message was taken: Ana, hook" in after.replace("<bdi>", "").replace("</bdi>", "")
    assert "works" in after
    assert "Not done:" in unknown
    assert "Choose one." in wrong
    assert "s3cr3t" not in before + after + unknown + wrong


async def test_a_channel_that_does_not_work_is_told_in_words(console: Console) -> None:
    async with console.asked_by() as browser:
        page = await browser.done("/channels/test", person="ana", channel="hook", severity="low")
        strange = await browser.see("/channels", done="taken", person="nobody", channel="hook")

    assert "did not get through: " in page
    assert "The test message" not in strange
