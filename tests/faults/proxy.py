"""The network between the daemon and a server: it falls silent, breaks, is slow, or hands bytes on one by one."""

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import Any, Literal, Self

__all__ = ["Proxy"]

_CHUNK = 65_536
_MOST = 200
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Hands on what is sent to `port`, at an address of loopback, to `target` on 127.0.0.1; one thread of its own.

    `delay`: seconds that each piece takes in either direction. `trickle`: every byte is sent alone.
    """

    def __init__(self, target: int, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.delay = 0.0
        self.trickle = False
        self.connections = 0
        """How many were opened so far."""
        self._target = target
        self._silent = False
        self._lines: set[_Line] = set()
        self._break: tuple[int, str] | None = None
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        self._do(self._listen())

    def stop(self) -> None:
        """Listen no more, and reset every connection."""
        self._do(self._stop())

    def fall_silent(self) -> None:
        """Lose every byte of both directions, and also that connections end: both ends think they still stand."""
        self._silent = True
        self._do(self._each("deafen"))

    def come_back(self) -> None:
        """Serve new connections; what stood before stays dead, as behind a router that was restarted."""
        self._silent = False

    def break_after(self, size: int, how: Literal["reset", "close"] = "reset") -> None:
        """End the connection over which answers go, when `size` bytes more of them have gone."""
        self._break = size, how

    @property
    def has_broken(self) -> bool:
        """Whether the connection that was to break has done so."""
        return self._break is None

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for line in list(self._lines):
            line.end("reset")
        await asyncio.gather(*(line.served for line in list(self._lines)), return_exceptions=True)

    async def _each(self, what: str) -> None:
        for line in list(self._lines):
            getattr(line, what)()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = _Line(writer, asyncio.current_task())
        if len(self._lines) >= _MOST:
            line.end("reset")
            return
        self._lines.add(line)
        ways: list[asyncio.Task[None]] = []
        try:
            if self._silent:
                line.deafen()
            else:
                far_reader, line.far = await asyncio.open_connection("127.0.0.1", self._target, limit=_CHUNK)
                if line.over.is_set():  # ended while it was being opened
                    line.far.transport.abort()
                    return
                ways.append(asyncio.create_task(self._carry(reader, line.far, line)))
                ways.append(asyncio.create_task(self._carry(far_reader, writer, line, answers=True)))
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if line.deaf:
                await line.over.wait()
        except OSError:  # nobody is there: the end that asks is to see that, too
            line.end("reset")
        finally:
            line.end("close")
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._lines.discard(line)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: "_Line", *, answers: bool = False
    ) -> None:
        """Hand on one direction until it ends."""
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if line.deaf:
                    continue
                await asyncio.sleep(self.delay)
                if answers and self._break is not None:
                    left, how = self._break
                    if len(data) > left:
                        writer.write(data[:left])
                        await writer.drain()
                        self._break = None
                        line.end(how)
                        return
                    self._break = left - len(data), how
                for piece in [data[at : at + 1] for at in range(len(data))] if self.trickle else [data]:
                    writer.write(piece)
                    await writer.drain()
                    if self.trickle:
                        await asyncio.sleep(0)

    def _do(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)


class _Line:
    """One connection through the proxy."""

    def __init__(self, near: asyncio.StreamWriter, served: Any) -> None:
        self.near = near
        self.served = served
        self.far: asyncio.StreamWriter | None = None
        self.deaf = False
        self.over = asyncio.Event()

    def deafen(self) -> None:
        self.deaf = True

    def end(self, how: str) -> None:
        """Close both halves; `reset`: with RST, whatever was on its way."""
        if self.over.is_set():
            return
        self.over.set()
        for half in (self.near, self.far):
            if half is None:
                continue
            if how == "reset":
                half.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                half.transport.abort()
            else:
                half.close()
