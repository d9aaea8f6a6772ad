"""From the bytes of an answer to values, a block at a time: one struct reads it, whole columns are judged.

A field is read the fast way when it is a number that ends as a float and nothing but its scaling stands between.
The fast way only proves that every value is present and in range; whatever looks odd goes to `judge`, one by one.
"""

import math
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import add, le, mul, truediv
from typing import Literal

from drivers.modbus.layout import BIT_TABLES, ORDERS, Field, Span, format_of, swapped, unsigned_format
from drivers.modbus.plan import Block
from drivers.modbus.sunspec import Within
from monitor.model import Missing, Value

__all__ = ["BlockDecoder", "Decoded", "finish", "judge"]

_LOWEST, _HIGHEST = -sys.float_info.max, sys.float_info.max
_EXPONENT_LIMIT = 10
_NO_EXPONENT = 0x8000  # SunSpec: the scale factor is not implemented
_FIXED = {"int16": "h", "int32": "i", "int64": "q", "float16": "e", "float32": "f", "float64": "d"}
_BCD_DIGITS = {"bcd16": 4, "bcd32": 8}


@dataclass(slots=True)
class Decoded:
    """What the blocks of one scan gave: values, reasons, and what a scale register has still to scale."""

    values: dict[str, Value] = field(default_factory=dict)
    missing: dict[str, Missing] = field(default_factory=dict)
    exponents: dict[Span, int | Missing] = field(default_factory=dict)
    waiting: list[tuple[Field, float | int]] = field(default_factory=list)
    hidden: dict[Span, tuple[bytes, int]] = field(default_factory=dict, repr=False)
    """What events are made of: the content as it came, and which answer of the scan it came with."""
    answers: int = 0

    def put(self, name: str, judged: Value | Missing) -> None:
        """Keep a value, or why there is none."""
        if isinstance(judged, Missing):
            self.missing[name] = judged
        else:
            self.values[name] = judged


# One value -----------------------------------------------------------------------------------------------


def judge(of: Field, bits: int | bytes) -> Value | Missing:
    """Turn the contents of a field into its value, up to but without the scale register.

    `bits` is the unsigned number in its registers in ABCD order, 0 or 1 for a bit, or the bytes of a text.
    """
    raw = _raw(of, bits)
    if isinstance(raw, Missing):
        return raw
    if of.table is not None:
        other = of.source.otherwise
        rest = Missing.UNDECODABLE if other is None else other
        return _mapped(of, of.table.get(raw, rest))  # 1, 1.0 and True are one key
    if isinstance(raw, bool | str):
        return raw if of.point.unit is None or isinstance(raw, str) else float(raw)
    if of.source.scale_register is not None:
        return raw
    return scaled(of, raw)


def scaled(of: Field, raw: float) -> Value | Missing:
    """Apply a point's scaling, and refuse what is outside its range.

    Whole numbers are divided exactly; a dimensionless one that nothing scales stays a whole number.
    """
    point = of.point
    if point.unit is None and isinstance(raw, int) and not of.is_scaled:
        return _in_range(of, raw)
    if point.divisor != 1:
        raw = raw / _exact(point.divisor)
    if point.factor != 1:
        raw = raw * point.factor
    if point.offset != 0:
        raw = raw + point.offset
    return _in_range(of, float(raw))


def _raw(of: Field, bits: int | bytes) -> float | int | bool | str | Missing:
    kind = of.source.type
    if isinstance(bits, bytes):
        text = _text(bits[: int(kind.removeprefix("string:"))])
        # SunSpec: a text of NULs is not implemented
        return text or (Missing.SENTINEL if isinstance(of.source.where, Within) else text)
    if any(first <= bits <= last for first, last in of.source.sentinels):
        return Missing.SENTINEL
    if kind == "bool":
        return bool(bits if of.source.bit is None else bits >> of.source.bit & 1)
    if kind in _BCD_DIGITS:
        digits = f"{bits:x}"
        return int(digits) if digits.isdecimal() else Missing.UNDECODABLE
    if kind in _FIXED:
        number: float | int
        (number,) = struct.unpack(f">{_FIXED[kind]}", bits.to_bytes(2 * of.source.size, "big"))
        return number if isinstance(number, int) or math.isfinite(number) else Missing.NAN
    return bits


def _text(content: bytes) -> str | Missing:
    """Read a text up to its first NUL, without blanks around it; control characters are no text."""
    try:
        text = content.split(b"\0", 1)[0].decode().strip(" ")
    except UnicodeDecodeError:
        return Missing.UNDECODABLE
    return text if text.isprintable() else Missing.UNDECODABLE


def _mapped(of: Field, value: Value | Missing) -> Value | Missing:
    if of.point.unit is not None and isinstance(value, int | float):
        return _in_range(of, float(value))
    return value


def _in_range(of: Field, value: float) -> Value | Missing:
    if not math.isfinite(value):
        return Missing.OUT_OF_RANGE
    valid = of.point.valid
    return value if valid is None or valid[0] <= value <= valid[1] else Missing.OUT_OF_RANGE


def _exact(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number


def finish(decoded: Decoded) -> None:
    """Scale what waits for a scale register; call it when all blocks of the scan are in."""
    for of, raw in decoded.waiting:
        span = of.exponent
        assert span is not None
        exponent = decoded.exponents.get(span, Missing.UNDECODABLE)
        if isinstance(exponent, Missing):
            decoded.missing[of.point.name] = exponent
        else:
            number = raw / 10**-exponent if exponent < 0 else float(raw) * 10**exponent
            decoded.put(of.point.name, scaled(of, number))
    decoded.waiting.clear()


def _exponent(bits: int) -> int | Missing:
    if bits == _NO_EXPONENT:
        return Missing.SENTINEL
    exponent = bits - 0x10000 if bits > _NO_EXPONENT else bits
    return exponent if abs(exponent) <= _EXPONENT_LIMIT else Missing.UNDECODABLE


# One block -----------------------------------------------------------------------------------------------


class BlockDecoder:
    """Reads the fields whose spans are in a block, and the scale registers of others among them.

    `hidden` spans are no fields: what is in them is handed on as it came.
    """

    def __init__(self, block: Block, fields: Iterable[Field], hidden: Iterable[Span] = ()) -> None:
        spans = set(block.spans)
        fields = tuple(fields)
        inside = [of for of in fields if of.span in spans]
        self.block = block
        self.names = tuple(of.point.name for of in inside)
        self._exponents: dict[Span, Literal["big", "little"]] = {
            of.exponent: "little" if of.order in ("BADC", "DCBA") else "big"
            for of in fields
            if of.exponent in spans
        }
        self._hidden = tuple(sorted(spans.intersection(hidden)))
        self._bits = tuple((of, of.span.first - block.first) for of in inside)
        self._readers: list[_Column | _Singles] = []
        if block.table not in BIT_TABLES:
            for layer in _layers([of for of in inside if _is_plain(of)]):
                self._readers.append(_Column(block, layer))
            for layer in _layers([of for of in inside if not _is_plain(of)]):
                self._readers.append(_Singles(block, layer))

    @property
    def size(self) -> int:
        """Bytes that a right answer carries."""
        count = self.block.count
        return (count + 7) // 8 if self.block.table in BIT_TABLES else 2 * count

    def decode(self, content: bytes, into: Decoded) -> None:
        """Read an answer of exactly `size` bytes."""
        if self._hidden:
            self._hand_on(content, into)
        if self.block.table in BIT_TABLES:
            number = int.from_bytes(content, "little")
            for of, shift in self._bits:
                into.put(of.point.name, judge(of, number >> shift & 1))
            return
        for reader in self._readers:
            reader.decode(content, into)
        for span, ends in self._exponents.items():
            at = 2 * (span.first - self.block.first)
            into.exponents[span] = _exponent(int.from_bytes(content[at : at + 2], ends))

    def _hand_on(self, content: bytes, into: Decoded) -> None:
        into.answers += 1
        for span in self._hidden:
            at = span.first - self.block.first
            if self.block.table in BIT_TABLES:
                bit = content[at // 8] >> at % 8 & 1
                into.hidden[span] = bytes((0, bit)), into.answers
            else:
                into.hidden[span] = content[2 * at : 2 * (at + span.size)], into.answers

    def fail(self, reason: Missing, into: Decoded) -> None:
        """Say for each field of the block why it has no value."""
        into.missing.update(dict.fromkeys(self.names, reason))
        into.exponents.update(dict.fromkeys(self._exponents, reason))


def _is_plain(of: Field) -> bool:
    """Whether a field is a number that ends as a float, with nothing but its scaling between."""
    source, point = of.source, of.point
    if source.type in ("bool", *_BCD_DIGITS) or source.is_text or source.map is not None:
        return False
    stays_whole = not source.type.startswith("float") and point.unit is None and not of.is_scaled
    has_range = any(first != last for first, last in source.sentinels)
    return source.scale_register is None and not stays_whole and not has_range


def _layers(fields: Iterable[Field]) -> list[list[Field]]:
    """Sort fields into layers that one struct each can read: one order, by address, none over another."""
    layers: list[list[Field]] = []
    for of in sorted(fields, key=lambda of: of.span):
        for layer in layers:
            if ORDERS[layer[-1].order] == ORDERS[of.order] and layer[-1].span.end <= of.span.first:
                layer.append(of)
                break
        else:
            layers.append([of])
    return layers


def _struct(block: Block, layer: Sequence[Field], formats: Sequence[str]) -> struct.Struct:
    """Make the struct that reads a layer out of a whole block, with pad bytes where nothing is read."""
    text = [ORDERS[layer[0].order][1]]
    at = block.first
    for of, item in zip(layer, formats, strict=True):
        text.append(f"{2 * (of.span.first - at)}x{item}")
        at = of.span.end
    text.append(f"{2 * (block.first + block.count - at)}x")
    return struct.Struct("".join(text))


class _Singles:
    """Reads fields that need more than scaling: each is judged by itself."""

    def __init__(self, block: Block, layer: Sequence[Field]) -> None:
        self._swap = ORDERS[layer[0].order][0]
        self._fields = tuple(layer)
        self._unpack = _struct(block, layer, [unsigned_format(of.source) for of in layer]).unpack

    def decode(self, content: bytes, into: Decoded) -> None:
        """Judge each field of the layer."""
        for of, bits in zip(self._fields, self._unpack(swapped(content) if self._swap else content), strict=True):
            judged = judge(of, bits)
            if of.source.scale_register is not None and not isinstance(judged, Missing | str):
                into.waiting.append((of, judged))
            else:
                into.put(of.point.name, judged)


class _Column:
    """Reads plain numbers as one column; only what looks odd is judged by itself."""

    def __init__(self, block: Block, layer: Sequence[Field]) -> None:
        self._swap = ORDERS[layer[0].order][0]
        self._fields = tuple(layer)
        self._names = tuple(of.point.name for of in layer)
        self._unpack = _struct(block, layer, [format_of(of.source) for of in layer]).unpack
        self._unpack_bits = _struct(block, layer, [unsigned_format(of.source) for of in layer]).unpack
        points = [of.point for of in layer]
        whole = any(not of.source.type.startswith("float") for of in layer)
        divides = whole or any(point.divisor != 1 for point in points)
        self._divisors = tuple(_exact(point.divisor) for point in points) if divides else ()
        self._factors = tuple(point.factor for point in points) if any(p.factor != 1 for p in points) else ()
        # -0.0 is what leaves every float as it is when it is added; 0.0 would turn -0.0 into 0.0
        self._offsets = tuple(p.offset or -0.0 for p in points) if any(p.offset for p in points) else ()
        bounded = any(point.valid is not None for point in points)
        bounds = [point.valid or (_LOWEST, _HIGHEST) for point in points]
        self._low = tuple(max(low, _LOWEST) for low, _ in bounds) if bounded else ()
        self._high = tuple(min(high, _HIGHEST) for _, high in bounds) if bounded else ()
        self._sentinels = frozenset(first for of in layer for first, _ in of.source.sentinels)

    def decode(self, content: bytes, into: Decoded) -> None:
        """Read the column; when anything in it is odd, judge its fields one by one."""
        if self._swap:
            content = swapped(content)
        values: Sequence[float] = self._unpack(content)
        if self._divisors:
            values = tuple(map(truediv, values, self._divisors))
        if self._factors:
            values = tuple(map(mul, values, self._factors))
        if self._offsets:
            values = tuple(map(add, values, self._offsets))
        if self._is_present(values) and (
            not self._sentinels or self._sentinels.isdisjoint(self._unpack_bits(content))
        ):
            into.values.update(zip(self._names, values, strict=True))
            return
        for of, bits in zip(self._fields, self._unpack_bits(content), strict=True):
            into.put(of.point.name, judge(of, bits))

    def _is_present(self, values: Sequence[float]) -> bool:
        """Whether all are finite and in range: NaN compares false, and a sum keeps NaN and infinity."""
        if self._low:
            return all(map(le, self._low, values)) and all(map(le, values, self._high))
        return math.isfinite(sum(values))
