"""Pumps, and one whose time a test moves, for the tests of equipment."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from monitor.equipment.machine import Machine
from monitor.equipment.tally import Midnights, added
from monitor.model import Derived, Event, Quality, Reading, Value
from monitor.plant import Equipment, Group
from monitor.site import Device, Point, Site
from rules.timeline import Timeline

__all__ = ["NOON", "POLLED", "Pump", "device", "said", "site_of"]

NOON = 1_795_780_800_000  # 2026-11-27 12:00 UTC
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
POLLED: Mapping[str, float] = {"fast": 10.0}
STATES = ("running", "fault", "called")


def device(
    ident: str = "pump", *, scan: Mapping[str, float] = POLLED, also: Sequence[str] = (), **keys: Any
) -> Device:
    """A pump that is polled every ten seconds, or one that sends by itself (`scan` empty)."""
    points = {name: Point(name=name) for name in (*STATES, *also)}
    keys = {"connection": "bus", "points": points} | keys
    return Device(id=ident, name=ident, device_class="equipment", scan=scan, **keys)


def plan(**keys: Any) -> Equipment:
    """A pump with all that can be known of it."""
    return Equipment(**({"running": "running", "fault": "fault", "called": "called"} | keys))


def site_of(
    *devices: Device,
    zone: str = "Europe/Berlin",
    groups: Sequence[Group] = (),
    plans: Mapping[str, Equipment] | None = None,
    **keys: Any,
) -> Site:
    """A site with these pumps."""
    return Site(
        id="hq",
        name="HQ",
        timezone=ZoneInfo(zone),
        devices={each.id: each for each in devices},
        equipment={each.id: (plans or {}).get(each.id, plan()) for each in devices if "running" in each.points},
        groups={each.id: each for each in groups},
        **keys,
    )


def said(
    ident: str, time: int, *, arrived: int | None = None, quality: Quality = Quality.GOOD, **values: Value
) -> Reading:
    """What a pump said at a moment; it arrived then unless that is told."""
    arrived = time if arrived is None else arrived
    return Reading(
        device=ident, time=time, arrived=arrived, values=values, quality=quality, late=arrived - time > 120_000
    )


class Pump:
    """A machine whose time goes with what it says; `at` are ms since noon."""

    def __init__(self, *, scan: Mapping[str, float] = POLLED, also: Sequence[str] = (), **keys: Any) -> None:
        self.time = Timeline()
        self.time.now = NOON
        self.machine = Machine(
            device(scan=scan, also=also), plan(**keys), self.time, Midnights(ZoneInfo("Europe/Berlin"))
        )
        self.days: dict[str, dict[str, Any]] = {}

    def says(self, at: int, *, arrived: int | None = None, **values: Value) -> None:
        """It says something at a moment."""
        self.time.now = max(self.time.now, NOON + (at if arrived is None else arrived))
        self.machine.take(said("pump", NOON + at, arrived=None if arrived is None else NOON + arrived, **values))

    def polls(self, first: int, last: int, every: int = 10 * SECOND, **values: Value) -> None:
        """It says the same at each poll from the first to the last."""
        for at in range(first, last + 1, every):
            self.says(at, **values)

    def tick(self, at: int) -> None:
        """Time goes by, and nothing is said."""
        self.time.now = max(self.time.now, NOON + at)
        self.machine.tick()

    def events(self) -> list[tuple[str, int, dict[str, Any]]]:
        """What was told since: kind, ms since noon, attributes."""
        return [
            (each.kind, each.time - NOON, dict(each.attributes))
            for each in self.machine.news()
            if isinstance(each, Event)
        ]

    def counts(self) -> list[tuple[int, dict[str, Any]]]:
        """Counts that were told since: ms since noon, values."""
        return [(each.time - NOON, dict(each.values)) for each in self.machine.news() if isinstance(each, Derived)]

    def day(self, day: str = "2026-11-27") -> dict[str, Any]:
        """What is known of a day."""
        for name, news in self.machine.tally.news().items():
            self.days[name] = added(self.days.get(name, {}), news)
        return self.days.get(day, {})
