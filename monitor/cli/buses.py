"""Which bus a commissioning command asks: one of our own, or that of the running daemon."""

import functools
import inspect
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from monitor.cli.options import SocketPath, StateFolder
from monitor.cli.places import SITE_FILE
from monitor.errors import RequestRefused, SettingsError
from monitor.wording import Sentence

if TYPE_CHECKING:
    from drivers.modbus.connection import ConnectionModel
    from drivers.modbus.survey.bus import SurveyBus
    from monitor.ports import RegisterBus

__all__ = ["Access", "Place", "daemons_places", "reach", "register_bus", "with_place"]

_P = ParamSpec("_P")
_PANEL = "Which bus"

ConnectionId = Annotated[
    str | None,
    typer.Option("--connection", metavar="ID", help="A connection of the site file.", show_default=False),
]
SiteFile = Annotated[Path, typer.Option("--site", metavar="FILE", help="The site file, or a folder of them.")]
SerialPort = Annotated[
    str | None,
    typer.Option("--port", metavar="PATH", help="A serial port, such as /dev/ttyUSB0.", show_default=False),
]
Host = Annotated[
    str | None, typer.Option("--host", metavar="HOST", help="A network endpoint.", show_default=False)
]
TcpPort = Annotated[
    int | None,
    typer.Option("--tcp-port", min=1, max=65535, help="Where it listens (default: 502).", show_default=False),
]
TransportName = Annotated[
    str | None,
    typer.Option(
        "--transport",
        metavar="NAME",
        help="rtu or ascii at a port (default: rtu); tcp, tls, udp or rtu-over-tcp at a host (default: tcp).",
        show_default=False,
    ),
]
Baudrate = Annotated[
    int | None, typer.Option("--baudrate", help="Of a serial line (default: 9600).", show_default=False)
]
ParityName = Annotated[
    str | None,
    typer.Option("--parity", metavar="NAME", help="none, even or odd (default: none).", show_default=False),
]
Stopbits = Annotated[int | None, typer.Option("--stopbits", help="1 or 2 (default: 1).", show_default=False)]
CaFile = Annotated[
    str | None, typer.Option("--ca", metavar="FILE", help="With tls: who signs.", show_default=False)
]
CertificateFile = Annotated[
    str | None,
    typer.Option("--certificate", metavar="FILE", help="With tls: our certificate.", show_default=False),
]
KeyFile = Annotated[
    str | None, typer.Option("--key", metavar="FILE", help="With tls: its key.", show_default=False)
]
Patience = Annotated[
    str | None,
    typer.Option(
        "--timeout", metavar="TIME", help="How long an answer is waited for: 500 ms, 1 s.", show_default=False
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the options said: a connection of a site, a serial port, or a host. `timeout` is in seconds."""

    connection: str | None = None
    site: Path = SITE_FILE
    port: str | None = None
    host: str | None = None
    tcp_port: int | None = None
    transport: str | None = None
    baudrate: int | None = None
    parity: str | None = None
    stopbits: int | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    timeout: float | None = None
    socket: Path | None = None
    state: Path | None = None

    def options(self) -> dict[str, Any]:
        """The block `modbus:` of a connection that says the same; raises a usage error."""
        if self.port is not None and self.tcp_port is not None:
            raise typer.BadParameter("--tcp-port belongs to --host; --port is a serial port, such as /dev/ttyUSB0")
        same = ("host", "baudrate", "parity", "stopbits", "ca", "certificate", "key")
        block = {"transport": self.transport or ("rtu" if self.port is not None else "tcp")}
        block |= {name: getattr(self, name) for name in same if getattr(self, name) is not None}
        port = self.port if self.port is not None else self.tcp_port
        return block if port is None else block | {"port": port}

    def checked(self) -> "ConnectionModel":
        """The same, checked; raises a usage error."""
        from pydantic import ValidationError

        from drivers.modbus.connection import ConnectionModel

        try:
            return ConnectionModel.model_validate(self.options())
        except ValidationError as error:
            told = error.errors()[0]
            where = "".join(f"--{part}: " for part in told["loc"])
            raise typer.BadParameter(where + told["msg"].removeprefix("Value error, ")) from error


def _place(
    *,
    connection: ConnectionId = None,
    site: SiteFile = SITE_FILE,
    port: SerialPort = None,
    host: Host = None,
    tcp_port: TcpPort = None,
    transport: TransportName = None,
    baudrate: Baudrate = None,
    parity: ParityName = None,
    stopbits: Stopbits = None,
    ca: CaFile = None,
    certificate: CertificateFile = None,
    key: KeyFile = None,
    timeout: Patience = None,
    socket: SocketPath = None,
    state: StateFolder = None,
) -> Place:
    return Place(
        connection=connection,
        site=site,
        port=port,
        host=host,
        tcp_port=tcp_port,
        transport=transport,
        baudrate=baudrate,
        parity=parity,
        stopbits=stopbits,
        ca=ca,
        certificate=certificate,
        key=key,
        timeout=_seconds(timeout),
        socket=socket,
        state=state,
    )


def _seconds(text: str | None) -> float | None:
    from monitor.fields import seconds

    if text is None:
        return None
    try:
        time = seconds(text)
    except ValueError as error:
        raise typer.BadParameter(f"--timeout: {error}") from error
    if not 0.01 <= time <= 9:  # noqa: PLR2004 - what a daemon lends its bus for
        raise typer.BadParameter("--timeout is from 10 ms to 9 s")
    return time


def with_place(command: Callable[Concatenate[Place, _P], None]) -> Callable[..., None]:
    """Give a command, whose first parameter is the Place, the options that say which bus it asks."""
    names = [field.name for field in fields(Place)]

    @functools.wraps(command)
    def run(*args: Any, **given: Any) -> None:
        place = _place(**{name: given.pop(name) for name in names if name in given})
        command(place, *args, **given)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    options = inspect.signature(_place, eval_str=True).parameters.values()
    run.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A bus that can be had: our own with `options`, or (None) the connection `connection` of the daemon.

    `connection` is the id in the site file, empty for a bus that is in none. `line` says how a serial line
    speaks; `timeout` is in seconds, `overhead` what a request takes beside. `socket` is the daemon's.
    """

    name: str
    connection: str
    line: str
    timeout: float
    overhead: float
    options: "ConnectionModel | None"
    socket: Path | None = None

    @asynccontextmanager
    async def open(self, *, patience: float | None = None) -> "AsyncIterator[SurveyBus]":
        """Have the bus; `patience` in seconds for each answer (default: as the connection's settings say)."""
        if self.socket is not None:
            from monitor.cli.daemonbus import DaemonBus

            async with DaemonBus(self.socket, self.connection, timeout=patience) as through:
                yield through
        else:
            from drivers.modbus.survey.bus import OwnBus

            assert self.options is not None
            async with OwnBus(self.options, timeout=patience) as own:
                yield own


def reach(place: Place) -> Access:
    """Find the bus: through the daemon where it has the connection, else our own.

    Raises a usage error, SettingsError for a site file that is none, and RequestRefused for a port or an
    endpoint that the running daemon has.
    """
    _keep_quiet()
    if [place.connection, place.port, place.host].count(None) != 2:  # noqa: PLR2004 - one of three
        raise typer.BadParameter(
            "say which bus: --connection ID of the site file, --port /dev/ttyUSB0, or --host ADDRESS (one of them)"
        )
    direct = place.checked() if place.connection is None else None
    socket, buses = _daemons(place)
    if direct is None:
        assert place.connection is not None
        for bus in buses:
            if bus["id"] == place.connection:
                return Access(
                    name=f"connection {bus['id']} of the daemon",
                    connection=bus["id"],
                    line=bus["line"],
                    timeout=bus["timeout_s"],
                    overhead=bus["overhead_s"],
                    options=None,
                    socket=socket,
                )
        options, ident = _of_the_site(place.site, place.connection), place.connection
    else:
        options, ident = direct, ""
    for bus in buses:
        if _same(bus["place"], options.place):
            raise RequestRefused(
                Sentence(
                    "the running daemon has {place} as its connection {bus}: ask through it with "
                    "--connection {bus}",
                    place=options.place,
                    bus=bus["id"],
                )
            )
    return _own(options, ident)


def daemons_places(place: Place) -> dict[str, str]:
    """The ports and endpoints that a running daemon has, and its connections there."""
    _keep_quiet()
    return {bus["place"]: bus["id"] for bus in _daemons(place)[1]}


def _own(options: "ConnectionModel", ident: str) -> Access:
    from drivers.modbus.cost import overhead_of

    line = str(options.line) if options.is_line else ""
    return Access(
        name=options.place,
        connection=ident,
        line=line,
        timeout=options.timeout,
        overhead=overhead_of(options),
        options=options,
    )


@asynccontextmanager
async def register_bus(place: Place) -> "AsyncIterator[RegisterBus]":
    """Have the bus that the options choose; raises what `reach` does."""
    async with reach(place).open(patience=place.timeout) as bus:
        yield bus


def _daemons(place: Place) -> tuple[Path, list[dict[str, Any]]]:
    """The daemon's socket and its buses; none when none runs. One that runs and may not be asked is an error."""
    from monitor.cli.client import Client, NoDaemon

    client = Client(place.socket, place.state)
    is_meant = place.socket is not None or place.state is not None
    try:
        if not is_meant and not _is_there(client.path):
            return client.path, []
        buses: list[dict[str, Any]] = client.get("connections")
    except NoDaemon as error:
        if is_meant or "Permission denied" in str(error):
            raise
        buses = []
    finally:
        client.close()
    return client.path, buses


def _is_there(socket: Path) -> bool:
    try:
        return socket.exists()
    except PermissionError:
        return True


def _of_the_site(file: Path, ident: str) -> "ConnectionModel":
    from drivers.modbus.connection import ConnectionModel
    from monitor.app import load_site

    site = load_site(file, os.environ).site
    if ident not in site.connections:
        raise SettingsError(f"{file} has no connection {ident}: it has {', '.join(site.connections) or 'none'}")
    options = site.connections[ident].options
    if not isinstance(options, ConnectionModel):
        raise SettingsError(f"the connection {ident} of {file} is no Modbus connection")
    return options


def _same(one: str, other: str) -> bool:
    """Whether two places are the same: adapters have several paths."""
    return one == other or (one.startswith("/") and os.path.realpath(one) == os.path.realpath(other))


def _keep_quiet() -> None:
    """What drivers log for the daemon is no part of a command's output: it says the same in its own words."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger().setLevel(logging.CRITICAL)
