"""The book reads the ledger wherever the state folder is named."""

from datetime import date
from pathlib import Path

import pytest

from monitor.journal.state import LEDGER, State
from monitor.metering.book import Book
from tests.metering.books import NOW, site_of


async def test_a_state_folder_may_be_named_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = State.open(Path("ledger.db"), LEDGER)
    book = Book(Path("ledger.db"), site_of(), registers=lambda _: [], now=lambda: NOW)

    assert [row.amount for row in await book.consumption(["main"], NOW - 900_000, NOW)] == [None]
    assert await book.coverage(["main"], date(2026, 11, 27), date(2026, 11, 27)) == []
    book.close()
    await ledger.close()
