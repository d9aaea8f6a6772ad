"""Simulated MQTT devices and the broker that they speak to."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.errors import SettingsError
from monitor.simulation import payload
from monitor.simulation.residents import Residents
from monitor.simulation.stage import Speech
from monitor.simulation.world import World
from monitor.site import Connection, Device

__all__ = ["SimulatedBroker"]

_STEP: Final = 0.25
_SPEAKS_EVERY: Final = 5.0
_OWED_AT_MOST: Final = 2000
"""Messages of one backlog."""


class SimulatedBroker:
    """A broker of the connection's own and the devices that speak to it; a `monitor.simulation.stage.Place`.

    `speeches` says what is wrong with what they say.
    """

    def __init__(
        self, connection: Connection, devices: Sequence[Device], world: World, speeches: dict[str, Speech]
    ) -> None:
        self._connection = connection
        self._devices = devices
        self._world = world
        self._speeches = speeches
        self._broker: Any = None
        self._client: paho.Client | None = None
        self._own: dict[str, _OwnClient] = {}
        self._said: dict[str, Mapping[str, Any]] = {}
        self._due: dict[str, float] = {}
        readers = [device for device in devices if device.device_class == "access" and device.door]
        self.residents = Residents(world, readers, speeches, self._publish)
        """Who comes and goes by its readers."""

    @property
    def is_up(self) -> bool:
        """Whether it can be reached."""
        return self._broker is not None

    async def start(self) -> None:
        """Be there, with all devices. Raises SettingsError when the broker's library is absent, else OSError."""
        try:
            from iotcore import Broker
        except ImportError:
            raise SettingsError(
                "the simulated broker is not installed; install facility-monitor[demo] or run `make setup`"
            ) from None
        options = self._connection.options
        if options.tls:
            raise SettingsError(f"connection `{self._connection.id}`: a broker with TLS is not simulated")
        broker = Broker(port=options.port, listen=options.host)
        await asyncio.to_thread(broker.start)
        self._broker = broker
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"simulated-{self._connection.id}")
        await asyncio.to_thread(self._client.connect, options.host, options.port)
        self._client.loop_start()
        for device in self._devices:
            if payload.availability(device, online=True) is not None:
                self._own[device.id] = own = _OwnClient(device, options.host, options.port)
                await asyncio.to_thread(own.come)

    async def stop(self) -> None:
        """Be gone, with all devices."""
        for own in self._own.values():
            await asyncio.to_thread(own.leave)
        self._own.clear()
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
        broker, self._broker = self._broker, None
        if broker is not None:
            await asyncio.to_thread(broker.stop)

    def mend(self) -> None:
        """Take nothing back: a broker does not hang."""

    def hang(self, *, new_only: bool) -> None:
        """Do nothing: a broker does not hang."""

    def forget_connections(self) -> None:
        """Do nothing: a broker does not hang."""

    def echo(self) -> None:
        """Do nothing: a broker has no line."""

    async def speak(self) -> None:
        """Let each device speak in its rhythm, and at once when one of its states changes; until cancelled."""
        while True:
            for device in self._devices:
                if self.is_up and device.points:
                    await self._let_speak(device, time.time())
            await asyncio.sleep(_STEP)

    async def _let_speak(self, device: Device, now: float) -> None:
        speech = self._speeches.get(device.id, Speech())
        own = self._own.get(device.id)
        if own is not None and own.is_there == speech.is_gone:
            await asyncio.to_thread(own.break_off if speech.is_gone else own.come)
        if speech.is_gone or self._world.is_silent(device.id, now):
            return
        rhythm = device.expected_every or _SPEAKS_EVERY
        owed, speech.owed = speech.owed, 0.0
        if owed:
            step = max(rhythm, owed / _OWED_AT_MOST)
            for number in range(int(owed / step), 0, -1):
                self._say(device, now - number * step, speech)
        values = self._world.values(device, now)
        states = {name: value for name, value in values.items() if isinstance(value, bool)}
        if now >= self._due.get(device.id, 0.0) or states != self._said.get(device.id):
            self._said[device.id] = states
            self._due[device.id] = now + rhythm
            self._say(device, now, speech)

    def _say(self, device: Device, then: float, speech: Speech) -> None:
        for topic, body in payload.reading(device, self._world.values(device, then), then + speech.clock):
            self._publish(device.id, topic, body, speech)

    def _publish(self, device: str, topic: str, body: bytes, speech: Speech) -> None:
        own = self._own.get(device)
        client = own.client if own is not None else self._client
        if client is not None:
            for _ in range(speech.copies):
                client.publish(topic, body[: len(body) // 2] + b"\xff" if speech.is_malformed else body, qos=1)

    async def live(self) -> None:
        """Let residents come and go by the readers, until cancelled."""
        await self.residents.live(lambda: self.is_up)


class _OwnClient:
    """The connection of a device that has a last will. Its methods wait for the network."""

    def __init__(self, device: Device, host: str, port: int) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.is_there = False
        self._device = device
        self._place = (host, port)

    def come(self) -> None:
        """Connect, and say that the device is there."""
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"simulated-device-{self._device.id}")
        will = payload.availability(self._device, online=False)
        alive = payload.availability(self._device, online=True)
        if will is None or alive is None:
            return
        self.client.will_set(*will, qos=1, retain=True)
        self.client.connect(*self._place)
        self.client.loop_start()
        self.is_there = True
        self.client.publish(*alive, qos=1, retain=True)

    def break_off(self) -> None:
        """Break the connection without a word, so that the broker publishes the last will."""
        self.is_there = False
        broken: Any = self.client.socket()
        self.client.loop_stop()
        with contextlib.suppress(OSError, AttributeError):  # it may be broken already
            broken.shutdown(socket.SHUT_RDWR)
            broken.close()

    def leave(self) -> None:
        """Disconnect in peace."""
        if self.is_there:
            self.is_there = False
            self.client.disconnect()
            self.client.loop_stop()
