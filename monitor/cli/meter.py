"""`meter`: what meters count, and telling the monitor what was done to them."""

from typing import Annotated, Any, Literal

import typer

from monitor.cli.meterasking import Asking, Meter
from monitor.cli.metertelling import correct, enter, recompute, replace
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, print_json, print_line

__all__ = ["add_to"]

_PERIODS = {"today": "today", "yesterday": "yesterday", "this month": "this-month"}


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Meters: what they count, and what was done to them: replaced, read wrongly, read by hand.",
        rich_markup_mode=None,
    )
    group.callback(invoke_without_command=True)(meter)
    group.command("list")(list_meters)
    for command in (show, usage, replace, correct, enter, recompute):
        group.command()(command)
    app.add_typer(group, name="meter")


def meter(
    context: typer.Context, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """List the meters; with a command, do that instead."""
    if context.invoked_subcommand is None:
        list_meters(socket, state, as_json)


def list_meters(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the meters: registers, rates, what was used today, and how many samples came."""
    from monitor.cli.meterlook import print_meters

    asking = Asking.of(socket, state)
    found = asking.client.get("meters")
    if as_json:
        print_json(found)
    elif found:
        print_meters(found, asking.now)
    else:
        print_line("no meters: no device of the site file has a counter")


def show(meter: Meter, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Show one meter: its counters, what was used, what is doubtful, and how to mend it."""
    from monitor.cli import meterlook

    asking = Asking.of(socket, state)
    found = asking.client.get("meters", meter)
    if as_json:
        print_json(found)
        return
    used = {name: _by_counter(asking, meter, period) for name, period in _PERIODS.items()}
    words = [
        found["class"],
        found["role"],
        {"by_hand": "read by hand", "virtual": "reckoned"}.get(found["kind"], ""),
    ]
    place = ", ".join(filter(None, (found["building"], found["zone"])))
    print_line(clean(f"{found['name']} ({meter}): {', '.join(filter(None, words))}{place and f', in {place}'}"))
    if not found["counters"]:
        _print_reckoned(used)
    for counter in found["counters"]:
        if counter["billed"]:
            print_line()
            own = {name: rows.get(counter["point"]) for name, rows in used.items()}
            meterlook.print_counter(counter, own, ratio=found["ratio"], zone=asking.zone, now=asking.now)
    if others := [counter for counter in found["counters"] if not counter["billed"]]:
        print_line()
        meterlook.print_others(others, used, asking.zone)
    if found["breaks"]:
        print_line("\nwhere it did not simply count on, in the last 30 days:")
        meterlook.print_breaks(found, asking.zone)
    if found["coverage"]:
        print_line("\nsamples:")
        meterlook.print_coverage(found["coverage"])


def _by_counter(asking: Asking, meter: str, period: str) -> dict[str, dict[str, Any]]:
    rows = asking.client.get("meters", meter, "usage", period=period, point="all")
    return {row["point"]: row for row in rows}


def _print_reckoned(used: dict[str, dict[str, dict[str, Any]]]) -> None:
    from monitor.cli.meterlook import amount

    for name, rows in used.items():
        for row in rows.values():
            print_line(f"  {name:<12} {amount(row['amount'], row['unit'])}")


def usage(
    meter: Meter,
    *,
    period: Annotated[
        str,
        typer.Option(
            help="today, yesterday, this-week, last-week, this-month, last-month, this-year, last-year, "
            "2026, 2026-11, 2026-W48, 2026-11-27, or two days with .. between them."
        ),
    ] = "today",
    per: Annotated[
        Literal["quarter", "hour", "day", "month"] | None, typer.Option(help="In pieces of this length.")
    ] = None,
    counter: Annotated[
        str, typer.Option("--counter", metavar="NAME", help="Which counters, joined by commas, or all.")
    ] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Show what a meter used in a period."""
    from monitor.cli.meterlook import print_usage

    asking = Asking.of(socket, state)
    rows = asking.client.get("meters", meter, "usage", period=period, per=per or "", point=counter)
    if as_json:
        print_json(rows)
    elif rows:
        print_usage(rows, asking.zone, asking.now)
    else:
        print_line(f"nothing is known of {meter} in that time")
