"""How doors, readers and zones hang together: which zone a door leads into, and what lies around it. Pure."""

from monitor.doorways import door_of
from monitor.model import Event
from monitor.site import Site

__all__ = ["Layout"]


class Layout:
    """Answers by id; the empty zone is outside of the site."""

    def __init__(self, site: Site) -> None:
        self.zones = site.access.zones
        self._doors = {device.id: door_of(device, site.devices) for device in site.devices.values()}
        self._named = frozenset(self._doors.values())
        self._directions = {device.id: device.direction for device in site.devices.values()}
        self._zones = {door: zone.id for zone in self.zones.values() for door in zone.doors}
        self.around = {zone: self._chain(zone) for zone in self.zones}
        """Zone -> itself and all around it, the innermost first."""
        self.inside = {
            zone: tuple(each for each in self.zones if zone in self.around[each]) for zone in self.zones
        }
        """Zone -> itself and all within it."""
        self.watched: dict[str, str] = {}
        """Device -> the zone that its door leads into, of those that lead into one."""
        for device, door in self._doors.items():
            if door in self._zones:
                self.watched[device] = self._zones[door]

    def _chain(self, zone: str) -> tuple[str, ...]:
        chain: list[str] = []
        while zone in self.zones and zone not in chain:
            chain.append(zone)
            zone = self.zones[zone].within
        return tuple(chain)

    def outer(self, zone: str) -> str:
        """The zone around a zone; empty: outside."""
        chain = self.around[zone]
        return chain[1] if len(chain) > 1 else ""

    def is_in(self, place: str, zone: str) -> bool:
        """Whether who is in `place` is in `zone`, too."""
        return zone in self.around.get(place, ())

    def leads_into(self, reader: str) -> str:
        """Where who has used a reader is; empty: outside, or nobody knows."""
        zone, direction = self.watched.get(reader, ""), self._directions.get(reader, "")
        if direction == "out" and zone:
            return self.outer(zone)
        return zone if direction == "in" else ""

    def door(self, event: Event) -> str:
        """The door that an event is of: what it says itself, if it names one of the site's, else its device's."""
        said = event.attributes.get("door")
        own = self._doors.get(event.device, "")
        return said if isinstance(said, str) and (said in self._named or not own) else own

    def zone(self, door: str) -> str:
        """The zone that a door leads into; empty: none."""
        return self._zones.get(door, "")

    def direction(self, event: Event) -> str:
        """In, out or empty: what an event says itself, else what its reader is for."""
        said = event.attributes.get("direction")
        return said if said in {"in", "out"} else self._directions.get(event.device, "")
