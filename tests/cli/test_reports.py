"""`report` against the API on its real socket."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.reports.books import Books
from monitor.reports.build import Desk
from monitor.reports.report import Report
from tests.cli.running import aside, command
from tests.clock import ManualClock
from tests.reports.books import Book, house
from tests.reports.plant import NOW, busy_doors, busy_plant, plant
from tests.web.serving import make_parts, serving


@pytest.fixture
async def folder(journal: SqliteJournal, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Path]:
    book = Book(house())
    parts = replace(
        make_parts(journal, clock),
        site=book.site,
        reports=Desk(Books(usage=book), book.site, lambda: book.now),
        now=lambda: book.now,
    )
    async with serving(parts, tmp_path / "api.sock"):
        yield tmp_path


async def test_table_says_numbers_sums_and_notes(folder: Path) -> None:
    ran = await command("report", "usage", "--class", "electricity", "--state", folder)

    lines = ran.out.splitlines()
    assert lines[0].startswith("Maple Court: Consumption, 2026-10-01 to 2026-10-31 (")
    flat = next(line for line in lines if line.startswith("Flat 1 ")).split()
    assert flat[5:8] == ["15646.2", "16064.0", "417.8"]
    total = next(line for line in lines if line.startswith("Electricity, all (by main meters)"))
    assert "2982.1" in total
    assert lines[-1].startswith("- Sums are those of the main meters")


async def test_every_form_says_the_same(folder: Path) -> None:
    words = ("report", "cost", "--period", "2026-10", "--state", folder)
    table, sheet, page, data = await asyncio.gather(
        aside(*words),
        aside(*words, "--format", "csv"),
        aside(*words, "--format", "html", "--language", "zh"),
        aside(*words, "--json"),
    )

    assert [ran.code for ran in (table, sheet, page, data)] == [0] * 4
    total = Report.of_json(data.json).headlines[0].value
    assert total == Decimal("1455.93")
    assert "1455.93" in table.out
    assert sum(Decimal(row["cost_eur"]) for row in csv.DictReader(io.StringIO(sheet.out))) == total
    assert "1\u202f455.93" in page.out
    assert "费用报告" in page.out


@pytest.mark.parametrize(
    ("kind", "language", "said"),
    [
        ("access", "en", ["Doors to look at", "forced, and shut again within 2 s", "The contact shakes", "House"]),
        ("equipment", "zh", ["运行时间与故障", "Pressure pump 2 ", "低：立即更换", "brake pads changed"]),  # noqa: RUF001
        ("supply", "en", ["Interruptions", "pressure_bar", "[2] Began before the period"]),
    ],
)
async def test_doors_equipment_and_supply_are_told(  # noqa: PLR0917 - a case and what it needs
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path, kind: str, language: str, said: list[str]
) -> None:
    site = plant()
    books = Books(usage=Book(site), access=busy_doors(), upkeep=busy_plant())
    parts = replace(make_parts(journal, clock), site=site, reports=Desk(books, site, lambda: NOW), now=lambda: NOW)
    async with serving(parts, tmp_path / "api.sock"):
        ran = await aside("report", kind, "--language", language, "--state", tmp_path)

    assert ran.code == 0, ran.err
    assert [each for each in said if each not in ran.out] == []


async def test_a_file_is_written_as_a_whole_over_the_one_before(folder: Path) -> None:
    file = folder / "report.html"
    file.write_text("old")

    ran = await aside("report", "balance", "--format", "html", "--out", file, "--state", folder)

    assert (ran.code, ran.out) == (0, f"written to {file}\n")
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert file.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in folder.glob("*report*")] == ["report.html"]  # noqa: ASYNC240 - one folder
    assert list(folder.glob(".report*")) == []  # noqa: ASYNC240 - one folder


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("usage", "--period", "soon"), 1, "`soon` is no period"),
        (("usage", "--tenant", "nobody"), 1, "no device has the tenant nobody"),
        (("weather",), 2, "weather"),
        (("usage", "--out", "x.txt"), 2, "a table is for the terminal"),
        (("usage", "--format", "csv", "--out", "/nowhere/at/all.csv"), 2, "cannot be written"),
    ],
)
async def test_what_cannot_be_done_is_said(folder: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ran = await aside("report", *words, "--state", folder)

    assert ran.code == code
    assert said in " ".join(ran.err.split())
