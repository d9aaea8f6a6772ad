"""InfluxQL that 1.x, 2.x and 3.x all understand, put together from the names in `monitor.schema`.

What counters have counted is the sum of metering's deltas, or its roll-ups: never `spread()`, `last - first` or
differences of a register, by which a meter that was swapped would count what the new one showed. Nothing is
grouped by days: a day of `usage_daily` already stands where it begins in the site's own time zone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.schema import (
    ACCESS_TAGS,
    ALARM_TAGS,
    CLASSES,
    DERIVED_TAGS,
    EVENT_TAGS,
    MEASUREMENT_ACCESS,
    MEASUREMENT_ALARMS,
    MEASUREMENT_EVENTS,
    MEASUREMENT_OCCUPANCY,
    READING_TAGS,
)

__all__ = [
    "INTERVAL",
    "VARIABLES",
    "Select",
    "call",
    "column",
    "equals",
    "is_any",
    "shared_variables",
    "tag_values",
    "tags_of",
]

INTERVAL: Final = "$__interval"
"""How wide a pixel of the chart is, as Grafana reckons it; never shorter than the data source's `timeInterval`."""

VARIABLES: Final = ("site", "building", "zone", "device", "tenant")
"""What people can choose at the top of a dashboard, each the tag of the same name."""

_ELSEWHERE: Final[Mapping[str, frozenset[str]]] = {MEASUREMENT_OCCUPANCY: frozenset({"zone"})}
"""Tags that mean another thing than the variable of their name: an access zone is no place of devices."""


def tags_of(measurement: str) -> tuple[str, ...]:
    """The tags that points of a measurement have where they are known."""
    if measurement == MEASUREMENT_ACCESS:
        return ACCESS_TAGS
    if measurement == MEASUREMENT_EVENTS:
        return EVENT_TAGS
    if measurement == MEASUREMENT_ALARMS:
        return ALARM_TAGS
    return READING_TAGS if measurement in CLASSES else DERIVED_TAGS[measurement]


def shared_variables(measurement: str, variables: Sequence[str]) -> tuple[str, ...]:
    """Those of a dashboard's variables that say something of a measurement."""
    known = set(tags_of(measurement)) - _ELSEWHERE.get(measurement, frozenset())
    return tuple(name for name in variables if name in known)


def column(name: str, shown: str = "") -> str:
    """A field or a tag, under another name where one is given."""
    return f'"{name}" AS "{shown}"' if shown else f'"{name}"'


def call(function: str, field: str, shown: str = "", *more: str) -> str:
    """A function of a field: `call("percentile", "open_s", "long", "90")`."""
    said = f"{function}({', '.join((column(field), *more))})"
    return f'{said} AS "{shown}"' if shown else said


def equals(name: str, value: str | int) -> str:
    """A condition: a text or a whole number that a tag or field has."""
    return f'"{name}" = ' + (str(value) if isinstance(value, int) else f"'{value}'")


def is_any(name: str, values: Sequence[str]) -> str:
    """A condition: one of several texts."""
    return "(" + " OR ".join(equals(name, value) for value in values) + ")"


def _chosen(name: str) -> str:
    return f'"{name}" =~ /^${{{name}:regex}}$/'


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """One question. `source`: a measurement, or another question whose answers are worked with.

    `by`: tags of which each combination is a series. `every`: the width of time that is made one value of, such as
    `INTERVAL` or `1h`; `fill`: what stands where there is none (`null`, `none`, `previous`, `0`). `variables`:
    what the dashboard lets people choose; those that the measurement has no tag for are left out, and a device
    without a building matches All only. Conditions on time are put in by themselves.
    """

    columns: Sequence[str]
    source: "str | Select"
    where: Sequence[str] = ()
    variables: Sequence[str] = VARIABLES
    by: Sequence[str] = ()
    every: str = ""
    fill: str = ""
    newest_first: bool = False
    limit: int = 0

    def __str__(self) -> str:
        """Spell it, with Grafana's `$timeFilter` and variables in it."""
        conditions = ["$timeFilter"]
        if isinstance(self.source, Select):
            source = f"({self.source})"
        else:
            source = column(self.source)
            conditions += [_chosen(name) for name in shared_variables(self.source, self.variables)]
        said = f"SELECT {', '.join(self.columns)} FROM {source} WHERE {' AND '.join((*conditions, *self.where))}"  # noqa: S608 - InfluxQL of names of ours; nothing a user says goes in
        groups = ([f"time({self.every})"] if self.every else []) + [column(tag) for tag in self.by]
        if groups:
            said += f" GROUP BY {', '.join(groups)}"
        if self.every:
            said += f" fill({self.fill or 'none'})"
        if self.newest_first:
            said += " ORDER BY time DESC"
        return said + (f" LIMIT {self.limit}" if self.limit else "")


def tag_values(
    tag: str, *, measurement: str = "", variables: Sequence[str] = (), where: Sequence[str] = ()
) -> str:
    """What a variable can be: values of a tag in the last 30 days, below what is chosen in `variables`.

    InfluxDB 3 would look back one day without a condition on time.
    """
    source = f" FROM {column(measurement)}" if measurement else ""
    conditions = [*(_chosen(name) for name in variables), *where, "time > now() - 30d"]
    return f"SHOW TAG VALUES{source} WITH KEY = {column(tag)} WHERE {' AND '.join(conditions)}"
