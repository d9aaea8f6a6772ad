"""What each simulated device would say at an instant: pure functions of the site, the time and the overrides."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from monitor.model import Value
from monitor.simulation.building import Curve, curve_for, noise
from monitor.simulation.stories import Stories
from monitor.site import Device, Point, Site

__all__ = ["STEP", "Change", "World"]

Change = Callable[[str, Value, float], Value]
"""How a fault changes what a point shows: (point, value, UTC seconds) -> value."""


STEP = 0.25
"""Seconds for which a meter shows the same: registers change on whole multiples of it, so that what was shown at
an instant can be worked out again."""

_MEANS = {"electricity": 1_800.0, "water": 0.22, "gas": 1.1, "heat": 9_000.0}
"""Mean rate of one meter by class: W, or m3/h."""

_WH_PER_M3 = 1163.0 * 20.0
"""Heat that a cubic metre of water carries when it cools by 20 degrees."""

_LOSSES = 1.03
"""A main meter sees what its sub-meters see and the little that nobody meters."""

_NOMINAL = 230.0
_PHASES = {"l1": 0.36, "l2": 0.33, "l3": 0.31}
_STEADY: Mapping[str, float] = {
    "hz": 50.0,
    "bar": 4.1,
    "c": 21.5,
    "hpa": 1013.0,
    "ppm": 620.0,
    "pct": 92.0,
    "pct_lel": 0.0,
    "m": 2.4,
    "h": 8123.0,
    "s": 0.0,
}
"""What a point with this suffix shows around, where nothing better is known."""


_WHOLE = re.compile(r"(?P<kind>u?int|bcd)(?P<bits>\d+)")
"""Types of registers that hold whole numbers."""


@dataclass
class World:
    """The simulated site: values follow curves until an override says otherwise.

    `overrides`: (device, point) -> value. `silent`: devices that do not answer at all; `dead` those that a fault
    keeps from it. `changes`: how faults change the values of devices.
    """

    site: Site
    stories: Stories | None = None
    """What happens in one month beside daily life."""
    overrides: dict[tuple[str, str], Value] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    """Doors that somebody holds open when he has opened them."""
    silent: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    _curves: dict[str, Curve] = field(default_factory=dict)

    def values(self, device: Device, now: float) -> dict[str, Value]:
        """Every point of a device at `now` (UTC seconds), in the units of the points' names."""
        shown = now // STEP * STEP
        values: dict[str, Value] = {}
        for name, point in device.points.items():
            value = self.overrides.get((device.id, name))
            if value is None:
                value = _possible(point, self._value(device, name, shown), device.id)
            for change in self.changes.get(device.id, ()):
                value = change(name, value, now)
            values[name] = value
        return values

    def is_silent(self, device: str) -> bool:
        """Whether a device does not answer, or says nothing."""
        return device in self.silent or device in self.dead

    def rate(self, device: Device, now: float) -> float:
        """W or m3/h that a meter sees; a main meter sees the sum of the others of its class and some losses."""
        return self._sum(device, lambda curve: curve.rate(now))

    def total(self, device: Device, now: float) -> float:
        """The meter's counter in Wh or m3."""
        return self._sum(device, lambda curve: curve.total(now))

    def _sum(self, device: Device, of: Callable[[Curve], float]) -> float:
        subs = [
            each
            for each in self.site.devices.values()
            if each.device_class == device.device_class and each.role == "sub" and each.virtual is None
        ]
        if device.role == "main" and subs:
            return sum(of(self._curve(sub)) for sub in subs) * _LOSSES
        return of(self._curve(device))

    def _curve(self, device: Device) -> Curve:
        curve = self._curves.get(device.id)
        if curve is None:
            mean = _MEANS.get(device.device_class, 1.0) * (0.6 + 0.8 * noise(device.id))
            curve = self._curves[device.id] = curve_for(device.id, mean, start=mean * 9_000.0)
        return curve

    def _value(self, device: Device, name: str, now: float) -> Value:
        quantity, _, suffix = name.rpartition("_")
        phase = next((p for p in _PHASES if p in quantity.split("_")), None)
        share = _PHASES.get(phase or "", 1.0)
        voltage = self._voltage(device, phase, now)
        carried = _WH_PER_M3 if device.device_class == "heat" else 1.0
        known: Mapping[str, Callable[[], Value]] = {
            "v": lambda: voltage * (math.sqrt(3) if _between_phases(quantity) else 1.0),
            "w": lambda: self.rate(device, now) * share,
            "va": lambda: self.rate(device, now) * share / 0.96,
            "var": lambda: self.rate(device, now) * share * 0.29,
            "a": lambda: self.rate(device, now) * share / voltage / (1.0 if phase else 3.0),
            "kwh": lambda: 0.0 if "export" in quantity else self.total(device, now) * share / 1000.0,
            "kvah": lambda: 0.0 if "export" in quantity else self.total(device, now) * share / 960.0,
            "kvarh": lambda: 0.0 if "export" in quantity else self.total(device, now) * share * 0.29 / 1000.0,
            "m3": lambda: 0.0 if "reverse" in quantity else self.total(device, now) / carried,
            "m3h": lambda: self.rate(device, now) / carried,
        }
        if quantity.startswith("battery") and suffix == "v":
            return 3.0
        if quantity.startswith("voltage_thd"):
            return 2.1
        if suffix in known and quantity:
            return known[suffix]()
        if quantity and suffix in _STEADY:
            return _STEADY[suffix] * (1 + 0.002 * math.sin(now / 31.0 + noise(device.id + name)))
        if name.startswith("pf"):
            return 0.96
        return self._state(device, name, now)

    def _voltage(self, device: Device, phase: str | None, now: float) -> float:
        swing = 1.6 * math.sin(now / 173.0 + 6.0 * noise(device.id + (phase or ""))) + 0.5 * math.sin(now / 7.0)
        return float(self.overrides.get((device.id, f"voltage_{phase}_v"), _NOMINAL + swing))

    def _is(self, device: Device, name: str) -> bool:
        """Whether a state is overridden to be so."""
        return bool(self.overrides.get((device.id, name)))

    def _state(self, device: Device, name: str, now: float) -> Value:
        """What is called runs; a pump that nobody calls runs two minutes of five; every other state is quiet."""
        if name == "running" and "called" in device.points:
            return self._is(device, "called") and not self._is(device, "fault")
        if name == "running":
            return (now + 300 * noise(device.id)) % 300 < 120  # noqa: PLR2004 - seconds of five minutes
        return name in {"locked", "online", "pressure_ok"}


def _possible(point: Point, value: Value, device: str) -> Value:
    """A value that the point can have: one of its map, a text where it is one, a number for a serial number."""
    meanings: Mapping[str, Value] | None = getattr(point.source, "map", None)
    if meanings and value not in meanings.values():
        return next(iter(meanings.values()))
    if "serial" in point.name:
        value = int(10_000_000 + 80_000_000 * noise(device))
    elif getattr(point.source, "is_text", False):
        value = "simulated"
    elif isinstance(value, float):
        value = min(value, _largest(point) / 2)
    return str(value)[: 2 * point.source.size] if getattr(point.source, "is_text", False) else value


def _largest(point: Point) -> float:
    """The largest value that the registers of a point hold; without end where they are no whole number."""
    found = _WHOLE.fullmatch(getattr(point.source, "type", ""))
    if found is None or getattr(point.source, "scale_register", None) is not None:
        return math.inf
    bits = int(found["bits"])
    raw = 10.0 ** (bits // 4) if found["kind"] == "bcd" else 2.0 ** (bits - (found["kind"] == "int"))
    return (raw - 1) * abs(point.factor / point.divisor) + point.offset


def _between_phases(quantity: str) -> bool:
    return quantity.endswith(("l12", "l23", "l31", "ll"))
