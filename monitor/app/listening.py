"""Serving pages on a listener of their own: an address that is taken stops nothing, and is tried again."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Certificate", "Listener", "listening"]

_TRY_AGAIN: Final = 60.0
_BACKLOG: Final = 50


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate and its key, in PEM."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Read them, for TLS from 1.2. Raises OSError; ssl.SSLError is one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key, password="")
        return context


class Listener:
    """Serves what `make` makes: an ASGI app, what runs it, how many clients it has; called in a thread.

    `failed` and `served` are told once each, for the log. `is_there`: whether whoever connects is answered.
    `certificate`: of what is served with TLS; read anew whenever the port is opened.
    """

    def __init__(  # noqa: PLR0913 - an address, and what is there
        self,
        host: str,
        port: int,
        make: Callable[[], tuple[Any, Any, int]],
        *,
        failed: Callable[[str, str], None],
        served: Callable[[str], None],
        certificate: Certificate | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._make = make
        self._failed = failed
        self._served = served
        self._certificate = certificate
        self.is_there = False

    async def run(self) -> None:
        """Serve until cancelled; an address that is taken is told once and tried again."""
        address = f"{self._host}:{self._port}"
        is_failing = False
        while True:
            try:
                tls = None if self._certificate is None else self._certificate.context()
                bound = listening(self._host, self._port)
            except OSError as error:
                if not is_failing:
                    self._failed(address, error.strerror or str(error))
                is_failing = True
                await asyncio.sleep(_TRY_AGAIN)
                continue
            if is_failing:
                self._served(address)
            is_failing = False
            self.is_there = True  # who comes while the libraries are loaded waits in the queue
            try:
                with contextlib.closing(bound):
                    app, run_bound, clients = await asyncio.to_thread(self._make)
                    await run_bound(app, bound, clients=clients, tls=tls)
            finally:
                self.is_there = False


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises OSError when the address is taken, or is none of this machine."""
    # With its protocol said: only then asyncio sends each piece at once, and no answer waits 40 ms for an ACK.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.setblocking(False)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound
