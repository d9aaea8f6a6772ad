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
        return self._in_digits(point, float(self._world.values(self._device, now)[point]))

    def used(self, point: str, start: float, end: float) -> float:
        """What was truly counted from `start` to `end` (UTC seconds), in the unit of the counter, never rounded.

        It goes on across a replacement of the meter, and while nobody can read it.
        """
        return self._world.counted(self._device, point, end) - self._world.counted(self._device, point, start)

    def swap(self, point: str) -> tuple[int, float, float] | None:
        """When the meter is replaced (UTC ms), what the old one shows at last and what the new one begins with.

        None for a meter that stays.
        """
        swaps = self._world.stories.swaps if self._world.stories is not None else ()
        for swap in swaps:
            if swap.device == self._device.id:
                old = self._in_digits(point, self._world.counted(self._device, point, swap.at / 1000))
                return swap.at, old, self.register(point, swap.at / 1000)
        return None

    def _in_digits(self, point: str, value: float) -> float:
        """What a value becomes in the registers, messages or displays of the device."""
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
