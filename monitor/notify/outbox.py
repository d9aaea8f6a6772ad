"""The notifier: takes what is due from the outbox, sends it, and writes down what became of it.

At least once: a row is marked `sending` before it is handed to its channel and `sent` after the channel took it,
so a kill in between sends it again at the next start.
"""

import asyncio
import contextlib
import random
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify import channelstate, fallback, selftest, store, waiting
from monitor.notify.attempt import Attempt, Lane
from monitor.notify.composing import Composer
from monitor.notify.decision import Standing
from monitor.notify.edges import Edges
from monitor.notify.persistence import Persistence
from monitor.notify.readdress import Readdress
from monitor.notify.sending import Sender, Sent
from monitor.notify.standins import StandIns
from monitor.notify.store import GetStanding, Outcome
from monitor.notify.traffic import Gate, Traffic
from monitor.ports import Channel
from monitor.site import Site

__all__ = ["GetStanding", "Notifier", "Standing", "backoff"]

_POLL: Final = 1.0
_AT_ONCE: Final = 16
_REPORTS_AT_ONCE: Final = 2
_LONGEST_DRAIN: Final = 1.5
_WORTH_FOLLOWING: Final = 30_000
_OLD_CLOCK: Final = 10.0
_DAY: Final = 86_400.0
_MINUTE: Final = 60.0
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
        self._now = now
        self._standing = standing
        self._stand_ins = stand_ins or StandIns()
        self._readdress = Readdress(site, self._stand_ins)
        self._monotonic = monotonic
        self._sender = Sender(site.notify, channels, composer or Composer(site), monotonic)
        self.traffic = Traffic(site.notify, monotonic)
        self._persistently = Persistence(state, self._move)
        self._edges = Edges()
        self._seen = (now(), monotonic())
        self._step: store.ClockStep | None = None
        self._step_seen = 0.0
        self._tidied: float | None = None
        self._tested: float | None = None
        self._woken = asyncio.Event()
        self._under_way: dict[Lane, asyncio.Task[None]] = {}
        self._reports_under_way: dict[Lane, asyncio.Task[None]] = {}
        self.progress = 0
        """Grows while the notifier moves, also when there is nothing to send: for the watchdog."""

    def wake(self) -> None:
        """Look at the outbox at once; to be called in the loop's thread after rows were inserted."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled; then give what is under way a moment to end. The next start sends the rest."""
        await self._persistently(self._begin)
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    await self._follow_clock()
                    await self._tidy()
                    await self._test()
                    await self._start_due(group)
                    self._move()
                    await self._rest()
            except asyncio.CancelledError:
                under_way = [*self._under_way.values(), *self._reports_under_way.values()]
                if under_way:
                    await asyncio.wait(under_way, timeout=_LONGEST_DRAIN)
                raise

    def _move(self) -> None:
        self.progress += 1

    def _begin(self, db: sqlite3.Connection) -> None:
        people = self._site.notify.people.values()
        channelstate.keep_only(db, [(each.id, channel) for each in people for channel in each.channels])
        store.begin_again(db, self._steady())

    async def counts(self) -> Mapping[str, int]:
        """How many rows there are in each state, zeros included."""
        return store.count(await self._state.query("SELECT state, count(*) AS n FROM outbox GROUP BY state"))

    async def list_notifications(
        self, occurrence: str | None = None, *, last: int = 200
    ) -> Sequence[Mapping[str, Any]]:
        """Answer the newest rows, newest first, of one occurrence or of all; no addresses, no texts."""
        rows = await self._state.query(*store.shown(occurrence, last))
        return [{**dict(row), "maybe_delivered": bool(row["maybe_delivered"])} for row in rows]

    async def find_notifications(
        self, wanted: Mapping[str, str], *, since: int | None, after: int | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Answer the newest rows with these values (occurrence, person, channel, state, kind), newest first.

        `since`: made then or later (UTC ms); `after`: behind the row of that number.
        """
        rows = await self._state.query(*store.matching(wanted, since, after, limit))
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

    async def _test(self) -> None:
        """Once a minute, see whether a channel is due for its self-test."""
        if self._site.notify.self_test is None:
            return
        if self._tested is None or self._monotonic() - self._tested > _MINUTE:
            self._tested = self._monotonic()
            await self._persistently(lambda db: selftest.put_due(db, self._site, self._steady()))

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL):
                await self._woken.wait()
        self._woken.clear()

    async def _start_due(self, group: asyncio.TaskGroup) -> None:
        def take(db: sqlite3.Connection) -> Sequence[Attempt]:
            now, gate = self._steady(), self.traffic.gate()
            self._stand_ins.refresh(db, now)
            waiting.hold(db, gate.held, now)
            taken = [
                *self._take(db, gate, self._under_way, _AT_ONCE, of_reports=False),
                *self._take(db, gate, self._reports_under_way, _REPORTS_AT_ONCE, of_reports=True),
            ]
            waiting.mark_taken(db, taken, now)
            return taken

        taken = await self._persistently(take)
        self.traffic.start(attempt.lane for attempt in taken)
        for attempt in taken:
            name = f"{'report' if attempt.is_report else 'notify'} {attempt.lane[0]} {attempt.lane[1]}"
            under_way = self._reports_under_way if attempt.is_report else self._under_way
            under_way[attempt.lane] = group.create_task(self._deliver(attempt, under_way), name=name)

    def _take(
        self, db: sqlite3.Connection, gate: Gate, busy: Mapping[Lane, object], most: int, *, of_reports: bool
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
            admits=gate.admits,
        )

    async def _deliver(self, attempt: Attempt, under_way: dict[Lane, asyncio.Task[None]]) -> None:
        try:
            sent = await self._sender.send(attempt)
            self._edges.log(attempt, sent.outcome)
            await self._mark(attempt, sent, back=self.traffic.end(attempt.lane, sent))
        finally:
            del under_way[attempt.lane]
            self.wake()

    async def _mark(self, attempt: Attempt, sent: Sent, *, back: Sequence[Lane]) -> None:
        """Write down what became of an attempt; `back`: lanes of a service that works again by it."""
        outcome = sent.outcome

        def mark(db: sqlite3.Connection) -> int:
            now, result = self._steady(), outcome
            if outcome.state == "failed":
                result = replace(outcome, next_at=min(now + _pause(attempt, outcome), attempt.expires))
            elif outcome.state == "dead":
                fallback.fall_back(db, self._site.notify.people, attempt, outcome.error, now)
            hastened = store.mark(db, attempt, result, now, self._site)
            channelstate.note(db, attempt.lane, sent, now, is_test=attempt.kind == NoticeKind.SELF_TEST)
            waiting.mark_tried(db, attempt, sent.took)
            waiting.release(db, back, now)
            return hastened

        hastened = await self._persistently(mark)
        if hastened:
            _LOG.warning("next_step_brought_forward", occurrence=attempt.occurrence, rows=hastened)


def _pause(attempt: Attempt, outcome: Outcome) -> int:
    """Milliseconds until the next try. Reports have time, and building one is work: up to an hour between them."""
    if outcome.refused:
        return _AFTER_A_REFUSAL
    longest = _LONGEST_RETRY_OF_REPORTS if attempt.is_report else _LONGEST_RETRY
    return backoff(attempt.number, random.uniform(-1, 1), longest)  # noqa: S311 - jitter
