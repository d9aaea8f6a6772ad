"""An endpoint of TCP or TLS as simulated converters and meters have it, with the ways in which it hangs."""

import asyncio
import ssl
from collections import deque
from typing import Final

__all__ = ["Endpoint", "Peer"]

_PENDING: Final = 64
"""Answers that one connection may wait for at once; more requests are lost, as in a converter's buffer."""


class Endpoint:
    """Listens, and hands what comes over its connections to `received`."""

    def __init__(self) -> None:
        self.half_open = False
        """While true, connections are accepted and nothing is answered."""
        self.deaf_to_new = False
        """While true, whoever connects is never answered on that connection; older connections are."""
        self.peers: set[Peer] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None) -> int:
        """Listen; answer the port. Raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Peer(self), host, port, ssl=tls)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Close the endpoint and its connections; it may be started again."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for peer in tuple(self.peers):
                peer.close()
            await asyncio.sleep(0)  # lets the transports finish closing

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self.peers)

    def forget_connections(self) -> None:
        """Be deaf on the connections that are open now: what a restarted converter leaves behind."""
        for peer in self.peers:
            peer.deaf = True

    def received(self, peer: "Peer", data: bytes) -> None:
        """Take what came over a connection that is listened to."""
        raise NotImplementedError


class Peer(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, owner: Endpoint) -> None:
        self.deaf = False
        self.buffer = bytearray()
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[asyncio.TimerHandle] = deque(maxlen=_PENDING)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the new connection; asyncio calls it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.deaf = self._owner.deaf_to_new
        self._owner.peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; asyncio calls it."""
        del exc
        self._owner.peers.discard(self)
        for timer in self._waiting:
            timer.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take bytes; asyncio calls it."""
        if not self.deaf and not self._owner.half_open:
            self._owner.received(self, data)

    def send(self, data: bytes, *, after: float = 0.0, hang_up: bool = False) -> None:
        """Send bytes, `after` seconds; behind them the connection may end."""
        if not after:
            self._send(data, hang_up=hang_up)
            return
        while self._waiting and self._waiting[0].when() <= asyncio.get_running_loop().time():
            self._waiting.popleft()
        if len(self._waiting) < _PENDING:
            self._waiting.append(
                asyncio.get_running_loop().call_later(after, lambda: self._send(data, hang_up=hang_up))
            )

    def _send(self, data: bytes, *, hang_up: bool) -> None:
        if self._transport is None or self._transport.is_closing() or self.deaf:
            return
        self._transport.write(data)
        if hang_up:
            self._transport.close()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
