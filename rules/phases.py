"""How unequal three phases are, in per cent. Pure."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

__all__ = ["iec", "nema"]

_ALL: Final = 100.0


def nema(values: Sequence[float]) -> float:
    """The greatest distance from the mean, which is above zero, as a share of it. Source: NEMA MG 1, 14.36.

    Not (greatest - least) / mean, which says nearly twice as much.
    """
    mean = sum(values) / len(values)
    return _ALL * max(abs(value - mean) for value in values) / mean


def iec(lines: Sequence[float]) -> float:
    """Negative over positive sequence voltage, out of the magnitudes of the three voltages between phases.

    Source: IEC 61000-4-30, 5.7.1: u2 = sqrt((1 - sqrt(3 - 6 b)) / (1 + sqrt(3 - 6 b))), where b is the sum of the
    fourth powers over the square of the sum of squares. Magnitudes that form no triangle: all of it.
    """
    squares = [value * value for value in lines]
    beta = sum(square * square for square in squares) / sum(squares) ** 2
    inside = 3 - 6 * beta
    if inside < 0:
        return _ALL
    root = min(1.0, sqrt(inside))  # of three equal ones it may be a little more
    return _ALL * sqrt((1 - root) / (1 + root))
