"""People on the real journal and access.db: who is where, what is told, what is kept, and what is forgotten."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from monitor.access import people as people_module
from monitor.calendars import Hours, Schedule
from monitor.errors import JournalError
from monitor.journal.state import State
from monitor.journal.traces import cleanse_copy
from monitor.model import Event, Reading
from monitor.periods import DAY, HOUR, QUARTER
from monitor.ports import Batch
from tests.access.homes import Home, again, card, home, passage, pseudonym, shown, site_of, through, zone
from tests.clock import ManualClock
from tests.metering.ledgers import ms

NOON = ms("2026-11-27 12:00", "Europe/Berlin")
WEEKDAYS = Schedule(hours=(Hours(days=frozenset({1, 2, 3, 4, 5}), spans=((7 * 60, 19 * 60),)),))
SITE = site_of(
    zone("house", "front", "gate"),
    zone("floor", "stairs", within="house", hours=WEEKDAYS, most=2),
    zone("lab", "sluice", within="floor", passback=True, reset=4 * 60),
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_module, "_TICK", 0.01)


@pytest.fixture
async def at(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Home]:
    clock.time = NOON + 1000
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        yield made


async def test_people_are_in_the_innermost_zone_and_in_those_around_it(at: Home) -> None:
    await at.keep(*through("front-in", NOON, "ann"), *through("gate-in", NOON + 1, "bob"))
    await at.keep(*through("stairs-in", NOON + 2, "ann"), *through("sluice-in", NOON + 3, "ann"))
    await at.settle()
    inside = at.counts()
    await at.keep(*through("sluice-out", NOON + 4, "ann"), *through("front-out", NOON + 5, "bob"))
    await at.settle()

    assert inside == {"house": (2, 2), "floor": (1, 1), "lab": (1, 1)}
    assert at.counts() == {"house": (1, 1), "floor": (1, 1), "lab": (0, 0)}
    assert await at.where() == {pseudonym("ann"): "floor"}
    found = await at.book.present()
    assert [(each.since, each.reader) for each in found] == [(NOON + 4, "sluice-out")]


async def test_a_card_alone_moves_nobody_and_a_passage_without_a_name_counts_one(at: Home) -> None:
    await at.keep(card("front-in", NOON, "ann"), *through("front-in", NOON + 1), *through("stairs-in", NOON + 2))
    await at.settle()

    assert at.counts() == {"house": (1, 0), "floor": (1, 0), "lab": (0, 0)}


async def test_a_passage_finds_its_card_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    used = card("front-in", NOON, "ann")
    async with home(tmp_path, SITE, clock) as made:
        await made.keep(used)
        await made.settle()
    async with home(tmp_path, SITE, clock) as made:
        await made.keep(passage(used, after=900))
        await made.settle()
        where, counts = await made.where(), made.counts()

    assert where == {pseudonym("ann"): "house"}
    assert counts["house"] == (1, 1)


async def test_who_is_where_survives_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    async with home(tmp_path, SITE, clock) as made:
        await made.keep(*through("front-in", NOON, "ann"), *through("gate-in", NOON + 1))
        await made.settle()
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        counts = made.counts()
        zones = made.people.zones()
        figures = await made.figures("house")

    assert figures[0][0] > NOON - DAY
    assert counts["house"] == (2, 1)
    assert [each.since for each in zones] == [NOON] * 3


async def test_a_card_outside_the_hours_is_told_once(at: Home) -> None:
    late = NOON + 8 * HOUR
    await at.keep(*through("stairs-in", NOON, "ann"), *through("stairs-in", late, "bob"))
    await at.keep(card("stairs-in", late + 1, "eve", result="denied"), card("stairs-out", late + 2, "bob"))
    await at.keep(card("front-in", late + 3, "ann"))
    await at.settle()

    assert [each for each in await at.told() if each[0] == "out_of_hours"] == [
        (
            "out_of_hours",
            "stairs-in",
            f"out_of_hours-c{late}",
            {"door": "stairs", "zone": "floor", "card": f"c{late}"},
        )
    ]


async def test_a_card_that_arrives_late_is_judged_by_its_own_time(at: Home, clock: ManualClock) -> None:
    night = NOON - 10 * HOUR
    clock.time = NOON + HOUR
    await at.keep(*through("stairs-in", night, "ann", arrived=clock.time))
    await at.settle()
    found = [each.entry for each in await at.entries() if isinstance(each.entry, Event)]

    assert [(event.time, event.late) for event in found if event.kind == "out_of_hours"] == [(night, True)]
    assert await at.where() == {pseudonym("ann"): "floor"}


async def test_more_than_may_be_is_told_once_until_one_less_than_may_be_are_left(at: Home) -> None:
    crowd = [f"p{number}" for number in range(4)]
    times = iter(range(NOON, NOON + 100))
    for person in crowd:
        await at.keep(*through("stairs-in", next(times), person))
    for person in crowd[:2]:
        await at.keep(*through("stairs-out", next(times), person))  # two are left: as many as may be
    await at.keep(*through("stairs-in", next(times), "p0"))
    await at.keep(*through("stairs-out", next(times), "p0"), *through("stairs-out", next(times), "p2"))
    await at.keep(*through("stairs-in", next(times), "p0"), *through("stairs-in", next(times), "p2"))
    await at.settle()

    told = [attributes for kind, _, _, attributes in await at.told() if kind == "crowded"]
    assert [(each["zone"], each["count"], each["most"]) for each in told] == [("floor", 3, 2), ("floor", 3, 2)]
    assert [each["card"] for each in told] == [f"c{NOON + 2}", f"c{NOON + 10}"]


async def test_entering_twice_and_leaving_unseen_is_told_after_the_first_day(at: Home, clock: ManualClock) -> None:
    await at.keep(*through("sluice-in", NOON, "ann"), *through("sluice-in", NOON + 1, "ann"))
    await at.keep(*through("sluice-out", NOON + 2, "ann"))
    later = NOON + DAY + HOUR
    clock.time = later + 1000
    await at.keep(*through("sluice-in", later, "ann"), *through("sluice-in", later + 1, "ann"))
    await at.keep(*through("sluice-out", later + 2, "ann"), *through("sluice-out", later + 3, "ann"))
    await at.settle()

    assert [(kind, ident, said["direction"]) for kind, _, ident, said in await at.told()] == [
        ("passback", f"passback-c{later + 1}", "in"),
        ("passback", f"passback-c{later + 3}", "out"),
    ]


async def test_nothing_is_said_against_who_may_have_passed_unseen(at: Home, clock: ManualClock) -> None:
    later = NOON + 2 * DAY
    clock.time = later + 1000

    def reader(kind: str, time: int) -> Event:
        return Event(device="sluice-out", kind=kind, time=time, arrived=time, id=f"{kind}-{time}")

    await at.keep(*through("sluice-in", later, "ann"))
    await at.keep(reader("reader_offline", later + 10), reader("reader_online", later + 20))
    await at.keep(*through("sluice-in", later + 30, "ann"))
    await at.keep(*through("sluice-in", later + 40, "ann"))
    clock.time = night = later + 17 * HOUR  # the zone was reset in between
    await at.keep(*through("sluice-out", night, "ann"))
    await at.settle()

    assert [ident for _, _, ident, _ in await at.told()] == [f"passback-c{later + 40}"]


async def test_a_reset_moves_people_to_the_zone_around(at: Home, clock: ManualClock) -> None:
    await at.keep(*through("front-in", NOON, "ann"), *through("sluice-in", NOON + 1, "ann"))
    await at.keep(*through("sluice-in", NOON + 2))
    await at.settle()
    before = at.counts()
    clock.time = NOON + 16 * HOUR + 1000
    async with asyncio.timeout(60):
        while at.counts()["lab"][0]:  # noqa: ASYNC110 - another task works
            await asyncio.sleep(0.01)

    assert before == {"house": (2, 1), "floor": (2, 1), "lab": (2, 1)}
    assert at.counts() == {"house": (2, 1), "floor": (2, 1), "lab": (0, 0)}


async def test_a_reset_while_the_monitor_was_off_is_made_up_for(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    async with home(tmp_path, SITE, clock) as made:
        await made.keep(*through("sluice-in", NOON, "ann"))
        await made.settle()
    clock.time = NOON + 20 * HOUR
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        where = await made.where()

    assert where == {pseudonym("ann"): "floor"}


async def test_a_late_passage_changes_nothing_that_is_known_to_be_newer(at: Home, clock: ManualClock) -> None:
    clock.time = NOON + 2 * HOUR
    await at.keep(*through("front-in", clock.time, "ann"))
    await at.keep(*through("front-out", NOON, "ann", arrived=clock.time))
    await at.keep(*through("gate-in", NOON, "bob", arrived=clock.time))
    await at.settle()

    assert await at.where() == {pseudonym("ann"): "house", pseudonym("bob"): "house"}
    assert [each.is_late for each in await at.book.entries(0, NOON + DAY)] == [True] * 4 + [False] * 2


async def test_counts_are_told_when_they_change_at_most_once_a_second_and_each_quarter(
    at: Home, clock: ManualClock
) -> None:
    begin = clock.time = NOON + 60_000
    await at.settle()
    for number, offset in enumerate((0, 100, 900, 2000)):
        clock.time = begin + offset
        await at.keep(*through("front-in", clock.time, f"p{number}"))
    await at.settle()
    clock.time = NOON + QUARTER + 1000
    await at.keep(Reading(device="front", time=clock.time, arrived=clock.time, values={"open": False}))
    await at.settle()

    told = [each for each in await at.figures("house") if each[0] >= begin]
    assert told == [(begin, 1, 1), (begin + 1000, 3, 3), (begin + 2000, 4, 4), (NOON + QUARTER, 4, 4)]


async def test_history_is_taken_up_and_nothing_of_it_is_told(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON - 30 * HOUR
    journal_only = home(tmp_path, SITE, clock, is_running=False)
    async with journal_only as made:
        for number in range(3):
            clock.time += 10 * HOUR
            await made.keep(*through("stairs-in", clock.time, f"p{number}"))
    clock.time += 1000
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        where, told, figures = await made.where(), await made.told(), await made.figures("floor")
        await made.keep(*through("stairs-out", clock.time - 1, "p0"), *through("stairs-in", clock.time, "p0"))
        await made.settle()
        status = made.people.status()

    assert where == {pseudonym(f"p{number}"): "floor" for number in range(3)}
    assert told == []
    assert [known for _, count, known in figures if count] == [3]
    assert status["entries"] == 10
    assert status["lag"] == 0


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
            await made.keep(passage(card("front-in", NOON, "ann")), *through("gate-in", NOON + 5, "ann"))
            erasing = asyncio.create_task(made.people.forget(ann))
            await asyncio.sleep(0.05)
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
