"""A counter without a declared rating that is read seldom: nearly every rise could have been counted."""

import pytest

from monitor.metering.step import Cause
from monitor.site import Counter
from tests.metering.meter import MINUTE, Meter, amounts

QUARTER = 15 * MINUTE


def meter_at(register: float) -> Meter:
    """A meter of some years, or of some days, that uses a kWh a quarter of an hour."""
    made = Meter(Counter())
    made.show(register, register + 1.0, every=QUARTER)
    return made


def test_the_end_of_a_long_dip_is_no_consumption() -> None:
    meter = meter_at(1100.0)
    meter.show(0.0, 0.0, 0.0, 0.0, every=QUARTER)  # three of them are believed: it began anew
    meter.show(1106.0, 1107.0, 1108.0, every=QUARTER)

    assert sum(amounts(meter.steps)) == pytest.approx(8.0)
    assert [told.kind for told in meter.told] == ["counter_reset", "counter_glitch"]
    assert len(meter.resolved) == 1
    assert meter.track.pending == ()


def test_more_that_was_booked_in_a_dip_than_was_used_stays_marked_as_a_guess() -> None:
    meter = meter_at(1100.0)
    meter.show(10.0, 11.0, 12.0, 13.0, every=QUARTER)
    meter.show(1106.0, 1107.0, 1108.0, every=QUARTER)

    assert sum(amounts(meter.steps)) == pytest.approx(1.0 + 13.0 + 2.0)
    assert meter.resolved == []
    assert [step.amount for step in meter.steps if step.lost] == [10.0]


def test_one_old_value_within_a_break_is_a_glitch() -> None:
    meter = meter_at(1100.0)
    meter.show(0.5, 1.0, 1.5, every=QUARTER)
    meter.show(1102.0, 2.0, 2.5, 3.0, every=QUARTER)

    assert amounts(meter.steps)[1:] == [0.5, 0.5, 0.5, pytest.approx(0.5), 0.5, 0.5]
    assert [told.kind for told in meter.told] == ["counter_reset", "counter_glitch"]


def test_a_young_meter_that_began_anew_counts_past_where_it_was() -> None:
    meter = meter_at(3.0)
    meter.show(0.0, 0.4, 1.4, 2.4, 3.4, 4.4, 5.4, every=QUARTER)

    assert [step.cause for step in meter.steps].count(Cause.RESET) == 1
    assert sum(amounts(meter.steps)) == pytest.approx(1.0 + 5.4)
    assert meter.resolved == []


def test_a_large_use_after_a_break_is_counted() -> None:
    meter = meter_at(1100.0)
    meter.show(0.5, 1.0, 1.5, 201.5, 401.5, every=QUARTER)

    assert amounts(meter.steps)[-2:] == [200.0, 200.0]
    assert meter.track.pending == ()
