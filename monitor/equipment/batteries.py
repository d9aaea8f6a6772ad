"""When batteries will be empty: from the least that each says on a local day, by a line that few odd days move.

The line is that of Theil and Sen: its slope is the median of the slopes between any two days (H. Theil, 1950;
P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968). A cold night or a value that is
told in steps of half a percent or a whole one does not turn it.

It is a guess. Lithium cells keep their voltage until shortly before their end: what is told of them stays near
100 % for years and then falls within days, so that `battery_low`, and less than 10 %, count as well.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from statistics import median
from typing import Any, Final

from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.model import Derived, Event, Origin, Quality, Reading, Recorded, Value
from monitor.periods import local_day
from monitor.schema import POINT_BATTERY, POINT_BATTERY_LOW
from monitor.site import Site
from monitor.upkeepbook import Battery

__all__ = ["Batteries", "Forecast", "forecast", "theil_sen"]

_PREFIX: Final = "battery/"
_DAYS: Final = "battery_days/"
"""Days are kept by themselves: they change a few times a day, and what a device said last with all it says."""
_TRUSTED: Final = frozenset({Quality.GOOD, Quality.MANUAL})
_EMPTY: Final = 10.0
"""Percent at which a battery counts as empty: what is left is not to be relied on."""
_FULL: Final = 100.0
_AS_NEW: Final = 95.0
_DAYS_KEPT: Final = 180
_FEWEST: Final = 14
_SOON: Final = 30
_FARTHEST: Final = 3650
_LEAST_DROP: Final = 2.0
_TIMES_NOISE: Final = 2.0
_LATELY: Final = 3
_JUMP: Final = 20.0
_LOOK_BACK: Final = 15
_MORE: Final = 5.0
_NOT_LOW: Final = 7

_Day = tuple[int, float]
"""A local day (its ordinal) and the least percent that was told on it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How fast a battery empties (percent a day), and the ordinal of the day on which it reaches 10 %.

    `days`: of how many days that is reckoned.
    """

    per_day: float
    empty: int
    days: int


def theil_sen(days: Sequence[_Day]) -> tuple[float, float]:
    """The slope (percent a day) through some days, two at least, and the level at the last of them."""
    slope = median((later[1] - sooner[1]) / (later[0] - sooner[0]) for sooner, later in combinations(days, 2))
    last = days[-1][0]
    return slope, median(value + slope * (last - day) for day, value in days)


def forecast(days: Sequence[_Day]) -> Forecast | None:
    """When a battery will be empty; None where there are too few days, or it does not really become emptier.

    A real drop is one of two points at least, and twice what the days scatter about the line. A battery that
    stands above its line does not follow it: it was charged, or changed for one that was not full.
    """
    if len(days) < _FEWEST or days[-1][0] - days[0][0] < _FEWEST:
        return None
    slope, level = theil_sen(days)
    last = days[-1][0]
    above = [value + slope * (last - day) - level for day, value in days]
    noise = median(map(abs, above))
    if -slope * (last - days[0][0]) < max(_LEAST_DROP, _TIMES_NOISE * noise):
        return None
    lately = [each for each, (day, _) in zip(above, days, strict=True) if last - day < _LATELY]
    if median(lately) > max(_MORE, _TIMES_NOISE * noise):
        return None
    left = math.ceil(max(0.0, level - _EMPTY) / -slope)
    return Forecast(-slope, last + left, len(days))


def _is_renewed(days: Sequence[_Day], *, was_told: bool) -> bool:
    """Whether the battery was changed before the last two days: they are twenty points above the day before them.

    Where nobody was told that it ran out, and it is not as good as full, it may only have been cold for some days:
    then it has to be more than it was before that.
    """
    if len(days) <= 2:  # noqa: PLR2004 - the two days, and the one before them
        return False
    least = min(days[-2][1], days[-1][1])
    if least < days[-3][1] + _JUMP:
        return False
    before = median(value for _, value in days[:-2][-_LOOK_BACK:])
    return was_told or least >= _AS_NEW or least >= before + _MORE


@dataclass(slots=True)
class _Cell:
    """What is remembered of one battery. `today`: the newest day; `low_on`: the last one on which it said low."""

    days: list[_Day] = field(default_factory=list)
    today: int = 0
    percent: float | None = None
    time: int = 0
    low: bool = False
    low_on: int = 0
    is_told: bool = False
    forecast: Forecast | None = None
    is_dirty: bool = False
    has_days: bool = False
    """Whether `days` are others than were kept."""

    def dump(self) -> dict[str, Any]:
        told = self.forecast
        return {
            "today": self.today,
            "said": [self.percent, self.time],
            "low": [self.low, self.low_on],
            "told": self.is_told,
            "forecast": None if told is None else [told.per_day, told.empty, told.days],
        }

    def load(self, kept: dict[str, Any]) -> None:
        self.today = kept["today"]
        self.percent, self.time = kept["said"]
        self.low, self.low_on = kept["low"]
        self.is_told = kept["told"]
        self.forecast = None if kept["forecast"] is None else Forecast(*kept["forecast"])

    def least(self, day: int, percent: float) -> bool:
        """Note a value of a day; whether it is the least of it so far."""
        place = bisect_left(self.days, (day,))
        if place < len(self.days) and self.days[place][0] == day:
            if self.days[place][1] <= percent:
                return False
            self.days[place] = (day, percent)
        else:
            self.days.insert(place, (day, percent))
            del self.days[:-_DAYS_KEPT]
        self.has_days = True
        return True

    def begin(self, day: int) -> None:
        """A day begins: see what the days before it say."""
        self.today = day
        if _is_renewed(self.days, was_told=self.is_told):
            self.days = self.days[-2:]
            self.has_days = True
            self.is_told = False
        if not self.days and self.is_told and day - self.low_on >= _NOT_LOW:
            self.is_told = False
        self.look_ahead(day)

    def look_ahead(self, day: int) -> None:
        """Reckon from the half-year before a day; of one that was not heard of lately nothing is said."""
        sooner = [each for each in self.days if day - _DAYS_KEPT <= each[0] < day]
        is_recent = bool(sooner) and day - sooner[-1][0] <= _FEWEST
        self.forecast = forecast(sooner) if is_recent else None

    @property
    def is_low(self) -> bool:
        """Whether it has to be changed now, whatever the forecast says."""
        return self.low or (self.percent is not None and self.percent < _EMPTY)

    def is_soon(self) -> bool:
        """Whether it will be empty soon, or is."""
        return self.is_low or (self.forecast is not None and self.forecast.empty - self.today < _SOON)


class Batteries:
    """Takes entries in the order of the journal; tells of each battery once that it will be empty soon."""

    def __init__(self, site: Site) -> None:
        self._zone = site.timezone
        self._cells = {
            device.id: _Cell()
            for device in site.devices.values()
            if POINT_BATTERY in device.points or POINT_BATTERY_LOW in device.points
        }
        self._news: list[Event | Derived] = []
        self._rows: dict[tuple[str, int], float] = {}

    # What comes in ------------------------------------------------------------------------------------

    def take(self, recorded: Recorded) -> None:
        """Heed what a device says of its battery. What comes late is only noted for its day."""
        reading = recorded.entry
        if type(reading) is not Reading or (cell := self._cells.get(reading.device)) is None:
            return
        percent = _percent(reading.values.get(POINT_BATTERY))
        low = reading.values.get(POINT_BATTERY_LOW)
        said = low if isinstance(low, bool) else None
        if (percent is None and said is None) or not _counts(reading):
            return
        day = local_day(reading.time, self._zone).toordinal()
        if not reading.late:
            self._turn_back(cell, day)
            self._note(reading.device, cell, day, percent)
            self._live(reading, cell, day, percent=percent, low=said)
        elif cell.days and day >= cell.days[0][0]:
            self._note(reading.device, cell, day, percent)

    def _note(self, device: str, cell: _Cell, day: int, percent: float | None) -> None:
        if percent is not None and cell.least(day, percent):
            cell.is_dirty = True
            self._rows[device, day] = percent

    def _live(self, reading: Reading, cell: _Cell, day: int, *, percent: float | None, low: bool | None) -> None:
        cell.is_dirty = True
        cell.time = reading.time
        if percent is not None:
            cell.percent = percent
        if low is not None:
            cell.low = low
            cell.low_on = day if low else cell.low_on
        if day > cell.today:
            cell.begin(day)
        if cell.is_soon() and not cell.is_told:
            cell.is_told = True
            self._news.append(_soon(reading, cell))

    def tick(self, now: int) -> None:
        """Time alone says nothing of a battery."""

    def retell(self) -> None:
        """What was told so far was told to nobody: who is still empty soon is told of with the next value."""
        for cell in self._cells.values():
            if cell.is_told:
                cell.is_told = False
                cell.is_dirty = True

    def _turn_back(self, cell: _Cell, day: int) -> None:
        """What was noted for days to come was said while the clock was wrong."""
        if cell.today > day + 1:
            cell.today = day
            cell.low_on = min(cell.low_on, day)
            cell.days = [each for each in cell.days if each[0] <= day]
            cell.has_days = True
            cell.look_ahead(day)

    # What is known ------------------------------------------------------------------------------------

    def all(self, today: date) -> Sequence[Battery]:
        """Every battery that has said how it is, the emptiest first."""
        told = [_battery(device, cell, today) for device, cell in self._cells.items() if cell.time]
        return sorted(told, key=lambda each: (_rank(each), each.device))

    def news(self) -> list[Event | Derived]:
        """What there is to tell since the last call."""
        found, self._news = self._news, []
        return found

    def rows(self) -> list[tuple[str, str, float]]:
        """The rows of `battery` that are new or other since the last call."""
        found = [
            (device, date.fromordinal(day).isoformat(), percent) for (device, day), percent in self._rows.items()
        ]
        self._rows.clear()
        return found

    def dump_changed(self) -> dict[str, Any]:
        """What has to be kept to go on from here, by key, JSON-ready."""
        kept: dict[str, Any] = {}
        for device, cell in self._cells.items():
            if cell.is_dirty:
                cell.is_dirty = False
                kept[_PREFIX + device] = cell.dump()
            if cell.has_days:
                cell.has_days = False
                kept[_DAYS + device] = [list(day) for day in cell.days]
        return kept

    def load(self, items: Iterable[tuple[str, Any]]) -> None:
        """Take back what `dump_changed` gave; keys of others, and of devices that are gone, are left alone."""
        for key, body in items:
            prefix, _, device = key.partition("/")
            cell = self._cells.get(device)
            if cell is not None and f"{prefix}/" == _PREFIX:
                cell.load(body)
            elif cell is not None and f"{prefix}/" == _DAYS:
                cell.days = [(int(day), float(value)) for day, value in body]


def _counts(reading: Reading) -> bool:
    """Whether its values can be believed, and its time; a retained message may be of any age."""
    return (
        reading.quality in _TRUSTED
        and reading.origin is not Origin.RETAINED
        and reading.time >= CLOCKS_ARE_RIGHT_FROM
    )


def _percent(value: Value | None) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _FULL:
        return None
    return float(value)


def _soon(reading: Reading, cell: _Cell) -> Event:
    """The event; without `percent` or `empty` where nobody can say."""
    attributes: dict[str, Value] = {"low": cell.is_low}
    if cell.percent is not None:
        attributes["percent"] = cell.percent
    if cell.forecast is not None and cell.forecast.empty - cell.today <= _FARTHEST:
        attributes["empty"] = date.fromordinal(cell.forecast.empty).isoformat()
        attributes["days_left"] = max(0, cell.forecast.empty - cell.today)
    return Event(
        device=reading.device,
        kind="battery_soon",
        time=reading.time,
        arrived=reading.arrived,
        id=f"battery_soon-{date.fromordinal(cell.today).isoformat()}",
        attributes=attributes,
    )


def _battery(device: str, cell: _Cell, today: date) -> Battery:
    told = cell.forecast
    is_near = told is not None and told.empty - today.toordinal() <= _FARTHEST
    return Battery(
        device=device,
        percent=cell.percent,
        time=cell.time,
        low=cell.low,
        per_day=None if told is None else told.per_day,
        empty=date.fromordinal(told.empty) if told is not None and is_near else None,
        days=len(cell.days) if told is None else told.days,
    )


def _rank(battery: Battery) -> float:
    """What says only that it is low comes first, what says only that it is not comes last."""
    if battery.percent is not None:
        return battery.percent
    return -1.0 if battery.low else _FULL + 1
