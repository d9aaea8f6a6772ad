"""What a site file says of its doors and zones: who may be where when, and how long a door may stand open.

A door is called by the device that its contact is, or its lock or reader where it has no contact. Times are
seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.calendars import Schedule

__all__ = ["AccessSettings", "AccessZone", "DoorSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """How one door is meant to be used.

    `held_after`: how long it may stand open after somebody had a reason to open it. `unlocked`: hours in which it
    is open to everybody: whoever opens it then has a reason, and it may stand open.
    """

    held_after: float = 30.0
    unlocked: Schedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessZone:
    """A part of the site that people enter and leave by its doors.

    `doors` lead into it: readers of direction `in` count who enters, those of direction `out` who leaves, to the
    zone that it lies `within` or, when that is empty, out of the site. Who is in a zone is in the one around it,
    too. `hours`: when people are expected in it; None: always. `most`: how many may be in it. `reset`: the minute
    of the local day at which everybody is taken to have left; None: never. `passback`: whether entering twice, or
    leaving without having entered, is told.
    """

    id: str
    name: str
    doors: tuple[str, ...]
    within: str = ""
    hours: Schedule | None = None
    most: int | None = None
    reset: int | None = None
    passback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """The section `access`.

    `unlock_pulse`: how long a granted door may be opened. `keep`: how long is known who it was. `pseudonyms`:
    whether pseudonyms may leave the box. `names_key`: what the directory of names is sealed with, a secret; empty:
    there is none. `doors`: only those that the site file says something of; `held_after` is for all others.
    """

    unlock_pulse: float = 5.0
    held_after: float = 30.0
    keep: float = 90 * 86400.0
    pseudonyms: bool = False
    names_key: str = field(default="", repr=False)
    doors: Mapping[str, DoorSettings] = field(default_factory=dict)
    zones: Mapping[str, AccessZone] = field(default_factory=dict)

    def door(self, door: str) -> DoorSettings:
        """How a door is meant to be used."""
        return self.doors.get(door) or DoorSettings(held_after=self.held_after)
