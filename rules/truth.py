"""Three-valued logic after Kleene: what is not known is neither true nor false."""

from enum import IntEnum

__all__ = ["Truth", "both", "either", "negate"]


class Truth(IntEnum):
    """Whether a condition holds; ordered FALSE < UNKNOWN < TRUE, so that `and` is the least of two."""

    FALSE = 0
    UNKNOWN = 1
    TRUE = 2


def both(left: Truth, right: Truth) -> Truth:
    """Kleene's `and`: FALSE beats UNKNOWN."""
    return min(left, right)


def either(left: Truth, right: Truth) -> Truth:
    """Kleene's `or`: TRUE beats UNKNOWN."""
    return max(left, right)


def negate(truth: Truth) -> Truth:
    """Kleene's `not`: UNKNOWN stays."""
    return Truth(Truth.TRUE - truth)
