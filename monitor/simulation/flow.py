"""What one meter really sees and counts: daily life and the stories about it, in all or per phase."""

from collections.abc import Sequence
from typing import Final

from monitor.simulation.building import Curve
from monitor.simulation.stories import Draw, Lean

__all__ = ["Flow"]

_SHARES: Final = {"l1": 0.36, "l2": 0.33, "l3": 0.31}


class Flow:
    """A curve and how it differs for a while; its counter is the exact integral of its rate all the same.

    A meter that is replaced goes on here: this is what flows through it.
    """

    def __init__(self, curve: Curve, draws: Sequence[Draw] = (), leans: Sequence[Lean] = ()) -> None:
        self._curve = curve
        self._draws = [(each.begin / 1000, each.end / 1000, each.factor - 1.0, each.more) for each in draws]
        self._rated = self._counted = (-1.0, 0.0)
        """The latest instant that was asked for, and the answer: phases and main meters ask for it again."""
        self._leans = [(each.begin / 1000, each.end / 1000, each.by) for each in leans]

    def rate(self, now: float, phase: str | None = None) -> float:
        """The rate at an instant (UTC seconds), of the whole or of one phase."""
        if self._rated[0] != now:
            self._rated = (now, self._rate(now))
        rate = self._rated[1]
        if phase is None:
            return rate
        return rate * (_SHARES[phase] + sum(by[phase] for begin, end, by in self._leans if begin <= now < end))

    def _rate(self, now: float) -> float:
        rate = usual = self._curve.rate(now)
        for begin, end, change, more in self._draws:
            if begin <= now < end:
                rate += usual * change + more
        return rate

    def total(self, now: float, phase: str | None = None) -> float:
        """The counter at an instant, in rate x hours."""
        if self._counted[0] != now:
            self._counted = (now, self._whole(now))
        if phase is None:
            return self._counted[1]
        total = self._counted[1] * _SHARES[phase]
        for begin, end, by in self._leans:
            if now > begin:
                total += by[phase] * (self._whole(min(now, end)) - self._whole(begin))
        return total

    def _whole(self, now: float) -> float:
        total = self._curve.total(now)
        for begin, end, change, more in self._draws:
            if now > begin:
                until = min(now, end)
                total += more * (until - begin) / 3600.0
                if change:
                    total += change * (self._curve.total(until) - self._curve.total(begin))
        return total
