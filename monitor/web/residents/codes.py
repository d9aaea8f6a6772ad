"""The codes of places: which of them works, and what staff do when a label was stolen or is abused."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.places import Place, Residents
from monitor.web.residents.tokens import address_of, number_in, place_in
from monitor.wording import Sentence

__all__ = ["MOST_CODES", "Code", "Codes", "Fits"]

MOST_CODES: Final = 100
"""Of one place: so many are compared with what somebody opens."""
_WRITE: Final = """
    INSERT INTO resident_place (place, number, closed, changed_at, changed_by) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (place) DO UPDATE SET number = excluded.number, closed = excluded.closed,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Which code of a place works. `number`: 0 is the first; `changed_at`: UTC ms, None: never."""

    number: int = 0
    closed: bool = False
    changed_at: int | None = None
    changed_by: str = ""


class Fits(StrEnum):
    """What the end of an address is."""

    WELL = "well"
    OLD = "old"
    """There is a newer code."""
    CLOSED = "closed"
    NOT = "not"
    """None of ours, or of a place that there is no more."""


class Codes:
    """Those of all places: kept in the state, asked in memory. `now`: UTC ms."""

    def __init__(self, settings: Residents, state: State, key: bytes, now: Callable[[], int]) -> None:
        self._settings = settings
        self._state = state
        self._key = key
        self._now = now
        self._codes: dict[str, Code] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read what was changed; before anybody asks. Raises JournalError."""
        rows = await self._state.query("SELECT place, number, closed, changed_at, changed_by FROM resident_place")
        self._codes = {row["place"]: _code(row) for row in rows}

    def of(self, place: str) -> Code:
        """The code of a place."""
        return self._codes.get(place, _FIRST)

    def address(self, place: str) -> str:
        """The address that the code of a place says."""
        return address_of(self._key, self._settings.base, place, self.of(place).number)

    def find(self, said: str) -> tuple[Place | None, Fits]:
        """The place that the end of an address means, and whether it may be used."""
        ident = place_in(said)
        code = self.of(ident)
        number = number_in(self._key, said, most=code.number)
        place = self._settings.places.get(ident)
        if place is None or number is None:
            return None, Fits.NOT
        if code.closed:
            return place, Fits.CLOSED
        return place, Fits.WELL if number == code.number else Fits.OLD

    def all(self) -> Mapping[str, Code]:
        """Those of all places of the site, in its order."""
        return {place: self.of(place) for place in self._settings.places}

    # Staff -----------------------------------------------------------------------------------------------

    async def close(self, place: str, *, by: str) -> Code:
        """Take nothing at a place any more. Raises RequestRefused and JournalError."""
        return await self._change(place, _closed, by)

    async def open(self, place: str, *, by: str) -> Code:
        """Take reports there again, by the same code. Raises RequestRefused and JournalError."""
        return await self._change(place, _opened, by)

    async def renew(self, place: str, *, by: str) -> Code:
        """Make a new code, which takes reports; those before take none. Raises RequestRefused and JournalError."""
        return await self._change(place, _renewed, by)

    async def _change(self, place: str, change: Callable[[Code], Code], by: str) -> Code:
        if place not in self._settings.places:
            raise RequestRefused(Sentence("there is no place {place} where residents report", place=place[:100]))
        async with self._changing:
            new = replace(change(self.of(place)), changed_at=self._now(), changed_by=by)
            row = (place, new.number, new.closed, new.changed_at, by)
            await self._state.transact(lambda db: db.execute(_WRITE, row))
            self._codes[place] = new
        return new


_FIRST: Final = Code()


def _code(row: sqlite3.Row) -> Code:
    return Code(
        number=row["number"],
        closed=bool(row["closed"]),
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )


def _closed(code: Code) -> Code:
    if code.closed:
        raise RequestRefused(Sentence("this place is closed already"))
    return replace(code, closed=True)


def _opened(code: Code) -> Code:
    if not code.closed:
        raise RequestRefused(Sentence("this place is not closed"))
    return replace(code, closed=False)


def _renewed(code: Code) -> Code:
    if code.number + 1 >= MOST_CODES:
        told = Sentence("this place has had {count} codes: give it another id in the site file", count=MOST_CODES)
        raise RequestRefused(told)
    return replace(code, number=code.number + 1, closed=False)
