"""Registers read by hand: one request, sent once, over a connection at hand."""

import struct
from collections.abc import Sequence
from typing import cast

from drivers.modbus.layout import BIT_TABLES, FUNCTIONS, Span
from drivers.modbus.plan import Block
from drivers.modbus.settings import ADDRESSES, Table
from drivers.modbus.traffic import Seen
from drivers.modbus.transports import NoConnection
from drivers.modbus.wire import Garbled, Link, Request
from monitor.errors import DeviceError, DeviceUnreachable, RequestRefused
from monitor.wording import Sentence, verbatim

__all__ = ["Damaged", "most_of", "read_by_hand"]

_MOST_REGISTERS, _MOST_BITS = 125, 2000
_LAST_UNIT = 255
_DAMAGE = ("checksum", "garbled")


class Damaged(DeviceError):
    """Bytes came instead of an answer, or beside none: noise, another line setting, or two units with one id."""


def most_of(table: str) -> int:
    """How many registers (or bits) of a table one request may carry."""
    return _MOST_BITS if table in BIT_TABLES else _MOST_REGISTERS


async def read_by_hand(  # noqa: PLR0913 - a request, and how it is asked
    link: Link,
    unit: int,
    table: str,
    first: int,
    count: int,
    *,
    patience: float | None = None,
    seen: Seen | None = None,
) -> Sequence[int]:
    """Ask once, and raise what `monitor.ports.RegisterBus.read` does; `seen` counts what passes.

    `patience`: seconds to wait for the answer (default: the connection's).
    """
    _check(unit, table, first, count)
    block = Block.around([Span(cast("Table", table), first, count)])
    is_bits = table in BIT_TABLES
    seen = Seen() if seen is None else seen
    before = sum(seen.errors[kind] for kind in _DAMAGE)
    request = Request(unit, block, (count + 7) // 8 if is_bits else 2 * count, seen)
    try:
        content = await link.ask(request, tries=1, patience=patience)
    except NoConnection as error:
        raise RequestRefused(verbatim(str(error))) from error
    except DeviceUnreachable as error:
        if sum(seen.errors[kind] for kind in _DAMAGE) > before:
            raise Damaged(str(error)) from error
        raise
    except Garbled as error:
        raise Damaged(str(error)) from error
    if is_bits:
        bits = int.from_bytes(content, "little")
        return [bits >> at & 1 for at in range(count)]
    return struct.unpack(f">{count}H", content)


def _check(unit: int, table: str, first: int, count: int) -> None:
    if table not in FUNCTIONS:
        raise RequestRefused(
            Sentence("there is no table {table}: {known}", table=table, known=", ".join(FUNCTIONS))
        )
    if not 0 <= unit <= _LAST_UNIT:
        raise RequestRefused(Sentence("a unit id is a number from 0 to {last}", last=_LAST_UNIT))
    if not 1 <= count <= most_of(table):
        raise RequestRefused(
            Sentence("one request reads 1 to {count} of the table {table}", count=most_of(table), table=table)
        )
    if not 0 <= first <= ADDRESSES - count:
        raise RequestRefused(
            Sentence("addresses are from 0 to 65535; they are zero-based and carry no 3xxxx or 4xxxx prefix")
        )
