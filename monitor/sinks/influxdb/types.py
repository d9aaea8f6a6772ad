"""The types that our fields have in InfluxDB, where a field keeps its first type for ever."""

from collections.abc import Mapping

from monitor.fieldkeys import (
    HEALTH_ERROR,
    HEALTH_LOSS,
    HEALTH_POLL_MS,
    HEALTH_STATE,
    HEALTH_STATE_END,
    HEALTH_UP_PCT,
    USAGE_AMOUNT,
    USAGE_BELOW,
    USAGE_CARBON,
    USAGE_COST,
    USAGE_COVERAGE,
    USAGE_CURRENCY,
    USAGE_ENERGY,
    USAGE_ESTIMATED,
    USAGE_NIGHT,
    USAGE_WEEK_BEFORE,
)
from monitor.schema import (
    ALARM_ACTIVE,
    ALARM_CAUSE,
    ALARM_END,
    ALARM_RESPONSE,
    ALARM_SEVERITY,
    ALARM_SINCE,
    ALARM_START,
    ALARM_TAG_LIST,
    ALARM_TEXT,
    ALARM_TITLE,
    EVENT_CAUSE,
    EVENT_COUNT,
    EVENT_LATE,
    EVENT_NAME,
    EVENT_OPEN,
    EVENT_REASON,
    INTEGER_FIELDS,
    MEASUREMENT_ACCESS,
    MEASUREMENT_ALARMS,
    MEASUREMENT_EVENTS,
    MEASUREMENT_HEALTH_HOUR,
    MEASUREMENT_SUPPLY,
    MEASUREMENT_USAGE,
    STATES,
    delta_name,
    is_counter,
    point_unit,
    state_number,
)
from monitor.sinks.influxdb.text import field_key
from monitor.site import Site

__all__ = ["access_types", "main_types"]

_STRING, _INTEGER, _FLOAT, _BOOLEAN = "string", "integer", "float", "boolean"

Types = Mapping[str, Mapping[str, str]]
"""Measurement -> field -> float, integer, boolean or string."""

_ALARMS = {
    **dict.fromkeys(
        (
            ALARM_SEVERITY,
            "state",
            ALARM_RESPONSE,
            "suppression",
            ALARM_CAUSE,
            ALARM_TITLE,
            ALARM_TEXT,
            ALARM_TAG_LIST,
            "occurrence",
            "source",
        ),
        _STRING,
    ),
    **dict.fromkeys(("severity_i", ALARM_ACTIVE, ALARM_START, ALARM_END), _INTEGER),
    "active": _BOOLEAN,
    **dict.fromkeys(("value", "threshold", ALARM_SINCE), _FLOAT),
}

_HEALTH = (HEALTH_UP_PCT, HEALTH_LOSS, HEALTH_POLL_MS)
_HEALTH_TEXTS = (HEALTH_STATE, HEALTH_STATE_END, HEALTH_ERROR)
_USAGE = (
    USAGE_AMOUNT,
    USAGE_ESTIMATED,
    USAGE_COST,
    USAGE_CARBON,
    USAGE_ENERGY,
    USAGE_COVERAGE,
    USAGE_WEEK_BEFORE,
    USAGE_BELOW,
    USAGE_NIGHT,
)


def main_types(site: Site) -> Types:
    """What is written to the bucket of readings and alarms; fields whose name promises no type are left out."""
    found: dict[str, dict[str, str]] = {
        measurement: dict.fromkeys(fields, _INTEGER) for measurement, fields in INTEGER_FIELDS.items()
    }
    found[MEASUREMENT_ALARMS] = dict(_ALARMS)
    found[MEASUREMENT_EVENTS] = {"detail": _STRING} | dict.fromkeys((EVENT_COUNT, EVENT_LATE, "seq"), _INTEGER)
    found[MEASUREMENT_SUPPLY] = {"state": _STRING, "present": _BOOLEAN, state_number("present"): _INTEGER}
    found[MEASUREMENT_HEALTH_HOUR] |= dict.fromkeys(_HEALTH, _FLOAT) | dict.fromkeys(_HEALTH_TEXTS, _STRING)
    for measurement in MEASUREMENT_USAGE.values():
        found[measurement] |= dict.fromkeys(_USAGE, _FLOAT) | {USAGE_CURRENCY: _STRING}
    for device in site.devices.values():
        fields = found.setdefault(device.device_class, {"quality": _INTEGER})
        for point in device.points:
            key = field_key(point).decode()
            if point_unit(point) is not None:
                fields[key] = _FLOAT
                if is_counter(point):
                    fields[delta_name(point)] = _FLOAT
            elif point in STATES:
                fields |= {key: _BOOLEAN, state_number(key): _INTEGER}
    return found


def access_types() -> Types:
    """What is written to the bucket of access."""
    texts = dict.fromkeys((EVENT_NAME, EVENT_REASON, EVENT_CAUSE, "credential", "door"), _STRING)
    counts = dict.fromkeys((EVENT_COUNT, EVENT_LATE, "seq"), _INTEGER)
    return {MEASUREMENT_ACCESS: {**texts, **counts, EVENT_OPEN: _FLOAT}}
