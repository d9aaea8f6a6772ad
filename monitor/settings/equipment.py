"""Binds how equipment is watched: its points, its services, and the groups in which one stands by for another."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from monitor.documents.explain import unknown_key
from monitor.documents.node import Node, join
from monitor.periods import begin_of
from monitor.plant import Equipment, Group, Service
from monitor.schema import POINT_CALLED, POINT_FAULT, POINT_RUNNING
from monitor.settings.binding import Binding
from monitor.settings.meters import without_connection
from monitor.settings.plantshape import EquipmentKeys, GroupKeys, ServiceKeys
from monitor.site import Device

__all__ = ["bind_equipment", "bind_groups"]

_CLASS: Final = "equipment"
_GROUPS: Final = "groups"
_HOUR: Final = 3600.0
_WARN: Final = 14 * 86400.0
_POINTS: Final[Mapping[str, str]] = {"running": POINT_RUNNING, "fault": POINT_FAULT, "called": POINT_CALLED}
"""Key -> the point that it is by default, when the device has that."""

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "start_within": ("called", "running"),
    "stop_within": ("called", "running"),
    "starts_per_hour": ("running",),
}
"""Key -> the points that it needs."""

_KNOWN: Final = {"called": "is meant to run", "running": "runs"}


def bind_equipment(
    binding: Binding, root: Node, devices: Mapping[str, Device], zone: ZoneInfo | None
) -> dict[str, Equipment]:
    """How each device of class equipment is watched, by id, whether it says anything of that or not."""
    written: dict[str, tuple[Node, str]] = {}
    for node, path in binding.section(root, "devices"):
        place, ident = node.get("equipment"), node.text("id")
        if place is None or without_connection(node) or ident in written:
            continue
        written[ident] = where = (place, join(path, "equipment"))
        device_class = binding.candidates[ident].attributes["class"]
        if device_class not in {"", _CLASS}:
            message = f"it is for devices of class equipment, and this is {device_class}"
            binding.findings.error(*where, message)
        elif ident not in devices:
            binding.check(EquipmentKeys, *where)
    found = {}
    for device in devices.values():
        if device.device_class != _CLASS:
            continue
        if device.id in written:
            found[device.id] = _Bind(binding, device, *written[device.id]).equipment(zone)
        else:
            running, fault, called = (_usual(device, point) for point in _POINTS.values())
            found[device.id] = Equipment(running=running, fault=fault, called=called)
    return found


class _Bind:
    """Binds the key `equipment` of one device."""

    def __init__(self, binding: Binding, device: Device, node: Node, path: str) -> None:
        self._binding = binding
        self._findings = binding.findings
        self._device = device
        self._node = node
        self._path = path

    def equipment(self, zone: ZoneInfo | None) -> Equipment:
        """How it is watched; what is wrong is told."""
        keys = self._binding.check(EquipmentKeys, self._node, self._path)
        if keys is None:  # a group that it is in does not say on top of that that nobody knows whether it runs
            return Equipment(running=self._node.text("running") or _usual(self._device, POINT_RUNNING))
        points = {key: self._point(key, getattr(keys, key)) for key in _POINTS}
        for user, needed in _NEEDS.items():
            missing = [key for key in needed if not points[key] and getattr(keys, key) is None]
            if missing and user in keys.model_fields_set:
                self._missing(self._node.get(user) or self._node, join(self._path, user), missing[0])
        return Equipment(
            type=keys.type,
            running=points["running"],
            fault=points["fault"],
            called=points["called"],
            start_within=keys.start_within,
            stop_within=keys.stop_within,
            starts_per_hour=keys.starts_per_hour,
            services=self._services(keys, has_hours=bool(points["running"]), zone=zone),
        )

    def _point(self, key: str, given: str | None) -> str:
        """The point that says something: the one that is named, or the usual one where there is one."""
        if given is None:
            return _usual(self._device, _POINTS[key])
        place, where = self._node.get(key) or self._node, join(self._path, key)
        states = [name for name, point in self._device.points.items() if point.unit is None]
        if given not in self._device.points:
            self._binding.unknown(
                place, where, given, states, f"point of `{self._device.id}` that is true or false"
            )
        elif given not in states:
            message = f"`{given}` is in {self._device.points[given].unit}: name a point that is true or false"
            self._findings.error(place, where, message, allowed=", ".join(states))
        return given

    def _missing(self, place: Node, where: str, needed: str) -> None:
        message = f"nobody knows when it {_KNOWN[needed]}: name the point that says so with `{needed}:`"
        self._findings.error(place, where, message)

    def _services(self, keys: EquipmentKeys, *, has_hours: bool, zone: ZoneInfo | None) -> tuple[Service, ...]:
        place, path = self._node.get("service") or self._node, join(self._path, "service")
        seen: dict[str, Node] = {}
        found = []
        for number, one in enumerate(keys.service):
            node, where = (place.items[number], join(path, number)) if place.kind == "list" else (place, path)
            if one.id in seen:
                self._binding.twice(node, where, one.id, seen[one.id])
            seen.setdefault(one.id, node)
            if one.running is not None and not has_hours and not _counts_hours(self._device):
                self._missing(node.get("running") or node, join(where, "running"), "running")
            found.append(_service(one, zone))
        return tuple(found)


def _service(keys: ServiceKeys, zone: ZoneInfo | None) -> Service:
    """`warn` is two weeks unless it is said, but not more than half of the time between two services."""
    usual = _WARN if keys.every is None else min(_WARN, keys.every / 2)
    return Service(
        id=keys.id,
        name=keys.name or keys.id,
        hours=None if keys.running is None else keys.running / _HOUR,
        every=keys.every,
        last=None if keys.last is None or zone is None else begin_of(keys.last, zone),
        warn=usual if keys.warn is None else keys.warn,
    )


def _usual(device: Device, point: str) -> str:
    return point if point in device.points and device.points[point].unit is None else ""


def _counts_hours(device: Device) -> bool:
    """Whether a device counts by itself how long it runs."""
    return any(name == "hours" or point.unit == "h" for name, point in device.points.items())


def bind_groups(binding: Binding, root: Node, equipment: Mapping[str, Equipment]) -> dict[str, Group]:
    """Bind the section `equipment`, which has groups."""
    section = root.get("equipment")
    if section is None or (section.kind == "scalar" and section.scalar is None):
        return {}
    if section.kind != "mapping":
        binding.findings.error(section, "equipment", "write keys with values", allowed=_GROUPS)
        return {}
    for key in section.entries:
        if key != _GROUPS:
            unknown_key(section, key, "equipment", binding.findings, allowed=[_GROUPS])
    seen: dict[str, Node] = {}
    taken: dict[str, str] = {}
    groups: dict[str, Group] = {}
    for node, path in binding.section(section, f"equipment.{_GROUPS}"):
        ident = node.text("id")
        if ident and ident in seen:
            binding.twice(node, path, ident, seen[ident])
            continue
        seen.setdefault(ident, node)
        keys = binding.check(GroupKeys, node, path)
        if keys is None:
            continue
        _check_members(binding, keys, equipment, taken, node, path)
        groups[keys.id] = Group(
            id=keys.id, name=keys.name or keys.id, members=keys.members, needed=keys.needed, rest=keys.rest
        )
    return groups


def _check_members(  # noqa: PLR0913, PLR0917 - a group, what it is checked against, and where it stands
    binding: Binding,
    keys: GroupKeys,
    equipment: Mapping[str, Equipment],
    taken: dict[str, str],
    node: Node,
    path: str,
) -> None:
    place, where = node.get("members") or node, join(path, "members")
    for number, name in enumerate(keys.members):
        item, at = (place.items[number], join(where, number)) if place.kind == "list" else (place, where)
        candidate = binding.candidates.get(name)
        if candidate is None:
            known = [ident for ident, one in binding.candidates.items() if one.attributes["class"] == _CLASS]
            binding.unknown(item, at, name, known, "device of class equipment")
        elif name in taken:
            binding.findings.error(item, at, f"`{name}` is in the group `{taken[name]}` already")
        elif candidate.device is not None and name not in equipment:
            message = f"`{name}` is of class {candidate.attributes['class']}: a group has equipment"
            binding.findings.error(item, at, message)
        elif name in equipment and not equipment[name].running:
            binding.findings.error(item, at, f"nobody knows whether `{name}` runs: it has no point that says so")
        taken.setdefault(name, keys.id)
    count = len(keys.members)
    place, where = node.get("needed") or node, join(path, "needed")
    if keys.needed > count:
        binding.findings.error(
            place, where, f"the group has {count} members, so that {count} can be needed at most"
        )
    elif keys.needed == count:
        binding.findings.warning(
            place, where, "all members are needed: none stands by, so that there is no reserve"
        )
