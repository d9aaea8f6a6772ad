"""The route of reports, over a book of synthetic quarters of an hour."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.reports.books import Books
from monitor.reports.build import Desk, build
from monitor.reports.report import KINDS, Report
from monitor.web.reportshapes import ReportOut
from tests.clock import ManualClock
from tests.reports.books import TARIFFS, Book, house, period
from tests.reports.busyalarms import busy_alarms
from tests.reports.plant import NOW, busy_doors, busy_plant, plant
from tests.web.console.asking import asking, somebody
from tests.web.serving import make_parts, serving
from tests.web.shaped import shaped


@pytest.fixture
async def client(journal: SqliteJournal, clock: ManualClock, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    book = Book(house())
    parts = replace(
        make_parts(journal, clock),
        site=book.site,
        reports=Desk(Books(usage=book), book.site, lambda: book.now),
        now=lambda: book.now,
    )
    async with serving(parts, tmp_path / "api.sock") as client:
        yield client


def devices(answer: httpx.Response) -> list[str]:
    return [row["device"] for section in answer.json()["sections"] for row in section["rows"]]


async def test_last_month_is_reported_when_nothing_is_said(client: httpx.AsyncClient) -> None:
    answer = await client.get("/reports/usage")

    book = Book(house())
    expected = await build("usage", Books(usage=book), book.site, period("2026-10"), now=book.now)
    assert answer.status_code == 200
    assert Report.of_json(answer.json()) == replace(expected, period=period("last-month"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"device": ["flat-1", "boiler"]}, ["flat-1", "boiler"]),
        ({"class": "gas"}, ["boiler"]),
        ({"building": "B"}, ["main-annexe", "workshop"]),
        ({"tenant": "Bakery Öztürk"}, ["flat-2", "workshop", "water-2"]),
        ({"tenant": "Bakery Öztürk", "class": ["water", "gas"]}, ["water-2"]),
        ({"device": "flat-1", "building": "B"}, []),
    ],
)
async def test_meters_are_chosen_by_all_that_is_said(
    client: httpx.AsyncClient, query: dict[str, Any], expected: list[str]
) -> None:
    assert devices(await client.get("/reports/usage", params=query)) == expected


@pytest.mark.parametrize(
    ("kind", "building", "expected"),
    [
        ("access", "B", ["garage", "garage-in"]),
        ("equipment", "B", ["lift", "lift", "lift"]),
        ("supply", "B", []),
    ],
)
async def test_doors_equipment_and_supply_are_reported(  # noqa: PLR0917 - a case and what it needs
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path, kind: str, building: str, expected: list[str]
) -> None:
    site = plant()
    books = Books(usage=Book(site), access=busy_doors(), upkeep=busy_plant())
    parts = replace(make_parts(journal, clock), site=site, reports=Desk(books, site, lambda: NOW), now=lambda: NOW)
    async with serving(parts, tmp_path / "plant.sock") as client:
        answer = await client.get(f"/reports/{kind}", params={"building": building})

    named = [device for device in devices(answer) if device]
    assert sorted(set(named)) == sorted(set(expected))
    assert Report.of_json(answer.json()) == await build(
        kind,
        books,
        site,
        period("last-month", "2026-11-02T06:00"),
        now=NOW,
        devices=[one.id for one in site.devices.values() if one.building == building],
    )


async def test_every_kind_has_the_shape_that_is_described(journal: SqliteJournal, clock: ManualClock) -> None:
    site = plant(*house().devices.values(), tariffs=TARIFFS)
    books = Books(usage=Book(site), access=busy_doors(), upkeep=busy_plant(), alarms=busy_alarms())
    parts = replace(make_parts(journal, clock), site=site, reports=Desk(books, site, lambda: NOW), now=lambda: NOW)
    async with asking(parts, somebody()) as client:
        answers = {kind: (await client.get(f"/api/v1/reports/{kind}")).json() for kind in KINDS}
        told = (await client.get("/api/v1/openapi.json")).json()["paths"]["/api/v1/reports/{kind}"]["get"]
    found = {kind: shaped(ReportOut, answer) for kind, answer in answers.items()}

    assert {kind: report.kind for kind, report in found.items()} == {kind: kind for kind in KINDS}
    assert {kind for kind, report in found.items() if any(one.rows for one in report.sections)} >= {
        *KINDS[:-1]
    } - {"coverage"}
    assert told["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/ReportOut"}}
    }


async def test_money_comes_as_text(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/reports/cost", params={"period": "2026-10"})).json()

    assert answer["headlines"][0]["value"] == "1455.93"
    assert answer["notes"][0]["text"].startswith("Without a tariff, and so without a cost: Main meter")


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("weather", {}, 422, "kind"),
        ("usage", {"period": "next-month"}, 422, "`next-month` is no period: write 2026"),
        ("usage", {"device": "nobody"}, 404, "no device nobody"),
        ("usage", {"tenant": "nobody"}, 404, "no device has the tenant nobody"),
    ],
)
async def test_what_is_not_there_is_refused_with_a_reason(
    client: httpx.AsyncClient, path: str, query: dict[str, str], status: int, words: str
) -> None:
    answer = await client.get(f"/reports/{path}", params=query)

    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert answer.json()["what_to_do"]


async def test_a_site_without_metering_says_so(journal: SqliteJournal, clock: ManualClock, tmp_path: Path) -> None:
    async with serving(make_parts(journal, clock), tmp_path / "none.sock") as client:
        answer = await client.get("/reports/usage")

    assert (answer.status_code, answer.json()["detail"]) == (404, "nothing is metered here")
