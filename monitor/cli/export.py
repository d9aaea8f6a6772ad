"""`export`: any period, for spreadsheets and programs (CSV) or for InfluxDB (line protocol)."""

import os
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.options import Buildings, Classes, Devices, OneInflux, Period, Since, StateFolder, Until
from monitor.cli.places import SITE_FILE, state_folder
from monitor.cli.progress import Watched
from monitor.errors import RequestRefused
from monitor.export.target import STANDARD_OUTPUT, open_target
from monitor.wording import Sentence

if TYPE_CHECKING:
    from monitor.export.kept import Kept, Wish
    from monitor.export.run import Reached
    from monitor.site import InfluxSettings, Site

__all__ = ["Source", "add_to", "chosen_influx", "folder_of_state", "span_of"]

_SERVICES = Path("/var/lib/facility-monitor")
_STEP_MS = 60_000


class Form(StrEnum):
    """How it is written."""

    CSV = "csv"
    LINE = "line"


class Source(StrEnum):
    """Where it is read."""

    JOURNAL = "journal"
    INFLUXDB = "influxdb"


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(export)


def export(  # noqa: PLR0917 - options of a command are many
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - is standard output.")],
    period: Period = None,
    since: Since = None,
    until: Until = None,
    form: Annotated[Form, typer.Option("--format", help="csv, or line protocol in ms.")] = Form.CSV,
    what: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="readings, usage, alarms, events, health, monitor, access; of line several, with commas.",
        ),
    ] = None,
    device: Devices = None,
    device_class: Classes = None,
    building: Buildings = None,
    wide: Annotated[bool, typer.Option("--wide", help="CSV of one device: a column for each point.")] = False,
    source: Annotated[
        Source, typer.Option(help="The box itself, or InfluxDB for what is older.")
    ] = Source.JOURNAL,
    sink: OneInflux = "",
    site: Annotated[Path, typer.Option(metavar="FILE", help="The site file.")] = SITE_FILE,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    state: StateFolder = None,
) -> None:
    """Write a period to a file, beside a running daemon and without disturbing it.

    CSV holds one kind, readings if nothing else is said. Line protocol holds all but access, which tells of people
    and has to be asked for; it is what the InfluxDB sink writes.
    """
    from monitor.app import load_site

    loaded = load_site(site, os.environ).site
    start, end = span_of(loaded, period, since, until)
    kinds = _kinds(what, form)
    devices = _devices(loaded, device, device_class, building)
    wished = _wish(start, end, kinds, devices)
    shape = _Shape(loaded, form, _widened(loaded, form, kinds, device, wide=wide), mark=file != STANDARD_OUTPUT)
    with Watched(max(1, (end - start) // _STEP_MS), "minutes of the period") as bar:

        def reached(time: int) -> None:
            bar.reach((time - start) // _STEP_MS)

        if source is Source.INFLUXDB:
            if wide:
                raise typer.BadParameter("--wide is of the journal's readings", param_hint="--wide")
            written = _of_influx(file, chosen_influx(loaded, sink), wished, shape, reached, force=force)
        else:
            folder = folder_of_state(state, site)
            written = _of_kept(file, folder, wished, shape, reached, force=force)
    told = f"{written} {'lines' if form is Form.LINE else 'rows'} written to {file}"
    sys.stderr.write(f"{told}\n")


@dataclass(frozen=True, slots=True)
class _Shape:
    """How it is written: `wide` is the device of a wide table."""

    site: "Site"
    form: Form
    wide: str
    mark: bool


def _of_kept(file: Path, folder: Path, wished: "Wish", shape: _Shape, reached: "Reached", *, force: bool) -> int:
    from monitor.export.kept import Kept
    from monitor.export.run import lines_of_kept, rows_of_kept

    _look_for_journal(folder)
    site = shape.site
    kept = Kept(folder, site, time.time_ns() // 1_000_000)
    try:
        began = _tell_of_begin(kept, wished, site)
        with open_target(file, force=force) as out:
            if shape.form is Form.LINE:
                written = lines_of_kept(kept, site, wished, out, reached)
            else:
                wide = site.devices[shape.wide] if shape.wide else None
                written = rows_of_kept(kept, site, wished, out, reached, wide=wide, mark=shape.mark)
        _tell_of_trimming(kept, wished, site, began)
        return written
    finally:
        kept.close()


def _of_influx(
    file: Path, settings: "InfluxSettings", wished: "Wish", shape: _Shape, reached: "Reached", *, force: bool
) -> int:
    from monitor.export.influx import InfluxSource
    from monitor.export.run import lines_of_influx, rows_of_influx

    source = InfluxSource(settings, wished.kinds)
    try:
        with open_target(file, force=force) as out:
            if shape.form is Form.LINE:
                return lines_of_influx(source, wished, out, reached)
            return rows_of_influx(source, shape.site, wished, out, reached, mark=shape.mark)
    finally:
        source.close()


def span_of(site: "Site", period: str | None, since: str | None, until: str | None) -> tuple[int, int]:
    """The span that was asked for, [start, end) in UTC ms; raises typer.BadParameter."""
    from monitor.metering.written import moment
    from monitor.periods import parse

    now, zone = time.time_ns() // 1_000_000, site.timezone
    if (period is None) == (since is None) or (until is not None and since is None):
        raise typer.BadParameter("say --period, or --from and, if it is not now, --to")
    try:
        if period is not None:
            found = parse(period, zone, now)
            start, end = found.start, found.end
        else:
            start = moment(since or "", zone, now)
            end = now if until is None else moment(until, zone, now)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if start >= min(end, now):
        raise typer.BadParameter("the period is empty, or has not begun yet")
    return start, min(end, now + 1)


def _kinds(what: str | None, form: Form) -> frozenset[str]:
    from monitor.export.kinds import KINDS

    if what is None:
        return frozenset({"readings"}) if form is Form.CSV else frozenset(KINDS) - {"access"}
    chosen = [word.strip() for word in what.split(",")]
    unknown = sorted(set(chosen) - set(KINDS))
    if unknown:
        raise typer.BadParameter(f"no {', '.join(unknown)}: there is {', '.join(KINDS)}", param_hint="--what")
    if form is Form.CSV and len(set(chosen)) > 1:
        raise typer.BadParameter("a CSV holds one kind, each has its own columns", param_hint="--what")
    return frozenset(chosen)


def _devices(site: "Site", ids: Devices, classes: Classes, buildings: Buildings) -> frozenset[str] | None:
    if not (ids or classes or buildings):
        return None
    unknown = sorted(set(ids or ()) - {*site.devices})
    if unknown and (classes or buildings):
        raise typer.BadParameter(f"the site file has no device {', '.join(unknown)}", param_hint="--device")
    found = {
        device.id
        for device in site.devices.values()
        if (not ids or device.id in ids)
        and (not classes or device.device_class in classes)
        and (not buildings or device.building in buildings)
    }
    found |= set(unknown)  # the journal may still know what the site file does not
    if not found:
        raise typer.BadParameter("no device of the site file fits")
    return frozenset(found)


def _wish(start: int, end: int, kinds: frozenset[str], devices: frozenset[str] | None) -> "Wish":
    from monitor.export.kept import Wish

    return Wish(start=start, end=end, kinds=kinds, devices=devices)


def _widened(site: "Site", form: Form, kinds: frozenset[str], ids: Devices, *, wide: bool) -> str:
    if not wide:
        return ""
    if form is not Form.CSV or kinds != {"readings"} or ids is None or len(ids) != 1 or ids[0] not in site.devices:
        raise typer.BadParameter("it is of the readings of one --device, in CSV", param_hint="--wide")
    return ids[0]


def chosen_influx(site: "Site", sink: str) -> "InfluxSettings":
    """The InfluxDB of a site, or that of one sink; raises RequestRefused where it is not clear which."""
    from monitor.app import influxdbs_of

    known = influxdbs_of(site, sink)
    if len(known) > 1:
        raise RequestRefused(
            Sentence(
                "there are several InfluxDBs: say --sink {known}", known=" or ".join(each.id for each in known)
            )
        )
    return known[0]


def folder_of_state(state: Path | None, site: Path) -> Path:
    """The state folder that a site file belongs to."""
    if state is None and site == SITE_FILE and _SERVICES.exists():
        return _SERVICES
    return state_folder(state)


def _look_for_journal(folder: Path) -> None:
    try:
        there = (folder / "journal.db").exists()
    except PermissionError:
        raise RequestRefused(
            Sentence("{folder} may not be read: run it as root, or as the user of the service", folder=str(folder))
        ) from None
    if not there:
        raise RequestRefused(
            Sentence(
                "there is no journal in {folder}: say where the daemon's state is with --state", folder=str(folder)
            )
        )


def _tell_of_begin(kept: "Kept", wished: "Wish", site: "Site") -> int | None:
    begins = kept.begins
    if begins is None:
        sys.stderr.write("the journal is empty\n")
    elif wished.start < begins and wished.kinds != {"usage"}:
        at = _minute(begins, site)
        sys.stderr.write(f"the journal begins at {at}; what is older is in InfluxDB: --source influxdb\n")
    return begins


def _tell_of_trimming(kept: "Kept", wished: "Wish", site: "Site", began: int | None) -> None:
    begins = kept.begins
    if began is None or begins is None or begins <= max(began, wished.start):
        return
    told = f"while this was written the journal let go what was recorded before {_minute(begins, site)}"
    sys.stderr.write(f"{told}: some of that may be missing; it is in InfluxDB: --source influxdb\n")


def _minute(time: int, site: "Site") -> str:
    return datetime.fromtimestamp(time / 1000, site.timezone).isoformat(sep=" ", timespec="minutes")
