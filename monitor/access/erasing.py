"""Erases a person: wherever the pseudonym stands, `erased` stands afterwards; and it is proved that it does.

Every step can be repeated, and after a kill all of them are. The journal comes first: what others read of it from
then on does not know the person any more. The pseudonym itself is remembered in access.db until it is nowhere
else, and then it is forgotten there, too.
"""

import asyncio
import re
import secrets
import sqlite3
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from monitor.access.places import Outside, Places
from monitor.errors import FacilityMonitorError, JournalError, RequestRefused, SinkUnavailable
from monitor.journal.files import Files
from monitor.journal.traces import ERASED
from monitor.model import Command, Position
from monitor.schema import MONITOR_DEVICE
from monitor.wording import Sentence

__all__ = ["Erasing", "audit"]

_log = structlog.get_logger()

_PSEUDONYM = re.compile(r"[0-9a-f]{24}")
_SHORTEST_WAIT = 60.0
_LONGEST_WAIT = 3600.0
_CATCHES_UP = 60.0
_LOOK_EVERY = 0.1
_LONGEST: Final = 500
_ASK = "INSERT INTO erasure VALUES (?, ?, ?, ?, ?, NULL, '{}')"
_OPEN = "SELECT id, pseudonym FROM erasure WHERE done IS NULL ORDER BY asked, id"
_ALL = 'SELECT id, asked, "by", reason, done, body FROM erasure'


def audit(kind: str, by: str, reason: str, now: int, **arguments: str) -> Command:
    """What the journal notes when somebody erases, exports, or reads or changes names. Never who it was about.

    `kind`: access_erase, access_export, names_read or names_written. `arguments`: `erasure`, its id.
    """
    return Command(
        id=f"{kind}-{now}-{secrets.token_hex(4)}",
        time=now,
        by=by,
        kind=kind,
        target=MONITOR_DEVICE,
        arguments=arguments,
        reason=reason,
    )


class Erasing:
    """Works off what was asked for, one person after the other; used from one event loop.

    `people`: has the consumer of access.db forget somebody, and answers how many rows it changed. `outside`: the
    databases to which pseudonyms may have gone; while one cannot be reached the erasure stays open. `memories`:
    have those forget who keep events in memory, and answer how many.
    """

    def __init__(  # noqa: PLR0913 - the places that are not files
        self,
        files: Files,
        *,
        now: Callable[[], int],
        people: Callable[[str], Awaitable[int]] | None = None,
        outside: Sequence[Outside] = (),
        forget_name: Callable[[str], bool] | None = None,
        memories: Sequence[Callable[[str], int]] = (),
    ) -> None:
        self._files = files
        self._access = files.access
        self._places = Places(files)
        self._now = now
        self._people = people
        self._outside = outside
        self._forget_name = forget_name
        self._memories = memories
        self._asked = asyncio.Event()
        self._told = ""

    async def ask(self, pseudonym: str, by: str, reason: str) -> str:
        """Have a person erased; answers the id by which it can be asked how far it is. Raises RequestRefused.

        Whoever is being erased already is not erased twice.
        """
        if not _PSEUDONYM.fullmatch(pseudonym):
            raise RequestRefused(Sentence("a pseudonym has 24 hexadecimal digits"))
        if pseudonym in by + reason or max(len(by), len(reason)) > _LONGEST:
            raise RequestRefused(
                Sentence(
                    "say who asks and why in at most {count} characters, without the pseudonym", count=_LONGEST
                )
            )
        now, fresh = self._now(), f"erasure-{secrets.token_hex(6)}"

        def work(db: sqlite3.Connection) -> str:
            found = db.execute("SELECT id FROM erasure WHERE pseudonym = ?", (pseudonym,)).fetchone()
            if found is not None:
                return str(found[0])
            db.execute(_ASK, (fresh, now, by, reason, pseudonym))
            return fresh

        number = await self._access.transact(work)
        self._asked.set()
        return number

    async def state(self, number: str) -> Mapping[str, Any] | None:
        """How far an erasure is, ready for JSON; None when there is none of this id.

        `state`: open or done. `places`: where the person was found, and how often (a kill in between may have it
        less). `waits_for`: what holds it up, in words. `found_after`: the files in which the pseudonym was still
        found at the end, and how often: none, when all went well.
        """
        rows = await self._access.query(f"{_ALL} WHERE id = ?", (number,))
        return _told(rows[0]) if rows else None

    async def all(self) -> Sequence[Mapping[str, Any]]:
        """Every erasure that was ever asked for, the newest first; each as `state` tells it."""
        return [_told(row) for row in await self._access.query(f"{_ALL} ORDER BY asked DESC, id")]

    async def run(self) -> None:
        """Work off what is open, now and whenever it is asked for; what fails is tried again. Until cancelled."""
        wait = _SHORTEST_WAIT
        while True:
            self._asked.clear()
            if await self._work_off():
                wait = _SHORTEST_WAIT
                await self._asked.wait()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._asked.wait()
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _work_off(self) -> bool:
        """Try everything that is open; answers whether nothing is left open."""
        is_done, number = True, ""
        try:
            await self._tidy_up()
            for number, pseudonym in [tuple(row) for row in await self._access.query(_OPEN)]:
                try:
                    await self._erase(number, pseudonym)
                except (OSError, FacilityMonitorError) as error:
                    is_done = False
                    await self._hold_up(number, error)
                except Exception as error:  # noqa: BLE001 - an odd answer must not end the monitor, at each start anew
                    is_done = False
                    await self._hold_up(number, _mistake(error))
        except JournalError as error:
            self._say(str(error))
            return False
        return is_done

    async def _hold_up(self, number: str, error: Exception) -> None:
        advice = getattr(error, "what_to_do", "")
        words = f"{error}; {advice}" if advice else str(error)
        self._say(words)
        await self._note(number, {}, waits_for=words)

    def _say(self, words: str) -> None:
        if words != self._told:
            _log.warning("erasure_is_held_up", reason=words)
        self._told = words

    # One person ----------------------------------------------------------------------------------------

    async def _erase(self, number: str, pseudonym: str) -> None:
        if not _PSEUDONYM.fullmatch(pseudonym):  # it was asked for in a copy that was cleansed since
            await self._finish(number, None, {})
            return
        until = self._files.journal.last
        await self._inside(number, pseudonym, Position(0))
        await self._beyond(number, pseudonym)
        # What came in meanwhile; and what was still on its way from one part to another.
        await self._inside(number, pseudonym, until)
        left = await self._places.left(pseudonym)
        if left:
            await self._inside(number, pseudonym, until)
            await self._places.write_anew(left)
            left = await self._places.left(pseudonym)
        await self._beyond(number, pseudonym)  # the same may have gone out before
        await self._finish(number, pseudonym, left)
        self._told = ""
        _log.info("erasure_done", id=number, found_after=sum(left.values()))

    async def _inside(self, number: str, pseudonym: str, after: Position) -> None:
        """Erase what is on this box; each place is noted when it is done."""
        places = self._places
        await self._note(number, {"journal": await places.erase_in_journal(pseudonym, after)})
        await self._note(number, {"memory": sum(forget(pseudonym) for forget in self._memories)})
        if self._people is not None:
            await self._note(number, {"people": await self._people(pseudonym)})
        for store in places.stores:
            await self._note(number, {store.name: await places.erase_in(store, pseudonym)})
        for name, count in (await places.cleanse_files(pseudonym)).items():
            await self._note(number, {name: count})
        if self._forget_name is not None:
            await self._note(number, {"names": int(await asyncio.to_thread(self._forget_name, pseudonym))})

    async def _beyond(self, number: str, pseudonym: str) -> None:
        """Erase in the databases outside, once they have all that the journal had until now."""
        until = self._files.journal.last
        for each in self._outside:
            await self._caught_up(each, pseudonym, until)
            await self._note(number, {each.name: await each.erase(pseudonym)})

    async def _caught_up(self, outside: Outside, pseudonym: str, until: Position) -> None:
        """Wait until nothing from before is on its way to a database any more; one that is away says so."""
        if outside.position() < until:
            await outside.count(pseudonym)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CATCHES_UP):
                while outside.position() < until:  # noqa: ASYNC110 - it is a number of others
                    await asyncio.sleep(_LOOK_EVERY)
        if outside.position() < until:
            raise SinkUnavailable(f"{outside.name} has not been written yet what was kept before")
        try:  # a period that is sent again, or a dead letter: neither is told by the position
            async with asyncio.timeout(_CATCHES_UP):
                await outside.settled()
        except TimeoutError:
            raise SinkUnavailable(f"{outside.name} is still being written what was read before") from None

    async def _note(self, number: str, counts: Mapping[str, int], **facts: Any) -> None:
        """Add to what is known of an erasure; `waits_for` goes with the next step that is done."""

        def work(db: sqlite3.Connection) -> None:
            row = db.execute("SELECT body FROM erasure WHERE id = ?", (number,)).fetchone()
            body = {**orjson.loads(row[0]), "waits_for": "", **facts}
            places = body.setdefault("places", {})
            for place, count in counts.items():
                places[place] = places.get(place, 0) + count
            db.execute("UPDATE erasure SET body = ? WHERE id = ?", (orjson.dumps(body).decode(), number))

        await self._access.transact(work)

    async def _finish(self, number: str, pseudonym: str | None, left: Mapping[str, int]) -> None:
        """Forget the pseudonym where it was remembered, and look there as well."""
        await self._note(number, {}, found_after=dict(left), clean=False)
        now = self._now()

        def work(db: sqlite3.Connection) -> None:
            db.execute("UPDATE erasure SET pseudonym = NULL, done = ? WHERE id = ?", (now, number))

        async with self._places.no_copies_of_access(pseudonym):
            await self._access.transact(work)
            await self._places.write_anew({"access.db": 1})
            more = {} if pseudonym is None else await self._places.left_in_access(pseudonym)
        await self._note(number, {}, found_after={**left, **more}, clean=True)

    async def _tidy_up(self) -> None:
        """After a kill between forgetting a pseudonym and writing access.db anew."""
        for row in await self._access.query(f"{_ALL} WHERE done IS NOT NULL"):
            body = orjson.loads(row["body"])
            if not body.get("clean"):
                await self._places.write_anew({"access.db": 1})
                await self._note(row["id"], {}, clean=True)


def _mistake(error: Exception) -> FacilityMonitorError:
    """A mistake of the program, in words that name nobody: what its own message says is not known."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}"
    return FacilityMonitorError(f"a mistake in the program, please report it: {place}")


def _told(row: Any) -> Mapping[str, Any]:
    body = orjson.loads(row["body"])
    return {
        "id": row["id"],
        "asked": row["asked"],
        "by": row["by"],
        "reason": row["reason"],
        "state": "open" if row["done"] is None else "done",
        "done": row["done"],
        "places": body.get("places", {}),
        "waits_for": body.get("waits_for", ""),
        "found_after": body.get("found_after", {}),
        "replaced_by": ERASED,
    }
