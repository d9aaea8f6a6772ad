"""A year of pump cycles in which the monitor dies a hundred times: nothing is lost, and nothing counted twice."""

import asyncio
import multiprocessing
import random
from collections import Counter
from datetime import date
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Final

import pytest

from monitor.model import Event
from monitor.upkeepbook import EquipmentDay, EquipmentNow, ServiceDone
from tests.clock import ManualClock
from tests.dying import Death
from tests.equipment.houses import house
from tests.equipment.year import (
    END,
    POLL,
    PUMPS,
    SITE,
    START,
    day_reached,
    doomed,
    live,
    one_day,
    read_by_day,
    started,
    truth,
    whole,
)

KILLED: Final = 12
"""So many times a process of its own is killed; then the year goes on in this one, and dies of its own."""
DEATHS: Final = 88


async def _year(folder: Path, dice: random.Random) -> int:
    """Let the rest of the year pass; answers how often it died."""
    deaths, number = 0, -1
    clock = ManualClock(START)
    while number < len(whole()):
        death = Death()
        async with house(folder, SITE, clock.now) as made:
            if number < 0:
                number = await day_reached(made)
                clock.time = whole()[number - 1][0]
            if deaths < DEATHS:
                doomed(made, dice, death)
            await made.keep(started(clock.time))
            days_left = len(whole()) - number
            for _ in range(max(1, days_left // max(1, DEATHS - deaths)) if deaths < DEATHS else days_left):
                await one_day(made, clock, number)
                number += 1
            deaths += await death.comes_within(0.05 if deaths < DEATHS else 0.0)
    return deaths


async def _finish(
    folder: Path,
) -> tuple[dict[str, EquipmentNow], list[EquipmentDay], list[Event], list[ServiceDone]]:
    clock = ManualClock(END)
    async with house(folder, SITE, clock.now) as made:
        await made.settle()
        events = await made.events()
        identities = [(each.device, each.id) for each in events]
        assert len(set(identities)) == len(identities)
        days = await made.book.days(PUMPS, date(2025, 12, 31), date(2027, 1, 1))
        done = await made.book.done(0, END)
        return {each.device: each for each in made.book.equipment()}, list(days), events, list(done)


@pytest.mark.fault(
    "SIGKILL",
    part="ledger",
    outcome="A year of pump cycles with a hundred deaths around its commits: running hours within one poll, every"
    " start counted once, days and months add up to them, each service told once.",
)
def test_a_year_of_pump_cycles_with_a_hundred_deaths(tmp_path: Path) -> None:
    seed = random.randrange(10_000)
    dice = random.Random(seed)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.equipment.wholeyear"])
    for _ in range(KILLED):
        child = processes.Process(target=live, args=(tmp_path, dice.randrange(10_000)))
        child.start()
        child.join(60)
        assert child.exitcode == -9, seed

    deaths = asyncio.run(_year(tmp_path, dice))
    now, days, events, done = asyncio.run(_finish(tmp_path))

    assert deaths > DEATHS / 2, seed
    for pump in PUMPS:
        of_pump = {each.day: each for each in days if each.device == pump}
        told = {day: (each.running_s, each.starts) for day, each in of_pump.items()}
        read = read_by_day(pump)
        assert set(told) - {date(2027, 1, 1)} == set(read), (seed, pump)
        hours, starts = now[pump].hours, now[pump].starts
        assert abs(3600 * hours - sum(ran for ran, _ in read.values())) < POLL / 1000 / 100, (seed, pump)
        assert starts == sum(each for _, each in read.values()), (seed, pump)
        for day, (ran, count) in read.items():
            assert told[day] == (pytest.approx(ran), count), (seed, pump, day)
            assert of_pump[day].known_s == {date(2026, 3, 29): 23, date(2026, 10, 25): 25}.get(day, 24) * 3600
        months = Counter[int]()
        for day, (ran, _) in told.items():
            months[day.month] += ran  # type: ignore[assignment]  # seconds with halves
        assert sum(months.values()) == pytest.approx(3600 * hours)
        _near_the_truth(pump, hours, starts, seed)
    _services_were_told_once(events, done, days)


def _near_the_truth(pump: str, hours: float, starts: int, seed: int) -> None:
    """Each edge is off by half a poll at most, and by nothing in the mean: of hundreds, by some hours."""
    edges = truth(pump)
    runs = [(max(START, begin), min(END, end)) for begin, end in list(pairwise(edges))[::2] if end > START]
    really = sum(max(0, end - begin) for begin, end in runs)
    doubt = POLL / sqrt(12) * sqrt(len(edges))
    assert abs(3_600_000 * hours - really) < 5 * doubt, (seed, pump)
    assert starts == sum(START < begin <= END for begin in edges[::2]), (seed, pump)


def _services_were_told_once(events: list[Event], done: list[ServiceDone], days: list[EquipmentDay]) -> None:
    told = Counter((each.kind, each.attributes["service"]) for each in events if "service" in each.attributes)
    ran = {each.day: each.running_s / 3600 for each in days if each.device == "duty"}
    cycles = [date(2026, 1, 1), date(2026, 5, 1), date(2026, 8, 19), date(2027, 1, 1)]
    used = [sum(hours for day, hours in ran.items() if a <= day < b) for a, b in pairwise(cycles)]
    assert all(hours > 710 for hours in used)
    assert told["service_due", "oil"] == told["service_soon", "oil"] == 3
    assert told["service_due", "seal"] == told["service_soon", "seal"] == 3
    assert told["serviced", "oil"] == told["serviced", "seal"] == 2
    assert len(done) == 4
    oil = [each.hours or 0.0 for each in done if each.service == "oil"]
    assert oil == pytest.approx([used[0], used[0] + used[1]], abs=0.5)
