"""What can be pasted into a site file, or added to it: a connection, and the devices behind it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.output import print_line

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


def put(paste: Paste, *, as_yaml: bool, add: Path | None) -> None:
    """Print it, add it to a file, or both."""
    from monitor.cli.sitefile import add_to_site, snippet

    if as_yaml:
        print_line(snippet(paste.connections, paste.devices).rstrip("\n"))
    if add is not None and paste.devices:
        added = add_to_site(add, paste.connections, paste.devices)
        print_line(f"{add} has {', '.join(added)} now: look at them, and then `facility-monitor reload`")
