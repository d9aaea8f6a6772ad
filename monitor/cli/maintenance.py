"""`maintenance`: work that is planned, so that nobody is told of the alarms that it makes."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from monitor.cli.alarmnames import not_judged, until
from monitor.cli.holds import Why, WhyPerhaps, seconds_said
from monitor.cli.options import Buildings, Classes, Devices, Json, SocketPath, StateFolder
from monitor.cli.output import clean, local_time, print_json, print_line, print_table

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["add_to"]

_SHOWN: Final = 5


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Maintenance: list what is planned, plan some at short notice, end it.", rich_markup_mode=None
    )
    group.callback(invoke_without_command=True)(maintenance)
    group.command("list")(list_maintenance)
    group.command()(add)
    group.command()(end)
    app.add_typer(group, name="maintenance")


def maintenance(
    context: typer.Context, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """List the maintenance; with a command, do that instead."""
    if context.invoked_subcommand is None:
        list_maintenance(socket, state, as_json)


def list_maintenance(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the maintenance that is planned, in the site file and by hand: what is on first."""
    from monitor.cli.client import Client

    client = Client(socket, state)
    found = client.get("maintenance")
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("no maintenance is planned")
        return
    zone = client.get("status")["timezone"]
    headings = ("id", "name", "state", "devices", "rules", "planned by", "reason")
    rows = [
        (
            each["id"],
            clean(each["name"]),
            _state(each, zone),
            _some(each["devices"]),
            _some(each["rules"] or None),
            "the site file" if each["from_site"] else clean(each["by"]),
            clean(each["reason"]),
        )
        for each in found
    ]
    print_table(headings, rows)


def _state(window: Mapping[str, Any], zone: str) -> str:
    changes = window["changes_at"]
    if window["on"]:
        return "on" if changes is None else f"on until {local_time(changes, zone)}"
    ended = "ended; " if window["ended_until"] else ""
    return f"{ended}over" if changes is None else f"{ended}from {local_time(changes, zone)}"


def _some(names: Sequence[str] | None) -> str:
    if names is None:
        return "all"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def add(
    *,
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: `4 h`.", show_default=False)],
    reason: Why,
    starts: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="When it begins, in local time; else now.")
    ] = None,
    repeat: Annotated[
        str,
        typer.Option(metavar="RULE", help="daily, weekly, monthly, yearly, or such as `FREQ=WEEKLY;BYDAY=TU`."),
    ] = "",
    device: Devices = None,
    device_class: Classes = None,
    building: Buildings = None,
    zone: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only devices in this zone.")] = None,
    connection: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only devices of this connection.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only alarms of this rule; `*` too.")
    ] = None,
    ident: Annotated[str, typer.Option("--id", metavar="ID", help="What it is called; else by the day.")] = "",
    name: Annotated[str, typer.Option(metavar="TEXT", help="A name for people.")] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Plan maintenance: while it is on, alarms are raised and listed, and nobody is told of them.

    When it is over, people are told what is still wrong. Without devices it is about the whole site.
    """
    from monitor.cli.meterasking import Asking

    span = seconds_said(lasts)
    asking = Asking.of(socket, state)
    body = {
        "starts": asking.now if starts is None else asking.moment("--from", starts),
        "for_s": span,
        "repeat": repeat,
        "id": ident,
        "name": name,
        "device": device or [],
        "class": device_class or [],
        "building": building or [],
        "zone": zone or [],
        "connection": connection or [],
        "rules": rule or [],
        "reason": reason,
    }
    kept = asking.client.post("maintenance", body=body)
    window, _ = until(_planned(asking.client, kept["target"]), lambda each: each is not None)
    if as_json:
        print_json({**kept, "maintenance": window})
    elif window is None:
        print_line(not_judged(kept))
    else:
        print_line(f"maintenance {kept['target']} is planned: {_state(window, asking.zone.key)}")


def end(
    ident: Annotated[str, typer.Argument(metavar="ID", help="What the maintenance is called.")],
    reason: WhyPerhaps = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """End maintenance now: what the site file plans for this time only, what was planned by hand for good."""
    from monitor.cli.client import Client

    client = Client(socket, state)
    kept = client.post("maintenance", ident, "end", body={"reason": reason})
    window, judged = until(_planned(client, kept["target"]), lambda each: each is None or not each["on"])
    if as_json:
        print_json({**kept, "judged": judged, "maintenance": window})
    else:
        print_line(f"maintenance {kept['target']} has ended" if judged else not_judged(kept))


def _planned(client: "Client", ident: str) -> Callable[[], Mapping[str, Any] | None]:
    """Asks for the maintenance that is called so; None: there is none."""
    return lambda: next((each for each in client.get("maintenance") if each["id"] == ident), None)
