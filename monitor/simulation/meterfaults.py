"""Faults of what meters show: counters that fall, roll over or begin anew."""

from typing import Annotated, Final

from pydantic import Field

from monitor.fields import Duration
from monitor.model import Value as Kept
from monitor.simulation.fault import NOTHING, Changes, FaultModel
from monitor.simulation.stage import Stage

__all__ = ["Dip", "Glitch", "Rollover", "Swap"]

_COUNTERS: Final = ("_wh", "_kwh", "_kvarh", "_kvah", "_m3", "_h")

_LEAST: Final = 0.002
"""By so much a counter stands short of its modulus at least, in its unit."""


class _CounterFault(FaultModel):
    """`point` is one counter; without it all counters of the device."""

    drivers = frozenset({"modbus", "mqtt"})
    meets = frozenset({"device"})
    needs = "counter"
    point: str | None = None

    def _counters(self, stage: Stage, now: float) -> dict[str, float]:
        assert self.device is not None
        values = stage.world.values(stage.world.site.devices[self.device], now)
        return {
            name: float(value)
            for name, value in values.items()
            if isinstance(value, int | float)
            and (name == self.point if self.point is not None else name.endswith(_COUNTERS))
        }


class Glitch(_CounterFault):
    """The next poll of each counter, and no other, reads `value`."""

    is_momentary = True
    drivers = frozenset({"modbus"})
    value: float = 0.0

    def begin(self, stage: Stage, now: float) -> Changes:
        """Let it begin."""
        for point in self._counters(stage, now):
            stage.units[self.device or ""].put_once(point, self.value)
        return NOTHING


class Dip(_CounterFault):
    """The counter falls by `by` (without it by a twentieth) and returns at the end."""

    by: Annotated[float, Field(gt=0)] | None = None

    def begin(self, stage: Stage, now: float) -> Changes:
        """Let it begin."""
        falls = {
            name: self.by if self.by is not None else value / 20
            for name, value in self._counters(stage, now).items()
        }
        return {self.device or "": lambda point, value, _: _minus(value, falls.get(point))}


class Rollover(_CounterFault):
    """The counter stands short of its `modulus` and begins anew from zero `in` that time.

    When nothing flows until then, it does so with the first that flows.
    """

    modulus: Annotated[float, Field(gt=0)]
    comes: Annotated[Duration, Field(alias="in")] = 5.0

    def begin(self, stage: Stage, now: float) -> Changes:
        """Let it begin."""
        modulus, now_shown = self.modulus, self._counters(stage, now)
        then = self._counters(stage, now + self.comes)
        zero = {name: max(value, now_shown[name] + _LEAST) for name, value in then.items()}

        def change(point: str, value: Kept, _: float) -> Kept:
            base = zero.get(point)
            return value if base is None or isinstance(value, str) else (value - base) % modulus

        return {self.device or "": change}


class Swap(_CounterFault):
    """Another meter hangs there: its counters begin at `start`, and it has another `serial` number."""

    serial: Annotated[str, Field(min_length=1, max_length=64)] = "99000001"
    start: float = 0.0

    def begin(self, stage: Stage, now: float) -> Changes:
        """Let it begin."""
        bases = {name: value - self.start for name, value in self._counters(stage, now).items()}
        serial = self.serial

        def change(point: str, value: Kept, _: float) -> Kept:
            if "serial" not in point:
                return _minus(value, bases.get(point))
            return serial if isinstance(value, str) or not serial.isdecimal() else int(serial)

        return {self.device or "": change}


def _minus(value: Kept, by: float | None) -> Kept:
    return value if by is None or isinstance(value, str) else value - by
