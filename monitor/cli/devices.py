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
    for part in ("metering", "access", "equipment", "poller", "notify", "itself", "deadman"):
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
    if isinstance(value, dict):
        kinds = ", ".join(f"{kind} {count}" for kind, count in value.items() if count)
        return kinds and f"{name} ({kinds})"
    if isinstance(value, bool):
        return _STATES.get(name, ("", name))[value]
    return f"{name} {value}" if value or name in _COUNTED else ""


def devices(
    device: Annotated[str | None, typer.Argument(help="A device's id: say all that is known of it.")] = None,
    *,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """List the devices and how they do, with what to look at for those that do badly; or say it all of one."""
    client = _client(socket, state)
    found = client.get("devices") if device is None else client.get("devices", device)
    if as_json:
        print_json(found)
        return
    facts = client.get("status")
    if device is not None:
        _describe(found, facts["now"], facts["timezone"])
        return
    headings = ("id", "name", "class", "connection", "state", "last answer", "loss", "latency")
    rows = [
        (
            each["id"],
            each["name"],
            each["class"],
            each["connection"],
            each["state"].replace("_", " "),
            since(each["last_answer"], facts["now"]),
            _percent(each["loss_pct"]),
            _milliseconds(each["latency_ms"]),
        )
        for each in found
    ]
    print_table(headings, rows)
    badly = [each for each in found if each["advice"]]
    if badly:
        print_line()
    for each in badly:
        why = f" ({each['last_error']})" if each["last_error"] else ""
        print_line(clean(f"{each['id']} {each['state'].replace('_', ' ')}{why}: {each['advice']}"))


def _describe(device: dict[str, Any], now: int, zone: str) -> None:
    """Say all that is known of one device, a line each."""
    place = ", ".join(filter(None, (device["building"], device["zone"])))
    profile = f", profile {device['profile']}" if device["profile"] else ""
    print_line(clean(f"{device['name']} ({device['id']}): {device['class']}{profile}{place and f', in {place}'}"))
    print_line(f"connection   {device['connection']}")
    print_line(f"state        {device['state'].replace('_', ' ')}")
    print_line(f"last answer  {since(device['last_answer'], now)}, {local_time(device['last_answer'], zone)}")
    print_line(f"loss         {_percent(device['loss_pct'])} of the last hour")
    if device["requests"] or device["polls"]:
        kinds = [f"{kind.replace('_', ' ')} {count}" for kind, count in device["errors"].items() if count]
        print_line(f"polls        {device['polls']}, and {device['late']} left out because the bus was busy")
        print_line(f"requests     {device['requests']}, of which {device['answers']} were answered")
        print_line(f"errors       {', '.join(kinds) or 'none'}")
        print_line(f"latency      {_milliseconds(device['latency_ms'])}")
    if device["last_error"]:
        print_line(clean(f"last error   {device['last_error']} ({device['failures']} failures in a row)"))
    if device["advice"]:
        print_line(clean(f"look at      {device['advice']}"))
    rows = [
        (name, _newest(name, point), local_time(point["time"], zone)) for name, point in device["points"].items()
    ]
    if rows:
        print_line()
        print_table(("point", "value", "time"), rows)


def _newest(name: str, point: dict[str, Any]) -> str:
    value = "" if point["value"] is None else quantity(name, point["value"])
    return f"{value} (missing: {point['missing']})".strip() if point["missing"] else value or "nothing yet"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0f} %" if share in {0, 100} else f"{share:.1f} %"


def _milliseconds(time: float | None) -> str:
    return "-" if time is None else f"{time:.0f} ms"


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
