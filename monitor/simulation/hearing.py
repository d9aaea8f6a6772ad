"""What would have been heard of a simulated site's devices at an instant, by the drivers' own way to readings.

There is no wire between: registers of simulated units go through the blocks and decoders of the Modbus driver, and
payloads of simulated MQTT devices through the decoder of the MQTT driver.
"""

import struct
from collections.abc import Callable, Sequence

from drivers.modbus.decode import BlockDecoder, Decoded, finish
from drivers.modbus.layout import BIT_TABLES
from drivers.modbus.plan import Cost
from drivers.modbus.shared import shared_by
from drivers.mqtt.devices import Decoder
from drivers.mqtt.message import Message
from monitor.model import Entry, Event, Missing, Reading, Value
from monitor.simulation import payload
from monitor.simulation.unit import Unit
from monitor.simulation.world import World
from monitor.site import Device

__all__ = ["Hearing"]

_COST = Cost(request=5, register=0.1)


class _Polled:
    """A Modbus device, the blocks that it is read in, and its registers."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._unit = Unit(device)
        self._held: dict[str, Value] = {}
        self._decoders: Sequence[BlockDecoder] = [
            decoder for scan in shared_by(device, _COST).scans.values() for decoder in scan.decoders
        ]

    def read(self, world: World, at: int) -> Reading:
        device, found = self.device, Decoded()
        unit = self._unit
        for name, value in world.values(device, at / 1000).items():
            if self._held.get(name) != value:
                self._held[name] = value
                unit.put(name, value)
        for decoder in self._decoders:
            block = decoder.block
            decoder.decode(
                _bytes(block.table in BIT_TABLES, unit.get(block.table, block.first, block.count)), found
            )
        finish(found)
        return Reading(device=device.id, time=at, arrived=at, values=found.values, missing=found.missing)


def _bytes(are_bits: bool, words: Sequence[int]) -> bytes:  # noqa: FBT001 - which of two forms
    if are_bits:
        packed = sum((word & 1) << place for place, word in enumerate(words))
        return packed.to_bytes((len(words) + 7) // 8, "little")
    return struct.pack(f">{len(words)}H", *words)


class Hearing:
    """Hears the devices of a world. `pseudonymise`: as drivers are given it."""

    def __init__(self, world: World, pseudonymise: Callable[[str], str]) -> None:
        self._world = world
        site = world.site
        drivers = {name: connection.driver for name, connection in site.connections.items()}
        devices = [device for device in site.devices.values() if device.connection]
        self._polled = {each.id: _Polled(each) for each in devices if drivers[each.connection] == "modbus"}
        self._decoders = {
            name: Decoder([each for each in devices if each.connection == name], pseudonymise, qos=0)
            for name, driver in drivers.items()
            if driver == "mqtt"
        }

    def reading(self, device: Device, at: int) -> Sequence[Entry]:
        """What a device says of its points at `at` (UTC ms); a device that does not answer fails a poll."""
        polled = self._polled.get(device.id)
        if self._world.is_silent(device.id, at / 1000):
            if polled is None:
                return ()
            missing = dict.fromkeys(device.points, Missing.TIMEOUT)
            return (Reading(device=device.id, time=at, arrived=at, values={}, missing=missing),)
        if polled is not None:
            return (polled.read(self._world, at),)
        if not device.points:
            return ()
        values = self._world.values(device, at / 1000)
        return [
            entry
            for topic, body in payload.reading(device, values, at / 1000)
            for entry in self._heard(device, topic, body, at)
        ]

    def card(
        self, reader: Device, credential: str, at: int, *, granted: bool, is_known: bool = True
    ) -> Sequence[Entry]:
        """The event of a card held to a reader at `at` (UTC ms)."""
        topic, body = payload.card(reader, credential, granted=granted, is_known=is_known, now=at / 1000)
        return [each for each in self._heard(reader, topic, body, at) if isinstance(each, Event)]

    def _heard(self, device: Device, topic: str, body: bytes, at: int) -> Sequence[Entry]:
        message = Message(1, 1, 0, dup=False, retain=False, topic=topic, payload=body, arrived=at)
        return self._decoders[device.connection].decode(message).entries
