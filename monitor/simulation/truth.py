"""What simulated meters really counted: their registers at any instant as a driver keeps them, without faults."""

import struct
from typing import Final

from drivers.modbus.decode import BlockDecoder, Decoded
from drivers.modbus.layout import Field
from drivers.modbus.plan import Block
from monitor.simulation.unit import Unit
from monitor.simulation.world import STEP, World
from monitor.site import Device

__all__ = ["Truth"]

_EARLIER: Final = 60.0
"""Seconds for which a register may have stood there before it was read: a loaded machine is late to change it."""

_LATER: Final = 1.0
"""Messages carry whole seconds: what they say may be younger by so much."""

_SENT_DIGITS: Final = 6
_READ_DIGITS: Final = 3
"""What a simulated MQTT device sends of a number, and what people read of a display."""


class Truth:
    """The counters of one device of a simulated world that nothing is wrong with."""

    def __init__(self, world: World, device: Device) -> None:
        self._world = world
        self._device = device
        self._unit = Unit(device) if hasattr(device.address, "unit") else None

    def register(self, point: str, now: float) -> float:
        """What a counter shows at `now` (UTC seconds): from a Modbus meter with the digits of its registers."""
        value = float(self._world.values(self._device, now)[point])
        if self._unit is None:
            return round(value, _READ_DIGITS if self._device.by_hand else _SENT_DIGITS)
        self._unit.put(point, value)
        of = Field.of(self._device.points[point], self._device.protocol)
        block, decoded = Block.around([of.span]), Decoded()
        held = self._unit.get(block.table, block.first, block.count)
        BlockDecoder(block, [of]).decode(struct.pack(f">{block.count}H", *held), decoded)
        return float(decoded.values[point])

    def is_shown(self, point: str, register: float, at: float) -> bool:
        """Whether the meter showed this register around `at` (UTC seconds)."""
        steps = range(int((at + _LATER) // STEP), int((at - _EARLIER) // STEP), -1)
        return any(self.register(point, step * STEP) == register for step in steps)
