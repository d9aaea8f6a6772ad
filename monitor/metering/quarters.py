"""Steps of a counter, spread evenly over the quarters of an hour that they touch.

A quarter has a number: how many there have been since 1970 (UTC). All that is used in a longer period is the sum
of its quarters, so hours, days and months agree with each other in any time zone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.metering.step import Cause, Step
from monitor.periods import QUARTER

__all__ = ["Share", "share_of", "spread"]

_COUNTS_ON = frozenset({Cause.COUNTED, Cause.GAP})


@dataclass(frozen=True, slots=True)
class Share:
    """What a step has counted within one quarter, and the register at the end of that time (None: not known)."""

    quarter: int
    amount: float
    register: float | None


def spread(step: Step) -> Iterator[Share]:
    """Cut a step at the quarters' edges; the shares add up to its amount."""
    last = (step.end - 1) // QUARTER
    length = step.end - step.start
    counts_on = step.cause in _COUNTS_ON and step.start_register is not None
    counted = 0.0
    for quarter in range(step.start // QUARTER, last):
        until = step.amount * (((quarter + 1) * QUARTER - step.start) / length)
        register = step.start_register + until if counts_on and step.start_register is not None else None
        yield Share(quarter, until - counted, register)
        counted = until
    yield Share(last, step.amount - counted, step.end_register)


def share_of(step: Step, start: int, end: int) -> float:
    """What part of a step's amount falls into [start, end) (UTC ms)."""
    inside = min(step.end, end) - max(step.start, start)
    return step.amount * max(0, inside) / (step.end - step.start)
