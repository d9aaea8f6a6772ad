"""Steps over quarters of an hour."""

from math import fsum

from hypothesis import given
from hypothesis import strategies as st

from monitor.metering.quarters import share_of, spread
from monitor.metering.step import Cause, Step
from monitor.periods import QUARTER


def step(
    start: int, end: int, amount: float, *, cause: Cause = Cause.COUNTED, register: float | None = 100.0
) -> Step:
    after = None if register is None else register + amount
    return Step(start=start, end=end, start_register=register, end_register=after, amount=amount, cause=cause)


def test_a_step_within_a_quarter_is_one_share() -> None:
    (share,) = spread(step(60_000, 120_000, 2.5))

    assert (share.quarter, share.amount, share.register) == (0, 2.5, 102.5)


def test_a_step_that_ends_with_a_quarter_does_not_touch_the_next() -> None:
    assert [share.quarter for share in spread(step(0, QUARTER, 1.0))] == [0]


def test_a_step_over_an_edge_is_shared_by_time() -> None:
    shares = list(spread(step(QUARTER - 60_000, QUARTER + 180_000, 4.0)))

    assert [(share.quarter, share.amount, share.register) for share in shares] == [
        (0, 1.0, 101.0),
        (1, 3.0, 104.0),
    ]


def test_registers_within_a_rollover_are_not_known() -> None:
    shares = list(spread(step(0, 2 * QUARTER, 4.0, cause=Cause.ROLLOVER)))

    assert [share.register for share in shares] == [None, 104.0]


@given(
    start=st.integers(0, 10**10),
    length=st.integers(1, 40 * QUARTER),
    amount=st.floats(0, 1e6, allow_nan=False),
)
def test_nothing_is_lost_between_the_shares(start: int, length: int, amount: float) -> None:
    shares = list(spread(step(start, start + length, amount)))

    assert [share.quarter for share in shares] == list(
        range(start // QUARTER, (start + length - 1) // QUARTER + 1)
    )
    assert all(share.amount >= -1e-9 * amount for share in shares)
    assert abs(fsum(share.amount for share in shares) - amount) <= 1e-9 * amount


@given(start=st.integers(0, 10**7), length=st.integers(1, 10**7), cut=st.integers(0, 2 * 10**7))
def test_what_lies_before_and_after_a_cut_is_all(start: int, length: int, cut: int) -> None:
    whole = step(start, start + length, 7.0)

    assert abs(share_of(whole, 0, cut) + share_of(whole, cut, 10**9) - 7.0) < 1e-9
