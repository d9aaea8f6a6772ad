"""What several dashboards share: what can be chosen, the marks of alarms, states and their colours."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from monitor.grafana.influxql import Select, column, equals
from monitor.grafana.looks import Override, State
from monitor.grafana.model import Annotation, Choice, Panel
from monitor.schema import (
    ALARM_CAUSE,
    ALARM_END,
    ALARM_TAG_LIST,
    ALARM_TEXT,
    ALARM_TITLE,
    MEASUREMENT_ALARMS,
)

__all__ = [
    "ALARM_STATES",
    "BUILDING",
    "DOOR_STATES",
    "FAULT_STATES",
    "HIDDEN_TIME",
    "MAIN",
    "SITE",
    "SUB",
    "TODAY",
    "ZONE",
    "about",
    "alarm_marks",
    "device",
    "tenant",
]

MAIN: Final = equals("role", "main")
SUB: Final = equals("role", "sub")
TODAY: Final = "now/d"

SITE: Final = Choice(name="site")
BUILDING: Final = Choice(name="building", among=("site",))
ZONE: Final = Choice(name="zone", among=("site", "building"))


def about(panels: Sequence[Panel], *classes: str) -> list[Panel]:
    """Panels that a site without devices of these classes does not need."""
    return [replace(panel, classes=frozenset(classes)) for panel in panels]


def device(measurement: str) -> Choice:
    """The devices of a measurement in the chosen places."""
    return Choice(name="device", measurement=measurement, among=("site", "building", "zone"))


def tenant(measurement: str) -> Choice:
    """The tenants of what was used, in the chosen places."""
    return Choice(name="tenant", measurement=measurement, among=("site", "building"))


ALARM_STATES: Final = {"0": State("OK", "green"), "1": State("ALARM", "red")}
FAULT_STATES: Final = {"0": State("OK", "green"), "1": State("FAULT", "red")}
DOOR_STATES: Final = {"0": State("closed", "green"), "1": State("open", "orange")}

HIDDEN_TIME: Final = Override(name="Time", hidden=True)


def alarm_marks(*variables: str, where: Sequence[str] = ()) -> Annotation:
    """Alarms of the chosen places, from where each began to where it ended; of all, or as `where` says."""
    columns = (ALARM_TITLE, ALARM_TEXT, ALARM_TAG_LIST, ALARM_END)
    return Annotation(
        name="Alarms",
        query=Select(
            columns=[column(name) for name in columns],
            source=MEASUREMENT_ALARMS,
            where=[equals(ALARM_CAUSE, "raised"), *where],
            variables=variables,
        ),
        title=ALARM_TITLE,
        text=ALARM_TEXT,
        tags=ALARM_TAG_LIST,
        end=ALARM_END,
    )
