"""What registers may mean: the same contents as every type, in every order of bytes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drivers.modbus.decode import judge
from drivers.modbus.layout import BIT_TABLES, ORDERS, Field
from drivers.modbus.settings import Order, PointSource, Register
from monitor.errors import RequestRefused
from monitor.model import Missing, Value
from monitor.site import Point
from monitor.wording import Sentence, verbatim

__all__ = ["SINGLE", "WIDE", "Reading", "read_as", "register_of", "source_of", "views"]

SINGLE: Final = ("uint16", "int16")
WIDE: Final = ("float32", "int32", "uint32")
"""The types that are shown side by side where nobody says which it is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value: its address, its registers (or bits), and what they mean by order; a Missing is no value."""

    address: int
    words: tuple[int, ...]
    type: str
    values: dict[Order, Value | Missing]


def register_of(text: str) -> Register:
    """Read `holding 0x5B00`, as a site file writes it. Raises RequestRefused."""
    where = _source(text, "uint16").where
    if not isinstance(where, Register):
        raise RequestRefused(
            Sentence("a SunSpec model is no register: write its table and address, such as `holding 40000`")
        )
    return where


def source_of(where: Register, kind: str) -> PointSource:
    """A point of that type, as a site file would have it. Raises RequestRefused."""
    return _source(f"{where.table} {where.address}", kind)


def _source(register: str, kind: str) -> PointSource:
    from pydantic import ValidationError

    table = register.split(maxsplit=1)[:1]
    written = {"register": register, "type": "bool" if table and table[0] in BIT_TABLES else kind}
    try:
        return PointSource.model_validate(written)
    except ValidationError as error:
        raise RequestRefused(verbatim(error.errors()[0]["msg"].removeprefix("Value error, "))) from error


def read_as(source: PointSource, first: int, words: Sequence[int]) -> list[Reading]:
    """Read contents that begin at `first` as values of a point's type, one behind the other, in every order."""
    size = source.size
    return [
        Reading(first + at, tuple(words[at : at + size]), source.type, _in_orders(source, words[at : at + size]))
        for at in range(0, len(words) - size + 1, size)
    ]


def views(where: Register, words: Sequence[int]) -> list[Reading]:
    """Contents of which nobody knows the type: each as one register, and with its neighbour."""
    if where.table in BIT_TABLES:
        return read_as(source_of(where, "bool"), where.address, words)
    single = [one for kind in SINGLE for one in read_as(source_of(where, kind), where.address, words)]
    pairs = [
        Reading(
            where.address + at,
            tuple(words[at : at + 2]),
            kind,
            _in_orders(source_of(where, kind), words[at : at + 2]),
        )
        for at in range(len(words) - 1)
        for kind in WIDE
    ]
    return sorted(single + pairs, key=lambda each: each.address)


def _in_orders(source: PointSource, words: Sequence[int]) -> dict[Order, Value | Missing]:
    if source.table in BIT_TABLES:
        return {"ABCD": bool(words[0])}
    orders: tuple[Order, ...] = ("ABCD", "CDAB", "BADC", "DCBA")
    if source.size == 1 or source.is_text:
        orders = ("ABCD", "BADC")
    return {order: _judged(source, words, order) for order in orders}


def _judged(source: PointSource, words: Sequence[int], order: Order) -> Value | Missing:
    swap, ends = ORDERS[order]
    content = b"".join(word.to_bytes(2, "little" if swap else "big") for word in words)
    of = Field.of(Point(name="value", source=source), None)
    if source.is_text:
        return judge(of, content)
    return judge(of, int.from_bytes(content, "big" if ends == ">" else "little"))
