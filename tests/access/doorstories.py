"""Stories of a door in virtual time, and what was told of them."""

from typing import Any

from monitor.access.machine import Machine
from monitor.accessbook import DoorNow
from monitor.calendars import Hours, Schedule
from monitor.model import Derived, Entry, Event, Position, Recorded
from monitor.site import Site
from monitor.zones import DoorSettings
from tests.access.sites import card, said, site

__all__ = ["CLOSED", "WORDS", "Story", "T", "Told", "hours", "opens", "shown", "shuts"]

T = 1_795_392_000_000 - 1_795_392_000_000 % 86_400_000 + 12 * 3_600_000
"""Noon, UTC."""
WORDS = ("cause", "card", "open_s", "since")
Told = tuple[str, int, dict[str, Any]]


class Story:
    """Entries come at their own time, or at (offset, entry); the monitor says something every ten seconds."""

    def __init__(self, of: Site | None = None, *, began: int = 0) -> None:
        self.site = of or site()
        self.machine = Machine(self.site)
        self.machine.began = Position(began)
        self.stamp = 0
        self.position = 0
        self.entries: list[Event | Derived] = []

    def __call__(self, *given: Entry | tuple[int, Entry]) -> "Story":
        for each in given:
            offset, entry = each if isinstance(each, tuple) else (getattr(each, "time", 0) - T, each)
            self.wait(offset)
            self._take(T + offset, entry)
        return self

    def wait(self, offset: int) -> "Story":
        while self.stamp and T + offset - self.stamp > 10_000:
            self._take(self.stamp + 10_000, said("meter", self.stamp, power_w=1.0))
        return self

    def leap(self, offset: int, entry: Entry) -> None:
        """Nothing has been recorded meanwhile."""
        self._take(T + offset, entry)

    def _take(self, stamp: int, entry: Entry) -> None:
        self.stamp = stamp
        self.position += 1
        self.entries += self.machine.handle(Recorded(Position(self.position), stamp, entry))

    def told(self, *kinds: str, until: int = 0) -> list[Told]:
        """What was told: kind, time from T, and what matters of its attributes."""
        self.wait(max(until, self.stamp - T + 120_000))
        events = [each for each in self.entries if isinstance(each, Event) and (not kinds or each.kind in kinds)]
        return [
            (each.kind, each.time - T, {word: each.attributes[word] for word in WORDS if word in each.attributes})
            for each in sorted(events, key=lambda each: each.time)
        ]

    def figures(self) -> dict[str, Any]:
        """What was counted of the front door, all days."""
        found: dict[str, Any] = {}
        for (door, day), figures in self.machine.figures.take().items():
            assert door == "front", day
            found |= {name: amount + found.get(name, 0) for name, amount in figures.items() if name != "opened"}
        return found

    def door(self, name: str = "front") -> DoorNow:
        return next(door for door in self.machine.doors() if door.door == name)


def opens(after: int, contact: str = "front") -> Entry:
    return said(contact, T + after, open=True)


def shuts(after: int, contact: str = "front") -> Entry:
    return said(contact, T + after, open=False)


def shown(after: int, result: str = "granted") -> Event:
    return card(T + after, result=result)


CLOSED = shuts(-60_000)


def hours(*spans: tuple[int, int]) -> Site:
    return site(doors={"front": DoorSettings(unlocked=Schedule(hours=(Hours(spans=spans),)))})
