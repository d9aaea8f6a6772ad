"""Simulated Modbus endpoints with several units, whose registers and faults can be set while they run."""

import asyncio
import ssl
from collections.abc import Mapping

from monitor.simulation.endpoint import Endpoint, Peer
from monitor.simulation.frames import Frames, Unreadable
from monitor.simulation.unit import Faults, Unit, Wrong

__all__ = ["Faults", "SimulatedBus", "SimulatedDatagrams", "Unit", "Wrong"]


class SimulatedBus(Endpoint):
    """One endpoint of Modbus TCP (or TLS) and its units.

    A request to a unit that is not there stays without an answer.
    """

    def __init__(self, units: Mapping[int, Unit]) -> None:
        super().__init__()
        self.units = dict(units)
        self._frames = Frames("mbap")

    def received(self, peer: Peer, data: bytes) -> None:
        """Answer every request that is complete; hang up on what is none."""
        peer.buffer += data
        try:
            for request in self._frames.requests(peer.buffer):
                said = self._frames.answer(self.units, request)
                if said is not None:
                    peer.send(said.frame, after=said.delay, hang_up=said.hangs_up)
        except Unreadable:
            peer.close()


class SimulatedDatagrams(asyncio.DatagramProtocol):
    """One endpoint of Modbus over UDP and its units: one frame is one datagram."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self.units = dict(units)
        self.half_open = False
        """While true, nothing is answered."""
        self._frames = Frames("mbap")
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None) -> int:
        """Be there; answer the port. Raises OSError when the port cannot be had."""
        assert tls is None, "datagrams have no TLS"
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: self, (host, port))
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
        self._transport = transport
        chosen: int = transport.get_extra_info("sockname")[1]
        return chosen

    async def stop(self) -> None:
        """Be gone; it may be started again."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
            await asyncio.sleep(0)  # lets the transport finish closing

    @property
    def is_up(self) -> bool:
        """Whether it is there."""
        return self._transport is not None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a datagram; asyncio calls it."""
        if self.half_open:
            return
        try:
            for request in self._frames.requests(bytearray(data)):
                said = self._frames.answer(self.units, request)
                if said is not None:
                    asyncio.get_running_loop().call_later(said.delay, self._send, said.frame, addr)
        except Unreadable:
            return

    def _send(self, frame: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(frame, addr)

    def error_received(self, exc: Exception) -> None:
        """Whoever asked is gone; asyncio calls it."""
