"""Serving the API on a Unix socket that we bind ourselves: 0660, of the group, and without taking signals."""

import asyncio
import contextlib
import grp
import os
import socket
import ssl
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor.errors import SettingsError
from monitor.web.allowance import client_key
from monitor.web.peer import caller_by_socket

__all__ = ["GROUP", "bind", "is_here", "run_bound", "serve"]

GROUP = "facility-monitor"

_LOG = structlog.get_logger()
_MODE = 0o660
_LONGEST = 107
_GRACE = 1
_CLIENTS = 200
_IDLE_S = 10.0
_UNREAD = 64 * 1024
_UNREAD_S = 30.0
_SHARE = 2
"""One client may have a half of the connections: whoever takes them all keeps nobody else out."""


def bind(path: Path) -> socket.socket:
    """Bind the socket at `path`; a stale one is replaced, a live one is not. Raises SettingsError.

    It is bound inside a private folder, given its mode and group there, and then moved to its place: at no
    moment can others connect, whatever the umask.
    """
    if len(os.fsencode(path)) > _LONGEST:
        raise SettingsError(f"the socket's path is longer than {_LONGEST} bytes: {path}; choose a shorter --state")
    _refuse_live(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with tempfile.TemporaryDirectory(prefix=".api-", dir=path.parent) as folder:
            # Through the descriptor of the folder, since the longer path might not fit into an address.
            descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            try:
                bound.bind(f"/proc/self/fd/{descriptor}/s")
            finally:
                os.close(descriptor)
            private = Path(folder, "s")
            _give_to_group(private)
            private.chmod(_MODE)
            private.rename(path)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise SettingsError(f"the socket {path} cannot be made: {error.strerror}") from error
    return bound


def _refuse_live(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SettingsError(f"{path} is in the way: it is not a socket; move it")
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError as error:
            raise SettingsError(f"the socket {path} is in use or not ours: {error.strerror}") from error
    raise SettingsError(f"another daemon answers at {path}; stop it first")


def _give_to_group(path: Path) -> None:
    """Where the group is another than ours: the service is in it already, and may not change any owner."""
    with contextlib.suppress(KeyError, PermissionError):
        group = grp.getgrnam(GROUP).gr_gid
        if path.stat().st_gid != group:
            os.chown(path, -1, group)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def is_here(host: str) -> bool:
    """Whether an address is of this machine: whoever comes by a proxy or a tunnel has it."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _count_of(whose: str, connections: Iterable[object]) -> int:
    return sum(isinstance(each, BoundedProtocol) and each.whose == whose for each in connections)


class BoundedProtocol(H11Protocol):
    """HTTP with peers that may be idle, slow or many: uvicorn would keep all of them, and run out of files.

    One too many is closed at once, also of one client unless others stand behind it, and so is one that has sent
    no whole request within ten seconds, or twenty, and one for which 64 KiB wait of which it has read next to
    nothing for half a minute.
    """

    is_shared: Callable[[str], bool] = staticmethod(is_here)
    """Whether others stand behind an address: a proxy."""

    _seen: object = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.transport.set_write_buffer_limits(high=_UNREAD)  # with TLS it would be half a megabyte
        limit = self.limit_concurrency
        if limit is not None and (len(self.connections) > limit or self._has_share(limit)):
            self.transport.abort()
        else:
            self.loop.call_later(_IDLE_S, self._look)

    @property
    def whose(self) -> str:
        """What counts as one client; nothing for the socket, and for who others stand behind."""
        host = self.client[0] if self.client else ""
        return "" if not host or self.is_shared(host) else client_key(host)

    def _has_share(self, limit: int) -> bool:
        whose = self.whose
        return bool(whose) and _count_of(whose, self.connections) > limit // _SHARE

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the peer to read, but not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(_UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self._is_read()
        super().resume_writing()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _look(self) -> None:
        if self not in self.connections:
            return
        waits_for_us = self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)
        if self._seen is self.cycle and not waits_for_us:
            self.transport.abort()
            return
        self._seen = self.cycle
        self.loop.call_later(_IDLE_S, self._look)


class _Protocol(BoundedProtocol):
    """HTTP on the socket; each request carries who sent it as `request.state.caller`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the kernel for the peer before the first request."""
        super().connection_made(transport)
        with contextlib.suppress(OSError):  # gone already; a request without a peer is refused
            caller = caller_by_socket(transport.get_extra_info("socket").fileno())
            self.app_state = {**self.app_state, "caller": caller}


class _Server(uvicorn.Server):
    """Uvicorn that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none: the daemon ends its parts itself."""
        yield


async def serve(app: Any, path: Path) -> None:
    """Serve an ASGI app on the Unix socket at `path` until cancelled; the socket goes with it."""
    bound = bind(path)
    inode = _inode(path)
    try:
        await run_bound(app, bound, clients=_CLIENTS, protocol=_Protocol)
    finally:
        if _inode(path) == inode:
            _remove(path)


class _TlsServer(_Server):
    """The same with TLS. Who has connected and does not come to terms counts, too, and has ten seconds for it."""

    def __init__(
        self, config: uvicorn.Config, context: ssl.SSLContext, clients: int, protocol: type[BoundedProtocol]
    ) -> None:
        super().__init__(config)
        self._context = context
        self._clients = clients
        self._made = protocol
        self._greeted: dict[asyncio.Task[None], str] = {}
        self._accepting: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets=[])
        assert sockets is not None
        self._accepting = asyncio.create_task(self._accept(sockets[0]), name="https connections")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, and end what there is."""
        waiting = {each for each in (self._accepting, *self._greeted) if each is not None}
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        await super().shutdown(sockets)

    async def _accept(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, (host, *_) = await loop.sock_accept(bound)
            except OSError:  # no file is left: those that are there go first
                await asyncio.sleep(_GRACE)
                continue
            whose = "" if self._made.is_shared(host) else client_key(host)
            if self._is_full(whose):
                accepted.close()
                continue
            task = asyncio.create_task(self._greet(accepted), name="https greeting")
            self._greeted[task] = whose
            task.add_done_callback(self._greeted.pop)

    def _is_full(self, whose: str) -> bool:
        """Whether there are as many as can be, of all or of one client."""
        connections = self.server_state.connections
        if len(self._greeted) + len(connections) >= self._clients:
            return True
        own = list(self._greeted.values()).count(whose) + _count_of(whose, connections)
        return bool(whose) and own >= self._clients // _SHARE

    async def _greet(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._protocol, accepted, ssl=self._context, ssl_handshake_timeout=_IDLE_S
            )
        except OSError:  # scanners, old browsers, and who went away
            accepted.close()

    def _protocol(self) -> asyncio.Protocol:
        return self._made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


async def run_bound(  # noqa: PLR0913 - what a server is
    app: Any,
    bound: socket.socket,
    *,
    clients: int,
    protocol: type[BoundedProtocol] = BoundedProtocol,
    tls: ssl.SSLContext | None = None,
    believes_proxies: bool = True,
    is_shared: Callable[[str], bool] = is_here,
) -> None:
    """Serve an ASGI app on a socket that is bound already until cancelled; then close it.

    `believes_proxies`: who is named in headers of a proxy on this machine is the client. `is_shared`: whether
    others stand behind an address, so that it may have all connections.
    """
    made = type(protocol.__name__, (protocol,), {"is_shared": staticmethod(is_shared)})
    config = uvicorn.Config(
        app,
        http=made,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="error",  # a warning for each request that is none could fill a disk
        limit_concurrency=clients,
        timeout_graceful_shutdown=_GRACE,
        server_header=False,
        proxy_headers=believes_proxies,
        forwarded_allow_ips=["127.0.0.1", "::1"],  # said, so that no variable of the environment says another
    )
    server = _Server(config) if tls is None else _TlsServer(config, tls, clients, made)
    task = asyncio.create_task(server.serve(sockets=[bound]), name="http server")
    try:
        await asyncio.shield(task)
    finally:
        server.should_exit = True
        await asyncio.wait([task], timeout=_GRACE * 3)
        task.cancel()
        bound.close()
