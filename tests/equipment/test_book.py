"""The book answers from the ledger what was, and from the consumer what is."""

import asyncio
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monitor.equipment import book as book_module
from monitor.equipment.book import Book
from monitor.equipment.retention import forget
from monitor.errors import JournalError
from monitor.journal.state import LEDGER, State
from monitor.model import Event
from tests.clock import ManualClock
from tests.equipment.houses import House, house
from tests.equipment.machines import HOUR, MINUTE, NOON, SECOND, device, said, site_of

SITE = site_of(device("one"), device("two"))
DAY = 24 * HOUR


def health(ident: str, at: int, state: str, was: str = "answering") -> Event:
    attributes = {"state": state, "was": was}
    return Event(
        device=ident, kind="health", time=NOON + at, arrived=NOON + at, id=f"health-{at}", attributes=attributes
    )


async def test_equipment_with_a_fault_is_not_available(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 10 * HOUR)
    async with house(tmp_path, SITE, clock.now) as made:
        await made.keep(
            *(health(each, 0, "answering", "never_answered") for each in ("one", "two")),
            said("one", NOON + SECOND, fault=False, running=False),
            said("one", NOON + HOUR, fault=True, running=False),
            health("one", 2 * HOUR, "suspended"),
            health("one", 3 * HOUR, "answering", "suspended"),
            said("one", NOON + 4 * HOUR, fault=False, running=False),
            said("one", NOON + 6 * HOUR, fault=True, running=False),
            said("one", NOON + 7 * HOUR, fault=False, running=False),
        )
        await made.settle()
        one, two = await made.book.availability(["one", "two", "odd"], NOON - HOUR, NOON + 10 * HOUR)
        (part,) = await made.book.availability(["one"], NOON + 90 * MINUTE, NOON + 20 * HOUR)

    assert (one.up_s, one.down_s, one.unknown_s) == (6 * 3600.0, 4 * 3600.0, 3600.0)
    assert (one.outages, one.longest_s) == (2, 3 * 3600.0)
    assert (two.up_s, two.down_s, two.unknown_s) == (10 * 3600.0, 0.0, 3600.0)
    assert (part.up_s, part.down_s, part.unknown_s) == (5 * 3600.0, 3.5 * 3600.0, 0.0)


async def test_the_supply_has_spans_cut_to_the_period(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 5 * HOUR)
    rows = [
        ("", "water", NOON, "present", "[]"),
        ("", "water", NOON + HOUR, "lost", '["pressure_bar"]'),
        ("", "water", NOON + 2 * HOUR, "present", "[]"),
        ("a", "electricity", NOON, "present", "[]"),
    ]
    async with house(tmp_path, SITE, clock.now) as made:
        await made.ledger.transact(lambda db: db.executemany("INSERT INTO supply VALUES (?, ?, ?, ?, ?)", rows))
        found = await made.book.supply_spans(NOON + 90 * MINUTE, NOON + 5 * HOUR)
        early = await made.book.supply_spans(NOON, NOON + 90 * MINUTE)

    assert [(each.building, each.utility, each.state, each.start - NOON, each.end) for each in found] == [
        ("", "water", "lost", 90 * MINUTE, NOON + 2 * HOUR),
        ("", "water", "present", 2 * HOUR, NOON + 5 * HOUR),
        ("a", "electricity", "present", 90 * MINUTE, NOON + 5 * HOUR),
    ]
    assert found[0].lost == ("pressure_bar",)
    assert [(each.utility, each.state) for each in early] == [
        ("water", "present"),
        ("water", "lost"),
        ("electricity", "present"),
    ]


async def test_days_are_by_device_and_day_and_only_those_asked_for(tmp_path: Path) -> None:
    clock = ManualClock(NOON + 3 * DAY)
    async with house(tmp_path, SITE, clock.now) as made:
        for day in range(3):
            for ident in ("two", "one"):
                at = NOON + day * DAY
                await made.keep(said(ident, at, running=True), said(ident, at + MINUTE, running=True))
        await made.settle()
        found = await made.book.days(["two", "one", "odd"], date(2026, 11, 28), date(2026, 11, 29))
        book = made.book

    assert [(each.device, each.day.day, each.running_s) for each in found] == [
        ("one", 28, 60.0),
        ("one", 29, 60.0),
        ("two", 28, 60.0),
        ("two", 29, 60.0),
    ]
    assert [each.device for each in book.equipment()] == ["one", "two"]
    assert (book.groups(), book.services(), book.batteries(), book.supply()) == ([], [], [], [])


async def test_a_ledger_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    nothing = House.__new__(House)
    book = Book(tmp_path / "none.db", SITE, upkeep=nothing, now=lambda: NOON)  # type: ignore[arg-type]  # not asked

    with pytest.raises(JournalError, match="the ledger cannot be read"):
        await book.done(0, NOON)
    book.close()
    book.close()


async def test_what_is_forgotten_leaves_how_it_was_at_the_begin(tmp_path: Path) -> None:
    ledger = State.open(tmp_path / "ledger.db", LEDGER)
    days = [f"2026-11-{day:02}" for day in range(1, 31)]
    times = [NOON - day * DAY for day in range(30)]
    await ledger.transact(
        lambda db: [
            db.executemany("INSERT INTO equipment_day VALUES ('one', ?, '{}')", [(day,) for day in days]),
            db.executemany("INSERT INTO battery VALUES ('one', ?, 50.0)", [(day,) for day in days]),
            db.executemany("INSERT INTO presence VALUES ('one', ?, 'up')", [(time,) for time in times]),
            db.execute("INSERT INTO presence VALUES ('two', ?, 'up')", (NOON - 300 * DAY,)),
            db.executemany("INSERT INTO supply VALUES ('', 'gas', ?, 'lost', '[]')", [(time,) for time in times]),
            db.executemany(
                "INSERT INTO serviced VALUES (?, 'one', 'oil', ?, NULL, 'ann', '')",
                [(str(time), time) for time in times],
            ),
            db.execute(
                "INSERT INTO serviced VALUES ('x', 'one', 'belt', ?, NULL, 'ann', '')", (NOON - 300 * DAY,)
            ),
        ]
    )
    rounds = 0
    while await ledger.transact(lambda db: forget(db, NOON - 10 * DAY + HOUR, most=7)) >= 7:
        rounds += 1
        await asyncio.sleep(0)

    kept = {}
    for table, column in (
        ("equipment_day", "day"),
        ("battery", "day"),
        ("presence", "start"),
        ("supply", "start"),
        ("serviced", "time"),
    ):
        rows = await ledger.query(f"SELECT {column} FROM {table} ORDER BY 1")
        kept[table] = [row[0] for row in rows]
    await ledger.close()

    assert rounds > 10
    assert kept["equipment_day"] == kept["battery"] == days[15:]
    assert kept["supply"] == sorted(times[:11])
    assert kept["presence"] == kept["serviced"] == [NOON - 300 * DAY, *sorted(times[:11])]


async def test_figures_are_made_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, threads = ManualClock(NOON), []

    def noted(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            threads.append(threading.current_thread())
            return work(*arguments)

        return run

    monkeypatch.setattr(book_module, "availability", noted(book_module.availability))
    monkeypatch.setattr(book_module, "supply_spans", noted(book_module.supply_spans))
    async with house(tmp_path, site_of(device("one")), clock.now) as made:
        await made.book.availability(["one"], NOON - HOUR, NOON)
        await made.book.supply_spans(NOON - HOUR, NOON)

    assert len(threads) == 2
    assert threading.main_thread() not in threads
