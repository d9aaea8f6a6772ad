import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.profiles.units import _USUAL, UnitMismatch, _by_pint, convert, linear, same_unit
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


@pytest.mark.parametrize("unit", _USUAL)
def test_what_is_known_of_usual_units_is_what_pint_says(unit: str) -> None:
    found = {target: _said(linear, unit, target) for target in _USUAL}
    rates = {target: _said(linear, f"{unit}/min", f"{target}/h") for target in _USUAL}

    assert found == {target: _said(_by_pint, unit, target) for target in _USUAL}
    assert rates == {target: _said(_by_pint, f"{unit}/min", f"{target}/h") for target in _USUAL}


def _said(asked: Callable[[str, str], object], unit: str, target: str) -> object:
    try:
        return asked(unit, target)
    except UnitMismatch as error:
        return str(error)


@pytest.mark.parametrize(("unit", "modules"), [("L/h", "set()"), ("pint/h", "{'pint'}")])
def test_pint_is_loaded_for_rare_units_and_the_library_for_pictures_for_none(unit: str, modules: str) -> None:
    asked = (
        "import sys; from monitor.profiles.units import convert;"
        f"print(convert(1000, '{unit}', 'm3/h') > 0, {{'numpy', 'pint'}} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert ran.stdout == f"True {modules}\n"
