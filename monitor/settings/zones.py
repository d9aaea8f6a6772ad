"""Warns of zones that cannot be counted as their settings expect: what the readers at their doors do not tell."""

from collections.abc import Iterator, Mapping, Sequence

from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.site import Device
from monitor.zones import AccessZone

__all__ = ["warn_of_zones"]

_CARD = "card"


def warn_of_zones(
    binding: Binding, access: Node, zones: Mapping[str, AccessZone], doors: Mapping[str, Sequence[Device]]
) -> None:
    """Warn of readers without a direction, and of zones whose counts or hours nobody would see."""
    for node, path in binding.section(access, "access.zones"):
        zone = zones[node.text("id")]
        readers = {door: [each for each in doors.get(door, ()) if _reads(each)] for door in zone.doors}
        _warn_of_doors(binding, zone, readers, node, path)
        if all(_directions(each) for behind in readers.values() for each in behind):
            _warn_of_counts(binding, zone, zones, doors, node, path)


def _warn_of_doors(
    binding: Binding, zone: AccessZone, readers: Mapping[str, Sequence[Device]], node: Node, path: str
) -> None:
    listed = node.get("doors") or node
    for number, (door, behind) in enumerate(readers.items()):
        place, where = listed, join(path, "doors")
        if listed.kind == "list":
            place, where = listed.items[number], join(where, number)
        if zone.hours is not None and not behind:
            message = f"nobody is seen at `{door}` out of hours: it has no reader"
            binding.findings.warning(place, where, message)
        for reader in behind:
            if not _directions(reader):
                message = (
                    f"whoever passes `{reader.id}` is not counted: it needs `direction: in` or `direction: out`"
                )
                binding.findings.warning(place, where, message)


def _warn_of_counts(  # noqa: PLR0913, PLR0917 - a zone, what is around it, and where it stands
    binding: Binding,
    zone: AccessZone,
    zones: Mapping[str, AccessZone],
    doors: Mapping[str, Sequence[Device]],
    node: Node,
    path: str,
) -> None:
    inside = [zone, *_inside(zone, zones)]
    around = [zone, *_around(zone, zones)]
    if not _has(inside, doors, "in"):
        message = f"`{zone.id}` counts nobody: no door into it has a reader with `direction: in`"
        binding.findings.warning(node, path, message)
        return
    if not _has(around, doors, "out") and all(each.reset is None for each in around):
        message = f"the count of `{zone.id}` only grows: add a reader with `direction: out`, or `reset`"
        binding.findings.warning(node, path, message)
    if zone.passback and not _has([zone], doors, "out"):
        message = "whoever comes back would be told: no door of the zone has a reader with `direction: out`"
        binding.findings.warning(node.get("passback") or node, join(path, "passback"), message)


def _has(zones: Sequence[AccessZone], doors: Mapping[str, Sequence[Device]], direction: str) -> bool:
    found = (each for zone in zones for door in zone.doors for each in doors.get(door, ()))
    return any(_reads(each) and direction in _directions(each) for each in found)


def _reads(device: Device) -> bool:
    """Whether a device tells of cards."""
    return any(event.kind == _CARD for event in device.events)


def _directions(device: Device) -> frozenset[str]:
    """Which ways a reader counts: the one that the site file says, or both where each card says it itself."""
    if any("direction" in getattr(event, "attributes", ()) for event in device.events):
        return frozenset({"in", "out"})
    return frozenset({device.direction} - {""})


def _around(zone: AccessZone, zones: Mapping[str, AccessZone]) -> Iterator[AccessZone]:
    while zone.within:
        zone = zones[zone.within]
        yield zone


def _inside(zone: AccessZone, zones: Mapping[str, AccessZone]) -> Iterator[AccessZone]:
    for each in zones.values():
        if each.within == zone.id:
            yield each
            yield from _inside(each, zones)
