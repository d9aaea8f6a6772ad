"""Doing work in the state although it may fail for hours: a full disk, read-only, an I/O error."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from monitor.errors import JournalError
from monitor.journal.state import State

__all__ = ["Persistence"]

T = TypeVar("T")

_PAUSE: Final = 1.0

_LOG = structlog.get_logger()


class Persistence:
    """Does work in a transaction, again and again while the state cannot be written; `waits` is called then."""

    def __init__(self, state: State, waits: Callable[[], None]) -> None:
        self._state = state
        self._waits = waits
        self._lost = False

    async def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Answer what `work` does, once it would survive a power cut. It may be called more than once."""
        while True:
            try:
                answer = await self._state.transact(work)
            except JournalError as error:
                if not self._lost:
                    _LOG.error("notifications_halted", error=str(error))
                self._lost = True
                self._waits()
                await asyncio.sleep(_PAUSE)
            else:
                if self._lost:
                    _LOG.info("notifications_resumed")
                self._lost = False
                return answer
