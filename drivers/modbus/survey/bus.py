"""A bus of our own, for as long as one command lasts; the other kind is that of the running daemon."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from drivers.modbus.byhand import read_by_hand
from drivers.modbus.connection import ConnectionModel
from drivers.modbus.traffic import Seen
from drivers.modbus.wire import Link

__all__ = ["OwnBus"]


class OwnBus:
    """A `monitor.ports.RegisterBus` that opens its port or connection at the first request.

    `timeout`: seconds to wait for each answer (default: the connection's). `spoke` has the units that answered
    when they were no longer asked, or in the place of another: late ones among them.
    """

    def __init__(self, options: ConnectionModel, *, timeout: float | None = None) -> None:
        self.options = options
        self.timeout = timeout
        self.spoke: set[int] = set()
        self._link = Link(options)

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        """Ask once; raises what `monitor.ports.RegisterBus.read` does."""
        seen = Seen()
        try:
            return await read_by_hand(self._link, unit, table, first, count, patience=self.timeout, seen=seen)
        finally:
            self.spoke |= seen.units

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()
        await asyncio.sleep(0)  # lets the transport finish closing
