"""When what is used in a house: the hours of each kind of use on working days and weekends, and its season."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.site import Device

__all__ = ["Habit", "habit_of"]

_HOURS: Final = 24
_SATURDAY: Final = 5
_YEAR: Final = 365.25
_COLDEST: Final = 20.0
"""The day of the year, from 0 on, around which it is coldest."""
_WEATHER: Final = 9.3
"""Days from one warm spell to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """A kind of use: how the rate of each hour compares with the mean of the week.

    `working`, `saturday`, `sunday`: 24 numbers each, scaled so that the mean of a week is 1. `size`: how
    much of it there is in a house, against the other uses of the same class. `winter`: by how much
    more than the mean is used when it is coldest, and less when it is warmest; `weather`: the same by spells of
    warmth and cold. `moods`: by how much days differ, `spread`: quarters of one hour. `rare_below`: an hour with
    less than this is a single use in one of its quarters, and nothing flows in the others. `lively`: how often
    within a quarter the rate goes up and down, and by what part of it.
    """

    working: Sequence[float]
    saturday: Sequence[float]
    sunday: Sequence[float]
    size: float = 1.0
    winter: float = 0.0
    weather: float = 0.0
    moods: float = 0.08
    spread: float = 0.25
    rare_below: float = 0.0
    lively: Sequence[tuple[int, float]] = ((1, 0.05), (3, 0.09), (19, 0.06))

    def __post_init__(self) -> None:
        week = 5 * sum(self.working) + sum(self.saturday) + sum(self.sunday)
        for name in ("working", "saturday", "sunday"):
            scaled = tuple(7 * _HOURS * part / week for part in getattr(self, name))
            object.__setattr__(self, name, scaled)

    def profile(self, weekday: int) -> Sequence[float]:
        """The 24 hours of a day of the week; 0 is Monday."""
        return (self.working, self.saturday, self.sunday)[max(weekday - _SATURDAY + 1, 0)]

    def season(self, day: int) -> float:
        """How much is used on a day, counted from 2026-01-01, against the mean of the year."""
        cold = math.cos(2 * math.pi * (day - _COLDEST) / _YEAR)
        return 1.0 + self.winter * cold + self.weather * math.sin(2 * math.pi * day / _WEATHER)


def _hours(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split())


_BURSTS: Final = ((2, 0.55), (7, 0.3), (20, 0.1))
"""Taps are opened and closed."""

_HABITS: Final[Mapping[str, Habit]] = {
    "flats": Habit(
        size=2.2,
        working=_hours(".6 .55 .5 .5 .5 .6 .9 1.2 1.0 .8 .75 .8 1.0 .9 .75 .75 .9 1.2 1.6 1.8 1.7 1.5 1.1 .8"),
        saturday=_hours(
            ".7 .6 .55 .5 .5 .5 .6 .8 1.1 1.3 1.3 1.3 1.4 1.3 1.1 1.0 1.1 1.3 1.6 1.7 1.6 1.5 1.3 1.0"
        ),
        sunday=_hours(".8 .65 .55 .5 .5 .5 .55 .7 .9 1.2 1.4 1.6 1.7 1.4 1.1 1.0 1.1 1.3 1.6 1.7 1.6 1.4 1.0 .7"),
        winter=0.12,
    ),
    "house": Habit(
        size=0.7,
        working=_hours(".6 .6 .6 .6 .6 .8 1.2 1.5 1.3 1.0 .9 .9 1.0 1.0 .9 1.0 1.2 1.5 1.6 1.5 1.4 1.2 1.0 .8"),
        saturday=_hours(".7 .6 .6 .6 .6 .6 .8 .9 1.1 1.2 1.2 1.2 1.2 1.1 1.0 1.0 1.2 1.3 1.4 1.4 1.3 1.2 1.1 .9"),
        sunday=_hours(".8 .6 .6 .6 .6 .6 .6 .7 .8 .9 1.0 1.0 1.0 .9 .9 1.0 1.1 1.2 1.2 1.2 1.1 1.0 .9 .7"),
        winter=0.2,
    ),
    "shop": Habit(
        working=_hours(".4 .4 .4 .4 .4 .5 1.0 1.7 1.8 1.8 1.8 1.9 1.9 1.8 1.8 1.8 1.9 1.9 1.7 .9 .4 .4 .4 .4"),
        saturday=_hours(".4 .4 .4 .4 .4 .5 1.0 1.7 1.9 2.0 2.0 2.0 1.9 1.6 .6 .4 .4 .4 .4 .4 .4 .4 .4 .4"),
        sunday=(0.4,) * _HOURS,
        weather=0.03,
    ),
    "taps": Habit(
        size=1.4,
        working=_hours(".05 .03 .02 .02 .04 .6 2.0 2.6 1.6 1.0 .8 .8 1.1 1.0 .7 .7 .9 1.2 1.6 1.8 1.6 1.3 .9 .35"),
        saturday=_hours(
            ".08 .05 .02 .02 .03 .2 .8 1.4 2.0 2.1 1.8 1.5 1.4 1.2 1.0 .9 1.0 1.2 1.5 1.6 1.4 1.2 .9 .45"
        ),
        sunday=_hours(
            ".1 .06 .03 .02 .03 .2 .5 1.0 1.8 2.3 2.2 1.8 1.5 1.3 1.0 .9 1.0 1.2 1.5 1.7 1.5 1.2 .8 .35"
        ),
        winter=-0.04,
        spread=0.4,
        rare_below=0.3,
        lively=_BURSTS,
    ),
    "laundry": Habit(
        size=0.35,
        working=_hours("0 0 0 0 0 0 0 .2 1.0 1.4 1.4 1.0 .5 .3 .5 .8 1.2 1.8 2.0 1.6 .6 0 0 0"),
        saturday=_hours("0 0 0 0 0 0 0 .8 3.2 4.2 4.4 4.2 3.4 3.0 3.4 3.4 3.0 2.2 1.2 .6 .2 0 0 0"),
        sunday=(0.0,) * _HOURS,
        moods=0.25,
        spread=0.7,
        rare_below=0.9,
        lively=_BURSTS,
    ),
    "garden": Habit(
        size=0.15,
        working=_hours("0 0 0 0 0 0 0 .5 .5 0 0 0 0 0 0 0 0 .5 1.5 3.0 2.0 .5 0 0"),
        saturday=_hours("0 0 0 0 0 0 0 .5 1.0 1.0 .5 .5 0 0 0 .5 .5 1.0 2.0 3.0 2.0 .5 0 0"),
        sunday=_hours("0 0 0 0 0 0 0 0 .5 .5 .5 0 0 0 0 0 0 .5 1.5 3.0 2.0 .5 0 0"),
        winter=-0.85,
        moods=0.5,
        spread=0.7,
        rare_below=4.0,
        lively=_BURSTS,
    ),
    "heating": Habit(
        working=_hours(".5 .5 .5 .5 .7 1.5 1.8 1.6 1.2 1.0 .9 .9 .9 .9 .9 1.0 1.2 1.4 1.5 1.4 1.3 1.1 .7 .5"),
        saturday=_hours(".5 .5 .5 .5 .5 .7 1.3 1.6 1.6 1.4 1.2 1.1 1.0 1.0 1.0 1.1 1.2 1.4 1.5 1.4 1.3 1.2 .9 .6"),
        sunday=_hours(".5 .5 .5 .5 .5 .6 1.1 1.5 1.6 1.5 1.3 1.1 1.0 1.0 1.0 1.1 1.2 1.4 1.5 1.4 1.3 1.1 .8 .5"),
        winter=0.6,
        weather=0.15,
        moods=0.06,
        spread=0.15,
    ),
}


def habit_of(device: Device) -> Habit:
    """The kind of use that a meter counts: by its class, its tenant and the words of its id."""
    words = {*device.id.replace("_", "-").split("-"), device.tenant}
    if device.device_class in {"gas", "heat"}:
        return _HABITS["heating"]
    if device.device_class == "water":
        return _HABITS[next((kind for kind in ("laundry", "garden") if kind in words), "taps")]
    if "shop" in words:
        return _HABITS["shop"]
    return _HABITS["house" if words & {"house", "lift", "lights"} else "flats"]
