"""Parts of the monitor that run beside a test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

__all__ = ["running", "settled"]


class Runs(Protocol):
    """Whatever runs until it is cancelled."""

    async def run(self) -> Any:
        """Run."""


@asynccontextmanager
async def running(*parts: Runs) -> AsyncIterator[None]:
    """Let parts run meanwhile; what made one of them fail is raised at the end."""
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def settled(is_idle: Callable[[], Awaitable[bool]], reached: Callable[[], object]) -> None:
    """Return once it `is_idle`: long work is waited for as long as it gets on, whatever else the machine does.

    Raises TimeoutError after a minute in which what is `reached` stays as it is, and after ten minutes.
    """
    now = asyncio.get_running_loop().time
    last = now() + 600
    async with asyncio.timeout(60) as limit:
        before = reached()
        while not await is_idle():
            if (place := reached()) != before:
                before = place
                limit.reschedule(min(now() + 60, last))
            await asyncio.sleep(0.01)
