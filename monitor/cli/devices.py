"""`status`, `devices`, `readings`: how the daemon and its devices do, and what they say."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, lasting, local_time, print_json, print_line, print_table, quantity, since

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["add_to"]

_STATES = {
    "alive": ("not alive", ""),
    "clock_synchronised": ("clock not synchronised", ""),
    "connected": ("not connected", "connected"),
}
"""Facts of which it is told when they are not so; of the others when they are."""
_COUNTED = frozenset({"active", "unacknowledged", "devices", "written"})
"""Counts that are told also when they are 0."""


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(status)
    app.command()(devices)
    app.command()(readings)


def _client(socket: Path | None, state: Path | None) -> "Client":
    from monitor.cli.client import Client

    return Client(socket, state)


def status(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Say how the daemon does: devices, connections, journal, sinks, alarms."""
    facts = _client(socket, state).get("status")
    if as_json:
        print_json(facts)
        return
    zone = facts["timezone"]
    print_line(f"{clean(facts['name'])} ({facts['site']}), version {facts['version']}")
    print_line(f"running since {local_time(facts['started'], zone)} ({zone})")
    if facts["downtime"]:
        print_line(_downtime(facts["downtime"], zone))
    print_line(f"devices      {_counts(facts['devices'])}")
    print_line(f"alarms       {_counts(facts['alarms'])}")
    print_line(f"journal      {_counts(facts['journal'])}")
    for part in ("poller", "notify", "itself", "deadman"):
        if facts[part]:
            print_line(f"{part:<12} {_counts(facts[part])}")
    for kind, named in (("connection", facts["connections"]), ("sink", facts["sinks"])):
        if named:
            print_line()
            print_table((kind, "facts"), [(name, _counts(each)) for name, each in named.items()])


def _downtime(facts: dict[str, Any], zone: str) -> str:
    start, end = (local_time(facts[key], zone) for key in ("since", "until"))
    long = "the clock was set back meanwhile" if facts["seconds"] is None else lasting(facts["seconds"])
    why = "stopped" if facts["after"] == "stopped" else "killed, failed or without power"
    return f"did not run  {start} to {end}: {long}; {why}"


def _counts(facts: dict[str, Any]) -> str:
    """Facts in a line; those that are nothing are left out (--json has them all)."""
    told = [_fact(name, value) for name, value in facts.items()]
    return clean(", ".join(filter(None, told)) or "nothing yet")


def _fact(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return _STATES.get(name, ("", name))[value]
    return f"{name} {value}" if value or name in _COUNTED else ""


def devices(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the devices and how they do."""
    client = _client(socket, state)
    found = client.get("devices")
    if as_json:
        print_json(found)
        return
    now = client.get("status")["now"]
    headings = ("id", "name", "class", "connection", "state", "last answer", "error")
    rows = [
        (
            each["id"],
            each["name"],
            each["class"],
            each["connection"],
            each["state"].replace("_", " "),
            since(each["last_answer"], now),
            each["last_error"],
        )
        for each in found
    ]
    print_table(headings, rows)


def readings(
    device: Annotated[str, typer.Argument(help="The device's id.")],
    *,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with each reading that comes.")] = False,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Show what a device said, newest last. With --follow and --json, one JSON object a line."""
    client = _client(socket, state)
    if follow:
        zone = "" if as_json else client.get("status")["timezone"]
        for reading in client.follow("devices", device, "readings", "stream", last=last):
            print_line(json.dumps(reading, ensure_ascii=False) if as_json else " ".join(_row(reading, zone)))
        return
    found = client.get("devices", device, "readings", last=last)
    if as_json:
        print_json(found)
        return
    zone = client.get("status")["timezone"]
    if not found:
        print_line(f"no readings of {device} are kept: it has not spoken yet, or sends events alone")
        return
    print_table(("time", "values"), [_row(reading, zone) for reading in found])


def _row(reading: dict[str, Any], zone: str) -> tuple[str, str]:
    values = [f"{name} {quantity(name, value)}" for name, value in reading["values"].items()]
    missing = [f"{name} missing ({why})" for name, why in reading["missing"].items()]
    quality = [] if reading["quality"] == "good" else [f"quality {reading['quality']}"]
    return local_time(reading["time"], zone), clean(", ".join(values + missing + quality) or "no answer")
