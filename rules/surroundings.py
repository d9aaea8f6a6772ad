"""What rules know of the site beside their own sources. Pure data; no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from monitor.calendars import Schedule
from monitor.maintenance import Window
from monitor.plant import Supply
from monitor.profiles.itself import with_itself
from monitor.schema import MONITOR_DEVICE
from monitor.site import Device, Site
from monitor.tariff import Tariff

__all__ = ["UTC", "Surroundings", "hangs_below"]

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All devices by id, the monitor itself among them, and the time zone in which days and hours are meant.

    `above`: by device (or source key), the source keys of alarms that it hangs below: of its connection, of its
    building's supply. `windows`: the maintenance that the site file plans.
    `tariffs`: by meter, what it is billed by. `holidays`: who knows which days are; None: nobody.
    `watched`: by rule and device, the source keys of its alarms; the engine knows them.
    """

    devices: Mapping[str, Device] = field(default_factory=dict)
    zone: ZoneInfo = UTC
    above: Mapping[str, frozenset[str]] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    holidays: Schedule | None = None
    watched: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)

    def near(self, rule: str, device: str) -> frozenset[str]:
        """Source keys of a rule that are about a device, or about what it hangs below."""
        watched = self.watched.get(rule, {})
        above = self.above.get(device, frozenset())
        over = (watched.get(key.partition("/")[0], frozenset()) & {key} for key in above)
        return watched.get(device, frozenset()).union(*over)

    @classmethod
    def of(cls, site: Site) -> "Surroundings":
        """What a site says of itself."""
        tariffs = {
            device: tariff
            for tariff in site.tariffs.values()
            if not tariff.credit
            for device in sorted(tariff.devices)
        }
        return cls(
            devices=with_itself(site.devices),
            zone=site.timezone,
            tariffs=tariffs,
            holidays=_holidays(site),
            above=hangs_below(site.devices, site.supplies),
            windows=site.maintenance,
        )


def hangs_below(devices: Mapping[str, Device], told: Iterable[Supply]) -> Mapping[str, frozenset[str]]:
    """What each device hangs below: its connection, the electricity of its building, and that of the whole site.

    What measures water, gas or heat also hangs below the supply of that. A connection hangs below the electricity
    of the building that all its devices are in.
    """
    supplies: dict[tuple[str, str], set[str]] = {}
    for supply in told:
        key = f"{supply.device}/{supply.utility}"
        supplies.setdefault((supply.building, supply.utility), set()).add(key)

    def over(building: str, utility: str) -> set[str]:
        return supplies.get((building, utility), set()) | supplies.get(("", utility), set())

    above: dict[str, frozenset[str]] = {}
    buildings: dict[str, set[str]] = {}
    for device in devices.values():
        found = over(device.building, "electricity") | over(device.building, device.device_class)
        if device.connection:
            segment = f"{MONITOR_DEVICE}/{device.connection}"
            buildings.setdefault(segment, set()).add(device.building)
            found.add(segment)
        above[device.id] = frozenset(found)
    for segment, its in buildings.items():
        building = its.copy().pop() if len(its) == 1 else ""
        above[segment] = frozenset(over(building, "electricity"))
    return above


def _holidays(site: Site) -> Schedule | None:
    """The calendar that is written for doors and zones, else that of the first tariff which has one."""
    doors = [door.unlocked for door in site.access.doors.values()]
    zones = [zone.hours for zone in site.access.zones.values()]
    kept = [one for one in (*doors, *zones) if one is not None]
    kept += [
        Schedule(hours=(), country=tariff.country, region=tariff.region, days_off=tariff.days_off)
        for tariff in site.tariffs.values()
    ]
    return next((one for one in kept if one.country or one.days_off), None)
