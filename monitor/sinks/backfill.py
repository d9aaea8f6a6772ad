"""Sending a period again to a sink, beside what follows the journal to it: live entries go first.

Each portion is read and written in one turn of the sink. So it holds all that was kept of its instants up to that
moment, in the journal's order, and what comes later is written after it. Wherever it is stopped or killed, no
older value stands where a newer one was, and it may be done twice.
"""

import asyncio
import json
import random
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Protocol

import structlog

from monitor.errors import JournalError, RequestRefused, SinkUnavailable
from monitor.journal.state import State
from monitor.model import Recorded, Value
from monitor.sinks.pace import Pace
from monitor.sinks.runner import SinkRunner
from monitor.wording import Sentence

__all__ = ["Backfill", "Past", "Portion"]

_log = structlog.get_logger()

_KEEP_EVERY: Final = 2.0
_REST: Final = 0.25
"""Of the time that a portion took, before the next one: for the server, and for all else on this box."""
_LOOK_AGAIN: Final = 0.2
_RATE_OVER: Final = 30.0
_PACE: Final = Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Some entries of the past and how they are written; `write` raises as `Sink.write` does.

    `place`: where the next portion begins, ready for JSON; None: this is the last. `reached`: all before that time
    (UTC ms) is in this portion and those before it.
    """

    entries: Sequence[Recorded]
    write: Callable[[Sequence[Recorded]], Awaitable[None]]
    place: Mapping[str, Any] | None
    reached: int


class Past(Protocol):
    """Where portions come from."""

    async def portion(self, place: Mapping[str, Any], first: int, until: int) -> Portion:
        """Read the portion of [first, until) that begins at a place; {} is the first. Raises JournalError."""


@dataclass(slots=True)
class _Job:
    first: int
    until: int
    asked: int
    place: dict[str, Any]
    entries: int
    ended: int | None
    outcome: str

    @property
    def reached(self) -> int:
        return self.until if self.outcome == "done" else int(self.place.get("reached", self.first))


class Backfill:
    """What is sent again to one sink: one period at a time, its progress in state.db. `now` answers UTC ms."""

    def __init__(
        self, runner: SinkRunner, state: State, past: Past, *, now: Callable[[], int], pace: Pace = _PACE
    ) -> None:
        self._runner = runner
        self._state = state
        self._past = past
        self._now = now
        self._pace = pace
        self._job: _Job | None = None
        self._change = asyncio.Event()
        self._loaded = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._waits_for = ""
        self._steps: deque[tuple[float, int, int]] = deque()
        """When (monotonic), how far in the period, and after how many entries."""

    @property
    def name(self) -> str:
        """The sink's name."""
        return self._runner.name

    async def run(self) -> None:
        """Send what is to be sent, for ever; goes on at a start with what was under way."""
        while not self._loaded.is_set():
            try:
                self._job = await self._state.transact(lambda db: _load(db, self.name))
            except JournalError:
                await asyncio.sleep(self._pace.longest)
            else:
                self._loaded.set()
        while True:
            self._change.clear()
            if self._is_under_way:
                try:
                    await self._send()
                except Exception:  # noqa: BLE001 - it must not end the monitor, at each start anew
                    _log.exception("backfill_failed", sink=self.name)
                    await self._end("failed")
            else:
                await self._change.wait()

    async def start(self, first: int, until: int, *, by: str) -> None:
        """Begin to send [first, until) (UTC ms) again. Raises RequestRefused while another period is under way."""
        await self._loaded.wait()
        async with self._beginning:
            if self._is_under_way:
                raise RequestRefused(
                    Sentence("{sink}: a period is being sent again already; stop that first", sink=self.name)
                )
            job = _Job(first=first, until=until, asked=self._now(), place={}, entries=0, ended=None, outcome="")
            await self._state.transact(lambda db: _begin(db, self.name, job, by))
            self._job = job
        self._steps.clear()
        _log.info("backfill_begun", sink=self.name, first=first, until=until, by=by)
        self._change.set()

    async def stop(self) -> None:
        """Leave it there; what was sent stays. Raises RequestRefused when nothing is under way."""
        await self._loaded.wait()
        if not self._is_under_way:
            raise RequestRefused(Sentence("{sink}: nothing is being sent again", sink=self.name))
        await self._end("stopped")

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`; described in docs/influxdb.md."""
        job = self._job
        if job is None:
            return dict(_NOTHING)
        rate, left = self._pace_of(job)
        return {
            "backfill": job.outcome or ("waiting" if self._waits_for else "running"),
            "backfill_from": job.first,
            "backfill_until": job.until,
            "backfill_reached": job.reached,
            "backfill_entries": job.entries,
            "backfill_rate": rate,
            "backfill_left_s": left,
            "backfill_waits_for": self._waits_for,
        }

    @property
    def _is_under_way(self) -> bool:
        return self._job is not None and not self._job.outcome

    def _pace_of(self, job: _Job) -> tuple[float, float]:
        """Entries a second of late, and the seconds left at the pace at which time passes by; 0: not known."""
        if job.outcome or len(self._steps) < 2:  # noqa: PLR2004 - a pace needs two moments
            return 0.0, 0.0
        (began, at_first, entries), (now, at_last, all_entries) = self._steps[0], self._steps[-1]
        took = max(now - began, 0.001)
        left = (job.until - at_last) / (at_last - at_first) * took if at_last > at_first else 0.0
        return round((all_entries - entries) / took, 1), round(left, 1)

    async def _send(self) -> None:
        job, attempt, kept = self._job, 0, monotonic()
        assert job is not None
        while not job.outcome:
            self._waits_for = self._runner.busy_with()
            if self._waits_for:
                await asyncio.sleep(_LOOK_AGAIN)
                continue
            began = monotonic()
            try:
                portion = await self._runner.write_past(
                    lambda: self._past.portion(job.place, job.first, job.until)
                )
            except (SinkUnavailable, JournalError) as error:
                if job.outcome:  # somebody has stopped it meanwhile
                    return
                self._waits_for = str(error)
                chance = random.random()  # noqa: S311 - spreads the load, keeps no secret
                await asyncio.sleep(self._pace.pause(error, attempt, chance))
                attempt += 1
                continue
            attempt = 0
            job.entries += len(portion.entries)
            self._note(job, portion)
            if job.outcome:  # somebody has stopped it meanwhile
                return
            if portion.place is None:
                await self._end("done")
                return
            job.place = {**portion.place, "reached": portion.reached}
            if monotonic() - kept > _KEEP_EVERY:
                kept = monotonic()
                await self._keep(job)
            await asyncio.sleep((monotonic() - began) * _REST)

    def _note(self, job: _Job, portion: Portion) -> None:
        now = monotonic()
        self._steps.append((now, portion.reached, job.entries))
        while len(self._steps) > 2 and now - self._steps[0][0] > _RATE_OVER:  # noqa: PLR2004 - a pace needs two
            self._steps.popleft()

    async def _end(self, outcome: str) -> None:
        job = self._job
        assert job is not None
        job.outcome, job.ended, self._waits_for = outcome, self._now(), ""
        _log.info("backfill_ended", sink=self.name, outcome=outcome, entries=job.entries, reached=job.reached)
        await self._keep(job)

    async def _keep(self, job: _Job) -> None:
        """Note how far it has come; what cannot be noted is sent once more after the next start."""
        try:
            await self._state.transact(lambda db: _keep(db, self.name, job))
        except JournalError as error:
            _log.warning("backfill_not_noted", sink=self.name, error=str(error))


_NOTHING: Final[Mapping[str, Value]] = {
    "backfill": "",
    "backfill_from": 0,
    "backfill_until": 0,
    "backfill_reached": 0,
    "backfill_entries": 0,
    "backfill_rate": 0.0,
    "backfill_left_s": 0.0,
    "backfill_waits_for": "",
}


def _load(db: sqlite3.Connection, sink: str) -> _Job | None:
    row = db.execute(
        "SELECT first, until, asked, place, entries, ended, outcome FROM backfills WHERE sink = ?", (sink,)
    ).fetchone()
    if row is None:
        return None
    first, until, asked, place, entries, ended, outcome = row
    return _Job(
        first=first,
        until=until,
        asked=asked,
        place=json.loads(place),
        entries=entries,
        ended=ended,
        outcome=outcome,
    )


def _begin(db: sqlite3.Connection, sink: str, job: _Job, by: str) -> None:
    db.execute(
        "INSERT OR REPLACE INTO backfills (sink, first, until, asked, by, place) VALUES (?, ?, ?, ?, ?, '{}')",
        (sink, job.first, job.until, job.asked, by),
    )


def _keep(db: sqlite3.Connection, sink: str, job: _Job) -> None:
    db.execute(
        "UPDATE backfills SET place = ?, entries = ?, ended = ?, outcome = ? WHERE sink = ? AND asked = ?",
        (json.dumps(job.place), job.entries, job.ended, job.outcome, sink, job.asked),
    )
