"""`watch`: the same registers again and again, and what changes in them."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.buses import Place, reach, with_place
from monitor.cli.options import Json
from monitor.cli.output import print_line
from monitor.cli.paste import Add, AsYaml, put
from monitor.cli.read import RightOrder, check_order, paste_of, show
from monitor.cli.registers import Count, Kind, UnitId, Wish, Words, as_json, cell, fetch, plain, readings, wish_of
from monitor.errors import DeviceError

if TYPE_CHECKING:
    from monitor.cli.buses import Access

__all__ = ["add_to"]

_SHORTEST = 0.1


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(watch)


@with_place
def watch(
    place: Place,
    words: Words,
    *,
    unit: UnitId = None,
    kind: Kind = None,
    count: Count = None,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often.")] = "1 s",
    order: RightOrder = None,
    as_yaml: AsYaml = False,
    add: Add = None,
    json: Json = False,
) -> None:
    """Read registers of a unit again and again, and show what changes, until Ctrl-C.

    With --json one object a line, each time, changed or not. A device that does not answer is told once. With
    --yaml and --add what was watched is written as a device when you end it.
    """
    from monitor.fields import seconds

    check_order(order)
    if json and as_yaml:
        raise typer.BadParameter("--json and --yaml are two forms of the same: choose one")
    wish = wish_of(words, unit, kind, count)
    try:
        interval = seconds(every)
    except ValueError as error:
        raise typer.BadParameter(f"--every: {error}") from error
    if interval < _SHORTEST:
        raise typer.BadParameter("--every is 100 ms or longer")
    access = reach(place)
    try:
        asyncio.run(_watch(access, wish, interval, place.timeout, as_lines=json))
    except KeyboardInterrupt:
        if as_yaml or add is not None:
            put(paste_of(place, access, wish, order), as_yaml=as_yaml, add=add)
        raise typer.Exit from None


async def _watch(access: "Access", wish: Wish, interval: float, patience: float | None, *, as_lines: bool) -> None:
    before: Sequence[int] | None = None
    trouble = ""
    async with access.open(patience=patience) as bus:
        due = time.monotonic()
        while True:
            now = datetime.now(UTC)
            try:
                words = await fetch(bus, wish)
            except DeviceError as error:
                _tell_trouble(now, error, trouble, as_lines=as_lines)
                trouble = str(error)
            else:
                if as_lines:
                    told = {"time": round(now.timestamp() * 1000)} | as_json(wish, words, bus.took)
                    print_line(dumps(told, ensure_ascii=False))
                elif before is None or len(before) != len(words):
                    show(wish, words)
                else:
                    if trouble:
                        print_line(f"{_clock(now)}  answers again")
                    _tell_changes(now, wish, before, words)
                before, trouble = words, ""
            due = max(due + interval, time.monotonic())
            await asyncio.sleep(due - time.monotonic())


def _tell_trouble(now: datetime, error: DeviceError, before: str, *, as_lines: bool) -> None:
    if as_lines:
        told = {"time": round(now.timestamp() * 1000), "error": str(error)}
        print_line(dumps(told, ensure_ascii=False))
    elif str(error) != before:
        print_line(f"{_clock(now)}  {plain(error)}")


def _tell_changes(now: datetime, wish: Wish, before: Sequence[int], words: Sequence[int]) -> None:
    """Say what is another value than the last time: in every order, where a type was named."""
    was = readings(wish, before)
    for old, new in zip(was, readings(wish, words), strict=True):
        if old.words == new.words:
            continue
        orders = [f"{order} {cell(old.values[order])} → {cell(new.values[order])}" for order in new.values]
        if wish.source is None or len(new.words) == 1:
            orders = [f"{cell(old.values['ABCD'])} → {cell(new.values['ABCD'])}"]
        kind = new.type if wish.source is None else ""
        parts = (f"{_clock(now)}  {wish.where.table} {new.address}", kind, ", ".join(orders))
        print_line(" ".join(filter(None, parts)))


def _clock(now: datetime) -> str:
    return now.astimezone().strftime("%H:%M:%S")
