"""Which devices are meters, by which of its counters each is billed, and which stand below which."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.schema import COUNTER_NAMES
from monitor.site import Device

__all__ = ["MeterGroup", "billed_counter", "counters_of", "meter_groups"]


def counters_of(device: Device) -> list[str]:
    """The counters of a device that are metered, in the order of its points."""
    return [name for name, point in device.points.items() if point.counter is not None]


def billed_counter(device: Device) -> str | None:
    """The counter that a meter is billed by: the first of its class that it has, else its first; None: none."""
    counters = counters_of(device)
    usual = [name for name in COUNTER_NAMES.get(device.device_class, ()) if name in counters]
    return next(iter(usual or counters), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterGroup:
    """Main meters, and the meters that together should show the same; `building` is empty for the whole site."""

    device_class: str
    building: str
    mains: tuple[Device, ...]
    subs: tuple[Device, ...]

    @property
    def meters(self) -> tuple[Device, ...]:
        """All of them."""
        return (*self.mains, *self.subs)


def meter_groups(meters: Sequence[Device]) -> list[MeterGroup]:
    """The whole site and each building of a class that has both kinds of meters; virtual ones are left out."""
    groups = []
    for name in dict.fromkeys(one.device_class for one in meters):
        those = [one for one in meters if one.device_class == name and one.virtual is None]
        mains = tuple(one for one in those if one.role == "main")
        subs = tuple(one for one in those if one.role == "sub")
        buildings = list(dict.fromkeys(one.building for one in (*mains, *subs)))
        whole = tuple(one for one in mains if not one.building)
        if len(buildings) > 1 or buildings == [""]:
            below = _below(buildings, mains, subs) if whole else subs
            groups.append(MeterGroup(device_class=name, building="", mains=whole or mains, subs=below))
        for building in buildings:
            if building:
                here = [tuple(one for one in side if one.building == building) for side in (mains, subs)]
                groups.append(MeterGroup(device_class=name, building=building, mains=here[0], subs=here[1]))
    return [group for group in groups if group.mains and group.subs]


def _below(buildings: Sequence[str], mains: Sequence[Device], subs: Sequence[Device]) -> tuple[Device, ...]:
    """What is next below the main meters of the site: the main meters of buildings, else the sub-meters there."""
    found: list[Device] = []
    for building in buildings:
        own = [one for one in mains if one.building == building] if building else []
        found += own or [one for one in subs if one.building == building]
    return tuple(found)
