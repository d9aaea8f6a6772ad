"""The display on a wall: readable from four metres, without a click and without scrolling.

It fills 1920 x 1080 pixels without menus (`?kiosk`). What is in order is blue, what is not orange or red, which
people who see no red and green tell apart; a word says it, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from monitor.grafana import now
from monitor.grafana.common import BUILDING, SITE, TODAY, about
from monitor.grafana.influxql import Select, call, column
from monitor.grafana.kinds import Stat
from monitor.grafana.looks import Look, Override, State, Step
from monitor.grafana.model import Dashboard, Panel, Row, Target
from monitor.grafana.overview import UTILITIES_USED, compared
from monitor.grafana.reshape import Organize, Sort
from monitor.grafana.usage import Used
from monitor.schema import ALARM_TITLE

__all__ = ["WALL"]

_CALM, _MILD, _BAD = "dark-blue", "orange", "dark-red"
_VALUE, _NAME, _LINE = 64, 32, 40
"""Sizes in pixels. On a display of 43 inches, 40 pixels are 20 mm: what can be read from four metres."""

_COUNTED: Final = {"0": State("OK", _CALM)}
_SUPPLY: Final = {"1": State("OK", _CALM), "0": State("LOST", _BAD)}
_SEVERITIES: Final = {
    "4": State("CRITICAL", _BAD),
    "3": State("HIGH", _MILD),
    "2": State("medium", "semi-dark-yellow"),
    "1": State("low", "semi-dark-purple"),
}


def _tile(  # noqa: PLR0913 - a title, questions, a sentence, and how it looks
    title: str,
    queries: Mapping[str, Select],
    description: str,
    *,
    width: int = 6,
    time_from: str = now.FAR,
    states: Mapping[str, State] = _COUNTED,
    color: str = _BAD,
    none: str = "not watched",
) -> Panel:
    """Words or numbers on a colour."""
    return Panel(
        kind=Stat(background=True, text="value_and_name", large=_VALUE, named=_NAME), says_time=True,
        title=title, description=description, width=width, height=5, time_from=time_from,
        targets=[Target(query=query, alias=name) for name, query in queries.items()],
        look=Look(decimals=0, states=states, steps=(Step(None, _CALM), Step(1, color)), no_value=none),
    )  # fmt: skip


def _alarms() -> Panel:
    """How many, and how bad the worst of them is."""
    worst = now.alarms_now(now.WAITS, columns=[call("max", "severity_i", "worst")])
    tile = _tile(
        "Alarms", {"open alarms": now.alarms_open(), "the worst": worst},
        "How many alarms last, want a reset, or are not acknowledged, and how bad the worst of them is; the strips"
        " at the bottom say which.",
        width=10, color=_MILD, none="No alarm",
    )  # fmt: skip
    return replace(tile, overrides=[Override(name="the worst", look=Look(states=_SEVERITIES))])


def _states() -> Sequence[Panel]:
    return [
        _alarms(),
        _tile(
            "Supply", {"$tag_utility": now.supplied()},
            "Whether every building has electricity, water and gas, as far as watched. Lost: all or part of it.",
            width=8, states=_SUPPLY,
        ),
        _tile(
            "Detectors", {"leak, gas, smoke": now.in_alarm()}, "How many detectors are in alarm at this moment.",
            none="No detector",
        ),
        _tile(
            "Machines", {"pumps, lifts": now.with_fault()},
            "How many pumps, lifts and other machines have a fault.", none="No machine",
        ),
        _tile(
            "Doors", {"doors open too long": now.doors_that("held"), "doors forced": now.doors_that("forced")},
            "How many doors stand open for too long, and how many were opened without permission.", width=12,
            none="No door",
        ),
        _tile(
            "Devices", {"silent devices": now.devices_silent()},
            "How many devices do not answer. Not known: the monitor itself has told nothing for an hour.",
            time_from="1h", color=_MILD, none="NOT KNOWN",
        ),
    ]  # fmt: skip


def _today(used: Used) -> Panel:
    return Panel(
        kind=Stat(text="value_and_name", large=_VALUE, named=_NAME), says_time=True, title=f"{used.name} today",
        width=8, height=5, time_from=TODAY, targets=compared(used, change=False),
        look=replace(used.look, decimals=used.digits - 1, steps=(Step(None, "text"),), no_value="nothing yet"),
        overrides=[Override(name="today", look=Look(name=f"{used.name.lower()} today"))],
        description="The whole hours of today so far, and the same hours of the same weekday last week.",
    )  # fmt: skip


def _used() -> Sequence[Panel]:
    return [panel for used in UTILITIES_USED for panel in about([_today(used)], used.utility)]


def _strips() -> Panel:
    query = now.alarms_now(now.WAITS, columns=[column("severity_i"), column(ALARM_TITLE)])
    return Panel(
        kind=Stat(
            background=True, text="value_and_name", large=_LINE, named=_LINE, rows=4, lines=True
        ),
        says_time=True, title="What is wrong", width=24, height=7, time_from=now.FAR, tables=True,
        description="Alarms that last, want a reset, or of which nobody has said yet that he looks after them: the"
        " four that are worst.",
        targets=[Target(query=query)], reshape=[Sort("severity_i", descending=True), Organize(hidden=["Time"])],
        look=Look(states=_SEVERITIES, steps=(Step(None, _CALM),), no_value="Nothing is wrong"),
    )  # fmt: skip


WALL: Final = Dashboard(
    uid="facility-wall",
    title="Wall",
    description="For a display in a lobby or the caretaker's office: is all well, what is used today.",
    rows=[Row(panels=[*_states(), *_used(), _strips()])],
    choices=[SITE, BUILDING],
    refresh="30s",
)
