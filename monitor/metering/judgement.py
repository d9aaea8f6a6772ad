"""What two registers of a counter say about each other: plain arithmetic, without memory.

Registers are in the unit of the point, times in UTC ms. What cannot be told apart by anybody: a wrong value that
lies where the counter could have counted to; a counter that went round twice unseen; a counter near its modulus
that shows zero for long because it is disturbed, from one that went past it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.metering.step import Cause
from monitor.periods import HOUR
from monitor.site import Counter

__all__ = ["CONFIRMATIONS", "Limits", "Sample", "Verdict"]

CONFIRMATIONS: Final = 3
"""So many values in a row that count on among themselves are believed."""


Sample = tuple[int, float]
"""A time (UTC ms) and what the register showed."""

_RATINGS: Final[Mapping[str, float]] = {"electricity": 5000.0, "heat": 5000.0, "water": 500.0, "gas": 1000.0}
_RATING: Final = 5000.0
"""What a meter may count in an hour when its settings do not say: kW, or m3/h."""

_MARGIN: Final = 1.2
"""Ratings are exceeded for a while, and clocks are not exact."""

_LEAST: Final = 1.0
"""So many units are plausible at once: registers are coarse, and read faster than they change."""

_BACKFLOW: Final = 0.005
_JITTER: Final = 1e-6
"""Shares of a register: what may flow back, and what its last digit may waver by."""

_EXACT: Final = 1e-9
"""How exact the difference of two registers is, as a share of them."""

_REFRESH: Final = HOUR
"""So many ms a gateway may show an old register for."""

_FULL: Final = 0.99
_CLOSE: Final = 0.001
_LEAST_MODULUS: Final = 1000.0
_BITS: Final = (16, 31, 32)
"""When a modulus is taken for granted that nobody declared: the register was nearly full, and is nearly empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a register that does not count on has come to.

    `modulus`: where it rolled over; `inferred`: nobody declared that.
    """

    cause: Cause
    amount: float = 0.0
    lost: bool = True
    modulus: float | None = None
    inferred: bool = False


class Limits:
    """What one counter can do. `per_ms` and `floor`: it counts no more than per_ms x ms + floor."""

    __slots__ = ("_is_rated", "_modulus", "_step", "floor", "per_ms", "rating")

    def __init__(self, counter: Counter, device_class: str) -> None:
        self.rating = _RATINGS.get(device_class, _RATING) if counter.rating is None else counter.rating
        self.per_ms = self.rating * _MARGIN / HOUR
        self.floor = max(_LEAST, 2 * counter.step)
        self._is_rated = counter.rating is not None
        self._modulus = counter.modulus
        self._step = counter.step

    def possible(self, span: int) -> float:
        """The most that can be counted in `span` ms."""
        return span * self.per_ms + self.floor

    def follows(self, earlier: Sample, later: Sample) -> bool:
        """Whether a counter that showed `earlier` can show `later`."""
        return 0.0 <= later[1] - earlier[1] <= self.possible(later[0] - earlier[0])

    def is_backflow(self, register: float, fall: float) -> bool:
        """Whether a fall is so small that the counter ran backwards, or an old telegram was heard."""
        return 0.0 < fall <= max(min(self.rating, _BACKFLOW * register), 2 * self._step) + _EXACT * register

    def is_jitter(self, register: float, fall: float) -> bool:
        """Whether a fall is no more than the last digit that wavers."""
        return 0.0 <= fall <= max(_JITTER * register, 2 * self._step) + _EXACT * register

    def judge(self, head: Sample, chain: Sequence[Sample], stood: int) -> tuple[int, Verdict]:
        """What happened between a head and a chain of values that does not follow it; which of them is the first.

        `stood`: for so many ms the head had not moved. Gateways that refresh a register more seldom than it is
        read show all of it at once; that is believed of a meter whose rating is declared.
        """
        wait = min(stood, _REFRESH) if self._is_rated else 0
        for index, seen in enumerate(chain):
            verdict = self._rollover(head, seen, self.possible(seen[0] - head[0] + wait))
            if verdict is not None:
                return index, verdict
        seen = chain[0]
        possible, rise = self.possible(seen[0] - head[0] + wait), seen[1] - head[1]
        if 0.0 <= rise <= possible:
            return 0, Verdict(cause=Cause.COUNTED, amount=rise, lost=False)
        if rise < 0.0 and seen[1] <= possible:
            return 0, Verdict(cause=Cause.RESET, amount=seen[1])
        return 0, Verdict(cause=Cause.JUMP)

    def _rollover(self, head: Sample, seen: Sample, possible: float) -> Verdict | None:
        if seen[1] >= head[1]:
            return None
        if self._modulus is not None:
            gap = self._modulus - head[1] + seen[1]
            if 0.0 <= gap <= possible:
                return Verdict(cause=Cause.ROLLOVER, amount=gap, lost=False, modulus=self._modulus)
            return None
        found = [(modulus - head[1] + seen[1], modulus) for modulus in self._moduli(head[1])]
        near = [(gap, modulus) for gap, modulus in found if gap <= min(possible, _CLOSE * modulus)]
        if not near:
            return None
        gap, modulus = min(near)
        return Verdict(cause=Cause.ROLLOVER, amount=gap, lost=False, modulus=modulus, inferred=True)

    def _moduli(self, register: float) -> Iterator[float]:
        """What a counter that is nearly full may begin anew at."""
        power = _LEAST_MODULUS
        while power <= register:
            power *= 10.0
        for modulus in (power, *(2.0**bits * self._step for bits in _BITS)):
            if _FULL * modulus <= register < modulus:
                yield modulus
