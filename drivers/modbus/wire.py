"""One connection to a Modbus endpoint or line: request out, bytes of the answer in, errors in our own words.

pymodbus does the transactions. What it reports as an error is an everyday answer of a device to us, so its own log
lines are muted.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, cast

from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from drivers.modbus.channel import Channel, LineChannel
from drivers.modbus.connection import SERIAL, ConnectionModel
from drivers.modbus.frames import Answer
from drivers.modbus.layout import FUNCTIONS, WRITES
from drivers.modbus.line import LineDuty, NeverQuiet
from drivers.modbus.plan import Block
from drivers.modbus.settings import Table
from drivers.modbus.traffic import Seen
from drivers.modbus.transports import NoConnection, open_channel, spoken
from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable

__all__ = ["BUSY", "ExceptionAnswer", "Garbled", "Link", "Request", "Write"]

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
_EXCEPTION = 0x80
_WORST_FIRST: Final = ("checksum", "foreign", "garbled")

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


class ExceptionAnswer(DeviceRefused):
    """The device answered with a Modbus exception."""


class Garbled(DeviceError):
    """An answer came, but its length or function code is not that of the request."""


class Request:
    """A block to be read from a unit; made once and sent again for each poll. `seen` counts what comes of it.

    The answer is one byte, `head`, and `size` bytes of content behind it.
    """

    __slots__ = ("block", "code", "head", "pdu", "seen", "size", "unit")
    is_write = False
    """Whether the right answer is a copy of the request."""

    def __init__(self, unit: int, block: Block, size: int, seen: Seen | None = None) -> None:
        self.unit = unit
        self.block = block
        self.size = self.head = size
        self.seen = Seen() if seen is None else seen
        self.code = FUNCTIONS[block.table]
        self.pdu = _ReadRequest(dev_id=unit, address=block.first, count=block.count)
        self.pdu.function_code = self.code

    def same(self, other: "Request") -> bool:
        """Whether both ask for the same, so that an answer to one is an answer to the other."""
        mine, theirs = self.block, other.block
        return (self.unit, self.code, mine.first, mine.count) == (
            other.unit,
            other.code,
            theirs.first,
            theirs.count,
        )

    def __str__(self) -> str:
        first, count = self.block.first, self.block.count
        place = f"{first}" if count == 1 else f"{first} to {first + count - 1}"
        return f"{self.block.table} {place} of unit {self.unit}"


class Write(Request):
    """One bit or register to be set: a coil to 0 or 1, a holding register to a number."""

    __slots__ = ("copy",)
    is_write = True

    def __init__(self, unit: int, place: tuple[Table, int], value: int, seen: Seen | None = None) -> None:
        table, address = place
        super().__init__(unit, Block(table, address, 1, ()), 3, seen)
        sent = (0xFF00 if value else 0) if table == "coil" else value
        self.copy = address.to_bytes(2, "big") + sent.to_bytes(2, "big")
        self.head = self.copy[0]
        self.code = WRITES[table]
        self.pdu = _ReadRequest(dev_id=unit, address=address, count=sent)
        self.pdu.function_code = self.code


class _ReadRequest(ModbusPDU):
    """A request to read, of whatever table; or to write the `count`."""

    def encode(self) -> bytes:
        """Address and count."""
        return self.address.to_bytes(2, "big") + self.count.to_bytes(2, "big")


class Link:
    """A connection that opens when it is needed and closes when it can no longer be trusted.

    A request that nobody answers makes it doubtful. Asking the same unit again, with no answer of another one in
    between, or a second unanswered request, begins a new connection: a converter that was restarted leaves one
    behind on which nothing will ever come. A dead unit beside living ones closes nothing. Where the device numbers
    its answers 0, whatever the request, every unanswered one begins a new connection: a late answer could not be
    told from the next. On a line nothing is numbered: see `LineDuty`. A serial port stays open while it is there.
    `told` hears why no connection could be made, and nothing ("") when one was.
    """

    def __init__(self, options: ConnectionModel, *, told: Callable[[str], None] | None = None) -> None:
        self._options = options
        self._told = told
        self._channel: Channel | None = None
        self._duty = LineDuty(options) if options.is_line else None
        self._is_port = options.transport in SERIAL
        self._silent: int | None = None
        self._rested = 0.0
        self._unnumbered = False
        self._patience = options.timeout

    async def ask(self, request: Request, *, tries: int, patience: float | None = None) -> bytes:
        """Send a request up to `tries` times; answer the content, of exactly the size that was asked for.

        `patience`: seconds to wait for each answer (default: the connection's). Raises DeviceUnreachable,
        ExceptionAnswer or Garbled.
        """
        self._patience = self._options.timeout if patience is None else patience
        if self._silent == request.unit and not self._is_port:
            self.close()
        for left in range(tries - 1, -1, -1):
            try:
                answer = await self._once(request)
                break
            except NoConnection:
                raise
            except DeviceUnreachable:
                if not left:
                    raise
        return self._content(request, answer)

    async def _once(self, request: Request) -> Answer:
        task = asyncio.current_task()
        cancelled = task.cancelling() if task is not None else 0
        channel = self._channel
        if channel is None or channel.transport is None:
            channel = await self._open(request.seen)
        if self._rested:
            await self._rest()
        if self._duty is not None:
            await self._prepare_line(channel, request)
        else:
            channel.comm_params.timeout_connect = self._patience
        framer = channel.framer
        framer.noted.clear()
        framer.expected = request
        request.seen.requests += 1
        finished = False
        began = time.monotonic()
        try:
            answer: Answer = await channel.execute(False, request.pdu)  # type: ignore[assignment]
            finished = True
        except ModbusException as error:
            finished = True
            raise self._unanswered(channel, request) from error
        finally:
            if self._options.pause_between_requests:
                self._rested = time.monotonic() + self._options.pause_between_requests
            if not finished and self._duty is None:  # cancelled: what still comes is an answer to nobody
                self.close()
        if task is not None and task.cancelling() > cancelled:  # wait_for of 3.11 can lose one to an answer
            raise asyncio.CancelledError
        if not answer.function_code or framer.noted or self._duty is not None:
            self._examine(channel, request, answer)
        self._silent = None
        channel.trusted = True
        took = time.monotonic() - began
        request.seen.answered(took if self._duty is None else max(0.0, took - self._duty.airtime(request)))
        if not answer.transaction_id:
            self._unnumbered = True
        return answer

    async def _prepare_line(self, channel: Channel, request: Request) -> None:
        """Leave a line its rest, and late answers their time."""
        assert self._duty is not None
        line = cast("LineChannel", channel)
        try:
            for _ in range(await self._duty.wait_for_late(line, request)):
                request.seen.errors["foreign"] += 1
            await self._duty.rest(line)
        except NeverQuiet:
            request.seen.requests += 1
            request.seen.failed("garbled")
            raise
        if channel.transport is None:
            self.close()
            request.seen.requests += 1
            request.seen.failed("closed")
            raise DeviceUnreachable(f"{self._options.place} closed the connection")
        self._duty.asked(request)
        line.answer_is_copy = request.is_write and not (request.seen.echo or self._options.echo)
        channel.comm_params.timeout_connect = self._patience + self._duty.airtime(request)

    def _examine(self, channel: Channel, request: Request, answer: Answer) -> None:
        """Look at what came beside or instead of the answer."""
        if not answer.function_code:
            raise self._unanswered(channel, request, damaged=True)
        if channel.framer.noted:
            for kind in self._noted(channel, request):
                request.seen.errors[kind] += 1
        if self._duty is not None:
            request.seen.echo = cast("LineChannel", channel).echoed
            self._duty.answered(request, rightly=self._is_whole(request, answer))

    def _unanswered(self, channel: Channel, request: Request, *, damaged: bool = False) -> DeviceUnreachable:
        """Close what cannot be trusted any more, count, and say what happened."""
        seen, place = request.seen, self._options.place
        noted = self._noted(channel, request)
        if isinstance(channel, LineChannel):
            seen.echo |= channel.echoed
        if self._duty is not None and damaged:
            self._duty.answered(request, rightly=True)
        if channel.transport is None:
            self.close()
            seen.failed("closed")
            seen.trouble = self._why_closed(channel)
            return DeviceUnreachable(f"{place} closed the connection{seen.trouble}")
        if channel.lost is not None:  # a datagram that was sent back
            self.close()
            seen.failed("no_connection")
            seen.trouble = spoken(channel.lost, self._options)
            return NoConnection(f"cannot connect to {place} ({seen.trouble})", seen.trouble)
        if channel.recv_buffer:
            noted.add("garbled")
        kind = next((kind for kind in _WORST_FIRST if kind in noted), "timeout")
        for other in noted - {kind}:
            seen.errors[other] += 1
        seen.failed(kind)
        self._doubt(channel, request, noted)
        if damaged:
            what = "a wrong checksum" if kind == "checksum" else "what is no frame"
            return DeviceUnreachable(f"{what} instead of an answer for {request}")
        beside = ", but other bytes came" if noted else ""
        return DeviceUnreachable(f"no answer within {self._patience:g} s for {request}{beside}")

    def _why_closed(self, channel: Channel) -> str:
        """Answer why the other end closed, where that is known; TLS 1.3 refuses after the handshake only."""
        told = isinstance(channel.lost, OSError) and not isinstance(channel.lost, ConnectionError)
        if self._options.transport == "tls" and not channel.trusted and not told:
            return " after the handshake: it may want a certificate of ours, or another one"
        return "" if channel.lost is None else f" ({spoken(channel.lost, self._options)})"

    def _doubt(self, channel: Channel, request: Request, noted: set[str]) -> None:
        """Close a connection that may be dead or out of step."""
        if self._is_port:
            if getattr(channel.transport, "moved", False):
                self.close()
            return
        out_of_step = self._duty is None and "garbled" in noted
        if self._silent not in (None, request.unit) or out_of_step or (self._unnumbered and self._duty is None):
            self.close()
        self._silent = request.unit

    def _noted(self, channel: Channel, request: Request) -> set[str]:
        """Answer what the framer noted about a request, and remember who answered for whom."""
        framer, seen = channel.framer, request.seen
        noted = set(framer.noted)
        if "foreign" in noted:
            if framer.foreign != request.unit:
                seen.answered_for(framer.foreign)
            seen.master = seen.master or framer.master
        framer.noted.clear()
        return noted

    def _is_whole(self, request: Request, answer: Answer) -> bool:
        """Whether it is an exception or has the length that was asked for: anything else may be a late one."""
        return answer.function_code == request.code | _EXCEPTION or (
            answer.function_code == request.code and len(answer.payload) == request.size + 1
        )

    def _content(self, request: Request, answer: Answer) -> bytes:
        code, content = answer.function_code, answer.payload
        fits = code == request.code and len(content) == request.size + 1 and content[0] == request.head
        if fits and (not isinstance(request, Write) or content == request.copy):
            return content[1:]
        seen = request.seen
        if code == request.code | _EXCEPTION and content:
            number = content[0]
            message = f"exception {number} ({_NAMES.get(number, 'unknown')}) for {request}"
            if number in _GATEWAY:
                seen.excepted("gateway", number)
                raise DeviceUnreachable(message)
            seen.excepted("busy" if number in BUSY else "refused", number)
            raise ExceptionAnswer(message, number)
        seen.errors["garbled"] += 1
        seen.recent[-1] = "garbled"
        what = (
            "is not what was written" if request.is_write else f"does not have the {request.size} bytes asked for"
        )
        raise Garbled(f"the answer for {request} {what}")

    async def _open(self, seen: Seen) -> Channel:
        self.close()
        try:
            channel = self._channel = await open_channel(self._options)
        except NoConnection as error:
            seen.requests += 1
            seen.failed("no_connection")
            seen.trouble = error.trouble
            if self._told is not None:
                self._told(error.trouble)
            raise
        if self._told is not None:
            self._told("")
        if self._options.pause_after_connect:
            self._rested = time.monotonic() + self._options.pause_after_connect
        return channel

    async def _rest(self) -> None:
        """Leave the device the pause that it needs."""
        left, self._rested = self._rested - time.monotonic(), 0.0
        if left > 0:
            await asyncio.sleep(left)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        channel, self._channel = self._channel, None
        self._silent = None
        if channel is not None:
            channel.close()
