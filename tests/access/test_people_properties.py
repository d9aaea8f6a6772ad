"""Whoever goes where, whenever it arrives, and however often the monitor starts anew: people are where they are.

All is real but the doors: journal, access.db, consumer, feeder and book, in real files.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.access import people as people_module
from monitor.model import Event
from tests.access.homes import home, pseudonym, site_of, through, zone
from tests.access.whereabouts import MINUTE, Reference, Went
from tests.clock import ManualClock
from tests.metering.ledgers import ms

Operation = tuple[int, int, str, str, int]

DOORS: Final = {"front": "house", "stairs": "floor", "sluice": "lab", "gate": "yard"}
PEOPLE: Final = ("", "ann", "bob")
BEGIN: Final = {
    "Europe/Berlin": ms("2026-10-24 09:00"),
    "Europe/London": ms("2026-03-28 20:00"),
    "Australia/Lord_Howe": ms("2026-10-02 20:00"),
    "America/St_Johns": ms("2026-03-06 20:00"),
}

operations = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 60, 200, 700]),
        st.sampled_from([0, 1, 1, 2]),
        st.sampled_from(sorted(DOORS)),
        st.sampled_from(["in", "in", "out"]),
        st.sampled_from([0, 0, 0, 5, 400, 1200]),
    ),
    min_size=6,
    max_size=14,
)
minutes = st.sampled_from([None, 0, 120, 150, 200, 1430])


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    done=operations,
    resets=st.tuples(minutes, minutes, minutes),
    cuts=st.sets(st.integers(0, 13), max_size=3),
    timezone=st.sampled_from(sorted(BEGIN)),
)
def test_people_are_where_they_are(
    done: Sequence[Operation], resets: Sequence[int | None], cuts: set[int], timezone: str
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(people_module, "_TICK", 0.002)
        asyncio.run(_check(Path(folder), done, resets, cuts, timezone))


async def _check(
    folder: Path, done: Sequence[Operation], resets: Sequence[int | None], cuts: set[int], timezone: str
) -> None:
    site = site_of(
        zone("house", "front", reset=resets[0], most=2),
        zone("floor", "stairs", within="house", reset=resets[1], passback=True),
        zone("lab", "sluice", within="floor", reset=resets[2], passback=True),
        zone("yard", "gate", most=1, passback=True),
        timezone=timezone,
    )
    clock = ManualClock(BEGIN[timezone])
    truth = Reference(site.access.zones, site.timezone, BEGIN[timezone])
    rest = list(enumerate(done))
    async with home(folder, site, clock) as made:
        await made.settle()  # counting has begun
    clock.time += 30_000
    while True:
        async with home(folder, site, clock) as made:
            while rest:
                number, (wait, who, door, way, late) = rest.pop(0)
                clock.time += wait * MINUTE
                time = clock.time - late * MINUTE
                shown, used = through(f"{door}-{way}", time, PEOPLE[who], arrived=clock.time)
                shown, used = _named(shown, used, f"n{number}")
                truth.take(Went(clock.time, time, DOORS[door], way, PEOPLE[who], f"n{number}"))
                await made.keep(shown)
                await made.keep(used)
                if number in cuts:
                    break
            else:
                clock.time += MINUTE
                await made.settle()
                truth.pass_time(clock.time - 500)
                now = clock.time - 500
                counts = {each: truth.count(each, now) for each in truth.zones}
                async with asyncio.timeout(60):
                    while made.counts() != counts and made.people._stamp < now:  # noqa: ASYNC110
                        await asyncio.sleep(0.002)
                await made.settle()

                assert made.counts() == counts
                assert await made.where() == {
                    pseudonym(person): truth.where(person, now)
                    for person in PEOPLE
                    if person and truth.where(person, now)
                }
                told = [(kind, ident) for kind, _, ident, _ in await made.told()]
                assert told == truth.told
                assert len(await made.book.entries(0, clock.time)) == 2 * len(done) + len(told)
                return


def _named(shown: Event, used: Event, card: str) -> tuple[Event, Event]:
    used = replace(used, id=f"passage-{card}", attributes={**used.attributes, "card": card})
    return replace(shown, id=card), used
