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
    """Check a site file: tells every mistake with its place and the load of each bus; a mistake ends with 78."""
    from monitor.app import load_site
    from monitor.settings import SettingsInvalid
    from monitor.settings.budgets import as_json as budget_as_json
    from monitor.settings.budgets import told

    try:
        loaded = load_site(file, os.environ, thorough=True)
    except SettingsInvalid as invalid:
        errors, warnings, site, budgets = list(invalid.findings), list(invalid.warnings), None, invalid.budgets
    else:
        errors, warnings, site, budgets = [], list(loaded.warnings), loaded.site, loaded.budgets
    counts = {"devices": 0, "points": 0, "rules": 0}
    if site is not None:
        points = sum(len(device.points) for device in site.devices.values())
        counts = {"devices": len(site.devices), "points": points, "rules": len(site.rules)}
    if as_json:
        from dataclasses import asdict

        findings = {"errors": [asdict(each) for each in errors], "warnings": [asdict(each) for each in warnings]}
        buses = {ident: budget_as_json(budget) for ident, budget in budgets.items()}
        print_json({"fine": not errors} | findings | counts | {"buses": buses})
    else:
        for finding in (*errors, *warnings):
            print_line(f"{finding.severity}: {finding}")
        for ident, budget in budgets.items():
            print_line(told(ident, budget))
        if site is None:
            print_line(f"{len(errors)} mistakes" if len(errors) > 1 else "1 mistake")
        else:
            verdict = (
                "has no mistakes, but `run` refuses as long as that is absent" if loaded.must_refuse else "is fine"
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
