"""Quiet hours: until when somebody is not told of what can wait. Pure; times are UTC ms."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor.model import SEVERITY_RANK
from monitor.staff import Person

__all__ = ["Held", "held_until"]


class Held(NamedTuple):
    """Until when a message waits, and why in words."""

    until: int
    reason: str


def held_until(person: Person, severity: str, time: int, zone: ZoneInfo) -> Held | None:
    """How long somebody's quiet hours hold a message of a severity that is due at a time; None: they do not.

    Hours that do not end within a year hold nothing: nobody would ever be told.
    """
    quiet = person.quiet
    if quiet is None or SEVERITY_RANK[severity] >= SEVERITY_RANK[quiet.below] or not quiet.hours.is_on(time, zone):
        return None
    until = quiet.hours.change_after(time, zone)
    if until is None:
        return None
    return Held(until, f"quiet hours of {person.name}: below {quiet.below} waits")
