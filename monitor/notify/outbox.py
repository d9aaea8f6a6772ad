"""The notifier: takes what is due from the outbox, sends it, and writes down what became of it.

At least once: a row is marked `sending` before it is handed to its channel and `sent` after the channel took it,
so a kill in between sends it again at the next start.
"""

import asyncio
import contextlib
import random
import sqlite3
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import structlog

from monitor.errors import ChannelRejected, ChannelUnavailable, JournalError, ReportUnavailable
from monitor.journal.state import State
from monitor.model import SEVERITY_RANK
from monitor.notify import store
from monitor.notify.attempt import Attempt, Lane
from monitor.notify.composing import Composer
from monitor.notify.decision import Standing
from monitor.notify.readdress import Readdress
from monitor.notify.standins import StandIns
from monitor.notify.store import GetStanding, Outcome
from monitor.ports import Channel
from monitor.site import Site

__all__ = ["GetStanding", "Notifier", "Standing", "backoff"]

T = TypeVar("T")

_POLL: Final = 1.0
_AT_ONCE: Final = 16
_REPORTS_AT_ONCE: Final = 2
_LONGEST_SEND: Final = 60.0
_LONGEST_REPORT: Final = 180.0
_LONGEST_DRAIN: Final = 1.5
_STATE_PAUSE: Final = 1.0
_WORTH_FOLLOWING: Final = 30_000
_OLD_CLOCK: Final = 10.0
_DAY: Final = 86_400.0
_KEPT: Final = 400 * 86_400_000
_FIRST_RETRY: Final = 5.0
_LONGEST_RETRY: Final = 600.0
_LONGEST_RETRY_OF_REPORTS: Final = 3600.0
_AFTER_A_REFUSAL: Final = 6 * 3_600_000
_JITTER: Final = 0.2

_LOG = structlog.get_logger()


def backoff(attempts: int, spread: float, longest: float = _LONGEST_RETRY) -> int:
    """Milliseconds until the next try after so many: 5 s, doubled up to 10 min; `spread` from -1 to 1 is ±20 %."""
    seconds = min(longest, _FIRST_RETRY * 2.0 ** min(attempts - 1, 16))
    return round(1000 * seconds * (1 + _JITTER * spread))


class Notifier:
    """Sends what is in the outbox. One message at a time per person and channel, 16 in all; two reports beside.

    `channels` answers the channel of an address; `now` is UTC ms, `monotonic` seconds that no setting of
    the clock moves; `standing` tells how an occurrence stands; `composer` writes the messages; `stand_ins`
    are what people said of rosters.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        state: State,
        site: Site,
        *,
        channels: Callable[[str], Channel],
        now: Callable[[], int],
        standing: GetStanding,
        composer: Composer | None = None,
        stand_ins: StandIns | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._site = site
        self._channels = channels
        self._now = now
        self._standing = standing
        self._composer = composer or Composer(site)
        self._stand_ins = stand_ins or StandIns()
        self._readdress = Readdress(site, self._stand_ins)
        self._monotonic = monotonic
        self._seen = (now(), monotonic())
        self._step: store.ClockStep | None = None
        self._step_seen = 0.0
        self._tidied: float | None = None
        self._woken = asyncio.Event()
        self._under_way: dict[Lane, asyncio.Task[None]] = {}
        self._reports_under_way: dict[Lane, asyncio.Task[None]] = {}
        self._lost: set[Lane] = set()
        self._unbuilt: set[str] = set()
        self._state_lost = False
        self.progress = 0
        """Grows while the notifier moves, also when there is nothing to send: for the watchdog."""

    def wake(self) -> None:
        """Look at the outbox at once; to be called in the loop's thread after rows were inserted."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled; then give what is under way a moment to end. The next start sends the rest."""
        await self._persistently(lambda db: store.begin_again(db, self._steady()))
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    await self._follow_clock()
                    await self._tidy()
                    await self._start_due(group)
                    self.progress += 1
                    await self._rest()
            except asyncio.CancelledError:
                under_way = [*self._under_way.values(), *self._reports_under_way.values()]
                if under_way:
                    await asyncio.wait(under_way, timeout=_LONGEST_DRAIN)
                raise

    async def counts(self) -> Mapping[str, int]:
        """How many rows there are in each state, zeros included."""
        return store.count(await self._state.query("SELECT state, count(*) AS n FROM outbox GROUP BY state"))

    async def list_notifications(
        self, occurrence: str | None = None, *, last: int = 200
    ) -> Sequence[Mapping[str, Any]]:
        """Answer the newest rows, newest first, of one occurrence or of all; no addresses, no texts."""
        rows = await self._state.query(*store.shown(occurrence, last))
        return [{**dict(row), "maybe_delivered": bool(row["maybe_delivered"])} for row in rows]

    async def _follow_clock(self) -> None:
        """Notice that the clock was set; for some seconds the engine may still make rows by the old one."""
        now, monotonic = self._now(), self._monotonic()
        by = (now - self._seen[0]) - round(1000 * (monotonic - self._seen[1]))
        if abs(by) > _WORTH_FOLLOWING:
            _LOG.warning("notifications_follow_clock", seconds=round(by / 1000))
            self._step, self._step_seen = store.ClockStep(by=by, was=self._seen[0]), monotonic
        if self._step is None:
            self._seen = (now, monotonic)
            return
        step = self._step

        def follow(db: sqlite3.Connection) -> int:
            self._seen = (now, monotonic)  # in one with the rows: other transactions see both or neither
            return store.follow_clock(db, step, now)

        after = await self._persistently(follow)
        self._step = replace(step, after=after) if monotonic - self._step_seen < _OLD_CLOCK else None

    def _steady(self) -> int:
        """UTC ms by the clock as seen last: a step of it counts for nothing before the rows follow."""
        return self._seen[0] + round(1000 * (self._monotonic() - self._seen[1]))

    async def _tidy(self) -> None:
        """Once a day, forget what is long over."""
        if self._tidied is None or self._monotonic() - self._tidied > _DAY:
            self._tidied = self._monotonic()
            await self._persistently(lambda db: store.forget(db, self._steady() - _KEPT))

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL):
                await self._woken.wait()
        self._woken.clear()

    async def _start_due(self, group: asyncio.TaskGroup) -> None:
        def take(db: sqlite3.Connection) -> Sequence[Attempt]:
            self._stand_ins.refresh(db, self._steady())
            return [
                *self._take(db, self._under_way, _AT_ONCE, of_reports=False),
                *self._take(db, self._reports_under_way, _REPORTS_AT_ONCE, of_reports=True),
            ]

        for attempt in await self._persistently(take):
            name = f"{'report' if attempt.is_report else 'notify'} {attempt.lane[0]} {attempt.lane[1]}"
            under_way = self._reports_under_way if attempt.is_report else self._under_way
            under_way[attempt.lane] = group.create_task(self._deliver(attempt, under_way), name=name)

    def _take(
        self, db: sqlite3.Connection, busy: Mapping[Lane, object], most: int, *, of_reports: bool
    ) -> Sequence[Attempt]:
        free = most - len(busy)
        if free <= 0:
            return ()
        return store.take(
            db,
            now=self._steady(),
            busy=tuple(busy),
            most=free,
            standing=self._standing,
            of_reports=of_reports,
            site=self._site,
            divert=self._readdress,
        )

    async def _deliver(self, attempt: Attempt, under_way: dict[Lane, asyncio.Task[None]]) -> None:
        try:
            outcome = await self._send(attempt)
            self._log_edges(attempt, outcome)
            await self._mark(attempt, outcome)
        finally:
            del under_way[attempt.lane]
            self.wake()

    async def _send(self, attempt: Attempt) -> Outcome:
        person = self._site.notify.people.get(attempt.lane[0])
        address = person.channels.get(attempt.lane[1]) if person else None
        if person is None or address is None:
            return Outcome(state="dead", error="the person or channel is no longer in the settings")
        try:
            message = await self._composer.compose(attempt, person)
            async with asyncio.timeout(_LONGEST_REPORT if attempt.is_report else _LONGEST_SEND):
                await self._channels(address).send(address, message)
        except (ReportUnavailable, ChannelRejected, ChannelUnavailable) as error:
            return self._failure(attempt, error)
        except TimeoutError:
            return self._again(attempt, "no answer in time; it may have been delivered", maybe=True)
        except Exception as error:  # noqa: BLE001 - one message may not end the others
            return self._again(attempt, _defect(attempt, error), maybe=False)
        return Outcome(state="sent")

    def _failure(
        self, attempt: Attempt, error: ReportUnavailable | ChannelRejected | ChannelUnavailable
    ) -> Outcome:
        if isinstance(error, ReportUnavailable):
            return Outcome(state="failed", error=str(error), unbuilt=True)
        if isinstance(error, ChannelUnavailable):
            return self._again(attempt, str(error), maybe=error.maybe_delivered)
        return Outcome(state="failed" if attempt.is_report else "dead", error=str(error), refused=True)

    @staticmethod
    def _again(attempt: Attempt, error: str, *, maybe: bool) -> Outcome:
        """Try again, unless it may have arrived and is not worth the risk of telling somebody twice.

        A report is worth that risk once.
        """
        urgent = SEVERITY_RANK[attempt.severity] >= SEVERITY_RANK["high"]
        risky = urgent or (attempt.is_report and not attempt.maybe_delivered)
        return Outcome(state="unknown" if maybe and not risky else "failed", error=error, maybe=maybe)

    async def _mark(self, attempt: Attempt, outcome: Outcome) -> None:
        def mark(db: sqlite3.Connection) -> int:
            now = self._steady()
            if outcome.state != "failed":
                return store.mark(db, attempt, outcome, now, self._site)
            retry = now + _pause(attempt, outcome)
            again = replace(outcome, next_at=min(retry, attempt.expires))
            return store.mark(db, attempt, again, now, self._site)

        hastened = await self._persistently(mark)
        if hastened:
            _LOG.warning("next_step_brought_forward", occurrence=attempt.occurrence, rows=hastened)

    def _log_edges(self, attempt: Attempt, outcome: Outcome) -> None:
        """Log once when a channel is lost and once when it is back; each row has its own result in the table."""
        person, channel = attempt.lane
        if attempt.is_report and self._log_report(attempt, outcome):
            return
        if outcome.state == "sent":
            if attempt.lane in self._lost:
                self._lost.discard(attempt.lane)
                _LOG.info("channel_back", person=person, channel=channel)
        elif attempt.lane not in self._lost:
            self._lost.add(attempt.lane)
            _LOG.warning("channel_lost", person=person, channel=channel, state=outcome.state, error=outcome.error)

    def _log_report(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Log once when a report cannot be built, and when it is given up; True when no channel is to blame."""
        about = attempt.occurrence
        if outcome.unbuilt and about not in self._unbuilt:
            self._unbuilt.add(about)
            _LOG.warning("report_not_built", report=about, error=outcome.error)
        elif outcome.state == "sent":
            self._unbuilt.discard(about)
            _LOG.info("report_sent", report=about, person=attempt.lane[0], channel=attempt.lane[1])
        elif outcome.state in {"dead", "unknown"}:
            _LOG.error("report_given_up", report=about, person=attempt.lane[0], error=outcome.error)
        return outcome.unbuilt

    async def _persistently(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in a transaction, again and again while the state cannot be written."""
        while True:
            try:
                answer = await self._state.transact(work)
            except JournalError as error:
                if not self._state_lost:
                    _LOG.error("notifications_halted", error=str(error))
                self._state_lost = True
                self.progress += 1
                await asyncio.sleep(_STATE_PAUSE)
            else:
                if self._state_lost:
                    _LOG.info("notifications_resumed")
                self._state_lost = False
                return answer


def _pause(attempt: Attempt, outcome: Outcome) -> int:
    """Milliseconds until the next try. Reports have time, and building one is work: up to an hour between them."""
    if outcome.refused:
        return _AFTER_A_REFUSAL
    longest = _LONGEST_RETRY_OF_REPORTS if attempt.is_report else _LONGEST_RETRY
    return backoff(attempt.number, random.uniform(-1, 1), longest)  # noqa: S311 - jitter


def _defect(attempt: Attempt, error: Exception) -> str:
    """Log a defect by its place alone: its text or its variables could hold an address."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    name = type(error).__name__
    _LOG.error("notification_defect", channel=attempt.lane[1], error=name, at=f"{frame.name}:{frame.lineno}")
    return f"a defect of this program ({name})"
