"""What rules know of the site beside their own sources. Pure data; no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from monitor.calendars import Schedule
from monitor.profiles.itself import with_itself
from monitor.site import Device, Site
from monitor.tariff import Tariff

__all__ = ["UTC", "Surroundings"]

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All devices by id, the monitor itself among them, and the time zone in which days and hours are meant.

    `above`: by device, the source keys of alarms that it hangs below: of its connection, of its building's supply.
    `tariffs`: by meter, what it is billed by. `holidays`: who knows which days are; None: nobody.
    """

    devices: Mapping[str, Device] = field(default_factory=dict)
    zone: ZoneInfo = UTC
    above: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    holidays: Schedule | None = None

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
            devices=with_itself(site.devices), zone=site.timezone, tariffs=tariffs, holidays=_holidays(site)
        )


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
