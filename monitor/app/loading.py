"""A site file as this program reads it: with its drivers, its kinds of rules, its channels."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drivers import DRIVERS
from monitor.errors import RequestRefused
from monitor.notify.channels import check_address
from monitor.ports import Budget
from monitor.settings import Loaded, load
from monitor.settings.budgets import budgets_of as reckon_buses
from monitor.settings.tables import resolve
from monitor.site import Site
from rules.kinds import RULES

__all__ = ["budgets_of", "examine_influx", "load_site"]


def load_site(path: Path, environ: Mapping[str, str] = os.environ, *, thorough: bool = False) -> Loaded:
    """Read a site file with the drivers and rule kinds that this program has; raises SettingsInvalid.

    `thorough` also asks channels and drivers, whose libraries take a second to load.
    """
    return load(
        path,
        drivers=resolve(DRIVERS),
        rules=resolve(RULES),
        environ=environ,
        wrong_address=check_address if thorough else None,
    )


def budgets_of(site: Site) -> dict[str, Budget]:
    """Reckon what the time of each bus of a site goes to, by connection."""
    return reckon_buses(site, resolve(DRIVERS))


def examine_influx(site: Site, now: Callable[[], int]) -> Sequence[Mapping[str, Any]]:
    """Look at the site's InfluxDB and say what is wrong; blocks for half a minute at most. `now`: UTC ms."""
    from monitor.sinks.influxdb.check import examine

    if site.influxdb is None:
        raise RequestRefused("the site file has no `sinks.influxdb`: nothing is written to InfluxDB")
    return [asdict(finding) for finding in examine(site.influxdb, site, now=now)]
