"""What the view says of what is gone, or was never seen."""

import asyncio
from pathlib import Path
from threading import Event

import pytest

from monitor.journal.state import LEDGER, State
from monitor.metering import retention
from monitor.metering.book import Book
from monitor.metering.step import Cause, Step
from monitor.metering.view import View
from tests.metering.books import NOW, site_of
from tests.metering.ledgers import book, new
from tests.metering.test_view import HOUR, NOON, POINT, ask, every


def test_what_was_forgotten_is_not_known_any_more() -> None:
    db = new()
    book(db, "main", POINT, every(5, NOON, NOON + 8 * HOUR, 4.0))
    retention.forget(db, NOON + 4 * HOUR)

    gone, rest, whole = (ask(db, NOON + a * HOUR, NOON + b * HOUR) for a, b in ((0, 4), (4, 8), (0, 8)))

    assert gone.amount is None
    assert (rest.amount, rest.known, rest.is_complete) == (pytest.approx(16.0), 1.0, True)
    assert (whole.amount, whole.known, whole.is_complete) == (pytest.approx(16.0), 0.5, False)


def test_a_break_that_nobody_saw_for_long_is_estimated_where_a_period_cuts_it() -> None:
    db = new()
    unseen = Step(
        start=NOON,
        end=NOON + 4 * HOUR,
        start_register=999_990.0,
        end_register=6.0,
        amount=16.0,
        cause=Cause.ROLLOVER,
    )
    book(db, "main", POINT, [unseen])

    part, whole = ask(db, NOON, NOON + HOUR), ask(db, NOON, NOON + 4 * HOUR)

    assert (part.amount, part.estimated) == (pytest.approx(4.0), pytest.approx(4.0))
    assert (whole.amount, whole.estimated) == (pytest.approx(16.0), 0.0)


async def test_a_short_question_does_not_wait_for_a_long_one(tmp_path: Path) -> None:
    ledger = State.open(tmp_path / "ledger.db", LEDGER)
    asked = Book(tmp_path / "ledger.db", site_of(), registers=lambda _: [], now=lambda: NOW)
    began, goes_on = Event(), Event()

    def long(_: View) -> bool:
        began.set()
        return goes_on.wait(60)

    report = asyncio.create_task(asked._read(long))
    await asyncio.to_thread(began.wait, 60)
    try:
        async with asyncio.timeout(30):
            (row,) = await asked.consumption(["main"], NOW - 900_000, NOW)
        assert row.amount is None
        assert not report.done()
    finally:
        goes_on.set()
    assert await report
    asked.close()
    await ledger.close()
