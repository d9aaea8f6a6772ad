"""Reports against the sums of the book they are made from."""

import json

import pytest

from monitor.reports.build import build
from monitor.reports.report import KINDS, Report
from tests.reports.books import SILENT, Book, house, period

OCTOBER = period("2026-10")


@pytest.mark.parametrize("kind", KINDS)
async def test_report_survives_the_road_through_json(kind):
    site = house(SILENT)
    book = Book(site)

    report = await build(kind, book, site, OCTOBER, now=book.now)

    assert Report.of_json(json.loads(json.dumps(report.as_json()))) == report
    assert report.sections


async def test_unknown_kind_is_refused_with_those_there_are():
    site = house()

    with pytest.raises(ValueError, match="usage, cost, coverage, balance"):
        await build("weather", Book(site), site, OCTOBER, now=0)
