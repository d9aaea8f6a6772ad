"""What a simulated building draws: rates that look like a day in a house, and counters that agree with them.

Everything is a closed function of the time (UTC seconds), so that a counter goes on where it was after a
restart, and the energy between two instants is exactly the integral of the power between them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Curve", "curve_for", "noise"]

_DAY = 86_400.0
_EPOCH = 1_767_225_600.0
"""2026-01-01 UTC: counters start from here."""


@dataclass(frozen=True, slots=True)
class Wave:
    """One sine: amplitude (of the rate's unit), period and phase in seconds."""

    amplitude: float
    period: float
    phase: float = 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A rate made of a mean and waves; never negative as long as the amplitudes sum to less than the mean."""

    mean: float
    waves: Sequence[Wave]
    start: float = 0.0
    """What the counter showed on 2026-01-01, in rate x hours."""

    def rate(self, now: float) -> float:
        """The rate at an instant."""
        return self.mean + sum(
            w.amplitude * math.sin(2 * math.pi * (now - w.phase) / w.period) for w in self.waves
        )

    def total(self, now: float) -> float:
        """The counter at an instant: rate x hours since 2026-01-01, plus `start`."""
        seconds = self.mean * (now - _EPOCH)
        for w in self.waves:
            turns = 2 * math.pi / w.period
            seconds += (
                w.amplitude / turns * (math.cos(turns * (_EPOCH - w.phase)) - math.cos(turns * (now - w.phase)))
            )
        return self.start + seconds / 3600.0


def curve_for(device: str, mean: float, start: float = 0.0) -> Curve:
    """A household's curve around a mean: morning and evening, a fridge's cycles, a kettle now and then."""
    offset = noise(device) * 3600.0
    shape = (
        (0.26, _DAY, 10.0),
        (0.18, _DAY / 2, 4.0),
        (0.10, 2_700.0, 0.0),
        (0.12, 611.0, 0.1),
        (0.06, 47.0, 0.0),
    )
    return Curve(
        mean,
        tuple(Wave(mean * part, period, hours * 3600.0 + offset) for part, period, hours in shape),
        start,
    )


def noise(text: str) -> float:
    """A number from 0 to 1 that is always the same for the same text."""
    value = 0
    for character in text:
        value = (value * 131 + ord(character)) % 1_000_003
    return value / 1_000_003
