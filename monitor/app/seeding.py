"""A past for the demo, by the normal road, on a clock that runs as fast as can be.

What devices would have said goes into the journal, and the daemon's own consumers judge, count and keep it.

It grows in a folder of its own, `seeding` in the state folder, whose files take their places when all of it is
there: what was interrupted is begun anew, and nothing else is ever touched.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

from monitor.app.caretaking import Caretaker
from monitor.app.parts import Parts, open_parts
from monitor.app.pastloop import PastClock, PastLoop
from monitor.clock import Clock
from monitor.clocksync import ClockSync
from monitor.cycles import looking_seldom
from monitor.downtime import note_stop
from monitor.errors import JournalError, SettingsError
from monitor.journal.soundness import sync
from monitor.ports import Batch
from monitor.simulation.past import STEP, Past, seldom
from monitor.simulation.stories import Stories
from monitor.simulation.world import World
from monitor.site import Site

__all__ = ["MARK", "Month", "begin_of", "carry", "half_done", "month_of", "seed", "stories_of"]

MARK: Final = "seeded.json"
"""The file that says which past a state folder has."""
_HALF_DONE: Final = "seeding"
_FILES: Final = ("journal.db", "state.db", "ledger.db", "access.db")
_PEOPLE: Final = "residents.json"

_LOOKS_EVERY: Final = 0.2
_PATIENCE: Final = 60.0
"""Seconds for which a sink that gets nowhere is waited for."""
_TOLD_EVERY: Final = 3_600_000
_SETTLES: Final = 20_000
"""Ms that pass at the end, so that everybody keeps what he has: nobody takes longer than 15 s."""
_PAGES: Final = 16_000
"""Pages (4 KiB) of a log before it is copied into its file: most are written many times."""
_CACHE_KIB: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A past that was filled in, from `begin` to `end` (UTC ms); `stories`: when its stories begin.

    `counts`: how many entries of each kind, and how many alarms, it has.
    """

    begin: int
    end: int
    stories: int
    counts: Mapping[str, int] = field(default_factory=dict)


def month_of(folder: Path) -> Month | None:
    """The past that a state folder was given; None when it has none, or not all of it."""
    _take_places(folder)
    mark = folder / MARK
    if not mark.exists():
        return None
    return Month(**json.loads(mark.read_text("utf-8")))


def half_done(folder: Path) -> bool:
    """Whether filling in the past of a folder was interrupted."""
    return (folder / _HALF_DONE).exists()


def stories_of(folder: Path, site: Site) -> Stories | None:
    """The stories that the past of a state folder tells; None when it was given none."""
    month = month_of(folder)
    return None if month is None else Stories(site, month.stories)


def begin_of(days: int, site: Site, now: int) -> int:
    """The local midnight so many whole days before the day of `now` (UTC ms)."""
    today = datetime.fromtimestamp(now / 1000, site.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    return round((today - timedelta(days=days)).timestamp() * 1000)


def seed(  # noqa: PLR0913 - a site, a folder, and three times
    site: Site,
    folder: Path,
    *,
    begin: int,
    stories: int,
    end: Callable[[], int],
    tell: Callable[[int], None] = lambda _: None,
) -> Month:
    """Fill in the past of a state folder from `begin` up to `end()`, which may grow meanwhile. Times are UTC ms.

    `stories`: when the month of stories begins; `tell` hears how far it has come. The folder is held by the caller
    (`monitor.daemon.holding`). Raises SettingsError when the folder has a past already, of whatever kind.
    """
    used = [name for name in _FILES if (folder / name).exists()]
    if used:
        raise SettingsError(
            f"{folder} has the state of a demo that ran without a past ({', '.join(used)}); nothing in it is "
            "touched: name another folder with --state"
        )
    place = folder / _HALF_DONE
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    clock = PastClock(begin)
    loop = PastLoop(clock)
    try:
        with looking_seldom(), asyncio.Runner(loop_factory=lambda: loop) as runner:
            filling = _Filling(site, place, begin=begin, stories=stories, clock=clock, loop=loop)
            month = runner.run(filling.run(end, tell))
        _settle(place)
        (place / MARK).write_text(json.dumps(asdict(month)), "utf-8")
        _settle(place)
    except* (JournalError, OSError) as errors:
        shutil.rmtree(place, ignore_errors=True)
        why = next(_leaves(errors))
        raise SettingsError(
            f"the past does not fit into {folder}, or cannot be written there ({why}); what was begun is taken "
            "away again: make room (about 10 MB a day), or name another folder with --state"
        ) from errors
    _take_places(folder)
    return month


def _leaves(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in errors.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


class _Filling:
    """One month on its way into a folder."""

    def __init__(  # noqa: PLR0913 - what it works with
        self, site: Site, folder: Path, *, begin: int, stories: int, clock: PastClock, loop: PastLoop
    ) -> None:
        self._site = seldom(site)
        self._folder = folder
        self._begin = begin
        self._stories = Stories(site, stories)
        self._clock = clock
        self._loop = loop

    async def run(self, end: Callable[[], int], tell: Callable[[int], None]) -> Month:
        synchronised = ClockSync(ask=lambda: True)
        async with open_parts(self._site, self._folder, self._clock, synchronised, past=float(STEP)) as parts:
            files = parts.files
            for store in (files.state, files.ledger, files.access):
                await store.alone(_hurry)
                await store.delay()
            await files.journal.in_writer(_hurry)
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(part, name=name) for name, part in parts.tasks_of_the_past().items()]
                await self._loop.settled()
                await parts.say_started(None)
                past = await self._fill(parts, end, tell)
                for task in running:
                    task.cancel()
            counts = {**await files.journal.look(_count), "alarms": parts.raised}
        (self._folder / _PEOPLE).write_text(json.dumps(self._at_home(past)), "utf-8")
        now = self._clock.now()
        note_stop(self._folder, now)
        return Month(begin=self._begin, end=now, stories=self._stories.begin, counts=counts)

    async def _fill(self, parts: Parts, end: Callable[[], int], tell: Callable[[int], None]) -> Past:
        world = World(self._site, stories=self._stories)
        past = Past(world, self._begin, parts.pseudonymise)
        caretaker = Caretaker(parts, world, self._begin)
        journal, clock, told = parts.files.journal, self._clock, 0
        for moment in past.moments(end):
            while caretaker.due <= moment.time:
                clock.move_to(caretaker.due)
                await caretaker.act(clock.now())
                await self._loop.settled()
            clock.move_to(moment.time)
            if moment.entries:
                await journal.append([Batch(entries=moment.entries)])
            await self._loop.settled()
            await caretaker.look(moment.time)
            if moment.time // _TOLD_EVERY != told:
                told = moment.time // _TOLD_EVERY
                tell(moment.time)
                await _keep(parts)
        clock.move_to(clock.now() + _SETTLES)
        await self._loop.settled()
        await self._loop.settled()
        await _keep(parts)
        return past

    def _at_home(self, past: Past) -> Mapping[str, list[int]]:
        """The numbers of those who are in, by the connection of the readers."""
        readers = [each for each in self._site.devices.values() if each.device_class == "access" and each.door]
        return {reader.connection: sorted(past.inside) for reader in readers}


def _hurry(db: sqlite3.Connection) -> None:
    """Let a file be written without waiting for the disk: what is cut off begins anew anyway."""
    db.execute("PRAGMA synchronous = OFF")
    db.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


async def _keep(parts: Parts) -> None:
    """Have all of the past until now in its files; raise JournalError when one of them could not be written.

    Nobody waits for a disk to get better.
    """
    files = parts.files
    stores = (files.state, files.ledger, files.access)
    await files.journal.in_writer(lambda _: None)
    why = next((each.failure for each in (files.journal, *stores) if each.failure), "")
    if why:
        raise JournalError(why)
    for store in stores:
        await store.settle()


async def carry(site: Site, folder: Path, tell: Callable[[int, int], None]) -> str:
    """Let the sinks of a site write what the journal of a folder has; `tell` hears (written, of so many).

    Answers why they did not get to the end, or nothing: what is left the daemon writes, as after any outage.
    """
    async with open_parts(site, folder, Clock(), ClockSync()) as parts, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part, name=name) for name, part in parts.outlets.tasks_of_sinks().items()]
        whole, why = int(parts.files.journal.last), ""
        least, since = whole, monotonic()
        while running:
            await asyncio.sleep(_LOOKS_EVERY)
            facts = parts.outlets.facts().values()
            lag = max(int(each["lag"]) for each in facts)
            tell(max(0, whole - lag), whole)
            if lag < least:
                least, since = lag, monotonic()
            if lag == 0 or monotonic() - since > _PATIENCE:
                why = next((str(each["last_error"]) for each in facts if each["lag"]), "")
                why = why or ("" if lag == 0 else "nothing was written any more")
                break
        for task in running:
            task.cancel()
    return why


def _count(db: Any) -> Mapping[str, int]:
    kinds = ("readings", "events", "derived", "transitions", "commands")
    rows = dict(db.execute("SELECT kind, count(*) FROM entries GROUP BY kind").fetchall())
    return {name: rows.get(number, 0) for number, name in enumerate(kinds, 1)}


def _settle(folder: Path) -> None:
    """Have all of a folder on the disk."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def _take_places(folder: Path) -> None:
    """Let the files of a past that is complete take their places, the mark last."""
    place = folder / _HALF_DONE
    if not (place / MARK).exists():
        return
    for path in sorted(place.iterdir(), key=lambda path: path.name == MARK):
        path.replace(folder / path.name)
    place.rmdir()
    sync(folder)
