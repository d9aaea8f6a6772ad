"""Binds the section `access`: how doors are meant to be used, and which zones they lead into."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from monitor.calendars import Schedule
from monitor.documents.node import Node, join
from monitor.doorways import door_of, doors_of
from monitor.settings.accessshape import AccessKeys, AccessZoneKeys, DoorKeys
from monitor.settings.binding import Binding
from monitor.settings.calendar import bind_holidays, bind_hours
from monitor.settings.calendarshape import HoursKeys
from monitor.settings.zones import warn_of_zones
from monitor.site import Device
from monitor.zones import AccessSettings, AccessZone, DoorSettings

__all__ = ["bind_access"]

_LISTS = frozenset({"doors", "zones"})


def bind_access(binding: Binding, root: Node, devices: Mapping[str, Device]) -> AccessSettings | None:
    """Bind the section `access`; None after telling what is wrong with it."""
    node = root.get("access")
    if node is None or (node.kind == "scalar" and node.scalar is None):
        return AccessSettings()
    if node.kind != "mapping":
        binding.check(AccessKeys, node, "access")
        return None
    before = len(binding.findings.errors)
    names = node.get("names")
    left_out = _LISTS | ({"names"} if names is not None and names.absent else set())
    keys = binding.check(AccessKeys, node.only(left_out, but=True), "access", also=_LISTS)
    if names is not None and not names.secret:
        message = "whoever can read this file can read the names: write `!secret` and the name of a secret"
        binding.findings.warning(names, "access.names", message)
    bind = _Bind(binding, node, keys or AccessKeys(), devices)
    doors, zones = bind.doors(), bind.zones()
    if keys is None or len(binding.findings.errors) > before:
        return None
    zones = {ident: replace(zone, reset=_reset_of(zone, zones)) for ident, zone in zones.items()}
    if all(one.complete for one in binding.candidates.values()):
        warn_of_zones(binding, node, zones, doors_of(devices))
    return AccessSettings(
        unlock_pulse=keys.unlock_pulse,
        held_after=keys.held_after,
        keep=keys.keep,
        pseudonyms=keys.pseudonyms,
        names_key=keys.names or "",
        doors=doors,
        zones=zones,
    )


def _reset_of(zone: AccessZone, zones: Mapping[str, AccessZone]) -> int | None:
    """When everybody has left a zone: who is taken to have left the one around it has left it, too."""
    while zone.reset is None and zone.within:
        zone = zones[zone.within]
    return zone.reset


class _Bind:
    """Binds the doors and zones."""

    def __init__(self, binding: Binding, node: Node, keys: AccessKeys, devices: Mapping[str, Device]) -> None:
        self._binding = binding
        self._findings = binding.findings
        self._node = node
        self._keys = keys
        self._devices = devices
        self._known = doors_of(devices)
        off = node.get("holidays") or node
        self._holidays = bind_holidays(binding, keys.holidays, off, "access.holidays")

    def doors(self) -> dict[str, DoorSettings]:
        """Those that the site file says something of."""
        found: dict[str, DoorSettings] = {}
        seen: dict[str, Node] = {}
        for node, path in self._binding.section(self._node, "access.doors"):
            keys = self._binding.check(DoorKeys, node, path)
            place, where = node.get("door") or node, join(path, "door")
            name = node.text("door")
            if name and name in seen:
                self._findings.error(place, where, f"`{name}` is said in line {seen[name].line} already")
                continue
            seen[name] = node
            if not name or not self._is_door(name, place, where) or keys is None:
                continue
            found[name] = DoorSettings(
                held_after=self._keys.held_after if keys.held_after is None else keys.held_after,
                unlocked=self._hours(keys.unlocked, node, path, "unlocked"),
            )
        return found

    def zones(self) -> dict[str, AccessZone]:
        """All zones."""
        seen: dict[str, Node] = {}
        taken: dict[str, str] = {}
        zones: dict[str, AccessZone] = {}
        written = list(self._binding.section(self._node, "access.zones"))
        for node, path in written:
            ident = node.text("id")
            if ident and ident in seen:
                self._binding.twice(node, path, ident, seen[ident])
                continue
            seen.setdefault(ident, node)
            keys = self._binding.check(AccessZoneKeys, node, path)
            self._check_doors(node, path, ident, taken)
            if keys is None:
                continue
            zones[keys.id] = AccessZone(
                id=keys.id,
                name=keys.name or keys.id,
                doors=keys.doors,
                within=keys.within,
                hours=self._hours(keys.hours, node, path, "hours"),
                most=keys.most,
                reset=keys.reset,
                passback=keys.passback,
            )
        self._check_within(written, seen)
        return zones

    def _hours(self, keys: Sequence[HoursKeys] | None, node: Node, path: str, key: str) -> Schedule | None:
        if keys is None:
            return None
        place, where = node.get(key) or node, join(path, key)
        return bind_hours(self._binding, keys, self._keys.holidays, self._holidays, place, where)

    def _is_door(self, name: str, place: Node, where: str) -> bool:
        """Whether a name is a door; what else it is, is told."""
        if name in self._known:
            return True
        device = self._devices.get(name)
        if device is not None and (door := door_of(device, self._devices)) != name:
            self._findings.error(place, where, f"`{name}` belongs to the door `{door}`", hint=door)
        elif device is not None or name not in self._binding.candidates:
            self._binding.unknown(place, where, name, self._known, "door")
        return False

    def _check_doors(self, node: Node, path: str, zone: str, taken: dict[str, str]) -> None:
        for place, where in _items(node, path, "doors"):
            name = str(place.scalar) if place.kind == "scalar" else ""
            if not name or not self._is_door(name, place, where):
                continue
            if name in taken:
                message = f"`{name}` leads into the zone `{taken[name]}` already: a door leads into one zone"
                self._findings.error(place, where, message)
            taken.setdefault(name, zone)

    def _check_within(self, written: Sequence[tuple[Node, str]], known: Mapping[str, Node]) -> None:
        around = {node.text("id"): node.text("within") for node, _ in written}
        told: set[str] = set()
        for node, path in written:
            name = node.text("within")
            place, where = node.get("within") or node, join(path, "within")
            if name and name not in known:
                self._binding.unknown(place, where, name, known, "zone")
                continue
            chain = [node.text("id")]
            while (name := around.get(chain[-1], "")) and name not in chain:
                chain.append(name)
            if name == chain[0] and name and not told & set(chain):
                told.update(chain)
                circle = " → ".join([*chain, name])
                self._findings.error(place, where, f"a zone cannot lie within itself: {circle}")


def _items(node: Node, path: str, key: str) -> Iterator[tuple[Node, str]]:
    """One thing or several as they are written, each with its key path."""
    place, where = node.get(key), join(path, key)
    if place is None:
        return
    if place.kind != "list":
        yield place, where
        return
    for number, item in enumerate(place.items):
        yield item, join(where, number)
