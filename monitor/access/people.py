"""The consumer that knows who is where: keeps what happens at doors, counts people in zones, tells of both.

State, what there is to tell and the position are one transaction of access.db: within a second when somebody has
come or gone, else every 2 s. A kill in between replays the entries since, which tells the same, once.
"""

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, TypeVar

import orjson
import structlog

from monitor.access import entries
from monitor.access.cards import ERASED, Cards, out_of_hours
from monitor.access.layout import Layout
from monitor.access.occupancy import PRODUCER, Occupancy, Passage
from monitor.access.sight import Sight
from monitor.accessbook import ZoneNow
from monitor.errors import JournalError
from monitor.journal.insisting import insist
from monitor.journal.state import State, position_of, produce, set_position
from monitor.model import Derived, Event, Position, Recorded
from monitor.ports import Gap, Journal
from monitor.site import Site

__all__ = ["People"]

_log = structlog.get_logger()

T = TypeVar("T")

_TICK: Final = 0.25
_SOON: Final = 0.5
_COMMIT_EVERY: Final = 2.0
_SETTLE_MS: Final = 500
_AFTER_FAILURE: Final = 1.0
_MOST_ROWS: Final = 2000
_FORGET_EVERY: Final = 3600.0
_FORGET_AT_ONCE: Final = 1000
_REST: Final = 0.05
_BEGAN: Final = "began"
"""Key of the position up to which nothing is told: it was recorded before anybody counted."""

_OF_CARDS: Final = frozenset({"passage", "out_of_hours", "passback", "crowded"})
"""Kinds of events that name a card event of their reader."""


class People:
    """Follows the journal; keeps access.db; appends out_of_hours, passback, crowded, and how many are where.

    `may_forget`: whether the clock can be believed enough to throw away what is old by it.
    """

    name = PRODUCER

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        journal: Journal,
        store: State,
        site: Site,
        *,
        now: Callable[[], int],
        may_forget: Callable[[], bool] = lambda: True,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._journal = journal
        self._store = store
        self._site = site
        self._now = now
        self._steady = steady
        self._may_forget = may_forget
        self._layout = Layout(site)
        self._sight = Sight(self._layout)
        self._occupancy = Occupancy(site, self._layout, self._sight)
        self._cards = Cards()
        self._rows: dict[tuple[str, str], entries.Row] = {}
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        self._told: list[Event | Derived] = []
        self._failed: set[str] = set()
        self._salt = os.urandom(16)
        self._forgotten: dict[bytes, Position] = {}
        self._began = Position(0)
        self._position = Position(0)
        self._stamp = 0
        self._is_loaded = self._is_telling = False
        self._committed_at = steady()
        self._kept_at = 0
        self._number = 0
        self._forgot_at: float | None = None
        self._shown: Sequence[ZoneNow] = tuple(self._occupancy.now())
        self._busy = asyncio.Lock()
        self.applied = Position(0)
        """How far access.db has come."""

    # Asking -------------------------------------------------------------------------------------------

    def zones(self) -> Sequence[ZoneNow]:
        """Every zone as it was committed last."""
        return self._shown

    def status(self) -> dict[str, int]:
        """Facts for `status`: how far it has come, what is kept, how many are inside. Times in UTC ms."""
        return {
            "position": self.applied,
            "lag": self._journal.behind(self.applied),
            "last_commit": self._kept_at,
            "entries": self._number,
            "zones": len(self._layout.zones),
            "inside": self._occupancy.inside,
        }

    # Following ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Count until cancelled."""
        async with self._busy:
            await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="access follow")
            group.create_task(self._watch(), name="access watch")

    async def _load(self) -> None:
        memory = await self._insist(self._read)
        self._alone("", self._sight.load, memory.items())
        self._shown = tuple(self._occupancy.now())
        self._is_loaded = True

    def _read(self, db: sqlite3.Connection) -> dict[str, Any]:
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is gone from the file, too
        self._position = self.applied = position_of(db, self.name)
        memory = {row["key"]: orjson.loads(row["body"]) for row in db.execute("SELECT key, body FROM memory")}
        if _BEGAN not in memory:
            memory[_BEGAN] = self._journal.last if self._position == 0 else self._position
            entries.save(db, {}, {_BEGAN: memory[_BEGAN]})
        self._began = Position(memory[_BEGAN])
        self._number = db.execute("SELECT count(*) FROM entry").fetchone()[0]
        entries.let_go(db)
        outer = {zone: self._layout.outer(zone) for zone in self._layout.zones}
        self._occupancy.load(entries.people(db, outer).items(), memory.items())
        return memory

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._journal.follow(self._position):
                    async with self._busy:
                        await self._take(batch)
                        await self._keep_in_time()
            except JournalError as error:
                _log.warning("access_cannot_read_the_journal", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    async def _watch(self) -> None:
        """Let time pass while nothing is recorded, and forget what is too old."""
        while True:
            await asyncio.sleep(_TICK)
            async with self._busy:
                if self._position >= max(self._began, self._journal.last):
                    self._begin_to_tell()
                    now = self._now() - _SETTLE_MS
                    if now > self._stamp:
                        self._advance(now)
                await self._keep_in_time()
            await self._forget_what_is_old()

    async def _take(self, batch: Sequence[Recorded] | Gap) -> None:
        if isinstance(batch, Gap):
            if self._position > 0:
                _log.warning("access_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
            self._sight.lost(self._now())
            self._position = batch.until
            return
        happened = [recorded for recorded in batch if type(recorded.entry) is Event]
        await self._look_up([event for recorded in happened if type(event := recorded.entry) is Event])
        for recorded in happened:
            if recorded.position > self._began:
                self._begin_to_tell()
            self._advance(recorded.recorded)
            assert isinstance(recorded.entry, Event)
            self._alone(recorded.entry.device, self._event, recorded, recorded.entry)
            self._gather()
        self._advance(batch[-1].recorded)
        self._position = batch[-1].position

    def _begin_to_tell(self) -> None:
        """From here on what happens is told; how many are where first of all."""
        if not self._is_telling:
            self._is_telling = True
            self._occupancy.tell_all()

    def _advance(self, now: int) -> None:
        self._stamp = now
        self._alone("", self._occupancy.advance, now)
        self._gather()

    def _gather(self) -> None:
        if self._is_telling:
            self._told += self._occupancy.told
        self._occupancy.told.clear()

    def _alone(self, device: str, work: Callable[..., None], *arguments: Any) -> None:
        """Do what concerns one device; a mistake of the program in it is told once, and stops nothing else."""
        try:
            work(*arguments)
        except Exception:  # noqa: BLE001 - whatever it is, all others go on
            if device not in self._failed:
                self._failed.add(device)
                _log.exception("access_part_set_aside", device=device)

    async def _look_up(self, events: Sequence[Event]) -> None:
        """Find out which of these are kept already, and whose the cards are that they are about."""
        wanted = [entries.key(event) for event in events if event.kind in entries.KEPT]
        cards = {_card_of(event) for event in events if event.kind in _OF_CARDS}
        wanted += [card for card in cards if self._cards.get(card) is None]
        self._known = await self._insist(partial(entries.find, wanted=wanted)) if wanted else {}

    def _event(self, recorded: Recorded, event: Event) -> None:
        self._sight.take(event)
        if event.kind not in entries.KEPT:
            return
        key = entries.key(event)
        if key in self._rows or key in self._known:
            return  # nothing happens twice
        card = _card_of(event)
        direction = self._layout.direction(event)
        credential = entries.plain(event.attributes.get("credential"))
        if self._is_forgotten(credential, recorded.position):
            credential = ERASED
        if event.kind in _OF_CARDS:
            credential, of_card = self._cards.get(card) or self._known.get(card) or ("", "")
            direction = direction if "direction" in event.attributes else of_card or direction
        elif event.kind == "card":
            self._cards.add(key, credential, direction, event.time)
        door = self._layout.door(event)
        zone = self._layout.zone(door)
        self._rows[key] = entries.to_row(
            recorded.position, event, door=door, zone=zone, direction=direction, credential=credential
        )
        if event.kind == "card" and self._is_telling:
            told = out_of_hours(event, self._site, self._layout)
            self._told += [] if told is None else [told]
        elif event.kind == "passage" and zone and direction and credential != ERASED and self._is_young(recorded):
            passage = Passage(
                event=event, card=card[1], door=door, zone=zone, direction=direction, credential=credential
            )
            self._occupancy.take(passage, recorded.recorded)

    def _is_young(self, recorded: Recorded) -> bool:
        """Whether it may still be known who it was: of history that is older, nobody has a name any more."""
        return self._is_telling or recorded.recorded >= self._oldest()

    def _oldest(self) -> int:
        return self._now() - round(self._site.access.keep * 1000)

    # Forgetting ---------------------------------------------------------------------------------------

    async def forget(self, pseudonym: str) -> int:
        """Put `erased` in the place of a pseudonym, in memory and in access.db; its person is in no zone any more.

        Answers in how many places of the file it was. What the journal has of it up to now counts as erased for as
        long as this process runs: the journal has to be rewritten meanwhile. Raises JournalError when access.db
        cannot be written; call again then.
        """
        async with self._busy:
            if self._is_loaded:
                await self._keep()
            places = await self._store.transact(partial(entries.erase, pseudonym=pseudonym))
            self._forgotten[self._digest(pseudonym)] = self._journal.last
            self._cards.forget(pseudonym)
            self._known.clear()
            self._occupancy.forget(pseudonym)
            if self._is_loaded:
                await self._keep()
        return places

    def _digest(self, pseudonym: str) -> bytes:
        return hashlib.blake2b(pseudonym.encode(), key=self._salt, digest_size=16).digest()

    def _is_forgotten(self, credential: str, position: Position) -> bool:
        if not self._forgotten or not credential:
            return False
        return position <= self._forgotten.get(self._digest(credential), 0)

    async def _forget_what_is_old(self) -> None:
        """At the start and once an hour, forget what is older than it may be, a step at a time."""
        if self._forgot_at is not None and self._steady() - self._forgot_at < _FORGET_EVERY:
            return
        if self._position < self._began or not self._may_forget():
            return
        self._forgot_at = self._steady()
        before = self._oldest()
        async with self._busy:
            self._cards.forget_before(before)
            self._occupancy.forget_before(before)
            await self._keep_in_time()
        try:
            forgotten = step = await self._forget_step(before)
            while step >= _FORGET_AT_ONCE:
                await asyncio.sleep(_REST)
                step = await self._forget_step(before)
            if forgotten:
                await self._store.query("PRAGMA wal_checkpoint(TRUNCATE)")  # nor shall it be in the log
        except JournalError as error:  # what is left goes the next time
            _log.warning("access_cannot_forget", error=str(error))

    async def _forget_step(self, before: int) -> int:
        step = await self._store.transact(partial(entries.forget, before=before, most=_FORGET_AT_ONCE))
        self._number -= step
        return step

    # Keeping ------------------------------------------------------------------------------------------

    async def _keep_in_time(self) -> None:
        """Keep what is new: soon when there is something to tell or somebody has moved, else every 2 s."""
        waited = self._steady() - self._committed_at
        is_soon = bool(self._told) or self._occupancy.has_moved
        is_new = is_soon or self._position != self.applied
        if len(self._rows) >= _MOST_ROWS or (is_soon and waited >= _SOON) or (is_new and waited >= _COMMIT_EVERY):
            await self._keep()

    async def _keep(self) -> None:
        rows, told, position = list(self._rows.values()), self._told, self._position
        people, memory = self._occupancy.changes()
        memory = {**memory, **self._sight.changes()}

        def write(db: sqlite3.Connection) -> int:
            number = entries.add(db, rows)
            entries.save(db, people, memory)
            produce(db, self.name, told)
            set_position(db, self.name, position)
            return number

        number = await self._insist(write)
        self._number += number
        self._rows.clear()
        self._told = []
        self._committed_at = self._steady()
        self._kept_at = self._now()
        self._shown = tuple(self._occupancy.now())
        self.applied = position
        self._journal.acknowledge(self.name, position)

    async def _insist(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await insist(
            self._store,
            work,
            failed=lambda why: _log.error("access_cannot_be_kept", error=why),
            again=lambda: _log.info("access_is_kept_again"),
        )


def _card_of(event: Event) -> tuple[str, str]:
    """The card event that an event is about: its reader, and its id."""
    return entries.plain(event.device), entries.plain(event.attributes.get("card"))
