"""Binds connections and devices: references, profiles, points, and how often each is read."""

import math
from collections.abc import Mapping
from typing import Any, Final

from monitor.documents.explain import keys_of, unknown_key
from monitor.documents.node import Node, join
from monitor.ports import DriverType
from monitor.profiles import Bound, Profile
from monitor.profiles.points import bind_points
from monitor.schema import CLASSES, MONITOR_DEVICE, is_point_name, point_unit
from monitor.settings.binding import Binding, Candidate
from monitor.settings.meters import MeterBinder, by_hand, reckoned, without_connection
from monitor.settings.metershape import MeterKeys
from monitor.settings.shape import ConnectionKeys, DeviceKeys, EveryEach, EveryOne
from monitor.site import Connection, Device, Point

__all__ = ["bind_connections", "bind_devices"]

DEFAULT_FAST: Final = 10.0
DEFAULT_SLOW: Final = 300.0
_COMMON: Final = frozenset(keys_of(DeviceKeys))
_OWN: Final = frozenset({"every", "points", "equipment", *keys_of(MeterKeys)})
_METERS: Final = frozenset({"sum", "minus", "manual"})
"""Keys that a device with a connection does not have; named in hints."""
_SELECTED: Final = ("id", "class", "profile", "connection", "building", "zone", "role", "tenant")


def bind_connections(binding: Binding, root: Node) -> None:
    """Bind the section `connections`."""
    seen: dict[str, Node] = {}
    for node, path in binding.section(root, "connections"):
        ident = node.text("id")
        if ident and ident in seen:
            binding.twice(node, path, ident, seen[ident])
        seen.setdefault(ident, node)
        named = [key for key in node.entries if isinstance(key, str) and key in binding.drivers]
        binding.connection_drivers[ident] = named[0] if len(named) == 1 else ""
        _connection(binding, node, path, named)


def _connection(binding: Binding, node: Node, path: str, named: list[str]) -> None:
    names = sorted(binding.drivers)
    keys = binding.check(ConnectionKeys, node.only({"id"}), path)
    allowed = ["id", *names]
    strange = [key for key in node.entries if key not in allowed]
    for key in strange:
        unknown_key(node, key, path, binding.findings, allowed=allowed)
    if len(named) > 1:
        both = node.entries[named[1]].key
        binding.findings.error(both, join(path, named[1]), f"a connection speaks one protocol: {named[0]} or this")
        return
    if not named:
        if not strange:
            binding.findings.error(node, path, "say which protocol it speaks", allowed=", ".join(names))
        return
    block = node.entries[named[0]].value
    options = binding.check(binding.drivers[named[0]].connection_model, block, join(path, named[0]))
    if keys is not None and options is not None:
        binding.connections[keys.id] = Connection(id=keys.id, driver=named[0], options=options)


def bind_devices(binding: Binding, root: Node) -> dict[str, Device]:
    """Bind the section `devices`; candidates are left in the binding, also of devices with mistakes."""
    seen: dict[str, Node] = {}
    devices: dict[str, Device] = {}
    doors: list[tuple[Node, str, str]] = []
    made_of: dict[str, tuple[Node, str]] = {}
    for node, path in binding.section(root, "devices"):
        ident = node.text("id")
        if ident and ident in seen:
            binding.twice(node, path, ident, seen[ident])
        seen.setdefault(ident, node)
        if ident == MONITOR_DEVICE:
            binding.findings.error(node.get("id") or node, join(path, "id"), f"`{ident}` is the monitor itself")
        how = without_connection(node)
        if how in {"sum", "minus"}:
            made_of[ident] = (node, path)
            _candidate(binding, node, None, node.text("class"), {})
            continue
        device = _by_hand(binding, node, path) if how else _Bind(binding, node, path).device()
        if device is not None:
            devices[device.id] = device
        if not how and node.text("door"):
            doors.append((node, path, node.text("door")))
    behind = {reader.text("id") for reader, _, _ in doors}
    known = [
        ident
        for ident, one in binding.candidates.items()
        if one.attributes["class"] == "door" or (one.attributes["class"] == "access" and ident not in behind)
    ]
    for node, path, door in doors:
        if door not in known:
            binding.unknown(node.get("door") or node, join(path, "door"), door, known, "door")
    made = reckoned(binding, made_of, devices)
    for ident, device in made.items():
        _candidate(binding, made_of[ident][0], device, device.device_class, device.points)
    both = devices | made
    return {ident: both[ident] for ident in seen if ident in both}


def _by_hand(binding: Binding, node: Node, path: str) -> Device | None:
    device = by_hand(binding, node, path)
    points: Mapping[str, Point] = {} if device is None else device.points
    _candidate(binding, node, device, node.text("class"), points)
    return device


def _candidate(
    binding: Binding, node: Node, device: Device | None, device_class: str, points: Mapping[str, Point]
) -> None:
    """Keep what rules and others see of a device, also when it has mistakes."""
    attributes = {name: node.text(name) for name in _SELECTED} | {"class": device_class}
    units = {name: point.unit for name, point in points.items()}
    inline = node.get("points")
    for name in () if inline is None else inline.entries:
        if isinstance(name, str) and is_point_name(name):
            units.setdefault(name, point_unit(name))
    binding.candidates[attributes["id"]] = Candidate(
        attributes=attributes, points=units, complete=device is not None, device=device
    )


class _Bind:
    """Binds one device."""

    def __init__(self, binding: Binding, node: Node, path: str) -> None:
        self.binding = binding
        self.findings = binding.findings
        self.node = node
        self.path = path
        self._errors = len(self.findings.errors)
        self._broken = False
        """Whether its profile or connection is wrong, which is told once, at its own place."""

    def device(self) -> Device | None:
        """The device, or None after telling what is wrong; its candidate is kept in any case."""
        keys = self.binding.check(DeviceKeys, self.node.only(_COMMON), self.path)
        driver = self._driver() or self._guessed()
        bound, profile_class = self._profile(driver)
        device_class = self._class(profile_class)
        address = self._address(driver)
        meter = MeterBinder(self.binding, self.node, self.path)
        points = meter.points(self._points(driver, bound), device_class, self._origin(driver))
        gas = meter.gas(device_class)
        rate = _least_rate(address, None if bound is None else bound.protocol)
        scan = {} if driver is None else self._scan(driver, bound, points, rate)
        expected = None if driver is None else self._expected(driver)
        device = None
        fine = len(self.findings.errors) == self._errors and not self._broken
        if keys is not None and driver is not None and fine:
            device = Device(
                id=keys.id,
                name=keys.name or keys.id,
                profile=keys.profile,
                connection=keys.connection,
                device_class=device_class,
                building=keys.building,
                zone=keys.zone,
                role=keys.role,
                medium=keys.medium,
                tenant=keys.tenant,
                direction=keys.direction or "",
                door=keys.door,
                scan=scan,
                expected_every=expected,
                urgent=rate is not None,
                address=address,
                protocol=None if bound is None else bound.protocol,
                points=points,
                events=() if bound is None else bound.events,
                gas=gas,
                ratio=meter.ratio,
            )
        _candidate(self.binding, self.node, device, device_class, points)
        return device

    def _driver(self) -> DriverType | None:
        """The driver of the device's connection."""
        name = self.node.text("connection")
        if not name:
            return None
        known = self.binding.connection_drivers
        if name not in known:
            place = self.node.get("connection") or self.node
            self.binding.unknown(place, join(self.path, "connection"), name, known, "connection")
            return None
        return self.binding.drivers[known[name]] if known[name] else None

    def _guessed(self) -> DriverType | None:
        """The driver that is probably meant where the connection is wrong, so that the rest is checked too."""
        self._broken = True
        profile = self.binding.library.get(self.node.text("profile"))
        if profile is not None and len(profile.drivers) == 1:
            return self.binding.drivers[profile.drivers[0]]
        rest = set(self.node.entries) - _COMMON - _OWN
        fitting = [one for one in self.binding.drivers.values() if rest & set(keys_of(one.device_model))]
        return fitting[0] if len(fitting) == 1 else None

    def _profile(self, driver: DriverType | None) -> tuple[Bound | None, str]:
        """The profile as the driver reads it, and its class."""
        name = self.node.text("profile")
        if not name:
            return None, ""
        place, where = self.node.get("profile") or self.node, join(self.path, "profile")
        library = self.binding.library
        if name not in library.ids:
            self.binding.unknown(place, where, name, library.ids, "profile")
            return None, ""
        profile = library.get(name)
        if profile is None:
            self._broken = True
            return None, ""
        if driver is None:
            return None, profile.device_class
        if driver.name not in profile.drivers:
            said = " and ".join(profile.drivers)
            self.findings.error(
                place, where, f"`{name}` is read over {said}, and the connection speaks {driver.name}"
            )
            return None, profile.device_class
        variant = self._variant(profile)
        bound = None if variant is None else library.bind(profile, driver.name, variant)
        self._broken = self._broken or bound is None
        return bound, profile.device_class

    def _origin(self, driver: DriverType | None) -> tuple[str, ...] | None:
        """Where the points come from, when they are those of a profile and nothing else."""
        if driver is None or self.node.get("points") is not None or not self.node.text("profile"):
            return None
        return driver.name, self.node.text("profile"), self.node.text("variant")

    def _variant(self, profile: Profile) -> str | None:
        """The variant of a profile that the device is, an empty text for the profile as it is; None when wrong."""
        named = self.node.text("variant")
        place, where = self.node.get("variant") or self.node, join(self.path, "variant")
        if named and named not in profile.variants:
            if profile.variants:
                self.binding.unknown(place, where, named, profile.variants, f"variant of `{profile.id}`")
            else:
                self.findings.error(place, where, f"`{profile.id}` has no variants")
            return None
        if profile.choose and not named:
            choices = "; ".join(f"{one.id}: {one.model}" for one in profile.variants.values())
            self.findings.error(
                self.node, where, f"`variant` is missing: say which `{profile.id}` this is", allowed=choices
            )
            return None
        doubts = profile.experimental + (profile.variants[named].experimental if named else ())
        if doubts:
            place = self.node.get("profile") or self.node
            self.findings.warning(
                place, join(self.path, "profile"), f"`{profile.id}` is experimental: {' '.join(doubts)}"
            )
        return named

    def _class(self, profile_class: str) -> str:
        given = self.node.text("class")
        if not given:
            if not profile_class and not self.node.text("profile") and "class" not in self.node.entries:
                self.findings.error(
                    self.node,
                    join(self.path, "class"),
                    "`class` is missing: a device without a profile needs it",
                    allowed=", ".join(CLASSES),
                )
            return profile_class
        if given not in CLASSES:
            place = self.node.get("class") or self.node
            self.binding.unknown(place, join(self.path, "class"), given, CLASSES, "class")
            return profile_class
        return given

    def _address(self, driver: DriverType | None) -> Any:
        """The keys that the driver adds, checked by its model."""
        rest = self.node.only(_COMMON | _OWN, but=True)
        if driver is not None:
            return self.binding.check(driver.device_model, rest, self.path, also=_COMMON | _OWN | _METERS)
        allowed = set(_COMMON | _OWN | _METERS)
        for one in self.binding.drivers.values():
            allowed.update(keys_of(one.device_model))
        for key in rest.entries:
            if key not in allowed:
                unknown_key(self.node, key, self.path, self.findings, allowed=sorted(allowed))
        return None

    def _points(self, driver: DriverType | None, bound: Bound | None) -> Mapping[str, Point]:
        """The points of the profile, the very mapping where the device adds none, and its own."""
        points: Mapping[str, Point] = {} if bound is None else bound.points
        inline = self.node.get("points")
        if inline is not None and driver is not None:
            points = {**points} | bind_points(inline, join(self.path, "points"), driver, self.findings)
        if not points and not self._may_be_empty(bound, inline, driver):
            self.findings.error(self.node, self.path, "the device has no points: give it a `profile` or `points`")
        return points

    def _may_be_empty(self, bound: Bound | None, inline: Node | None, driver: DriverType | None) -> bool:
        if driver is None or inline is not None or (bound is not None and bound.events):
            return True
        return bound is None and bool(self.node.text("profile"))

    # How often -----------------------------------------------------------------------------------------

    def _scan(
        self, driver: DriverType, bound: Bound | None, points: Mapping[str, Point], rate: float | None
    ) -> dict[str, float | None]:
        """Seconds of each scan class that the points use; what `every` does not say, the profile does."""
        if not driver.polled:
            return {}
        given = self._every(driver)
        usual = getattr(None if bound is None else bound.protocol, "scan", None)
        used = {point.scan for point in points.values()}
        self._check_rate(given.get("fast"), rate, used)
        if bound is not None and bound.events and "fast" not in used:
            message = "a polled device with events needs a point that is `fast`: an answer without values is none"
            self.findings.error(self.node, self.path, message)
        fast = given.get("fast") or min(getattr(usual, "fast", None) or DEFAULT_FAST, rate or math.inf)
        slow = given.get("slow") or max(getattr(usual, "slow", None) or DEFAULT_SLOW, fast)
        wanted: dict[str, float | None] = {"fast": fast, "slow": slow, "once": None}
        return {name: seconds for name, seconds in wanted.items() if name in used}

    def _check_rate(self, fast: float | None, rate: float | None, used: set[str]) -> None:
        """Refuse an interval at which the device would show things that nobody sees."""
        if rate is None:
            return
        if fast is not None and fast > rate:
            self.findings.error(
                self.node.get("every") or self.node,
                join(self.path, "every"),
                f"`{fast:g} s` is too slow: what this device shows is gone after a moment, and its `min_rate` "
                f"says that it has to be asked every {rate:g} s at least",
            )
        if used and "fast" not in used:
            self.findings.error(self.node, self.path, "a device with a `min_rate` needs a point that is `fast`")

    def _every(self, driver: DriverType) -> dict[str, float]:
        node = self.node.get("every")
        if node is None:
            return {}
        if node.kind == "mapping" and driver.polled:
            each = self.binding.check(EveryEach, node, join(self.path, "every"))
            found = {} if each is None else {"fast": each.fast, "slow": each.slow}
            return {name: seconds for name, seconds in found.items() if seconds is not None}
        one = self.binding.check(EveryOne, self.node.only({"every"}), self.path)
        return {} if one is None else {"fast": one.every}

    def _expected(self, driver: DriverType) -> float | None:
        return None if driver.polled else self._every(driver).get("fast")


def _least_rate(*blocks: object) -> float | None:
    """The shortest `min_rate` that the device and its profile ask for, whatever they speak."""
    rates = [rate for block in blocks if (rate := getattr(block, "min_rate", None)) is not None]
    return min(rates, default=None)
