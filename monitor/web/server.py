"""Serving the API on a Unix socket that we bind ourselves: 0660, of the group, and without taking signals."""

import asyncio
import contextlib
import grp
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor.errors import SettingsError
from monitor.web.peer import caller_by_socket

__all__ = ["GROUP", "bind", "run_bound", "serve"]

GROUP = "facility-monitor"

_LOG = structlog.get_logger()
_MODE = 0o660
_LONGEST = 107
_GRACE = 1
_CLIENTS = 200
_IDLE_S = 10.0
_UNREAD_S = 30.0


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


class BoundedProtocol(H11Protocol):
    """HTTP with peers that may be idle, slow or many: uvicorn would keep all of them, and run out of files.

    One too many is closed at once, and so is one that has sent no whole request within ten seconds, or twenty, and
    one for which 64 KiB wait of which it has read nearly nothing for half a minute.
    """

    _seen: object = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            self.transport.abort()
        else:
            self.loop.call_later(_IDLE_S, self._look)

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


async def run_bound(
    app: Any, bound: socket.socket, *, clients: int, protocol: type[asyncio.Protocol] = BoundedProtocol
) -> None:
    """Serve an ASGI app on a socket that is bound already until cancelled; then close it."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="error",  # a warning for each request that is none could fill a disk
        limit_concurrency=clients,
        timeout_graceful_shutdown=_GRACE,
        server_header=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]), name="http server")
    try:
        await asyncio.shield(task)
    finally:
        server.should_exit = True
        await asyncio.wait([task], timeout=_GRACE * 3)
        task.cancel()
        bound.close()
