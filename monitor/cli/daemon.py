"""`check` and `run`: the site file, and the daemon itself."""

import os
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.options import Json
from monitor.cli.output import print_json, print_line
from monitor.cli.places import SITE_FILE, state_folder

__all__ = ["add_to"]

_SETTINGS = 78
_SiteFile = Annotated[Path, typer.Argument(metavar="FILE", help="The site file, or a folder of them.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(check)
    app.command()(run)


def check(file: _SiteFile = SITE_FILE, as_json: Json = False) -> None:
    """Check a site file: tells every mistake with its place, and ends with 78 when there is one."""
    from monitor.app import load_site
    from monitor.settings import SettingsInvalid

    try:
        loaded = load_site(file, os.environ, thorough=True)
    except SettingsInvalid as invalid:
        errors, warnings, site = list(invalid.findings), list(invalid.warnings), None
    else:
        errors, warnings, site = [], list(loaded.warnings), loaded.site
    must_refuse = site is not None and loaded.must_refuse
    counts = {"devices": 0, "points": 0, "rules": 0}
    if site is not None:
        points = sum(len(device.points) for device in site.devices.values())
        counts = {"devices": len(site.devices), "points": points, "rules": len(site.rules)}
    if as_json:
        from dataclasses import asdict

        told = {"errors": [asdict(each) for each in errors], "warnings": [asdict(each) for each in warnings]}
        print_json({"fine": not errors} | told | counts)
    else:
        for finding in errors:
            print_line(f"error: {finding}")
        for finding in warnings:
            print_line(f"warning: {finding}")
        if site is None:
            print_line(f"{len(errors)} mistakes" if len(errors) > 1 else "1 mistake")
        else:
            verdict = (
                "is fine" if not must_refuse else "has no mistakes, but `run` refuses as long as that is absent"
            )
            numbers = (f"{count} {what if count != 1 else what[:-1]}" for what, count in counts.items())
            print_line(f"{file} {verdict}: {', '.join(numbers)}")
    if errors:
        raise typer.Exit(_SETTINGS)


def run(
    file: _SiteFile = SITE_FILE,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where it keeps its state.", show_default=False),
    ] = None,
) -> None:
    """Run the daemon in the foreground until it is told to end (SIGTERM, Ctrl-C)."""
    from monitor.daemon import run_site

    folder = state_folder(state)
    run_site(file, folder)
