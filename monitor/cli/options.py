"""Options that more than one command has."""

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.places import SITE_FILE
from monitor.errors import SettingsError

__all__ = [
    "At",
    "Buildings",
    "Classes",
    "Devices",
    "Json",
    "OneInflux",
    "Period",
    "Since",
    "SiteFile",
    "SocketPath",
    "StateFolder",
    "Until",
    "WarmUp",
    "named",
]

SocketPath = Annotated[
    Path | None, typer.Option("--socket", help="The daemon's socket.", metavar="PATH", show_default=False)
]
StateFolder = Annotated[
    Path | None,
    typer.Option("--state", help="The daemon's state folder.", metavar="FOLDER", show_default=False),
]
SiteFile = Annotated[Path, typer.Option("--site", metavar="FILE", help="The site file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

Period = Annotated[
    str | None,
    typer.Option(
        metavar="PERIOD",
        help="2026, 2026-11, 2026-W48, 2026-11-27, FROM..TO, yesterday, last-month and the like.",
    ),
]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="At this local time, `2026-12-24 03:00`; else now.")
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="From this local time on: `2026-11-27 10:30`.")
]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Until this local time; else until now.")]
OneInflux = Annotated[str, typer.Option(metavar="ID", help="The InfluxDB, where there are several.")]

Devices = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="Only this device; may be repeated.", show_default=False)
]
Classes = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="CLASS", help="Only devices of this class.", show_default=False),
]
Buildings = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only devices in this building.", show_default=False)
]
WarmUp = Annotated[
    int,
    typer.Option("--warm-up", metavar="DAYS", min=0, help="Days before it that are judged and not counted."),
]


def named(site: Path) -> Path:
    """The same file; raises SettingsError, with how to name one, when it is the service's and not there."""
    if site == SITE_FILE and not site.exists():
        raise SettingsError(f"there is no file {site}: name the site file, with --site FILE")
    return site
