"""Keys of the fields that the monitor works out itself, beside what devices say: of usage and of health.

What is in them, and how often it is told: docs/influxdb.md.
"""

from typing import Final

from monitor.schema import SUFFIX_UNITS, rate_unit

__all__ = [
    "HEALTH_ERROR",
    "HEALTH_ERRORS",
    "HEALTH_LOSS",
    "HEALTH_MINUTES",
    "HEALTH_POLLS",
    "HEALTH_POLL_MS",
    "HEALTH_SEEN",
    "HEALTH_STATE",
    "HEALTH_STATE_END",
    "HEALTH_STATE_NUMBER",
    "HEALTH_UP",
    "HEALTH_UP_MINUTES",
    "HEALTH_UP_PCT",
    "USAGE_AMOUNT",
    "USAGE_BELOW",
    "USAGE_CARBON",
    "USAGE_COST",
    "USAGE_COVERAGE",
    "USAGE_CURRENCY",
    "USAGE_ENERGY",
    "USAGE_ESTIMATED",
    "USAGE_HOUR",
    "USAGE_NIGHT",
    "USAGE_PARTIAL",
    "USAGE_WEEKDAY",
    "USAGE_WEEK_BEFORE",
    "base_name",
    "demand_name",
]

USAGE_AMOUNT: Final = "amount"
USAGE_BELOW: Final = "below"
"""Of a main meter, once the period is over: what the meters next below it counted in it; the rest is nobody's."""
USAGE_CARBON: Final = "carbon_kg"
USAGE_COST: Final = "cost"
USAGE_COVERAGE: Final = "coverage_pct"
USAGE_CURRENCY: Final = "currency"
USAGE_ENERGY: Final = "energy_kwh"
USAGE_ESTIMATED: Final = "estimated"
USAGE_HOUR: Final = "hour"
"""Of an hour: which of its local day it is, 0 to 23."""
USAGE_NIGHT: Final = "night_m3h"
"""Of a day, of meters that count m3: the least mean of an hour of the night; what flows then may be a leak."""
USAGE_PARTIAL: Final = "partial_i"
USAGE_WEEKDAY: Final = "weekday"
"""Of an hour or a day: 1 is Monday, 7 is Sunday, in the site's time zone."""
USAGE_WEEK_BEFORE: Final = "week_before"
"""Of an hour or a day: the amount of the same one a week earlier."""

HEALTH_ERROR: Final = "last_error"
"""Of a minute: why the last poll failed, empty when it did not; of an hour: the newest error that was in it."""
HEALTH_ERRORS: Final = "errors"
HEALTH_LOSS: Final = "loss_pct"
HEALTH_MINUTES: Final = "minutes"
"""Of an hour: how many of its minutes were judged; fewer than 60 while it runs, and when the monitor was off."""
HEALTH_POLLS: Final = "polls"
HEALTH_POLL_MS: Final = "poll_ms"
HEALTH_SEEN: Final = "seen_ms"
"""Of an hour: the end (UTC ms) of the newest minute in which it answered, be that before this hour."""
HEALTH_STATE: Final = "state"
HEALTH_STATE_END: Final = "state_end"
"""Of an hour: the state at its end, or now; `state` is the worst of it."""
HEALTH_STATE_NUMBER: Final = "state_i"
"""Of an hour: its state as a number, the worse the greater, so that `max` is the worst of several hours."""
HEALTH_UP: Final = "up"
HEALTH_UP_MINUTES: Final = "up_minutes"
"""Of an hour: in how many of its `minutes` it answered. Over many hours divide sum by sum."""
HEALTH_UP_PCT: Final = "up_pct"
"""Of an hour: the share of its `minutes` in which it answered."""


def demand_name(unit: str) -> str:
    """The greatest mean of a quarter of an hour, of meters that count kWh or m3: `demand_max_w`."""
    return f"demand_max_{_suffix(unit)}"


def base_name(unit: str) -> str:
    """The least mean of a quarter of an hour: `base_w`, `base_m3h`."""
    return f"base_{_suffix(unit)}"


def _suffix(unit: str) -> str:
    rate, _ = rate_unit(unit)
    return next(suffix for suffix, written in SUFFIX_UNITS.items() if written == rate)
