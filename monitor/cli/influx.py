"""`influx`: what is wrong with the way to InfluxDB, what to do about it, and sending a period to it again."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from monitor.cli.influxsetup import setup
from monitor.cli.options import Json, OneInflux, Period, Since, SocketPath, StateFolder, Until
from monitor.cli.output import clean, lasting, local_time, print_json, print_line, print_table
from monitor.cli.progress import Watched

__all__ = ["add_to"]

_PATIENCE = 60.0
_LOOK_EVERY = 0.5

_Sink = Annotated[
    str, typer.Option(metavar="ID", help="That of one sink, where there are several.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="InfluxDB, where readings are written to.", rich_markup_mode=None)
    group.callback()(_group)
    group.command()(check)
    group.command()(setup)
    group.command()(backfill)
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

    loaded = load_site(file, os.environ)
    loaded.refuse()
    findings = examine_influx(loaded.site, lambda: time.time_ns() // 1_000_000, sink)
    return {"fine": all(each["state"] != "wrong" for each in findings), "findings": list(findings)}


def backfill(  # noqa: PLR0917 - options of a command are many
    period: Period = None,
    since: Since = None,
    until: Until = None,
    sink: OneInflux = "",
    stop: Annotated[bool, typer.Option("--stop", help="Leave it where it is; what was sent stays.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Say how far it is.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is over.")] = False,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Send a period to InfluxDB again: after a database was lost, or to a new server.

    The daemon sends it beside what it reads now, which goes first. It goes on after a restart. What is there
    already stays as it is.
    """
    from monitor.cli.client import Client

    chosen = [period is not None, since is not None, stop, show]
    if chosen.count(True) != 1 or (until is not None and since is None):
        raise typer.BadParameter("say --period, --from (and --to), --show or --stop")
    client = Client(socket, state)
    if show:
        told = client.get("influx", "backfill", sink=sink)
    elif stop:
        told = client.post("influx", "backfill", "stop", body={"sink": sink})
    else:
        told = client.post("influx", "backfill", body={"sink": sink, **_span(client, period, since, until)})
    if wait:
        told = _watch(client, told["sink"])
    if as_json:
        print_json(told)
    else:
        print_line(_how_far(told, client.get("status")["timezone"]))


def _span(client: Any, period: str | None, since: str | None, until: str | None) -> dict[str, Any]:
    from monitor.metering.written import moment

    if since is None:
        return {"period": period}
    status = client.get("status")
    zone, now = ZoneInfo(status["timezone"]), status["now"]
    try:
        told = {"from": moment(since, zone, now)}
        return told if until is None else told | {"to": moment(until, zone, now)}
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _watch(client: Any, sink: str) -> Any:
    """Show a bar until it is over; Ctrl-C ends the bar, and not what it shows."""
    told = client.get("influx", "backfill", sink=sink)
    first, until = told["facts"]["backfill_from"], told["facts"]["backfill_until"]
    with Watched(max(1, (until - first) // 1000), "seconds of the period") as bar:
        while told["facts"]["backfill"] in {"running", "waiting"}:
            bar.reach((told["facts"]["backfill_reached"] - first) // 1000)
            time.sleep(_LOOK_EVERY)
            told = client.get("influx", "backfill", sink=sink)
    return told


def _how_far(told: Any, zone: str) -> str:
    sink, facts = told["sink"], told["facts"]
    if not facts["backfill"]:
        return f"{sink}: nothing was sent again yet"
    span = " to ".join(local_time(facts[f"backfill_{end}"], zone) for end in ("from", "until"))
    text = f"{sink}: {span}: {facts['backfill']}"
    if facts["backfill_waits_for"]:
        text += f" for {clean(facts['backfill_waits_for'])}"
    text += f", {facts['backfill_entries']} entries"
    if facts["backfill"] != "done":
        text += f", up to {local_time(facts['backfill_reached'], zone)}"
    if facts["backfill_rate"]:
        text += f", {facts['backfill_rate']:.0f} a second"
    if facts["backfill_left_s"]:
        text += f", {lasting(facts['backfill_left_s'])} left"
    return text
