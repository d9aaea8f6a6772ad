"""How unequal three phases are, against what they are made of."""

import cmath
from math import pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.phases import iec, nema

_TURN = cmath.exp(2j * pi / 3)


@pytest.mark.parametrize(
    ("values", "share"), [((400, 400, 400), 0.0), ((450, 400, 350), 12.5), ((0, 0, 9), 200.0)]
)
def test_nema_is_the_greatest_distance_from_the_mean(values: tuple[float, ...], share: float) -> None:
    assert nema(values) == pytest.approx(share)


@given(positive=st.floats(100, 500), share=st.floats(0, 0.9), angle=st.floats(0, 6.28))
def test_iec_finds_the_negative_sequence_that_was_put_in(positive: float, share: float, angle: float) -> None:
    negative = positive * share * cmath.exp(1j * angle)
    lines = [abs(positive * _TURN ** (-place) + negative * _TURN**place) for place in range(3)]

    assert iec(lines) == pytest.approx(100 * share, abs=1e-4)


def test_voltages_that_form_no_triangle_are_wholly_unequal() -> None:
    assert iec([400.0, 10.0, 10.0]) == 100.0
