"""Which units answer on a bus, and how: one cheap request for each id, more for those that are there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from drivers.modbus.survey.bus import SurveyBus
from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable, RequestRefused
from monitor.wording import Sentence

__all__ = ["DAEMON_SHARE", "Found", "Outcome", "Said", "Scan", "ask", "longest", "parse_units", "patience_of"]

DAEMON_SHARE: Final = 0.2
"""The part of its time that a daemon lends its bus for."""

_TABLES: Final = ("holding", "input", "coil", "discrete")
_LAST_UNIT: Final = 255
_TRIES: Final = 3
_PATIENT: Final = 1.0
_LINE: Final = 0.2
"""Seconds that a unit on a line has to begin its answer: makers promise 5 to 200 ms (Jumo LOGOSCREEN nt, 4.3;
Multitek M560); those that take longer are heard all the same, and asked again."""
_NETWORK: Final = 1.0
"""A gateway waits itself for a unit that is not there, before it says so."""


class Said(StrEnum):
    """How a request ended."""

    ANSWER = "answer"
    EXCEPTION = "exception"
    SILENCE = "silence"
    GARBLED = "garbled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended; `code` is the exception's, `text` what was said about it."""

    said: Said
    code: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"exception {self.code}" if self.said is Said.EXCEPTION else self.said.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A unit that is there: how each table ended (by name), how fast it was (ms), and how the line spoke.

    `damaged`: how many of its answers were none. `late`: it took longer than the others may.
    """

    unit: int
    tables: dict[str, Outcome]
    ms: float
    line: str = ""
    damaged: int = 0
    late: bool = False

    @property
    def is_garbled(self) -> bool:
        """Whether nothing but damaged answers came."""
        return all(outcome.said is Said.GARBLED for outcome in self.tables.values())

    @property
    def readable(self) -> str:
        """A table in which the register 0 can be read; empty when none is known."""
        answers = [table for table, outcome in self.tables.items() if outcome.said is Said.ANSWER]
        return next((table for table in _TABLES if table in answers), "")


async def ask(bus: SurveyBus, unit: int, table: str, first: int = 0, count: int = 1) -> Outcome:
    """Ask once and answer how that ended. Raises RequestRefused when the bus cannot be had."""
    try:
        await bus.read(unit, table, first, count)
    except DeviceRefused as error:
        return Outcome(Said.EXCEPTION, error.code, str(error))
    except DeviceUnreachable as error:
        return Outcome(Said.SILENCE, text=str(error))
    except DeviceError as error:
        return Outcome(Said.GARBLED, text=str(error))
    return Outcome(Said.ANSWER)


@dataclass(slots=True)
class Scan:
    """One scan of one bus; `found` grows as it goes on, so that it can be ended at any moment.

    `first`: the tables that units are asked for until they say anything, one round for each. `told` is called
    after each unit in each round. `asked` counts units; `trouble` is what was said about the last one that did not
    answer.
    """

    bus: SurveyBus
    units: Sequence[int]
    line: str = ""
    first: Sequence[str] = ("holding",)
    told: Callable[[], None] = lambda: None
    found: list[Found] = field(default_factory=list)
    asked: int = 0
    trouble: str = ""

    async def run(self, *, most: int = _LAST_UNIT + 1) -> None:
        """Ask every unit, until `most` are found. Raises RequestRefused when the bus cannot be had."""
        usual = self.bus.timeout
        known: set[int] = set()
        for number, table in enumerate(self.first):
            for unit in self.units:
                if unit not in known:
                    await self._look_for(unit, table)
                self.asked += not number
                self.told()
                if len(self.found) >= most:
                    return
            known = {found.unit for found in self.found}
        self.bus.timeout = max(_PATIENT, 3 * (usual or _PATIENT))
        for unit in sorted((self.bus.spoke & set(self.units)) - known):
            await self._look_for(unit, self.first[0], late=True)
        self.bus.timeout = usual

    async def _look_for(self, unit: int, table: str, *, late: bool = False) -> None:
        outcome = await ask(self.bus, unit, table)
        if outcome.said is Said.SILENCE:
            self.trouble = outcome.text
            return
        damaged = 0
        while outcome.said is Said.GARBLED:
            damaged += 1
            if damaged == _TRIES:
                break
            again = await ask(self.bus, unit, table)
            outcome = outcome if again.said is Said.SILENCE else again
        tables, ms = {table: outcome}, self.bus.took
        if outcome.said is not Said.GARBLED:
            for other in _TABLES:
                if other != table:
                    tables[other] = await ask(self.bus, unit, other)
        self.found.append(
            Found(unit=unit, tables=tables, ms=ms, line=self.line, damaged=damaged, late=late),
        )


def patience_of(*, is_line: bool) -> float:
    """Seconds that an answer is waited for in a scan, where nobody wishes otherwise."""
    return _LINE if is_line else _NETWORK


def longest(units: int, *, timeout: float, overhead: float, tables: int = 1, share: float = 1.0) -> float:
    """Seconds that a scan takes when nobody answers; those that do answer are quicker."""
    return units * tables * (timeout + overhead) / share


def parse_units(text: str) -> list[int]:
    """Read ids and ranges of ids: `1-20,40`. Raises RequestRefused that says what may be written."""
    return sorted(set(_numbers(text)))


def _numbers(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        ends = (first, last if dash else first)
        if not all(end.isdecimal() and len(end) < 4 for end in ends):  # noqa: PLR2004 - three digits
            raise RequestRefused(
                Sentence("`{part}` is no unit id: write ids and ranges, such as 1-20,40", part=part.strip())
            )
        low, high = map(int, ends)
        if low > high or high > _LAST_UNIT:
            raise RequestRefused(
                Sentence(
                    "`{part}`: unit ids are from 0 to {last}, the lower one first",
                    part=part.strip(),
                    last=_LAST_UNIT,
                )
            )
        yield from range(low, high + 1)
