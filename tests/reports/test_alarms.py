"""The report `alarms`: a month with too many of them, in each form and both languages."""

from dataclasses import replace

import pytest

from monitor.causes import CAUSES
from monitor.periods import parse
from monitor.reports import chinese, english
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.reports.csvfile import csv_file
from monitor.reports.html import html
from monitor.reports.letter import Letters
from monitor.reports.report import Phrase, Report, Section
from monitor.reports.words import say
from monitor.site import AlarmLimits, Site
from monitor.staff import Notify, Person
from tests.reports.books import Book, period
from tests.reports.busyalarms import busy_alarms
from tests.reports.plant import NOW, plant

OCTOBER = period("2026-10")


def house() -> Site:
    people = {
        ident: Person(id=ident, name=name, language="en", channels={})
        for ident, name in (("ana", "Ana Sá"), ("ben", "Ben"))
    }
    return replace(plant(), notify=Notify(people=people, teams={}, routes=()))


async def made(site: Site | None = None, *, text: str = "2026-10", devices: list[str] | None = None) -> Report:
    site = site or house()
    books = Books(usage=Book(site), alarms=busy_alarms())
    return await build("alarms", books, site, parse(text, site.timezone, NOW), now=NOW, devices=devices)


def table(report: Report, key: str) -> Section:
    (found,) = [one for one in report.sections if one.title.key == key]
    return found


async def test_figures_are_those_of_what_was_raised() -> None:
    report = await made()
    episodes = busy_alarms().past.episodes
    count = sum(one.raised >= OCTOBER.start for one in episodes)

    values = {row.cells[0]: row.cells[1] for row in table(report, "alarm_figures").rows}
    assert report.headlines[0].value == pytest.approx(count / (31 + 1 / 24))
    assert values["floods"] == "1"
    assert values["chattering"] == "1"
    assert values["standing"] == "2", "a battery since September, and three days of a leak"
    short = sum(one.cleared is not None and one.cleared - one.raised < 10_000 for one in episodes)
    assert values["fleeting"] == f"{short} ({100 * short / count:.0f} %)"
    assert sum(row.cells[1] for row in table(report, "alarms_severities").rows) == count
    assert sum(row.cells[1] for row in report.details[0].rows) == count
    assert [row.cells[1] for row in table(report, "alarms_standing").rows] == [
        "smoke-2/battery_pct",
        "smoke-1/alarm",
    ]
    assert table(report, "alarms_chattering").rows[0].cells == ("pump-pressure", "pump-1/pressure_bar", 2, 10)
    assert report.is_complete


async def test_how_long_people_took_is_told_and_what_alarms_came_of() -> None:
    report = await made()

    rules = {row.cells[0]: row.cells[1:] for row in table(report, "response_rule").rows}
    values = {row.cells[0]: row.cells[1] for row in table(report, "alarm_figures").rows}
    causes = [row.cells for row in table(report, "alarms_causes").rows]
    assert rules["door-forced"] == (11, 1, 15.0, 27.0, 5.0, 9.0)
    assert rules["leak"][0] == 1
    assert values["acknowledge_time"] is not None
    assert values["again"] == "10"
    assert causes == [("false_alarm", 7, 70.0), ("replaced", 3, 30.0)]
    assert {"response_means", "causes_open"} <= {one.key for one in report.notes}
    for language, words in (("en", CAUSES["false_alarm"][0]), ("zh", CAUSES["false_alarm"][1])):
        assert say(Phrase("came_of_false_alarm"), language) == words


async def test_people_who_get_more_than_they_can_heed_are_pointed_out() -> None:
    report = await made()

    ana, ben = table(report, "messages_to_people").rows
    messages = busy_alarms().past.messages
    assert ana.cells[:2] == ("Ana Sá", sum(one.person == "ana" for one in messages))
    assert ben.cells[1] == 47
    assert ana.notes == ben.notes == (1,)
    assert say(report.footnotes[0], "en").startswith(
        "Got more than 10 messages on a day, or more than 2 in a night"
    )


async def test_limits_are_those_of_the_site() -> None:
    calm = replace(house(), performance=AlarmLimits(acceptable=5, too_many=7, messages=500, night_messages=100))

    report = await made(calm)

    assert report.headlines[0].remark is not None
    assert report.headlines[0].remark.key == "alarms_too_many"
    assert [row.notes for row in table(report, "messages_to_people").rows] == [(), ()]


async def test_only_what_is_about_the_chosen_devices() -> None:
    report = await made(devices=["garage-in"])

    assert {row.cells[1] for row in table(report, "alarms_top").rows} == {"garage-in"}
    assert not [one for one in report.sections if one.title.key == "messages_to_people"]


async def test_without_alarms_there_is_nothing_to_say() -> None:
    site = house()

    nothing = await build("alarms", Books(usage=Book(site)), site, OCTOBER, now=NOW)
    quiet = await made(text="2026-07")
    old = await made(text="2025-02")

    assert nothing.notes[0].key == "no_alarms_kept"
    assert quiet.headlines[0].value == 0
    assert [one.key for one in quiet.notes] == ["alarms_mean"]
    assert [one.key for one in old.notes] == ["alarms_mean", "alarms_gone"]
    assert not old.is_complete


async def test_pages_files_and_mails_say_it_in_both_languages() -> None:
    site = house()
    report = await made(site)
    letters = Letters(
        site, Books(usage=Book(site), alarms=busy_alarms()), now=lambda: NOW, is_current=lambda: True
    )
    body = {"report": "m", "name": "", "kinds": ["alarms"], "period": "2026-10", "devices": None, "again": False}

    message = await letters(body, "zh")
    text = html([report], language="en")

    assert message.title == "Maple Court：告警，2026-10"  # noqa: RUF001 - Chinese punctuation
    assert [each.name for each in message.attachments] == [
        "maple-court-2026-10.html",
        "maple-court-2026-10-alarms.csv",
    ]
    assert "告警泛滥次数" in message.attachments[0].content.decode()
    assert "floods (from more than 10" in text
    lines = csv_file(report).splitlines()
    assert lines[0] == "period,day,alarms_raised,worst,standing"
    assert len(lines) == 32
    assert Report.of_json(report.as_json()) == report


async def test_every_word_is_known() -> None:
    report = await made()
    columns = {column.name for section in (*report.sections, *report.details) for column in section.columns}
    worded = {
        f"{column.name}_{cell}"
        for section in report.sections
        for row in section.rows
        for cell, column in zip(row.cells, section.columns, strict=True)
        if column.kind == "word"
    }
    phrases = {one.key for one in (*report.notes, *report.footnotes, *(each.title for each in report.sections))}
    phrases |= {chart.title.key for chart in report.charts} | {one.name.key for one in report.headlines}

    for words in (english.WORDS, chinese.WORDS):
        assert (columns | worded | phrases) - words.keys() == set()
