"""When which zone was not watched: a reader was off-line, the monitor did not run, or entries were lost. Pure.

Who was not seen leaving may have left then, so that nothing is said against anybody because of it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from monitor.access.layout import Layout
from monitor.model import Event

__all__ = ["Sight"]

_KEY: Final = "unwatched/"
_EVERYWHERE: Final = ""
_LONGEST_STOP: Final = 60.0
"""Seconds that the monitor may be stopped: brokers and readers keep what happens meanwhile."""


class Sight:
    """Remembers, for each device at a door, since when it has been off-line and until when it last was."""

    def __init__(self, layout: Layout) -> None:
        self._zones = layout.watched
        self._since: dict[str, int] = {}
        self._until: dict[str, int] = {}
        self._changed: set[str] = set()

    def take(self, event: Event) -> None:
        """Heed an event of a reader or of the monitor."""
        kind, attributes = event.kind, event.attributes
        if kind == "monitor_started":
            stopped, until = attributes.get("off_s", 0.0), attributes.get("off_until")
            if isinstance(stopped, int | float) and stopped > _LONGEST_STOP and isinstance(until, int):
                self.lost(until)
        elif event.device not in self._zones:
            return
        elif kind == "reader_offline" or (kind == "health" and attributes.get("state") == "suspended"):
            self._since.setdefault(event.device, event.time)
            self._changed.add(event.device)
        elif event.device in self._since and kind in {"reader_online", "health"}:
            del self._since[event.device]
            self._until[event.device] = event.time
            self._changed.add(event.device)

    def lost(self, until: int) -> None:
        """Nothing is known of any zone before a moment."""
        self._until[_EVERYWHERE] = max(until, self._until.get(_EVERYWHERE, 0))
        self._changed.add(_EVERYWHERE)

    def is_whole(self, zone: str, start: int, end: int) -> bool:
        """Whether the doors of a zone were watched all the time between two moments."""
        if self._until.get(_EVERYWHERE, 0) >= start:
            return False
        return not any(
            self._until.get(device, 0) >= start or self._since.get(device, end + 1) <= end
            for device, leads_into in self._zones.items()
            if leads_into == zone
        )

    def changes(self) -> Mapping[str, Any]:
        """What has changed since the last call, as JSON by key."""
        changed = {
            f"{_KEY}{device}": [self._since.get(device), self._until.get(device)] for device in self._changed
        }
        self._changed.clear()
        return changed

    def load(self, kept: Iterable[tuple[str, Any]]) -> None:
        """Take up what `changes` has given before."""
        for key, body in kept:
            device = key.removeprefix(_KEY)
            if key.startswith(_KEY) and (device == _EVERYWHERE or device in self._zones):
                since, until = body
                if since is not None:
                    self._since[device] = since
                if until is not None:
                    self._until[device] = until
