"""The page of a report: whole, alone, safe, in two languages."""

import asyncio
import re
from collections import Counter
from decimal import Decimal
from string import Formatter
from xml.etree import ElementTree as ET

import pytest

from monitor.figures import CAUSES
from monitor.reports import chinese, english, pictures
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.reports.html import html
from monitor.reports.report import KINDS, Column, Phrase, Report
from monitor.reports.words import cell_text, number, say
from tests.reports.books import BERLIN, SILENT, Book, house, meter, period
from tests.reports.page import HOSTILE, Page

OCTOBER = period("2026-10")


async def make(kind="usage", site=None, devices=None, span=OCTOBER) -> Report:
    site = site or house()
    book = Book(site)
    return await build(kind, Books(usage=book), site, span, now=book.now, devices=devices)


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    async def made():
        return [await make(kind, house(SILENT)) for kind in KINDS[:4]] + [await make(devices=["flat-1"])]

    return asyncio.run(made())


async def test_page_is_well_formed_and_needs_nothing_from_outside(page):
    assert page.tags["article"] == 5
    assert not {"script", "link", "iframe", "object", "base", "form"} & page.tags.keys()
    outside = [value for name, value in page.attributes if name in {"src", "href", "action", "data", "srcset"}]
    assert all(value.startswith("data:image/svg+xml;base64,") for value in outside)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?:", page.text)


async def test_pictures_are_drawings_that_load_nothing(page, reports):
    assert len(page.pictures) == sum(len(report.charts) for report in reports)
    for picture in page.pictures:
        root = ET.fromstring(picture)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not [each for each in root.iter() if each.tag.endswith(("script", "foreignObject"))]
        links = [v for each in root.iter() for name, v in each.attrib.items() if name.endswith("href")]
        assert all(link.startswith(("#", "data:")) for link in links)


async def test_numbers_of_the_page_are_those_of_the_report(page, reports):
    usage = reports[0].sections[0]
    shown = {row[0]: row for row in reversed(page.rows)}
    at = [column.name for column in usage.columns].index("amount")

    for row in usage.rows:
        assert shown[str(row.cells[0])][at] == number(row.cells[at], 1)
    total = reports[1].headlines[0].value
    assert isinstance(total, Decimal)
    assert number(total, 2, " ") in page.text


async def test_structure_of_the_usage_page(reports):
    page = Page(html(reports[:1], language="en"))

    heads = [row for row in page.rows if row[0] == "meter"]
    assert heads[1] == [
        "meter",
        "building",
        "tenant",
        "register at begin (m³)",
        "register at end (m³)",
        "consumption (m³)",
        "a year before (m³)",
        "change",
        "greatest demand (m³/h)",
        "when",
        "base load (m³/h)",
        "estimated",
        "known",
    ]
    assert [len(row) for row in page.rows if row[0] in {"Flat 1", "Electricity, all (by main meters)"}] == [13, 11]
    assert page.tags == Counter(
        html=1,
        head=1,
        meta=2,
        title=1,
        style=1,
        body=1,
        article=1,
        header=1,
        h1=1,
        section=6,
        figure=3,
        figcaption=3,
    ) | {tag: page.tags[tag] for tag in ("p", "span", "small", "div", "img", "h2", "table", "thead", "tbody")} | {
        tag: page.tags[tag] for tag in ("tfoot", "tr", "th", "td", "sup", "ol", "ul", "li", "footer")
    }
    assert "2026-10-01 to 2026-10-31" in page.text


async def test_a_name_from_outside_is_a_text_and_nothing_else():
    site = house(meter("evil", HOSTILE, building=HOSTILE, tenant=HOSTILE, role="main"), without=["flat-1"])
    pages = [await make(kind, site) for kind in KINDS[:4]]

    text = html(pages, language="zh")

    page = Page(text)
    assert "script" not in page.tags
    assert "<script" not in text
    assert "alert('1')</script>{{ 7*7 }} {meter}" in "".join(page.texts)
    assert "49" not in [each.strip() for each in page.texts]
    assert len(page.pictures) == sum(len(report.charts) for report in pages)
    for picture in page.pictures:
        ET.fromstring(picture)


async def test_chinese_page_is_chinese(pages):
    page = pages["zh"]

    assert ("lang", "zh-Hans") in page.attributes
    for words in ("用量报告", "费用报告", "数据完整性报告", "总表与分表平衡报告", "上年同期", "不计入合计"):
        assert words in page.text
    ours = set(english.WORDS.values()) - set(chinese.WORDS.values())
    named = {"Water", "water", "day", "night"}  # of tariffs
    left = [each.strip() for each in page.texts if each.strip() in ours - named]
    assert left == []
    assert "用量".encode() in page.pictures[0]


async def test_a_day_is_named_once():
    page = Page(html([await make(span=period("2026-03-29"), devices=["flat-1"])]))

    assert "2026-03-29 final" in page.text
    assert "2026-03-29 to" not in page.text


async def test_an_unknown_language_is_english(reports):
    assert "Consumption" in Page(html(reports[:1], language="tlh")).text


async def test_page_comes_without_pictures_when_they_cannot_be_drawn(reports, monkeypatch):
    monkeypatch.setattr(pictures.sys, "executable", "/bin/false")

    page = Page(html(reports, language="en"))

    assert page.tags["img"] == 0
    assert page.text.count("the picture could not be drawn") == sum(len(report.charts) for report in reports)
    assert "2 982.1" in page.text


def test_both_languages_say_the_same_with_the_same_facts():
    def facts(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert english.WORDS.keys() == chinese.WORDS.keys()
    assert {key for key in english.WORDS if facts(english.WORDS[key]) != facts(chinese.WORDS[key])} == set()
    assert all(f"lost_{cause}" in english.WORDS and f"cause_{cause}" in english.WORDS for cause in CAUSES)
    causes = ("gap", "rollover", "reset", "replaced", "jump", "corrected")
    assert all(f"break_{cause}{lost}" in english.WORDS for cause in causes for lost in ("", "_lost"))


def test_what_is_not_all_is_never_rounded_to_all():
    share = Column(name="known", unit="%", kind="percent", digits=1)

    assert cell_text(99.99, share, "en", BERLIN) == "99.9 %"
    assert cell_text(100.0, share, "en", BERLIN) == "100.0 %"
    assert cell_text(None, share, "en", BERLIN) == "\u2013"
    assert number(-0.001, 1) == "0.0"
    assert number(-1234.5, 1, " ") == "\u22121 234.5"


def test_braces_in_a_fact_are_only_signs():
    assert (
        say(Phrase("meter_unknown", {"meter": "{0} {x.y}"}), "en") == "{0} {x.y}: nothing is known of this period."
    )
