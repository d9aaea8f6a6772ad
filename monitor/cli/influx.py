"""`influx check`: what is wrong with the way to InfluxDB, and what to do about it."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, print_json, print_line, print_table

__all__ = ["add_to"]

_PATIENCE = 60.0

_Sink = Annotated[
    str, typer.Option(metavar="ID", help="That of one sink, where there are several.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="InfluxDB, where readings are written to.", rich_markup_mode=None)
    group.callback()(_group)
    group.command()(check)
    app.add_typer(group, name="influx", no_args_is_help=True)


def _group() -> None:
    """InfluxDB, where readings are written to."""


def check(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A site file, where no daemon runs with it.", show_default=False),
    ] = None,
    sink: _Sink = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Look at server, clock, token, buckets, mapping and retention and types. Ends with 1 when something is wrong.

    Without FILE the daemon looks, with its own settings and from where it stands. Nothing is written or created.
    """
    found = _ask_daemon(socket, state, sink) if file is None else _look(file, sink)
    if as_json:
        print_json(found)
    else:
        _print(found["findings"])
    if not found["fine"]:
        raise typer.Exit(1)


def _print(findings: Sequence[Mapping[str, Any]]) -> None:
    """For people; the sink is named where there are several."""
    several = len({each["sink"] for each in findings}) > 1
    head = ("sink",) if several else ()
    rows = [
        (*([each["sink"]] if several else []), each["check"], each["state"], each["found"]) for each in findings
    ]
    print_table((*head, "what", "state", "found"), rows)
    for each in findings:
        if each["what_to_do"]:
            place = f"{each['sink']}, {each['check']}" if several else each["check"]
            print_line(f"{place}: {clean(each['what_to_do'])}")


def _ask_daemon(socket: Path | None, state: Path | None, sink: str) -> Any:
    from monitor.cli.client import Client

    return Client(socket, state).post("influx", "check", body={}, timeout=_PATIENCE, sink=sink)


def _look(file: Path, sink: str) -> dict[str, Any]:
    from monitor.app import examine_influx, load_site
    from monitor.errors import SettingsError

    loaded = load_site(file, os.environ)
    if loaded.must_refuse:
        raise SettingsError("\n".join(str(finding) for finding in loaded.refusals))
    findings = examine_influx(loaded.site, lambda: time.time_ns() // 1_000_000, sink)
    return {"fine": all(each["state"] != "wrong" for each in findings), "findings": list(findings)}
