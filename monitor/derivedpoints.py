"""What the monitor says of a device beside what the device says itself: the points that rules may name too.

They come as derived entries of a class, from metering, doors and equipment. The producers go by what stands here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from monitor.meters import billed_counter, counters_of
from monitor.periods import QUARTER
from monitor.schema import POINT_OPEN, POINT_RUNNING, delta_name, point_unit
from monitor.site import Device

__all__ = [
    "BESIDE_EVERY",
    "RATES",
    "DerivedPoint",
    "derived_points",
    "has_demand",
    "is_contact",
    "own_counts",
    "rhythm_of",
]

BESIDE_EVERY: Final = 60_000
"""Milliseconds between two entries beside the readings of a meter at least."""

RATES: Final[Mapping[str, tuple[str, str]]] = {"kWh": ("power", "w"), "m3": ("flow", "m3h")}
"""Unit of a counter -> quantity and suffix of its rate."""

_SLOWEST_FOR_DEMAND: Final = 5 * 60_000
_SELDOM: Final = 24 * 3_600_000
_ENDS: Final = frozenset({"opened", "closed"})
_DOOR_STATES: Final = ("state", "held", "forced")
_OWN_HOURS: Final = ("hours", "hours_h", "running_h", "run_h", "operating_h", "operating_hours_h")
_OWN_STARTS: Final = ("starts", "start_count")
"""Points by which equipment counts itself, the first that it has before the rest; then any point in hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedPoint:
    """A point that the monitor tells. `every`: seconds between two of its values; None: only when it changes."""

    name: str
    every: float | None = None

    @property
    def unit(self) -> str | None:
        """Its unit, as its name says."""
        return point_unit(self.name)


def derived_points(device: Device) -> dict[str, DerivedPoint]:
    """The points of a device that the monitor tells and the device does not, by name."""
    found = (*_of_meter(device), *_of_door(device), *_of_equipment(device))
    return {point.name: point for point in found if point.name not in device.points}


def _of_meter(device: Device) -> Iterator[DerivedPoint]:
    if device.virtual is not None:
        return
    billed = billed_counter(device)
    for counter in counters_of(device):
        rhythm = 0.0 if device.by_hand else rhythm_of(device, counter)
        every = max(BESIDE_EVERY, rhythm) / 1000 if rhythm else None
        yield DerivedPoint(name=delta_name(counter), every=every)
        unit = device.points[counter].unit or ""
        if counter != billed or unit not in RATES or device.by_hand:
            continue
        quantity, suffix = RATES[unit]
        yield DerivedPoint(name=f"{quantity}_{suffix}", every=every)
        if has_demand(device, counter):
            yield DerivedPoint(name=f"demand_predicted_{suffix}", every=every)
            yield DerivedPoint(name=f"demand_sliding_{suffix}", every=every)
            yield DerivedPoint(name=f"demand_{suffix}", every=QUARTER / 1000)


def _of_door(device: Device) -> Iterator[DerivedPoint]:
    if is_contact(device):
        for name in _DOOR_STATES:
            yield DerivedPoint(name=name)


def _of_equipment(device: Device) -> Iterator[DerivedPoint]:
    if device.device_class == "equipment" and POINT_RUNNING in device.points:
        hours, starts = own_counts(device)
        if not hours:
            yield DerivedPoint(name="hours")
        if not starts:
            yield DerivedPoint(name="starts")


def is_contact(device: Device) -> bool:
    """Whether a device says that a door opens and closes, as events or by a point."""
    if _ENDS.intersection(event.kind for event in device.events):
        return device.device_class in {"access", "door"} or bool(device.door)
    return POINT_OPEN in device.points and (device.device_class == "door" or bool(device.door))


def own_counts(device: Device) -> tuple[str, str]:
    """The points by which equipment counts its hours and its starts itself; empty: it does not."""
    hours = [name for name in _OWN_HOURS if name in device.points]
    hours += [name for name, point in device.points.items() if point.unit == "h"]
    starts = [name for name in _OWN_STARTS if name in device.points]
    return (hours or [""])[0], (starts or [""])[0]


def rhythm_of(device: Device, point: str) -> float:
    """How often a counter is read, in ms; 0 when nobody knows, a day for what people read."""
    if device.by_hand:
        return _SELDOM
    return 1000 * (device.expected_every or device.scan.get(device.points[point].scan) or 0)


def has_demand(device: Device, counter: str) -> bool:
    """Whether a counter is read often enough to tell demand by quarters of an hour."""
    return 0 < rhythm_of(device, counter) <= _SLOWEST_FOR_DEMAND
