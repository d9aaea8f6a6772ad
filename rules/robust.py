"""Statistics that a few odd values do not move. Pure."""

from collections.abc import Sequence
from statistics import median

__all__ = ["deviation", "median"]


def deviation(values: Sequence[float]) -> float:
    """The median absolute deviation: half of the values are within it of their median."""
    middle = median(values)
    return median([abs(value - middle) for value in values])
