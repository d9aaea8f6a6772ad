"""An open connection: pymodbus's transactions over a transport, with our frames and without its second thoughts.

It never opens itself again, tells a request in flight at once when the other end closes, and keeps a bounded
number of bytes that are no frame.
"""

import asyncio
import sys
import time
from typing import Any, Final

from pymodbus.exceptions import ModbusIOException
from pymodbus.transaction import TransactionManager
from pymodbus.transport import CommParams, CommType

from drivers.modbus.connection import ConnectionModel, Line
from drivers.modbus.frames import Frames

__all__ = ["Channel", "DatagramChannel", "LineChannel"]

_MOST_BYTES: Final = 1200
_KEPT_BYTES: Final = 520
"""The longest frame, that of ASCII, has 513 characters."""


class Channel(TransactionManager):
    """A stream of bytes. `lost` is why it ended, once it has; `trusted`: something was answered over it."""

    framer: Frames
    kind = CommType.TCP

    def __init__(self, options: ConnectionModel, framer: Frames) -> None:
        params = CommParams(comm_type=self.kind, timeout_connect=options.timeout, reconnect_delay=0)
        super().__init__(params, framer, 0, False, None, None, None)
        self.max_until_disconnect = self.count_until_disconnect = sys.maxsize  # closing is our own decision
        self.response_future.cancel()
        self.lost: Exception | None = None
        self.trusted = False

    def data_received(self, data: bytes) -> None:
        """Look for the answer among the bytes that have come."""
        if self.recv_buffer:
            data = self.recv_buffer + data
        self._look_into(data)

    def _look_into(self, data: bytes) -> None:
        if len(data) > _MOST_BYTES:
            self.framer.note("garbled")
            data = data[-_KEPT_BYTES:]
        used, answer = self.framer.handleFrame(data, self.request_dev_id, self.request_transaction_id)
        self.recv_buffer = data[used:]
        if answer is None:
            return
        if self.response_future.done():
            self.framer.foreign = answer.dev_id
            self.framer.note("foreign")
        else:
            self.response_future.set_result(answer)

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Let a request in flight fail at once."""
        self.lost = exc
        if not self.response_future.done():
            self.response_future.set_exception(ModbusIOException("closed"))

    def close(self, reconnect: bool = False) -> None:  # noqa: FBT001, FBT002 - pymodbus's signature
        """Close; a connection with TLS waits for no farewell of the other end."""
        transport: Any = self.transport
        if transport is not None and not self.is_closing and transport.get_extra_info("ssl_object"):
            transport.abort()
        super().close(reconnect)


class DatagramChannel(Channel):
    """Datagrams: each is a whole frame or nothing."""

    kind = CommType.UDP

    def datagram_received(
        self,
        data: bytes,
        addr: tuple[Any, ...] | None,  # noqa: ARG002 - asyncio's signature
    ) -> None:
        """Look for the answer in a datagram; what is none is passed over, for another may follow."""
        used, answer = self.framer.handleFrame(data, self.request_dev_id, self.request_transaction_id)
        if used < len(data) and answer is None:
            self.framer.note("garbled")
        if answer is not None and answer.function_code and not self.response_future.done():
            self.response_future.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        """Let a request in flight fail at once: the other end told that nobody listens."""
        self.lost = exc
        if not self.response_future.done():
            self.response_future.set_exception(ModbusIOException("refused"))


class LineChannel(Channel):
    """A serial line, here or behind a converter. `heard` and `spoken`: when the last byte came, and went out."""

    def __init__(self, options: ConnectionModel, framer: Frames) -> None:
        super().__init__(options, framer)
        self.line: Line = options.line
        self.heard = self.spoken = 0.0
        self.echoed = False
        self.answer_is_copy = False
        """Whether a copy of what is sent is the right answer, and no echo."""
        self._sent = b""

    def send(self, data: bytes, addr: tuple[Any, ...] | None = None) -> None:
        """Send a frame and reckon when its last character has gone out."""
        self._sent = b"" if self.answer_is_copy else data
        self.echoed = False
        super().send(data, addr)
        self.spoken = time.monotonic() + len(data) * self.line.character

    def data_received(self, data: bytes) -> None:
        """Leave out what the adapter hears of ourselves, and look for the answer in the rest."""
        self.heard = time.monotonic()
        data = self.recv_buffer + data
        if self._sent:
            if self._sent.startswith(data) and len(data) < len(self._sent):
                self.recv_buffer = data
                return
            at = data.find(self._sent)
            if at >= 0:
                data = data[:at] + data[at + len(self._sent) :]
                self.echoed = True
                self._sent = b""
        self._look_into(data)

    async def overhear(self, unit: int, seconds: float) -> bool:
        """Wait for an answer of a unit that was given up; answer whether it came."""
        self.request_dev_id = unit
        self.response_future = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self.response_future
        except (TimeoutError, ModbusIOException):
            return False
        return True
