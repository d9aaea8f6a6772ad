"""What can be pasted into a site file, or added to it: a connection, and the devices behind it."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.output import print_line
from monitor.errors import SettingsError

__all__ = ["Add", "AsYaml", "Paste", "connection_id", "device_entry", "put"]

AsYaml = Annotated[bool, typer.Option("--yaml", help="Print what can be pasted into the site file.")]
Add = Annotated[
    Path | None,
    typer.Option("--add", metavar="FILE", help="Add it to a site file.", show_default=False),
]
_TOKEN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Paste:
    """Connections and devices, as a site file writes them."""

    connections: Sequence[Mapping[str, Any]]
    devices: Sequence[Mapping[str, Any]]


def connection_id(place: str) -> str:
    """An id for a port or a host: `line-ttyusb0`, `modbus-10-0-0-5`."""
    name = place.rsplit("/", 1)[-1] if place.startswith("/") else place.partition(":")[0]
    kind = "line" if place.startswith("/") else "modbus"
    return f"{kind}-{_TOKEN.sub('-', name.lower()).strip('-')}"


def device_entry(connection: str, unit: int, points: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A device with points of its own."""
    return {
        "id": f"{connection}-{unit}",
        "connection": connection,
        "unit": unit,
        "class": "equipment",
        "points": {name: dict(point) for name, point in points.items()},
    }


def put(paste: Paste, *, as_yaml: bool, add: Path | None, only_new: bool = False) -> None:
    """Print it, add it to a file, or both. A bus that the file has under another id is not added a second time.

    `only_new`: neither are units that the file has.
    """
    from monitor.cli.sitefile import add_to_site, snippet

    if as_yaml:
        print_line(snippet(paste.connections, paste.devices).rstrip("\n"))
    if add is None:
        return
    new = _fitted(add, paste, only_new=only_new)
    if new.devices:
        added = add_to_site(add, new.connections, new.devices)
        _tell(f"{add} has {', '.join(added)} now: say what they are, and then `facility-monitor reload`")
    else:
        _tell(f"nothing to be added to {add}")


def _tell(text: str) -> None:
    """Beside what is printed for programs."""
    sys.stderr.write(f"{text}\n")


def _fitted(file: Path, paste: Paste, *, only_new: bool) -> Paste:
    """The same with the ids of the buses that a file has already."""
    from drivers.modbus.connection import ConnectionModel
    from monitor.app import load_site

    try:
        site = load_site(file, os.environ).site
    except SettingsError:  # told when it is added to
        return paste
    there = {
        known.options.place: known.id
        for known in site.connections.values()
        if isinstance(known.options, ConnectionModel)
    }
    ids = {
        each["id"]: there.get(ConnectionModel.model_validate(each["modbus"]).place, each["id"])
        for each in paste.connections
    }
    devices = [{**each, "connection": ids.get(each["connection"], each["connection"])} for each in paste.devices]
    taken = {(each.connection, getattr(each.address, "unit", None)) for each in site.devices.values()}
    return Paste(
        [each for each in paste.connections if ids[each["id"]] == each["id"]],
        [each for each in devices if not (only_new and (each["connection"], each["unit"]) in taken)],
    )
