"""What can be exported, by kind."""

from collections.abc import Mapping
from typing import Final

from monitor.model import Derived, Entry, Event, Reading, Transition
from monitor.schema import (
    ACCESS_EVENTS,
    MEASUREMENT_ACCESS,
    MEASUREMENT_ALARMS,
    MEASUREMENT_EVENTS,
    MEASUREMENT_HEALTH,
    MEASUREMENT_MONITOR,
    MEASUREMENT_OCCUPANCY,
    MEASUREMENT_SUPPLY,
    MEASUREMENT_USAGE,
)

__all__ = ["ENTRIES_OF", "KINDS", "kind_of", "kind_of_measurement"]

KINDS: Final = ("readings", "usage", "alarms", "events", "health", "monitor", "access")

ENTRIES_OF: Final[Mapping[str, frozenset[str]]] = {
    "readings": frozenset({"reading", "derived"}),
    "usage": frozenset({"derived"}),
    "alarms": frozenset({"transition"}),
    "events": frozenset({"event", "derived"}),
    "health": frozenset({"derived"}),
    "monitor": frozenset({"derived"}),
    "access": frozenset({"event", "derived"}),
}
"""Kind -> the kinds of entries of the journal that it is among."""

_DERIVED: Final[Mapping[str, str]] = {
    **dict.fromkeys(MEASUREMENT_USAGE.values(), "usage"),
    MEASUREMENT_HEALTH: "health",
    MEASUREMENT_MONITOR: "monitor",
    MEASUREMENT_OCCUPANCY: "access",
    MEASUREMENT_SUPPLY: "events",
}
"""Measurement of what was derived -> its kind; what is derived of a class goes with the readings."""


def kind_of(entry: Entry) -> str:
    """The kind of an entry; empty for commands."""
    if isinstance(entry, Reading):
        return "readings"
    if isinstance(entry, Derived):
        return _DERIVED.get(entry.measurement, "readings")
    if isinstance(entry, Event):
        return "access" if entry.kind in ACCESS_EVENTS else "events"
    return "alarms" if isinstance(entry, Transition) else ""


def kind_of_measurement(measurement: str) -> str:
    """The kind of what stands in a measurement."""
    events = {MEASUREMENT_ACCESS: "access", MEASUREMENT_EVENTS: "events", MEASUREMENT_ALARMS: "alarms"}
    return events.get(measurement) or _DERIVED.get(measurement, "readings")
