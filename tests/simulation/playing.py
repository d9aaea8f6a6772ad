"""A simulated site that runs in a test, with faults by hand and masters and listeners that are not our driver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU

from monitor.simulation.script import Script, read_faults
from monitor.simulation.serve import SimulatedSite
from monitor.simulation.world import World
from monitor.site import Site
from tests.simulation.site import site

__all__ = ["Asker", "Played", "listening", "playing"]


class Played:
    """The running site: `play` is what a file of faults does, `step` lets its clock be at a second."""

    def __init__(self, folder: Path, of: Site) -> None:
        self.folder = folder
        self.site = of
        self.told: list[str] = []
        self.world = World(of)
        self.simulated = SimulatedSite(self.world, tell=self.told.append)
        self.stage = self.simulated.stage
        self._script = Script(self.stage, self.told.append)
        self._askers: list[Asker] = []

    async def play(self, *lines: str, at: float = 0.0) -> None:
        """Let a file of faults with these lines be read, at a second of the clock."""
        file = self.folder / "faults.yaml"
        file.write_text("".join(f"- {line}\n" for line in lines), "utf-8")
        await self._script.replace(read_faults(file, self.site), at)
        await self._script.step(at)

    async def step(self, at: float) -> None:
        await self._script.step(at)

    def port(self, connection: str) -> int:
        options = self.site.connections[connection].options
        return int(options.port)

    async def asker(self) -> "Asker":
        """Connect to the endpoint of the plant room, until the site ends."""
        asker = Asker(*await asyncio.open_connection("127.0.0.1", self.port("plant")))
        self._askers.append(asker)
        return asker

    def hang_up(self) -> None:
        """End the connections of all that ask."""
        for asker in self._askers:
            asker.close()


class Asker:
    """A master on one connection of TCP, as raw frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = FramerSocket(DecodePDU(False))
        self._number = 0

    async def ask(self, unit: int, address: int, count: int = 1) -> bytes:
        """Ask for holding registers: the content of the answer, its function code first. Asserts its header."""
        frame = await self.raw(unit, address, count)
        used, got_unit, got_number, content = self._framer.decode(frame)
        assert (used, got_unit, got_number) == (len(frame), unit, self._number), frame.hex()
        return content

    async def raw(self, unit: int, address: int, count: int = 1, *, wait: float = 60.0) -> bytes:
        """The next bytes after a request; none when the connection ends. Raises TimeoutError."""
        self._number += 1
        request = bytes([3, *address.to_bytes(2, "big"), *count.to_bytes(2, "big")])
        self._writer.write(self._framer.encode(request, unit, self._number))
        return await asyncio.wait_for(self._reader.read(4096), wait)

    async def is_deaf(self, unit: int = 3) -> bool:
        """Whether nothing is answered for a while."""
        try:
            await self.raw(unit, 0, wait=0.4)
        except TimeoutError:
            return True
        return False

    @property
    def number(self) -> int:
        return self._number

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def playing(folder: Path, of: Site | None = None) -> AsyncIterator[Played]:
    """Run a site, else the small one, until the block ends."""
    played = Played(folder, site(folder) if of is None else of)
    ready = asyncio.Event()
    running = asyncio.create_task(played.simulated.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    try:
        if running.done():
            await running
        yield played
    finally:
        played.hang_up()
        waiting.cancel()
        running.cancel()
        await asyncio.wait({running}, timeout=60)


@asynccontextmanager
async def listening(played: Played, topic: str) -> AsyncIterator["asyncio.Queue[bytes]"]:
    """Hear what is published on a topic until the block ends."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    subscribed = asyncio.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{topic.replace('/', '-')}")

    def take(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, bytes(message.payload))

    def begun(*_: Any) -> None:
        loop.call_soon_threadsafe(subscribed.set)

    client.on_message = take
    client.on_subscribe = begun
    client.connect("127.0.0.1", played.port("broker"))
    client.subscribe(topic, qos=1)
    client.loop_start()
    try:
        await asyncio.wait_for(subscribed.wait(), 60)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()
