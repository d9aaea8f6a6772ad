"""What can be exported, by kind: those of `monitor.sinks.filter`."""

from collections.abc import Mapping
from typing import Final

from monitor.model import Derived
from monitor.schema import MEASUREMENT_ACCESS, MEASUREMENT_ALARMS, MEASUREMENT_EVENTS
from monitor.sinks.filter import kind_of

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

_OTHERS: Final = {MEASUREMENT_ACCESS: "access", MEASUREMENT_EVENTS: "events", MEASUREMENT_ALARMS: "alarms"}


def kind_of_measurement(measurement: str) -> str:
    """The kind of what stands in a measurement."""
    if measurement in _OTHERS:
        return _OTHERS[measurement]
    return kind_of(Derived(producer="", key="", device="", time=0, measurement=measurement, values={}))
