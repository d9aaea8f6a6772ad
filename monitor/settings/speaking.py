"""Warns of detectors that could be dead without anybody knowing."""

from collections.abc import Mapping
from typing import Any

from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.site import Device

__all__ = ["warn_of_the_dead"]

_CLASS = "safety"


def warn_of_the_dead(binding: Binding, root: Node, devices: Mapping[str, Device]) -> None:
    """Warn of each device of class safety that sends by itself and of which nobody knows when it should."""
    for node, path in binding.section(root, "devices"):
        device = devices.get(node.text("id"))
        if device is None or device.device_class != _CLASS or not device.has_connection:
            continue
        driver = binding.connection_drivers[device.connection]
        if not binding.drivers[driver].polled and device.expected_every is None and not _says_when_it_goes(device):
            message = (
                f"`{device.id}` could be dead without anybody knowing: add `every: 1 h` (how often it speaks) "
                "or `availability`"
            )
            binding.findings.warning(node, join(path, "every"), message)


def _says_when_it_goes(device: Device) -> bool:
    """Whether something tells that it is away: its own word or last will, or the protocol (Sparkplug's deaths)."""
    blocks: tuple[Any, ...] = (device.address, device.protocol)
    if any(getattr(block, "availability", None) is not None for block in blocks):
        return True
    return any(getattr(point.source, "metric", None) is not None for point in device.points.values())
