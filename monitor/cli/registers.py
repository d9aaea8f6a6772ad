"""Registers that a person asks for: which they are, how they are fetched, and what a refusal means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import number
from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable, RequestRefused

if TYPE_CHECKING:
    from drivers.modbus.settings import PointSource, Register
    from drivers.modbus.survey.bus import SurveyBus
    from drivers.modbus.survey.values import Reading

__all__ = [
    "Count",
    "Kind",
    "UnitId",
    "Wish",
    "Words",
    "as_json",
    "cell",
    "fetch",
    "hexadecimal",
    "plain",
    "readings",
    "wish_of",
]

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[UNIT] REGISTER",
        help="A unit id, then a table and an address: 3 holding 0x5B00.",
        show_default=False,
    ),
]
UnitId = Annotated[
    int | None,
    typer.Option("--unit", min=0, max=255, help="The unit id, where it is not written first.", show_default=False),
]
Kind = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="int16, uint32, float32, string:8 …", show_default=False),
]
Count = Annotated[
    int | None,
    typer.Option(min=1, max=2000, help="How many values (without --type: registers).", show_default=False),
]

_EXCEPTIONS = {
    1: "the device does not know requests of this kind: it has no such table, try another one",
    2: "the device has no register there: look the address up (zero-based: 40001 in a manual is `holding 0`)",
    3: "the device does not give that many registers at once, or not from there: try a smaller --count",
    4: "the device failed while it was reading that",
    5: "the device is busy with it: ask again in a while",
    6: "the device is busy: ask again in a while",
}
_SILENCE = "look at power, unit id, A and B, baud rate and parity; `facility-monitor scan` shows who answers"
_DAMAGE = "termination, another parity, or two devices with this id"
_NO_MORE = frozenset({2, 3})
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be read: `count` registers or bits from `where` on; `source` has the type, if one was named."""

    unit: int
    where: "Register"
    source: "PointSource | None"
    count: int
    is_default: bool = False


def wish_of(words: list[str], unit: int | None, kind: str | None, count: int | None) -> Wish:
    """Understand the arguments; raises a usage error."""
    from drivers.modbus.survey.values import register_of, source_of

    if words and words[0].isdecimal():
        if unit is not None:
            raise typer.BadParameter("the unit id is written twice")
        unit, words = int(words[0]), words[1:]
    if unit is None:
        raise typer.BadParameter("write the unit id first, or --unit: 3 holding 100")
    try:
        where = register_of(" ".join(words))
        source = None if kind is None else source_of(where, kind)
    except RequestRefused as error:
        raise typer.BadParameter(str(error)) from error
    is_bits = where.table in {"coil", "discrete"}
    if source is not None:
        return Wish(unit=unit, where=where, source=source, count=(count or 1) * source.size)
    usual = 1 if is_bits else _PAIR
    return Wish(unit=unit, where=where, source=None, count=count or usual, is_default=count is None)


async def fetch(bus: "SurveyBus", wish: Wish) -> Sequence[int]:
    """Ask for them once; raises RequestRefused in plain words, or DeviceError as it was."""
    where = wish.where
    try:
        return await bus.read(wish.unit, where.table, where.address, wish.count)
    except DeviceRefused as error:
        if not (wish.is_default and wish.count > 1 and error.code in _NO_MORE):
            raise
    return await bus.read(wish.unit, where.table, where.address, 1)


def plain(error: DeviceError) -> str:
    """What an error means, and what to do about it."""
    if isinstance(error, DeviceRefused):
        return f"{_EXCEPTIONS.get(error.code, 'the device refused it')} ({error})"
    return f"{error}: {_SILENCE if isinstance(error, DeviceUnreachable) else _DAMAGE}"


def readings(wish: Wish, words: Sequence[int]) -> "list[Reading]":
    """What the contents mean, by the type that was named or by each that is usual."""
    from drivers.modbus.survey.values import read_as, views

    if wish.source is None:
        return views(wish.where, words)
    return read_as(wish.source, wish.where.address, words)


def cell(value: Any) -> str:
    """A value for people; one that is none says why."""
    from monitor.model import Missing

    if isinstance(value, Missing):
        return f"({value})"
    return number(value) if isinstance(value, float) else str(value)


def hexadecimal(words: Sequence[int]) -> str:
    """Registers as hexadecimal words."""
    return " ".join(f"{word:04X}" for word in words)


def as_json(wish: Wish, words: Sequence[int], ms: float) -> dict[str, Any]:
    """The answer for programs."""
    from monitor.model import Missing

    return {
        "unit": wish.unit,
        "table": wish.where.table,
        "first": wish.where.address,
        "registers": list(words),
        "ms": round(ms, 1),
        "values": [
            {
                "address": each.address,
                "type": each.type,
                "registers": list(each.words),
                "orders": {
                    order: None if isinstance(value, Missing) else value for order, value in each.values.items()
                },
            }
            for each in readings(wish, words)
        ],
    }
