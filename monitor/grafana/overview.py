"""The first dashboard: is everything supplied, what is used, what is wrong, what happened at the doors."""

from collections.abc import Sequence
from typing import Final

from monitor.grafana.common import (
    ALARM_STATES,
    BUILDING,
    DOOR_STATES,
    FAULT_STATES,
    HIDDEN_TIME,
    MAIN,
    SITE,
    TODAY,
    alarm_marks,
)
from monitor.grafana.influxql import INTERVAL, Select, call, column, equals
from monitor.grafana.kinds import Stat, StateTimeline, Table, TimeSeries
from monitor.grafana.looks import EN_50160, Look, Override, Step
from monitor.grafana.model import ACCESS, DATA, Dashboard, Panel, Row, Target
from monitor.schema import (
    ALARM_ACTIVE,
    ALARM_RESPONSE,
    ALARM_SEVERITY,
    ALARM_START,
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
    delta_name,
    state_number,
)

__all__ = ["OVERVIEW"]

_CHOSEN: Final = ("site", "building")


def _last(measurement: str, point: str, *where: str) -> Select:
    """The newest value of each device."""
    return Select(columns=[call("last", point)], source=measurement, where=where, variables=_CHOSEN, by=["device"])


def _together(measurement: str, point: str) -> Select:
    """The newest value of each main meter, added up."""
    inner = Select(
        columns=[call("last", point, "newest")],
        source=measurement,
        where=[MAIN],
        variables=_CHOSEN,
        by=["device"],
    )
    return Select(columns=[call("sum", "newest")], source=inner)


def _used(measurement: str, counter: str) -> Select:
    """What the main meters have counted in the chosen time, added up."""
    return Select(columns=[call("sum", delta_name(counter))], source=measurement, where=[MAIN], variables=_CHOSEN)


def _per(every: str, function: str, measurement: str, point: str, *where: str, fill: str = "none") -> Select:
    """A function of a point per device and interval."""
    return Select(
        columns=[call(function, point, "value")],
        source=measurement,
        where=where,
        variables=_CHOSEN,
        by=["device"],
        every=every,
        fill=fill,
    )


def _voltages(function: str) -> list[Target]:
    if function == "last":
        return [
            Target(query=_last("electricity", point, MAIN), alias=f"$tag_device {phase}")
            for phase, point in POINTS_VOLTAGE.items()
        ]
    return [
        Target(query=_per(INTERVAL, function, "electricity", point, MAIN), alias=f"$tag_device {phase}")
        for phase, point in POINTS_VOLTAGE.items()
    ]


def _now() -> Sequence[Panel]:
    """The first row: supply and use at a glance."""
    return [
        Panel(
            kind=Stat(), title="Supply", width=6, height=4,
            description="Newest voltage of each phase at the main meters. Green: within 230 V ± 10 %.",
            targets=_voltages("last"), look=Look(unit="V", decimals=0, steps=EN_50160),
        ),
        Panel(
            kind=Stat(), title="Power now", width=4, height=4,
            description="What the main meters draw at this moment, together.",
            targets=[Target(query=_together("electricity", POINT_POWER), alias="power")],
            look=Look(unit="W", decimals=1),
        ),
        Panel(
            kind=Stat(), title="Electricity today", width=4, height=4,
            description="Counted by the main meters since midnight.", time_from=TODAY,
            targets=[Target(query=_used("electricity", POINT_ENERGY), alias="energy")],
            look=Look(unit="kWh", decimals=1),
        ),
        Panel(
            kind=Stat(), title="Water today", width=4, height=4,
            description="Counted by the main water meters since midnight.", time_from=TODAY,
            targets=[Target(query=_used("water", POINT_VOLUME), alias="water")],
            look=Look(unit="m3", decimals=2),
        ),
        Panel(
            kind=Stat(), title="Gas today", width=3, height=4,
            description="Counted by the main gas meters since midnight.", time_from=TODAY,
            targets=[Target(query=_used("gas", POINT_VOLUME), alias="gas")],
            look=Look(unit="m3", decimals=2),
        ),
        Panel(
            kind=Stat(), title="Water flow now", width=3, height=4,
            description="What flows through the main water meters at this moment.",
            targets=[Target(query=_together("water", POINT_FLOW), alias="flow")],
            look=Look(unit="m3/h", decimals=2),
        ),
    ]  # fmt: skip


def _alarms() -> Sequence[Panel]:
    """The second row: what is wrong."""
    shown = [column(name) for name in (ALARM_SEVERITY, ALARM_TITLE, ALARM_TEXT, ALARM_RESPONSE, ALARM_START)]
    newest = Select(
        columns=[call("last", ALARM_ACTIVE, "open"), *shown],
        source=MEASUREMENT_ALARMS,
        variables=_CHOSEN,
        by=["site", "device", "rule", "point"],
    )
    waits = f"({equals('open', 1)} OR {equals(ALARM_RESPONSE, 'unacked')})"
    return [
        Panel(
            kind=Table(), title="Open alarms", width=14, height=7, time_from="30d",
            description="Alarms of the last 30 days that still last, or that nobody has acknowledged.",
            targets=[Target(query=Select(columns=shown, source=newest, where=[waits]))],
            overrides=[Override(name=ALARM_START, look=Look(unit="time", name="Since")), HIDDEN_TIME],
        ),
        Panel(
            kind=Stat(background=True), title="Leak, gas and smoke detectors", width=6, height=7,
            description="What each detector said last.", look=Look(states=ALARM_STATES),
            targets=[Target(query=_last("safety", state_number(POINT_ALARM)), alias="$tag_device")],
        ),
        Panel(
            kind=Stat(background=True), title="Pumps, lifts, equipment", width=4, height=7,
            description="Whether each piece of equipment reports a fault.", look=Look(states=FAULT_STATES),
            targets=[Target(query=_last("equipment", state_number(POINT_FAULT)), alias="$tag_device")],
        ),
    ]  # fmt: skip


def _charts() -> Sequence[Panel]:
    """The third and fourth row: how it went."""
    energy, volume = delta_name(POINT_ENERGY), delta_name(POINT_VOLUME)
    bars = TimeSeries(bars=True, calcs=["sum"])
    return [
        Panel(
            kind=TimeSeries(), title="Power", width=12, height=8, look=Look(unit="W"),
            description="Mean power of each electricity meter.",
            targets=[
                Target(query=_per(INTERVAL, "mean", "electricity", POINT_POWER, fill="null"), alias="$tag_device")
            ],
        ),
        Panel(
            kind=TimeSeries(limits=True), title="Voltage", width=12, height=8,
            look=Look(unit="V", steps=EN_50160, scheme="palette-classic"),
            description="Mean voltage of each phase at the main meters, between the limits 207 V and 253 V.",
            targets=_voltages("mean"),
        ),
        Panel(
            kind=bars, title="Electricity per hour", width=12, height=7, look=Look(unit="kWh", minimum=0),
            description="Counted per hour by each main meter.",
            targets=[Target(query=_per("1h", "sum", "electricity", energy, MAIN), alias="$tag_device")],
        ),
        Panel(
            kind=TimeSeries(), title="Water flow", width=6, height=7, look=Look(unit="m3/h", minimum=0),
            description="Mean flow of each water meter.",
            targets=[Target(query=_per(INTERVAL, "mean", "water", POINT_FLOW, fill="null"), alias="$tag_device")],
        ),
        Panel(
            kind=bars, title="Gas per hour", width=6, height=7, look=Look(unit="m3", minimum=0),
            description="Counted per hour by each main gas meter.",
            targets=[Target(query=_per("1h", "sum", "gas", volume, MAIN), alias="$tag_device")],
        ),
        Panel(
            kind=StateTimeline(), title="Detectors", width=12, height=5, look=Look(states=ALARM_STATES),
            description="When each detector was in alarm.",
            targets=[
                Target(query=_per(INTERVAL, "max", "safety", state_number(POINT_ALARM)), alias="$tag_device")
            ],
        ),
    ]  # fmt: skip


def _counted(condition: str) -> Select:
    return Select(
        columns=[call("sum", EVENT_COUNT)], source=MEASUREMENT_ACCESS, where=[condition], variables=_CHOSEN
    )


def _doors() -> Sequence[Panel]:
    """The last row: doors. Counts only; who it was is not in these data."""
    counted = {event: equals(EVENT_NAME, event) for event in ("opened", "forced", "held")}
    counted["refused"] = equals("result", "denied")
    cards = Select(
        columns=[call("sum", EVENT_COUNT)],
        source=MEASUREMENT_ACCESS,
        where=[equals(EVENT_NAME, "card")],
        variables=_CHOSEN,
        by=["result"],
        every="1h",
    )
    return [
        Panel(
            kind=Stat(background=True), title="Doors now", width=5, height=5, look=Look(states=DOOR_STATES),
            description="What each door contact said last.",
            targets=[Target(query=_last("door", state_number(POINT_OPEN)), alias="$tag_device")],
        ),
        Panel(
            kind=Stat(), title="Doors today", width=7, height=5, time_from=TODAY,
            description="How often doors were opened, forced or held open since midnight, and cards refused.",
            look=Look(steps=(Step(None, "text"),), decimals=0, no_value="0"),
            targets=[
                Target(query=_counted(condition), alias=name, source=ACCESS) for name, condition in counted.items()
            ],
        ),
        Panel(
            kind=TimeSeries(bars=True, calcs=["sum"]), title="Cards per hour", width=24, height=6,
            description="Cards granted and denied per hour.", look=Look(decimals=0, minimum=0),
            targets=[Target(query=cards, alias="$tag_result", source=ACCESS)],
        ),
    ]  # fmt: skip


OVERVIEW: Final = Dashboard(
    uid="facility-overview",
    title="Facility overview",
    description="Is everything supplied, what is used, what is wrong, what happened at the doors.",
    rows=[Row(panels=[*_now(), *_alarms(), *_charts(), *_doors()])],
    choices=[SITE, BUILDING],
    annotations=[alarm_marks(*_CHOSEN)],
    sources=(DATA, ACCESS),
)
