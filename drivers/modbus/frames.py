"""Frames: where an answer begins and ends among the bytes that were heard, for each way to frame it.

The frames of requests are pymodbus's own. Those of answers are found here, because what goes wrong has to be told
apart and counted, because noise may stand before a frame, and because nothing may raise into the event loop. An
answer keeps its bytes: unpacking register by register costs more than all the rest.
"""

from binascii import Error as NotHex
from binascii import a2b_hex
from struct import Struct
from typing import Final, Protocol

from pymodbus.framer import FramerAscii, FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU

from drivers.modbus.layout import FUNCTIONS, WRITES

__all__ = ["Answer", "Ascii", "Expected", "Frames", "Mbap", "Rtu"]

_HEADER: Final = Struct(">HHHBB")
_SHORTEST: Final = 2
_LONGEST: Final = 254
"""Unit, function and data in a frame of Modbus TCP (Modbus Messaging on TCP/IP 1.0b, 3.1.3)."""

_REFUSED: Final = 0x80
_CODES: Final = frozenset(FUNCTIONS.values())
_WRITES: Final = frozenset(WRITES.values())
_REQUEST: Final = 8
_EXCEPTION: Final = 5
_MOST_NOTES: Final = 16


class Expected(Protocol):
    """The request that is under way: its function code, and the answer's: the byte `head`, and `size` others."""

    code: int
    head: int
    size: int


class Answer(ModbusPDU):
    """An answer as it came; `payload` is what follows the function code. The code 0: nothing can come any more."""

    def __init__(self, unit: int, transaction: int, code: int, payload: bytes) -> None:
        self.dev_id = unit
        self.transaction_id = transaction
        self.function_code = code
        self.payload = payload


class Frames(FramerBase):
    """What all framers note about the request under way; `foreign` is the unit that answered instead."""

    def __init__(self) -> None:
        super().__init__(DecodePDU(is_server=False))
        self.noted: list[str] = []
        self.foreign = 0
        self.master = False
        self.expected: Expected | None = None

    def note(self, kind: str) -> None:
        """Remember that something went wrong; kinds are of TRAFFIC_ERRORS."""
        if len(self.noted) < _MOST_NOTES:
            self.noted.append(kind)

    def _note_foreign(self, unit: int) -> None:
        self.foreign = unit
        self.note("foreign")


class Mbap(Frames, FramerSocket):
    """The frames of Modbus TCP: a header with a transaction number, the length and the unit."""

    def handleFrame(  # noqa: N802 - pymodbus's name
        self, data: bytes, exp_devid: int, exp_tid: int
    ) -> tuple[int, ModbusPDU | None]:
        """Answer how many bytes are done with, and the answer to the request under way if it is among them."""
        at, end = 0, len(data)
        while end - at >= _HEADER.size:
            transaction, protocol, length, unit, code = _HEADER.unpack_from(data, at)
            if protocol or not _SHORTEST <= length <= _LONGEST:
                self.note("garbled")
                return end, Answer(exp_devid, 0, 0, b"")
            stop = at + 6 + length
            if length == _SHORTEST and end == stop + 1:  # devices that forget to count the exception's code
                stop = end
            if stop > end:
                break
            if (unit != exp_devid and exp_devid) or (transaction != exp_tid and transaction and exp_tid):
                self._note_foreign(unit)
                at = stop
                continue
            return stop, Answer(unit, transaction, code, data[at + _HEADER.size : stop])
        return at, None


class Rtu(Frames, FramerRTU):
    """The frames of a serial line: nothing marks their begin; the byte count and the CRC tell."""

    def handleFrame(  # noqa: N802 - pymodbus's name
        self,
        data: bytes,
        exp_devid: int,
        exp_tid: int,  # noqa: ARG002 - pymodbus's signature
    ) -> tuple[int, ModbusPDU | None]:
        """Answer how many bytes are done with, and the answer to the request under way if it is among them.

        Bytes that are no frame are passed over. A complete frame with the very header that was expected and a
        wrong CRC ends the waiting: it was the answer.
        """
        expected, end = self.expected, len(data)
        code, head, size = (0, 0, 0) if expected is None else (expected.code, expected.head, expected.size)
        header = bytes((exp_devid, code, head))
        if data[:3] == header and end < size + 5:
            return 0, None
        damaged = False
        at = start = 0
        while at + _EXCEPTION <= end:
            length = _length(data, at, code)
            stop = at + length
            if not length or stop > end:
                at += 1
            elif crc(data[at:stop]):
                damaged = damaged or (data[at : at + 3] == header and bool(exp_devid))
                damaged = damaged or (stop == end and data[at : at + 2] == bytes((exp_devid, code | _REFUSED)))
                at += self._passed_over(data, at)
            elif exp_devid and data[at] != exp_devid:
                self._note_foreign(data[at])
                at = start = stop
            else:
                if at > start:
                    self.note("garbled")
                return stop, Answer(data[at], 0, data[at + 1], data[at + 2 : stop - 2])
        if damaged:
            self.note("checksum")
            return end, Answer(exp_devid, 0, 0, b"")
        return start, None

    def _passed_over(self, data: bytes, at: int) -> int:
        """Answer how far to go on: past the request of somebody else, or to the next byte."""
        request = data[at : at + _REQUEST]
        if len(request) == _REQUEST and not crc(request):
            self.master = True
            self._note_foreign(request[0])
            return _REQUEST
        return 1


def _length(data: bytes, at: int, expected: int) -> int:
    """Answer how long the frame of an answer would be if it began here; 0: none begins here.

    An answer to a write looks like a request: it is one only where that function code is `expected`.
    """
    code = data[at + 1]
    if code in _CODES:
        return data[at + 2] + _EXCEPTION
    if code == expected and code in _WRITES:
        return _REQUEST
    refused = code ^ _REFUSED
    return _EXCEPTION if refused in _CODES or (refused == expected and expected in _WRITES) else 0


_CRC = tuple(FramerRTU.crc16_table)


def crc(frame: bytes) -> int:
    """Answer the CRC of a frame with its own CRC at the end: 0 when that is right."""
    value = 0xFFFF
    table = _CRC
    for byte in frame:
        value = value >> 8 ^ table[(value ^ byte) & 0xFF]
    return value


class Ascii(Frames, FramerAscii):
    """Frames as text: a colon, hexadecimal digits with the LRC at their end, and a new line."""

    def handleFrame(  # noqa: N802 - pymodbus's name
        self,
        data: bytes,
        exp_devid: int,
        exp_tid: int,  # noqa: ARG002 - pymodbus's signature
    ) -> tuple[int, ModbusPDU | None]:
        """Answer how many bytes are done with, and the answer to the request under way if it is among them."""
        at = 0
        while True:
            start, end = data.find(b":", at), data.find(b"\n", at)
            if end < 0:
                return (len(data) if start < 0 else start), None
            start = data.rfind(b":", at, end)  # a new colon throws away what was begun
            line, at = data[start + 1 : end].rstrip(b"\r"), end + 1
            try:
                frame = a2b_hex(line) if start >= 0 else b""
            except (NotHex, ValueError):
                frame = b""
            if len(frame) <= _SHORTEST:
                self.note("garbled")
            elif sum(frame) & 0xFF:
                self.note("checksum")
                if frame[0] == exp_devid and self.expected is not None and frame[1] == self.expected.code:
                    return at, Answer(exp_devid, 0, 0, b"")
            elif exp_devid and frame[0] != exp_devid:
                self._note_foreign(frame[0])
            else:
                return at, Answer(frame[0], 0, frame[1], frame[2:-1])
