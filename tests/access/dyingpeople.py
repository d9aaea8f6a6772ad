"""A site that is killed: run in a process of its own, which goes on with what the journal does not have yet."""

import asyncio
import random
from pathlib import Path
from typing import Any, Final

from monitor.access import people as people_module
from monitor.calendars import Hours, Schedule
from monitor.model import Derived, Event
from monitor.periods import DAY
from monitor.schema import MEASUREMENT_OCCUPANCY
from tests.access.homes import OWN, Home, home, site_of, through, zone
from tests.clock import ManualClock
from tests.dying import doom
from tests.metering.ledgers import ms

__all__ = ["EVENTS", "SITE", "finish", "live"]

SITE: Final = site_of(
    zone("house", "front", most=8),
    zone("floor", "stairs", within="house", hours=Schedule(hours=(Hours(spans=((7 * 60, 20 * 60),)),))),
    zone("lab", "sluice", within="floor", passback=True, reset=3 * 60),
)
BEGIN: Final = ms("2026-10-24 04:00")
_PEOPLE: Final = ("", *(f"p{number}" for number in range(12)))
_STEP: Final = 9 * 60_000
_PASSAGES: Final = 320
_AT_ONCE: Final = 8
_A_LIFE: Final = 40


def _events() -> list[Event]:
    """Passages over two days, the clock is set in between; some of them arrive late."""
    dice = random.Random(7)
    found: list[Event] = []
    for number in range(_PASSAGES):
        now = BEGIN + (number + 1) * _STEP
        door, way = dice.choice(["front", "stairs", "sluice"]), dice.choice(["in", "in", "out"])
        late = dice.choice([0, 0, 0, 0, 2 * _STEP, 20 * _STEP]) + number % 7
        found += through(f"{door}-{way}", now - late, dice.choice(_PEOPLE), arrived=now)
    return found


EVENTS: Final = _events()


def live(folder: Path, seed: int, moment: str) -> None:
    """Go on until somebody kills it, or it dies of its own at a moment."""
    asyncio.run(_live(folder, random.Random(seed), moment))


async def _live(folder: Path, dice: random.Random, moment: str) -> None:
    people_module._TICK = 0.005  # type: ignore[misc]
    clock = ManualClock(BEGIN)
    async with home(folder, SITE, clock, is_running=False) as made:
        doom(made.people, made.feeder, moment, dice.randint(2, 6))
        (folder / "alive").touch()
        async with asyncio.TaskGroup() as group:
            group.create_task(made.people.run())
            group.create_task(made.feeder.run())
            await _go_on(made, clock, dice, most=_A_LIFE)
            await asyncio.sleep(60)


async def _go_on(made: Home, clock: ManualClock, dice: random.Random, most: int = len(EVENTS)) -> None:
    """Let come what the journal does not have yet, at its time."""
    found = await made.entries()
    known = sum(isinstance(each.entry, Event) and each.entry.kind in {"card", "passage"} for each in found)
    if known == 0:
        async with asyncio.timeout(60):
            while not made.people._is_telling:  # noqa: ASYNC110 - counting begins now
                await asyncio.sleep(0.005)
    for event in EVENTS[known : known + most]:
        clock.time = max(clock.time, event.arrived)
        await made.keep(event)
        if dice.random() < 1 / _AT_ONCE:
            await asyncio.sleep(dice.choice([0.0, 0.005, 0.01]))


async def finish(folder: Path) -> dict[str, Any]:
    """Let the rest come, and answer all that is kept and told."""
    clock = ManualClock(BEGIN)
    async with home(folder, SITE, clock) as made:
        await _go_on(made, clock, random.Random(0))
        clock.time = EVENTS[-1].arrived + DAY // 4
        await made.settle()
        found = [each.entry for each in await made.entries()]
        said = [each for each in found if isinstance(each, Event) and each.kind in {"card", "passage"}]
        assert said == EVENTS
        figures = [
            each for each in found if isinstance(each, Derived) and each.measurement == MEASUREMENT_OCCUPANCY
        ]
        identities = [(each.time, each.key) for each in figures]
        assert len(set(identities)) == len(identities)
        columns = "device, id, kind, time, arrived, door, zone, direction, credential, attributes"
        entries = await made.store.query(f"SELECT {columns} FROM entry ORDER BY device, id")
        return {
            "entries": [tuple(row) for row in entries],
            "where": await made.where(),
            "since": {each.credential: (each.since, each.reader) for each in await made.book.present()},
            "counts": made.counts(),
            "told": sorted(
                (each.device, each.id) for each in found if isinstance(each, Event) and each.kind in OWN
            ),
            "figures": {each.key: dict(each.values) for each in figures},
        }
