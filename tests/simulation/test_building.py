"""The simulated building is plausible: nothing runs backwards, and counters are the integral of rates."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.simulation.building import curve_for

instants = st.floats(1_767_225_600, 2_000_000_000)


@given(instants, st.floats(0.5, 86_400))
def test_a_counter_never_runs_backwards(now, later):
    curve = curve_for("flat-1", 400.0, start=12_000.0)

    assert curve.rate(now) > 0
    assert curve.total(now + later) > curve.total(now)


@given(instants)
def test_the_counter_is_the_integral_of_the_rate(now):
    curve = curve_for("main", 5_000.0)
    steps = 600
    integral = sum(curve.rate(now + (i + 0.5)) for i in range(steps)) / 3600

    assert abs(curve.total(now + steps) - curve.total(now) - integral) < 0.05


def test_devices_of_one_building_differ():
    assert curve_for("flat-1", 400.0).rate(1.79e9) != curve_for("flat-2", 400.0).rate(1.79e9)
