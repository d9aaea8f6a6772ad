"""When somebody wants to be left alone, and when the next morning is: pure; times are UTC ms."""

from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from monitor.model import SEVERITY_RANK
from monitor.periods import local_day, moment_of
from monitor.staff import Person

__all__ = ["MORNING", "held_until", "next_morning"]

MORNING: Final = 7 * 60
"""The minute of the local day at which what was put off comes, for who has no quiet hours."""

_ONE_DAY: Final = timedelta(days=1)


def held_until(person: Person, severity: str, time: int, zone: ZoneInfo) -> tuple[int, str] | None:
    """Until when a message of a severity waits because of somebody's quiet hours, and why; None: it does not."""
    quiet = person.quiet
    if quiet is None or SEVERITY_RANK[severity] >= SEVERITY_RANK[quiet.below]:
        return None
    if not quiet.hours.is_on(time, zone):
        return None
    end = quiet.hours.change_after(time, zone)
    if end is None:  # hours without an end would swallow messages
        return None
    return end, f"quiet hours: below {quiet.below}"


def next_morning(person: Person, time: int, zone: ZoneInfo) -> int:
    """When what was put off comes: at the next end of somebody's quiet hours, else at seven."""
    if person.quiet is not None:
        hours = person.quiet.hours
        change = hours.change_after(time, zone)
        if change is not None and not hours.is_on(time, zone):
            change = hours.change_after(change, zone)
        if change is not None:
            return change
    day = local_day(time, zone)
    today = moment_of(day, MORNING, zone)
    return today if today > time else moment_of(day + _ONE_DAY, MORNING, zone)
