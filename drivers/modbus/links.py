"""The connections to one endpoint: each is lent to one device at a time, and idle ones help where nobody waits."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import structlog

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.wire import Link

__all__ = ["Links", "one_by_one"]

_Job = TypeVar("_Job")


async def one_by_one(link: Link, jobs: Iterable[_Job], do: Callable[[Link, _Job], Awaitable[None]]) -> None:
    """Do all jobs over one connection."""
    for job in jobs:
        await do(link, job)


class Links:
    """As many connections as the endpoint may have open; further ones open only when they are needed.

    Logs once when the endpoint is lost and once when it is back, whichever connection notices.
    """

    def __init__(self, connection: str, options: ConnectionModel) -> None:
        self._connection = connection
        self._links = [Link(options, told=self._told) for _ in range(options.connections)]
        self._idle = list(reversed(self._links))
        self._turns = asyncio.Semaphore(options.connections)
        self._waiting = 0
        self._trouble = ""

    async def take(self) -> Link:
        """Lend a connection, the one used last; wait for a turn when none is idle."""
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        return self._idle.pop()

    def give(self, link: Link) -> None:
        """Take a connection back."""
        self._idle.append(link)
        self._turns.release()

    async def side_by_side(
        self, link: Link, jobs: Sequence[_Job], do: Callable[[Link, _Job], Awaitable[None]]
    ) -> None:
        """Do all jobs over a connection that was lent, and over idle ones as long as nobody waits for them."""
        helpers = min(len(self._idle), len(jobs) - 1)
        if helpers < 1 or self._waiting:
            await one_by_one(link, jobs, do)
            return
        left = iter(jobs)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(helpers):
                tasks.create_task(self._help(left, do), name=f"{self._connection} helps")
            await one_by_one(link, left, do)

    async def _help(self, jobs: Iterator[_Job], do: Callable[[Link, _Job], Awaitable[None]]) -> None:
        if self._turns.locked():  # somebody was quicker
            return
        link = await self.take()
        try:
            for job in jobs:
                await do(link, job)
                if self._waiting:
                    return
        finally:
            self.give(link)

    def _told(self, trouble: str) -> None:
        """Log the edges: why no connection could be made, or that one was made again."""
        lost, was = bool(trouble), bool(self._trouble)
        self._trouble = trouble
        if lost == was:
            return
        log = structlog.get_logger()
        if lost:
            log.warning("connection lost", connection=self._connection, error=trouble)
        else:
            log.warning("connection is back", connection=self._connection)

    def close(self) -> None:
        """Close all connections; a later request would open them again."""
        for link in self._links:
            link.close()
