# ruff: noqa: S608 - queries are made of names of ours at build time; nothing a user says goes in
"""The first dashboard: is everything supplied, what is used, what is wrong, what happened at the doors."""

from typing import Any

from monitor.grafana.influxql import last, mean, per_interval, sum_of_last, used, used_per, where
from monitor.grafana.model import (
    ACCESS,
    Annotation,
    DataVariable,
    Panel,
    QueryVariable,
    Step,
    Target,
    dashboard,
)
from monitor.grafana.model import DATA as DATA_SOURCE
from monitor.schema import (
    ALARM_ACTIVE,
    ALARM_CAUSE,
    ALARM_END,
    ALARM_RESPONSE,
    ALARM_SEVERITY,
    ALARM_START,
    ALARM_TAG_LIST,
    ALARM_TEXT,
    ALARM_TITLE,
    EVENT_COUNT,
    EVENT_NAME,
    MEASUREMENT_ACCESS,
    MEASUREMENT_ALARMS,
    POINT_ALARM,
    POINT_ENERGY,
    POINT_FAULT,
    POINT_FLOW,
    POINT_OPEN,
    POINT_POWER,
    POINT_VOLUME,
    POINTS_VOLTAGE,
    state_number,
)

__all__ = ["overview"]

_MAIN = "\"role\" = 'main'"
_TODAY = "now/d"
_EN_50160 = (Step(None, "red"), Step(207, "green"), Step(253, "red"))
_ALARM_STATES = {"0": ("OK", "green"), "1": ("ALARM", "red")}
_FAULT_STATES = {"0": ("OK", "green"), "1": ("FAULT", "red")}
_DOOR_STATES = {"0": ("closed", "green"), "1": ("open", "orange")}


def overview() -> dict[str, Any]:
    """The dashboard as JSON."""
    return dashboard(
        uid="facility-overview",
        title="Facility overview",
        panels=[*_now(), *_alarms(), *_charts(), *_doors()],
        variables=[
            DataVariable(name=DATA_SOURCE, label="Data", pattern="/^(?!.*[Aa]ccess).*$/"),
            DataVariable(name=ACCESS, label="Access data", pattern="/[Aa]ccess/"),
            QueryVariable(
                name="site", label="Site", query='SHOW TAG VALUES WITH KEY = "site" WHERE time > now() - 30d'
            ),
            QueryVariable(
                name="building",
                label="Building",
                query='SHOW TAG VALUES WITH KEY = "building" '
                'WHERE "site" =~ /^${site:regex}$/ AND time > now() - 30d',
            ),
        ],
        annotations=[
            Annotation(
                name="Alarms",
                query=f'SELECT "{ALARM_TITLE}", "{ALARM_TEXT}", "{ALARM_TAG_LIST}", "{ALARM_END}" '
                f'FROM "{MEASUREMENT_ALARMS}" ' + where(f"\"{ALARM_CAUSE}\" = 'raised'"),
                title=ALARM_TITLE,
                text=ALARM_TEXT,
                tags=ALARM_TAG_LIST,
                end=ALARM_END,
            )
        ],
    )


def _now() -> list[Panel]:
    """The first row: supply and use at a glance."""
    voltages = [
        Target(query=last("electricity", point, _MAIN), alias=f"$tag_device {phase}")
        for phase, point in POINTS_VOLTAGE.items()
    ]
    return [
        Panel(
            id=1, kind="stat", title="Supply", x=0, y=0, w=6, h=4, unit="volt", decimals=0, steps=_EN_50160,
            description="Newest voltage of each phase at the main meters. Green: within 230 V ± 10 %.",
            targets=voltages,
        ),
        Panel(
            id=2, kind="stat", title="Power now", x=6, y=0, w=4, h=4, unit="watt", decimals=1,
            description="What the main meters draw at this moment, together.",
            targets=[Target(query=sum_of_last("electricity", POINT_POWER, _MAIN), alias="power")],
        ),
        Panel(
            id=3, kind="stat", title="Electricity today", x=10, y=0, w=4, h=4, unit="kwatth", decimals=1,
            description="Counted by the main meters since midnight.", time_from=_TODAY,
            targets=[Target(query=used("electricity", POINT_ENERGY, _MAIN), alias="energy")],
        ),
        Panel(
            id=4, kind="stat", title="Water today", x=14, y=0, w=4, h=4, unit="m3", decimals=2,
            description="Counted by the main water meters since midnight.", time_from=_TODAY,
            targets=[Target(query=used("water", POINT_VOLUME, _MAIN), alias="water")],
        ),
        Panel(
            id=5, kind="stat", title="Gas today", x=18, y=0, w=3, h=4, unit="m3", decimals=2,
            description="Counted by the main gas meters since midnight.", time_from=_TODAY,
            targets=[Target(query=used("gas", POINT_VOLUME, _MAIN), alias="gas")],
        ),
        Panel(
            id=6, kind="stat", title="Water flow now", x=21, y=0, w=3, h=4, unit="m3/h", decimals=2,
            description="What flows through the main water meters at this moment.",
            targets=[Target(query=sum_of_last("water", POINT_FLOW, _MAIN), alias="flow")],
        ),
    ]  # fmt: skip


def _alarms() -> list[Panel]:
    """The second row: what is wrong."""
    names = (ALARM_SEVERITY, ALARM_TITLE, ALARM_TEXT, ALARM_RESPONSE, ALARM_START)
    columns = ", ".join(f'"{name}"' for name in names)
    open_now = (
        f'SELECT {columns} FROM (SELECT last("{ALARM_ACTIVE}") AS "open", {columns} FROM "{MEASUREMENT_ALARMS}" '
        f'{where()} GROUP BY "site", "device", "rule", "point") '
        f'WHERE ("open" = 1 OR "{ALARM_RESPONSE}" = \'unacked\') AND $timeFilter'
    )
    since = {
        "matcher": {"id": "byName", "options": ALARM_START},
        "properties": [{"id": "unit", "value": "dateTimeAsLocal"}, {"id": "displayName", "value": "Since"}],
    }
    hidden = {
        "matcher": {"id": "byName", "options": "Time"},
        "properties": [{"id": "custom.hidden", "value": True}],
    }
    return [
        Panel(
            id=10, kind="table", title="Open alarms", x=0, y=4, w=14, h=7, time_from="30d",
            description="Alarms of the last 30 days that still last, or that nobody has acknowledged.",
            targets=[Target(query=open_now, table=True)], overrides=[since, hidden],
        ),
        Panel(
            id=11, kind="stat", title="Leak, gas and smoke detectors", x=14, y=4, w=6, h=7,
            description="What each detector said last.", states=_ALARM_STATES,
            targets=[Target(query=last("safety", state_number(POINT_ALARM)), alias="$tag_device")],
        ),
        Panel(
            id=12, kind="stat", title="Pumps, lifts, equipment", x=20, y=4, w=4, h=7,
            description="Whether each piece of equipment reports a fault.", states=_FAULT_STATES,
            targets=[Target(query=last("equipment", state_number(POINT_FAULT)), alias="$tag_device")],
        ),
    ]  # fmt: skip


def _charts() -> list[Panel]:
    """The third and fourth row: how it went."""
    voltage = [
        Target(query=per_interval("mean", "electricity", point, _MAIN), alias=f"$tag_device {phase}")
        for phase, point in POINTS_VOLTAGE.items()
    ]
    return [
        Panel(
            id=20, kind="timeseries", title="Power", x=0, y=11, w=12, h=8, unit="watt",
            description="Mean power of each electricity meter.",
            targets=[Target(query=mean("electricity", POINT_POWER), alias="$tag_device")],
        ),
        Panel(
            id=21, kind="timeseries", title="Voltage", x=12, y=11, w=12, h=8, unit="volt", steps=_EN_50160,
            description="Mean voltage of each phase at the main meters, between the limits 207 V and 253 V.",
            targets=voltage,
        ),
        Panel(
            id=22, kind="timeseries", title="Electricity per hour", x=0, y=19, w=12, h=7, unit="kwatth",
            description="Counted per hour by each main meter.", bars=True, minimum=0,
            targets=[Target(query=used_per("1h", "electricity", POINT_ENERGY, _MAIN), alias="$tag_device")],
        ),
        Panel(
            id=23, kind="timeseries", title="Water flow", x=12, y=19, w=6, h=7, unit="m3/h", minimum=0,
            description="Mean flow of each water meter.",
            targets=[Target(query=mean("water", POINT_FLOW), alias="$tag_device")],
        ),
        Panel(
            id=24, kind="timeseries", title="Gas per hour", x=18, y=19, w=6, h=7, unit="m3", bars=True, minimum=0,
            description="Counted per hour by each main gas meter.",
            targets=[Target(query=used_per("1h", "gas", POINT_VOLUME, _MAIN), alias="$tag_device")],
        ),
        Panel(
            id=25, kind="state-timeline", title="Detectors", x=0, y=26, w=12, h=5, states=_ALARM_STATES,
            description="When each detector was in alarm.",
            targets=[Target(query=per_interval("max", "safety", state_number(POINT_ALARM)), alias="$tag_device")],
        ),
    ]  # fmt: skip


def _counted(event: str) -> str:
    inner = where(f"\"{EVENT_NAME}\" = '{event}'")
    return f'SELECT sum("{EVENT_COUNT}") FROM "{MEASUREMENT_ACCESS}" {inner}'


def _doors() -> list[Panel]:
    """The last row: doors. Counts only; who it was is not in these data."""
    denied = where("\"result\" = 'denied'")
    per_hour = where(f"\"{EVENT_NAME}\" = 'card'")
    return [
        Panel(
            id=30, kind="stat", title="Doors now", x=12, y=26, w=5, h=5, states=_DOOR_STATES,
            description="What each door contact said last.",
            targets=[Target(query=last("door", state_number(POINT_OPEN)), alias="$tag_device")],
        ),
        Panel(
            id=31, kind="stat", title="Doors today", x=17, y=26, w=7, h=5, time_from=_TODAY, no_value="0",
            description="How often doors were opened, forced or held open since midnight, and cards refused.",
            steps=(Step(None, "text"),), decimals=0,
            targets=[
                *(Target(query=_counted(event), alias=event, source=ACCESS) for event in _DOOR_EVENTS),
                Target(
                    query=f'SELECT sum("{EVENT_COUNT}") FROM "{MEASUREMENT_ACCESS}" {denied}',
                    alias="refused", source=ACCESS,
                ),
            ],
        ),
        Panel(
            id=32, kind="timeseries", title="Cards per hour", x=0, y=31, w=24, h=6, bars=True, minimum=0,
            description="Cards granted and denied per hour.", decimals=0,
            targets=[
                Target(
                    query=f'SELECT sum("{EVENT_COUNT}") FROM "{MEASUREMENT_ACCESS}" {per_hour} '
                    'GROUP BY time(1h), "result" fill(none)',
                    alias="$tag_result", source=ACCESS,
                )
            ],
        ),
    ]  # fmt: skip


_DOOR_EVENTS = ("opened", "forced", "held")
