"""Labels with QR codes, for technicians: what `labels` writes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import print_json, print_line

__all__ = ["add_to"]


class Kind(StrEnum):
    """What has labels."""

    PLACES = "places"
    DEVICES = "devices"


class Size(StrEnum):
    """How many labels a sheet of A4 has: 24, 8 or 2."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(labels)


def labels(
    *,
    kind: Annotated[Kind, typer.Option(help="Places where residents report, or devices.")] = Kind.PLACES,
    out: Annotated[Path | None, typer.Option(help="The page to write, for a browser to print.")] = None,
    size: Annotated[Size, typer.Option(help="24, 8 or 2 labels on a sheet of A4.")] = Size.MEDIUM,
    building: Annotated[str, typer.Option(help="Of one building.")] = "",
    device_class: Annotated[str, typer.Option("--class", help="Devices of one class.")] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Labels with QR codes, to print: for places where residents report, or for devices."""
    from monitor.cli.reports import save
    from monitor.web.labels import Label, draw_sheet

    asked: dict[str, Any] = {"kind": kind.value, "building": building, "class": device_class}
    from monitor.cli.client import Client

    found = Client(socket, state).get("labels", **asked)
    if as_json:
        print_json(found)
        return
    if out is None:
        for each in found:
            print_line(f"{each['address']}  {each['name']}")
        return
    sheet = draw_sheet([Label(**each) for each in found], size.value, lang="en", title="facility-monitor")
    save(out, sheet)
    print_line(f"{len(found)} labels in {out}")
