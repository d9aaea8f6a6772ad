"""A simulated Modbus unit: its registers, and what is wrong with it."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from drivers.modbus.encode import contents
from drivers.modbus.layout import BIT_TABLES, FUNCTIONS, Field, Span
from drivers.modbus.placing import planned_chain, planned_places
from drivers.modbus.settings import ProfileModel, Table
from drivers.modbus.sunspec import Model, image
from monitor.model import Value
from monitor.simulation.identity import shown_by
from monitor.site import Device

__all__ = ["TABLES", "Faults", "Unit", "Wrong"]

TABLES: dict[int, Table] = {code: table for table, code in FUNCTIONS.items()}
"""Function code -> the table that it reads."""

_ILLEGAL_FUNCTION = 1
_ILLEGAL_ADDRESS = 2
_BUSY = 6
_POWERS = {"A": -2, "V": -1, "Hz": -2}
"""Powers of ten in which a SunSpec device keeps what is measured, by unit; all else as whole numbers."""
_REMEMBERED = 1000


class Wrong(StrEnum):
    """Ways in which an answer can be wrong."""

    TRUNCATED = "truncated"
    """Fewer bytes than its byte count says, in a frame that fits."""
    SHORT = "short"
    """One register less than was asked for, all counts in agreement."""
    OVERSIZE = "oversize"
    """A frame longer than the protocol allows."""
    FOREIGN_UNIT = "foreign_unit"
    FOREIGN_TRANSACTION = "foreign_transaction"
    """On a line, where frames have no number, it changes nothing."""
    UNNUMBERED = "unnumbered"
    """The right answer under the transaction id 0."""
    FOREIGN_FUNCTION = "foreign_function"
    """An answer of a function code that nobody knows."""
    CORRUPT = "corrupt"
    """A wrong checksum; over TCP, which has none, a wrong protocol identifier."""
    NOISE = "noise"
    """Bytes of no meaning before the right answer."""
    CUT_OFF = "cut_off"
    """Half a frame: then a connection is closed, and a line is still."""


@dataclass(slots=True)
class Faults:
    """What is wrong with a unit.

    `delay`: seconds that it takes longer to answer. `refused`: (table, first, last, exception code), both ends
    included; with the code 0 there is no answer. One in `one_in` answers is `wrong`.
    """

    silent: bool = False
    delay: float = 0.0
    busy: bool = False
    exception: int = 0
    refused: list[tuple[Table, int, int, int]] = field(default_factory=list)
    wrong: Wrong | None = None
    one_in: int = 1


class Unit:
    """The registers of one unit; what was never set reads as zero.

    With a device, its points can be set by name, as the values that the device's profile makes of the registers;
    one with SunSpec models has them, where they usually are. `beside`: another device in the same unit, whose
    registers it shares; `together`: all devices in it. It says which model it is where its profile knows of such
    registers, and refuses a request in which there is nothing of it, as most meters do.
    """

    def __init__(
        self, device: Device | None = None, *, beside: "Unit | None" = None, together: Sequence[Device] = ()
    ) -> None:
        self.faults = Faults()
        self.turn_around: float | None = None
        """Seconds on a line from the end of a request to the beginning of the answer (None: as the line says)."""
        self.asked: deque[tuple[Table, int, int]] = deque(maxlen=_REMEMBERED)
        """The latest requests to read: table, address, count."""
        self.may_be_written: set[tuple[Table, int]] = set()
        """What a master may write; all else is refused."""
        self.written: deque[tuple[Table, int, int]] = deque(maxlen=_REMEMBERED)
        """What was written lately, and what was tried: table, address, value."""
        self.on_write: Callable[[], None] = lambda: None
        """Called after a master has written something."""
        self._tables: dict[Table, dict[int, int]] = {table: {} for table in FUNCTIONS}
        self._once: list[tuple[Table, int, Sequence[int]]] = []
        self._answers = 0
        self._fields: dict[str, Field] = {}
        self._alone: dict[tuple[Table, int, int], tuple[int, ...]] = {}
        self._refuses_strange = device is not None
        if beside is not None:
            self._tables, self._once = beside.registers
        if device is not None:
            chain = planned_chain(together or [device])
            places = planned_places(device, chain)
            self._fields = {name: Field.of(of, device.protocol, places) for name, of in device.points.items()}
            self._lay_out(chain)
            self._begin([span for event in device.events for span in event.spans])
            self._lay_out_marks(device.protocol)

    @property
    def registers(self) -> tuple[dict[Table, dict[int, int]], list[tuple[Table, int, Sequence[int]]]]:
        """What the unit holds: for good, and to be shown once."""
        return self._tables, self._once

    def _lay_out(self, chain: Sequence[Model]) -> None:
        """Let the unit have the SunSpec models that points are in."""
        for address, words in image(chain).items() if chain else ():
            self.set("holding", address, words)
        for of in self._fields.values():
            self._begin([of.span] if of.exponent is None else [of.span, of.exponent])
            if of.exponent is not None and of.whole is not None:
                power = _POWERS.get(of.point.unit or "", 0)
                self.set("holding", of.exponent.first, [power & 0xFFFF])

    def _begin(self, spans: Iterable[Span]) -> None:
        """Let the unit have registers; they read as zero until they are set."""
        for span in spans:
            for address in range(span.first, span.end):
                self._tables[span.table].setdefault(address, 0)

    def _lay_out_marks(self, profile: ProfileModel | None) -> None:
        """Let the unit say which model it is; what is to be read alone has other registers beneath."""
        if profile is None:
            return
        for mark in profile.identify:
            shown = shown_by(profile, mark)
            if shown is None:
                continue
            table, address, words = shown
            if mark.alone:
                self._alone[table, address, len(words)] = words
            elif not any(address + at in self._tables[table] for at in range(len(words))):
                self.set(table, address, words)

    def set(self, table: Table, address: int, words: Sequence[int]) -> None:
        """Set registers (or bits) from an address on."""
        self._tables[table].update(enumerate(words, address))

    def get(self, table: Table, address: int, count: int) -> list[int]:
        """Answer registers (or bits) from an address on."""
        held = self._tables[table]
        return [held.get(at, 0) for at in range(address, address + count)]

    def put(self, point: str, value: Value) -> None:
        """Set a point to a value; raises ValueError when its registers cannot hold it."""
        self.set(*self._contents(point, value))

    def put_once(self, point: str, value: Value) -> None:
        """Show a value to the next request that asks for the point, and to no other. Raises as `put`."""
        self._once.append(self._contents(point, value))

    def _contents(self, point: str, value: Value) -> tuple[Table, int, Sequence[int]]:
        of = self._fields[point]
        table, address = of.span.table, of.span.first
        exponent = 0
        if of.exponent is not None:
            (exponent,) = self.get(of.exponent.table, of.exponent.first, 1)
            exponent -= 0x10000 if exponent & 0x8000 else 0
        (held,) = self.get(table, address, 1)
        return table, address, contents(of, value, exponent=exponent, held=held)

    def answer(self, table: Table, address: int, count: int) -> list[int] | list[bool] | int:
        """Answer a request: the registers, or the code of an exception (0: no answer)."""
        self.asked.append((table, address, count))
        faults = self.faults
        if faults.busy or faults.exception:
            return faults.exception or _BUSY
        for at, first, last, code in faults.refused:
            if at == table and address <= last and first < address + count:
                return code
        if (alone := self._alone.get((table, address, count))) is not None:
            return list(alone)
        if self._refuses_strange and not any(at in self._tables[table] for at in range(address, address + count)):
            return _ILLEGAL_ADDRESS
        held = self.get(table, address, count)
        for shown in [each for each in self._once if each[0] == table and address <= each[1] < address + count]:
            self._once.remove(shown)
            held[shown[1] - address : shown[1] - address + len(shown[2])] = shown[2]
        del held[count:]
        return [bool(bit) for bit in held] if table in BIT_TABLES else held

    def write(self, table: Table, address: int, value: int) -> int:
        """Answer a request to write one register or bit: 0, or the code of an exception."""
        self.written.append((table, address, value))
        faults = self.faults
        if faults.busy or faults.exception:
            return faults.exception or _BUSY
        if (table, address) not in self.may_be_written:
            return _ILLEGAL_FUNCTION
        self.set(table, address, [value])
        self.on_write()
        return 0

    def next_wrong(self) -> Wrong | None:
        """What is wrong with the answer that is about to be sent."""
        self._answers += 1
        return self.faults.wrong if self._answers % self.faults.one_in == 0 else None
