"""Panels of what was used cost, and of its CO₂."""

from monitor.fieldkeys import USAGE_CARBON, USAGE_COST, USAGE_CURRENCY
from monitor.grafana.influxql import VARIABLES, call, column
from monitor.grafana.kinds import BarGauge, TimeSeries
from monitor.grafana.looks import Look
from monitor.grafana.model import Panel, Target
from monitor.grafana.reshape import UnitFrom
from monitor.grafana.usage import DAILY, DAYS, MONTHLY, MONTHS, Used

__all__ = ["carbon", "costs", "per_tenant"]


def costs(used: Used, per: str, width: int = 12) -> Panel:
    """Cost of each meter with a tariff per day or month."""
    source, range_ = (DAILY, DAYS) if per == "day" else (MONTHLY, MONTHS)
    return Panel(
        kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title=used.titled(f"Cost per {per}"), width=width,
        height=8,
        description=f"What each meter with a tariff used in each {per}, by its prices. Standing and demand charges"
        " and taxes are in the report.",
        time_from=range_, look=Look(decimals=2),
        targets=[
            Target(query=used.rows(source, column(USAGE_COST)), alias="$tag_device"),
            used.currency(VARIABLES),
        ],
        reshape=[UnitFrom("B", USAGE_CURRENCY)],
    )  # fmt: skip


def carbon(used: Used, per: str, width: int = 12) -> Panel:
    """CO₂ of each meter with a tariff per day or month."""
    source, range_ = (DAILY, DAYS) if per == "day" else (MONTHLY, MONTHS)
    query = used.rows(source, column(USAGE_CARBON), f'"{USAGE_CARBON}" > 0')
    return Panel(
        kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title=used.titled(f"CO₂ per {per}"), width=width,
        height=8,
        description=f"CO₂ of what each meter used in each {per}, by the factor of its tariff.",
        time_from=range_, look=Look(unit="kg", decimals=1, minimum=0),
        targets=[Target(query=query, alias="$tag_device")],
    )  # fmt: skip


def per_tenant(used: Used, width: int = 8) -> Panel:
    """Cost of each tenant."""
    query = used.total(DAILY, [call("sum", USAGE_COST)], "\"tenant\" <> ''", by=["tenant"])
    return Panel(
        kind=BarGauge(), title=used.titled("Cost per tenant"), width=width, height=8, time_from=DAYS,
        description="What the meters of each tenant used in the last 30 days, by the prices of their tariffs.",
        targets=[Target(query=query, alias="$tag_tenant"), used.currency(VARIABLES)],
        reshape=[UnitFrom("B", USAGE_CURRENCY)], look=Look(decimals=2, fixed="blue"),
    )  # fmt: skip
