"""Devices and the quality of their data: what answers, what was lost, which battery is next."""

from collections.abc import Sequence
from typing import Final

from monitor.fieldkeys import (
    HEALTH_ERROR,
    HEALTH_ERRORS,
    HEALTH_MINUTES,
    HEALTH_POLL_MS,
    HEALTH_POLLS,
    HEALTH_SEEN,
    HEALTH_STATE,
    HEALTH_STATE_END,
    HEALTH_STATE_NUMBER,
    HEALTH_UP,
    HEALTH_UP_MINUTES,
    USAGE_AMOUNT,
    USAGE_COVERAGE,
    USAGE_ESTIMATED,
)
from monitor.grafana.common import BUILDING, SITE, ZONE, device
from monitor.grafana.influxql import INTERVAL, Select, call, column, is_any
from monitor.grafana.kinds import BarGauge, Stat, StateTimeline, Table, TimeSeries
from monitor.grafana.looks import CHARGE, COLOURED, Link, Look, Override, State, Step
from monitor.grafana.model import Dashboard, Panel, Row, Target, to
from monitor.grafana.reshape import Organize
from monitor.schema import (
    EVENT_COUNT,
    HEALTH_WORSE,
    MEASUREMENT_EVENTS,
    MEASUREMENT_HEALTH,
    MEASUREMENT_HEALTH_HOUR,
    MEASUREMENT_USAGE,
    POINT_BATTERY,
    state_number,
)

__all__ = ["DEVICES", "HEALTH_STATES"]

_POINTS: Final = 240
"""Steps of time in a chart of all devices: of 7 days the hours, of 30 days three at a time."""
_CHOSEN: Final = ("site", "building", "zone", "device")
_UP: Final = state_number(HEALTH_UP)
_WITH_BATTERIES: Final = ("safety", "door", "water", "environment", "gas")

HEALTH_STATES: Final = {
    "answering": State("answering", "green"),
    "degraded": State("degraded", "yellow"),
    "flapping": State("flapping", "orange"),
    "suspended": State("silent", "red"),
    "never_answered": State("never answered", "purple"),
}
_PERCENT: Final = (Step(None, "red"), Step(95, "yellow"), Step(99, "green"))
_ONE_DEVICE: Final = Link("This device alone", to("facility-devices", "site", device="${__data.fields.device}"))
_OF_SERIES: Final = Link("This device alone", to("facility-devices", "site", device="${__field.labels.device}"))


def _health(*columns: str, where: Sequence[str] = (), by: Sequence[str] = ("device",), every: str = "") -> Select:
    return Select(columns=columns, source=MEASUREMENT_HEALTH, where=where, variables=_CHOSEN, by=by, every=every)


def _hours(*columns: str, every: str = "", fill: str = "") -> Select:
    """Of the hours of each device; over weeks, minutes are too many."""
    by = ("device",)
    return Select(
        columns=columns, source=MEASUREMENT_HEALTH_HOUR, variables=_CHOSEN, by=by, every=every, fill=fill
    )


def _of_all(said: str, *where: str) -> Select:
    """A figure of all devices, of what each was told of last: `now` (1: it answers) and `word`, its state."""
    newest = _health(call("last", _UP, "now"), call("last", HEALTH_STATE, "word"), by=("site", "device"))
    return Select(columns=[said], source=newest, where=where)


def _now() -> Row:
    counted = call("count", "now", "devices")
    silent = _of_all('count("now") - sum("now") AS "silent"')
    poor = _of_all(counted, is_any("word", ("degraded", "flapping")))
    coverage = Select(columns=[call("mean", USAGE_COVERAGE)], source=MEASUREMENT_USAGE["day"], variables=_CHOSEN)
    estimated = Select(
        columns=[call("sum", USAGE_ESTIMATED)],
        source=MEASUREMENT_USAGE["day"],
        variables=_CHOSEN,
        by=["utility"],
    )
    return Row(
        panels=[
            Panel(
                kind=Stat(background=True), title="Silent", width=4, height=4,
                time_from="1h", says_time=True, targets=[Target(query=silent, alias="silent")],
                description="Devices that do not answer now, or never did. Their alarms stay as they were. Not"
                " known: the monitor has told nothing for an hour.",
                look=Look(decimals=0, no_value="not known", steps=(Step(None, "green"), Step(1, "red"))),
            ),
            Panel(
                kind=Stat(background=True), title="Answer badly", width=4, height=4,
                time_from="1h", says_time=True, targets=[Target(query=poor, alias="poor")],
                description="Devices that lose more than a fifth of their polls, or come and go.",
                look=Look(decimals=0, no_value="none", steps=(Step(None, "green"), Step(1, "orange"))),
            ),
            Panel(
                kind=Stat(), title="Devices", width=4, height=4, time_from="1h", says_time=True,
                description="Devices that the monitor knows: those it told of in the last hour.",
                targets=[Target(query=_of_all(counted), alias="devices")],
                look=Look(decimals=0, no_value="not known", steps=(Step(None, "text"),)),
            ),
            Panel(
                kind=Stat(), title="Samples received", width=6, height=4, time_from="7d",
                description="Of the samples that were due from meters in the last seven days. Bills want 99 %.",
                targets=[Target(query=coverage, alias="coverage")],
                look=Look(unit="%", decimals=1, steps=_PERCENT),
            ),
            Panel(
                kind=Stat(), title="Estimated", width=6, height=4, time_from="30d",
                description="What meters used in the last 30 days while nobody could read them: electricity and"
                " heat in kWh, water and gas in m³.",
                targets=[Target(query=estimated, alias="$tag_utility")],
                look=Look(decimals=1, no_value="0", steps=(Step(None, "text"),)),
            ),
        ]
    )  # fmt: skip


def _table() -> Row:
    found = _hours(
        f'100.0 * sum("{HEALTH_UP_MINUTES}") / sum("{HEALTH_MINUTES}") AS "available"',
        call("last", HEALTH_STATE_END, "state"), call("last", HEALTH_SEEN, "seen"),
        f'100.0 * sum("{HEALTH_ERRORS}") / sum("{HEALTH_POLLS}") AS "lost"',
        call("mean", HEALTH_POLL_MS, "answer"), call("last", HEALTH_ERROR, "error"),
    )  # fmt: skip
    worst = _hours(call("max", HEALTH_STATE_NUMBER), every=INTERVAL, fill="null")
    names = {
        "device": Look(name="Device", links=[_ONE_DEVICE], custom={"width": 200}),
        "available": Look(name="Available", unit="%", decimals=2, steps=_PERCENT, custom=COLOURED),
        "state": Look(name="State", states=HEALTH_STATES, custom=COLOURED),
        "lost": Look(name="Lost polls", unit="%", decimals=1),
        "answer": Look(name="Answers after", unit="ms", decimals=0),
        "error": Look(name="Newest error"),
        "seen": Look(name="Answered last", unit="ago", no_value="never"),
    }
    return Row(
        title="Each device",
        panels=[
            Panel(
                kind=Table(sort="Available", descending=False), title="How each device did", width=24, height=11,
                description="In the chosen time: how much of it a device answered, of the minutes in which the"
                " monitor ran, and when it did so last. Worst first; a click on a device shows it alone.",
                targets=[Target(query=found)],
                reshape=[Organize(hidden=["Time"]), Organize(names={name: name for name in names})],
                overrides=[Override(name=name, look=look) for name, look in names.items()],
            ),
            Panel(
                kind=StateTimeline(), title="When each device answered", width=24, height=10,
                shortest="1h", points=_POINTS,
                look=Look(states={str(HEALTH_WORSE.index(word)): look for word, look in HEALTH_STATES.items()}),
                description="The worst of each hour. Green: it answered. Red: silent. A hole: the monitor did not"
                " run, or the hour has just begun. All of a bus at once: look there, not at the devices.",
                targets=[Target(query=worst, alias="$tag_device")],
            ),
        ],
    )  # fmt: skip


def _quality() -> Row:
    coverage = Select(
        columns=[column(USAGE_COVERAGE)], source=MEASUREMENT_USAGE["day"], variables=_CHOSEN, by=["device"]
    )
    estimated = Select(
        columns=[column(USAGE_ESTIMATED)],
        source=MEASUREMENT_USAGE["day"],
        where=[f'"{USAGE_ESTIMATED}" > 0 AND "{USAGE_AMOUNT}" > 0'],
        variables=_CHOSEN,
        by=["device"],
    )
    batteries = [
        Select(columns=[call("last", POINT_BATTERY)], source=each, variables=_CHOSEN, by=["device"])
        for each in _WITH_BATTERIES
    ]
    charge = [
        Select(columns=[call("min", POINT_BATTERY)], source=each, variables=_CHOSEN, by=["device"], every="1h")
        for each in _WITH_BATTERIES
    ]
    return Row(
        title="Can the figures be trusted",
        panels=[
            Panel(
                kind=TimeSeries(dots=True, calcs=["min", "mean"]), title="Samples received each day",
                description="Of those that were due from each meter. Gaps in samples cost no energy and no water:"
                " a counter counts on while nobody reads it. Peaks may be missed.",
                width=12, height=8, time_from="30d", targets=[Target(query=coverage, alias="$tag_device")],
                look=Look(unit="%", decimals=1, minimum=0, maximum=100),
            ),
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title="Estimated each day",
                description="What was used while a meter could not be read, in kWh or m³.",
                width=12, height=8, time_from="30d", targets=[Target(query=estimated, alias="$tag_device")],
                look=Look(decimals=2, minimum=0, no_value="Nothing had to be estimated"),
            ),
            Panel(
                kind=BarGauge(), title="Batteries", width=8, height=8, time_from="7d",
                description="What each device says of its battery. Change it below 15 %.",
                targets=[Target(query=query, alias="$tag_device") for query in batteries],
                look=Look(unit="%", decimals=0, minimum=0, maximum=100, steps=CHARGE, links=[_OF_SERIES]),
            ),
            Panel(
                kind=TimeSeries(joined=3 * 86_400, calcs=["lastNotNull"]), title="Batteries over time",
                description="A battery that falls faster than its neighbours has bad reception or is old.",
                width=16, height=8, time_from="90d",
                targets=[Target(query=query, alias="$tag_device") for query in charge],
                look=Look(unit="%", decimals=0, minimum=0, maximum=100),
            ),
        ],
    )  # fmt: skip


def _line() -> Row:
    errors = _hours(call("sum", HEALTH_ERRORS), every=INTERVAL)
    answers = _hours(call("mean", HEALTH_POLL_MS), every=INTERVAL)
    happened = Select(
        columns=[call("sum", EVENT_COUNT)], source=MEASUREMENT_EVENTS, variables=_CHOSEN, by=["kind"], every="1h"
    )
    return Row(
        title="On the line",
        panels=[
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title="Lost polls",
                description="By the hour, over weeks by some. Of a whole bus at once: the bus, its adapter or"
                " gateway. Of one device: its cable.",
                shortest="1h", points=_POINTS,
                width=8, height=8, targets=[Target(query=errors, alias="$tag_device")],
                look=Look(decimals=0, minimum=0),
            ),
            Panel(
                kind=TimeSeries(calcs=["mean", "max"]), title="How fast devices answer",
                description="Mean time to answer. It rises before a bus is too full.", width=8, height=8,
                shortest="1h", points=_POINTS,
                targets=[Target(query=answers, alias="$tag_device")], look=Look(unit="ms", minimum=0),
            ),
            Panel(
                kind=TimeSeries(bars=True, stacked=True, calcs=["sum"]), title="Events per hour",
                description="What devices and the monitor told, by kind. Doors have their own dashboard.",
                width=8, height=8, targets=[Target(query=happened, alias="$tag_kind")],
                look=Look(decimals=0, minimum=0),
            ),
        ],
    )  # fmt: skip


DEVICES: Final = Dashboard(
    uid="facility-devices",
    title="Devices and data quality",
    description="What answers, what was lost, which battery is next, and whether figures can be trusted.",
    rows=[_now(), _table(), _quality(), _line()],
    choices=[SITE, BUILDING, ZONE, device(MEASUREMENT_HEALTH)],
    range="now-7d",
)
