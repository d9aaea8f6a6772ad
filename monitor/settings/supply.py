"""Binds how it is known whether a building has electricity, water, gas or heat."""

from collections.abc import Mapping, Sequence
from typing import Final

from monitor.documents.node import Node, join
from monitor.plant import Supply
from monitor.schema import STATES
from monitor.settings.binding import Binding
from monitor.settings.patterns import fits
from monitor.settings.plantshape import SupplyKeys
from monitor.settings.quantities import converted
from monitor.site import Device, Point

__all__ = ["bind_supply", "usual_supplies"]

_MAIN: Final = "main"
_VOLTAGES: Final = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
_VOLTAGE: Final = "voltage_v"
_PRESSURE: Final = "pressure_bar"
_LEAST_VOLTAGE: Final = 50.0
_LEAST_PRESSURE: Final = 0.5


def bind_supply(binding: Binding, root: Node, devices: Mapping[str, Device]) -> tuple[Supply, ...]:
    """Bind the section `supply`; main meters stand for buildings of which it says nothing."""
    taken: dict[tuple[str, str], Node] = {}
    found = []
    for node, path in binding.section(root, "supply"):
        supply = _supply(binding, node, path, devices)
        if supply is None:
            continue
        key = (supply.building, supply.utility)
        if key in taken:
            where = f"the {supply.utility} of {_named(supply.building)} is said in line {taken[key].line} already"
            binding.findings.error(node.get("utility") or node, join(path, "utility"), where)
            continue
        taken[key] = node
        found.append(supply)
    for supply in usual_supplies(devices):
        if (supply.building, supply.utility) not in taken:
            taken[supply.building, supply.utility] = root
            found.append(supply)
    return tuple(found)


def _named(building: str) -> str:
    return f"`{building}`" if building else "the site"


def _supply(binding: Binding, node: Node, path: str, devices: Mapping[str, Device]) -> Supply | None:
    keys = binding.check(SupplyKeys, node, path)
    if keys is None:
        return None
    before = len(binding.findings.errors)
    buildings = binding.by_word("building")
    if keys.building and keys.building not in buildings:
        place, where = node.get("building") or node, join(path, "building")
        binding.unknown(place, where, keys.building, buildings, "device whose building is")
    device = _device(binding, keys.device, node, path, devices)
    if device is None:
        return None
    points = _points(binding, keys, device, node, path)
    keys = _limit(binding, keys, points, node, path)
    if len(binding.findings.errors) > before:
        return None
    return Supply(
        building=device.building if keys.building is None else keys.building,
        utility=keys.utility,
        device=device.id,
        points=tuple(points),
        below=None if keys.below is None else keys.below.magnitude,
        lost_is=keys.lost_is,
        delay=keys.delay,
    )


def _device(binding: Binding, name: str, node: Node, path: str, devices: Mapping[str, Device]) -> Device | None:
    place, where = node.get("device") or node, join(path, "device")
    device = devices.get(name)
    if device is None:
        if name not in binding.candidates:
            binding.unknown(place, where, name, binding.candidates, "device")
        return None
    if not device.has_connection:
        how = "read by hand" if device.by_hand else "reckoned from others"
        binding.findings.error(place, where, f"`{name}` is {how}: it does not say what is there now")
        return None
    return device


def _points(binding: Binding, keys: SupplyKeys, device: Device, node: Node, path: str) -> dict[str, Point]:
    """The points that say it; each name and pattern has to find one."""
    key = "point" if keys.point else "points"
    place, where = node.get(key) or node, join(path, key)
    found: dict[str, Point] = {}
    for number, pattern in enumerate(keys.point or keys.points):
        item, at = (place.items[number], join(where, number)) if place.kind == "list" else (place, where)
        fitting = {name: point for name, point in device.points.items() if fits(name, (pattern,))}
        if not fitting:
            what = f"point of `{device.id}`" + (" that matches" if "*" in pattern else "")
            binding.unknown(item, at, pattern, device.points, what)
        found |= fitting
    units = sorted({point.unit or "no unit" for point in found.values()})
    if len(units) > 1:
        message = f"the points of one supply share a unit; these have {', '.join(units)}"
        binding.findings.error(place, where, message)
        return {}
    return found


def _limit(binding: Binding, keys: SupplyKeys, points: Mapping[str, Point], node: Node, path: str) -> SupplyKeys:
    """The keys with `below` in the unit of the points; a limit that does not fit them is told."""
    name, point = next(iter(points.items()), ("", None))
    if point is None:
        return keys
    if keys.below is not None:
        place, where = node.get("below") or node, join(path, "below")
        if name in STATES:
            binding.findings.error(place, where, f"`{name}` is true or false: write `is: false` or `is: true`")
            return keys
        below = converted(keys.below, point.unit, name, place, where, binding.findings)
        return keys.model_copy(update={"below": below})
    place, where = node.get("is") or node, join(path, "is")
    if point.unit is not None:
        message = f"`{name}` is in {point.unit}: write `below:` with a quantity"
        binding.findings.error(place, where, message)
    elif name in STATES and not isinstance(keys.lost_is, bool):
        binding.findings.error(place, where, f"`{name}` is true or false", allowed="true, false")
    return keys


def usual_supplies(devices: Mapping[str, Device]) -> Sequence[Supply]:
    """What main meters say by themselves: voltages of electricity, the pressure of water."""
    found = []
    for device in devices.values():
        if device.role != _MAIN or not device.has_connection:
            continue
        if device.device_class == "electricity":
            points = tuple(name for name in _VOLTAGES if name in device.points)
            points = points or tuple(name for name in (_VOLTAGE,) if name in device.points)
            below = _LEAST_VOLTAGE
        elif device.device_class == "water":
            points, below = tuple(name for name in (_PRESSURE,) if name in device.points), _LEAST_PRESSURE
        else:
            continue
        if points:
            supply = Supply(
                building=device.building,
                utility=device.device_class,
                device=device.id,
                points=points,
                below=below,
            )
            found.append(supply)
    return found
