"""From a request to the bytes of its answer, right or wrong.

Frames and requests are pymodbus's own, so that the driver does not talk to a mirror of itself.
"""

import logging
import struct
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerBase
from pymodbus.framer.ascii import FramerAscii
from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from drivers.modbus.layout import BIT_TABLES, WRITES
from monitor.simulation.unit import TABLES, Unit, Wrong

__all__ = ["Frames", "Said", "Unreadable"]

_FRAMERS: Final[Mapping[str, type[FramerBase]]] = {
    "mbap": FramerSocket,
    "rtu": FramerRTU,
    "ascii": FramerAscii,
}
_MOST_REGISTERS: Final = 125
_MOST_BITS: Final = 2000
_ADDRESSES: Final = 65536
_WRITES: Final = frozenset({5, 6, 15, 16})
_SINGLE: Final = {code: table for table, code in WRITES.items()}
"""Function code -> the table of which it writes one bit or register."""
_UNKNOWN_FUNCTION: Final = 0x41
_LONGEST: Final = 1024
"""Bytes that may wait for the rest of their frame."""
_TOO_MUCH: Final = 300
_NOISE: Final = bytes((0x00, 0xFF, 0x7E, 0xA5, 0x00, 0xF1))

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


class Unreadable(Exception):
    """What came is no frame, and no frame can be found in what follows."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its bytes, the seconds that the unit takes for it, and whether the connection ends behind it."""

    frame: bytes
    delay: float = 0.0
    hangs_up: bool = False


class Frames:
    """Reads requests and writes answers in one form: mbap, rtu or ascii."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._decoder = DecodePDU(True)
        self._framer = _FRAMERS[form](self._decoder)

    def requests(self, buffer: bytearray) -> Iterator[ModbusPDU]:
        """Take every complete request from the front of a buffer.

        Raises:
            Unreadable: the buffer can hold no frame any more.
        """
        while buffer:
            try:
                used, unit, number, content = self._framer.decode(bytes(buffer))
            except (ValueError, IndexError, struct.error, ModbusException) as error:
                if self._form == "ascii" and (begin := buffer.find(b":", 1)) > 0:
                    del buffer[:begin]  # what is no frame ends where the next one begins
                    continue
                raise Unreadable from error
            if not used:
                if len(buffer) > _LONGEST or (self._form == "mbap" and any(buffer[2:4])):
                    raise Unreadable
                return
            del buffer[:used]
            if not content:
                continue
            yield self._request(unit, number, content)

    def _request(self, unit: int, number: int, content: bytes) -> ModbusPDU:
        try:
            request = self._decoder.decode(content)
        except Exception:  # noqa: BLE001 - pymodbus raises what struct and slices raise; all of it is a bad request
            request = None
        if request is None:
            request = ModbusPDU()
            request.function_code = content[0] & 0x7F
        request.dev_id = unit
        request.transaction_id = number
        return request

    def answer(self, units: Mapping[int, Unit], request: ModbusPDU) -> Said | None:
        """What the unit that is asked says; None when nobody answers."""
        unit = units.get(request.dev_id)
        if unit is None:
            return None
        if unit.faults.silent:
            table = TABLES.get(request.function_code)
            if table is not None:
                unit.asked.append((table, request.address, request.count))
            return None
        try:
            response = _response(units, request)
        except _Refused as refused:
            if not refused.code:
                return None
            response = ExceptionResponse(request.function_code, refused.code)
        response.transaction_id = request.transaction_id
        response.dev_id = request.dev_id
        wrong = None if isinstance(response, ExceptionResponse) else unit.next_wrong()
        return Said(self._frame(response, wrong), unit.faults.delay, hangs_up=wrong is Wrong.CUT_OFF)

    def _frame(self, response: ModbusPDU, wrong: Wrong | None) -> bytes:
        unit, number = response.dev_id, response.transaction_id
        if wrong in {Wrong.TRUNCATED, Wrong.OVERSIZE}:
            content = bytes([response.function_code]) + response.encode()
            if wrong is Wrong.TRUNCATED:
                return self._framer.encode(content[:-3], unit, number)
            return self._framer.encode(content[:1] + b"\xff" + bytes(_TOO_MUCH), unit, number)
        if wrong is Wrong.FOREIGN_UNIT:
            response.dev_id = unit % 255 + 1
        elif wrong is Wrong.FOREIGN_TRANSACTION:
            response.transaction_id += 1
        elif wrong is Wrong.UNNUMBERED:
            response.transaction_id = 0
        elif wrong is Wrong.FOREIGN_FUNCTION:
            response.function_code = _UNKNOWN_FUNCTION
        elif wrong is Wrong.SHORT:
            response.registers = response.registers[:-1]
        frame = self._framer.buildFrame(response)
        if wrong is Wrong.CORRUPT:
            return self._corrupt(frame)
        if wrong is Wrong.NOISE:
            return _NOISE + frame
        return frame[: len(frame) // 2] if wrong is Wrong.CUT_OFF else frame

    def _corrupt(self, frame: bytes) -> bytes:
        broken = bytearray(frame)
        if self._form == "mbap":
            broken[2] ^= 0xFF
        elif self._form == "rtu":
            broken[-1] ^= 0xFF
        else:  # the last digit of the checksum, before the carriage return and the line feed
            broken[-3] = ord("0") if broken[-3] != ord("0") else ord("1")
        return bytes(broken)


class _Refused(Exception):
    """The unit answers with an exception code, or (0) not at all."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _response(units: Mapping[int, Unit], request: ModbusPDU) -> ModbusPDU:
    known = request.function_code in TABLES or request.function_code in _WRITES
    if not known:
        raise _Refused(ExcCodes.ILLEGAL_FUNCTION)
    if type(request) is ModbusPDU:  # it could not be read: too long, too short, a count of nothing
        raise _Refused(ExcCodes.ILLEGAL_VALUE)
    if request.function_code in TABLES:
        most = _MOST_BITS if TABLES[request.function_code] in BIT_TABLES else _MOST_REGISTERS
        if not 1 <= request.count <= most:
            raise _Refused(ExcCodes.ILLEGAL_VALUE)
        if request.address + request.count > _ADDRESSES:
            raise _Refused(ExcCodes.ILLEGAL_ADDRESS)
    context: Any = _Context(units)
    return _run(request.datastore_update(context, request.dev_id))


def _run(step: Coroutine[Any, Any, ModbusPDU]) -> ModbusPDU:
    """Run a coroutine that never waits: pymodbus's requests wait for nothing but our own context."""
    try:
        step.send(None)
    except StopIteration as end:
        response: ModbusPDU = end.value
        return response
    step.close()
    raise RuntimeError("a request of pymodbus waits for something")


class _Context:
    """What pymodbus's requests take their values from."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self._units = units

    def device_ids(self) -> list[int]:
        return list(self._units)

    async def async_getValues(  # noqa: N802 - pymodbus's name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool]:
        if func_code in _SINGLE:  # what has just been written
            return self._units[device_id].get(_SINGLE[func_code], address, count)
        answer = self._units[device_id].answer(TABLES[func_code], address, count)
        if isinstance(answer, int):
            raise _Refused(answer)
        return answer

    async def async_setValues(  # noqa: N802 - pymodbus's name
        self, device_id: int, func_code: int, address: int, values: Sequence[int]
    ) -> ExcCodes | None:
        if func_code not in _SINGLE:
            return ExcCodes.ILLEGAL_FUNCTION
        code = self._units[device_id].write(_SINGLE[func_code], address, int(values[0]))
        if code:
            raise _Refused(code)
        return None
