"""Panels of what the main meters used: today, this month, hour by hour and day by day."""

from collections.abc import Sequence
from dataclasses import replace

from monitor.fieldkeys import (
    USAGE_AMOUNT,
    USAGE_COST,
    USAGE_CURRENCY,
    USAGE_ESTIMATED,
    USAGE_WEEK_BEFORE,
    demand_name,
)
from monitor.grafana.common import MAIN, TODAY
from monitor.grafana.influxql import Select, call, column
from monitor.grafana.kinds import Stat, TimeSeries
from monitor.grafana.looks import Look, Override
from monitor.grafana.model import Panel, Target
from monitor.grafana.reshape import UnitFrom
from monitor.grafana.usage import (
    COMPARABLE,
    DAILY,
    DAYS,
    HOURLY,
    HOUSE,
    IS_WHOLE,
    LESS_IS_BETTER,
    MONTHLY,
    MONTHS,
    NEUTRAL,
    THIS_MONTH,
    TOTAL,
    USED_AND_BEFORE,
    Used,
    changed,
    hourly,
)

__all__ = ["change", "cost", "days", "highest", "hours", "month", "months", "today"]


def today(used: Used, width: int = 4) -> Panel:
    """Used since midnight."""
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("Today"), width=width, height=4, time_from=TODAY,
        look=replace(used.look, steps=NEUTRAL),
        description="Counted by the main meters since midnight, to the last quarter of an hour.",
        targets=[Target(query=used.total(HOURLY, [call("sum", USAGE_AMOUNT)], MAIN), alias="today")],
    )  # fmt: skip


def change(used: Used, width: int = 4) -> Panel:
    """Today against the same weekday last week, as far as both are known."""
    query = changed(used.total(HOURLY, USED_AND_BEFORE, MAIN, IS_WHOLE, COMPARABLE))
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("Against last week"), width=width, height=4,
        time_from=TODAY,
        description="Today's whole hours against the same hours of the same weekday last week: +10 % is a tenth"
        " more. Empty in the first hour of the day, in the first week, and as long as nothing had been used last"
        " week.",
        targets=[Target(query=query, alias="change")],
        look=Look(unit="%", decimals=0, steps=LESS_IS_BETTER),
    )  # fmt: skip


def month(used: Used, width: int = 4) -> Panel:
    """Used in this month so far."""
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("This month"), width=width, height=4, time_from=THIS_MONTH,
        look=Look(unit=used.unit, decimals=0, minimum=0, steps=NEUTRAL),
        description="Counted by the main meters since the first of the month.",
        targets=[Target(query=used.total(DAILY, [call("sum", USAGE_AMOUNT)], MAIN), alias="month")],
    )  # fmt: skip


def cost(used: Used, width: int = 4) -> Panel:
    """Cost of this month so far."""
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("Cost this month"), width=width, height=4,
        time_from=THIS_MONTH,
        description="By the prices of the tariffs for what was used since the first of the month; standing and"
        " demand charges and taxes are in the report.",
        targets=[
            Target(query=used.total(DAILY, [call("sum", USAGE_COST)]), alias="cost"),
            used.currency(HOUSE),
        ],
        reshape=[UnitFrom("B", USAGE_CURRENCY)], look=Look(decimals=2, steps=NEUTRAL),
    )  # fmt: skip


def highest(used: Used, width: int = 4, height: int = 4) -> Panel:
    """The greatest demand of this month."""
    field = demand_name(used.unit)
    query = Select(
        columns=[call("max", field)], source=DAILY, where=[used.is_it, MAIN], variables=HOUSE, by=["device"]
    )
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("Highest demand this month"), width=width, height=height,
        time_from=THIS_MONTH,
        description="The greatest mean of a quarter of an hour at each main meter since the first of the month:"
        " what a demand charge is reckoned by.",
        targets=[Target(query=query, alias="$tag_device")], look=replace(used.load, steps=NEUTRAL),
    )  # fmt: skip


def hours(used: Used, width: int = 12) -> Panel:
    """The hours of today beside those of the same weekday last week."""
    amount, before = call("sum", USAGE_AMOUNT, "value"), call("sum", USAGE_WEEK_BEFORE, "value")
    where = (used.is_it, MAIN)
    return Panel(
        kind=TimeSeries(bars=True, calcs=["sum"]), title=used.titled("Hours of today and of last week"),
        width=width, height=8,
        time_from=TODAY, look=used.look,
        description="Bars: each hour of today. Line: the same hour of the same weekday a week ago.",
        targets=[
            Target(query=hourly([amount], *where, variables=HOUSE), alias="today"),
            Target(query=hourly([before], *where, variables=HOUSE), alias="same weekday last week"),
        ],
        overrides=[Override(query="B", look=replace(TOTAL, fixed="orange"))],
    )  # fmt: skip


def days(used: Used, width: int = 12, *more: Target, overrides: Sequence[Override] = ()) -> Panel:
    """Each day of the main meters, with what of it is estimated. `more` queries are C, D and so on."""
    return _mains(used, "day", width, more, overrides)


def months(used: Used, width: int = 12) -> Panel:
    """Each month of the main meters."""
    return _mains(used, "month", width, (), ())


def _mains(used: Used, per: str, width: int, more: Sequence[Target], overrides: Sequence[Override]) -> Panel:
    source, range_, said = (DAILY, DAYS, "30 days") if per == "day" else (MONTHLY, MONTHS, "twelve months")
    grey = Look(fixed="#808080", custom={"stacking": {"mode": "none", "group": "B"}})
    estimated = used.rows(source, column(USAGE_ESTIMATED), MAIN, f'"{USAGE_ESTIMATED}" > 0', variables=HOUSE)
    return Panel(
        kind=TimeSeries(bars=True, stacked=True, calcs=["mean", "max", "sum"]), title=f"{used.name} per {per}",
        width=width, height=8, time_from=range_, look=Look(unit=used.unit, decimals=used.digits),
        description=f"Counted by each main meter in each of the last {said}, the running one so far. Grey: the"
        f" part"
        " of it that is estimated, because nobody could read the meter.",
        targets=[
            Target(
                query=used.rows(source, column(USAGE_AMOUNT), MAIN, variables=HOUSE), alias="$tag_device"
            ),
            Target(query=estimated, alias="$tag_device, estimated"),
            *more,
        ],
        overrides=[Override(query="B", look=grey), *overrides],
    )  # fmt: skip
