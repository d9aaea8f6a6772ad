"""Questions about this moment that several dashboards ask: open alarms, supply, doors, equipment, detectors.

What a device said last counts, however long ago: a door tells of itself when it moves. Inner questions name each
source once, whatever building and zone it stands in now, so that one that was moved is not there twice.

Alarms: the newest step of each site, device, rule and point tells how its alarm is now, since a rule has one alarm
at a time of each of them. Its state is `clear` when it is over; one that waits for a reset is not.
"""

from collections.abc import Sequence
from typing import Final

from monitor.fieldkeys import HEALTH_UP
from monitor.grafana.influxql import Select, call, column, equals
from monitor.grafana.looks import State
from monitor.schema import (
    ALARM_CAUSE,
    ALARM_RESPONSE,
    ALARM_SEVERITY,
    ALARM_START,
    ALARM_TEXT,
    ALARM_TITLE,
    MEASUREMENT_ALARMS,
    MEASUREMENT_HEALTH,
    MEASUREMENT_SUPPLY,
    POINT_ALARM,
    POINT_FAULT,
    state_number,
)

__all__ = [
    "FAR",
    "PLACE",
    "SUPPLY_STATES",
    "UNACKNOWLEDGED",
    "WAITS",
    "alarms_now",
    "alarms_open",
    "devices_silent",
    "doors_that",
    "in_alarm",
    "newest",
    "supplied",
    "supply_gone",
    "with_fault",
]

PLACE: Final = ("site", "building")
"""What people choose where there are many devices."""
FAR: Final = "90d"
"""How far back the newest step of an alarm, and the last word of what seldom speaks, is looked for."""

UNACKNOWLEDGED: Final = equals(ALARM_RESPONSE, "unacked")
WAITS: Final = f"(\"state\" != 'clear' OR {UNACKNOWLEDGED})"
"""What needs somebody: an alarm that lasts, that wants a reset, or that nobody has acknowledged."""
SUPPLY_STATES: Final = {
    "present": State("supplied", "green"),
    "partial": State("PARTLY", "orange"),
    "lost": State("LOST", "red"),
    "unknown": State("not known", "#808080"),
}

_ALARM: Final = ("site", "device", "rule", "point")
_TOLD: Final = (
    "severity_i",
    "state",
    ALARM_CAUSE,
    ALARM_SEVERITY,
    ALARM_TITLE,
    ALARM_TEXT,
    ALARM_RESPONSE,
    ALARM_START,
)
_NOW: Final = "now"


def newest(measurement: str, point: str, *where: str, by: Sequence[str] = ("site", "device")) -> Select:
    """What each device said last, as `now`."""
    return Select(columns=[call("last", point, _NOW)], source=measurement, where=where, variables=PLACE, by=by)


def alarms_now(*where: str, columns: Sequence[str]) -> Select:
    """How every alarm is now: those columns of the newest step of each."""
    steps = Select(
        columns=[call("last", "active_i", "open"), *(column(name) for name in _TOLD)],
        source=MEASUREMENT_ALARMS,
        variables=PLACE,
        by=_ALARM,
    )
    return Select(columns=columns, source=steps, where=where)


def alarms_open(*where: str) -> Select:
    """How many alarms need somebody; nothing is answered where none does."""
    return alarms_now(WAITS, *where, columns=[call("count", "open", "alarms")])


def supplied() -> Select:
    """1 for each utility that all buildings have, 0 where one of them has none or only part of it."""
    by = (*PLACE, "utility", "device")
    whole = newest(MEASUREMENT_SUPPLY, state_number("present"), by=by)
    return Select(columns=[call("min", _NOW, "supplied")], source=whole, by=["utility"])


def supply_gone() -> Select:
    """How many supplies are lost, partly or wholly."""
    by = (*PLACE, "utility", "device")
    return _zeros(newest(MEASUREMENT_SUPPLY, state_number("present"), by=by), "lost")


def devices_silent() -> Select:
    """How many devices do not answer now; nothing is answered where the monitor tells nothing."""
    return _zeros(newest(MEASUREMENT_HEALTH, state_number(HEALTH_UP)), "silent")


def in_alarm() -> Select:
    """How many detectors are in alarm."""
    return _ones(newest("safety", state_number(POINT_ALARM)), "detectors")


def with_fault() -> Select:
    """How many pumps, lifts and other machines report a fault."""
    return _ones(newest("equipment", state_number(POINT_FAULT)), "faults")


def doors_that(state: str) -> Select:
    """How many doors are `open`, `held` or `forced`."""
    return _ones(newest("door", state_number(state)), "doors")


def _ones(source: Select, shown: str) -> Select:
    return Select(columns=[call("sum", _NOW, shown)], source=source)


def _zeros(source: Select, shown: str) -> Select:
    return Select(columns=[f'count("{_NOW}") - sum("{_NOW}") AS "{shown}"'], source=source)
