"""Which devices belong to which door: the same answer for everybody. A door is called by its contact."""

from collections.abc import Mapping

from monitor.site import Device

__all__ = ["door_of", "doors_of"]

_AT_DOORS = frozenset({"access", "door"})


def door_of(device: Device, devices: Mapping[str, Device]) -> str:
    """The door a device belongs to: what `door:` names, through other devices if need be, else itself."""
    name, seen = device.id, {device.id}
    while name in devices and devices[name].door and devices[name].door not in seen:
        name = devices[name].door
        seen.add(name)
    return name


def doors_of(devices: Mapping[str, Device]) -> dict[str, tuple[Device, ...]]:
    """Every door with its devices: contacts, locks, readers, buttons."""
    found: dict[str, list[Device]] = {}
    for device in devices.values():
        if device.device_class in _AT_DOORS or device.door:
            found.setdefault(door_of(device, devices), []).append(device)
    return {door: tuple(members) for door, members in found.items()}
