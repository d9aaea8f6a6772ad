import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.profiles.units import UnitMismatch, convert, linear, same_unit
from monitor.schema import SUFFIX_UNITS


@pytest.mark.parametrize(
    ("unit", "target", "factor"),
    [
        ("Wh", "kWh", Fraction(1, 1000)),
        ("kW", "W", Fraction(1000)),
        ("MWh", "kWh", Fraction(1000)),
        ("mA", "A", Fraction(1, 1000)),
        ("kvar", "var", Fraction(1000)),
        ("varh", "kvarh", Fraction(1, 1000)),
        ("kVA", "VA", Fraction(1000)),
        ("MVAh", "kVAh", Fraction(1000)),
        ("L/h", "m3/h", Fraction(1, 1000)),
        ("l/min", "m3/h", Fraction(3, 50)),
        ("L", "m3", Fraction(1, 1000)),
        ("m³", "m3", Fraction(1)),
        ("mbar", "hPa", Fraction(1)),
        ("MPa", "bar", Fraction(10)),
        ("cm", "m", Fraction(1, 100)),
        ("ppm", "%", Fraction(1, 10000)),
        ("min", "s", Fraction(60)),
        ("%LEL", "%LEL", Fraction(1)),
    ],
)
def test_conversion_is_exact(unit: str, target: str, factor: Fraction) -> None:
    assert linear(unit, target) == (factor, 0)


def test_degrees_have_an_offset() -> None:
    assert linear("degF", "degC") == (Fraction(5, 9), Fraction(-160, 9))
    assert linear("°C", "degC") == (1, 0)
    assert linear("K", "degC") == (1, Fraction("-273.15"))


def test_a_difference_of_degrees_has_none() -> None:
    assert convert(9, "degF", "degC", difference=True) == 5
    assert convert(50, "degF", "degC") == 10


@pytest.mark.parametrize(
    ("unit", "target"),
    [
        ("V", "A"),
        ("kvarh", "kWh"),
        ("kVAh", "kWh"),
        ("var", "VA"),
        ("%", "%LEL"),
        ("%LEL", "%"),
        ("C", "degC"),
        ("m", "m3"),
        ("", "V"),
        ("furlongs per fortnight", "m"),
        ("10**10**10", "V"),
        ("__import__", "V"),
        ("V" * 1000, "V"),
    ],
)
def test_what_measures_something_else_is_refused(unit: str, target: str) -> None:
    with pytest.raises(UnitMismatch):
        linear(unit, target)


def test_a_slip_of_capitals_gets_a_hint() -> None:
    with pytest.raises(UnitMismatch, match="did you mean `kWh`"):
        linear("KWH", "kWh")


@pytest.mark.parametrize("unit", SUFFIX_UNITS.values())
def test_every_unit_of_a_name_is_itself(unit: str) -> None:
    assert same_unit(unit, unit)
    assert linear(unit, unit) == (1, 0)


@given(unit=st.text(max_size=25), target=st.sampled_from(sorted(SUFFIX_UNITS.values())))
def test_no_text_does_more_than_be_refused(unit: str, target: str) -> None:
    try:
        factor, _ = linear(unit, target)
    except UnitMismatch:
        return
    assert factor != 0


def test_units_are_converted_without_the_library_for_pictures() -> None:
    asked = (
        "import sys; from monitor.profiles.units import convert;"
        "print(convert(1, 'L/h', 'm3/h'), 'numpy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert ran.stdout == "0.001 False\n"
