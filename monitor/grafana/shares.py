"""Panels of who used how much, and of what no sub-meter saw."""

from dataclasses import replace
from typing import Final

from monitor.fieldkeys import (
    USAGE_AMOUNT,
    USAGE_BELOW,
    USAGE_CARBON,
    USAGE_COST,
    USAGE_CURRENCY,
    USAGE_ESTIMATED,
    USAGE_PARTIAL,
)
from monitor.grafana.common import MAIN, SUB
from monitor.grafana.influxql import Select, call, column, equals
from monitor.grafana.kinds import Pie, Stat, Table, TimeSeries
from monitor.grafana.looks import Look, Override, State, Step
from monitor.grafana.model import Panel, Target
from monitor.grafana.reshape import Merge, Organize
from monitor.grafana.usage import (
    ANY_IS_ORANGE,
    COLOURED,
    DAILY,
    DASHED_RIGHT,
    DAYS,
    HAS_BELOW,
    HOUSE,
    IS_WHOLE,
    MONTHLY,
    MONTHS,
    THIS_MONTH,
    TOTAL,
    UNMETERED,
    Used,
    meter_links,
    series_links,
    since,
)

__all__ = ["shares", "stacked", "unmetered", "unmetered_share", "who"]


_NONE: Final = {"0": State("-", "transparent")}


def who(used: Used, width: int = 24, height: int = 9) -> Panel:
    """Every meter with its tenant: today, yesterday, a week, 30 days, and what it cost."""
    by = ("tenant", "role", "device")
    thirty = [
        call("sum", USAGE_AMOUNT, "month"),
        call("sum", USAGE_ESTIMATED, "estimated"),
        call("sum", USAGE_COST, "cost"),
        call("last", USAGE_CURRENCY, "currency"),
        call("sum", USAGE_CARBON, "carbon"),
    ]
    queries = (
        used.total(DAILY, [call("last", USAGE_AMOUNT, "today")], equals(USAGE_PARTIAL, 1), since("25h"), by=by),
        used.total(DAILY, [call("last", USAGE_AMOUNT, "yesterday")], IS_WHOLE, since("49h"), by=by),
        used.total(DAILY, [call("sum", USAGE_AMOUNT, "week")], since("7d"), by=by),
        used.total(DAILY, thirty, by=by),
    )
    bar = {"cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}}
    amounts = {"today": "Today", "yesterday": "Yesterday", "week": "7 days"}
    looks = {"device": Look(name="Meter", links=meter_links(used.uid)), "tenant": Look(name="Tenant")}
    looks |= {name: Look(unit=used.unit, decimals=used.digits, name=shown) for name, shown in amounts.items()}
    looks |= {
        "month": replace(used.look, name="30 days", fixed="blue", custom=bar),
        "cost": Look(decimals=2, name="Cost"),
        "currency": Look(name="Currency"),
        "carbon": Look(unit="kg", decimals=1, name="CO₂"),
        "estimated": replace(
            used.look, name="of it estimated", states=_NONE, steps=ANY_IS_ORANGE, custom=COLOURED
        ),
        "role": Look(name="Role"),
    }
    return Panel(
        kind=Table(sort="30 days"), title=used.titled("Who uses how much"), width=width, height=height,
        time_from=DAYS,
        description="One line per meter, the greatest first; main meters hold what their sub-meters counted."
        " Days so far are counted in; click on a meter to see it alone.",
        targets=[Target(query=query) for query in queries],
        reshape=[Organize(hidden=["Time"]), Merge(), Organize(names={name: name for name in looks})],
        overrides=[Override(name=name, look=look) for name, look in looks.items()],
    )  # fmt: skip


def shares(used: Used, width: int = 8, height: int = 8) -> Panel:
    """What each sub-meter has of the whole, and what no sub-meter saw."""
    rest = f'sum("{USAGE_AMOUNT}") - sum("{USAGE_BELOW}") AS "rest"'
    return Panel(
        kind=Pie(), title=used.titled("Shares"), width=width, height=height, time_from=DAYS,
        description="What each sub-meter counted in the whole days of the last 30, and what only the main meter"
        " saw.",
        targets=[
            Target(
                query=Select(
                    columns=[call("sum", USAGE_AMOUNT)], source=DAILY, where=[used.is_it, SUB, IS_WHOLE],
                    variables=HOUSE, by=["device"],
                ),
                alias="$tag_device",
            ),
            Target(query=used.total(DAILY, [rest], MAIN, HAS_BELOW), alias="no sub-meter"),
        ],
        look=Look(unit=used.unit, decimals=used.digits),
    )  # fmt: skip


def stacked(used: Used, per: str, width: int = 12) -> Panel:
    """Sub-meters on top of each other per day or month, with the main meters as a line around them."""
    source, range_ = (DAILY, DAYS) if per == "day" else (MONTHLY, MONTHS)
    rows = {"sub": SUB, "main": MAIN}
    return Panel(
        kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title=used.titled(f"Meters per {per}"),
        width=width, height=9,
        description=f"Sub-meters on top of each other in each {per}; the line is the main meter. What is between"
        " them is not measured by any sub-meter.",
        time_from=range_, look=Look(unit=used.unit, decimals=used.digits, links=series_links(used.uid)),
        targets=[
            Target(query=used.rows(source, column(USAGE_AMOUNT), role), alias="$tag_device")
            for role in rows.values()
        ],
        overrides=[Override(query="B", look=TOTAL)],
    )  # fmt: skip


def unmetered(used: Used, width: int = 12) -> Panel:
    """What the main meters counted beyond the meters below them, per day."""
    share = f'({UNMETERED}) / "{USAGE_AMOUNT}" * 100 AS "share"'
    return Panel(
        kind=TimeSeries(bars=True, calcs=["mean", "max"]), title=used.titled("Without sub-meter per day"),
        width=width,
        height=8, time_from=DAYS, look=Look(unit=used.unit, decimals=used.digits),
        description="The main meter less the meters next below it: common use, losses, a leak, tolerance of the"
        " meters. Below zero: look at roles, transformer ratios and replacements. Line: in percent of the main"
        " meter.",
        targets=[
            Target(
                query=used.rows(DAILY, f'{UNMETERED} AS "rest"', MAIN, HAS_BELOW, variables=HOUSE),
                alias="$tag_device",
            ),
            Target(
                query=used.rows(
                    DAILY, share, MAIN, HAS_BELOW, f'"{USAGE_AMOUNT}" > 0', variables=HOUSE
                ),
                alias="$tag_device, share",
            ),
        ],
        overrides=[
            Override(query="B", look=Look(unit="%", decimals=1, fixed="orange", custom=DASHED_RIGHT)),
        ],
    )  # fmt: skip


def unmetered_share(used: Used, width: int = 4, height: int = 4) -> Panel:
    """The same of this month, in percent."""
    counted, below = f'sum("{USAGE_AMOUNT}")', f'sum("{USAGE_BELOW}")'
    query = used.total(DAILY, [f'({counted} - {below}) / {counted} * 100 AS "share"'], MAIN, HAS_BELOW)
    steps = (Step(None, "red"), Step(-2, "green"), Step(10, "orange"), Step(25, "red"))
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("Without sub-meter this month"), width=width, height=height,
        time_from=THIS_MONTH,
        description="How much of what the main meters counted in the whole days of this month no sub-meter saw."
        " Much of it: common"
        " use, losses or a leak; below zero: meters or their roles are wrong.",
        targets=[Target(query=query, alias="share")], look=Look(unit="%", decimals=1, steps=steps),
    )  # fmt: skip
