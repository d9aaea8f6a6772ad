"""One TCP connection to a Modbus endpoint: request out, bytes of the answer in, errors in our own words.

pymodbus does the framing and the transactions. Here its answers keep their bytes (unpacking register by register
costs more than all the rest), its connection never comes back by itself, and its own log lines are muted: what it
reports as an error is an everyday answer of a device to us.
"""

import asyncio
import logging
import os
import socket
import sys
import time
from typing import Any

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException, ModbusIOException
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.layout import FUNCTIONS
from drivers.modbus.plan import Block
from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable

__all__ = ["BUSY", "ExceptionAnswer", "Garbled", "Link", "Request"]

BUSY = frozenset({5, 6})
"""Exception codes of a device that will answer later: acknowledge, busy."""

_GATEWAY = frozenset({10, 11})
_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


class ExceptionAnswer(DeviceRefused):
    """The device answered with a Modbus exception."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class _NotConnected(DeviceUnreachable):
    """No connection could be made, so there is no use in asking again at once."""


class Garbled(DeviceError):
    """An answer came, but its length or function code is not that of the request."""


class _RawAnswer(ModbusPDU):
    """The answer to a read, as bytes: one of byte count, then the content."""

    payload = b""

    def decode(self, data: bytes) -> None:
        """Keep the bytes; `Link` checks their number against the request."""
        self.payload = data

    def __str__(self) -> str:  # pymodbus makes one of every answer, for a log line that nobody sees
        return "answer"


def _answer_class(code: int) -> type[_RawAnswer]:
    return type(f"_RawAnswer{code}", (_RawAnswer,), {"function_code": code})


_ANSWERS = tuple(_answer_class(code) for code in FUNCTIONS.values())


class _Framer(FramerSocket):
    """pymodbus's framer, which raises into the event loop for an answer that it cannot decode."""

    def handleFrame(  # noqa: N802 - pymodbus's name
        self, data: bytes, exp_devid: int, exp_tid: int
    ) -> tuple[int, ModbusPDU | None]:
        """Answer an empty PDU, which no request takes, for a frame of ours that makes no sense."""
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except ModbusIOException as error:
            return len(data), ModbusPDU(dev_id=error.dev_id, transaction_id=error.transaction_id)


def _spoken(error: OSError | UnicodeError) -> str:
    """What the system calls an error, without the addresses that asyncio puts before it."""
    if isinstance(error, UnicodeError):
        return "the host is no name"
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error)


class Request:
    """A block to be read from a unit; made once and sent again for each poll."""

    __slots__ = ("block", "pdu", "size")

    def __init__(self, unit: int, block: Block, size: int) -> None:
        self.block = block
        self.size = size
        self.pdu = _ReadRequest(dev_id=unit, address=block.first, count=block.count)
        self.pdu.function_code = FUNCTIONS[block.table]

    def __str__(self) -> str:
        first, count = self.block.first, self.block.count
        place = f"{first}" if count == 1 else f"{first} to {first + count - 1}"
        return f"{self.block.table} {place} of unit {self.pdu.dev_id}"


class _ReadRequest(ModbusPDU):
    """A request to read, of whatever table."""

    def encode(self) -> bytes:
        """Address and count."""
        return self.address.to_bytes(2, "big") + self.count.to_bytes(2, "big")


class Link:
    """A connection that opens when it is needed and closes when it can no longer be trusted.

    A request that nobody answers makes it doubtful. Asking the same unit again, with no answer of another one in
    between, or a second unanswered request, begins a new connection: a converter that was restarted leaves one
    behind on which nothing will ever come. A dead unit beside living ones closes nothing. Where the device numbers
    its answers 0, whatever the request, every unanswered one begins a new connection: a late answer could not be
    told from the next.
    """

    def __init__(self, options: ConnectionModel) -> None:
        self._options = options
        self._client: AsyncModbusTcpClient | None = None
        self._silent: int | None = None
        self._rested = 0.0
        self._asking = False
        self._unnumbered = False

    @property
    def _place(self) -> str:
        return self._options.place

    async def ask(self, request: Request, *, tries: int) -> bytes:
        """Send a request up to `tries` times; answer the content, of exactly the size that was asked for.

        Raises DeviceUnreachable, ExceptionAnswer or Garbled.
        """
        if self._silent == request.pdu.dev_id:
            self.close()
        for left in range(tries - 1, -1, -1):
            try:
                answer = await self._once(request)
                break
            except _NotConnected:
                raise
            except DeviceUnreachable:
                if not left:
                    raise
        return self._content(request, answer)

    async def _once(self, request: Request) -> ModbusPDU:
        task = asyncio.current_task()
        cancelled = task.cancelling() if task is not None else 0
        client = self._client
        if client is None or not client.connected:
            client = await self._connect()
        await self._rest()
        finished = False
        self._asking = True
        try:
            answer: ModbusPDU = await client.execute(False, request.pdu)
            finished = True
        except ModbusException as error:
            finished = True
            raise self._unanswered(client, request) from error
        finally:
            self._asking = False
            if self._options.pause_between_requests:
                self._rested = time.monotonic() + self._options.pause_between_requests
            if not finished:  # cancelled: what still comes is an answer to nobody
                self.close()
        if task is not None and task.cancelling() > cancelled:  # wait_for of 3.11 can lose one to an answer
            raise asyncio.CancelledError
        self._silent = None
        if not answer.transaction_id:
            self._unnumbered = True
        return answer

    def _unanswered(self, client: AsyncModbusTcpClient, request: Request) -> DeviceUnreachable:
        """Close what cannot be trusted any more, and say what happened."""
        if not client.connected:
            self.close()
            return DeviceUnreachable(f"{self._place} closed the connection")
        unit = request.pdu.dev_id
        if self._silent not in (None, unit) or client.ctx.recv_buffer or self._unnumbered:
            self.close()
        self._silent = unit
        return DeviceUnreachable(f"no answer within {self._options.timeout:g} s for {request}")

    def _content(self, request: Request, answer: ModbusPDU) -> bytes:
        code = request.pdu.function_code
        if isinstance(answer, ExceptionResponse) and answer.function_code == code | 0x80:
            number = answer.exception_code
            message = f"exception {number} ({_NAMES.get(number, 'unknown')}) for {request}"
            if number in _GATEWAY:
                raise DeviceUnreachable(message)
            raise ExceptionAnswer(message, number)
        content = answer.payload if isinstance(answer, _RawAnswer) and answer.function_code == code else b""
        if len(content) != request.size + 1 or content[0] != request.size:
            raise Garbled(f"the answer for {request} does not have the {request.size} bytes asked for")
        return content[1:]

    async def _connect(self) -> AsyncModbusTcpClient:
        self.close()
        options = self._options
        client = AsyncModbusTcpClient(
            options.host or "",
            port=options.number,
            timeout=options.timeout,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._connection_changed,
        )
        client.set_max_no_responses(sys.maxsize)  # closing is our own decision
        client.ctx.framer = _Framer(client.ctx.framer.decoder)
        for answer in _ANSWERS:
            client.register(answer)
        cause = f"within {options.timeout:g} s"

        async def create_and_tell() -> Any:
            nonlocal cause
            try:
                return await self._open(client)
            except (OSError, UnicodeError) as error:
                cause = f"({_spoken(error)})"
                raise OSError(cause) from error

        client.ctx.call_create = create_and_tell
        self._client = client
        connected = False
        try:
            connected = await client.connect()
        finally:
            if not connected:
                self.close()
        if not connected:
            raise _NotConnected(f"cannot connect to {self._place} {cause}")
        if options.pause_after_connect:
            self._rested = time.monotonic() + options.pause_after_connect
        return client

    async def _open(self, client: AsyncModbusTcpClient) -> Any:
        """Connect to the first address of the host that takes it.

        uvloop itself would look the name up in threads that are joined at the end, whatever the name server does.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._options.host, self._options.port, type=socket.SOCK_STREAM)
        failure: OSError | None = None
        for *_, address in found:
            try:
                return await loop.create_connection(
                    client.ctx.handle_new_connection, str(address[0]), self._options.port
                )
            except OSError as error:
                failure = failure or error
        raise failure or OSError("the host has no address")

    async def _rest(self) -> None:
        """Leave the device the pause that it needs."""
        if self._rested and (left := self._rested - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def _connection_changed(self, up: bool) -> None:  # noqa: FBT001 - pymodbus's signature
        """Let a request in flight fail at once when the other end closes."""
        if not up and self._asking and self._client is not None:
            pending = self._client.ctx.response_future
            if not pending.done():
                pending.set_exception(ModbusIOException("closed"))

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        client, self._client = self._client, None
        self._silent = None
        if client is not None:
            client.close()
