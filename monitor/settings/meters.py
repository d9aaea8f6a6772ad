"""Binds what makes a device a meter: ratings, transformers, gas; meters that are reckoned, or read by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from monitor.documents.explain import keys_of
from monitor.documents.finding import nearest
from monitor.documents.node import Node, join
from monitor.fields import Quantity
from monitor.meters import billed_counter
from monitor.profiles.counters import RATINGS, behind_transformers, rated
from monitor.profiles.units import UnitMismatch, measured
from monitor.schema import COUNTER_NAMES, is_counter, is_point_name, point_unit
from monitor.settings.binding import Binding
from monitor.settings.metershape import ByHandKeys, GasKeys, MeterKeys, VirtualKeys
from monitor.settings.shape import DeviceKeys
from monitor.site import Counter, Device, GasValue, Point, Virtual

__all__ = ["MeterBinder", "billed", "by_hand", "reckoned", "without_connection"]

M = TypeVar("M", bound=BaseModel)
_HOW: Final = {"sum": "reckoned from others", "minus": "reckoned from others", "manual": "read by hand"}
_ELSEWHERE: Final = frozenset({"every", "points", "equipment", *keys_of(DeviceKeys), *keys_of(MeterKeys)})
_MOST_KWH: Final = 100.0


def billed(device: Device) -> str | None:
    """The counter that a tariff can price, or others be reckoned with: one of `COUNTER_NAMES`; None: none."""
    counter = billed_counter(device)
    return counter if counter in COUNTER_NAMES.get(device.device_class, ()) else None


def without_connection(node: Node) -> str:
    """The key that makes a device a meter without a connection; empty where there is none."""
    return next((key for key in _HOW if key in node.entries), "")


class MeterBinder:
    """Binds what a device with a connection says of itself as a meter."""

    def __init__(self, binding: Binding, node: Node, path: str) -> None:
        self._binding = binding
        self._node = node
        self._path = path
        self._keys = binding.check(MeterKeys, node.only(frozenset(keys_of(MeterKeys))), path) or MeterKeys()

    @property
    def ratio(self) -> float:
        """What powers and energies are multiplied by."""
        return float((self._keys.ct or Fraction(1)) * (self._keys.vt or Fraction(1)))

    def gas(self, device_class: str) -> tuple[GasValue, ...]:
        """What its gas was worth."""
        return _gas(self._binding, self._keys.gas, device_class, self._node, self._path)

    def points(
        self, points: Mapping[str, Point], device_class: str, key: tuple[str, ...] | None
    ) -> Mapping[str, Point]:
        """The points behind its transformers and with its rating: the very mapping where it says neither.

        `key` names where the points come from, when others have the very same: those share what is made of them.
        """
        keys = self._keys
        wanted = (keys.ct, keys.vt, keys.rating)
        if wanted == (None, None, ()) or not points:
            return points
        known = self._binding.metered
        whole = None if key is None else (*key, device_class, *wanted)
        if whole is not None and whole in known:
            return known[whole]
        before = len(self._binding.findings.errors)
        made = self._transformed(points, device_class)
        if keys.rating:
            made = _rated(self._binding, made, keys.rating, self._node, self._path)
        if whole is not None and len(self._binding.findings.errors) == before:
            known[whole] = made
        return made

    def _transformed(self, points: Mapping[str, Point], device_class: str) -> Mapping[str, Point]:
        one = Fraction(1)
        given = {"ct": (self._keys.ct or one, one), "vt": (one, self._keys.vt or one)}
        for name, ratios in given.items():
            if ratios == (one, one):
                continue
            place, where = self._node.get(name) or self._node, join(self._path, name)
            if device_class != "electricity":
                message = (
                    f"transformers are before meters of class electricity, and this is {device_class or 'none'}"
                )
                self._binding.findings.error(place, where, message)
            elif behind_transformers(points, *ratios) == points:
                kind = "current" if name == "ct" else "voltage"
                message = f"the device has no {kind}, power or energy that it would change"
                self._binding.findings.error(place, where, message)
        return behind_transformers(points, given["ct"][0], given["vt"][1])


def _rated(
    binding: Binding, points: Mapping[str, Point], ratings: Sequence[Quantity], node: Node, path: str
) -> Mapping[str, Point]:
    made, unused = rated(points, ratings)
    for one in unused:
        number = ratings.index(one)
        place, where = node.get("rating") or node, join(path, "rating")
        if place.kind == "list" and number < len(place.items):
            place, where = place.items[number], join(where, number)
        fitting = sorted({RATINGS[point.unit] for point in points.values() if point.counter and point.unit})
        if one.magnitude <= 0:
            binding.findings.error(place, where, "a rating is more than 0")
        elif fitting and not one.unit:
            message = f"write the unit too, such as `{one.magnitude:g} {fitting[0]}`"
            binding.findings.error(place, where, message)
        elif fitting:
            binding.findings.error(
                place, where, f"none of its counters has a rating in `{one.unit}`", allowed=", ".join(fitting)
            )
        else:
            binding.findings.error(place, where, "the device has no counter that it could be the rating of")
    return made


def _gas(
    binding: Binding, keys: Sequence[GasKeys], device_class: str, node: Node, path: str
) -> tuple[GasValue, ...]:
    place, where = node.get("gas") or node, join(path, "gas")
    if keys and device_class != "gas":
        binding.findings.error(
            place, where, f"it is for meters of class gas, and this is {device_class or 'none'}"
        )
        return ()
    found: dict[date, GasValue] = {}
    for number, one in enumerate(keys):
        item, at = (place.items[number], join(where, number)) if place.kind == "list" else (place, where)
        if one.since is None and len(keys) > 1:
            binding.findings.error(
                item, join(at, "since"), "`since` is missing: with several, each says from when"
            )
            continue
        since = one.since or date.min
        if since in found:
            binding.findings.error(item.get("since") or item, join(at, "since"), f"{since} is given twice")
            continue
        value = _calorific(binding, one.calorific_value, item.get("calorific_value") or item, at)
        if value is not None:
            found[since] = GasValue(since=since, kwh_per_m3=value, factor=one.conversion_factor)
    return tuple(found[since] for since in sorted(found))


def _calorific(binding: Binding, quantity: Quantity, place: Node, path: str) -> float | None:
    where = join(path, "calorific_value")
    try:
        value = measured(quantity, "kWh/m3")
    except UnitMismatch as error:
        binding.findings.error(place, where, str(error))
        return None
    if not 0 < value <= _MOST_KWH:
        message = f"a cubic metre of gas has more than 0 and at most {_MOST_KWH:g} kWh"
        binding.findings.error(place, where, message)
        return None
    return value


# Without a connection ----------------------------------------------------------------------------------


def _checked(binding: Binding, model: type[M], node: Node, path: str) -> M | None:
    """A model of a meter without a connection; keys that only make sense with one are told as such."""
    allowed = frozenset(keys_of(model))
    strange = _ELSEWHERE | set(_HOW)
    for driver in binding.drivers.values():
        strange |= set(keys_of(driver.device_model))
    how = _HOW[without_connection(node)]
    told = set()
    for key, entry in node.entries.items():
        if key in strange and key not in allowed:
            told.add(key)
            message = f"a meter that is {how} has no `{key}`"
            binding.findings.error(entry.key, join(path, key), message, allowed=", ".join(sorted(allowed)))
    made = binding.check(model, node.only(frozenset(map(str, told)), but=True), path)
    return None if told else made


def by_hand(binding: Binding, node: Node, path: str) -> Device | None:
    """Bind a meter that people read; None after telling what is wrong."""
    keys = _checked(binding, ByHandKeys, node, path)
    before = len(binding.findings.errors)
    if keys is None:
        return None
    device_class = keys.device_class or ""
    place, where = node.get("class") or node, join(path, "class")
    if not device_class:
        message = "`class` is missing: say what it counts"
        binding.findings.error(node, where, message, allowed=", ".join(COUNTER_NAMES))
        return None
    if device_class not in COUNTER_NAMES:
        binding.unknown(place, where, device_class, COUNTER_NAMES, "class of meters")
        return None
    points: Mapping[str, Point] = _counters(binding, keys.manual, device_class, node, path)
    if keys.rating and points:
        points = _rated(binding, points, keys.rating, node, path)
    gas = _gas(binding, keys.gas, device_class, node, path)
    if len(binding.findings.errors) > before:
        return None
    return replace(_device(keys, device_class), points=points, gas=gas, by_hand=True)


def _counters(
    binding: Binding, names: Sequence[str], device_class: str, node: Node, path: str
) -> dict[str, Point]:
    usual = COUNTER_NAMES[device_class]
    place, where = node.get("manual") or node, join(path, "manual")
    points = {}
    for number, name in enumerate(names):
        item, at = (place.items[number], join(where, number)) if place.kind == "list" else (place, where)
        unit = point_unit(name)
        if not is_point_name(name) or unit is None or not is_counter(name):
            binding.findings.error(
                item, at, f"`{name[:60]}` is no counter", allowed=", ".join(usual), hint=nearest(name, usual)
            )
        elif name in points:
            binding.findings.error(item, at, f"`{name}` is given twice")
        else:
            points[name] = Point(name=name, unit=unit, counter=Counter())
    if len(points) == len(names) and not set(usual) & set(points):
        binding.findings.error(
            place,
            where,
            f"none of these is what a meter of class {device_class} is billed by",
            allowed=", ".join(usual),
        )
    return points


def _device(keys: Any, device_class: str) -> Device:
    return Device(
        id=keys.id,
        name=keys.name or keys.id,
        connection="",
        device_class=device_class,
        building=keys.building,
        zone=keys.zone,
        role=keys.role,
        medium=keys.medium,
        tenant=keys.tenant,
    )


def reckoned(
    binding: Binding, written: Mapping[str, tuple[Node, str]], devices: Mapping[str, Device]
) -> dict[str, Device]:
    """Bind the meters that are reckoned, by id; `devices` are all others. Each mistake is told once."""
    return _Reckoning(binding, written, devices).all()


class _Reckoning:
    """Binds reckoned meters, those first that others are made of."""

    def __init__(
        self, binding: Binding, written: Mapping[str, tuple[Node, str]], devices: Mapping[str, Device]
    ) -> None:
        self._binding = binding
        self._findings = binding.findings
        self._written = written
        self._devices = devices
        self._done: dict[str, Device | None] = {}
        self._under_way: list[str] = []

    def all(self) -> dict[str, Device]:
        found = {ident: self._one(ident) for ident in self._written}
        return {ident: device for ident, device in found.items() if device is not None}

    def _one(self, ident: str) -> Device | None:
        if ident not in self._done:
            self._under_way.append(ident)
            self._done[ident] = self._bind(*self._written[ident])
            self._under_way.pop()
        return self._done[ident]

    def _bind(self, node: Node, path: str) -> Device | None:
        keys = _checked(self._binding, VirtualKeys, node, path)
        if keys is None:
            return None
        before = len(self._findings.errors)
        members: list[tuple[Node, str, Device]] = []
        complete = True
        seen: set[str] = set()
        for key, names in (("sum", keys.sum), ("minus", keys.minus)):
            for place, where, name in _places(node, path, key, names):
                if name in seen:
                    self._findings.error(place, where, f"`{name[:60]}` is given twice")
                seen.add(name)
                device = self._member(name, place, where)
                if device is None:
                    complete = False
                else:
                    members.append((place, where, device))
        point = self._common(members, keys.device_class, node, path)
        if point is None or not complete or len(self._findings.errors) > before:
            return None
        virtual = Virtual(sum=keys.sum, minus=keys.minus)
        device = _device(keys, members[0][2].device_class)
        return replace(device, points={point.name: point}, virtual=virtual)

    def _member(self, name: str, place: Node, where: str) -> Device | None:
        if name in self._under_way:
            circle = " → ".join([*self._under_way[self._under_way.index(name) :], name])
            self._findings.error(place, where, f"a meter cannot be made of itself: {circle}")
            return None
        if name in self._written:
            return self._one(name)
        if name not in self._binding.candidates:
            self._binding.unknown(place, where, name, self._binding.candidates, "device")
            return None
        return self._devices.get(name)

    def _common(
        self, members: Sequence[tuple[Node, str, Device]], given: str | None, node: Node, path: str
    ) -> Point | None:
        """The counter that all members have; each that has another one is told."""
        first: Device | None = None
        for place, where, device in members:
            name = billed(device)
            if name is None:
                self._findings.error(place, where, f"`{device.id}` has no counter that it would be billed by")
                continue
            if first is None:
                first = device
            mine, its = (first.device_class, billed(first)), (device.device_class, name)
            if mine != its:
                message = f"it counts {its[1]} ({its[0]}), and `{first.id}` counts {mine[1]} ({mine[0]})"
                self._findings.error(place, where, message)
        if first is None:
            return None
        if given is not None and given != first.device_class:
            message = f"its meters are of class {first.device_class}"
            self._findings.error(node.get("class") or node, join(path, "class"), message, hint=first.device_class)
        name = billed(first) or ""
        return Point(name=name, unit=first.points[name].unit, counter=Counter())


def _places(node: Node, path: str, key: str, names: Sequence[str]) -> list[tuple[Node, str, str]]:
    place, where = node.get(key) or node, join(path, key)
    if place.kind != "list":
        return [(place, where, name) for name in names]
    return [(place.items[number], join(where, number), name) for number, name in enumerate(names)]
