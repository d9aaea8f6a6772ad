"""The monitor as a device of its own site: no file describes it, so that rules find it in every site.

It is no device of `Site.devices`: nobody polls it, and a rule without `devices:` is not about it. A rule that
names it (`devices: {id: facility-monitor}`) judges its points (`monitor.schema.MONITOR_POINTS`) and its events.
"""

from collections.abc import Mapping
from typing import Final

from monitor.schema import MONITOR_DEVICE, MONITOR_POINTS
from monitor.site import Device, Point

__all__ = ["ITSELF", "REPORT_EVERY", "with_itself"]

REPORT_EVERY: Final = 10.0
"""Seconds between two reports of the monitor on itself."""

ITSELF: Final = Device(
    id=MONITOR_DEVICE,
    name="Facility monitor",
    connection="",
    device_class="",
    expected_every=REPORT_EVERY,
    points={name: Point(name=name, unit=unit) for name, unit in MONITOR_POINTS.items()},
)
"""The monitor, as rules and messages see it."""


def with_itself(devices: Mapping[str, Device]) -> Mapping[str, Device]:
    """The devices of a site and the monitor itself."""
    return {**devices, MONITOR_DEVICE: ITSELF}
