"""A site file as this program reads it: with its drivers, its kinds of rules, its channels."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from drivers import DRIVERS
from monitor.errors import RequestRefused, SinkUnavailable
from monitor.notify.channels import check_address
from monitor.ports import Budget
from monitor.settings import Loaded, load
from monitor.settings.budgets import budgets_of as reckon_buses
from monitor.settings.tables import resolve
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings, Site
from monitor.wording import Sentence
from rules.kinds import RULES

if TYPE_CHECKING:
    from monitor.sinks.influxdb.prepare import Keeping, Step

__all__ = ["budgets_of", "examine_influx", "influxdbs_of", "load_site", "prepare_influx"]


def load_site(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    thorough: bool = False,
    changes: Mapping[str, Mapping[str, str]] | None = None,
) -> Loaded:
    """Read a site file with the drivers and rule kinds that this program has; raises SettingsInvalid.

    `thorough` also asks channels and drivers, whose libraries take a second to load. `changes`: rule -> key ->
    what is tried there.
    """
    return load(
        path,
        drivers=resolve(DRIVERS),
        rules=resolve(RULES),
        environ=environ,
        wrong_address=check_address if thorough else None,
        changes=changes,
    )


def budgets_of(site: Site) -> dict[str, Budget]:
    """Reckon what the time of each bus of a site goes to, by connection."""
    return reckon_buses(site, resolve(DRIVERS))


def influxdbs_of(site: Site, sink: str = "") -> Sequence[InfluxSettings]:
    """All InfluxDBs that the site writes to, or that of one sink; raises RequestRefused when there is none."""
    if not site.influxdbs:
        raise RequestRefused(Sentence("the site file has no `sinks.influxdb`: nothing is written to InfluxDB"))
    if sink and sink not in site.influxdbs:
        known = ", ".join(sorted(site.influxdbs))
        raise RequestRefused(
            Sentence(
                "`sinks.influxdb` has none with the id {sink}; there is {known}", sink=repr(sink[:60]), known=known
            )
        )
    return [each for name, each in site.influxdbs.items() if sink in {"", name}]


def examine_influx(site: Site, now: Callable[[], int], sink: str = "") -> Sequence[Mapping[str, Any]]:
    """Look at the site's InfluxDBs and say what is wrong; blocks for half a minute at most. `now`: UTC ms.

    `sink`: look at that of one sink alone.
    """
    from monitor.sinks.influxdb.check import examine

    found: dict[str, Sequence[Mapping[str, Any]]] = {}

    def look(settings: InfluxSettings) -> None:
        findings = examine(settings, site, now=now)
        found[settings.id] = [{"sink": settings.id, **asdict(finding)} for finding in findings]

    chosen = influxdbs_of(site, sink)
    threads = [Thread(target=look, args=(each,), daemon=True) for each in chosen[1:]]
    for thread in threads:
        thread.start()
    look(chosen[0])
    for thread in threads:
        thread.join()
    return [finding for each in chosen for finding in found[each.id]]


def prepare_influx(
    settings: InfluxSettings,
    site: Site,
    *,
    files: "Keeping",
    admin: Callable[[], str],
    alter: bool = False,
) -> "Iterator[Step]":
    """Make what the monitor and Grafana need in an InfluxDB; yields each step once it is done.

    `admin` is asked for an administrator's token where the server wants one. Raises RequestRefused, which says
    what to do; what was yielded before is done.
    """
    from monitor.sinks.influxdb.prepare import asks_for_password, prepare

    try:
        token = admin() if asks_for_password(settings) else ""
        yield from prepare(settings, site, admin=token, files=files, alter=alter)
    except SinkMisconfigured as error:
        told = "; ".join(filter(None, (str(error), error.what_to_do)))
        raise RequestRefused(Sentence("{sink}: {told}", sink=settings.id, told=told)) from error
    except SinkUnavailable as error:
        raise RequestRefused(
            Sentence(
                "{sink}: {url} does not do it: {error}; say it again later",
                sink=settings.id,
                url=settings.url,
                error=str(error),
            )
        ) from error
