"""The first dashboard: what needs somebody now, is everything supplied, what is used, how it went.

It asks nothing of the data of doors' users: whoever may see this need not be allowed to see those.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from monitor.fieldkeys import USAGE_AMOUNT, USAGE_COST, USAGE_CURRENCY, USAGE_WEEK_BEFORE
from monitor.grafana import now
from monitor.grafana.common import BUILDING, FAULT_STATES, MAIN, SITE, TODAY, about
from monitor.grafana.happened import CAUSES, RESPONSES, SEVERITY_COLOURS, WORK, fixed
from monitor.grafana.influxql import Select, call, column, equals, is_any
from monitor.grafana.kinds import BarGauge, Stat, Table
from monitor.grafana.looks import COLOURED, EN_50160, NEUTRAL, Link, Look, Override, State, Step
from monitor.grafana.model import DATA, Dashboard, Panel, Row, Target, to
from monitor.grafana.reshape import Organize, Sort, UnitFrom
from monitor.grafana.totals import days
from monitor.grafana.usage import (
    COMPARABLE,
    DAILY,
    HOURLY,
    IS_WHOLE,
    LESS_IS_BETTER,
    THIS_MONTH,
    USED_AND_BEFORE,
    Used,
    changed,
)
from monitor.schema import (
    ALARM_CAUSE,
    ALARM_END,
    ALARM_RESPONSE,
    ALARM_SEVERITY,
    ALARM_START,
    ALARM_TEXT,
    ALARM_TITLE,
    EVENT_COUNT,
    MEASUREMENT_ALARMS,
    MEASUREMENT_EVENTS,
    MEASUREMENT_OCCUPANCY,
    MEASUREMENT_SUPPLY,
    POINT_FAULT,
    POINTS_VOLTAGE,
    state_number,
)

__all__ = ["OVERVIEW", "UTILITIES_USED", "compared"]

UTILITIES_USED: Final = (
    Used(name="Electricity", utility="electricity", unit="kWh", digits=1, finer=(1000, "W")),
    Used(name="Water", utility="water", unit="m3", digits=2, finer=(1000, "litres")),
    Used(name="Gas", utility="gas", unit="m3", digits=2, finer=(1000, "litres")),
)

_BAD: Final = (Step(None, "green"), Step(1, "red"))
_POOR: Final = (Step(None, "green"), Step(1, "orange"))
_SEVERITY: Final = {name: State(name, colour) for name, colour in SEVERITY_COLOURS.items()}


def _leads(panel: Panel, name: str, said: str) -> Panel:
    """The panel, of which a click leads to another dashboard, with the same place."""
    link = Link(said, to(f"facility-{name}", DATA, *now.PLACE))
    clicked = panel.look if isinstance(panel.kind, Table) else replace(panel.look, links=[link])
    return replace(panel, links=[link], look=clicked)


def _tile(title: str, queries: dict[str, Select], description: str, *, steps: Sequence[Step] = _BAD) -> Panel:
    """A number that should be zero, or some of them by their names."""
    return Panel(
        kind=Stat(background=True), says_time=True, title=title, description=description, width=3, height=4,
        time_from=now.FAR, look=Look(decimals=0, steps=steps, no_value="none"),
        targets=[Target(query=query, alias=name) for name, query in queries.items()],
    )  # fmt: skip


def _attention() -> Sequence[Panel]:
    """What needs somebody."""
    by_severity = {name: now.alarms_open(equals(ALARM_SEVERITY, name)) for name in SEVERITY_COLOURS}
    alarms = _tile(
        "Open alarms", by_severity,
        "Alarms that last, that want a reset, or that nobody has acknowledged, by how bad they are.",
    )  # fmt: skip
    named = Stat(background=True, text="value_and_name")
    alarms = replace(alarms, kind=named, width=6, overrides=fixed(SEVERITY_COLOURS))
    waiting = now.alarms_now(now.UNACKNOWLEDGED, columns=[call("count", "open", "alarms")])
    silent = replace(
        _tile(
            "Silent devices", {"silent": now.devices_silent()},
            "Devices that do not answer: what they would say is not known, alarms included. Not known: the monitor"
            " has told nothing for an hour.",
        ),
        time_from="1h",
    )  # fmt: skip
    silent = replace(silent, look=replace(silent.look, no_value="not known"))
    return [
        _leads(alarms, "alarms", "All alarms"),
        _leads(
            _tile(
                "Not acknowledged", {"waiting": waiting},
                "Alarms of which nobody has said yet that he looks after them, over or not.", steps=_POOR,
            ),
            "alarms", "All alarms",
        ),
        _leads(
            _tile(
                "Supplies lost", {"lost": now.supply_gone()},
                "Electricity, water or gas that a building does not have now, or only on some phases.",
            ),
            "equipment", "Supply and equipment",
        ),
        _leads(
            _tile(
                "Detectors in alarm", {"detectors": now.in_alarm()},
                "Leak, gas and smoke detectors that are in alarm at this moment.",
            ),
            "alarms", "All alarms",
        ),
        _leads(
            _tile(
                "Machines at fault", {"faults": now.with_fault()},
                "Pumps, lifts and other machines that report a fault now; further down which.",
            ),
            "equipment", "Supply and equipment",
        ),
        _leads(
            _tile(
                "Doors", {"open too long": now.doors_that("held"), "forced": now.doors_that("forced")},
                "Doors that stand open for too long at this moment, and such that were opened without permission.",
            ),
            "access", "Doors",
        ),
        _leads(silent, "devices", "All devices"),
        _leads(_open_alarms(), "alarms", "All alarms"),
    ]  # fmt: skip


def _open_alarms() -> Panel:
    shown = {
        ALARM_SEVERITY: Look(name="Severity", states=_SEVERITY, custom=COLOURED | {"width": 100}),
        ALARM_TITLE: Look(name="What", custom={"width": 420}),
        ALARM_START: Look(unit="ago", name="Since", custom={"width": 160}),
        ALARM_RESPONSE: Look(name="Acknowledged", states=RESPONSES, custom={"width": 130}),
        ALARM_CAUSE: Look(name="Newest step", custom={"width": 170}, states=CAUSES),
        ALARM_TEXT: Look(name="In words"),
    }  # fmt: skip
    query = now.alarms_now(now.WAITS, columns=[column(name) for name in (*shown, "severity_i")])
    return Panel(
        kind=Table(), says_time=True, title="What is wrong", width=24, height=6, time_from=now.FAR,
        description="Alarms that still last, that want a reset, or of which nobody has said yet that he looks"
        " after them; the worst first. No line: nothing is wrong.",
        targets=[Target(query=query)], look=Look(no_value="Nothing is wrong"),
        reshape=[
            Sort("severity_i", descending=True),
            Organize(names={name: name for name in shown}, hidden=["Time", "severity_i"]),
        ],
        overrides=[Override(name=name, look=look) for name, look in shown.items()],
    )  # fmt: skip


def _supply() -> Sequence[Panel]:
    """Is everything supplied."""
    by = ("site", "building", "utility")
    query = Select(columns=[call("last", "state", "state")], source=MEASUREMENT_SUPPLY, variables=now.PLACE, by=by)
    names = {
        "building": Look(name="Building"),
        "utility": Look(name="Supply"),
        "state": Look(name="State", states=now.SUPPLY_STATES, custom=COLOURED),
        "Time": Look(name="Told", unit="ago"),
    }
    voltages = [
        Target(
            query=Select(
                columns=[call("last", point)], source="electricity", where=[MAIN], variables=now.PLACE,
                by=["device"],
            ),
            alias=f"$tag_device {phase}",
        )
        for phase, point in POINTS_VOLTAGE.items()
    ]  # fmt: skip
    return [
        _leads(
            Panel(
                kind=Table(sort="Building", descending=False), says_time=True, title="Supply of each building",
                width=12, height=5, time_from=now.FAR,
                description="What the monitor makes of phases, pressure and the like, and when it last told.",
                targets=[Target(query=query)],
                reshape=[Organize(names={name: name for name in names}, hidden=["site"])],
                overrides=[Override(name=name, look=look) for name, look in names.items()],
            ),
            "equipment", "Supply and equipment",
        ),
        _leads(
            Panel(
                kind=Stat(), says_time=True, title="Voltage", width=12, height=5, time_from="1h",
                description="Newest voltage of each phase at the main meters. Green: within 230 V ± 10 %. Red:"
                " call the grid operator, and look after lifts and pumps.",
                targets=voltages, look=Look(unit="V", decimals=0, steps=EN_50160),
            ),
            "electricity", "Electricity",
        ),
    ]  # fmt: skip


def compared(used: Used, *, change: bool = True) -> list[Target]:
    """Whole hours of today, the same hours of the same weekday last week, and the change in per cent.

    Of meters as they are accounted for: reckoned ones and what was corrected later too.
    """
    comparable = IS_WHOLE, COMPARABLE
    return [
        Target(query=_mains(used, [call("sum", USAGE_AMOUNT, "today")], IS_WHOLE), alias="$col"),
        Target(query=_mains(used, [call("sum", USAGE_WEEK_BEFORE, "last week")], *comparable), alias="$col"),
        *([Target(query=changed(_mains(used, USED_AND_BEFORE, *comparable)), alias="$col")] if change else []),
    ]


def _mains(used: Used, said: Sequence[str], *where: str) -> Select:
    return Select(columns=said, source=HOURLY, where=[used.is_it, MAIN, *where], variables=now.PLACE)


def _today(used: Used) -> Panel:
    change = Look(name="change", unit="%", decimals=0, steps=LESS_IS_BETTER)
    panel = Panel(
        kind=Stat(), says_time=True, title=f"{used.name} today", width=8, height=4, time_from=TODAY,
        description="The whole hours of today so far at the main meters, the same hours of the same weekday last"
        " week, and the change. Orange from a tenth more on, red from three tenths more.",
        targets=compared(used), look=replace(used.look, steps=NEUTRAL, no_value="nothing yet"),
        overrides=[Override(name="change", look=change)],
    )  # fmt: skip
    [panel] = about([panel], used.utility)
    return _leads(panel, used.uid.removeprefix("facility-"), used.name)


def _cost() -> Sequence[Panel]:
    cost = Select(columns=[call("sum", USAGE_COST)], source=DAILY, variables=now.PLACE, by=["utility"])
    currency = Select(columns=[call("last", USAGE_CURRENCY)], source=DAILY, variables=now.PLACE)
    panel = Panel(
        kind=Stat(), says_time=True, title="Cost this month so far", width=24, height=4, time_from=THIS_MONTH,
        description="What was used since the first of the month at the prices of the tariffs, of every meter that"
        " has one; standing and demand charges and taxes are in the report.",
        targets=[
            Target(query=cost, alias="$tag_utility"),
            Target(query=currency, alias=USAGE_CURRENCY),
        ],
        look=Look(decimals=2, steps=NEUTRAL, no_value="no tariff in the settings"),
        reshape=[UnitFrom("B", USAGE_CURRENCY)],
    )  # fmt: skip
    return [panel]


def _went() -> Sequence[Panel]:
    """The last 30 days, day by day; the legend says what a day of them was."""
    return [
        _leads(
            replace(*about([days(used, 8)], used.utility), height=9), used.uid.removeprefix("facility-"), used.name
        )
        for used in UTILITIES_USED
    ]


def _house() -> Sequence[Panel]:
    """People, machines, services."""
    people = Select(
        columns=[call("last", "count")], source=MEASUREMENT_OCCUPANCY, variables=now.PLACE, by=["zone"]
    )
    faults = now.newest("equipment", state_number(POINT_FAULT), by=["device"])
    due = Select(
        columns=[call("last", EVENT_COUNT, "told")], source=MEASUREMENT_EVENTS, variables=now.PLACE,
        where=[is_any("kind", tuple(WORK))], by=["device", "kind"],
    )  # fmt: skip
    names = {
        "device": Look(name="Of"),
        "kind": Look(name="What", states=WORK),
        "Time": Look(name="Told", unit="ago"),
    }
    return [
        _leads(
            Panel(
                kind=BarGauge(), says_time=True, title="People in each zone", width=8, height=7, time_from="1d",
                description="How many people are in each zone, as cards and counters at its doors say: numbers"
                " alone, nobody's name.",
                targets=[Target(query=people, alias="$tag_zone")],
                look=Look(decimals=0, steps=(Step(None, "blue"),), no_value="no zones in the settings"),
            ),
            "access", "Doors",
        ),
        _leads(
            Panel(
                kind=Stat(background=True, text="value_and_name"), says_time=True, title="Pumps, lifts, machines",
                width=8, height=7, time_from=now.FAR, look=Look(states=FAULT_STATES, no_value="none"),
                description="What each machine said last: whether it has a fault.",
                targets=[Target(query=faults, alias="$tag_device")],
            ),
            "equipment", "Supply and equipment",
        ),
        _leads(
            Panel(
                kind=Table(sort="Told"), says_time=True, title="Services and batteries", width=8, height=7,
                time_from=now.FAR,
                description="What was told last of services and of batteries that will soon be empty, each with"
                " when; a service that was done stands there as serviced.",
                targets=[Target(query=due)], look=Look(no_value="Nothing is due"),
                reshape=[Organize(names={name: name for name in names}, hidden=["told"])],
                overrides=[Override(name=name, look=look) for name, look in names.items()],
            ),
            "equipment", "Supply and equipment",
        ),
    ]  # fmt: skip


def _recent() -> Panel:
    shown = {
        "Time": Look(name="Began", unit="time", custom={"width": 170}),
        ALARM_SEVERITY: Look(name="Severity", states=_SEVERITY, custom=COLOURED | {"width": 100}),
        ALARM_TITLE: Look(name="What", custom={"width": 420}),
        ALARM_END: Look(
            name="Ended", unit="time", states={"0": State("lasts", "text")}, custom={"width": 170, "align": "left"}
        ),
        ALARM_TEXT: Look(name="In words"),
    }
    columns = [column(name) for name in shown if name != "Time"]
    query = Select(
        columns=columns, source=MEASUREMENT_ALARMS, where=[equals(ALARM_CAUSE, "raised")], variables=now.PLACE,
        newest_first=True, limit=50,
    )  # fmt: skip
    return Panel(
        kind=Table(sort="Began"), says_time=True, title="Alarms of the last seven days", width=24, height=9,
        time_from="7d", description="The 50 that began last, and when each ended.", targets=[Target(query=query)],
        look=Look(no_value="There was none"),
        reshape=[Organize(names={name: name for name in shown})],
        overrides=[Override(name=name, look=look) for name, look in shown.items()],
    )  # fmt: skip


OVERVIEW: Final = Dashboard(
    uid="facility-overview",
    title="Facility overview",
    description="What needs somebody now, whether everything is supplied, what is used and what it costs.",
    rows=[
        Row(panels=_attention()),
        Row(title="Is everything supplied", panels=_supply()),
        Row(
            title="Today against the same weekday last week",
            panels=[*(_today(used) for used in UTILITIES_USED), *_cost()],
        ),
        Row(title="How the last 30 days went", panels=_went()),
        Row(title="People, machines, services", panels=_house()),
        Row(title="What happened", panels=[_leads(_recent(), "alarms", "All alarms")]),
    ],
    choices=[SITE, BUILDING],
    range="now-7d",
)
