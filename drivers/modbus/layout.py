"""How values lie in registers: spans, struct formats and the four byte orders."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.modbus.settings import Order, PointSource, ProfileModel, Register, Table
from drivers.modbus.sunspec import Places, Within
from monitor.model import Value
from monitor.site import Point

__all__ = [
    "BIT_TABLES",
    "FUNCTIONS",
    "ORDERS",
    "WRITES",
    "Field",
    "Span",
    "format_of",
    "is_placed",
    "order_of",
    "swapped",
    "unsigned_format",
]

FUNCTIONS: dict[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
"""Table -> the function code that reads it."""

WRITES: dict[Table, int] = {"coil": 5, "holding": 6}
"""Table -> the function code that writes one of its bits or registers."""

BIT_TABLES = frozenset({"coil", "discrete"})

ORDERS: dict[Order, tuple[bool, str]] = {
    "ABCD": (False, ">"),
    "CDAB": (True, "<"),
    "BADC": (True, ">"),
    "DCBA": (False, "<"),
}
"""Order -> (swap the bytes of each register first, byte order of the struct that then reads the value).

Swapped registers in reverse are the reversed value, so two switches make all four orders, at any width.
"""

_FORMATS = {
    "bool": "H",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "bcd16": "H",
    "bcd32": "I",
}
_UNSIGNED = {1: "H", 2: "I", 4: "Q"}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Neighbouring registers (or bits) of one table that are read together or not at all."""

    table: Table
    first: int
    size: int

    @property
    def end(self) -> int:
        """The address behind the last one."""
        return self.first + self.size


_NOWHERE = Places()


@dataclass(frozen=True, slots=True)
class Field:
    """A point of a Modbus device with everything settled that its profile leaves open."""

    point: Point
    source: PointSource
    order: Order
    table: Mapping[float | int | str, Value] | None
    """The point's `map` by raw content."""
    span: Span
    """Where the value is."""
    exponent: Span | None
    """Where the power of ten is that scales the value."""

    @classmethod
    def of(cls, point: Point, profile: ProfileModel | None, places: Places = _NOWHERE) -> "Field":
        """Settle a point of a device with that profile block. Raises ValueError for a place that is not there."""
        source: PointSource = point.source
        register = source.scale_register
        return cls(
            point,
            source,
            order=order_of(source, profile),
            table=source.mapping(),
            span=_span(source.where, source.size, places),
            exponent=None if register is None else _span(register, 1, places),
        )

    @property
    def whole(self) -> Span | None:
        """Value and power of ten as one, in SunSpec, where the one may change with the other."""
        if self.exponent is None or isinstance(self.source.where, Register):
            return None
        first = min(self.span.first, self.exponent.first)
        return Span(self.span.table, first, max(self.span.end, self.exponent.end) - first)

    @property
    def is_scaled(self) -> bool:
        """Whether a factor, divisor or offset stands between the raw number and the value."""
        return self.point.factor != 1 or self.point.divisor != 1 or self.point.offset != 0


def is_placed(source: PointSource, places: Places) -> bool:
    """Whether a device with models at such places has what a point names."""
    wanted = ((source.where, source.size), (source.scale_register, 1))
    return all(places.address(at, size) is not None for at, size in wanted if isinstance(at, Within))


def _span(where: Register | Within, size: int, places: Places) -> Span:
    if isinstance(where, Register):
        return Span(where.table, where.address, size)
    address = places.address(where, size)
    if address is None:
        raise ValueError(f"there is no {where}")
    return Span("holding", address, size)


def order_of(source: PointSource, profile: ProfileModel | None) -> Order:
    """Answer a point's byte order: its own, else its profile's, else ABCD.

    Texts keep their registers in sequence in every order; only the bytes within a register may be swapped.
    """
    order = source.order or (profile.order if profile is not None else "ABCD")
    if not source.is_text:
        return order
    return "BADC" if order in ("BADC", "DCBA") else "ABCD"


def format_of(source: PointSource) -> str:
    """Answer the struct format of what a point's registers hold."""
    return f"{2 * source.size}s" if source.is_text else _FORMATS[source.type]


def unsigned_format(source: PointSource) -> str:
    """Answer the struct format of a point's registers as one unsigned number (a text stays bytes)."""
    return format_of(source) if source.is_text else _UNSIGNED[source.size]


def swapped(content: bytes) -> bytes:
    """Swap the two bytes of each register."""
    registers = array("H", content)
    registers.byteswap()
    return registers.tobytes()
