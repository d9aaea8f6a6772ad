"""`reload`: take the site file again without losing anything."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import print_json, print_line
from monitor.errors import FacilityMonitorError, SettingsError

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["add_to"]

_SETTINGS_REFUSED = 422
_WITHIN = 10.0


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(reload)


def reload(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Take the site file again: say what changes, and change it. A wrong file changes nothing and ends with 78."""
    from monitor.cli.client import Client, Refused

    client = Client(socket, state)
    before = client.get("status")["loaded"]
    try:
        changes = client.post("reload", body={"dry_run": dry_run})
    except Refused as refused:
        if refused.status == _SETTINGS_REFUSED:
            raise SettingsError(str(refused)) from refused
        raise
    if not dry_run:
        _await(client, before)
    if as_json:
        print_json(changes)
    else:
        _print(changes)


def _await(client: "Client", before: int) -> None:
    from monitor.cli.client import NoDaemon

    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        try:
            if client.get("status")["loaded"] > before:
                return
        except NoDaemon:
            pass
        time.sleep(0.1)
    raise FacilityMonitorError(f"the daemon has not begun again within {_WITHIN:g} s; look at its log")


def _print(changes: dict[str, Any]) -> None:
    for warning in changes["warnings"]:
        print_line(f"warning: {warning}")
    told = False
    for word in ("added", "removed", "changed"):
        for section, ids in changes[word].items():
            if ids:
                print_line(f"{word:<8} {section}: {', '.join(ids)}")
                told = True
    if changes["sections"]:
        print_line(f"changed  {', '.join(changes['sections'])}")
    if changes["points"]:
        print_line(f"points   {changes['points']:+d}")
    for bus, load in changes["load"].items():
        print_line(f"load     {bus}: {_share(load['before'])} -> {_share(load['after'])}")
    if not told and not changes["sections"]:
        print_line("nothing changes")
    elif changes["dry_run"]:
        print_line("this would change; reload without --dry-run to change it")


def _share(load: float | None) -> str:
    """The part of a bus's time that is taken."""
    return "no bus" if load is None else f"{100 * load:.3g} %"
