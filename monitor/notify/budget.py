"""How many messages somebody has had in their day and in their night, and whether that is enough; UTC ms."""

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from monitor.calendars import Schedule
from monitor.notify.quiet import next_morning
from monitor.periods import DAY, begin_of, local_day
from monitor.staff import Person

__all__ = ["exhausted_until", "night_began"]

_MOST_CHANGES: Final = 50


def exhausted_until(
    person: Person, had_since: Callable[[int], int], now: int, zone: ZoneInfo
) -> tuple[int, str] | None:
    """Until when what can wait does, because somebody's budget is used up, and why; None: it is not.

    `had_since` answers how many messages they have had from a moment on.
    """
    budget = person.budget
    if budget.night is not None:
        began = night_began(person.night, now, zone)
        if began is not None and had_since(began) >= budget.night:
            return next_morning(person, now, zone), f"{budget.night} messages in this night"
    if budget.day is not None and had_since(begin_of(local_day(now, zone), zone)) >= budget.day:
        return next_morning(person, now, zone), f"{budget.day} messages on this day"
    return None


def night_began(night: Schedule, now: int, zone: ZoneInfo) -> int | None:
    """When the night that lasts began (a day ago where it is longer); None by day."""
    if not night.is_on(now, zone):
        return None
    began = now - DAY
    change = night.change_after(began, zone)
    for _ in range(_MOST_CHANGES):
        if change is None or change > now:
            break
        if night.is_on(change, zone):
            began = change
        change = night.change_after(change, zone)
    return began
