"""The report `notifications`: a week in which somebody was woken, read from a real outbox."""

from dataclasses import replace

import pytest

from monitor.calendars import Hours, Schedule
from monitor.journal.state import State
from monitor.notify.past import Messages
from monitor.periods import DAY
from monitor.reports import chinese, english
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.reports.csvfile import csv_file
from monitor.reports.html import html
from monitor.reports.report import Report, Section
from monitor.site import Site
from monitor.staff import Budget, Notify, Person, Quiet
from monitor.web.reportshapes import ReportOut
from tests.reports.books import Book, moment, period
from tests.reports.plant import plant
from tests.web.shaped import shaped

WEEK = period("2026-W43")
NOW = WEEK.end + DAY
LATE = Schedule(hours=(Hours(spans=((23 * 60, 30 * 60),)),))


def house() -> Site:
    ana = Person(id="ana", name="Ana Sá", language="en", channels={}, budget=Budget(day=2, night=1))
    ben = Person(id="ben", name="Ben", language="zh", channels={}, quiet=Quiet(hours=LATE))
    return replace(plant(), notify=Notify(people={"ana": ana, "ben": ben}))


class Outbox:
    """What is in the table, row by row."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.count = 0

    async def alarm(self, name: str, at: str, *, source: str = "pump-1", rule: str = "dry", **times: str) -> None:
        values = (name, rule, source, source.partition("/")[0], "high", moment(at))
        acknowledged, cleared = (moment(times[key]) if key in times else None for key in ("acked", "cleared"))
        await self.state.transact(
            lambda db: db.execute(
                "INSERT INTO alarm (occurrence, rule, source_key, device, severity, raised_at, changed_at, since,"
                " title, response_text, state, response, suppression, latched, normal, momentary, late,"
                " acknowledged_at, cleared_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 0, 0, '', '', 'clear', 'none', '[]', 0, 0, 0, 0, ?, ?)",
                (*values, acknowledged, cleared),
            )
        )

    async def told(self, name: str, person: str, at: str, *, severity: str = "high", **more: object) -> int:
        self.count += 1
        said = {"kind": "raise", "channel": "mail", "state": "sent", "held": "", "carried_by": None} | more
        row = (f"{name}:{said['kind']}", name, said["kind"], person, said["channel"], severity, said["state"])
        sent = moment(at) if said["state"] == "sent" else None
        await self.state.transact(
            lambda db: db.execute(
                "INSERT INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, state,"
                " created, not_before, expires, next_at, sent_at, held, carried_by, body)"
                " VALUES (?, ?, ?, ?, ?, 0, ?, ?, 0, 0, 0, ?, ?, ?, ?, '{}')",
                (*row, moment(at), sent, said["held"], said["carried_by"]),
            )
        )
        return self.count


@pytest.fixture
async def outbox(state: State) -> Outbox:
    """The third week of October: two messages in Ana's night, one of them for nothing."""
    box = Outbox(state)
    await box.alarm("o1", "2026-10-20T02:00", acked="2026-10-20T02:07", cleared="2026-10-20T04:00")
    await box.alarm("o2", "2026-10-20T03:00", source="smoke-1/alarm", rule="smoke", cleared="2026-10-20T03:04")
    await box.alarm("o3", "2026-10-20T09:00")
    await box.alarm("o4", "2026-10-27T09:00")
    await box.told("o1", "ana", "2026-10-20T02:00")
    await box.told("o1", "ana", "2026-10-20T02:00", channel="chat")
    await box.told("o2", "ana", "2026-10-20T03:00", severity="critical")
    carrier = await box.told("o3", "ana", "2026-10-20T07:00", severity="low", held="quiet")
    await box.told("o1", "ana", "2026-10-20T07:00", kind="clear", severity="low", held="quiet", carried_by=carrier)
    await box.told("o2", "ben", "2026-10-20T22:30", severity="medium", state="dead")
    await box.told("o3", "ben", "2026-10-20T22:30", severity="medium", state="unknown")
    await box.told("o4", "ana", "2026-10-27T09:00")
    return box


async def made(state: State, devices: list[str] | None = None) -> Report:
    site = house()
    books = Books(usage=Book(site), messages=Messages(state))
    return await build("notifications", books, site, WEEK, now=NOW, devices=devices)


def table(report: Report, key: str) -> Section:
    (found,) = [one for one in report.sections if one.title.key == key]
    return found


async def test_messages_are_counted_by_person_and_severity(state: State, outbox: Outbox) -> None:
    assert outbox.count == 8
    report = await made(state)

    assert [row.cells for row in table(report, "messages_by_person").rows] == [
        ("Ana Sá", 3, 1, 1, 0, 1, 2, 2, 0, 2),  # 3 on a day of 2, and 2 in a night of 1
        ("Ben", 1, 0, 0, 1, 0, 0, 0, 1, None),
    ]
    assert [one.value for one in report.headlines] == [4, 2, 1]
    assert [row.notes for row in table(report, "messages_by_person").rows] == [(1,), ()]
    assert report.is_complete
    assert shaped(ReportOut, report.as_json()).kind == "notifications"


async def test_who_was_woken_for_what_and_whether_it_was_worth_it(state: State, outbox: Outbox) -> None:
    assert outbox.count == 8
    report = await made(state)

    first, second = table(report, "woken_at_night").rows
    assert first.cells == (moment("2026-10-20T02:00"), "Ana Sá", "high", "dry", "pump-1", 7, 120)
    assert second.cells[3:] == ("smoke", "smoke-1/alarm", None, 4)
    assert [report.footnotes[note - 1].key for note in second.notes] == ["perhaps_not_worth_it"]
    assert first.notes == ()


async def test_channels_say_what_was_not_delivered(state: State, outbox: Outbox) -> None:
    assert outbox.count == 8
    report = await made(state)

    assert [row.cells for row in table(report, "messages_by_channel").rows] == [
        ("Ana Sá", "chat", 1, 0, 0),
        ("Ana Sá", "mail", 3, 0, 0),
        ("Ben", "mail", 1, 1, 1),
    ]


async def test_only_what_is_about_the_chosen_devices(state: State, outbox: Outbox) -> None:
    assert outbox.count == 8
    report = await made(state, ["smoke-1"])

    assert report.headlines[0].value == 1


async def test_forms_and_languages(state: State, outbox: Outbox) -> None:
    assert outbox.count == 8
    report = await made(state)
    lines = csv_file(report).splitlines()

    assert lines[0] == "period,told_at,person,channel,message_kind,severity,rule,source,delivery,held"
    assert len(lines) == 8
    assert Report.of_json(report.as_json()) == report
    assert "夜间通知了谁" in html([report], language="zh")
    assert "perhaps not worth waking anybody" in html([report], language="en")
    columns = {column.name for section in (*report.sections, *report.details) for column in section.columns}
    assert columns - english.WORDS.keys() == columns - chinese.WORDS.keys() == set()


async def test_without_an_outbox_nothing_is_known() -> None:
    site = house()
    report = await build("notifications", Books(usage=Book(site)), site, WEEK, now=NOW)

    assert report.notes[0].key == "no_messages_kept"
