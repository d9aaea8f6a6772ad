"""What a simulated building draws: rates that look like the life in a house, and counters that agree with them.

Everything is a closed function of the time (UTC seconds), so that a counter goes on where it was after a
restart, and the energy between two instants is exactly the integral of the power between them: a day is the sum of
its quarters of an hour, and what is lively within a quarter adds up to nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import shake_128
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

from monitor.simulation.habits import Habit

__all__ = ["Curve", "LocalDays", "noise"]

_QUARTER: Final = 900.0
_DAY: Final = 86_400.0
_HOURS: Final = 24
_FIRST: Final = date(2026, 1, 1)
"""Counters start from this local day."""
_KEPT: Final = 8
"""Days of a curve that are kept at hand."""


class LocalDays:
    """The local days of a site, by number from the first one on."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._starts: dict[int, float] = {}

    def start(self, day: int) -> float:
        """The instant (UTC seconds) at which a day begins."""
        start = self._starts.get(day)
        if start is None:
            midnight = datetime.combine(
                date.fromordinal(_FIRST.toordinal() + day), datetime.min.time(), self._zone
            )
            start = self._starts[day] = midnight.timestamp()
        return start

    def of(self, now: float) -> int:
        """The number of the day in which an instant is."""
        day = int((now - self.start(0)) // _DAY)
        while self.start(day) > now:
            day -= 1
        while self.start(day + 1) <= now:
            day += 1
        return day

    def hours(self, day: int) -> list[int]:
        """The hours by the clock on the wall of each hour of a day: 23 to 25 of them."""
        start, end = self.start(day), self.start(day + 1)
        if end - start == _DAY:
            return list(range(_HOURS))
        count = math.ceil((end - start) / 3600.0)
        return [datetime.fromtimestamp(start + 3600.0 * hour, self._zone).hour for hour in range(count)]

    @staticmethod
    def weekday(day: int) -> int:
        """The day of the week: 0 is Monday."""
        return (_FIRST.weekday() + day) % 7


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of a curve: the mean rate of each quarter, and the counter (rate x s) before each and at the end."""

    start: float
    end: float
    rates: Sequence[float]
    counted: Sequence[float]


class Curve:
    """The rate of one meter and its counter; `mean` is that of an average week in spring or autumn.

    `name`: whatever tells this meter from others. `start`: what the counter showed as the year 2026 began, in
    rate x hours. The rate is never negative.
    """

    def __init__(self, name: str, habit: Habit, mean: float, days: LocalDays, start: float = 0.0) -> None:
        self._name = name
        self._habit = habit
        self._mean = mean
        self._days = days
        self._start = start
        self._phase = 2 * math.pi * noise(name)
        self._known: dict[int, _Day] = {}
        self._sums = [0.0]
        self._latest = _Day(0.0, 0.0, (), ())

    def rate(self, now: float) -> float:
        """The rate at an instant."""
        day = self._day(now)
        quarter, part = divmod(now - day.start, _QUARTER)
        turn = 2 * math.pi * part / _QUARTER
        lively = sum(size * math.sin(times * turn + self._phase) for times, size in self._habit.lively)
        return day.rates[int(quarter)] * (1.0 + lively)

    def total(self, now: float) -> float:
        """The counter at an instant: rate x hours since 2026 began, plus `start`."""
        day = self._day(now)
        quarter, part = divmod(now - day.start, _QUARTER)
        turn = 2 * math.pi * part / _QUARTER
        lively = sum(
            size / times * (math.cos(self._phase) - math.cos(times * turn + self._phase))
            for times, size in self._habit.lively
        )
        within = day.rates[int(quarter)] * (part + lively * _QUARTER / (2 * math.pi))
        return self._start + min(day.counted[int(quarter)] + within, day.counted[-1]) / 3600.0

    def _day(self, now: float) -> _Day:
        if self._latest.start <= now < self._latest.end:
            return self._latest
        number = self._days.of(now)
        day = self._known.get(number)
        if day is None:
            while len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            day = self._known[number] = self._made(number)
        self._latest = day
        return day

    def _made(self, number: int) -> _Day:
        weight = self._weight(number)
        start, end = self._days.start(number), self._days.start(number + 1)
        rates = [weight * part for part in self._quarters(number)][: math.ceil((end - start) / _QUARTER)]
        counted = list(accumulate((rate * _QUARTER for rate in rates), initial=self._before(number)))
        counted[-1] = self._before(number + 1)  # so that no rounding makes a counter fall at midnight
        return _Day(start, end, rates, counted)

    def _quarters(self, number: int) -> list[float]:
        """The rate of each quarter of an hour, where the mean of the day's kind is as its habit says."""
        profile = self._habit.profile(self._days.weekday(number))
        hours = self._days.hours(number)
        luck = shake_128(f"{self._name} {number} quarters".encode()).digest(4 * len(hours))
        found: list[float] = []
        for place, hour in enumerate(hours):
            own = luck[4 * place : 4 * place + 4]
            if profile[hour] < self._habit.rare_below:
                found += [4 * profile[hour] if quarter == own[0] % 4 else 0.0 for quarter in range(4)]
            else:
                spread = [1.0 + self._habit.spread * (each / 127.5 - 1.0) for each in own]
                found += [4 * profile[hour] * each / sum(spread) for each in spread]
        return found

    def _weight(self, number: int) -> float:
        """The rate of a day of this season by which the parts of its habit are multiplied."""
        (luck,) = shake_128(f"{self._name} {number}".encode()).digest(1)
        return self._mean * self._habit.season(number) * (1.0 + self._habit.moods * (luck / 127.5 - 1.0))

    def _amount(self, number: int) -> float:
        """What is counted in a day, in rate x s."""
        profile = self._habit.profile(self._days.weekday(number))
        start, end = self._days.start(number), self._days.start(number + 1)
        if end - start == _DAY:
            return self._weight(number) * 3600.0 * sum(profile)
        return sum(self._quarters(number)[: math.ceil((end - start) / _QUARTER)]) * _QUARTER * self._weight(number)

    def _before(self, number: int) -> float:
        """What was counted before a day, in rate x s since the first one; negative before that."""
        if number < 0:
            return -sum(self._amount(day) for day in range(number, 0))
        while len(self._sums) <= number:
            self._sums.append(self._sums[-1] + self._amount(len(self._sums) - 1))
        return self._sums[number]


def noise(text: str) -> float:
    """A number from 0 to 1 that is always the same for the same text."""
    value = 0
    for character in text:
        value = (value * 131 + ord(character)) % 1_000_003
    return value / 1_000_003
