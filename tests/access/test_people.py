"""People on the real journal and access.db: who is where, and what is told of it."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.model import Event, Reading
from monitor.periods import DAY, HOUR, QUARTER
from monitor.ports import Gap
from tests.access.homes import NOON, SITE, Home, card, home, passage, pseudonym, through
from tests.clock import ManualClock

pytestmark = pytest.mark.usefixtures("quick")


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
        before = made.people.zones()
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        counts = made.counts()
        zones = made.people.zones()
        figures = await made.figures("house")

    assert figures[0][0] > NOON - DAY
    assert counts["house"] == (2, 1)
    assert zones == before
    assert all(each.since for each in zones)


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


async def test_after_a_restart_nothing_is_said_against_who_was_reset(tmp_path: Path, clock: ManualClock) -> None:
    clock.time = NOON
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        later = clock.time = NOON + 2 * DAY
        await made.keep(*through("sluice-in", later, "ann"), *through("front-in", later, "bob"))
        await made.settle()
    clock.time = night = later + 17 * HOUR
    for _ in range(2):  # the first one resets, the second one finds it done
        async with home(tmp_path, SITE, clock) as made:
            await made.settle()
    async with home(tmp_path, SITE, clock) as made:
        await made.keep(*through("sluice-out", night, "ann"), *through("sluice-out", night - 1, "bob"))
        await made.settle()
        told = await made.told()

    assert [ident for _, _, ident, _ in told] == [f"passback-c{night - 1}"]


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


async def test_nothing_is_said_against_anybody_after_entries_were_lost(at: Home, clock: ManualClock) -> None:
    later = NOON + 2 * DAY
    clock.time = later + 100
    await at.keep(*through("sluice-in", later, "ann"))
    await at.settle()
    with capture_logs() as logs:
        async with at.people._busy:
            here = at.people._position
            await at.people._take(Gap(after=here, until=here, reason="lost"))
        clock.time = later + 1000
        await at.keep(*through("sluice-in", later + 200, "ann"), *through("sluice-in", later + 300, "ann"))
        await at.settle()

    assert [each["event"] for each in logs] == ["access_missed_entries"]
    assert [ident for _, _, ident, _ in await at.told()] == [f"passback-c{later + 300}"]


async def test_nobody_is_in_because_of_what_is_older_than_may_be_kept(tmp_path: Path, clock: ManualClock) -> None:
    site = replace(SITE, access=replace(SITE.access, keep=7 * 86400.0))
    clock.time = NOON
    async with home(tmp_path, site, clock, is_running=False) as made:
        await made.keep(*through("front-in", NOON))  # whose it was is known no more
        clock.time = NOON + 8 * DAY
        await made.keep(*through("front-in", clock.time))
    async with home(tmp_path, site, clock) as made:
        await made.settle()
        counts = made.counts()

    assert counts["house"] == (1, 0)
