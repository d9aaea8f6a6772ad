"""Fields of entries in line protocol, worked out once for all entries of the same keys and types.

What an entry of a shape costs is one look-up, the values, and one formatting. `write_each` writes the same from
one field to the next; it takes over where a shape cannot write a value (a text under a unit, what is not finite).
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson

from monitor.model import Value
from monitor.schema import INTEGER_FIELDS, point_unit
from monitor.sinks.influxdb.text import boolean, field_key, integer, name, value_fields, word

__all__ = ["Shapes"]

_KEPT: Final = 1000
_NOTHING: Final = b"null"
"""What orjson makes of what is not finite; no field is written so."""

_Writer = Callable[[Any], bytes]
_Shape = tuple[bytes, tuple[_Writer, ...] | None]
"""The fields with `%b` for each value, and what writes each; None: all are numbers, and orjson writes them."""


class Shapes:
    """Writes the fields of one measurement of derived entries, or of all readings (without a measurement)."""

    __slots__ = ("_numbers", "_shapes", "_whole")

    def __init__(self, measurement: str = "") -> None:
        self._whole = INTEGER_FIELDS.get(measurement, frozenset())
        self._numbers = frozenset({float} if measurement else {float, int})
        self._shapes: dict[tuple[tuple[str, ...], tuple[type, ...]], _Shape | None] = {}

    def __len__(self) -> int:
        """How many shapes are known."""
        return len(self._shapes)

    def write(self, values: Mapping[str, Value]) -> bytes:
        """`key=value` for each that can be written, joined by commas; empty when none can."""
        key = tuple(values), tuple(map(type, values.values()))
        shape = self._shapes[key] if key in self._shapes else self._learn(*key)
        if shape is None:
            return self.write_each(values)
        template, writers = shape
        try:
            if writers is None:
                numbers = orjson.dumps([*values.values()])
                if b"u" not in numbers:  # no null
                    return template % (*numbers[1:-1].split(b","),)
            else:
                written = [write(value) for write, value in zip(writers, values.values(), strict=True)]
                if _NOTHING not in written:
                    return template % (*written,)
        except (OverflowError, TypeError):  # an integer beyond 64 bits
            pass
        return self.write_each(values)

    def write_each(self, values: Mapping[str, Value]) -> bytes:
        """The same, from one field to the next."""
        fields = []
        for key, value in values.items():
            if key in self._whole:
                whole = None if isinstance(value, str) or not _is_finite(value) else integer(int(value))
                written = None if whole is None else b"%b=%b" % (name(key), whole)
            else:
                written = value_fields(key, value)
            if written is not None:
                fields.append(written)
        return b",".join(fields)

    def _learn(self, keys: tuple[str, ...], types: tuple[type, ...]) -> _Shape | None:
        if len(self._shapes) >= _KEPT:  # partial answers come in many shapes
            self._shapes.clear()
        found = self._shape(keys, types)
        self._shapes[keys, types] = found
        return found

    def _shape(self, keys: tuple[str, ...], types: tuple[type, ...]) -> _Shape | None:
        parts, writers = [], []
        for key, kind in zip(keys, types, strict=True):
            writer = self._writer(key, kind)
            if writer is None:
                return None
            spelt = name(key) if key in self._whole else field_key(key)
            is_state = kind is bool and writer is not _number
            field = b"%b=%%bi" if key in self._whole else b"%b=%%b"
            parts.append(b"%b" if is_state else field % spelt.replace(b"%", b"%%"))
            writers.append(writer)
        are_numbers = self._numbers.issuperset(types) and self._whole.isdisjoint(keys)
        return b",".join(parts), None if are_numbers else tuple(writers)

    def _writer(self, key: str, kind: type) -> _Writer | None:
        if key in self._whole:
            return _whole if kind is int else None
        has_unit = point_unit(key) is not None
        if kind is bool and not has_unit:
            spelt = field_key(key)
            return (boolean(spelt, False), boolean(spelt, True)).__getitem__
        if kind is float:
            return orjson.dumps
        if kind is int or kind is bool:
            return _number
        return word if kind is str and not has_unit else None


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a float can hold
        return False


def _number(value: float) -> bytes:
    return orjson.dumps(float(value))


_whole = partial(orjson.dumps, option=orjson.OPT_STRICT_INTEGER)
"""A number that is surely within 64 bits; TypeError from 53 bits on."""
