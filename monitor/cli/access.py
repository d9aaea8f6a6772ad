"""`access`: doors and people: how doors are, who is in, what happened, who is who, and forgetting somebody."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from monitor.cli.meterasking import Asking
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import print_json, print_line
from monitor.cli.person import erase, export, names

__all__ = ["add_to"]

_WithNames = Annotated[
    bool, typer.Option("--names", help="With names, by the directory; that they were read is kept in the journal.")
]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Doors and people: how doors are, who is in, what happened; names, and forgetting somebody.",
        rich_markup_mode=None,
    )
    group.callback(invoke_without_command=True)(access)
    group.command()(doors)
    group.command()(zones)
    group.command()(rollcall)
    group.command()(events)
    group.command()(export)
    group.command()(erase)
    group.add_typer(names, name="names")
    app.add_typer(group, name="access")


def access(
    context: typer.Context, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """List the doors; with a command, do that instead."""
    if context.invoked_subcommand is None:
        doors(socket, state, as_json)


def doors(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the doors: open, closed, held or forced, and what happened today."""
    from monitor.cli.accesslook import print_doors

    asking = Asking.of(socket, state)
    found = asking.client.get("access", "doors")
    if as_json:
        print_json(found)
    elif found:
        print_doors(found, asking.now)
    else:
        print_line("no doors: no device of the site file is of class door or access")


def zones(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the zones: how many people are in each."""
    from monitor.cli.accesslook import print_zones

    asking = Asking.of(socket, state)
    found = asking.client.get("access", "zones")
    if as_json:
        print_json(found)
    elif found:
        print_zones(found, asking)
    else:
        print_line("no zones: the site file has no `access: {zones: …}`")


def rollcall(
    *,
    zone: Annotated[str, typer.Option(metavar="ID", help="Only who is in this zone, or in one within it.")] = "",
    with_names: _WithNames = False,
    form: Annotated[
        Literal["table", "csv", "html"], typer.Option("--format", help="How it is written; html is for printing.")
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write it to this file, over the one there; without --format a page, or csv as .csv.",
            show_default=False,
        ),
    ] = None,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Say who is in, for an evacuation."""
    from monitor.cli import rollcalls
    from monitor.cli.reports import save

    asking = Asking.of(socket, state)
    found = asking.client.get("access", "rollcall", zone=zone, names=with_names)
    if as_json:
        print_json(found)
    elif form == "table" and out is None:
        rollcalls.print_table_of(found)
    else:
        is_list = form == "csv" or (form == "table" and out is not None and out.suffix.lower() == ".csv")
        text = rollcalls.csv_of(found) if is_list else rollcalls.html_of(found)
        if out is None:
            print_line(text)
        else:
            save(out, text, is_private=True)
            print_line(f"written to {out}")


def events(
    *,
    period: Annotated[str, typer.Option(help="today, yesterday, this-week, 2026-11-27, or FROM..TO.")] = "today",
    door: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only of this door; may be repeated.", show_default=False),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only events of this kind.", show_default=False)
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 100,
    with_names: _WithNames = False,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Show what happened at doors and readers."""
    from monitor.cli.accesslook import print_events

    asking = Asking.of(socket, state)
    query: dict[str, Any] = {"door": door or None, "kind": kind or None}
    found = asking.client.get("access", "events", period=period, last=last, names=with_names, **query)
    if as_json:
        print_json(found)
    elif found:
        print_events(found, asking, with_names=with_names)
    else:
        print_line("nothing happened in that time, as far as is known")
