"""Upkeep dies around its commits, again and again: all is told once all the same."""

import asyncio
import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from monitor.equipment.commands import service
from monitor.model import Command, Entry, Reading
from monitor.plant import Group, Service
from tests.clock import ManualClock
from tests.dying import Death
from tests.equipment.houses import house
from tests.equipment.machines import MINUTE, NOON, SECOND, device, plan, said, site_of
from tests.equipment.year import doomed

SITE: Final = site_of(
    device("one"),
    device("two"),
    plans={
        "one": plan(starts_per_hour=5, services=(Service(id="oil", name="oil", every=1800.0, warn=60.0),)),
        "two": plan(starts_per_hour=20),
    },
    groups=[Group(id="feed", name="Feed", members=("one", "two"))],
)
CYCLES: Final = 16
"""Times four minutes: the first pump is called, and does not start each second time; then the other one runs."""
DEATHS: Final = 25


def story() -> Sequence[Entry]:
    """What is read every ten seconds, and once that work was done."""
    found = list[Entry]()
    for at in range(0, CYCLES * 4 * MINUTE, 10 * SECOND):
        cycle, within = divmod(at, 4 * MINUTE)
        fails = cycle % 2 == 1
        is_called = within >= MINUTE and within < 3 * MINUTE
        called, runs = is_called and not (fails and within >= 2 * MINUTE), is_called and not fails
        other = fails and 90 * SECOND <= within < 3 * MINUTE
        found += [
            said("one", NOON + at, called=called, running=runs, fault=False),
            said("two", NOON + at, called=other, running=other, fault=False),
        ]
        if at == 45 * MINUTE:
            found.append(service(SITE, [], device="one", by="ann", now=NOON + at))
    return found


async def _tell(folder: Path, entries: Sequence[Entry], dice: random.Random, deaths: int) -> tuple[Any, ...]:
    """Let all of it come, and die so many times meanwhile; answers what was told and kept."""
    clock, place, died = ManualClock(NOON), 0, 0
    while place < len(entries) or died < deaths:
        death = Death()
        async with house(folder, SITE, clock.now) as made:
            if died < deaths:
                doomed(made, dice, death)
            until = len(entries) * (died + 1) // deaths if died < deaths else len(entries)
            for entry in entries[place:until]:
                clock.time = max(clock.time, entry.arrived if isinstance(entry, Reading) else entry.time)
                await made.keep(entry)
                await asyncio.sleep(0)
            place = until
            await death.comes_within(0.1 if died < deaths else 0.0)
            died += 1
    async with house(folder, SITE, clock.now) as made:
        await made.settle()
        # Services are looked at once a minute, which begins anew with a life.
        events = sorted(
            (each.device, each.kind, 0 if "service" in each.attributes else each.time)
            for each in await made.events()
        )
        days = await made.book.days(["one", "two"], *_DAYS)
        done = await made.book.done(0, NOON * 2)
        counts = {(each.device, each.time): dict(each.values) for each in await made.derived()}
        return events, days, done, counts


_DAYS: Final = (date(2026, 11, 27), date(2026, 11, 27))


def test_what_is_told_after_many_deaths_is_what_is_told_without(tmp_path: Path) -> None:
    seed = random.randrange(10_000)
    entries = story()
    assert any(isinstance(each, Command) for each in entries)
    found = []
    for name, deaths in (("killed", DEATHS), ("undisturbed", 0)):
        (tmp_path / name).mkdir()
        found.append(asyncio.run(_tell(tmp_path / name, entries, random.Random(seed), deaths)))
    killed, undisturbed = found

    for one, two in zip(killed, undisturbed, strict=True):
        assert one == two, seed
    kinds = [kind for _, kind, _ in undisturbed[0]]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "failed_to_start": CYCLES // 2,
        "no_reserve": CYCLES // 2,
        "service_due": 1,
        "service_soon": 1,
        "serviced": 1,
        "short_cycling": 1,
        "took_over": CYCLES // 2,
    }
