"""Alarms: what is open, how soon somebody looked after it, and which rules and devices cry wolf."""

from typing import Final

from monitor.grafana.common import BUILDING, HIDDEN_TIME, SITE, TODAY, ZONE, device
from monitor.grafana.happened import (
    ANY_IS_ORANGE,
    ANY_IS_RED,
    CAUSES,
    CHOSEN,
    COLOURED,
    HELD,
    NEUTRAL,
    RESPONSES,
    SEVERITIES,
    SEVERITY_COLOURS,
    Top,
    fixed,
    listed,
)
from monitor.grafana.influxql import DAY, Select, call, column, equals, is_any
from monitor.grafana.kinds import BarGauge, Stat, StateTimeline, Table, TimeSeries
from monitor.grafana.looks import Link, Look, Override, State, Step
from monitor.grafana.model import Dashboard, Panel, Row, Target, to
from monitor.grafana.now import WAITS
from monitor.grafana.reshape import Organize, Sort
from monitor.schema import (
    ALARM_ACTIVE,
    ALARM_CAUSE,
    ALARM_RESPONSE,
    ALARM_SEVERITY,
    ALARM_SINCE,
    ALARM_START,
    ALARM_TEXT,
    ALARM_TITLE,
    MEASUREMENT_ALARMS,
    state_number,
)

__all__ = ["ALARMS"]

_RANK: Final = state_number(ALARM_SEVERITY)
_HELD: Final = "suppression"
_RAISED: Final = equals(ALARM_CAUSE, "raised")
_OVER: Final = is_any(ALARM_CAUSE, ["cleared", "reset"])
_LONG: Final = "90d"
"""How far back an alarm is looked for that may still be open."""
_MANY: Final = 5
"""An alarm that comes more often in a day is a rule or a contact that chatters."""

_LOCAL: Final = Link("This device alone", to("facility-alarms", "site", device="${__data.fields.device}"))
_HEALTH: Final = Link("How it answers", to("facility-devices", "site", device="${__data.fields.device}"))
_LASTS: Final = {"0": State("fine", "green"), **SEVERITIES}
_SHARES: Final = {"half within": ("median", ()), "9 of 10 within": ("percentile", ("90",))}


def _newest(*columns: str) -> Select:
    """The newest step of each alarm."""
    return Select(
        columns=[call("last", ALARM_ACTIVE, "open"), *(column(name) for name in columns)],
        source=MEASUREMENT_ALARMS,
        variables=CHOSEN,
        by=["site", "device", "rule", "point"],
    )


def _open(*where: str) -> Select:
    """How many are open, or wait for somebody."""
    newest = _newest(ALARM_SEVERITY, ALARM_RESPONSE, "state")
    return Select(columns=[call("count", "open", "alarms")], source=newest, where=where)


def _now() -> Row:
    today = Select(columns=[call("count", _RANK)], source=MEASUREMENT_ALARMS, where=[_RAISED], variables=CHOSEN)
    return Row(
        panels=[
            Panel(
                kind=Stat(background=True, text="value_and_name"), title="Open now", width=14, height=4,
                time_from=_LONG, says_time=True,
                description="How many alarms last or wait for somebody. Critical: danger for people or the house,"
                " act now. High: somebody has to look at it today. Medium: within the week. Low: to be known.",
                look=Look(decimals=0, no_value="None"),
                targets=[
                    Target(query=_open(WAITS, equals(ALARM_SEVERITY, name)), alias=name)
                    for name in SEVERITY_COLOURS
                ],
                overrides=[
                    Override(name=name, look=Look(steps=(Step(None, "green"), Step(1, color))))
                    for name, color in SEVERITY_COLOURS.items()
                ],
            ),
            Panel(
                kind=Stat(), title="Nobody has acknowledged", width=5, height=4, time_from=_LONG, says_time=True,
                description="Open alarms that nobody has said he looks after. Acknowledge what you look after:"
                " the others are told again.", look=Look(decimals=0, no_value="0", steps=ANY_IS_ORANGE),
                targets=[Target(query=_open(equals(ALARM_RESPONSE, "unacked")), alias="waiting")],
            ),
            Panel(
                kind=Stat(), title="Raised today", width=5, height=4, time_from=TODAY, says_time=True,
                description="Alarms that began since midnight, whether they are over or not.",
                look=Look(decimals=0, no_value="0", steps=NEUTRAL),
                targets=[Target(query=today, alias="raised")],
            ),
        ]
    )  # fmt: skip


def _open_list() -> Row:
    shown = (
        _RANK, ALARM_TITLE, ALARM_TEXT, ALARM_START, ALARM_RESPONSE, _HELD, ALARM_CAUSE, "value", "threshold",
    )  # fmt: skip
    query = Select(
        columns=[*(column(name) for name in shown), column("device")],
        source=_newest(*shown, "state"),
        where=[WAITS],
    )
    looks = {
        _RANK: Look(name="Severity", states=SEVERITIES, custom={**COLOURED, "width": 90}),
        ALARM_TITLE: Look(name="What", custom={"width": 400}),
        ALARM_START: Look(name="Since", unit="time", custom={"width": 165}),
        ALARM_RESPONSE: Look(name="Acknowledged", states=RESPONSES, custom={**COLOURED, "width": 120}),
        _HELD: Look(name="Nobody is told", states=HELD, custom={"width": 150}),
        ALARM_CAUSE: Look(name="Newest step", states=CAUSES, custom={"width": 160}),
        "value": Look(name="Value", decimals=1, custom={"width": 90}),
        "threshold": Look(name="Limit", decimals=1, custom={"width": 90}),
        "device": Look(name="Device", links=[_LOCAL, _HEALTH], custom={"width": 180}),
        ALARM_TEXT: Look(name="Where and what"),
    }
    return Row(
        panels=[
            Panel(
                kind=Table(sort="Severity"), title="Open alarms", width=24, height=10, time_from=_LONG,
                description="What lasts, or what nobody has acknowledged, of the last 90 days; the worst first."
                " A click on a device leads to all of its alarms.",
                targets=[Target(query=query)],
                reshape=[Organize(names={name: name for name in looks}), Sort(ALARM_START)],
                overrides=[*(Override(name=name, look=look) for name, look in looks.items()), HIDDEN_TIME],
            ),
        ]
    )  # fmt: skip


def _per_day() -> Row:
    def per_day(severity: str) -> Select:
        return Select(
            columns=[call("count", _RANK)], source=MEASUREMENT_ALARMS,
            where=[_RAISED, equals(ALARM_SEVERITY, severity)], variables=CHOSEN, every=DAY, fill="0",
        )  # fmt: skip

    return Row(
        title="How many, and how fast",
        panels=[
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title="Raised per day",
                width=24, height=8,
                description="Alarms that began, by severity. More than a few a day for each person who"
                "  looks after them, and nobody reads them any more.", look=Look(decimals=0, minimum=0),
                targets=[Target(query=per_day(name), alias=name) for name in SEVERITY_COLOURS],
                overrides=fixed(SEVERITY_COLOURS),
            ),
            _took("Until somebody acknowledged", "How long it took until somebody said that he looks after it,"
                  " by severity.", equals(ALARM_CAUSE, "acknowledged")),
            _took("Until it was over", "How long alarms lasted, by severity.", _OVER),
        ],
    )  # fmt: skip


def _took(title: str, description: str, where: str) -> Panel:
    """Times from the beginning to a step: half of them, and nine of ten."""
    targets = [
        Target(
            query=Select(
                columns=[call(function, ALARM_SINCE, shown, *more) for shown, (function, more) in _SHARES.items()],
                source=MEASUREMENT_ALARMS,
                where=[where, equals(ALARM_SEVERITY, severity)],
                variables=CHOSEN,
            ),
            alias=f"{severity}: $col",
        )
        for severity in SEVERITY_COLOURS
    ]
    return Panel(
        kind=BarGauge(), title=title, description=description, width=12, height=9,
        targets=targets, look=Look(unit="s", decimals=1, steps=NEUTRAL),
        overrides=[
            Override(pattern=f"/^{severity}/", look=Look(fixed=color))
            for severity, color in SEVERITY_COLOURS.items()
        ],
    )  # fmt: skip


def _noise() -> Row:
    raised, lasted = call("count", _RANK), call("sum", ALARM_SINCE)
    orange = Look(decimals=0, fixed="orange")
    chatters = Select(
        columns=[column("times"), column("rule"), column("device")],
        source=Select(
            columns=[call("count", _RANK, "times")], source=MEASUREMENT_ALARMS, where=[_RAISED],
            variables=CHOSEN, by=["rule", "device"], every=DAY,
        ),
        where=[f'"times" > {_MANY}'],
    )  # fmt: skip
    columns = {
        "times": Look(name="Times", decimals=0, steps=ANY_IS_RED, custom={**COLOURED, "width": 80}),
        "Time": Look(name="Day", unit="day", custom={"width": 120}),
        "rule": Look(name="Rule"),
        "device": Look(name="Device", links=[_LOCAL, _HEALTH]),
    }
    return Row(
        title="What cries wolf",
        panels=[
            Top(said=raised, measurement=MEASUREMENT_ALARMS, by="rule", where=[_RAISED], look=orange).panel(
                "Noisiest rules", "The ten rules that raised most alarms in the chosen time. Mend what they tell"
                " of, or give them another limit or a longer delay.", 8, 9,
            ),
            Top(
                said=raised, measurement=MEASUREMENT_ALARMS, by="device", where=[_RAISED],
                look=Look(decimals=0, fixed="orange", links=[_LOCAL, _HEALTH]),
            ).panel("Noisiest devices", "The ten devices with most alarms in the chosen time.", 8, 9),
            Top(
                said=lasted, measurement=MEASUREMENT_ALARMS, by="rule", where=[_OVER],
                look=Look(unit="s", decimals=1, fixed="purple"),
            ).panel(
                "Time in alarm", "How long the alarms of each rule lasted together, of those that ended in the"
                " chosen time.", 8, 9,
            ),
            listed(
                chatters, columns, "Chattering",
                "Rules that raised more than five alarms of one device on one day: a contact that shakes, or a"
                " limit without a deadband.", width=24, height=7,
            ),
        ],
    )  # fmt: skip


def _all() -> Row:
    shown = (_RANK, ALARM_CAUSE, ALARM_TITLE, ALARM_TEXT, ALARM_SINCE, "device")
    query = Select(
        columns=[column(name) for name in shown], source=MEASUREMENT_ALARMS, where=[f'"{_RANK}" > 0'],
        variables=CHOSEN, newest_first=True, limit=300,
    )  # fmt: skip
    columns = {
        "Time": Look(name="When", unit="time", custom={"width": 170}),
        _RANK: Look(name="Severity", states=SEVERITIES, custom={**COLOURED, "width": 90}),
        ALARM_CAUSE: Look(
            name="Step", states=CAUSES, custom={"cellOptions": {"type": "color-text"}, "width": 160}
        ),
        ALARM_TITLE: Look(name="What", custom={"width": 400}),
        ALARM_SINCE: Look(name="After", unit="s", decimals=1, custom={"width": 100}),
        "device": Look(name="Device", links=[_LOCAL, _HEALTH], custom={"width": 180}),
        ALARM_TEXT: Look(name="Where and what"),
    }
    lasts = Select(
        columns=[f'"{ALARM_ACTIVE}" * "{_RANK}" AS "lasts"'],
        where=[f"({equals(ALARM_ACTIVE, 1)} OR {is_any(ALARM_CAUSE, ['cleared', 'reset', 'closed'])})"],
        source=MEASUREMENT_ALARMS,
        variables=CHOSEN,
        by=["rule", "device", "point"],
    )
    return Row(
        title="Everything that happened",
        panels=[
            Panel(
                kind=StateTimeline(), title="When which alarm lasted", width=24, height=12,
                look=Look(states=_LASTS),
                description="One line for each rule and device, in the colour of its severity. What is over in the"
                " moment in which it happens, such as a forced door, is below.",
                targets=[Target(query=lasts, alias="$tag_rule: $tag_device $tag_point")],
            ),
            listed(
                query, columns, "Every step", "The newest 300 steps of the chosen time: raised, acknowledged,"
                " over. “After” is how long after its beginning.", height=12,
            ),
        ],
    )  # fmt: skip


ALARMS: Final = Dashboard(
    uid="facility-alarms",
    title="Alarms",
    description="What is open, how fast somebody looked after it, and which rules and devices cry wolf.",
    rows=[_now(), _open_list(), _per_day(), _noise(), _all()],
    choices=[SITE, BUILDING, ZONE, device(MEASUREMENT_ALARMS)],
    range="now-30d",
)
