"""The other ends of a site's Modbus connections, made from what the site file says of them."""

import ssl
from collections.abc import Mapping
from pathlib import Path

from drivers.modbus.connection import SERIAL, ConnectionModel
from monitor.errors import SettingsError
from monitor.simulation.line import LineSettings
from monitor.simulation.modbus import SimulatedBus, SimulatedDatagrams
from monitor.simulation.terminal import SimulatedConverter, SimulatedLine
from monitor.simulation.unit import Unit
from monitor.site import Connection

__all__ = ["ModbusPlace", "must_be_local"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ModbusPlace:
    """Serves one connection; a `monitor.simulation.stage.Place`."""

    def __init__(self, connection: Connection, units: Mapping[int, Unit]) -> None:
        options: ConnectionModel = connection.options
        self._options = options
        self._id = connection.id
        self._end: SimulatedBus | SimulatedDatagrams | SimulatedConverter | SimulatedLine
        if options.transport in SERIAL:
            link = Path(options.path).absolute()
            self._end = SimulatedLine(units, LineSettings.of(options), link=link, heeds_speed=True)
        elif options.transport == "rtu-over-tcp":
            self._end = SimulatedConverter(units, LineSettings.of(options))
        elif options.transport == "udp":
            self._end = SimulatedDatagrams(units)
        else:
            self._end = SimulatedBus(units)

    @property
    def is_up(self) -> bool:
        """Whether it can be reached."""
        return self._end.is_up

    async def start(self) -> None:
        """Be there. Raises OSError for a taken port, SettingsError for a path or certificate that will not do."""
        if isinstance(self._end, SimulatedLine):
            try:
                await self._end.start()
            except OSError as error:
                raise SettingsError(
                    f"connection `{self._id}`: this machine gives no pseudo-terminal: {error.strerror}"
                ) from error
        elif isinstance(self._end, SimulatedBus):
            await self._end.start(self._host, self._options.number, tls=self._tls())
        else:
            await self._end.start(self._host, self._options.number)

    async def stop(self) -> None:
        """Be gone, with all connections."""
        await self._end.stop()

    def mend(self) -> None:
        """Take back what `hang` and `echo` did; connections that hang, hang on until they are closed."""
        self._end.half_open = False
        if isinstance(self._end, SimulatedBus | SimulatedConverter):
            self._end.deaf_to_new = False
        if isinstance(self._end, SimulatedLine):
            self._end.line.echo = self._options.echo

    def hang(self, *, new_only: bool) -> None:
        """Answer nothing more, or nothing on connections that are yet to come."""
        if new_only and isinstance(self._end, SimulatedBus | SimulatedConverter):
            self._end.deaf_to_new = True
        else:
            self._end.half_open = True

    def forget_connections(self) -> None:
        """Answer nothing more on the connections that are open now."""
        if isinstance(self._end, SimulatedBus | SimulatedConverter):
            self._end.forget_connections()

    def echo(self) -> None:
        """Let the master hear what it says."""
        if isinstance(self._end, SimulatedLine):
            self._end.line.echo = True

    @property
    def _host(self) -> str:
        return self._options.host or ""

    def _tls(self) -> ssl.SSLContext | None:
        """The connection's own certificate serves both ends: it names no other."""
        options = self._options
        if options.transport != "tls":
            return None
        if options.certificate is None or options.key is None or options.ca is None:
            raise SettingsError(
                f"connection `{self._id}`: TLS is simulated with its own `ca:`, `certificate:` and `key:`"
            )
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.ca)
            context.load_cert_chain(options.certificate, options.key)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(f"connection `{self._id}`: the certificate cannot be used: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
        return context


def must_be_local(connection: Connection) -> None:
    """Raise SettingsError for a connection that leads away: this never plays somebody else's network."""
    options = connection.options
    if connection.driver == "modbus" and options.transport in SERIAL:
        return  # where a line may be is checked when it is made
    if options.host not in _LOOPBACK:
        raise SettingsError(f"connection `{connection.id}` is at {options.host}: only loopback is simulated")
