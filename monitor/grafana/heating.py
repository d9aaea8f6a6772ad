"""Gas and heat: what is burnt and what comes out of it, today and this month, by whom; temperatures, cost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from monitor.fieldkeys import USAGE_AMOUNT, USAGE_ENERGY
from monitor.grafana.common import BUILDING, MAIN, SITE, TODAY, ZONE, about, alarm_marks
from monitor.grafana.costs import carbon, costs, per_tenant
from monitor.grafana.happened import SERIOUS
from monitor.grafana.influxql import INTERVAL, Select, call, column
from monitor.grafana.kinds import Stat, TimeSeries
from monitor.grafana.leaks import nights
from monitor.grafana.looks import Look, Override
from monitor.grafana.model import Dashboard, Panel, Row, Target
from monitor.grafana.rhythm import peaks, week
from monitor.grafana.shares import shares, stacked, unmetered, who
from monitor.grafana.totals import change, cost, days, hours, month, months, today
from monitor.grafana.usage import (
    DAILY,
    DAYS,
    HOURLY,
    HOUSE,
    MONTHLY,
    MONTHS,
    NEUTRAL,
    SELDOM,
    THIS_MONTH,
    TOTAL,
    Used,
    meters,
    per_meter,
    series_links,
    tenants,
    together,
)
from monitor.schema import POINT_FLOW, POINT_FLOW_TEMPERATURE, POINT_POWER, POINT_RETURN_TEMPERATURE

__all__ = ["HEATING"]

_GAS: Final = Used(name="Gas", utility="gas", unit="m3", digits=1, finer=(1000, "litres"), is_named=True)
_HEAT: Final = Used(name="Heat", utility="heat", unit="kWh", digits=1, finer=(1000, "W"), is_named=True)
_BOTH: Final = ("gas", "heat")
_IN_KWH: Final = Override(query="B", look=Look(unit="kWh", decimals=0))


def _gas(title: str, source: str, time_from: str, description: str) -> Panel:
    """Gas in m³ and, where the calorific value is known, in kWh."""
    fields = {USAGE_AMOUNT: "volume", USAGE_ENERGY: "energy"}
    return Panel(
        kind=Stat(), says_time=True, title=title, width=5, height=4, time_from=time_from,
        look=replace(_GAS.look, steps=NEUTRAL),
        description=description,
        targets=[
            Target(query=_GAS.total(source, [call("sum", field)], MAIN), alias=alias)
            for field, alias in fields.items()
        ],
        overrides=[_IN_KWH],
    )  # fmt: skip


def _now() -> Sequence[Panel]:
    """The first two lines: gas, and below it heat."""
    gas = [
        _gas("Gas: today", HOURLY, TODAY, "Counted by the main gas meters since midnight, in m³ and in kWh."),
        change(_GAS),
        _gas("Gas: this month", DAILY, THIS_MONTH, "The same since the first of the month."),
        cost(_GAS, 5),
        Panel(
            kind=Stat(), title="Gas: flow now", width=5, height=4,
            look=Look(unit="m3/h", decimals=2, steps=NEUTRAL),
            description="What flows through the main gas meters at this moment, together.",
            targets=[Target(query=together("gas", POINT_FLOW), alias="flow")],
        ),
    ]  # fmt: skip
    heat = [
        today(_HEAT, 5), change(_HEAT), month(_HEAT, 5), cost(_HEAT, 5),
        Panel(
            kind=Stat(), title="Heat: power now", width=5, height=4,
            look=Look(unit="W", decimals=1, steps=NEUTRAL),
            description="Heat that the main heat meters pass at this moment, together.",
            targets=[Target(query=together("heat", POINT_POWER), alias="power")],
        ),
    ]  # fmt: skip
    return [*about(gas, "gas"), *about(heat, "heat")]


def _in_and_out(per: str) -> Panel:
    """Energy of the gas beside the heat that was made of it."""
    source, range_ = (DAILY, DAYS) if per == "day" else (MONTHLY, MONTHS)
    return Panel(
        kind=TimeSeries(bars=True, stacked=True, calcs=["mean", "sum"]),
        title=f"Gas burnt and heat made per {per}",
        width=12, height=8, time_from=range_, look=Look(unit="kWh", decimals=0),
        description="Bars: energy of the gas at each main meter. Line: heat at each main heat meter. What is"
        " between"
        " them went up the chimney, or made hot water that is not measured.",
        targets=[
            Target(query=_GAS.rows(source, column(USAGE_ENERGY), MAIN, variables=HOUSE), alias="$tag_device"),
            Target(query=_HEAT.rows(source, column(USAGE_AMOUNT), MAIN, variables=HOUSE), alias="$tag_device"),
        ],
        overrides=[Override(query="B", look=TOTAL)],
    )  # fmt: skip


def _line(title: str, of: tuple[str, str], look: Look, description: str, width: int = 12) -> Panel:
    """A point of each chosen meter over the chosen time."""
    return Panel(
        kind=TimeSeries(joined=SELDOM, calcs=["min", "mean", "max", "lastNotNull"], fill=0), title=title,
        width=width, height=8,
        look=look, description=description,
        targets=[Target(query=per_meter(*of, INTERVAL), alias="$tag_device")],
    )  # fmt: skip


def _heat_meters() -> Sequence[Panel]:
    """What heat meters measure beside heat."""
    links = series_links(_HEAT.uid)
    flow, back = POINT_FLOW_TEMPERATURE, POINT_RETURN_TEMPERATURE
    spread = Select(
        columns=[f'mean("{flow}") - mean("{back}") AS "value"'], source="heat", by=["device"], every=INTERVAL,
        fill="null",
    )  # fmt: skip
    temperature = Look(unit="degC", decimals=1, links=links)
    return [
        Panel(
            kind=TimeSeries(joined=SELDOM, calcs=["min", "max", "lastNotNull"], fill=0),
            title="Supply and return temperature",
            width=12, height=8, look=temperature,
            description="Of each chosen heat meter. A return that is nearly as warm as the supply: valves stand"
            " open"
            " or the flow is too great.",
            targets=[
                Target(query=per_meter("heat", point, INTERVAL), alias=f"$tag_device {said}")
                for point, said in ((flow, "supply"), (back, "return"))
            ],
            overrides=[Override(pattern="/ return$/", look=Look(custom={"lineStyle": _DASHED}))],
        ),
        Panel(
            kind=TimeSeries(joined=SELDOM, calcs=["min", "mean", "max"], fill=0), title="Supply less return",
            width=12, height=8,
            look=temperature, targets=[Target(query=spread, alias="$tag_device")],
            description="How much each chosen heat meter's water cools down: the more, the better the heat is"
            " used.",
        ),
        _line(
            "Heat power", ("heat", POINT_POWER), Look(unit="W", links=links),
            "Mean heat power of each chosen meter.",
        ),
        _line(
            "Heat flow", ("heat", POINT_FLOW), Look(unit="m3/h", decimals=3, minimum=0, links=links),
            "Mean flow of water through each chosen heat meter.",
        ),
    ]  # fmt: skip


_DASHED: Final = {"fill": "dash", "dash": [6, 6]}

HEATING: Final = Dashboard(
    uid=_GAS.uid,
    title="Gas and heat",
    description="What is burnt and what comes out of it, today and this month, by whom and when; cost and CO₂.",
    rows=[
        Row(panels=[
            *_now(), *about([hours(_GAS)], "gas"), *about([hours(_HEAT)], "heat"),
            *about([_in_and_out("day"), _in_and_out("month")], "gas"),
        ]),
        Row(title="Gas", panels=about([
            days(_GAS), months(_GAS), who(_GAS, 24, 5), week(_GAS),
            peaks(_GAS, "day", 8), nights(_GAS, 8, limits=False),
            _line(
                "Gas flow", ("gas", POINT_FLOW),
                Look(unit="m3/h", decimals=2, minimum=0, links=series_links(_GAS.uid)),
                "Mean flow of each chosen gas meter.", 8,
            ),
        ], "gas")),
        Row(title="Heat", panels=about([
            days(_HEAT), unmetered(_HEAT), who(_HEAT, 16), shares(_HEAT, 8, 9),
            stacked(_HEAT, "day"), stacked(_HEAT, "month"), week(_HEAT), peaks(_HEAT, "day", 24),
        ], "heat")),
        Row(title="What heat meters measure", panels=about(_heat_meters(), "heat")),
        Row(title="Cost and CO₂", panels=[
            *about([costs(_GAS, "day", 8), costs(_GAS, "month", 8), per_tenant(_GAS)], "gas"),
            *about([costs(_HEAT, "day", 8), costs(_HEAT, "month", 8), per_tenant(_HEAT)], "heat"),
            *about([carbon(_GAS, "day"), carbon(_GAS, "month")], "gas"),
        ]),
    ],
    choices=[SITE, BUILDING, ZONE, meters(*_BOTH), tenants(*_BOTH)],
    annotations=[alarm_marks(*HOUSE, where=[SERIOUS])],
    classes=frozenset(_BOTH),
)  # fmt: skip
