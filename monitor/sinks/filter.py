"""What a sink is to write of the journal: by the kind of an entry, and by the device that it is about. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from monitor.model import Derived, Entry, Event, Reading, Transition
from monitor.schema import (
    ACCESS_EVENTS,
    MEASUREMENT_HEALTH,
    MEASUREMENT_HEALTH_HOUR,
    MEASUREMENT_MONITOR,
    MEASUREMENT_OCCUPANCY,
    MEASUREMENT_SUPPLY,
    MEASUREMENT_USAGE,
    MONITOR_DEVICE,
)
from monitor.site import SinkFilter

__all__ = ["Takes", "kind_of", "make_filter"]

Takes = Callable[[Entry], bool]

_DERIVED: Final[Mapping[str, str]] = {
    **dict.fromkeys(MEASUREMENT_USAGE.values(), "usage"),
    MEASUREMENT_HEALTH: "health",
    MEASUREMENT_HEALTH_HOUR: "health",
    MEASUREMENT_MONITOR: "monitor",
    MEASUREMENT_OCCUPANCY: "access",
    MEASUREMENT_SUPPLY: "events",
}
"""Measurement of what was derived -> its kind; what is derived of a class goes with the readings."""


def kind_of(entry: Entry) -> str:
    """The kind in `kinds:` that an entry belongs to; empty for commands, which no sink writes."""
    if isinstance(entry, Reading):
        return "readings"
    if isinstance(entry, Derived):
        return _DERIVED.get(entry.measurement, "readings")
    if isinstance(entry, Event):
        return "access" if entry.kind in ACCESS_EVENTS else "events"
    return "alarms" if isinstance(entry, Transition) else ""


def make_filter(chosen: SinkFilter) -> Takes | None:
    """Answer what says whether an entry is to be written; None where every entry is.

    Entries of the monitor itself and of the whole site belong to no device, and are chosen by their kind alone.
    """
    devices, kinds = chosen.devices, chosen.kinds
    if devices is None and kinds is None:
        return None
    named = None if devices is None else devices | {MONITOR_DEVICE}

    def takes(entry: Entry) -> bool:
        if kinds is not None and kind_of(entry) not in kinds:
            return False
        return named is None or getattr(entry, "device", MONITOR_DEVICE) in named

    return takes
