"""`scan`: which units answer on a bus, which addresses of a network speak Modbus."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.buses import Access, Place, daemons_places, reach, with_place
from monitor.cli.options import Json
from monitor.cli.output import lasting, print_json
from monitor.cli.paste import Add, AsYaml, put
from monitor.cli.progress import Watched, until_done
from monitor.cli.scanreport import Result, as_json, bus_paste, host_summary, hosts_paste, show, summary
from monitor.errors import FacilityMonitorError

if TYPE_CHECKING:
    from drivers.modbus.connection import ConnectionModel
    from drivers.modbus.survey.hosts import HostScan
    from drivers.modbus.survey.scan import Scan

__all__ = ["add_to"]

_BAUDRATES = "9600,19200,38400,57600,115200,4800,2400"
_PARITIES = "none,even,odd"
_MODBUS_PORT = 502


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(scan)


_Units = Annotated[
    str | None,
    typer.Option("--units", metavar="IDS", help="Unit ids, such as 1-20,40 (default: 1-247).", show_default=False),
]
_Baudrates = Annotated[
    str | None,
    typer.Option("--baudrates", metavar="LIST", help="At a port: try these: 9600,19200.", show_default=False),
]
_Parities = Annotated[
    str | None,
    typer.Option("--parities", metavar="LIST", help="At a port: try these: none,even.", show_default=False),
]
_Thorough = Annotated[
    bool,
    typer.Option("--thorough", help="Ask for input registers, too; at a port, try all usual line settings."),
]
_Hosts = Annotated[
    str | None,
    typer.Option(
        "--hosts", metavar="RANGE", help="Look for Modbus TCP at 10.0.0.0/24 or 10.0.0.5-40.", show_default=False
    ),
]
_Force = Annotated[bool, typer.Option("--force", help="With --hosts: also addresses that are not private.")]


@with_place
def scan(
    place: Place,
    *,
    units: _Units = None,
    baudrates: _Baudrates = None,
    parities: _Parities = None,
    thorough: _Thorough = False,
    hosts: _Hosts = None,
    force: _Force = False,
    as_yaml: AsYaml = False,
    add: Add = None,
    json: Json = False,
) -> None:
    """Find the units that answer on a bus, or (--hosts) the Modbus TCP endpoints of a network. Only reads.

    Any answer, a refusal too, is a unit. A running daemon that has the bus is asked to do it, and goes on polling.
    Ctrl-C ends it at any moment and shows what was found so far (exit code 130).
    """
    from drivers.modbus.survey.scan import parse_units

    if json and as_yaml:
        raise typer.BadParameter("--json and --yaml are two forms of the same: choose one")
    ids = parse_units("1-247" if units is None else units)
    if hosts is not None:
        if (place.connection, place.port, place.host, baudrates, parities) != (None,) * 5:
            raise typer.BadParameter("--hosts is for addresses; leave out what is for one bus")
        result = Result(hosts, are_hosts=True)
        job = _scan_hosts(
            place, hosts, None if units is None else ids, force=force, result=result, buses=daemons_places(place)
        )
        paste = partial(hosts_paste, result)
    else:
        _check_lists(place, baudrates, parities)
        access = reach(place)
        lines = _line_settings(access, baudrates, parities, thorough=thorough)
        result = Result(access.name)
        job = _scan_bus(place, access, lines, ids, thorough=thorough, result=result)
        paste = partial(bus_paste, place, access, result)
    ended = until_done(job)
    if isinstance(ended, FacilityMonitorError) and not (result.found or result.hosts):
        raise ended
    if json:
        print_json(as_json(result))
    elif not as_yaml:
        show(result)
    if as_yaml or add is not None:
        put(paste(), as_yaml=as_yaml, add=add, only_new=True)
    if ended is not None:
        raise ended


# One bus -------------------------------------------------------------------------------------------------


def _check_lists(place: Place, baudrates: str | None, parities: str | None) -> None:
    if place.host is not None and (baudrates is not None or parities is not None):
        raise typer.BadParameter("--baudrates and --parities are for a serial port of our own")
    if not all(rate.isdecimal() and 50 <= int(rate) <= 4_000_000 for rate in _listed(baudrates)):  # noqa: PLR2004 - as in settings
        raise typer.BadParameter("--baudrates is a list of numbers, such as 9600,19200")
    if not set(_listed(parities)) <= {"none", "even", "odd"}:
        raise typer.BadParameter("--parities is a list of none, even and odd")


def _line_settings(
    access: Access, baudrates: str | None, parities: str | None, *, thorough: bool
) -> "list[ConnectionModel | None]":
    """The settings of the line to be tried; one None: as the connection has them."""
    from drivers.modbus.connection import SERIAL, ConnectionModel

    options = access.options
    if options is None or options.transport not in SERIAL:
        if baudrates is not None or parities is not None:
            raise typer.BadParameter("only on a serial port of our own can other line settings be tried")
        return [None]
    if thorough:
        baudrates, parities = baudrates or _BAUDRATES, parities or _PARITIES
    if baudrates is None and parities is None:
        return [None]
    rates = _listed(baudrates) or [str(options.line.baudrate)]
    kinds = _listed(parities) or [options.line.parity]
    tried = [{"baudrate": int(rate), "parity": kind} for rate in rates for kind in kinds]
    return [ConnectionModel.model_copy(options, update=each) for each in tried]


def _listed(text: str | None) -> list[str]:
    return [] if text is None else [part.strip() for part in text.split(",")]


async def _scan_bus(
    place: Place,
    access: Access,
    lines: "list[ConnectionModel | None]",
    ids: list[int],
    *,
    thorough: bool,
    result: Result,
) -> None:
    from drivers.modbus.survey.scan import Scan, patience_of

    patience = place.timeout or patience_of(is_line=bool(access.line))
    first = ("holding", "input") if thorough else ("holding",)
    each = [access if options is None else _with_line(access, options) for options in lines]
    with Watched(len(ids) * len(each) * len(first), "requests") as watched:
        watched.say(_announced(each, ids, patience, len(first)))
        scans = []
        try:
            for one in each:
                async with one.open(patience=patience) as bus:
                    found = Scan(bus, ids, line=one.line, first=first)
                    found.told = _teller(found, watched)
                    scans.append(found)
                    await found.run()
            result.complete = True
        finally:
            _gather(result, scans, is_line=bool(access.line))


def _with_line(access: Access, options: "ConnectionModel") -> Access:
    from drivers.modbus.cost import overhead_of

    return replace(access, options=options, line=str(options.line), overhead=overhead_of(options))


def _announced(each: list[Access], ids: list[int], patience: float, tables: int) -> str:
    from drivers.modbus.survey.scan import DAEMON_SHARE, longest

    share = DAEMON_SHARE if each[0].options is None else 1.0
    times = [
        longest(len(ids), timeout=patience, overhead=one.overhead, tables=tables, share=share) for one in each
    ]
    how = f"{each[0].line}" if len(each) == 1 else f"{len(each)} line settings"
    lent = ", which lends a fifth of the bus's time" if share < 1 else ""
    where = f"{each[0].name}{lent}{f' ({how})' if how else ''}"
    what = f"{len(ids)} unit id{'s' if len(ids) != 1 else ''}"
    return f"asking {what} on {where}: about {lasting(max(1.0, sum(times)))} if few answer"


def _teller(scan: "Scan", watched: Watched) -> Any:
    shown = 0

    def told() -> None:
        nonlocal shown
        for found in scan.found[shown:]:
            watched.say(f"unit {found.unit}: {summary(found)}")
        shown = len(scan.found)
        watched.step()

    return told


def _gather(result: Result, scans: "list[Scan]", *, is_line: bool) -> None:
    from drivers.modbus.survey.advice import advice_of

    result.found = [found for scan in scans for found in scan.found]
    result.asked = sum(scan.asked for scan in scans)
    trouble = next((scan.trouble for scan in reversed(scans) if scan.trouble), "")
    if len(scans) == 1 or result.found:
        result.advice = advice_of(result.found, result.asked, is_line=is_line, trouble=trouble)


# A network -----------------------------------------------------------------------------------------------


async def _scan_hosts(
    place: Place,
    text: str,
    ids: list[int] | None,
    *,
    force: bool,
    result: Result,
    buses: Mapping[str, str],
) -> None:
    from drivers.modbus.survey.hosts import HostScan, parse_hosts

    hosts, port = parse_hosts(text, force=force), place.tcp_port or _MODBUS_PORT
    taken = {host: bus for host in hosts if (bus := buses.get(f"{host}:{port}"))}
    result.advice = [
        f"{host}: connection {bus} of the running daemon; ask through it with --connection {bus}"
        for host, bus in taken.items()
    ]
    scan = HostScan([host for host in hosts if host not in taken], port=port, units=ids)
    scan.timeout = place.timeout or scan.timeout
    with Watched(len(scan.hosts), "addresses") as watched:
        watched.say(
            f"asking {len(scan.hosts)} addresses on TCP port {scan.port}: about "
            f"{lasting(max(1.0, scan.longest))} if few answer"
        )
        scan.told = _host_teller(scan, watched)
        try:
            await scan.run()
            result.complete = True
        finally:
            result.hosts, result.asked = scan.found, scan.asked


def _host_teller(scan: "HostScan", watched: Watched) -> Any:
    shown = 0

    def told() -> None:
        nonlocal shown
        for found in (each for each in scan.found[shown:] if each.is_modbus):
            watched.say(f"{found.host}: {host_summary(found)}")
        shown = len(scan.found)
        watched.step()

    return told
