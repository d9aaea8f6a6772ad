"""What is kept in access.db of doors and people, how it is found, and how it is forgotten and erased."""

import asyncio
import sqlite3
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.access.occupancy import Occupancy, Passage
from monitor.errors import JournalError
from monitor.journal import insisting
from monitor.journal.state import State
from monitor.journal.traces import cleanse_copy
from monitor.model import Event
from monitor.periods import DAY
from monitor.ports import Batch
from tests.access.homes import (
    NOON,
    SITE,
    Home,
    again,
    card,
    home,
    passage,
    pseudonym,
    shown,
    through,
)
from tests.clock import ManualClock

pytestmark = pytest.mark.usefixtures("quick")


async def test_every_event_of_doors_is_kept_once_with_its_place(at: Home) -> None:
    used = card("sluice-in", NOON, "ann", reason="ok", note="blue")
    tampered = Event(device="elsewhere", kind="tamper", time=NOON + 5, arrived=NOON + 5, id="t1")
    forced = Event(
        device="front", kind="forced", time=NOON + 6, arrived=NOON + 6, id="f", attributes={"door": "front"}
    )
    other = Event(device="front", kind="health", time=NOON + 7, arrived=NOON + 7, id="h")
    await at.keep(used, passage(used, 3), tampered, forced, other)
    await at.settle()
    found = {each.kind: each for each in await at.book.entries(NOON, NOON + DAY)}

    assert set(found) == {"card", "passage", "tamper", "forced"}
    assert (found["card"].door, found["card"].zone, found["card"].direction) == ("sluice", "lab", "in")
    assert (found["card"].result, found["card"].reason) == ("granted", "ok")
    assert found["card"].attributes == {"note": "blue"}
    assert found["passage"].credential == found["card"].credential == pseudonym("ann")
    assert (found["tamper"].door, found["tamper"].zone) == ("", "")
    assert found["forced"].zone == "house"


def _remove_journal(folder: Path) -> None:
    for file in folder.glob("journal.db*"):
        file.unlink()


async def test_what_comes_a_second_time_counts_once(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    events = [*through("front-in", NOON, "ann"), *through("front-in", NOON + 1)]
    async with home(tmp_path, SITE, clock) as made:
        await made.keep(*events)
        await made.settle()
    _remove_journal(tmp_path)  # with it goes what it knows of identities
    async with home(tmp_path, SITE, clock, begin_above=100) as made:
        await made.keep(*(again(event) for event in events))
        await made.keep(*through("front-in", NOON + 2, "bob"))
        await made.settle()
        counts = made.counts()

    assert counts["house"] == (3, 2)
    assert len(shown(tmp_path, "SELECT 1 FROM entry")) == 6


async def test_what_is_older_than_may_be_kept_is_gone_from_the_file(tmp_path: Path, clock: ManualClock) -> None:
    site = replace(SITE, access=replace(SITE.access, keep=7 * 86400.0))
    clock.time = NOON
    async with home(tmp_path, site, clock) as made:
        for number in range(0, 3000, 2):
            await made.journal.append([Batch(entries=through("front-in", NOON + number, f"old{number:05}"))])
        await made.settle()
        before = made.bytes()
        clock.time = NOON + 8 * DAY
        await made.keep(*through("front-in", clock.time, "new"))
        made.people._forgot_at = -1e9
        async with asyncio.timeout(60):
            while made.people.status()["entries"] > 2:  # noqa: ASYNC110 - another task works
                await asyncio.sleep(0.01)
        await made.settle()
        where, counts = await made.where(), made.counts()
        await made.store.query("PRAGMA wal_checkpoint(TRUNCATE)")
        after = made.bytes()

    old = pseudonym("old00002")[:16].encode()
    assert old in before
    assert pseudonym("old")[:6].encode() not in after
    assert pseudonym("new").encode() in after
    assert where == {pseudonym("new"): "house"}
    assert counts["house"] == (1, 1)


async def test_nothing_is_forgotten_by_a_clock_that_cannot_be_believed(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    async with home(tmp_path, SITE, clock) as made:
        made.people._may_forget = lambda: False
        await made.keep(*through("front-in", NOON, "ann"))
        await made.settle()
        clock.time = NOON + 400 * DAY
        await made.keep(*through("front-in", clock.time, "bob"))
        await made.settle()
        await asyncio.sleep(0.1)
        number = made.people.status()["entries"]

    assert number == 4


async def test_a_person_who_is_erased_is_nowhere_any_more(at: Home) -> None:
    ann = pseudonym("ann")
    for number in range(5):
        await at.keep(*through("front-in", NOON + number, "ann"), *through("front-in", NOON + 10 + number, "bob"))
    await at.keep(card("front-in", NOON + 20, "ann", note=f"said {ann}"))
    await at.settle()
    places = await at.people.forget(ann)
    counts = at.counts()
    await at.store.query("PRAGMA wal_checkpoint(TRUNCATE)")

    assert places == 5 * 2 + 1 + 1 + 1
    assert counts["house"] == (1, 1)
    assert ann.encode() not in at.bytes()
    assert await at.where() == {pseudonym("bob"): "house"}
    assert len(await at.book.entries(0, NOON + DAY, credential="erased")) == 11
    assert ann not in repr(vars(at.people))


async def test_whoever_was_erased_in_a_copy_is_not_in_when_it_takes_the_place_of_the_file(
    tmp_path: Path, clock: ManualClock
) -> None:
    clock.time = NOON
    async with home(tmp_path, SITE, clock) as made:
        for number, who in enumerate(("ann", "bob", "cid")):
            await made.keep(*through("front-in", NOON + number, who))
        await made.settle()
    for who in ("ann", "bob"):
        assert cleanse_copy(tmp_path / "access.db", pseudonym(who))
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        present, counts = await made.where(), made.counts()

    assert present == {pseudonym("cid"): "house"}
    assert counts["house"] == (1, 1)
    assert shown(tmp_path, "SELECT credential FROM presence") == [(pseudonym("cid"),)]


async def test_what_waits_of_an_erased_person_does_not_come_back_in(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    ann = pseudonym("ann")
    async with home(tmp_path, SITE, clock) as made:
        await made.keep(card("front-in", NOON, "ann"))
        await made.settle()
        async with made.people._busy:  # it is about something else
            erasing = asyncio.create_task(made.people.forget(ann))
            await asyncio.sleep(0.05)
            await made.keep(passage(card("front-in", NOON, "ann")), *through("gate-in", NOON + 5, "ann"))
        await erasing
        await made.settle()
        forgotten, counts = await made.where(), made.counts()
        await made.keep(*through("front-in", NOON + 50, "ann"))  # the card is used again
        await made.settle()
        later = await made.where()

    assert forgotten == {}
    assert counts["house"] == (0, 0)
    assert later == {ann: "house"}


async def test_erasing_says_when_it_cannot(at: Home) -> None:
    await at.keep(*through("front-in", NOON, "ann"))
    await at.settle()
    await at.store.query("PRAGMA query_only = ON")
    with pytest.raises(JournalError):
        await at.people._store.transact(lambda db: db.execute("DELETE FROM presence"))
    await at.store.query("PRAGMA query_only = OFF")

    assert await at.people.forget(pseudonym("ann")) == 3


async def test_a_backlog_of_ten_thousand_events_is_taken_up(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    events: list[Event] = []
    for number in range(5000):
        events += through(f"front-{'in' if number < 4000 else 'out'}", NOON + number, f"p{number % 4000}")
    async with home(tmp_path, SITE, clock, is_running=False) as made:
        for place in range(0, len(events), 500):
            await made.keep(*events[place : place + 500])
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        counts, status = made.counts(), made.people.status()

    assert counts["house"] == (3000, 3000)
    assert status["entries"] == 10_000


async def test_entries_are_found_by_device_kind_and_person_the_newest_first_of_all(at: Home) -> None:
    for number in range(10):
        await at.keep(*through("front-in", NOON + number, f"p{number % 2}"))
    await at.settle()
    newest = await at.book.entries(NOON, NOON + DAY, kinds=["card"], limit=3)
    person = await at.book.entries(NOON, NOON + 5, credential=pseudonym("p1"), devices=["front-in", "gate-in"])

    assert [each.time for each in newest] == [NOON + 7, NOON + 8, NOON + 9]
    assert [(each.kind, each.time) for each in person] == [
        (kind, NOON + number) for number in (1, 3) for kind in ("card", "passage")
    ]
    assert await at.book.entries(NOON, NOON + DAY, limit=0) == []
    assert await at.book.entries(NOON, NOON + DAY, devices=["gate-in"]) == []


def _insert(row: tuple[str, str, str], db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO door_day VALUES (?, ?, ?)", row)


async def test_days_of_doors_are_read_from_the_state(tmp_path: Path, clock: ManualClock) -> None:
    state = State.open(tmp_path / "state.db")
    body = '{"opened": {"card": 3, "rex": 1}, "forced": 1, "open_s": 12.5, "unheard_of": 1}'
    for door, day in (("gate", "2026-11-27"), ("front", "2026-11-27"), ("front", "2026-11-26")):
        await state.transact(partial(_insert, (door, day, body)))
    async with home(tmp_path, SITE, clock, is_running=False) as made:
        found = await made.book.door_days(date(2026, 11, 27), date(2026, 11, 28))
    await state.close()

    assert [(each.door, each.opened, each.forced, each.open_s) for each in found] == [
        ("front", {"card": 3, "rex": 1}, 1, 12.5),
        ("gate", {"card": 3, "rex": 1}, 1, 12.5),
    ]


async def test_a_disk_that_takes_nothing_is_told_once_and_made_up_for(
    at: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insisting, "_AFTER_FAILURE", 0.02)
    with capture_logs() as logs:
        await at.store.query("PRAGMA query_only = ON")
        await at.keep(*through("front-in", NOON, "ann"))
        async with asyncio.timeout(60):
            while not logs:  # noqa: ASYNC110 - another task works
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # it is tried some times more
        shown_meanwhile = at.counts()["house"]
        await at.store.query("PRAGMA query_only = OFF")
        await at.settle()

    own = [each["event"] for each in logs if each["event"].startswith("access_")]
    assert own == ["access_cannot_be_kept", "access_is_kept_again"]
    assert shown_meanwhile == (0, 0)
    assert at.counts()["house"] == (1, 1)


async def test_a_mistake_with_one_reader_stops_no_other(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    take = Occupancy.take

    def broken(self: Occupancy, passage: Passage, now: int) -> None:
        if passage.door == "gate":
            raise ZeroDivisionError
        take(self, passage, now)

    monkeypatch.setattr(Occupancy, "take", broken)
    with capture_logs() as logs:
        await at.keep(*through("gate-in", NOON, "bob"), *through("gate-in", NOON + 1, "bob"))
        await at.keep(*through("front-in", NOON + 2, "ann"))
        await at.settle()

    assert [(each["event"], each["device"]) for each in logs if "device" in each] == [
        ("access_part_set_aside", "gate-in")
    ]
    assert at.counts()["house"] == (1, 1)
    assert at.people.status()["entries"] == 6
