"""People with real mailboxes and web hooks, and a notifier on a real state that tells them, for tests of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify.channels import Channels
from monitor.notify.outbox import Notifier, Standing
from monitor.ports import Channel
from monitor.site import Site
from monitor.staff import Person
from tests.clock import ManualClock
from tests.notify.house import insert, person, rows
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer

__all__ = ["House", "hooked", "listed", "mailed", "reach", "running", "seen_again", "settle", "until"]


def mailed(server: MailServer, name: str, language: str = "en") -> Person:
    address = f"mailto://127.0.0.1:{server.port}/?from=monitor@example.org&to={name}@example.org"
    return person(name, language, mail=address)


def hooked(server: WebServer, name: str, options: str = "?rto=0.3") -> Person:
    return person(name, hook=f"json://{name}:s3cr3t-t0ken@127.0.0.1:{server.port}/{name}{options}")


class House:
    """The state, a clock that stands still, what alarms do with the router, and how the alarm stands."""

    def __init__(self, state: State, clock: ManualClock, settings: Site) -> None:
        self.state = state
        self.clock = clock
        self.site = settings
        self.standing = Standing(acknowledged=False, cleared=False)
        self.clock_set_by = 0

    def set_clock(self, by: int) -> None:
        """Set the wall clock: UTC jumps, the monotonic clock does not."""
        self.clock_set_by += by
        self.clock.advance(by)

    def notifier(self, channels: Callable[[str], Channel] | None = None) -> Notifier:
        return Notifier(
            self.state,
            self.site,
            channels=channels or Channels(),
            now=self.clock.now,
            standing=lambda _db, _occurrence: tuple(self.standing),
            monotonic=lambda: (self.clock.now() - self.clock_set_by) / 1000,
        )

    async def tell(self, kind: NoticeKind, **changes: object) -> None:
        changes.setdefault("time", self.clock.now())
        created = cast("int", changes.pop("created", self.clock.now()))
        await self.state.transact(lambda db: insert(db, rows(self.site, kind, **changes), created))

    async def told(self) -> frozenset[tuple[str, str]]:
        found = await self.state.query("SELECT DISTINCT person, channel FROM outbox")
        return frozenset((row["person"], row["channel"]) for row in found)

    async def end(self, kind: NoticeKind, **changes: object) -> None:
        await self.tell(kind, number=9, told=await self.told(), **changes)


@asynccontextmanager
async def running(notifier: Notifier) -> AsyncIterator[Notifier]:
    task = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def listed(notifier: Notifier) -> list[tuple[str, str, str]]:
    found = await notifier.list_notifications()
    return [(row["kind"], row["person"], row["state"]) for row in reversed(found)]


async def until(notifier: Notifier, wanted: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await wanted():
            notifier.wake()
            await asyncio.sleep(0.02)


async def settle(notifier: Notifier, *states: str) -> list[Mapping[str, Any]]:
    """Wait until every row is in one of the states (by default: an end); answers the rows, oldest first."""
    ends = set(states) or {"sent", "unknown", "dead", "superseded"}
    found: Sequence[Mapping[str, Any]] = []

    async def settled() -> bool:
        nonlocal found
        found = await notifier.list_notifications()
        return bool(found) and all(row["state"] in ends for row in found)

    await until(notifier, settled)
    return list(reversed(found))


async def reach(notifier: Notifier, *states: str) -> list[Mapping[str, Any]]:
    """Wait until the rows, oldest first, are in exactly these states; answers them."""
    found: list[Mapping[str, Any]] = []

    async def reached() -> bool:
        nonlocal found
        found = list(reversed(await notifier.list_notifications()))
        return [row["state"] for row in found] == list(states)

    await until(notifier, reached)
    return found


async def seen_again(notifier: Notifier) -> None:
    """Let the notifier look at the outbox twice more."""
    goal = notifier.progress + 2

    async def reached() -> bool:
        return notifier.progress >= goal

    await until(notifier, reached)
