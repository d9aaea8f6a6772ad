"""What the meters of a simulated site truly count, and what the drivers read of it from the wire."""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.modbus.decode import Decoded, finish
from drivers.modbus.plan import Cost
from drivers.modbus.shared import shared_by
from drivers.mqtt.devices import Decoder
from drivers.mqtt.message import Message
from monitor.app import load_site
from monitor.meters import billed_counter
from monitor.model import Reading
from monitor.simulation import payload
from monitor.simulation.stage import Stage
from monitor.simulation.unit import Unit
from monitor.simulation.world import World
from monitor.site import Device, Site

__all__ = ["Truth", "Wire", "demo_meters", "digit"]

DEMO = Path(__file__).parents[2] / "config" / "demo.yaml"
_COST = Cost(request=5, register=0.1)


def demo_meters(folder: Path, *, every: float) -> dict[str, Device]:
    """The meters of the demo with the counter they are billed by alone, read every so many seconds."""
    file = folder / "demo.yaml"
    file.write_text(DEMO.read_text("utf-8"), "utf-8")
    found = {}
    for device in load_site(file).site.devices.values():
        counter = billed_counter(device)
        if counter is not None and device.connection:
            rhythm: dict[str, Any] = (
                {"scan": dict.fromkeys(device.scan, every)} if device.scan else {"expected_every": every}
            )
            found[device.id] = replace(device, points={counter: device.points[counter]}, **rhythm)
    return found


class Wire:
    """The drivers' own way from the values of the world to readings, without the sockets between."""

    def __init__(self, site: Site) -> None:
        self.world = World(site)
        self._site = site
        by_unit = [device for device in site.devices.values() if _speaks(site, device) == "modbus"]
        self._units = {device.id: Unit(device) for device in by_unit}
        self._blocks = {
            device.id: [each for scan in shared_by(device, _COST).scans.values() for each in scan.decoders]
            for device in by_unit
        }
        pushed = [device for device in site.devices.values() if _speaks(site, device) == "mqtt"]
        self._decoder = Decoder(pushed, _nobody, qos=0)
        self.stage = Stage(self.world, self._units, {})

    def reading(self, device: Device, time: int) -> Reading:
        """What is read of a device at a moment (UTC ms)."""
        values = self.world.values(device, time / 1000)
        unit = self._units.get(device.id)
        if unit is None:
            ((topic, content),) = payload.reading(device, values, time / 1000)
            message = Message(1, 1, 0, dup=False, retain=False, topic=topic, payload=content, arrived=time)
            (entry,) = self._decoder.decode(message).entries
            assert isinstance(entry, Reading)
            return entry
        for name, value in values.items():
            unit.put(name, value)
        found = Decoded()
        for decoder in self._blocks[device.id]:
            block = decoder.block
            words = unit.answer(block.table, block.first, block.count)
            assert isinstance(words, list)
            decoder.decode(b"".join(word.to_bytes(2, "big") for word in words), found)
        finish(found)
        assert not found.missing
        return Reading(device=device.id, time=time, arrived=time, values=found.values)

    def shows(self, device: Device, point: str, time: int) -> float:
        """What a counter of a device that nothing is wrong with shows at a moment (UTC ms)."""
        register = self.reading(device, time).values[point]
        assert isinstance(register, float)
        return register


class Truth:
    """What one counter counted, by what it showed at the moments it was read, in the digits of its register."""

    def __init__(self, registers: Iterable[tuple[int, float]]) -> None:
        known = sorted(registers)
        self._times = [time for time, _ in known]
        self._registers = [register for _, register in known]

    def at(self, time: int) -> float:
        """The register at a moment: as it was read, or on the straight line between two readings."""
        place = bisect_right(self._times, time) - 1
        if place + 1 == len(self._times):
            return self._registers[-1]
        one, two = self._times[place], self._times[place + 1]
        before, after = self._registers[place], self._registers[place + 1]
        return before + (after - before) * (time - one) / (two - one)

    def used(self, start: int, end: int) -> float:
        """What was counted in [start, end)."""
        return self.at(end) - self.at(start)


def digit(device: Device, register: float) -> float:
    """The last digit that a counter of a device has at a register."""
    (point,) = device.points.values()
    assert point.counter is not None
    if point.counter.step:
        return point.counter.step
    if getattr(point.source, "type", "") == "float32":
        return 2.0 ** (math.floor(math.log2(register)) - 23)
    return 1e-6  # of the JSON of the simulator


def _speaks(site: Site, device: Device) -> str:
    return site.connections[device.connection].driver if device.connection else ""


def _nobody(credential: str) -> str:
    raise AssertionError(f"a meter shows no credential: {credential}")
