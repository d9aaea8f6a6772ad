"""Fields of entries in line protocol, worked out once for all entries of the same keys and types.

What an entry of a shape costs is a look-up or two, the values, and one formatting. `write_each` writes the same
from one field to the next; it takes over where a shape cannot write a value (a text under a unit, what is not
finite).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final, Protocol

import orjson

from monitor.model import Value
from monitor.schema import INTEGER_FIELDS, point_unit
from monitor.sinks.influxdb.text import boolean, field_key, integer, name, value_fields, word

__all__ = ["Shapes"]

_KEPT: Final = 1000
_SEVERAL: Final = 3
"""From how many numbers on writing them together pays."""
_LONGEST: Final = 200
"""Bytes of texts that are worth remembering."""
_NOTHING: Final = b"null"
"""What orjson makes of what is not finite; no field is written so."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_]+")
_AS_FIELDS: Final = bytes.maketrans(b":", b"=")

_Values = Mapping[str, Value]
_Types = tuple[type, ...]
_Writer = Callable[[Any], bytes]


class _Shape(Protocol):
    """Writes entries of the same keys and types; None, OverflowError or TypeError where it cannot."""

    def write(self, values: _Values) -> bytes | None:
        """All the fields."""


class _Keys:
    """What is known of entries of the same keys: `plain`, whether numbers may be written as JSON writes them."""

    __slots__ = ("plain", "shapes")

    def __init__(self, *, plain: bool) -> None:
        self.plain = plain
        self.shapes: dict[_Types, _Shape | None] = {}


class Shapes:
    """Writes the fields of one measurement of derived entries, or of all readings (without a measurement)."""

    __slots__ = ("_keys", "_known", "_numbers", "_whole")

    def __init__(self, measurement: str = "") -> None:
        self._whole = INTEGER_FIELDS.get(measurement, frozenset())
        self._numbers = frozenset({float} if measurement else {float, int})
        self._keys: dict[tuple[str, ...], _Keys] = {}
        self._known = 0

    def __len__(self) -> int:
        """How many sets of keys are known."""
        return len(self._keys)

    def write(self, values: Mapping[str, Value]) -> bytes:
        """`key=value` for each that can be written, joined by commas; empty when none can."""
        keys = tuple(values)
        known = self._keys.get(keys) or self._learn_keys(keys)
        try:
            if known.plain and self._numbers.issuperset(map(type, values.values())):
                numbers = orjson.dumps(values, default=dict)
                if _NOTHING not in numbers:
                    return numbers.translate(_AS_FIELDS, b'"{}')
            else:
                shape = known.shapes[tuple(map(type, values.values()))]
                written = None if shape is None else shape.write(values)
                if written is not None:
                    return written
        except KeyError:
            self._learn(known, keys, tuple(map(type, values.values())))
            return self.write(values)
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

    def _make_room(self) -> None:
        if self._known >= _KEPT:  # partial answers come in many shapes
            self._keys.clear()
            self._known = 0
        self._known += 1

    def _learn_keys(self, keys: tuple[str, ...]) -> _Keys:
        self._make_room()
        spelt = all(_PLAIN.fullmatch(key) and field_key(key) == key.encode() for key in keys)
        found = self._keys[keys] = _Keys(plain=spelt and self._whole.isdisjoint(keys))
        return found

    def _learn(self, known: _Keys, keys: tuple[str, ...], types: _Types) -> None:
        self._make_room()
        self._keys[keys] = known
        known.shapes[types] = self._shape(keys, types)

    def _shape(self, keys: tuple[str, ...], types: _Types) -> _Shape | None:
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
        template = b",".join(parts)
        several = sum(writer is _exact or writer is _whole for writer in writers) >= _SEVERAL
        return (
            _Together(template, keys, writers) if several and _number not in writers else _Each(template, writers)
        )

    def _writer(self, key: str, kind: type) -> _Writer | None:
        if key in self._whole:
            return _whole if kind is int else None
        has_unit = point_unit(key) is not None
        if kind is bool and not has_unit:
            spelt = field_key(key)
            return (boolean(spelt, False), boolean(spelt, True)).__getitem__
        if kind is float:
            return _exact
        if kind is int or kind is bool:
            return _number
        return word if kind is str and not has_unit else None


class _Each:
    """Writes value by value."""

    __slots__ = ("_template", "_writers")

    def __init__(self, template: bytes, writers: Sequence[_Writer]) -> None:
        self._template = template
        self._writers = tuple(writers)

    def write(self, values: _Values) -> bytes | None:
        """All the fields."""
        written = [write(value) for write, value in zip(self._writers, values.values(), strict=True)]
        return None if _NOTHING in written else self._template % (*written,)


class _Together:
    """Writes all numbers in one go, and looks up texts and states as they come together."""

    __slots__ = ("_numbers", "_option", "_ordered", "_template", "_told", "_words")

    def __init__(self, template: bytes, keys: Sequence[str], writers: Sequence[_Writer]) -> None:
        numbers = [place for place, writer in enumerate(writers) if writer is _exact or writer is _whole]
        words = [place for place in range(len(keys)) if place not in numbers]
        self._template = template
        self._numbers = _getter([keys[place] for place in numbers])
        self._option = orjson.OPT_STRICT_INTEGER if _whole in writers else 0
        self._words = _getter([keys[place] for place in words])
        self._told = _Told([writers[place] for place in words])
        order = [*numbers, *words]
        self._ordered = _getter([order.index(place) for place in range(len(keys))])

    def write(self, values: _Values) -> bytes | None:
        """All the fields."""
        numbers = orjson.dumps(self._numbers(values), option=self._option)
        if b"u" in numbers:  # null
            return None
        told = self._told[self._words(values)]
        return self._template % self._ordered((*numbers[1:-1].split(b","), *told))


class _Told(dict[tuple[Any, ...], tuple[bytes, ...]]):
    """Texts and states that come together, as they are written; the last few are remembered."""

    def __init__(self, writers: Sequence[_Writer]) -> None:
        super().__init__()
        self._writers = writers

    def __missing__(self, values: tuple[Any, ...]) -> tuple[bytes, ...]:
        written = tuple(write(value) for write, value in zip(self._writers, values, strict=True))
        if sum(map(len, written)) <= _LONGEST:
            if len(self) >= _KEPT:
                self.clear()
            self[values] = written
        return written


def _getter(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """What answers the values under some keys, or at some places."""
    if not keys:
        return lambda _: ()
    if len(keys) == 1:
        return lambda values: (values[keys[0]],)
    return itemgetter(*keys)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a float can hold
        return False


def _number(value: float) -> bytes:
    return orjson.dumps(float(value))


_exact: Final = orjson.dumps
_whole: Final = partial(orjson.dumps, option=orjson.OPT_STRICT_INTEGER)
"""A number that is surely within 64 bits; TypeError from 53 bits on."""
