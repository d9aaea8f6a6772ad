"""Kleene's tables, whole."""

import pytest

from rules.truth import Truth, both, either, negate

F, U, T = Truth.FALSE, Truth.UNKNOWN, Truth.TRUE


@pytest.mark.parametrize(
    ("left", "right", "conjunction", "disjunction"),
    [(F, F, F, F), (F, U, F, U), (F, T, F, T), (U, U, U, U), (U, T, U, T), (T, T, T, T)],
)
def test_and_or(left: Truth, right: Truth, conjunction: Truth, disjunction: Truth) -> None:
    assert both(left, right) is both(right, left) is conjunction
    assert either(left, right) is either(right, left) is disjunction


def test_not() -> None:
    assert [negate(truth) for truth in (F, U, T)] == [T, U, F]
