"""A plant that is killed: run in a process of its own, which goes on with what the journal does not have yet."""

import asyncio
import itertools
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from monitor.model import Command, Derived, Entry, Reading
from tests.dying import doom
from tests.metering.ledgers import ms, site_of
from tests.metering.lives import MINUTE, Life, Operation, rated_meter
from tests.metering.plants import Plant, plant

__all__ = ["ENTRIES", "finish", "live", "lives"]

METERS: Final = ("one", "two", "three")

_OPERATIONS: Final[Sequence[Operation]] = (
    ("poll", 12, 0.7),
    ("backlog", 5, 0.4),
    ("glitch", 2, 0.3),
    ("told", 1, 0.8),
    ("swapped_pair", 3, 0.9),
    ("backlog", 8, 0.3),
    ("told_later", 1, 0.9),
    ("gap", 3, 0.6),
    ("reset", 0, 0.7),
    ("poll", 12, 0.4),
)
_AT_ONCE: Final = 4


def lives() -> list[Life]:
    """What truly happens to the meters: the same in every process; one of them goes past its modulus."""
    begin = ms("2026-10-24 21:07")
    made = [
        Life(device=ident, now=begin, register=start)
        for ident, start in zip(METERS, (45_678, 999_950, 250_000), strict=True)
    ]
    for place, life in enumerate(made):
        life.live([*_OPERATIONS[place:], *_OPERATIONS[:place]])
    return made


ENTRIES: Final[Sequence[Entry]] = [
    entry for _, entry in sorted(itertools.chain(*(life.delivered for life in lives())), key=lambda each: each[0])
]
END: Final = max(life.now for life in lives()) + MINUTE


def _open(folder: Path) -> Any:
    return plant(folder, site_of(*(rated_meter(ident) for ident in METERS)), lambda: END)


def live(folder: Path, seed: int, moment: str) -> None:
    """Go on until somebody kills it, or it dies of its own at a moment."""
    asyncio.run(_live(folder, random.Random(seed), moment))


async def _live(folder: Path, dice: random.Random, moment: str) -> None:
    async with _open(folder) as made:
        doom(made.metering, made.feeder, moment, dice.randint(1, 12))
        (folder / "alive").touch()
        await _go_on(made, dice)
        await asyncio.sleep(60)


async def _go_on(made: Plant, dice: random.Random) -> None:
    known = sum(isinstance(each.entry, Reading | Command) for each in await made.entries())
    for place in range(known, len(ENTRIES), _AT_ONCE):
        await made.keep(*ENTRIES[place : place + _AT_ONCE])
        await asyncio.sleep(dice.choice([0.0, 0.0, 0.01, 0.02]))


async def finish(folder: Path) -> dict[str, Any]:
    """Let the rest come, and answer all that is kept and told."""
    async with _open(folder) as made:
        await _go_on(made, random.Random(0))
        await made.settle()
        derived = await made.derived()
        identities = [(each.device, each.time, each.measurement, each.key) for each in derived]
        assert len(set(identities)) == len(identities)
        said = [each.entry for each in await made.entries() if isinstance(each.entry, Reading | Command)]
        assert said == list(ENTRIES)
        return {
            "sums": made.sums(),
            "quarters": [
                tuple(row)
                for row in await made.ledger.query(
                    "SELECT device, point, quarter, round(amount, 6), round(register, 6) FROM quarter"
                    " JOIN counter ON counter.id = counter ORDER BY 1, 2, 3"
                )
            ],
            "steps": [
                tuple(row)
                for row in await made.ledger.query(
                    'SELECT device, start, "end", start_register, end_register, round(amount, 6), cause, lost'
                    " FROM step JOIN counter ON counter.id = counter ORDER BY 1, 2, 3"
                )
            ],
            "events": sorted((each.device, each.id) for each in await made.events()),
            "beside": _told(each for each in derived if each.measurement == "electricity"),
            # A period that still runs is told as it stood at some commit, which is another one after a kill.
            "usage": _told(each for each in derived if each.values.get("partial_i") == 0),
        }


def _told(derived: Iterable[Derived]) -> dict[tuple[str, int, str], dict[str, float]]:
    """What was told last of each time, to four digits: the order of additions shows later, more so in watts."""
    return {
        (each.device, each.time, each.measurement if each.measurement != "electricity" else each.key): {
            name: round(float(value), 4) for name, value in each.values.items()
        }
        for each in derived
    }
