"""The consumer of the journal that judges how devices do, and tells it to the journal.

State, what it has to tell and its position are one transaction: when something has changed, and each minute. A
kill in between replays the entries since, which gives the same events, minutes and hours with the same identities.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Protocol

import orjson
import structlog

from monitor.errors import JournalError
from monitor.health.hours import Hour, Hours
from monitor.health.judge import MINUTE, Change, Judge, Minute
from monitor.journal.insisting import insist
from monitor.journal.state import State, produce, set_position
from monitor.model import Derived, Event, Position, Recorded, Value
from monitor.ports import Gap, Journal
from monitor.schema import MEASUREMENT_HEALTH, MEASUREMENT_HEALTH_HOUR
from monitor.site import Site

__all__ = ["Health", "PollFacts"]

_log = structlog.get_logger()

_TICK = 1.0
_SETTLE_MS = 500
_AFTER_FAILURE = 1.0
_FIRST_NOTICE = 600.0
_DAY_MS = 86_400_000
_NOTICE = "(notice)"
"""Key of the last notice among the devices' ids; no id looks like it."""

_Row = tuple[str, str, str | None]
"""Key, body and hour of a row of the table `health`."""


class PollFacts(Protocol):
    """What the poller knows of a device and the journal does not."""

    @property
    def poll_ms(self) -> float | None:
        """How long the last poll took."""

    @property
    def last_error(self) -> str:
        """Why the last poll failed; empty when it did not."""


class Health:
    """Follows the journal; appends the Event `health` on each change, the Derived `device_health` each minute.

    And the Derived `device_hourly` of each hour: every ten minutes while it runs, and when it is over. `polls`
    answers facts of polled devices, `now` UTC ms, `steady` seconds that no setting of the clock moves; `minute`:
    seconds between two words on each device.
    """

    name = "health"

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        journal: Journal,
        state: State,
        site: Site,
        *,
        polls: Callable[[], Mapping[str, PollFacts]],
        now: Callable[[], int],
        steady: Callable[[], float] = monotonic,
        minute: float = MINUTE,
    ) -> None:
        self._journal = journal
        self._state = state
        devices = [device for device in site.devices.values() if device.has_connection]
        self._judge = Judge(devices, minute)
        self._hours = Hours((device.id for device in devices), minute)
        self._protocols = {
            device.id: site.connections[device.connection].driver
            for device in site.devices.values()
            if device.connection in site.connections
        }
        self._polls = polls
        self._now = now
        self._steady = steady
        self._position = Position(0)
        self._boundary = Position(0)
        self._resumed = False
        self._changed_at = 0.0
        self._connections = {device.id: device.connection for device in site.devices.values()}
        self._began = steady()
        self._noticed = 0
        self._busy = asyncio.Lock()

    @property
    def readings(self) -> int:
        """Readings of any device that were kept since the start."""
        return self._judge.readings

    def states(self) -> Mapping[str, str]:
        """How each device does: never_answered, answering, degraded, suspended or flapping."""
        return self._judge.states()

    def losses(self) -> Mapping[str, float]:
        """The share (0 to 1) of the last hour that each device has lost; of those that ever answered."""
        return self._judge.losses()

    def down(self) -> int:
        """How many devices have answered before and do not now."""
        return self._judge.down()

    async def run(self) -> None:
        """Judge until cancelled."""
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="health follow")
            group.create_task(self._watch(), name="health watch")

    async def _load(self) -> None:
        while True:
            try:
                rows = await self._state.query("SELECT key, body, hour FROM health")
                self._position = await self._state.position(self.name)
            except JournalError as error:
                _log.error("health_cannot_read_state", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)
            else:
                break
        self._boundary = self._journal.last
        kept = {row["key"]: orjson.loads(row["body"]) for row in rows}
        self._noticed = kept.pop(_NOTICE, 0)
        self._judge.load(kept.items())
        for row in rows:
            if row["hour"] is not None:
                self._hours.load(row["key"], orjson.loads(row["hour"]))
        self._resume_when_caught_up()

    def _resume_when_caught_up(self) -> None:
        """Once what was recorded before this start is judged, leave out the time until now."""
        if not self._resumed and self._position >= self._boundary:
            self._resumed = True
            self._judge.resume(self._now())

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._journal.follow(self._position):
                    async with self._busy:
                        self._take(batch)
                        await self._keep_in_time()
            except JournalError as error:
                _log.warning("health_cannot_read_the_journal", error=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    def _take(self, batch: Sequence[Recorded] | Gap) -> None:
        if isinstance(batch, Gap):
            _log.warning("health_missed_entries", after=batch.after, until=batch.until, reason=batch.reason)
            self._position = batch.until
        else:
            before = () if self._resumed else [item for item in batch if item.position <= self._boundary]
            for part in (before, batch[len(before) :]):
                if part:
                    self._judge.judge(part)
                    self._position = part[-1].position
                self._resume_when_caught_up()
        self._resume_when_caught_up()

    async def _watch(self) -> None:
        """End minutes also while nothing is recorded, once all that was stamped before is certainly judged."""
        while True:
            await asyncio.sleep(_TICK)
            async with self._busy:
                if self._resumed and self._position >= self._journal.last:
                    self._judge.tick(self._now() - _SETTLE_MS)
                    self._notice()
                await self._keep_in_time()

    def _notice(self) -> None:
        """Tell once a day of the devices that have never answered: they are not alarms, and not forgotten."""
        now = self._now()
        if self._steady() - self._began < _FIRST_NOTICE or 0 <= now - self._noticed < _DAY_MS:
            return
        waiting: dict[str, list[str]] = {}
        for device, state in self._judge.states().items():
            if state == "never_answered":
                waiting.setdefault(self._connections[device], []).append(device)
        if waiting:
            self._noticed = now
            _log.warning(
                "devices_never_answered",
                number=sum(map(len, waiting.values())),
                devices=waiting,
                what_to_do="`facility-monitor devices` says what to look at, device by device",
            )

    # Keeping ------------------------------------------------------------------------------------------

    async def _keep_in_time(self) -> None:
        """Keep what is new; of many changes at once, as at a start, only once a second."""
        if self._judge.has_news and self._steady() - self._changed_at >= _TICK:
            await self._keep()

    async def _keep(self) -> None:
        # Nothing is judged meanwhile. In the loop, a minute of ten thousand devices would hold up the polls.
        rows, told = await asyncio.to_thread(self._what_is_new)
        position = self._position

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO health (key, body, hour) VALUES (?, ?, ?)", rows)
            produce(db, self.name, told)
            set_position(db, self.name, position)

        await insist(
            self._state,
            work,
            failed=lambda why: _log.error("health_cannot_be_kept", error=why),
            again=lambda: _log.info("health_is_kept_again"),
        )
        self._changed_at = self._steady()
        self._journal.acknowledge(self.name, position)

    def _what_is_new(self) -> tuple[list[_Row], list[Event | Derived]]:
        """In a thread: the rows of what is remembered, and what there is to tell."""
        changes, minutes = self._judge.news()
        told: list[Event | Derived] = [_event(change) for change in changes]
        facts = self._polls() if minutes else {}
        hours: list[Hour] = []
        for minute in minutes:
            fact = facts.get(minute.device)
            told.append(_minute(minute, self._protocols.get(minute.device, ""), fact))
            hours += self._hours.take(minute, *((None, "") if fact is None else (fact.poll_ms, fact.last_error)))
        told += [_hour(hour, self._protocols.get(hour.device, "")) for hour in hours]
        kept = {**self._judge.dump_changed(), _NOTICE: self._noticed}
        return [(key, _json(body), _json_or_none(self._hours.dump(key))) for key, body in kept.items()], told


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _json_or_none(value: Any) -> str | None:
    return None if value is None else _json(value)


def _event(change: Change) -> Event:
    return Event(
        device=change.device,
        kind="health",
        time=change.time,
        arrived=change.time,
        id=f"health-{change.time}-{change.state}",
        attributes={"state": change.state, "was": change.was},
    )


def _minute(minute: Minute, protocol: str, facts: PollFacts | None) -> Derived:
    values: dict[str, Value] = {
        "up": minute.up,
        "state": minute.state,
        "polls": minute.polls,
        "errors": minute.errors,
        "last_error": "" if facts is None else facts.last_error,
    }
    if minute.loss is not None:
        values["loss_pct"] = round(100 * minute.loss, 2)
    if facts is not None and facts.poll_ms is not None:
        values["poll_ms"] = facts.poll_ms
    return Derived(
        producer=Health.name,
        key="",
        device=minute.device,
        time=minute.time,
        measurement=MEASUREMENT_HEALTH,
        values=values,
        attributes=_attributes(protocol),
    )


def _hour(hour: Hour, protocol: str) -> Derived:
    """One word on an hour: its key says how much of it was over, so that a replay gives the same words."""
    return Derived(
        producer=Health.name,
        key=f"hour@{hour.until}",
        device=hour.device,
        time=hour.start,
        measurement=MEASUREMENT_HEALTH_HOUR,
        values=hour.values,
        attributes=_attributes(protocol),
    )


def _attributes(protocol: str) -> Mapping[str, str]:
    return {"protocol": protocol} if protocol else {}
