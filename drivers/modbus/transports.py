"""How a connection is opened, transport by transport: settings in, an open channel with the right frames out."""

import asyncio
import os
import socket
import ssl
from typing import Any, Final

from drivers.modbus.channel import Channel, DatagramChannel, LineChannel
from drivers.modbus.connection import SERIAL, ConnectionModel
from drivers.modbus.frames import Ascii, Frames, Mbap, Rtu
from monitor.errors import DeviceUnreachable

__all__ = ["NoConnection", "open_channel", "spoken"]

_FRAMES: Final[dict[str, type[Frames]]] = {"rtu": Rtu, "rtu-over-tcp": Rtu, "ascii": Ascii}
_FAREWELL: Final = 1.0

_VERIFY: Final = {
    9: "its certificate is not valid yet: look at the clocks, here and there",
    10: "its certificate has expired: renew it, or set the clock of this machine",
    62: "its certificate is for another name than `host`",
    64: "its certificate is for another address than `host`",
}
_UNKNOWN_CA: Final = "its certificate is signed by nobody that `ca` names"
_NO_TLS: Final = "what listens there does not speak TLS: transport tcp, or another port?"
_TLS: Final = (
    (("CERTIFICATE_REQUIRED",), "it wants a certificate of ours: `certificate` and `key`"),
    (("UNKNOWN_CA", "CERTIFICATE_EXPIRED", "BAD_CERTIFICATE", "CERTIFICATE_REVOKED", "CERTIFICATE_UNKNOWN"),
     "it does not accept our `certificate`: who signed it, its dates"),
    (("HANDSHAKE_FAILURE", "ACCESS_DENIED"), "it refuses us: does it want a `certificate`, or another one?"),
    (("WRONG_VERSION", "RECORD_LAYER", "HTTP_REQUEST", "UNEXPECTED_EOF", "PACKET_LENGTH", "UNKNOWN_PROTOCOL"),
     _NO_TLS),
    (("VERSION", "NO_SHARED_CIPHER", "NO_CIPHERS"), "it speaks no TLS 1.2 or later"),
    (("NO_CERTIFICATE_OR_CRL", "NO_START_LINE", "KEY_VALUES_MISMATCH", "PEM_LIB", "PEM lib"),
     "`ca`, `certificate` or `key` is not what its file should hold"),
)  # fmt: skip


class NoConnection(DeviceUnreachable):
    """No connection could be made, so there is no use in asking again at once. `trouble` says why."""

    def __init__(self, message: str, trouble: str) -> None:
        super().__init__(message)
        self.trouble = trouble


async def open_channel(options: ConnectionModel) -> Channel:
    """Open a connection within its time-out. Raises NoConnection with the reason."""
    try:
        async with asyncio.timeout(options.timeout):
            return await _open(options)
    except TimeoutError:
        trouble = f"within {options.timeout:g} s"
        if options.transport == "tls":
            trouble += f" ({_NO_TLS})" if await _listens(options) else ""
    except Exception as error:
        if not _is_everyday(error):
            raise
        trouble = f"({spoken(error, options)})"
    verb = "open" if options.transport in SERIAL else "connect to"
    raise NoConnection(f"cannot {verb} {options.place} {trouble}", trouble)


def _is_everyday(error: Exception) -> bool:
    """Whether an error is one of what is outside: the network, a file, a port."""
    return isinstance(error, OSError | ValueError) or type(error).__module__ == "termios"


async def _open(options: ConnectionModel) -> Channel:
    framer = _FRAMES.get(options.transport, Mbap)
    if options.transport in SERIAL:
        return await _open_serial(options, framer())
    failure: OSError | None = None
    for address in await _addresses(options):
        try:
            return await _open_at(address, options, framer())
        except OSError as error:
            failure = failure or error
    raise failure or OSError("the host has no address")


async def _addresses(options: ConnectionModel) -> list[str]:
    """Look the host up; uvloop would do so in threads that are joined at the end, whatever a name server does."""
    kind = socket.SOCK_DGRAM if options.transport == "udp" else socket.SOCK_STREAM
    found = await asyncio.get_running_loop().getaddrinfo(options.host or "", options.number, type=kind)
    return [str(address[0]) for *_, address in found]


async def _open_at(address: str, options: ConnectionModel, framer: Frames) -> Channel:
    loop = asyncio.get_running_loop()
    transport: Any
    channel: Channel = LineChannel(options, framer) if options.is_line else Channel(options, framer)
    if options.transport == "udp":
        channel = DatagramChannel(options, framer)
        transport, _ = await loop.create_datagram_endpoint(lambda: channel, remote_addr=(address, options.number))
    elif options.transport == "tls":
        transport, _ = await loop.create_connection(
            lambda: channel,
            address,
            options.number,
            ssl=_tls(options),
            server_hostname=options.host,
            ssl_shutdown_timeout=_FAREWELL,
        )
    else:
        transport, _ = await loop.create_connection(lambda: channel, address, options.number)
    if channel.transport is not transport:  # closed by the other end in the same moment
        raise ConnectionResetError
    return channel


async def _open_serial(options: ConnectionModel, framer: Frames) -> Channel:
    from drivers.modbus.serialport import PortTransport, open_port

    port = await open_port(options)
    channel = LineChannel(options, framer)
    transport = PortTransport(channel, port)
    if channel.transport is not transport:
        raise ConnectionResetError
    return channel


def _tls(options: ConnectionModel) -> ssl.SSLContext:
    """Read the files anew for each connection: certificates are renewed while the monitor runs."""
    context = ssl.create_default_context(cafile=options.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate is not None:
        context.load_cert_chain(options.certificate, options.key)
    return context


async def _listens(options: ConnectionModel) -> bool:
    """Whether a connection without TLS can be made."""
    try:
        async with asyncio.timeout(options.timeout):
            _, writer = await asyncio.open_connection(options.host, options.number)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def spoken(error: BaseException, options: ConnectionModel) -> str:
    """What an error means, in words for whoever stands before the device."""
    if options.transport in SERIAL:
        from drivers.modbus.serialport import reason

        return reason(error, options)
    if options.transport == "tls" and (told := _tls_trouble(error)):
        return told
    if isinstance(error, UnicodeError):
        return "the host is no name"
    if isinstance(error, OSError):
        if error.errno and not isinstance(error, socket.gaierror):
            return os.strerror(error.errno)
        return error.strerror or str(error) or "closed at once"
    return str(error) or type(error).__name__


def _tls_trouble(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, _UNKNOWN_CA)
    if isinstance(error, ssl.SSLError):
        text = f"{error.reason} {error}"
        return next((told for words, told in _TLS if any(word in text for word in words)), str(error.reason))
    return _NO_TLS if isinstance(error, ConnectionResetError) else ""
