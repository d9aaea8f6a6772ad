"""A bus of our own, for as long as one command lasts; the other kind is that of the running daemon."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from drivers.modbus.byhand import read_by_hand
from drivers.modbus.connection import ConnectionModel
from drivers.modbus.traffic import Seen
from drivers.modbus.wire import Link
from monitor.ports import RegisterBus

__all__ = ["OwnBus", "SurveyBus"]


class SurveyBus(RegisterBus, Protocol):
    """A bus that tells more than what it was asked for.

    `timeout`: seconds to wait for each answer (None: as the connection's settings say); it may be changed at any
    time. `spoke` has the units that answered when they were no longer asked, or in the place of another: late ones
    among them. `took`: milliseconds from the last request to its answer.
    """

    timeout: float | None
    spoke: set[int]
    took: float


class OwnBus:
    """A `SurveyBus` that opens its port or connection at the first request."""

    def __init__(self, options: ConnectionModel, *, timeout: float | None = None) -> None:
        self.options = options
        self.timeout = timeout
        self.spoke: set[int] = set()
        self.took = 0.0
        self._link = Link(options)

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        """Ask once; raises what `monitor.ports.RegisterBus.read` does."""
        seen = Seen()
        try:
            return await read_by_hand(self._link, unit, table, first, count, patience=self.timeout, seen=seen)
        finally:
            self.spoke |= seen.units
            self.took = 1000 * (seen.latency or 0.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()
        await asyncio.sleep(0)  # lets the transport finish closing
