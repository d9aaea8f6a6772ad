"""Pages, pictures and mails about doors, equipment and the supply: whole, safe, in two languages."""

import asyncio
from xml.etree import ElementTree as ET

import pytest

from monitor.accessbook import DoorDay
from monitor.periods import parse
from monitor.plant import Supply
from monitor.reports import chinese, english
from monitor.reports.build import build
from monitor.reports.html import html
from monitor.reports.letter import Letters
from monitor.reports.report import Report
from monitor.reports.words import say
from monitor.upkeepbook import Battery, EquipmentDay, ServiceDone, SupplySpan
from tests.reports.page import HOSTILE, Page
from tests.reports.plant import (
    DAYS,
    NOW,
    OCTOBER,
    PSEUDONYM,
    Doorbook,
    Plantbook,
    books,
    busy_doors,
    busy_plant,
    device,
    passage,
    plant,
)

KINDS = ("access", "equipment", "supply")


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    async def made() -> list[Report]:
        site = plant()
        known = books(site, busy_doors(), busy_plant())
        return [await build(kind, known, site, OCTOBER, now=NOW) for kind in KINDS]

    return asyncio.run(made())


async def test_page_is_well_formed_and_all_its_pictures_are_drawn(page, reports):
    assert page.tags["article"] == 3
    assert len(page.pictures) == sum(len(report.charts) for report in reports) == 7
    for picture in page.pictures:
        assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"


async def test_chinese_page_is_chinese(pages):
    page = pages["zh"]

    for words in ("门禁与区域报告", "设备运行报告", "供应报告", "需要检查的门", "同时最多人数", "电量低", "供水"):
        assert words in page.text
    ours = set(english.WORDS.values()) - set(chinese.WORDS.values())
    assert [each.strip() for each in page.texts if each.strip() in ours - {"Lift"}] == []
    assert "无原因".encode() in page.pictures[1]
    assert "A: 供电".encode() in page.pictures[-1]


async def test_numbers_of_the_page_are_those_of_the_report():
    site = plant()
    known = books(site, busy_doors(), busy_plant())
    page = Page(html([await build("access", known, site, OCTOBER, now=NOW)]))

    shown = {row[0]: row for row in reversed(page.rows)}
    assert shown["Garage"][:7] == ["Garage", "775", "279", "0", "62", "0", "434"]
    assert next(row[:5] for row in page.rows if "shut again" in "".join(row)) == [
        "Server room",
        "forced, and shut again within 2 s",
        "93",
        "93",
        "100 %",
    ]


async def test_a_name_from_outside_is_a_text_and_nothing_else():
    evil = [
        device("evil", HOSTILE, "door", building=HOSTILE),
        device("evil-pump", HOSTILE, "equipment", building=HOSTILE),
        device("evil-smoke", HOSTILE, "safety", building=HOSTILE),
    ]
    supplies = (Supply(building=HOSTILE, utility="water", device="evil", points=("p",)),)
    site = plant(*evil, supplies=supplies)
    upkeep = Plantbook(
        runs=[EquipmentDay(device="evil-pump", day=DAYS[0], known_s=86_400, running_s=60)],
        finished=[
            ServiceDone(device="evil-pump", service=HOSTILE, time=OCTOBER.start, hours=1, by=HOSTILE, note=HOSTILE)
        ],
        charged=[Battery(device="evil-smoke", percent=None, time=NOW, low=True)],
        away={"evil-smoke": [(OCTOBER.start, OCTOBER.end)]},
        spans=[SupplySpan(building=HOSTILE, utility="water", state="lost", start=OCTOBER.start, lost=(HOSTILE,))],
    )
    doors = Doorbook([DoorDay(door="evil", day=DAYS[0], opened={"none": 12}, forced=12)])
    made = [await build(kind, books(site, doors, upkeep), site, OCTOBER, now=NOW) for kind in KINDS]

    text = html(made)

    page = Page(text)
    assert "script" not in page.tags
    assert "<script" not in text
    assert "49" not in [each.strip() for each in page.texts]
    assert len(page.pictures) == sum(len(report.charts) for report in made)


async def test_a_mail_says_the_numbers_and_carries_the_tables_without_names():
    site = plant()
    marked = [passage("front-in", f"2026-10-05T0{hour}:00", PSEUDONYM) for hour in range(6, 10)]
    doors = Doorbook(busy_doors().days, [*busy_doors().entered, *marked])
    letters = Letters(site, books(site, doors, busy_plant()), now=lambda: NOW, is_current=lambda: True)
    body = {"report": "m", "name": "", "kinds": list(KINDS), "period": "2026-10", "devices": None, "again": False}

    message = await letters(body, "en")

    assert message.title == "Maple Court: Doors and zones, Equipment, Supply, 2026-10"
    assert "- forced: 528 (most of all: Garage)" in message.text
    assert "- longest interruption: 120.0 min (water, A)" in message.text
    assert [each.name for each in message.attachments] == [
        "maple-court-2026-10.html",
        *(f"maple-court-2026-10-{kind}.csv" for kind in KINDS),
    ]
    parts = [message.text, message.html, *(each.content.decode() for each in message.attachments)]
    assert [part for part in parts if PSEUDONYM in part] == []


async def test_every_phrase_is_known_in_both_languages(reports):
    running = parse("this-month", plant().timezone, NOW)
    site = plant()
    known = books(site, busy_doors(), busy_plant())
    made = [*reports, *[await build(kind, known, site, running, now=NOW) for kind in KINDS]]
    for report in made:
        phrases = [*report.notes, *report.footnotes, *(each.title for each in (*report.charts, *report.sections))]
        phrases += [each.name for each in report.headlines]
        phrases += [each.remark for each in report.headlines if each.remark]
        assert [each.key for each in phrases if each.key not in english.WORDS] == []
        assert [each.key for each in phrases if "{" in say(each, "en") + say(each, "zh")] == []
        names = {column.name for section in report.sections for column in section.columns}
        assert names - english.WORDS.keys() == set()
        worded = [
            f"{column.name}_{cell}"
            for section in report.sections
            for row in section.rows
            for cell, column in zip(row.cells, section.columns, strict=True)
            if column.kind == "word"
        ]
        assert set(worded) - english.WORDS.keys() == set()
