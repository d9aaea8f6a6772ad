"""The month in virtual time: the real engine, the real state and the real notifier, one moment after the other."""

import asyncio
import contextlib
import heapq
import itertools
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from monitor.alarms import booking, dutybook, keep
from monitor.alarms.store import standing
from monitor.duty import Override
from monitor.errors import ChannelRejected, ChannelUnavailable
from monitor.journal.codec import decode
from monitor.journal.state import State
from monitor.model import Command, Entry, Position, Reading, Recorded
from monitor.notify.outbox import Notifier
from monitor.notify.routing import make_router
from monitor.notify.standins import StandIns, as_override
from monitor.ports import Message
from monitor.site import Site
from rules.effects import Effects, Step
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.clock import ManualClock

__all__ = ["Delivery", "World"]

Lane = tuple[str, str]

_WAITS = """
    SELECT * FROM (SELECT next_at FROM outbox INDEXED BY outbox_due
        WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' ORDER BY next_at LIMIT 1)
    UNION ALL SELECT min(due) FROM unanswered WHERE said_at IS NULL
"""
_DUE = """
    SELECT (SELECT count(*) FROM outbox INDEXED BY outbox_due
            WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now)
        + (SELECT count(*) FROM unanswered WHERE said_at IS NULL AND due <= :now)
"""
_SENDING = "SELECT * FROM outbox WHERE state = 'sending' AND person = ? AND channel = ? ORDER BY id"

_IDLE = 3
"""So many looks of the notifier at what is due, of which nothing comes, are enough."""


class _AtOnce(ThreadPoolExecutor):
    """Does what it is asked to before it answers: no threads in virtual time, so that nothing comes by chance."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done


@dataclass
class Delivery:
    """A message that was handed to a channel: when (UTC ms), to whom, what came of it, and the rows it was for.

    `how`: sent, refused, failed, lost (no answer, not arrived), kept (no answer, arrived), killed (arrived, and
    the program ended before it could note that).
    """

    at: int
    lane: Lane
    how: str
    message: Message
    rows: list[dict[str, Any]]

    @property
    def arrived(self) -> bool:
        return self.how in {"sent", "kept", "killed"}


Answer = Callable[[Lane, int], str]


@dataclass
class World:
    """A site whose alarms, state and notifier are real; time and channels are not."""

    site: Site
    folder: Path
    begins: int
    answer: Answer = lambda _lane, _at: "sent"
    deliveries: list[Delivery] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    """Rows that were being sent when the program was killed, once for each time."""
    raised: list[tuple[str, str, int]] = field(default_factory=list)
    """Events of the monitor itself: kind, occurrence, time."""
    on_event: Callable[["World", Any], None] | None = None
    kills: list[int] = field(default_factory=list)
    """When the program is killed while it sends next, latest first."""

    def __post_init__(self) -> None:
        self.clock = ManualClock(self.begins)
        self._order = itertools.count()
        self._entries: list[tuple[int, int, Entry]] = []
        self._positions = itertools.count(1)
        self._killed = asyncio.Event()
        self._open()

    def say(self, at: int, entry: Entry) -> None:
        """Let an entry be judged at a time."""
        heapq.heappush(self._entries, (at, next(self._order), entry))

    def reads(self, at: int, device: str, point: str, value: float) -> None:
        self.say(at, Reading(device=device, time=at, arrived=at, values={point: value}))

    def asks(self, at: int, by: str, kind: str, target: str, **arguments: float | str) -> None:
        name = f"{kind}-{at}-{next(self._order)}"
        about = {"time": at, "by": by, "kind": kind, "target": target, "arguments": arguments}
        self.say(at, Command(id=name, reason="work", **about))  # type: ignore[arg-type]

    def stands_in(self, at: int, roster: str, person: str, span: tuple[int, int]) -> None:
        self.asks(at, "ana", dutybook.OVERRIDE, roster, person=person, starts=span[0], ends=span[1])

    def rows(self, sql: str = "SELECT * FROM outbox ORDER BY id", **about: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self._reader.execute(sql, about)]

    def stand_ins(self) -> list[Override]:
        """Who stands in, as the program knows it."""
        return [as_override(row) for row in self._reader.execute("SELECT * FROM duty_override")]

    # The program --------------------------------------------------------------------------------------

    def _open(self) -> None:
        path = self.folder / "state.db"
        self._state = State.open(path)
        self._state._thread = _AtOnce()
        self._reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self._reader.row_factory = sqlite3.Row
        stand_ins = StandIns()
        self._router = make_router(self.site, stand_ins=stand_ins)
        around = Surroundings.of(self.site)
        self._devices = around.devices
        self._engine = Engine(list(self.site.rules.values()), around)
        self._notifier = Notifier(
            self._state,
            self.site,
            channels=lambda _address: self,
            now=self.clock.now,
            standing=standing,
            stand_ins=stand_ins,
            monotonic=lambda: self.clock.time / 1000,
        )

    async def _start(self) -> None:
        await self._state.alone(lambda db: db.execute("PRAGMA synchronous = OFF"))
        kept = await self._state.transact(keep.read_memory)
        await self._keep(self._engine.load(kept, self.clock.time))
        await self._keep(self._engine.resume(self.clock.time))
        self._task = asyncio.create_task(self._notifier.run())

    async def _stop(self) -> None:
        """End the program at once, without any time to put things in order."""
        self._task.cancel()
        await asyncio.sleep(0)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._state.close()
        self.unknown += [row["id"] for row in self.rows("SELECT id FROM outbox WHERE state = 'sending'")]

    async def kill(self) -> None:
        """End the program as a kill does, and start it again."""
        self._killed.clear()
        await self._stop()
        self._reader.close()
        self._open()
        await self._start()

    async def run(self, until: int) -> None:
        """Let time pass, from one moment at which something happens to the next."""
        random.seed(self.begins)  # the outbox draws its jitter from it
        asyncio.get_running_loop().set_default_executor(_AtOnce())
        await self._start()
        try:
            while True:
                at = min(self._moments(), default=until)
                if at >= until:
                    break
                self.clock.time = max(self.clock.time, at)
                await self._judge()
                await self._settle()
        finally:
            await self._stop()

    def _moments(self) -> list[int]:
        waits = [row[0] for row in self._reader.execute(_WAITS)]
        due = self._engine.due()
        entry = self._entries[0][0] if self._entries else None
        return [each for each in (*waits, due, entry) if each is not None]

    async def _judge(self) -> None:
        now = self.clock.time
        effects: list[Effects] = []
        commands = []
        while (due := self._engine.due()) is not None and due <= now:
            effects.append(self._engine.tick(due))
        while self._entries and self._entries[0][0] <= now:
            entry = heapq.heappop(self._entries)[2]
            effects.append(self._engine.judge([Recorded(Position(next(self._positions)), now, entry)]))
            if isinstance(entry, Command) and entry.kind in booking.BOOKS:
                commands.append(entry)
        await self._keep(*effects, commands=commands)

    async def _keep(self, *effects: Effects, commands: list[Command] | None = None) -> None:
        steps: list[Step] = [step for one in effects for step in one.steps]
        assert not [each for one in effects for each in (*one.refused, *one.failures)]
        rows = self._engine.dump_changed()
        if not (rows or steps or commands):
            return

        def write(db: sqlite3.Connection) -> None:
            keep.write_memory(db, rows)
            keep.write_steps(db, steps, self._devices)
            assert not booking.book(db, commands or [])
            keep.tell(db, steps, self._router, self.clock.time)
            db.execute("DELETE FROM produced WHERE producer = ?", (keep.NAME,))

        await self._state.transact(write)

    async def _settle(self) -> None:
        """Let the notifier do all that is due."""
        idle = 0
        while idle < _IDLE:
            before, goal = len(self.deliveries), self._notifier.progress + 1
            self._notifier.wake()
            while self._notifier.progress < goal or self._is_sending():
                await asyncio.sleep(0)
                if self._killed.is_set():
                    await self.kill()
                    break
            else:
                (due,) = self._reader.execute(_DUE, {"now": self.clock.time}).fetchone()
                if not due:
                    break
                idle = 0 if len(self.deliveries) > before else idle + 1
        else:
            self.clock.advance(1000)  # a service takes no more at the moment
        await self._hear()

    def _is_sending(self) -> bool:
        return bool(self._notifier._under_way or self._notifier._reports_under_way)

    async def _hear(self) -> None:
        """Feed what the notifier has produced, as the feeder does."""
        if not self._reader.execute("SELECT 1 FROM produced LIMIT 1").fetchone():
            return
        found = await self._state.transact(
            lambda db: db.execute("DELETE FROM produced RETURNING kind, body").fetchall()
        )
        for row in found:
            entry: Any = decode(row["kind"], row["body"])
            self.raised.append((entry.kind, entry.attributes["occurrence"], entry.time))
            self.say(self.clock.time + 1, entry)
            if self.on_event is not None:
                self.on_event(self, entry)

    # The channel --------------------------------------------------------------------------------------

    async def send(self, address: str, message: Message) -> None:
        """Be the channel of everybody."""
        person, channel = address.removeprefix("json://").split("-")
        at, lane = self.clock.time, (person, channel)
        rows = [dict(row) for row in self._reader.execute(_SENDING, lane)]
        how = self.answer(lane, at)
        if self.kills and self.kills[-1] <= at:
            self.kills.pop()
            how = "killed" if at % 2 else "lost"
            self._killed.set()
        for row in rows:
            row["body"] = orjson.loads(row["body"])
        self.deliveries.append(Delivery(at, lane, how, message, rows))
        if self._killed.is_set():
            await asyncio.Event().wait()
        if how == "refused":
            raise ChannelRejected("HTTP 404 Not Found")
        if how == "failed":
            raise ChannelUnavailable("HTTP 503 Service Unavailable")
        if how in {"lost", "kept"}:
            raise ChannelUnavailable("no answer in time", maybe_delivered=True)
