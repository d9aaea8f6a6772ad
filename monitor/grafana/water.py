"""Water: what flows now, what never stops flowing, what is used today and this month, by whom and when."""

from typing import Final

from monitor.grafana.common import BUILDING, SITE, ZONE, alarm_marks
from monitor.grafana.costs import costs, per_tenant
from monitor.grafana.happened import SERIOUS
from monitor.grafana.influxql import INTERVAL
from monitor.grafana.kinds import Stat, TimeSeries
from monitor.grafana.leaks import leaks, least, nights
from monitor.grafana.looks import Look
from monitor.grafana.model import Dashboard, Panel, Row, Target
from monitor.grafana.rhythm import highest_hours, peaks, week
from monitor.grafana.shares import shares, stacked, unmetered, unmetered_share, who
from monitor.grafana.totals import change, cost, days, hours, month, today
from monitor.grafana.usage import HOUSE, NEUTRAL, SELDOM, Used, meters, per_meter, series_links, tenants, together
from monitor.schema import POINT_FLOW

__all__ = ["WATER"]

_CLASS: Final = "water"
_USED: Final = Used(name="Water", utility=_CLASS, unit="m3", digits=2, finer=(1000, "litres"))


def _flow_now() -> Panel:
    return Panel(
        kind=Stat(), title="Flow now", width=4, height=4, look=Look(unit="m3/h", decimals=2, steps=NEUTRAL),
        description="What flows through the main meters at this moment, together.",
        targets=[Target(query=together(_CLASS, POINT_FLOW), alias="flow")],
    )  # fmt: skip


def _flow() -> Panel:
    return Panel(
        kind=TimeSeries(joined=SELDOM, calcs=["min", "mean", "max", "lastNotNull"]), title="Flow", width=24,
        height=9,
        look=Look(unit="m3/h", decimals=3, minimum=0, links=series_links(_USED.uid)),
        description="Mean flow of each chosen meter in the time chosen at the top right.",
        targets=[Target(query=per_meter(_CLASS, POINT_FLOW, INTERVAL), alias="$tag_device")],
    )  # fmt: skip


WATER: Final = Dashboard(
    uid=_USED.uid,
    title="Water",
    description="What flows now, what never stops, what is used today and this month, by whom and when; cost.",
    rows=[
        Row(
            panels=[
                _flow_now(), today(_USED), change(_USED), least(_USED), month(_USED), cost(_USED),
                leaks(_USED), nights(_USED), hours(_USED), days(_USED),
            ]
        ),
        Row(title="Who uses it", panels=[
            who(_USED, 16), shares(_USED, 8, 9), stacked(_USED, "day"), stacked(_USED, "month"),
            unmetered_share(_USED, 4, 8), unmetered(_USED, 20),
        ]),
        Row(title="When it is used", panels=[week(_USED), _flow()]),
        Row(title="Peaks", panels=[peaks(_USED, "day", 8), peaks(_USED, "month", 8), highest_hours(_USED)]),
        Row(title="Cost", panels=[costs(_USED, "day", 8), costs(_USED, "month", 8), per_tenant(_USED)]),
    ],
    choices=[SITE, BUILDING, ZONE, meters(_CLASS), tenants(_CLASS)],
    annotations=[alarm_marks(*HOUSE, where=[SERIOUS])],
    classes=frozenset({_CLASS}),
)  # fmt: skip
