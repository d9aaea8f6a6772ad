"""When zones are reset: the last moment of a minute of the local day, also where the clock is set. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from monitor.periods import local_day, moment_of
from monitor.site import Site

__all__ = ["Resets"]

_DAYS: Final = [timedelta(days=days) for days in range(-2, 3)]
_NEVER: Final = 1 << 62


class Resets:
    """Answers for all zones that are reset; reckons again only when a moment has passed, or the clock was set."""

    def __init__(self, site: Site) -> None:
        self._timezone = site.timezone
        self._minutes = {zone.id: zone.reset for zone in site.access.zones.values() if zone.reset is not None}
        self._last: Mapping[str, tuple[int, int]] = {}
        self._from, self._until = (0, 0) if self._minutes else (-_NEVER, _NEVER)

    def last(self, now: int) -> Mapping[str, tuple[int, int]]:
        """Zone -> the minute of its reset, and its last moment (UTC ms); the same object until that changes."""
        if self._from <= now < self._until:
            return self._last
        today = local_day(now, self._timezone)
        found: dict[str, tuple[int, int]] = {}
        self._from, self._until = -_NEVER, _NEVER
        for zone, minute in self._minutes.items():
            moments = [moment_of(today + days, minute, self._timezone) for days in _DAYS]
            found[zone] = minute, max(moment for moment in moments if moment <= now)
            self._from = max(self._from, found[zone][1])
            self._until = min(self._until, *(moment for moment in moments if moment > now))
        self._last = found
        return found
