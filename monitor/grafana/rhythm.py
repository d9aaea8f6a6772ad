"""Panels of when how much is used: hours of the week, highest demand, base load."""

from dataclasses import replace
from typing import Final

from monitor.fieldkeys import USAGE_AMOUNT, USAGE_HOUR, USAGE_WEEKDAY, base_name, demand_name
from monitor.grafana.common import MAIN
from monitor.grafana.influxql import Select, call, column
from monitor.grafana.kinds import Table, TimeSeries
from monitor.grafana.looks import Look, Override
from monitor.grafana.model import Panel, Target
from monitor.grafana.reshape import Group, Matrix, Reshape, Sort
from monitor.grafana.usage import (
    COLOURED,
    DAILY,
    DASHED_RIGHT,
    DAYS,
    HOURLY,
    HOUSE,
    IS_WHOLE,
    MONTHLY,
    MONTHS,
    PER_DAY,
    WEEKDAYS,
    Used,
    hourly,
    meter_links,
    series_links,
)
from monitor.schema import rate_unit

__all__ = ["base", "highest_hours", "peaks", "week"]


_OTHERS: Final = "\"role\" <> 'main'"


def week(used: Used, height: int = 9) -> Panel:
    """How much in which hour of which weekday, by the mean of 30 days."""
    factor, unit = used.finer
    said = [
        f'sum("{USAGE_AMOUNT}") * {factor:g} AS "used"',
        call("max", USAGE_HOUR, USAGE_HOUR),
        call("max", USAGE_WEEKDAY, USAGE_WEEKDAY),
    ]
    query = hourly(said, used.is_it, MAIN, IS_WHOLE, variables=HOUSE)
    colours = Look(custom={**COLOURED, "minWidth": 44, "align": "center"})
    steps: list[Reshape] = [
        Group(by=[USAGE_WEEKDAY, USAGE_HOUR], calculated={"used": ["mean"]}),
        Sort(USAGE_WEEKDAY),
        Sort(USAGE_HOUR),
        Matrix(rows=USAGE_WEEKDAY, columns=USAGE_HOUR, values="used (mean)"),
    ]
    first = Look(name="Day", states=WEEKDAYS, custom={"cellOptions": {"type": "auto"}, "align": "left"})
    return Panel(
        kind=Table(), title=used.titled(f"Hours of the week, in {unit}"), width=24, height=height, time_from=DAYS,
        description="The mean of each hour of each weekday in the last 30 days, all main meters together: red is"
        " much. What is red at night or on a Sunday is worth a walk through the house.",
        targets=[Target(query=query)], reshape=steps,
        look=Look(
            decimals=0 if factor > 1 else 1, minimum=0, scheme="continuous-GrYlRd", custom=colours.custom
        ),
        overrides=[Override(name=f"{USAGE_WEEKDAY}\\{USAGE_HOUR}", look=first)],
    )  # fmt: skip


def peaks(used: Used, per: str, width: int = 12) -> Panel:
    """The greatest demand of each day or month, meter by meter."""
    source, range_ = (DAILY, DAYS) if per == "day" else (MONTHLY, MONTHS)
    return Panel(
        kind=TimeSeries(bars=True, fill=50, calcs=["max", "mean"]), title=used.titled(f"Highest demand per {per}"),
        width=width, height=8, time_from=range_, look=replace(used.load, links=series_links(used.uid)),
        description=f"The greatest mean of a quarter of an hour in each {per}; bars: main meters, dots: others."
        f" What"
        " each reached at most is in the column Max.",
        targets=_by_role(used, source, column(demand_name(used.unit))),
        overrides=[Override(query="B", look=Look(custom=PER_DAY))],
    )  # fmt: skip


def highest_hours(used: Used, width: int = 8) -> Panel:
    """When demand was greatest."""
    said = [call("top", demand_name(used.unit), "demand", "10"), column("device")]
    looks = {
        "Time": Look(unit="minute", name="Hour from"),
        "device": Look(name="Meter", links=meter_links(used.uid)),
        "demand": replace(used.load, name="Demand"),
    }
    return Panel(
        kind=Table(sort="Demand"), title=used.titled("Highest hours"), width=width, height=8, time_from=DAYS,
        description="The ten hours of the last 30 days with the greatest demand of the chosen meters. What ran"
        " then?",
        targets=[Target(query=Select(columns=said, source=HOURLY, where=[used.is_it]))],
        overrides=[Override(name=name, look=look) for name, look in looks.items()],
    )  # fmt: skip


def base(used: Used, width: int = 12) -> Panel:
    """The least demand of each whole day, meter by meter, and what share of the day it makes."""
    field = base_name(used.unit)
    share = f'"{field}" * {2400 / rate_unit(used.unit)[1]:g} / "{USAGE_AMOUNT}" AS "share"'
    of_day = used.rows(DAILY, share, MAIN, IS_WHOLE, f'"{USAGE_AMOUNT}" > 0', variables=HOUSE)
    return Panel(
        kind=TimeSeries(bars=True, fill=50, calcs=["lastNotNull", "mean"]), title=used.titled("Base load per day"),
        width=width, height=8, time_from=DAYS, look=replace(used.load, links=series_links(used.uid)),
        description="The least mean of a quarter of an hour in each day: what never rests; bars: main meters,"
        " dots:"
        " others. Dashed: how much of the main meter's day that is, in percent.",
        targets=[
            *_by_role(used, DAILY, column(field), IS_WHOLE),
            Target(query=of_day, alias="$tag_device, share"),
        ],
        overrides=[
            Override(query="B", look=Look(custom=PER_DAY)),
            Override(query="C", look=Look(unit="%", decimals=0, fixed="orange", custom=DASHED_RIGHT)),
        ],
    )  # fmt: skip


def _by_role(used: Used, source: str, said: str, *where: str) -> list[Target]:
    """Main meters, and all others."""
    return [Target(query=used.rows(source, said, role, *where), alias="$tag_device") for role in (MAIN, _OTHERS)]
