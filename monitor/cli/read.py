"""`read`: any register of any unit, as every type and in every order of its bytes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from monitor.cli.buses import Place, reach, with_place
from monitor.cli.options import Json
from monitor.cli.output import print_json, print_line, print_table
from monitor.cli.paste import Add, AsYaml, Paste, connection_id, device_entry, put
from monitor.cli.registers import (
    Count,
    Kind,
    UnitId,
    Wish,
    Words,
    as_json,
    cell,
    fetch,
    hexadecimal,
    plain,
    readings,
    wish_of,
)
from monitor.errors import DeviceError, RequestRefused
from monitor.wording import verbatim

if TYPE_CHECKING:
    from drivers.modbus.settings import Order
    from monitor.cli.buses import Access

__all__ = ["RightOrder", "add_to", "check_order", "paste_of", "show"]

_ORDERS: "Final[tuple[Order, ...]]" = ("ABCD", "CDAB", "BADC", "DCBA")


RightOrder = Annotated[
    str | None,
    typer.Option(
        "--order", metavar="ORDER", help="With --yaml and --add: the order that is right.", show_default=False
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(read)


def check_order(order: str | None) -> None:
    """Raise a usage error for an order that is none."""
    if order is not None and order not in _ORDERS:
        raise typer.BadParameter(f"--order is one of {', '.join(_ORDERS)}")


@with_place
def read(
    place: Place,
    words: Words,
    *,
    unit: UnitId = None,
    kind: Kind = None,
    count: Count = None,
    order: RightOrder = None,
    as_yaml: AsYaml = False,
    add: Add = None,
    json: Json = False,
) -> None:
    """Read registers of a unit once, and show what they may mean. Nothing is ever written.

    ABCD is the usual order of bytes; CDAB has the registers swapped, BADC the bytes in each, DCBA both.
    """
    check_order(order)
    if json and as_yaml:
        raise typer.BadParameter("--json and --yaml are two forms of the same: choose one")
    wish = wish_of(words, unit, kind, count)
    access = reach(place)
    contents, ms = asyncio.run(_once(access, wish, place.timeout))
    if json:
        print_json(as_json(wish, contents, ms))
    elif not as_yaml:
        show(wish, contents)
        print_line(f"unit {wish.unit} answered in {ms:.0f} ms")
    if as_yaml or add is not None:
        put(paste_of(place, access, wish, order), as_yaml=as_yaml, add=add)


async def _once(access: "Access", wish: Wish, patience: float | None) -> tuple[Sequence[int], float]:
    async with access.open(patience=patience) as bus:
        try:
            return await fetch(bus, wish), bus.took
        except DeviceError as error:
            raise RequestRefused(verbatim(plain(error))) from error


def show(wish: Wish, words: Sequence[int]) -> None:
    """Print registers as tables."""
    found = readings(wish, words)
    table = wish.where.table
    if wish.source is not None:
        orders = [order for order in _ORDERS if any(order in each.values for each in found)]
        print_table(
            ("register", "hex", *orders),
            [
                (f"{table} {each.address}", hexadecimal(each.words), *(cell(each.values[o]) for o in orders))
                for each in found
            ],
        )
        return
    if table in {"coil", "discrete"}:
        print_table(("bit", "state"), [(f"{table} {each.address}", each.words[0]) for each in found])
        return
    singles: dict[int, list[str]] = {}
    for each in found:
        if len(each.words) == 1:
            row = singles.setdefault(each.address, [f"{table} {each.address}", hexadecimal(each.words)])
            row.append(cell(each.values["ABCD"]))
    print_table(("register", "hex", "uint16", "int16"), singles.values())
    pairs = [each for each in found if len(each.words) > 1]
    if pairs:
        print_line()
        rows = [(f"{table} {each.address}", each.type, *(cell(each.values[o]) for o in _ORDERS)) for each in pairs]
        print_table(("registers from", "type", *_ORDERS), rows)


def paste_of(place: Place, access: "Access", wish: Wish, order: str | None) -> Paste:
    """The connection, and a device with the values that were read as its points."""
    from drivers.modbus.settings import Register
    from drivers.modbus.survey.values import source_of

    source = wish.source or source_of(wish.where, "uint16")
    points: dict[str, Mapping[str, Any]] = {}
    many = wish.source is not None and wish.count > source.size
    for number in range(wish.count // source.size if many else 1):
        at = Register(wish.where.table, wish.where.address + number * source.size)
        point: dict[str, Any] = {"register": f"{at.table} {at.address}"}
        if source.type != "bool":
            point["type"] = source.type
        if order is not None:
            point["order"] = order
        points[f"value_{number + 1}" if many else "value"] = point
    ident = access.connection
    connections = []
    if not ident:
        assert access.options is not None
        ident = connection_id(access.options.place)
        connections = [{"id": ident, "modbus": place.options()}]
    return Paste(connections, [device_entry(ident, wish.unit, points)])
