"""CSV of reports, read back with another reader's eyes."""

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from math import fsum

import pytest

from monitor.figures import CAUSES
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.reports.csvfile import csv_file
from tests.reports.books import SILENT, Book, house, meter, period

OCTOBER = period("2026-10")


async def rows(kind, site=None, **facts) -> list[dict[str, str]]:
    site = site or house(SILENT)
    book = Book(site, **facts)
    text = csv_file(await build(kind, Books(usage=book), site, OCTOBER, now=book.now))
    assert text.endswith("\r\n")
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in found} == {len(found[0])}
    assert len(set(found[0])) == len(found[0])
    return [dict(zip(found[0], row, strict=True)) for row in found[1:]]


async def test_usage_adds_up_to_the_book():
    site = house(SILENT)
    found = await rows("usage", site)
    book = Book(site)

    told = {each.device: each for each in await book.consumption(list(site.devices), OCTOBER.start, OCTOBER.end)}
    for row in found:
        amount = row["amount_kwh"] or row["amount_m3"]
        if row["device"] == "heat-cellar":
            assert (amount, row["register_end_kwh"], row["known_pct"]) == ("", "", "0")
        else:
            assert float(amount) == pytest.approx(told[row["device"]].amount, abs=1e-6)
    assert len(found) == len(site.devices)
    assert [row["device"] for row in found if row["apart"] == "1"] == ["rest"]
    when = datetime.fromisoformat(found[0]["demand_at"])
    assert when.timestamp() * 1000 == told["main-electricity"].demand_at
    assert float(found[0]["demand_max_kw"]) == pytest.approx(told["main-electricity"].demand_max / 1000, abs=1e-6)


async def test_cost_lines_add_up_to_the_cent():
    site = house()
    costs = await Book(site).costs(list(site.devices), OCTOBER.start, OCTOBER.end)

    found = await rows("cost", site)

    assert sum(Decimal(row["cost_eur"]) for row in found) == sum(each.total for each in costs)
    assert len(found) == sum(len(each.lines) for each in costs)
    assert {row["line"] for row in found} == {"band", "standing", "tax"}


async def test_coverage_has_each_day_of_each_meter():
    found = await rows("coverage", lost={("flat-1", date(2026, 10, 5)): {"bus": 400, "off": 3}})

    assert len(found) == 12 * 31
    assert all(
        int(row["expected"]) == int(row["received"]) + sum(int(row[f"lost_{cause}"]) for cause in CAUSES)
        for row in found
    )
    (bad,) = [row for row in found if row["received_share_pct"] != "100"]
    assert (bad["device"], bad["day"], bad["lost_bus"]) == ("flat-1", "2026-10-05", "400")


async def test_balance_has_each_day_and_leaves_empty_what_is_not_known():
    found = await rows("balance", unknown={"common": (OCTOBER.start, OCTOBER.start + 86_400_000)})

    here = [row for row in found if (row["class"], row["building"]) == ("electricity", "A")]
    assert len(here) == 31
    assert (here[0]["subs_kwh"], here[0]["difference_kwh"]) == ("", "")
    sums = [fsum(float(row[name]) for row in here[1:]) for name in ("mains_kwh", "subs_kwh", "difference_kwh")]
    assert sums[0] - sums[1] == pytest.approx(sums[2], abs=1e-4)


async def test_names_are_quoted_and_no_formulas():
    odd = meter("odd", '=HYPERLINK("x"),\r\n"y"', role="sub", building="A")
    found = await rows("usage", house(odd))

    assert [row["meter"] for row in found if row["device"] == "odd"] == ['\'=HYPERLINK("x"),\r\n"y"']
