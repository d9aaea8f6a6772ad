"""From values to registers: the inverse of `decode`, for simulated devices."""

import struct

from drivers.modbus.layout import ORDERS, Field, format_of, swapped
from monitor.model import Value

__all__ = ["contents"]

_LARGEST_EXPONENT = 10


def contents(of: Field, value: Value, *, exponent: int = 0, held: int = 0) -> tuple[int, ...]:
    """Answer the registers (or the bit) that decode to a value of a point, kept as the point keeps it.

    `exponent` is what the point's scale register holds; `held` the register whose other bits stay when the
    point is one bit of it. Raises ValueError for a value that the registers cannot hold.
    """
    raw = _raw(of, value, exponent)
    source = of.source
    if source.type == "bool":
        bit = int(raw not in (0, ""))
        if source.bit is None:
            return (bit,)
        held = _word(held, of)
        return _words(of, struct.pack(_packed(of), held & ~(1 << source.bit) | bit << source.bit))
    if source.is_text:
        content = str(raw).encode()
        if len(content) > 2 * source.size:
            raise ValueError(f"a text of {len(content)} bytes does not fit into {source.type}")
        return _words(of, content.ljust(2 * source.size, b"\0"))
    if source.type.startswith("bcd"):
        raw = int(str(int(raw)), 16)
    number = raw if source.type.startswith("float") else int(raw)
    try:
        return _words(of, struct.pack(_packed(of), number))
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value} does not fit into {source.type}") from error


def _raw(of: Field, value: Value, exponent: int) -> float | str:
    if of.table is not None:
        for key, kept in of.table.items():
            if kept == value and isinstance(kept, bool) == isinstance(value, bool):
                return key
        if value == of.source.otherwise:
            return next(number for number in range(len(of.table) + 1) if number not in of.table)
        raise ValueError(f"{value} is none of the values of the map")
    if isinstance(value, str | bool):
        return value
    point = of.point
    number: float = value
    if of.is_scaled:
        number = (number - point.offset) / point.factor * point.divisor
    if abs(exponent) > _LARGEST_EXPONENT:
        raise ValueError(f"a scale register that holds {exponent} scales nothing")
    if exponent:
        number = number * 10**-exponent if exponent < 0 else number / 10**exponent
    return number if of.source.type.startswith("float") else round(number)


def _packed(of: Field) -> str:
    return ORDERS[of.order][1] + format_of(of.source)


def _word(held: int, of: Field) -> int:
    """Read the register that a bit is in, in the point's order."""
    content = held.to_bytes(2, "big")
    swap, ends = ORDERS[of.order]
    number: int = struct.unpack(f"{ends}H", swapped(content) if swap else content)[0]
    return number


def _words(of: Field, content: bytes) -> tuple[int, ...]:
    if ORDERS[of.order][0]:
        content = swapped(content)
    return struct.unpack(f">{len(content) // 2}H", content)
