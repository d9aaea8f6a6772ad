"""Parts of the monitor that run beside a test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

__all__ = ["running"]


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
