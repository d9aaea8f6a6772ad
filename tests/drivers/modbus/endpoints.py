"""Endpoints of every transport whose bytes a test can bend: sockets, TLS, datagrams and pseudo-terminals.

The frames are pymodbus's own, in the part of the server. A pseudo-terminal has neither speed nor parity.
"""

import asyncio
import os
import ssl
import tty
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pymodbus.pdu import ModbusPDU

from monitor.simulation.frames import Frames
from monitor.simulation.unit import Unit

__all__ = ["TRANSPORTS", "Datagrams", "Endpoint", "Pieces", "Stream", "Terminal", "endpoint"]

Pieces = Iterable[bytes | float]
"""What goes out: bytes, and seconds to wait between them."""

TRANSPORTS = ("tcp", "tls", "udp", "rtu-over-tcp", "rtu", "ascii")


class Endpoint:
    """Units behind one transport. `bend` turns a request and its answer into what is sent."""

    form = "mbap"

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self.units = dict(units)
        self.bend: Callable[[bytes, bytes], Pieces] = lambda _request, answer: (answer,)
        self.heard: list[bytes] = []
        """Every request, as it came."""
        self.frames = Frames(self.form)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    @property
    def written(self) -> dict[str, Any]:
        """How a site file writes the connection to it."""
        raise NotImplementedError

    @property
    def connections(self) -> int:
        """How many are open now."""
        raise NotImplementedError

    def take(self, data: bytes, send: Callable[[bytes], None]) -> bytes:
        """Answer the requests among some bytes, and keep what is no whole one."""
        left = bytearray(data)
        for request in self.frames.requests(left):
            frame = data[: len(data) - len(left)]
            data = bytes(left)
            self.heard.append(frame)
            task = asyncio.create_task(self._answer(frame, request, send))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return bytes(left)

    async def _answer(self, frame: bytes, request: ModbusPDU, send: Callable[[bytes], None]) -> None:
        unit = self.units.get(request.dev_id)
        if unit is not None and unit.faults.delay:
            await asyncio.sleep(unit.faults.delay)
        said = self.frames.answer(self.units, request)
        for piece in self.bend(frame, said.frame) if said is not None else ():
            if isinstance(piece, bytes):
                send(piece)
            else:
                await asyncio.sleep(piece)

    async def _drop_tasks(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Stream(Endpoint):
    """A socket: Modbus TCP, or the bytes of a line through a converter; with or without TLS."""

    def __init__(self, units: Mapping[int, Unit], transport: str = "tcp", **written: Any) -> None:
        self.form = "rtu" if transport == "rtu-over-tcp" else "mbap"
        super().__init__(units)
        self.transport = transport
        self.tls: ssl.SSLContext | None = None
        self.port = 0
        self.deaf: set[asyncio.StreamWriter] = set()
        self._written = written
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self._drop_tasks()
        await self._server.wait_closed()
        self._server = None
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        kept = b""
        try:
            while data := await reader.read(4096):
                if writer not in self.deaf:
                    kept = self.take(kept + data, writer.write)
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    def forget_connections(self) -> None:
        """Be deaf on the connections that are open: what a restarted converter leaves behind."""
        self.deaf |= self._open

    @property
    def written(self) -> dict[str, Any]:
        return {"transport": self.transport, "host": "127.0.0.1", "port": self.port} | self._written

    @property
    def connections(self) -> int:
        return len(self._open)


class Datagrams(Endpoint, asyncio.DatagramProtocol):
    """Modbus TCP's frames over UDP."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        super().__init__(units)
        self.port = 0
        self.socket: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        where = ("127.0.0.1", self.port)
        self.socket, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=where)
        self.port = self.socket.get_extra_info("sockname")[1]

    async def stop(self) -> None:
        await self._drop_tasks()
        if self.socket is not None:
            self.socket.close()
            self.socket = None
            await asyncio.sleep(0)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        def send(answer: bytes) -> None:
            if self.socket is not None:
                self.socket.sendto(answer, addr)

        self.take(data, send)

    @property
    def written(self) -> dict[str, Any]:
        return {"transport": "udp", "host": "127.0.0.1", "port": self.port}

    @property
    def connections(self) -> int:
        return 0


class Terminal(Endpoint):
    """A line at a pseudo-terminal; `path` is a link to it, as /dev/serial/by-id has them."""

    def __init__(self, units: Mapping[int, Unit], folder: Path, transport: str = "rtu", **written: Any) -> None:
        self.form = transport
        super().__init__(units)
        self.transport = transport
        self.path = folder / "usb-rs485"
        self._master = self._slave = -1
        self._written = written

    async def start(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        self._kept = b""
        asyncio.get_running_loop().add_reader(self._master, self._ready)

    def _ready(self) -> None:
        self._kept = self.take(self._kept + os.read(self._master, 4096), self.say)[-512:]

    def say(self, data: bytes) -> None:
        """Put bytes on the line."""
        if self._master >= 0:
            os.write(self._master, data)

    async def stop(self) -> None:
        """Unplug the adapter: its path is gone, and so is the port that was open."""
        await self._drop_tasks()
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            self.path.unlink()
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = -1
            await asyncio.sleep(0.01)

    @property
    def written(self) -> dict[str, Any]:
        eight = {"databits": 8, "parity": "none"} if self.transport == "ascii" else {}
        return {"transport": self.transport, "port": str(self.path), "baudrate": 115200} | eight | self._written

    @property
    def connections(self) -> int:
        """How many other than ourselves have the port open."""
        if self._slave < 0:
            return 0
        name, here = os.ttyname(self._slave), Path("/proc/self/fd")
        held = [Path(file).readlink() for file in here.iterdir() if _is_link(file)]
        return sum(str(each) == name for each in held) - 1


def _is_link(file: Path) -> bool:
    try:
        file.readlink()
    except OSError:
        return False
    return True


Certificates = Callable[[], tuple[ssl.SSLContext, dict[str, str]]]


def endpoint(transport: str, units: Mapping[int, Unit], folder: Path, tls: Certificates) -> Any:
    """Make an endpoint of whatever transport; it is not started."""
    if transport == "udp":
        return Datagrams(units)
    if transport in ("rtu", "ascii"):
        return Terminal(units, folder, transport)
    if transport == "tls":
        context, written = tls()
        stream = Stream(units, transport, **written)
        stream.tls = context
        return stream
    return Stream(units, transport)
