"""A simulated Modbus TCP endpoint with several units, whose registers and faults can be set while it runs.

The frames are pymodbus's own, so that the driver does not talk to a mirror of itself.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.modbus.encode import contents
from drivers.modbus.layout import BIT_TABLES, FUNCTIONS, Field
from drivers.modbus.settings import Table
from monitor.model import Value
from monitor.site import Device

__all__ = ["Faults", "SimulatedBus", "Unit", "Wrong"]

_TABLES: dict[int, Table] = {code: table for table, code in FUNCTIONS.items()}
_BUSY = 6
_REMEMBERED = 1000

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


class Wrong(StrEnum):
    """Ways in which an answer can be wrong."""

    TRUNCATED = "truncated"
    """Fewer bytes than its byte count says, in a frame that fits."""
    SHORT = "short"
    """One register less than was asked for, all counts in agreement."""
    FOREIGN_UNIT = "foreign_unit"
    FOREIGN_TRANSACTION = "foreign_transaction"
    UNNUMBERED = "unnumbered"
    """The right answer under the transaction id 0."""
    FOREIGN_FUNCTION = "foreign_function"
    """An answer of a function code that nobody knows."""
    CUT_OFF = "cut_off"
    """The connection is closed in the middle of the frame."""


@dataclass(slots=True)
class Faults:
    """What is wrong with a unit.

    `refused`: (table, first, last, exception code), both ends included; with the code 0 there is no answer.
    """

    silent: bool = False
    delay: float = 0.0
    busy: bool = False
    exception: int = 0
    refused: list[tuple[Table, int, int, int]] = field(default_factory=list)
    wrong: Wrong | None = None


class Unit:
    """The registers of one unit; what was never set reads as zero.

    With a device, its points can be set by name, as the values that the device's profile makes of the registers.
    """

    def __init__(self, device: Device | None = None) -> None:
        self.faults = Faults()
        self.asked: deque[tuple[Table, int, int]] = deque(maxlen=_REMEMBERED)
        """The latest requests: table, address, count."""
        self._tables: dict[Table, dict[int, int]] = {table: {} for table in FUNCTIONS}
        points = device.points.values() if device is not None else ()
        self._fields = {point.name: Field.of(point, device.protocol) for point in points} if device else {}

    def set(self, table: Table, address: int, words: Sequence[int]) -> None:
        """Set registers (or bits) from an address on."""
        self._tables[table].update(enumerate(words, address))

    def get(self, table: Table, address: int, count: int) -> list[int]:
        """Answer registers (or bits) from an address on."""
        held = self._tables[table]
        return [held.get(at, 0) for at in range(address, address + count)]

    def put(self, point: str, value: Value) -> None:
        """Set a point to a value; raises ValueError when its registers cannot hold it."""
        of = self._fields[point]
        table, address = of.source.where
        exponent = 0
        if of.source.scale_register is not None:
            (exponent,) = self.get(*of.source.scale_register, 1)
            exponent -= 0x10000 if exponent & 0x8000 else 0
        (held,) = self.get(table, address, 1)
        self.set(table, address, contents(of, value, exponent=exponent, held=held))

    def _answer(self, table: Table, address: int, count: int) -> list[int] | list[bool] | int:
        """Answer a request: the registers, or the code of an exception."""
        self.asked.append((table, address, count))
        faults = self.faults
        if faults.busy or faults.exception:
            return faults.exception or _BUSY
        for at, first, last, code in faults.refused:
            if at == table and address <= last and first < address + count:
                return code
        held = self.get(table, address, count)
        return [bool(bit) for bit in held] if table in BIT_TABLES else held


class SimulatedBus:
    """One endpoint and its units. A request to a unit that is not there stays without an answer."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self.units = dict(units)
        self.half_open = False
        """While true, connections are accepted and nothing is answered."""
        self._server: _Server | None = None
        self._deaf: set[int] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; answer the port. Raises OSError when the port cannot be had."""
        server = _Server(self, (host, port))
        if not await server.listen():
            raise OSError(f"cannot listen on {host}:{port}")
        self._server = server
        listener: Any = server.transport
        chosen: int = listener.sockets[0].getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Close the endpoint and its connections; it may be started again."""
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]
            await asyncio.sleep(0)  # lets the transports finish closing

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.active_connections) if self._server is not None else 0

    def forget_connections(self) -> None:
        """Be deaf on the connections that are open now: what a restarted converter leaves behind."""
        if self._server is not None:
            for handler in self._server.active_connections.values():
                if isinstance(handler, _Handler):
                    handler.deaf = True


class _Context:
    """What pymodbus's requests take their values from."""

    def __init__(self, bus: SimulatedBus) -> None:
        self._bus = bus

    def device_ids(self) -> list[int]:
        return list(self._bus.units)

    async def async_getValues(  # noqa: N802 - pymodbus's name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        unit = self._bus.units.get(device_id)
        if unit is None:
            raise NoSuchIdException
        answer = unit._answer(_TABLES[func_code], address, count)  # noqa: SLF001 - the two are one device
        if answer == 0:
            raise NoSuchIdException
        return ExcCodes(answer) if isinstance(answer, int) else answer

    async def async_setValues(  # noqa: N802 - pymodbus's name
        self, *_arguments: object
    ) -> ExcCodes:
        return ExcCodes.ILLEGAL_FUNCTION


class _Server(ModbusTcpServer):
    """pymodbus's server with our units behind it and our faults before it."""

    def __init__(self, bus: SimulatedBus, address: tuple[str, int]) -> None:
        nothing = SimDevice(0, [SimData(0, values=0, datatype=DataType.REGISTERS)])
        super().__init__(nothing, address=address, ignore_missing_devices=True)
        context: Any = _Context(bus)
        self.context = context
        self.bus = bus

    def callback_new_connection(self) -> "_Handler":
        return _Handler(self)


class _Handler(ServerRequestHandler):
    """One connection of a client."""

    def __init__(self, server: _Server) -> None:
        super().__init__(server, None, None, None)  # type: ignore[no-untyped-call]
        self.bus = server.bus
        self.deaf = False

    async def handle_request(self) -> None:
        """Answer a request, unless a fault keeps it from being answered."""
        request = self.last_pdu
        if request is None or self.deaf or self.bus.half_open:
            return
        unit = self.bus.units.get(request.dev_id)
        if unit is None:
            return
        faults = unit.faults
        if faults.delay:
            await asyncio.sleep(faults.delay)
        if faults.silent:
            table = _TABLES.get(request.function_code)
            if table is not None:
                unit.asked.append((table, request.address, request.count))
            return
        context: Any = self.server.context
        try:
            response = await request.datastore_update(context, request.dev_id)
        except NoSuchIdException:
            return
        response.transaction_id = request.transaction_id
        response.dev_id = request.dev_id
        if self.transport is not None:
            self._send(response, faults.wrong)

    def _send(self, response: ModbusPDU, wrong: Wrong | None) -> None:
        if wrong is None or isinstance(response, ExceptionResponse):
            self.server_send(response, None)  # type: ignore[no-untyped-call]
            return
        if wrong is Wrong.FOREIGN_UNIT:
            response.dev_id = response.dev_id % 255 + 1
        elif wrong is Wrong.FOREIGN_TRANSACTION:
            response.transaction_id += 1
        elif wrong is Wrong.UNNUMBERED:
            response.transaction_id = 0
        elif wrong is Wrong.FOREIGN_FUNCTION:
            response.function_code = 0x41
        elif wrong is Wrong.SHORT:
            response.registers = response.registers[:-1]
        elif wrong is Wrong.TRUNCATED:
            payload = bytes([response.function_code]) + response.encode()
            self.send(self.framer.encode(payload[:-3], response.dev_id, response.transaction_id))
            return
        frame = self.framer.buildFrame(response)
        if wrong is Wrong.CUT_OFF:
            self.send(frame[: len(frame) // 2])
            self.close()
            return
        self.send(frame)
