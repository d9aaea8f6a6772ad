"""Reports that are mailed by themselves: each period once, when it is over and what arrives late has arrived.

What is due is worked out from the period that was done last, never from a timer that went off. "Done last" is kept
in the transaction that puts the report into the outbox: a kill at any instant leaves both or neither.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from enum import IntEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.duereport import DueReport, PutReport
from monitor.errors import JournalError
from monitor.journal.state import State
from monitor.periods import DAY, Period, local_day, parse
from monitor.site import ReportSettings, Site

__all__ = ["Mailing", "Trust", "next_period"]

_LOOK: Final = 60.0
_STEP: Final = 30_000
_AFTER_A_STEP: Final = 600.0
_UNCONFIRMED: Final = 86_400.0
_FAR: Final = 100 * DAY

_LOG = structlog.get_logger()


class Trust(IntEnum):
    """How far the clock is believed. UNSURE: nothing confirms it, but it has run on for a day without a step."""

    NONE = 0
    UNSURE = 1
    SURE = 2


def next_period(done: str, since: int, every: str, zone: ZoneInfo) -> Period:
    """The day, week or month that follows the period `done`; without one, that in which `since` (UTC ms) lies."""
    day = parse(done, zone, since).last + timedelta(days=1) if done else local_day(since, zone)
    return parse(_name(day, every), zone, since)


def _name(day: date, every: str) -> str:
    if every == "day":
        return day.isoformat()
    if every == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return f"{day:%Y-%m}"


class Mailing:
    """Puts the reports that are due into the outbox; `put` does that, `woken` is called after it.

    `now` is UTC ms, `monotonic` seconds that no setting of the clock moves, `is_synchronised` whether the system
    clock is known to be right.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        state: State,
        site: Site,
        *,
        put: PutReport,
        now: Callable[[], int],
        is_synchronised: Callable[[], bool],
        woken: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._site = site
        self._put = put
        self._now = now
        self._is_synchronised = is_synchronised
        self._woken = woken
        self._monotonic = monotonic
        self._offset = self._measure()
        self._stepped: float | None = None
        self._began = monotonic()
        self._waits = False
        self._halted = False

    async def run(self) -> None:
        """Look every minute what is due, until cancelled; without reports it ends at once."""
        with contextlib.suppress(JournalError):  # told by those who cannot go on without it
            await self._state.transact(self._forget)
        while self._site.reports:
            await self.look()
            await asyncio.sleep(_LOOK)

    async def look(self) -> Sequence[DueReport]:
        """Put into the outbox what is due now, oldest first; answers what that was."""
        trust, now = self._trust(), self._now()
        if trust is Trust.NONE:
            self._tell_wait("the clock is not known to be right")
            return ()
        put: list[DueReport] = []
        try:
            for settings in self._site.reports.values():
                while (due := await self._advance(settings, now, trust)) is not None:
                    put.append(due)
        except JournalError as error:
            if not self._halted:
                _LOG.error("reports_halted", error=str(error))
            self._halted = True
        else:
            if self._halted:
                _LOG.info("reports_resumed")
            self._halted = False
        if put:
            self._woken()
        return put

    async def status(self) -> Sequence[Mapping[str, Any]]:
        """How each report stands.

        Keys: id, name, every; `since` (UTC ms, None: it has not begun); `done` and `done_at` of the period that
        was done last; `next`, `next_end` and `next_due` of the one that follows.
        """
        rows = {row["id"]: row for row in await self._state.query("SELECT * FROM reports")}
        return [self._facts(settings, rows.get(settings.id)) for settings in self._site.reports.values()]

    def _facts(self, settings: ReportSettings, row: sqlite3.Row | None) -> Mapping[str, Any]:
        facts: dict[str, Any] = {"id": settings.id, "name": settings.name, "every": settings.every}
        if row is None:
            return facts | {"since": None}
        period = next_period(row["done"], row["since"], settings.every, self._site.timezone)
        return facts | {
            "since": row["since"],
            "done": row["done"],
            "done_at": row["done_at"],
            "next": period.name,
            "next_end": period.end,
            "next_due": _due_at(settings, period),
        }

    # The clock ----------------------------------------------------------------------------------------

    def _measure(self) -> int:
        return self._now() - round(1000 * self._monotonic())

    def _trust(self) -> Trust:
        """Whether to believe the clock: never right after a step, and not at once when nothing confirms it."""
        offset, at = self._measure(), self._monotonic()
        if abs(offset - self._offset) > _STEP:
            self._stepped = at
        self._offset = offset
        if self._now() < CLOCKS_ARE_RIGHT_FROM:
            return Trust.NONE
        if self._stepped is not None and at - self._stepped < _AFTER_A_STEP:
            return Trust.NONE
        if self._is_synchronised():
            return Trust.SURE
        since = self._began if self._stepped is None else self._stepped
        return Trust.UNSURE if at - since >= _UNCONFIRMED else Trust.NONE

    def _tell_wait(self, reason: str) -> None:
        if not self._waits:
            _LOG.warning("reports_wait_for_clock", reason=reason)
        self._waits = True

    # One step -----------------------------------------------------------------------------------------

    def _forget(self, db: sqlite3.Connection) -> None:
        """A report that was taken out of the settings begins anew when it comes back."""
        for row in db.execute("SELECT id FROM reports").fetchall():
            if row["id"] not in self._site.reports:
                db.execute("DELETE FROM reports WHERE id = ?", (row["id"],))

    async def _advance(self, settings: ReportSettings, now: int, trust: Trust) -> DueReport | None:
        """Do the next period of a report if it is due; None when none is."""
        people, due = await self._state.transact(lambda db: self._do(db, settings, now, trust))
        if due is None:
            return None
        self._waits = False
        again = {"again": True} if due.is_again else {}
        _LOG.info("report_due", report=settings.id, period=due.period.name, people=people, **again)
        if not people:
            _LOG.warning("report_reaches_nobody", report=settings.id, period=due.period.name)
        return due

    def _do(
        self, db: sqlite3.Connection, settings: ReportSettings, now: int, trust: Trust
    ) -> tuple[int, DueReport | None]:
        row = db.execute("SELECT * FROM reports WHERE id = ?", (settings.id,)).fetchone()
        sure = trust is Trust.SURE
        if row is None:
            db.execute("INSERT INTO reports (id, since, sure) VALUES (?, ?, ?)", (settings.id, now, sure))
            return 0, None
        since = row["since"]
        if not row["sure"] and not row["done"]:
            # It began by a clock that nothing had confirmed, and that has been set by a long way since.
            since = now if abs(now - since) > _FAR else since
            db.execute("UPDATE reports SET since = ?, sure = ? WHERE id = ?", (since, sure, settings.id))
        period = next_period(row["done"], since, settings.every, self._site.timezone)
        at = _due_at(settings, period)
        if now < at:
            return 0, None
        if trust is Trust.UNSURE and now - at > _FAR:
            self._tell_wait("it is far ahead of the last report, and nothing confirms it")
            return 0, None
        due = DueReport(settings=settings, period=period, is_again=_may_be_done(db, at))
        people = self._put(db, due, now)
        db.execute("UPDATE reports SET done = ?, done_at = ? WHERE id = ?", (period.name, now, settings.id))
        return people, due


def _due_at(settings: ReportSettings, period: Period) -> int:
    return period.end + round(1000 * settings.wait)


def _may_be_done(db: sqlite3.Connection, at: int) -> bool:
    """Whether the state was restored after `at` from a copy, which may be older than the report's sending."""
    restores = "SELECT 1 FROM restores WHERE copied IS NOT NULL AND at > ? LIMIT 1"
    return db.execute(restores, (at,)).fetchone() is not None
