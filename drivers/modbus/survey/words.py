"""What registers that somebody has copied mean by a profile: from a manual, a log, another program. Pure."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivers.modbus.decode import BlockDecoder, Decoded, finish
from drivers.modbus.layout import BIT_TABLES, FUNCTIONS, Field, Span, is_placed
from drivers.modbus.placing import wanted_by
from drivers.modbus.plan import Block
from drivers.modbus.settings import ProfileModel, Table
from drivers.modbus.sunspec import BASES, Places, place, walk
from monitor.errors import RequestRefused
from monitor.model import Missing, Value
from monitor.site import Point
from monitor.wording import Sentence

__all__ = ["Contents", "Meaning", "meanings", "table_of"]

Contents = Mapping[Table, Mapping[int, int]]
"""Table -> address -> what the register (0 to 65535) or bit (0, 1) holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """A point that the contents say something about: its value, or why it has none."""

    point: str
    value: Value | None
    unit: str | None
    missing: Missing | str | None


def table_of(function: int) -> Table:
    """The table that a function code reads; raises RequestRefused for one that reads none."""
    for table, code in FUNCTIONS.items():
        if code == function:
            return table
    told = ", ".join(f"{code} ({table})" for table, code in sorted(FUNCTIONS.items(), key=lambda one: one[1]))
    raise RequestRefused(
        Sentence("function code {function} reads nothing; those that do: {told}", function=function, told=told)
    )


def meanings(points: Mapping[str, Point], profile: ProfileModel | None, contents: Contents) -> list[Meaning]:
    """Say what the points mean that the contents touch, in the order of the profile.

    A point of which a part is not given is missing, and says so; SunSpec models are looked for in the contents.
    """
    decoded = Decoded()
    cut: dict[str, str] = {}
    touched: list[Point] = []
    places = _places(points, contents)
    for name, point in points.items():
        if not is_placed(point.source, places):
            continue
        field = Field.of(point, profile, places)
        words = _words(contents, field.span)
        if all(word is None for word in words):
            continue
        touched.append(point)
        if None in words:
            cut[name] = f"only a part of {_told(field.span)} is given"
            continue
        if field.exponent is not None and None in _words(contents, field.exponent):
            cut[name] = f"it is scaled by {_told(field.exponent)}, which is not given"
            continue
        _decode(field, contents, decoded)
    finish(decoded)
    return [
        Meaning(
            point=point.name,
            value=decoded.values.get(point.name),
            unit=point.unit,
            missing=cut.get(point.name) or decoded.missing.get(point.name),
        )
        for point in touched
    ]


def _words(contents: Contents, span: Span) -> list[int | None]:
    given = contents.get(span.table, {})
    return [given.get(address) for address in range(span.first, span.end)]


def _decode(field: Field, contents: Contents, into: Decoded) -> None:
    for span in (field.span, *((field.exponent,) if field.exponent is not None else ())):
        words = [word or 0 for word in _words(contents, span)]
        content = bytes(words) if span.table in BIT_TABLES else struct.pack(f">{len(words)}H", *words)
        BlockDecoder(Block.around([span]), [field]).decode(content, into)


def _places(points: Mapping[str, Point], contents: Contents) -> Places:
    """Where the SunSpec models are that points name; nowhere when the contents have none."""
    wanted = wanted_by(points.values())
    if not wanted:
        return Places()
    walker = walk(BASES, lambda _: False)
    ask = next(walker)
    while True:
        words: Sequence[int | None] = _words(contents, Span("holding", ask.first, ask.size))
        try:
            ask = walker.send(None if None in words else [word or 0 for word in words])
        except StopIteration as found:
            return place(found.value.models, wanted, 1)


def _told(span: Span) -> str:
    return f"{span.table} {span.first}" + (f" to {span.end - 1}" if span.size > 1 else "")
