"""What each simulated device would say at an instant: pure functions of the site, the time and the overrides."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from monitor.model import Value
from monitor.simulation.building import Curve, LocalDays, noise
from monitor.simulation.flow import Flow
from monitor.simulation.habits import habit_of
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
_PHASES = ("l1", "l2", "l3")
_COUNTED_BEFORE = 9_000.0
"""Hours of its mean rate that a meter has counted before 2026."""
_PER_W = {"w": 1.0, "va": 1 / 0.96, "var": 0.29}
_RATES = frozenset({*_PER_W, "m3h"})
_PER_WH = {"kwh": 1 / 1000.0, "kvah": 1 / 960.0, "kvarh": 0.29 / 1000.0}
_COUNTED = frozenset({*_PER_WH, "m3"})
_QUARTER = 900.0
_PUMPED_AT_MOST = 0.8
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
    pumps_follow_water: bool = True
    """Whether with stories the first pump of a group is called when water is drawn, and not by incidents alone."""
    overrides: dict[tuple[str, str], Value] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    """Doors that somebody holds open when he has opened them."""
    silent: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    _days: LocalDays = field(init=False)
    _flows: dict[str, Flow] = field(default_factory=dict, init=False)
    _at: float = field(default=0.0, init=False)
    _known: dict[tuple[str, str, str | None], float] = field(default_factory=dict, init=False)
    _largest: dict[tuple[str, str], float] = field(default_factory=dict, init=False)
    _below: dict[str, Sequence[Device]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._days = LocalDays(self.site.timezone)

    def values(self, device: Device, now: float) -> dict[str, Value]:
        """Every point of a device at `now` (UTC seconds), in the units of the points' names."""
        shown = now // STEP * STEP
        values: dict[str, Value] = {}
        for name, point in device.points.items():
            value = self.overrides.get((device.id, name))
            if value is None:
                value = self._value(device, name, shown)
                if type(value) is float and "serial" not in name and (key := (device.id, name)) in self._largest:
                    value = min(value, self._largest[key])
                else:
                    value = self._possible(device, point, value, shown)
            values[name] = value
        for change in self.changes.get(device.id, ()):
            for name, value in values.items():
                values[name] = change(name, value, now)
        return values

    def _possible(self, device: Device, point: Point, value: Value, now: float) -> Value:
        source = point.source
        if not getattr(source, "map", None) and not getattr(source, "is_text", False):
            self._largest[device.id, point.name] = _largest(point) / 2
        return _possible(point, value, self._number(device, now))

    def is_silent(self, device: str, now: float) -> bool:
        """Whether a device does not answer, or says nothing, at `now` (UTC seconds)."""
        if device in self.silent or device in self.dead:
            return True
        return self.stories is not None and self.stories.is_silent(self.site.devices[device], now)

    def rate(self, device: Device, now: float, phase: str | None = None) -> float:
        """W or m3/h that a meter sees; a main meter sees the sum of the others of its class and some losses."""
        return self._once(device, "rate", now, phase)

    def total(self, device: Device, now: float, phase: str | None = None) -> float:
        """What has gone through a meter, in Wh or m3: its counter, had it never been replaced."""
        return self._once(device, "total", now, phase)

    def _once(self, device: Device, what: str, now: float, phase: str | None) -> float:
        """What several points of a device need at one instant is worked out once."""
        if now != self._at:
            self._at = now
            self._known.clear()
        key = (device.id, what, phase)
        found = self._known.get(key)
        if found is None:
            if what == "rate":
                found = self._sum(device, lambda flow: flow.rate(now, phase))
            else:
                found = self._sum(device, lambda flow: flow.total(now, phase))
            self._known[key] = found
        return found

    def counted(self, device: Device, point: str, now: float) -> float:
        """What a counter of a device would show, had the meter never been replaced, in the unit of the point."""
        value = self._measured(device, point, now)
        if value is None or point.rpartition("_")[2] not in _COUNTED:
            raise ValueError(f"{device.id}: {point} counts nothing that flows")
        return float(value)

    def _sum(self, device: Device, of: Callable[[Flow], float]) -> float:
        below = self._subs(device.device_class) if device.role == "main" else ()
        return sum(of(self._flow(sub)) for sub in below) * _LOSSES if below else of(self._flow(device))

    def _subs(self, device_class: str) -> Sequence[Device]:
        if device_class not in self._below:
            self._below[device_class] = [
                each
                for each in self.site.devices.values()
                if each.device_class == device_class and each.role == "sub" and each.virtual is None
            ]
        return self._below[device_class]

    def _flow(self, device: Device) -> Flow:
        flow = self._flows.get(device.id)
        if flow is None:
            habit = habit_of(device)
            mean = _MEANS.get(device.device_class, 1.0) * habit.size * (0.6 + 0.8 * noise(device.id))
            curve = Curve(device.id, habit, mean, self._days, start=mean * _COUNTED_BEFORE)
            draws, leans = (self.stories.draws, self.stories.leans) if self.stories is not None else ((), ())
            flow = self._flows[device.id] = Flow(
                curve,
                [each for each in draws if each.device == device.id],
                [each for each in leans if each.device == device.id],
            )
        return flow

    def _number(self, device: Device, now: float) -> str:
        """What tells the meter that hangs there now from all others."""
        is_new = self.stories is not None and self.stories.swap(device.id, now) is not None
        return f"{device.id} new" if is_new else device.id

    def _value(self, device: Device, name: str, now: float) -> Value:
        measured = self._measured(device, name, now)
        if measured is not None:
            is_counted = _parts_of(name)[2] in _COUNTED
            return self._since_swap(device, name, now, measured) if is_counted else measured
        told = self.stories.value(device.id, name, now) if self.stories is not None else None
        return self._state(device, name, now) if told is None else told

    def _since_swap(self, device: Device, name: str, now: float, counted: float) -> float:
        """What the counter of a meter shows that may be a new one: each of its counters begins in proportion."""
        swap = self.stories.swap(device.id, now) if self.stories is not None else None
        if swap is None:
            return counted
        before = float(self._measured(device, name, swap.at / 1000) or 0.0)
        carried = _WH_PER_M3 if device.device_class == "heat" else 1.0
        whole = self.total(device, swap.at / 1000) / (carried if name.endswith("_m3") else 1000.0)
        return counted - before + swap.start * before / whole

    def _measured(self, device: Device, name: str, now: float) -> float | None:
        """What is measured of what flows, by the suffix of a point; None for a point that is something else."""
        quantity, phase, suffix = _parts_of(name)
        if not quantity:
            return None
        per_m3 = 1 / _WH_PER_M3 if device.device_class == "heat" else 1.0
        if suffix in _RATES:
            return self.rate(device, now, phase) * _PER_W.get(suffix, per_m3)
        if suffix in _COUNTED:
            is_back = "export" in quantity or "reverse" in quantity
            return 0.0 if is_back else self.total(device, now, phase) * _PER_WH.get(suffix, per_m3)
        if suffix == "v":
            return self._voltage(device, phase, now) * (math.sqrt(3) if _between_phases(quantity) else 1.0)
        if suffix == "a":
            return self.rate(device, now, phase) / self._voltage(device, phase, now) / (1.0 if phase else 3.0)
        return None

    def _voltage(self, device: Device, phase: str | None, now: float) -> float:
        swing = 1.6 * math.sin(now / 173.0 + 6.0 * noise(device.id + (phase or ""))) + 0.5 * math.sin(now / 7.0)
        point = f"voltage_{phase}_v"
        told = self.stories.value(device.id, point, now) if self.stories is not None else None
        return float(self.overrides.get((device.id, point), (_NOMINAL if told is None else float(told)) + swing))

    def _is(self, device: Device, name: str, now: float) -> bool:
        """Whether a state is so, by an override, a story or daily life."""
        value = self.overrides.get((device.id, name))
        return bool(self._value(device, name, now) if value is None else value)

    def _state(self, device: Device, name: str, now: float) -> Value:
        """What is called runs; a pump that nobody calls runs two minutes of five; every other state is quiet."""
        steady = _steady(device, name, now)
        if steady is not None:
            return steady
        if name == "running" and "called" in device.points:
            return self._is(device, "called", now) and not self._is(device, "fault", now)
        if name == "running":
            return (now + 300 * noise(device.id)) % 300 < 120  # noqa: PLR2004 - seconds of five minutes
        if name == "called":
            return self._is_called(device, now)
        return name in {"locked", "online", "pressure_ok"}

    def _is_called(self, device: Device, now: float) -> bool:
        """Whether a pump is needed: where there are stories, the first of a group follows the water."""
        begin = now // _QUARTER * _QUARTER
        follows = self.pumps_follow_water and self.stories is not None
        return follows and now - begin < self.pumps_for(device, begin)

    def pumps_for(self, device: Device, begin: float) -> float:
        """Seconds for which a pump is called from the beginning of a quarter of an hour on (UTC seconds)."""
        if not any(device.id == group.members[0] for group in self.site.groups.values()):
            return 0.0
        mains = (each for each in self.site.devices.values() if each.device_class == "water")
        main = next((each for each in mains if each.role == "main"), None)
        if main is None:
            return 0.0
        drawn = self.total(main, begin + _QUARTER) - self.total(main, begin)
        return min(drawn * 3600.0 / _QUARTER, _PUMPED_AT_MOST) * _QUARTER


@lru_cache(maxsize=4096)
def _parts_of(name: str) -> tuple[str, str | None, str]:
    """The quantity, phase and suffix in the name of a point; no quantity where it is none of what flows."""
    quantity, _, suffix = name.rpartition("_")
    if quantity.startswith(("battery", "voltage_thd")):
        return "", None, suffix
    return quantity, next((phase for phase in _PHASES if phase in quantity.split("_")), None), suffix


def _steady(device: Device, name: str, now: float) -> float | None:
    """What hardly changes; None for what is none of it."""
    quantity, _, suffix = name.rpartition("_")
    if quantity.startswith("battery") and suffix == "v":
        return 3.0
    if quantity.startswith("voltage_thd"):
        return 2.1
    if quantity and suffix in _STEADY:
        return _STEADY[suffix] * (1 + 0.002 * math.sin(now / 31.0 + noise(device.id + name)))
    return 0.96 if name.startswith("pf") else None


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
