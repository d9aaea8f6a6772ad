"""What residents reported: kept, made an event of, and shown as it stands; what is known already is only counted.

A report is written down before its event is appended, and answered afterwards: after a kill between the two it is
appended at the next start. What somebody wrote stays in the state, and goes with its time.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import structlog

from monitor.errors import JournalError
from monitor.journal.state import State
from monitor.model import Event, Position
from monitor.places import EVENT_REPORT, STOCK_REPORTS, TOO_MANY, WHOLE_SITE, Place, Report, Weight
from monitor.ports import Batch
from monitor.schema import MONITOR_DEVICE
from monitor.site import Site
from monitor.web.residents import known
from monitor.web.residents.codes import Codes
from monitor.web.residents.known import Standing
from monitor.web.residents.tokens import follow_token, form_token, hashed

__all__ = ["Followed", "ResidentDesk", "Step"]

_LOG = structlog.get_logger()

_HOUR: Final = 3_600_000
_AGAIN: Final = 4 * _HOUR
"""What was acknowledged for so long (ms) and not closed is news when it is reported again."""
_DANGER_AGAIN: Final = 900_000
_UNJUDGED: Final = 60_000
"""So long (ms) a report without an alarm may not have been judged yet."""
_EVERY: Final = 60.0
_AT_ONCE: Final = 100


class Step(StrEnum):
    """How far a report has come."""

    RECEIVED = "received"
    SEEN = "seen"
    WORKED_ON = "worked_on"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A report as who sent it sees it: no names of staff. `steps`: each with its time (UTC ms).

    `was_known`: others had reported it before. `cause`: a word of `monitor.causes.CAUSES`, once it is done.
    """

    place: str
    kind: str
    text: str
    steps: Sequence[tuple[Step, int]]
    was_known: bool
    cause: str


class Keeps(Protocol):
    """The journal as reports use it."""

    async def append(self, batches: "list[Batch]") -> Position:
        """Keep events; raises JournalError."""


class ResidentDesk:
    """Takes reports and tells how they stand. `key` signs what forms carry; `now` answers UTC ms."""

    def __init__(self, site: Site, state: State, journal: Keeps, key: bytes, now: Callable[[], int]) -> None:
        assert site.residents is not None
        self._site = site
        self._settings = site.residents
        self._state = state
        self._journal = journal
        self._key = key
        self._now = now
        self._one_by_one = asyncio.Lock()
        self.codes = Codes(site.residents, state, key, now)

    # Taking -------------------------------------------------------------------------------------------

    async def take(self, place: Place, report: Report, *, text: str, form: str, language: str) -> str:
        """Keep a report, and answer the token of its link; a form that is sent again is the same report.

        Raises JournalError: it may not be noted, and nobody must be told that it is.
        """
        token = follow_token(self._key, form)
        async with self._one_by_one:
            if not await self._state.query("SELECT 1 FROM resident_report WHERE form = ?", (hashed(form),)):
                await self._write(place, report, text=text, form=form, language=language)
            await self._append()
        return token

    async def _write(self, place: Place, report: Report, *, text: str, form: str, language: str) -> None:
        first = await self._known(place.id, report.id)
        is_over = first is None and await self._is_too_much(report)
        row = {
            "token": hashed(follow_token(self._key, form)),
            "form": hashed(form),
            "place": place.id,
            "kind": report.id,
            "time": self._now(),
            "text": text,
            "language": language,
            "news": first is None and not is_over,
            "repeats": first,
        }
        rows = [row]
        if is_over and await self._known(WHOLE_SITE, TOO_MANY) is None:
            own = form_token(self._key, WHOLE_SITE)
            rows.append(
                {**row, "token": hashed(follow_token(self._key, own)), "form": hashed(own), "news": True}
                | {"place": WHOLE_SITE, "kind": TOO_MANY, "text": ""}
            )
        await self._state.transact(lambda db: known.write(db, rows))

    async def _known(self, place: str, kind: str) -> int | None:
        """The number of the report whose alarm is open; None: this is news."""
        rows = await self._standings("WHERE mine.place = ? AND mine.kind = ? AND mine.news", (place, kind), 1)
        return rows[0].number if rows and self._is_open(rows[0]) else None

    def _is_open(self, one: Standing) -> bool:
        if one.response is None:
            return self._now() - one.time < _UNJUDGED
        if one.closed_at is not None:
            return False
        if one.response == "unacked":
            return True
        wait = _DANGER_AGAIN if STOCK_REPORTS.get(one.kind) is Weight.DANGER else _AGAIN
        seen = one.seen_at
        return seen is not None and self._now() - seen < wait

    async def _is_too_much(self, report: Report) -> bool:
        """Whether so many alarms have come of reports within the hour; danger is counted by itself."""
        dangers = [kind for kind, weight in STOCK_REPORTS.items() if weight is Weight.DANGER]
        rows = await self._state.query(
            "SELECT kind FROM resident_report WHERE news AND kind <> ? AND time > ?",
            (TOO_MANY, self._now() - _HOUR),
        )
        return sum((row["kind"] in dangers) is report.is_danger for row in rows) >= self._settings.most

    async def _append(self) -> None:
        """Append the events of all that is written down and not in the journal yet."""
        rows = await self._state.query(
            "SELECT number, place, kind, time, news FROM resident_report WHERE NOT kept ORDER BY number LIMIT ?",
            (_AT_ONCE,),
        )
        if not rows:
            return
        await self._journal.append([Batch(entries=[self._event(row) for row in rows])])
        last = rows[-1]["number"]
        await self._state.transact(
            lambda db: db.execute("UPDATE resident_report SET kept = 1 WHERE NOT kept AND number <= ?", (last,))
        )

    def _event(self, row: sqlite3.Row) -> Event:
        return Event(
            device=self._device(row["place"]),
            kind=EVENT_REPORT,
            time=row["time"],
            arrived=row["time"],
            id=_event_id(row["number"], row["time"]),
            attributes={
                "place": row["place"],
                "report": row["kind"],
                "news": bool(row["news"]),
                "number": row["number"],
            },
        )

    def _device(self, place: str) -> str:
        known_place = self._settings.places.get(place)
        return (known_place.device if known_place else "") or MONITOR_DEVICE

    # Telling ------------------------------------------------------------------------------------------

    async def follow(self, token: str) -> Followed | None:
        """How a report stands; None when there is none with this link, or it is forgotten. Raises JournalError."""
        found = await self._standings("WHERE mine.token = ? AND mine.place <> ?", (hashed(token), WHOLE_SITE), 1)
        if not found:
            return None
        one = found[0]
        steps = [
            (Step.RECEIVED, one.time),
            (Step.SEEN, one.seen_at),
            (Step.WORKED_ON, one.assigned_at),
            (Step.DONE, one.closed_at),
        ]
        return Followed(
            place=one.place,
            kind=one.kind,
            text=one.text,
            steps=[(step, max(at, one.time)) for step, at in steps if at is not None],
            was_known=one.repeats is not None,
            cause=one.cause if one.closed_at is not None else "",
        )

    async def reports(self, *, before: int | None = None, most: int = 50) -> Sequence[Standing]:
        """The newest reports, for staff; `before`: those before this number. Raises JournalError."""
        return await self._standings("WHERE ? IS NULL OR mine.number < ?", (before, before), most)

    async def of_alarm(self, occurrence: str) -> Sequence[Standing]:
        """The reports behind an alarm, the newest first. Raises JournalError."""
        return await self._standings("WHERE ? IN (mine.occurrence, first.occurrence)", (occurrence,), _AT_ONCE)

    async def _standings(self, where: str, asked: Sequence[object], most: int) -> Sequence[Standing]:
        rows = await self._state.query(
            "SELECT number, place, kind, time FROM resident_report WHERE news AND kept AND occurrence = ''"
            " AND time > ? ORDER BY number DESC LIMIT ?",
            (self._now() - _HOUR, _AT_ONCE),
        )
        for row in rows:
            await self._find_alarm(row)
        return [known.standing(row) for row in await self._state.query(*known.asking(where, asked, most))]

    async def _find_alarm(self, row: sqlite3.Row) -> None:
        """Note which alarm came of a report, once it was judged."""
        rules = [rule.id for rule in self._site.rules.values() if rule.kind == EVENT_REPORT]
        key = f"{self._device(row['place'])}/{row['place']}"
        event = _event_id(row["number"], row["time"])
        keys = (key, f"{key}.{row['kind']}")
        found = await self._state.query(*known.asking_alarms(rules, keys, row["time"]))
        occurrence = known.alarm_of(found, event)
        if occurrence:
            number = row["number"]
            await self._state.transact(
                lambda db: db.execute(
                    "UPDATE resident_report SET occurrence = ? WHERE number = ?", (occurrence, number)
                )
            )

    # Time ---------------------------------------------------------------------------------------------

    async def run(self, may_forget: Callable[[], bool]) -> None:
        """Append what a kill or a full disk has left over, and forget what is old, until cancelled."""
        while True:
            with contextlib.suppress(JournalError):  # state and journal say so themselves
                async with self._one_by_one:
                    await self._append()
                if may_forget():
                    await self.forget()
            await asyncio.sleep(_EVERY)

    async def forget(self) -> int:
        """Forget what is older than reports are kept; answers how many that were. Raises JournalError."""
        before = self._now() - round(self._settings.keep * 1000)
        gone: int = await self._state.transact(
            lambda db: db.execute("DELETE FROM resident_report WHERE time < ?", (before,)).rowcount
        )
        if gone:
            _LOG.info("resident_reports_forgotten", reports=gone)
        return gone


def _event_id(number: int, time: int) -> str:
    """The same for a report however often it is appended; another one where a state was begun anew."""
    return f"report-{number}-{time}"
