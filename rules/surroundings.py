"""What rules know of the site beside their own sources. Pure data; no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from monitor.profiles.itself import with_itself
from monitor.site import Device, Site

__all__ = ["UTC", "Surroundings"]

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All devices by id, the monitor itself among them, and the time zone in which days and hours are meant.

    `above`: by device, the source keys of alarms that it hangs below: of its connection, of its building's supply.
    `watched`: by rule, the source keys of its alarms; the engine knows them.
    """

    devices: Mapping[str, Device] = field(default_factory=dict)
    zone: ZoneInfo = UTC
    above: Mapping[str, frozenset[str]] = field(default_factory=dict)
    watched: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def near(self, rule: str, device: str) -> frozenset[str]:
        """Source keys of a rule that are about a device, or about what it hangs below."""
        own = {key for key in self.watched.get(rule, ()) if key.partition("/")[0] == device}
        return frozenset(own | (self.watched.get(rule, frozenset()) & self.above.get(device, frozenset())))

    @classmethod
    def of(cls, site: Site) -> "Surroundings":
        """What a site says of itself."""
        return cls(devices=with_itself(site.devices), zone=site.timezone)
