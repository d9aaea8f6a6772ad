"""Electricity: what is used now, today and this month, by whom, when, at which peak; and the supply."""

from collections.abc import Mapping, Sequence
from typing import Final

from monitor.fieldkeys import USAGE_AMOUNT
from monitor.grafana.common import BUILDING, MAIN, SITE, ZONE, alarm_marks
from monitor.grafana.costs import carbon, costs, per_tenant
from monitor.grafana.happened import SERIOUS
from monitor.grafana.influxql import INTERVAL, Select, call
from monitor.grafana.kinds import Stat, TimeSeries
from monitor.grafana.looks import EN_50160, Look, Override
from monitor.grafana.model import Dashboard, Panel, Row, Target
from monitor.grafana.rhythm import base, highest_hours, peaks, week
from monitor.grafana.shares import shares, stacked, unmetered, unmetered_share, who
from monitor.grafana.totals import change, cost, days, highest, hours, month, today
from monitor.grafana.usage import (
    DAILY,
    FINE,
    HOURLY,
    HOUSE,
    IS_WHOLE,
    NEUTRAL,
    SELDOM,
    Used,
    meters,
    per_meter,
    series_links,
    tenants,
    together,
)
from monitor.schema import (
    POINT_FREQUENCY,
    POINT_POWER,
    POINT_POWER_FACTOR,
    POINTS_CURRENT,
    POINTS_POWER,
    POINTS_VOLTAGE,
)

__all__ = ["ELECTRICITY"]

_CLASS: Final = "electricity"
_STEPS: Final = 240
"""Steps of time in a chart of all meters: of 7 days the hours, of 30 days three at a time."""
_EXPORT: Final = "energy_export_kwh"
_USED: Final = Used(name="Electricity", utility=_CLASS, unit="kWh", digits=1, finer=(1000, "W"))
_COLOURS: Final = {"L1": "orange", "L2": "purple", "L3": "blue"}
"""Of the phases, the same in every chart."""


def _power_now() -> Panel:
    return Panel(
        kind=Stat(), title="Power now", width=4, height=4, look=Look(unit="W", decimals=1, steps=NEUTRAL),
        description="What the main meters draw at this moment, together; below zero while the house feeds in.",
        targets=[Target(query=together(_CLASS, POINT_POWER), alias="power")],
    )  # fmt: skip


def _fed_in() -> Target:
    """What the main meters counted towards the grid, below the axis."""
    query = _USED.rows(DAILY, f'"{_EXPORT}" * -1 AS "fed in"', MAIN, f'"{_EXPORT}" > 0', variables=HOUSE)
    return Target(query=query, alias="$tag_device, fed in")


def _power() -> Panel:
    return Panel(
        kind=TimeSeries(joined=SELDOM, calcs=["min", "mean", "max", "lastNotNull"]), title="Power", width=12,
        height=9,
        look=Look(unit="W", links=series_links(_USED.uid)),
        description="Power of the main meters, or of the one meter that is chosen, in the time chosen at the top"
        " right; in a hole the meter did not answer.",
        targets=[Target(query=per_meter(_CLASS, POINT_POWER, INTERVAL, "mean", FINE), alias="$tag_device")],
    )  # fmt: skip


def _power_of_each() -> Panel:
    """Of what each meter counted in whole hours, which is told for it and need not be made of its readings."""
    power = Select(
        columns=[f'mean("{USAGE_AMOUNT}") * 1000 AS "value"'], source=HOURLY, where=[_USED.is_it, IS_WHOLE],
        by=["device"], every=INTERVAL, fill="none",
    )  # fmt: skip
    return Panel(
        kind=TimeSeries(stepped=True, fill=0, calcs=["min", "mean", "max"]), title="Mean power of each meter",
        width=12, height=9, shortest="1h", points=_STEPS, look=Look(unit="W", links=series_links(_USED.uid)),
        description="Mean power of each chosen meter, hour by hour; over weeks some hours together. Choose one"
        " meter, and its power stands beside it minute by minute.",
        targets=[Target(query=power, alias="$tag_device")],
    )  # fmt: skip


def _any(point: str, function: str) -> Select:
    """A function of a point over the main meters, or of the meter that is chosen: few lines for many meters."""
    return Select(
        columns=[call(function, point, "value")], source=_CLASS, where=[FINE], every=INTERVAL, fill="null"
    )


def _phases(points: Mapping[str, str], function: str, said: str = "") -> list[Target]:
    return [Target(query=_any(point, function), alias=f"{phase}{said}") for phase, point in points.items()]


def _coloured() -> list[Override]:
    return [Override(pattern=f"/^{phase}/", look=Look(fixed=colour)) for phase, colour in _COLOURS.items()]


def _soft(low: float, high: float) -> Mapping[str, float]:
    """Ends of the axis, which give way to values beyond them."""
    return {"axisSoftMin": low, "axisSoftMax": high}


def _quality() -> Sequence[Panel]:
    """Voltage, current, power by phase; power factor and frequency."""
    one = TimeSeries(fill=0, joined=SELDOM)
    return [
        Panel(
            kind=TimeSeries(fill=0, limits=True, joined=SELDOM, calcs=["min", "max"]), title="Voltage", width=24,
            height=9,
            look=Look(unit="V", decimals=1, steps=EN_50160, scheme="palette-classic", custom=_soft(200, 260)),
            description="The lowest and the highest voltage of each phase at any main meter, or at the meter that"
            " is chosen, between the dashed limits 207 V and 253 V: 230 V and ten per cent (EN 50160).",
            targets=[*_phases(POINTS_VOLTAGE, "min", " lowest"), *_phases(POINTS_VOLTAGE, "max", " highest")],
            overrides=_coloured(),
        ),
        Panel(
            kind=one, title="Current by phase", width=12, height=8, look=Look(unit="A", decimals=1),
            description="The highest current of each phase at any main meter, or at the meter that is chosen."
            " Phases that differ much: have the loads spread anew.",
            targets=_phases(POINTS_CURRENT, "max"), overrides=_coloured(),
        ),
        Panel(
            kind=one, title="Power by phase", width=12, height=8, look=Look(unit="W"),
            description="The highest power of each phase at any main meter, or at the meter that is chosen.",
            targets=_phases(POINTS_POWER, "max"), overrides=_coloured(),
        ),
        Panel(
            kind=one, title="Power factor", width=12, height=7,
            look=Look(decimals=2, custom=_soft(0, 1), links=series_links(_USED.uid)),
            description="Of the main meters, or of the one that is chosen. Near 1 is good; below 0.9 the grid"
            " operator may charge for reactive power.",
            targets=[
                Target(query=per_meter(_CLASS, POINT_POWER_FACTOR, INTERVAL, "mean", FINE), alias="$tag_device")
            ],
        ),
        Panel(
            kind=one, title="Frequency", width=12, height=7,
            look=Look(unit="Hz", decimals=2, custom=_soft(49.8, 50.2)),
            description="The lowest and the highest frequency of the grid: 50 Hz, and a little more or less.",
            targets=[
                Target(query=_any(POINT_FREQUENCY, function), alias=said)
                for function, said in (("min", "lowest"), ("max", "highest"))
            ],
        ),
    ]  # fmt: skip


_FED_IN: Final = Override(
    pattern="/, fed in$/", look=Look(fixed="yellow", custom={"stacking": {"mode": "none", "group": "C"}})
)

ELECTRICITY: Final = Dashboard(
    uid=_USED.uid,
    title="Electricity",
    description="What is used now, today and this month, by whom, when and at which peak; cost, and the supply.",
    rows=[
        Row(
            panels=[
                _power_now(), today(_USED), change(_USED), month(_USED), cost(_USED), unmetered_share(_USED),
                hours(_USED), days(_USED, 12, _fed_in(), overrides=[_FED_IN]),
            ]
        ),
        Row(title="Who uses it", panels=[
            who(_USED, 16), shares(_USED, 8, 9), stacked(_USED, "day"), stacked(_USED, "month"),
            unmetered(_USED, 24),
        ]),
        Row(title="When it is used", panels=[week(_USED), _power(), _power_of_each()]),
        Row(title="Peaks and base load", panels=[
            highest(_USED, 4, 8), peaks(_USED, "day", 12), highest_hours(_USED), peaks(_USED, "month"),
            base(_USED),
        ]),
        Row(title="Cost and CO₂", panels=[
            costs(_USED, "day", 8), costs(_USED, "month", 8), per_tenant(_USED), carbon(_USED, "day"),
            carbon(_USED, "month"),
        ]),
        Row(title="Supply and phases", panels=_quality()),
    ],
    choices=[SITE, BUILDING, ZONE, meters(_CLASS), tenants(_CLASS)],
    annotations=[alarm_marks(*HOUSE, where=[SERIOUS])],
    classes=frozenset({_CLASS}),
)  # fmt: skip
