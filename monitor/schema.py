"""Names that more than one part of the house must spell the same way: classes, units, measurements, fields.

Source of every name: the design's contracts; of the line protocol: the design's storage page.
"""

import re
from collections.abc import Mapping
from typing import Final

__all__ = [
    "ACCESS_EVENTS",
    "ACCESS_TAGS",
    "ALARM_ACTIVE",
    "ALARM_CAUSE",
    "ALARM_END",
    "ALARM_RESPONSE",
    "ALARM_SEVERITY",
    "ALARM_SINCE",
    "ALARM_START",
    "ALARM_TAGS",
    "ALARM_TAG_LIST",
    "ALARM_TEXT",
    "ALARM_TITLE",
    "CLASSES",
    "COUNTER_NAMES",
    "DERIVED_TAGS",
    "EVENT_CAUSE",
    "EVENT_COUNT",
    "EVENT_KINDS",
    "EVENT_LATE",
    "EVENT_NAME",
    "EVENT_OPEN",
    "EVENT_REASON",
    "EVENT_TAGS",
    "HEALTH_WORSE",
    "ID",
    "INTEGER_FIELDS",
    "MEASUREMENT_ACCESS",
    "MEASUREMENT_ALARMS",
    "MEASUREMENT_EVENTS",
    "MEASUREMENT_HEALTH",
    "MEASUREMENT_HEALTH_HOUR",
    "MEASUREMENT_MONITOR",
    "MEASUREMENT_OCCUPANCY",
    "MEASUREMENT_SUPPLY",
    "MEASUREMENT_USAGE",
    "MONITOR_DEVICE",
    "MONITOR_POINTS",
    "PHASES",
    "POINTS_CURRENT",
    "POINTS_POWER",
    "POINTS_VOLTAGE",
    "POINT_ALARM",
    "POINT_BATTERY",
    "POINT_BATTERY_LOW",
    "POINT_CALLED",
    "POINT_ENERGY",
    "POINT_FAULT",
    "POINT_FLOW",
    "POINT_FLOW_TEMPERATURE",
    "POINT_FREQUENCY",
    "POINT_OPEN",
    "POINT_POWER",
    "POINT_POWER_FACTOR",
    "POINT_RETURN_TEMPERATURE",
    "POINT_RUNNING",
    "POINT_VOLUME",
    "READING_TAGS",
    "RESERVED_FIELDS",
    "STATES",
    "SUFFIX_UNITS",
    "TRAFFIC_ERRORS",
    "UNIT_SIGNS",
    "UPKEEP_EVENTS",
    "delta_name",
    "is_counter",
    "is_point_name",
    "point_unit",
    "rate_unit",
    "state_number",
    "unit_sign",
]

ID: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
"""Every id matches this, whole."""

CLASSES: Final = ("electricity", "water", "heat", "gas", "access", "door", "safety", "environment", "equipment")
"""Classes of devices; also the measurements of their readings."""

MEASUREMENT_ACCESS: Final = "access"
MEASUREMENT_EVENTS: Final = "events"
MEASUREMENT_ALARMS: Final = "alarms"
MONITOR_DEVICE: Final = "facility-monitor"

READING_TAGS: Final = ("site", "building", "zone", "device", "role", "medium")
"""Tags of a reading's series, in this order; empty ones are left out."""

ACCESS_TAGS: Final = ("site", "building", "zone", "device", "direction", "result")
EVENT_TAGS: Final = ("site", "building", "zone", "device", "kind")
ALARM_TAGS: Final = ("site", "building", "zone", "device", "rule", "point")
"""Tags of events and alarms. An alarm about the whole device has no `point`."""

TRAFFIC_ERRORS: Final = (
    "no_connection",
    "closed",
    "timeout",
    "checksum",
    "garbled",
    "foreign",
    "gateway",
    "busy",
    "refused",
)
"""What can go wrong between a connection and a device, by kind.

`no_connection`: none could be opened; `closed`: the other end closed it; `timeout`: no answer; `checksum`: bytes
came, and their CRC or LRC is wrong; `garbled`: a frame of the wrong length or function; `foreign`: an answer of
another unit or to another request; `gateway`: a gateway says that it cannot reach the device; `busy`, `refused`:
an answer of the device, with an exception.
"""

MEASUREMENT_HEALTH: Final = "device_health"
MEASUREMENT_HEALTH_HOUR: Final = "device_hourly"
"""How a device answered in an hour (UTC), at its begin: what dashboards ask for over weeks."""
HEALTH_WORSE: Final = ("never_answered", "answering", "degraded", "flapping", "suspended")
"""How a device does, the worst last: its place here is the number of the state of an hour, `state_i`.
`never_answered` is said only of an hour in which nothing else was.
"""
MEASUREMENT_MONITOR: Final = "facility_monitor"
MEASUREMENT_OCCUPANCY: Final = "occupancy"
"""How many people are in a zone: fields `count` and `known`."""
MEASUREMENT_SUPPLY: Final = "supply"
"""Whether a building has a utility: `state` (present, partial, lost, unknown) and `present`."""

MEASUREMENT_USAGE: Final[Mapping[str, str]] = {
    "hour": "usage_hourly",
    "day": "usage_daily",
    "month": "usage_monthly",
}
"""Measurements of what was used, by the local period that a point stands for; its time is the period's begin."""

_HEALTH_TAGS = ("site", "building", "zone", "device", "protocol")
_USAGE_TAGS = ("site", "building", "zone", "device", "role", "utility", "tenant")
DERIVED_TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    MEASUREMENT_HEALTH: _HEALTH_TAGS,
    MEASUREMENT_HEALTH_HOUR: _HEALTH_TAGS,
    MEASUREMENT_MONITOR: ("instance", "version"),
    MEASUREMENT_OCCUPANCY: ("site", "zone"),
    MEASUREMENT_SUPPLY: ("site", "building", "utility", "device"),
    **dict.fromkeys(MEASUREMENT_USAGE.values(), _USAGE_TAGS),
}
"""Tags of derived measurements; those of a class have the tags of its readings, so that fields merge."""

INTEGER_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    MEASUREMENT_HEALTH: frozenset({"polls", "errors"}),
    MEASUREMENT_HEALTH_HOUR: frozenset({"minutes", "up_minutes", "state_i", "polls", "errors", "seen_ms"}),
    MEASUREMENT_MONITOR: frozenset(
        {
            "readings",
            "readings_dropped",
            "devices_down",
            "journal_lag",
            "dead_letters",
            "notify_waiting",
            "notify_failed",
            "channels_failing",
            "rules_failing",
        }
    ),
    MEASUREMENT_OCCUPANCY: frozenset({"count", "known"}),
    MEASUREMENT_USAGE["hour"]: frozenset({"partial_i", "weekday", "hour"}),
    MEASUREMENT_USAGE["day"]: frozenset({"partial_i", "weekday"}),
    MEASUREMENT_USAGE["month"]: frozenset({"partial_i"}),
}
"""Fields of derived measurements that are integers; every other number is a float field."""

MONITOR_POINTS: Final[Mapping[str, str | None]] = {
    "readings": None,
    "readings_dropped": None,
    "devices_down": None,
    "journal_lag": None,
    "journal_mb": "MB",
    "journal_over_size": None,
    "journal_replaced": None,
    "journal_left_h": "h",
    "state_restored": None,
    "ledger_replaced": None,
    "ledger_failing": None,
    "access_replaced": None,
    "access_failing": None,
    "dead_letters": None,
    "sink_down_s": "s",
    "write_ms_p95": "ms",
    "notify_waiting": None,
    "notify_failed": None,
    "channels_failing": None,
    "rules_failing": None,
    "engine_lag_s": "s",
    "alarm_flood": None,
    "loop_lag_ms": "ms",
    "rss_mb": "MB",
    "disk_free_pct": "%",
    "clock_synchronised": None,
}
"""What the monitor says of itself -> unit (None: a count or a state); each is explained in docs/metrics.md."""

ALARM_ACTIVE: Final = "active_i"
ALARM_CAUSE: Final = "cause"
ALARM_END: Final = "end_ms"
ALARM_RESPONSE: Final = "response"
ALARM_SEVERITY: Final = "severity"
ALARM_SINCE: Final = "since_s"
ALARM_START: Final = "start_ms"
ALARM_TAG_LIST: Final = "tags"
ALARM_TEXT: Final = "text"
ALARM_TITLE: Final = "title"
EVENT_CAUSE: Final = "cause"
EVENT_COUNT: Final = "count"
EVENT_LATE: Final = "late_i"
EVENT_NAME: Final = "event"
EVENT_OPEN: Final = "open_s"
EVENT_REASON: Final = "reason"
"""Fields of alarms and events that dashboards ask for."""

POINT_ALARM: Final = "alarm"
POINT_BATTERY: Final = "battery_pct"
POINT_BATTERY_LOW: Final = "battery_low"
POINT_CALLED: Final = "called"
POINT_ENERGY: Final = "energy_import_kwh"
POINT_FAULT: Final = "fault"
POINT_FLOW: Final = "flow_m3h"
POINT_FLOW_TEMPERATURE: Final = "flow_temperature_c"
POINT_FREQUENCY: Final = "frequency_hz"
POINT_OPEN: Final = "open"
POINT_POWER: Final = "power_w"
POINT_POWER_FACTOR: Final = "pf"
POINT_RETURN_TEMPERATURE: Final = "return_temperature_c"
POINT_RUNNING: Final = "running"
POINT_VOLUME: Final = "volume_m3"
STATES: Final = frozenset(
    {"alarm", "called", "fault", "forced", "held", "locked", "open", "present", "rex", "running", "tamper"}
)
"""Points that are true or false, and never anything else: true when the name says so."""

POINTS_CURRENT: Final[Mapping[str, str]] = {f"L{phase}": f"current_l{phase}_a" for phase in (1, 2, 3)}
POINTS_POWER: Final[Mapping[str, str]] = {f"L{phase}": f"power_l{phase}_w" for phase in (1, 2, 3)}
POINTS_VOLTAGE: Final[Mapping[str, str]] = {f"L{phase}": f"voltage_l{phase}_v" for phase in (1, 2, 3)}
"""Points that dashboards ask for."""

RESERVED_FIELDS: Final = frozenset({"time", "quality", *READING_TAGS})
"""Names that a point cannot have as a field: a name is never both tag and field."""

ACCESS_EVENTS: Final = frozenset(
    {
        "card",
        "opened",
        "closed",
        "forced",
        "held",
        "rex",
        "duress",
        "passage",
        "unlocked",
        "locked",
        "out_of_hours",
        "passback",
        "crowded",
    }
)
"""Kinds of events that go to the measurement `access`; all others go to `events`.

Devices tell of the first seven; the monitor tells of what it sees in contacts, locks and cards: `opened` and
`closed` (of a contact that is a point), `forced` and `held` (of doors that do not say so themselves), `passage` (a
card that was granted was used, told of its reader), `unlocked` and `locked` (by the door's hours), and of people
in zones `out_of_hours`, `passback` and `crowded`.
"""

UPKEEP_EVENTS: Final = frozenset(
    {
        "failed_to_start",
        "failed_to_stop",
        "short_cycling",
        "took_over",
        "no_reserve",
        "idle",
        "service_soon",
        "service_due",
        "serviced",
        "battery_soon",
        "supply_lost",
        "supply_partial",
        "supply_back",
    }
)
"""Kinds of events that the monitor tells of equipment, batteries and the supply."""

EVENT_KINDS: Final = (
    ACCESS_EVENTS
    | UPKEEP_EVENTS
    | {
        "tamper",
        "reader_online",
        "reader_offline",
        "counter_rollover",
        "counter_glitch",
        "counter_reset",
        "meter_replaced",
        "clock_stepped",
        "monitor_started",
        "nobody_answered",
        "resident_report",
        "health",
    }
)

PHASES: Final = ("l1", "l2", "l3", "n", "l12", "l23", "l31")

SUFFIX_UNITS: Final[Mapping[str, str]] = {
    "w": "W",
    "var": "var",
    "va": "VA",
    "v": "V",
    "a": "A",
    "hz": "Hz",
    "kwh": "kWh",
    "kvarh": "kvarh",
    "kvah": "kVAh",
    "m3": "m3",
    "m3h": "m3/h",
    "c": "degC",
    "pct": "%",
    "ppm": "ppm",
    "hpa": "hPa",
    "bar": "bar",
    "m": "m",
    "s": "s",
    "h": "h",
    "pct_lel": "%LEL",
}
"""Suffix of a point's name -> the unit its values are kept in."""

UNIT_SIGNS: Final[Mapping[str, str]] = {"degC": "°C", "m3": "m³", "m3/h": "m³/h", "%LEL": "% LEL"}
"""Unit -> how people write it, where that is different."""

COUNTER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "electricity": ("energy_import_kwh", "energy_total_kwh", "energy_export_kwh"),
    "water": ("volume_m3",),
    "gas": ("volume_m3", "energy_import_kwh"),
    "heat": ("energy_heat_kwh", "energy_kwh", "energy_cooling_kwh", "volume_m3"),
}
"""Class -> the counter that a meter of it is billed by: the first of these that it has."""

_RATE_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "kWh": ("W", 1000.0),
    "kvarh": ("var", 1000.0),
    "kVAh": ("VA", 1000.0),
    "m3": ("m3/h", 1.0),
}
_NO_COUNTERS = frozenset({"net", "resettable", "delta", "previous"})
_POINT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def is_point_name(name: str) -> bool:
    """Whether a name can be a point: lower-case words joined by `_`."""
    return _POINT.fullmatch(name) is not None


def point_unit(name: str) -> str | None:
    """The unit that a point's name promises (`voltage_l1_v` -> `V`), or None for states and dimensionless ones."""
    parts = name.split("_")
    if len(parts) > 2 and "_".join(parts[-2:]) in SUFFIX_UNITS:  # noqa: PLR2004 - a quantity and two words of unit
        return SUFFIX_UNITS["_".join(parts[-2:])]
    if len(parts) > 1:
        return SUFFIX_UNITS.get(parts[-1])
    return None


def state_number(name: str) -> str:
    """The field that holds a state as 0 or 1, beside the boolean one."""
    return f"{name}_i"


def is_counter(name: str) -> bool:
    """Whether a point by its name is an energy or a volume that is counted up and never falls by itself.

    Net values fall, and resettable ones are for whoever resets them.
    """
    return point_unit(name) in _RATE_UNITS and not _NO_COUNTERS.intersection(name.split("_"))


def delta_name(counter: str) -> str:
    """The field beside a counter that holds what was counted since the one before: `energy_import_delta_kwh`."""
    quantity, _, suffix = counter.rpartition("_")
    return f"{quantity}_delta_{suffix}"


def rate_unit(unit: str) -> tuple[str, float]:
    """The unit of a counter's rate, and how much of it one unit an hour is: kWh -> (W, 1000), m3 -> (m3/h, 1)."""
    return _RATE_UNITS[unit]


def unit_sign(unit: str) -> str:
    """A unit as people write it: m3/h -> m³/h."""
    return UNIT_SIGNS.get(unit, unit)
