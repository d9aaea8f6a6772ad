"""A year of three pumps, what they truly do and what is read of them; the same in every process."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from monitor.model import Command, Entry, Event, Reading
from monitor.periods import begin_of
from monitor.plant import Group, Service
from monitor.schema import MONITOR_DEVICE
from tests.clock import ManualClock
from tests.dying import MOMENTS, Die, be_killed, doom
from tests.equipment.houses import House, house
from tests.equipment.machines import device, plan, said, site_of

__all__ = [
    "END",
    "POLL",
    "PUMPS",
    "SITE",
    "START",
    "day_reached",
    "doomed",
    "live",
    "one_day",
    "read_by_day",
    "started",
    "truth",
    "whole",
]

PUMPS: Final = ("duty", "standby", "drain")
POLL: Final = 600_000
"""Ms between two polls."""
HOUR: Final = 3_600_000
SERVICES: Final = (
    Service(id="oil", name="Change the oil", hours=700.0, warn=7 * 86400.0),
    Service(id="seal", name="Look at the seal", every=100 * 86400.0, warn=10 * 86400.0),
)
SITE: Final = site_of(
    *(device(each, scan={"fast": POLL / 1000}) for each in PUMPS),
    plans={"duty": plan(called="", services=SERVICES), "standby": plan(called=""), "drain": plan(called="")},
    groups=[Group(id="feed", name="Feed", members=("duty", "standby"))],
)
START: Final = begin_of(date(2026, 1, 1), SITE.timezone)
END: Final = begin_of(date(2027, 1, 1), SITE.timezone)
DONE: Final = (120, 230)
"""Days on which both services were done: it takes until the evening of the day until that is said."""


def truth(pump: str) -> list[int]:
    """When a pump starts, stops, starts … in ms: it runs for half an hour to five, and rests for up to ten."""
    dice = random.Random(pump)
    edges, at = list[int](), START - 7 * HOUR
    while at < END + HOUR:
        at += dice.randint(40 * 60_000, 10 * HOUR if len(edges) % 2 == 0 else 5 * HOUR)
        edges.append(at)
    return edges


def polls(pump: str) -> Iterator[tuple[int, bool]]:
    """What is read of a pump on the grid."""
    edges, place = truth(pump), 0
    for at in range(START, END + 1, POLL):
        while edges[place] <= at:
            place += 1
        yield at, place % 2 == 1


def read_by_day(pump: str) -> dict[date, tuple[float, int]]:
    """Seconds and starts of each local day by the rule as it is written: trapezoids over what was read."""
    days: dict[date, tuple[float, int]] = {}
    for (one, was), (_, now) in pairwise(polls(pump)):
        day = datetime.fromtimestamp(one / 1000, UTC).astimezone(SITE.timezone).date()
        ran, starts = days.get(day, (0.0, 0))
        days[day] = (ran + (was + now) / 2 * POLL / 1000, starts + (now and not was))
    return days


@cache
def whole() -> Sequence[tuple[int, list[Entry]]]:
    """What comes, a local day at a time, and when the day ends."""
    read = {pump: dict(polls(pump)) for pump in PUMPS}
    found = []
    for number in range(365):
        first, last = (
            begin_of(date(2026, 1, 1) + timedelta(days=number + each), SITE.timezone) for each in (0, 1)
        )
        entries = list[Entry]()
        for at in range(first, last + (POLL if last == END else 0), POLL):
            entries += [said(pump, at, running=read[pump][at], fault=False) for pump in PUMPS]
        if number in DONE:
            entries += [_done(each.id, number, last - 1) for each in SERVICES]
        found.append((last, entries))
    return found


def _done(service: str, day: int, at: int) -> Command:
    arguments: dict[str, str | float] = {"service": service, "at": at}
    return Command(id=f"{service}-{day}", time=at, by="ann", kind="service", target="duty", arguments=arguments)


def started(at: int) -> Event:
    """The monitor runs again: for half a poll it did not."""
    attributes = {"off_since": at - POLL // 2, "off_until": at, "off_s": POLL / 2000}
    return Event(
        device=MONITOR_DEVICE,
        kind="monitor_started",
        time=at,
        arrived=at,
        id=f"started-{at}",
        attributes=attributes,
    )


def doomed(made: House, dice: random.Random, die: Die = be_killed) -> None:
    """Let it die at one of the moments that matter: around a commit of the ledger, or what is fed from it."""
    moment = dice.choices(MOMENTS, (3, 3, 2, 2))[0]
    # The first use of the ledger is where a life begins; whoever dies before that has never been.
    doom(made.upkeep, made.feeder, moment, dice.randint(2, 6), die=die)


def live(folder: Path, seed: int) -> None:
    """Go on with the year, three days at most, and die on the way."""
    asyncio.run(_live(folder, random.Random(seed)))


async def _live(folder: Path, dice: random.Random) -> None:
    clock = ManualClock(START)
    async with house(folder, SITE, clock.now) as made:
        first = await day_reached(made)
        clock.time = whole()[first - 1][0] if first else START
        doomed(made, dice)
        if first:
            await made.keep(started(clock.time))
        for number in range(first, first + 3):
            await one_day(made, clock, number)
            await asyncio.sleep(dice.choice([0.0, 0.02]))
        await asyncio.sleep(0.05)
        await be_killed()


async def day_reached(made: House) -> int:
    """How many days are in the journal: a day is kept at once or not at all."""
    known = sum(isinstance(each.entry, Reading) for each in await made.entries())
    number = 0
    while known > 0:
        known -= sum(isinstance(each, Reading) for each in whole()[number][1])
        number += 1
    assert known == 0
    return number


async def one_day(made: House, clock: ManualClock, number: int) -> None:
    """Let a day pass."""
    last, entries = whole()[number]
    clock.time = last
    await made.keep(*entries)
