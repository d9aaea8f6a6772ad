"""One site whose alarms the real shell keeps, on a real journal and a real state."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.alarms import Alarms
from monitor.alarms.store import AlarmView, list_alarms
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Entry, Transition
from monitor.notices import ALARMING, Notice, OutboxRow
from monitor.ports import Batch
from monitor.site import Rule, Site
from tests.clock import ManualClock
from tests.rules.build import device, event, rule

LOW = {
    "id": "low",
    "kind": "threshold",
    "point": "voltage_v",
    "below": "207 V",
    "on_delay": "30 s",
    "severity": "high",
}
LEAK = {
    "id": "leak",
    "kind": "state",
    "point": "alarm",
    "is": True,
    "latched": True,
    "response": "Close the main valve.",
    "cause": "A hose has burst.",
    "consequence": "The cellar fills.",
    "owner": "Plumber",
}
FORCED = {"id": "forced", "kind": "event", "event": "forced"}
DEVICES = {
    "meter": device(),
    "sensor": device("sensor", points=["alarm"], device_class="safety"),
    "door": device("door", points=["open"], device_class="door"),
}


def site(*settings: Mapping[str, Any]) -> Site:
    rules: dict[str, Rule] = {}
    for one in settings:
        made = rule(one, DEVICES)
        rules[made.id] = made
    return Site(id="s", name="S", timezone=ZoneInfo("UTC"), devices=DEVICES, rules=rules)


def to_ana(notice: Notice) -> Sequence[OutboxRow]:
    """Tell Ana of raises, and afterwards whoever was told before."""
    raises = notice.kind in ALARMING
    people = {("ana", "mail")} if raises else notice.told
    step = notice.transition
    return [
        OutboxRow(
            notification_id=f"{step.occurrence}:{notice.kind}:{step.number}",
            occurrence=step.occurrence,
            kind=notice.kind,
            person=person,
            channel=channel,
            step=0,
            severity=step.severity,
            not_before=step.time,
            expires=step.time + 1000,
            body={"rule": {"id": notice.rule.id, "kind": notice.rule.kind}, "time": step.time},
        )
        for person, channel in people
    ]


class House:
    """One site's alarms, which can be started, stopped and killed."""

    def __init__(self, journal: SqliteJournal, state: State, clock: ManualClock) -> None:
        self.journal = journal
        self.state = state
        self.clock = clock
        self.alarms: Alarms | None = None

    @asynccontextmanager
    async def running(self, site: Site, *, fed: bool = True) -> AsyncIterator["House"]:
        self.alarms = Alarms(
            self.journal, self.state, site, to_ana, self.clock.now, monotonic=lambda: self.clock.time / 1000
        )
        tasks = [asyncio.create_task(self.alarms.run())]
        if fed:
            tasks.append(asyncio.create_task(Feeder(self.state, self.journal).run()))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def say(self, *entries: Entry, at: int, kept: bool = True) -> None:
        """Append entries (`at`: ms after the start) and wait until they are judged, and what came of it kept."""
        self.clock.time = 1_795_378_523_000 + at
        position = await self.journal.append([Batch(entries=entries)])

        async def is_done() -> bool:
            alarms = self.alarms
            return alarms is not None and alarms._position >= position and not (kept and alarms._steps)

        await self.until(is_done)

    async def applied(self) -> None:
        """Let time pass until the state on disk is that of everything that was judged."""

        async def is_applied() -> bool:
            self.clock.advance(100)  # a commit that is under way moves the second from which the next one counts
            return self.alarms is not None and self.alarms.applied == self.alarms._position

        await self.until(is_applied)

    async def until(self, is_so: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(60):
            while not await is_so():  # noqa: ASYNC110 - asks tables, which wake nobody
                await asyncio.sleep(0.005)

    async def pass_time(self, at: int) -> None:
        """Let time pass, and a device without rules speak."""
        await self.say(event(at, "opened", id="elsewhere"), at=at)

    async def only(self) -> AlarmView:
        alarms = await list_alarms(self.state, include_cleared=True)
        assert len(alarms) == 1
        return alarms[0]

    async def outbox(self) -> list[str]:
        rows = await self.state.query("SELECT kind, person FROM outbox ORDER BY id")
        return [f"{row['kind']} {row['person']}" for row in rows]

    async def transitions(self) -> list[Transition]:
        found = await self.journal.read(0, 10_000)  # type: ignore[arg-type]
        return [item.entry for item in found if isinstance(item.entry, Transition)]  # type: ignore[union-attr]

    async def settled(self) -> None:
        async def is_fed() -> bool:
            return not await self.state.query("SELECT 1 FROM produced")

        await self.until(is_fed)


@pytest.fixture
def house(journal: SqliteJournal, state: State, clock: ManualClock) -> House:
    return House(journal, state, clock)
