"""The hours in which a door is open to everybody, and from when on it is held open outside them. Pure; UTC ms."""

from typing import Final
from zoneinfo import ZoneInfo

from monitor.calendars import Schedule

__all__ = ["DoorHours"]

_MOST_SPANS: Final = 64


class DoorHours:
    """Follows the hours of one door. `edge`: up to when they are told (0: not at all yet), `is_on` since then."""

    def __init__(self, schedule: Schedule | None, zone: ZoneInfo) -> None:
        self._schedule = schedule
        self._zone = zone
        self.edge = 0
        self.is_on = False
        self.next: int | None = None

    def begin(self, stamp: int) -> bool:
        """Tell from a stamp on; answers whether it is the first one."""
        if self._schedule is None or self.edge:
            return False
        self.load(stamp, is_on=self._schedule.is_on(stamp, self._zone))
        return True

    def load(self, edge: int, *, is_on: bool) -> None:
        """Take up where it was."""
        if self._schedule is not None and edge:
            self.edge, self.is_on = edge, is_on
            self.next = self._schedule.change_after(edge, self._zone)

    def resume(self, edge: int) -> None:
        """Take up where it was, by the hours that the site file has now."""
        if self._schedule is not None and edge:
            self.load(edge, is_on=self._schedule.is_on(edge, self._zone))

    def skip(self, before: int) -> bool:
        """Leave out all edges up to a moment; answers whether there was one."""
        if self._schedule is None or self.next is None or self.next > before:
            return False
        self.load(before, is_on=self._schedule.is_on(before, self._zone))
        return True

    def step(self) -> int:
        """Go on to the next edge; answers it."""
        assert self.next is not None
        assert self._schedule is not None
        edge = self.next
        self.load(edge, is_on=self._schedule.is_on(edge, self._zone))
        return edge

    def allows(self, *moments: int) -> bool:
        """Whether one of the moments lies within the hours."""
        return self._schedule is not None and any(self._schedule.is_on(each, self._zone) for each in moments)

    def held(self, since: int, limit: int) -> tuple[int, int] | None:
        """When a door that is open since then is held: from when the time counts, and when it is over.

        None: never, since its hours leave no time between them.
        """
        schedule, zone = self._schedule, self._zone
        if schedule is None:
            return since, since + limit
        begin = schedule.change_after(since, zone) if schedule.is_on(since, zone) else since
        for _ in range(_MOST_SPANS):
            if begin is None:
                return None
            following = schedule.change_after(begin, zone)
            if following is None or begin + limit <= following:
                return begin, begin + limit
            begin = schedule.change_after(following, zone)
        return None
