"""Pumps, lifts, detectors and the supply of the buildings: what runs, what fails, what is due."""

from typing import Final

from monitor.grafana.common import ALARM_STATES, BUILDING, FAULT_STATES, SITE, ZONE, about, alarm_marks
from monitor.grafana.happened import CHOSEN, COLOURED, SERIOUS, WORK, Columns, fixed, listed
from monitor.grafana.influxql import DAY, INTERVAL, Select, call, column, equals, is_any
from monitor.grafana.kinds import BarGauge, Stat, StateTimeline, Table, TimeSeries
from monitor.grafana.looks import CHARGE, Link, Look, Override, State, Step
from monitor.grafana.model import Choice, Dashboard, Panel, Row, Target, to
from monitor.grafana.now import SUPPLY_STATES
from monitor.grafana.reshape import Extract, Join, Merge, Only, Organize
from monitor.schema import (
    EVENT_COUNT,
    MEASUREMENT_EVENTS,
    MEASUREMENT_SUPPLY,
    POINT_ALARM,
    POINT_BATTERY,
    POINT_FAULT,
    POINT_RUNNING,
    state_number,
)

__all__ = ["EQUIPMENT"]

_PUMPS, _DETECTORS = "equipment", "safety"
_RUNNING, _FAULT, _ALARM = (state_number(name) for name in (POINT_RUNNING, POINT_FAULT, POINT_ALARM))
_HOURS, _STARTS = "hours", "starts"
_DETAIL: Final = "detail"
_WITH_BATTERIES: Final = ("safety", "door")
_NEWEST: Final = "30d"
"""How far back the newest word of a device is looked for: contacts speak when something changes."""

_LOCAL: Final = Link("This device alone", to("facility-equipment", "site", device="${__data.fields.device}"))
_OF_SERIES: Final = Link("This device alone", to("facility-equipment", "site", device="${__field.labels.device}"))
_ITS_ALARMS: Final = Link(
    "Its alarms", to("facility-alarms", "site", "building", device="${__data.fields.device}")
)

_RUNS: Final = {"0": State("off", "text"), "1": State("runs", "blue")}
_RAN: Final = {"0": State("off", "gray"), "1": State("runs", "blue")}
_FAILURES: Final = {
    "failed_to_start": State("did not start", "red"),
    "failed_to_stop": State("did not stop", "purple"),
    "short_cycling": State("starts too often", "orange"),
    "took_over": State("took over for another", "yellow"),
    "no_reserve": State("no reserve left", "dark-red"),
    "idle": State("stood still too long", "blue"),
}
_OUTAGES: Final = {
    "supply_lost": State("lost", "red"),
    "supply_partial": State("in part", "orange"),
    "supply_back": State("back", "green"),
}
_GONE: Final = Look(custom={"hidden": True})
_OUTAGE: Final = {
    "utility": Look(name="Supply of", custom={"width": 90}),
    "building": Look(name="Building", custom={"width": 80}),
    "lost_s": Look(name="Was away for", unit="s", decimals=1, custom={"width": 110}),
    "points": _GONE,
}
_FAILURE: Final = {
    "for": Look(name="For"),
    "starts": Look(name="Starts in an hour"),
    "group": Look(name="Group"),
    "able": Look(name="Able"),
    "needed": Look(name="Needed"),
    "since": _GONE,
}
_TASK: Final = {
    "name": Look(name="Work"),
    "due": Look(name="Due"),
    "hours_left": Look(name="Hours left", unit="h", decimals=0),
    "percent": Look(name="Charge", unit="%", decimals=0),
    "empty": Look(name="Empty on"),
    "days_left": Look(name="Days left", decimals=0),
    **dict.fromkeys(("service", "by", "at", "low"), _GONE),
}
"""What some kinds of events have in their details."""
_GAS: Final = (Step(None, "green"), Step(10, "orange"), Step(20, "red"))
"""Percent of the lower explosive limit: detectors warn at 10, alarm at 20."""


def _of(measurement: str, *columns: str, every: str = "", fill: str = "", where: tuple[str, ...] = ()) -> Select:
    return Select(
        columns=columns, source=measurement, where=where, variables=CHOSEN, by=["device"], every=every, fill=fill
    )


def _risen(name: str, shown: str) -> str:
    """By how much a counter rose from one span to the next; one that begins anew counts nothing for that span."""
    return f'non_negative_difference(last("{name}")) AS "{shown}"'


def _counted(name: str, shown: str, every: str) -> Select:
    return _of(_PUMPS, _risen(name, shown), every=every, fill="previous")


def _now() -> Row:
    by, is_there = ["building", "utility"], state_number("present")
    supply = Select(columns=[call("last", "state", "state")], source=MEASUREMENT_SUPPLY, variables=CHOSEN, by=by)
    away = Select(
        columns=[call("last", is_there, "gone")], source=MEASUREMENT_SUPPLY, where=[equals(is_there, 0)],
        variables=CHOSEN, by=by,
    )  # fmt: skip
    looks = {
        "building": Look(name="Building"),
        "utility": Look(name="Supply"),
        "state": Look(name="State", states=SUPPLY_STATES, custom=COLOURED),
        "Time": Look(name="Last away", unit="time", no_value="not in a year"),
    }
    return Row(
        panels=[
            Panel(
                kind=Table(), title="Supply now", width=8, height=6, time_from="1y", says_time=True,
                description="Whether each building has electricity, water and gas, and when it had it not, the"
                " last time.",
                targets=[Target(query=supply), Target(query=away)],
                reshape=[
                    Only("A", Organize(hidden=["Time"])), Only("B", Organize(hidden=["gone"])), Merge(),
                    Organize(names={name: name for name in looks}),
                ],
                overrides=[Override(name=name, look=look) for name, look in looks.items()],
            ),
            Panel(
                kind=Stat(background=True), title="Detectors", width=5, height=6,
                time_from=_NEWEST, says_time=True,
                description="What each leak, gas and smoke detector said last. Whether it still answers: Devices.",
                look=Look(states=ALARM_STATES, links=[_OF_SERIES]),
                targets=[Target(query=_of(_DETECTORS, call("last", _ALARM)), alias="$tag_device")],
            ),
            Panel(
                kind=Stat(background=True), title="Faults", width=5, height=6, time_from=_NEWEST, says_time=True,
                description="Whether each pump, lift or fan reports a fault.",
                look=Look(states=FAULT_STATES, links=[_OF_SERIES]),
                targets=[Target(query=_of(_PUMPS, call("last", _FAULT)), alias="$tag_device")],
            ),
            Panel(
                kind=Stat(), title="Running now", width=6, height=6, time_from=_NEWEST, says_time=True,
                description="What runs at this moment, of all that says so.",
                look=Look(states=_RUNS, links=[_OF_SERIES]),
                targets=[Target(query=_of(_PUMPS, call("last", _RUNNING)), alias="$tag_device")],
            ),
        ]
    )  # fmt: skip


def _supply() -> Row:
    states = Select(
        columns=[column("state")], source=MEASUREMENT_SUPPLY, variables=CHOSEN, by=["building", "utility"]
    )
    return Row(
        title="Supply",
        panels=[
            Panel(
                kind=StateTimeline(), title="Supply of the buildings", width=14, height=7, time_from="30d",
                description="When each building had electricity, water and gas. Grey: nobody knows.",
                look=Look(states=SUPPLY_STATES),
                targets=[Target(query=states, alias="$tag_building $tag_utility")],
            ),
            _told(_OUTAGES, "Interruptions", "When a supply was lost and came back: what to show to the grid"
                  " operator or the waterworks.", width=10, height=7, time_from="30d", details=_OUTAGE),
        ],
    )  # fmt: skip


def _told(  # noqa: PLR0913 - a panel has that many sides
    kinds: dict[str, State], title: str, description: str, *, width: int, details: Columns, height: int = 9,
    time_from: str | None = None,
) -> Panel:  # fmt: skip
    """Events, the newest first."""
    query = Select(
        columns=[column("kind"), column("device"), column(_DETAIL)], source=MEASUREMENT_EVENTS,
        where=[is_any("kind", list(kinds))], variables=CHOSEN, newest_first=True, limit=200,
    )  # fmt: skip
    columns = {
        "Time": Look(name="When", unit="time", custom={"width": 165}),
        "kind": Look(name="What", states=kinds, custom={**COLOURED, "width": 150}),
        "device": Look(name="Device", links=[_LOCAL, _ITS_ALARMS], custom={"width": 150}),
    }
    return listed(
        query, columns, title, description, width=width, height=height, time_from=time_from, hidden=[_DETAIL],
        before=[Extract(_DETAIL)], also=details,
    )  # fmt: skip


def _each_piece() -> Panel:
    totals = [
        Select(columns=[call("sum", "risen", shown)], source=_counted(name, "risen", "1h"), by=["device"])
        for name, shown in ((_HOURS, "ran"), (_STARTS, "begun"))
    ]  # two counters in one question take InfluxDB three times as long as two questions
    newest = _of(_PUMPS, call("last", _RUNNING, "runs"), call("last", _FAULT, "fault"))
    whole = _of(_PUMPS, call("last", _HOURS, "hours"), call("last", _STARTS, "starts"))
    looks = {
        "device": Look(name="Device", links=[_LOCAL, _ITS_ALARMS]),
        "runs": Look(name="Now", states=_RUNS, custom={"cellOptions": {"type": "color-text"}}),
        "fault": Look(name="Fault", states=FAULT_STATES, custom=COLOURED),
        "ran": Look(name="Ran", unit="h", decimals=1),
        "begun": Look(name="Started", decimals=0),
        "hours": Look(name="Hours in all", unit="h", decimals=0),
        "starts": Look(name="Starts in all", decimals=0),
    }
    return Panel(
        kind=Table(sort="Fault"), title="Each piece of equipment", width=14, height=8,
        time_from="30d", description="How long it ran and how often it started, and in all."
        " Duty and standby should run equally often, unless you want it otherwise.",
        targets=[Target(query=query) for query in (newest, *totals, whole)], reshape=[Join("device")],
        overrides=[
            *(Override(pattern=f"/^{name}$/", look=look) for name, look in looks.items()),
            Override(pattern="/^Time/", hidden=True),
        ],
    )  # fmt: skip


def _each() -> Row:
    return Row(
        title="Pumps, lifts, fans",
        panels=about([
            _each_piece(),
            Panel(
                kind=StateTimeline(), title="When what ran, the last day", width=10, height=8, time_from="24h",
                says_time=True, look=Look(states=_RAN),
                description="Duty and standby below each other: when both run, one is not enough any more.",
                targets=[
                    Target(query=_of(_PUMPS, call("last", _RUNNING), every=INTERVAL), alias="$tag_device")
                ],
            ),
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["mean", "max", "sum"]),
                title="Hours run per day", width=8, height=8, time_from="30d",
                description="A pump that runs longer every week: a leak, a filter that is full, or"
                " a worn wheel.", look=Look(unit="h", decimals=1, minimum=0, links=[_OF_SERIES]),
                targets=[Target(query=_counted(_HOURS, "ran", DAY), alias="$tag_device")],
            ),
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["mean", "max", "sum"]),
                title="Starts per day", width=8, height=8, time_from="30d",
                description="Many short runs burn a winding: a leaking check valve, a broken"
                " diaphragm in the tank, or a switch that is set too narrow.",
                look=Look(decimals=0, minimum=0, links=[_OF_SERIES]),
                targets=[Target(query=_counted(_STARTS, "begun", DAY), alias="$tag_device")],
            ),
            Panel(
                kind=TimeSeries(fill=20, calcs=["mean", "max"]), title="Share of each hour that it ran", width=8,
                height=8, description="What runs all the time has no reserve left.",
                look=Look(unit="%", decimals=0, minimum=0, maximum=100, links=[_OF_SERIES]),
                targets=[
                    Target(
                        query=_of(
                            _PUMPS, f'100 * non_negative_difference(last("{_HOURS}")) AS "share"',
                            every="1h", fill="previous",
                        ),
                        alias="$tag_device",
                    )
                ],
            ),
        ], _PUMPS),
    )  # fmt: skip


def _work() -> Row:
    per_day = [
        Target(
            query=Select(
                columns=[call("sum", EVENT_COUNT)], source=MEASUREMENT_EVENTS, where=[equals("kind", kind)],
                variables=CHOSEN, every=DAY, fill="0",
            ),
            alias=state.text,
        )
        for kind, state in _FAILURES.items()
    ]  # fmt: skip
    return Row(
        title="What failed, what is due",
        panels=[
            _told(_FAILURES, "What went wrong", "Pumps that did not start or stop, start too often, took over for"
                  " another, or are the last that is able.", width=14, time_from="30d", details=_FAILURE),
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title="What went wrong, per day",
                width=10, height=9, time_from="30d", description="The same as bars: whether it becomes more.",
                look=Look(decimals=0, minimum=0), targets=per_day,
                overrides=fixed({state.text: state.color for state in _FAILURES.values()}),
            ),
            _told(WORK, "Services and batteries", "What was said to be due, soon or now, and what was done."
                  " The list of all services: facility-monitor equipment.", width=24, height=6, time_from="90d",
                  details=_TASK),
        ],
    )  # fmt: skip


def _safety() -> Row:
    batteries = [
        Target(query=_of(each, call("last", POINT_BATTERY)), alias="$tag_device") for each in _WITH_BATTERIES
    ]
    tested = _of(_DETECTORS, call("last", _ALARM, "alarm"), where=(equals(_ALARM, 1),))
    looks = {
        "Time": Look(name="Last in alarm, or tested", unit="time"),
        "device": Look(name="Detector", links=[_LOCAL, _ITS_ALARMS]),
    }
    return Row(
        title="Detectors and batteries",
        panels=[
            *about([
            Panel(
                kind=StateTimeline(), title="When detectors were in alarm", width=14, height=8, time_from="30d",
                look=Look(states=ALARM_STATES), description="Each leak, gas and smoke detector. Alarms that were"
                " tests are here, too.",
                targets=[Target(query=_of(_DETECTORS, call("max", _ALARM), every=INTERVAL), alias="$tag_device")],
            ),
            Panel(
                kind=Table(sort="Last in alarm, or tested", descending=False), title="Last alarm or test",
                width=10, height=8, time_from=_NEWEST,
                description="When each detector was in alarm last: in earnest, or by somebody's test. Who is not"
                " in this list was not tested in the last 30 days.",
                targets=[Target(query=tested)],
                reshape=[Organize(names={name: name for name in looks}, hidden=["alarm"])],
                overrides=[Override(name=name, look=look) for name, look in looks.items()],
            ),
            Panel(
                kind=TimeSeries(limits=True, calcs=["max", "lastNotNull"]), title="Concentration of gas", width=14,
                height=8,
                description="The greatest in each span, in percent of the lower explosive limit: from 20 %"
                " on, leave the building.",
                look=Look(unit="%LEL", decimals=0, minimum=0, steps=_GAS, scheme="palette-classic",
                          no_value="No detector measures it"),
                targets=[
                    Target(query=_of(_DETECTORS, call("max", "concentration_pct_lel"), every=INTERVAL),
                           alias="$tag_device")
                ],
            ),
            ], _DETECTORS),
            Panel(
                kind=BarGauge(), title="Batteries of detectors and doors", width=10, height=8, time_from=_NEWEST,
                description="What each says of its battery. Change it below 15 %. Lithium cells say 100 % until"
                " shortly before their end.", targets=batteries,
                look=Look(unit="%", decimals=0, minimum=0, maximum=100, steps=CHARGE, links=[_OF_SERIES]),
            ),
        ],
    )  # fmt: skip


EQUIPMENT: Final = Dashboard(
    uid="facility-equipment",
    title="Equipment, safety and supply",
    description="Pumps, lifts, detectors and the supply of the buildings: what runs, what fails, what is due.",
    rows=[_now(), _supply(), _each(), _work(), _safety()],
    choices=[SITE, BUILDING, ZONE, Choice(name="device", among=("site", "building", "zone"))],
    annotations=[alarm_marks(*CHOSEN, where=[SERIOUS])],
    range="now-7d",
    classes=frozenset({"equipment", "safety"}),
)
