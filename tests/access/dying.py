"""Doors that are killed: run in a process of their own, which goes on with what the journal does not have yet."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from monitor.access import doors as doors_module
from monitor.access.doors import Doors
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Derived, Entry, Event
from monitor.ports import Batch
from monitor.site import JournalSettings, Site
from monitor.zones import DoorSettings
from tests.access.doorlives import HOURS_OF_DOOR, Step, record_of
from tests.access.sites import said, site
from tests.clock import ManualClock
from tests.dying import doom
from tests.journal.conformance import everything
from tests.running import running

__all__ = ["finish", "live"]

_KINDS: Final = (
    "open",
    "card",
    "shut",
    "open",
    "late",
    "rex",
    "open",
    "shut",
    "unlock",
    "denied",
    "lock",
    "late card",
)
_GAPS: Final = (0, 300, 1500, 2001, 5000, 9001, 32_001)


def _plan() -> list[Step]:
    dice = random.Random(4)
    return [(dice.choice(_GAPS), dice.choice(_KINDS), dice.choice((0, 0, 700, 1500))) for _ in range(160)]


def _record() -> list[tuple[int, Entry]]:
    record = record_of(_plan(), known=True)
    end = record[-1][0]
    return [
        *record,
        *((end + after, said("meter", end + after, power_w=1.0)) for after in range(5000, 60_000, 5000)),
    ]


RECORD: Final = _record()


def _site() -> Site:
    return site(doors={"front": DoorSettings(unlocked=HOURS_OF_DOOR)})


class House:
    """A journal and a state, and the doors between them. Time is that of the record alone."""

    def __init__(self, folder: Path, dice: random.Random, moment: str) -> None:
        self.clock = ManualClock(RECORD[0][0])
        self.state = State.open(folder / "s.db")
        self.journal = SqliteJournal.open(folder / "j.db", JournalSettings(), now=self.clock.now)
        self.doors = Doors(self.journal, self.state, _site(), now=self.clock.now)
        self.feeder = Feeder(self.state, self.journal)
        doom(self.doors, self.feeder, moment, dice.randint(2, 30), store="_state")

    async def go_on(self, dice: random.Random) -> None:
        """Let come what the journal does not have yet."""
        known = sum(_is_given(each.entry) for each in await everything(self.journal))
        for stamp, entry in RECORD[known:]:
            self.clock.time = max(self.clock.time, stamp)
            await self.journal.append([Batch(entries=[entry])])
            await asyncio.sleep(dice.choice([0.0, 0.0, 0.005, 0.01]))

    async def settle(self) -> None:
        """Wait until all is judged and told."""
        async with asyncio.timeout(60):
            while True:
                last = self.journal.last
                waiting = await self.state.query("SELECT count(*) FROM produced")
                if not waiting[0][0] and await self.state.position(Doors.name) == last == self.journal.last:
                    return
                await asyncio.sleep(0.01)


def _is_given(entry: Entry) -> bool:
    own = ("opened", "closed", "forced", "held", "unlocked", "locked", "passage")
    return not isinstance(entry, Derived) and not (isinstance(entry, Event) and entry.kind in own)


@asynccontextmanager
async def _house(folder: Path, dice: random.Random, moment: str) -> AsyncIterator[House]:
    doors_module._TICK = 3600.0
    doors_module._SAVE_EVERY = dice.choice([0.0, 0.02, 0.1]) if moment != "finish" else 0.0
    house = House(folder, dice, moment)
    try:
        async with running(house.doors, house.feeder):
            async with asyncio.timeout(60):
                while not await house.state.query("SELECT 1 FROM doors"):  # noqa: ASYNC110 - another task works
                    await asyncio.sleep(0.001)
            yield house
    finally:
        await house.journal.close()
        await house.state.close()


def live(folder: Path, seed: int, moment: str) -> None:
    """Go on until somebody kills it, or it dies of its own at a moment."""
    asyncio.run(_live(folder, random.Random(seed), moment))


async def _live(folder: Path, dice: random.Random, moment: str) -> None:
    (folder / "alive").touch()
    async with _house(folder, dice, moment) as house:
        await house.go_on(dice)
        await asyncio.sleep(60)


async def finish(folder: Path) -> tuple[Sequence[Entry], dict[tuple[str, str], str]]:
    """Let the rest come; answers what was told, in an order of its own, and the figures."""
    async with _house(folder, random.Random(0), "finish") as house:
        await house.go_on(random.Random(0))
        await house.settle()
        entries = [each.entry for each in await everything(house.journal)]
        assert [entry for entry in entries if _is_given(entry)] == [entry for _, entry in RECORD]
        told = sorted((entry for entry in entries if not _is_given(entry)), key=repr)
        rows = await house.state.query("SELECT door, day, body FROM door_day")
        return told, {(row["door"], row["day"]): row["body"] for row in rows}
