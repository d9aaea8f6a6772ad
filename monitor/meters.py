"""Which devices are meters, and by which of its counters each is billed: the same answer for everybody."""

from monitor.schema import COUNTER_NAMES
from monitor.site import Device

__all__ = ["billed_counter", "counters_of"]


def counters_of(device: Device) -> list[str]:
    """The counters of a device that are metered, in the order of its points."""
    return [name for name, point in device.points.items() if point.counter is not None]


def billed_counter(device: Device) -> str | None:
    """The counter that a meter is billed by: the first of its class that it has, else its first; None: none."""
    counters = counters_of(device)
    usual = [name for name in COUNTER_NAMES.get(device.device_class, ()) if name in counters]
    return next(iter(usual or counters), None)
