"""Exact conversion between units. What sites usually write is known here; pint is imported for all else.

pint costs a start a third of a second on a small box, and half of what `check` takes.
Reactive and apparent power are kinds of their own here (`kvarh` never becomes `kWh`), and so is %LEL.
"""

import re
import sys
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any, Final

from monitor.fields import Quantity

__all__ = ["UnitMismatch", "convert", "linear", "measured", "same_unit"]

_SPELLINGS: Final[Mapping[str, str]] = {
    "m³": "m3",
    "m³/h": "m3/h",
    "°C": "degC",
    "°F": "degF",
    "percent": "%",
    "kVarh": "kvarh",
    "kVArh": "kvarh",
    "% LEL": "%LEL",
}
_PREFIXES: Final[Mapping[str, Fraction]] = {
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(1000),
    "M": Fraction(1000**2),
    "G": Fraction(1000**3),
}
_BASES: Final = frozenset({"W", "var", "VA", "V", "A", "Hz", "Wh", "varh", "VAh", "bar", "s"})
_GALLON: Final = Fraction("0.003785411784")
_USUAL: Final[Mapping[str, tuple[str, Fraction, Fraction]]] = {
    "m3": ("volume", Fraction(1), Fraction(0)),
    "L": ("volume", Fraction(1, 1000), Fraction(0)),
    "l": ("volume", Fraction(1, 1000), Fraction(0)),
    "ml": ("volume", Fraction(1, 10**6), Fraction(0)),
    "ft3": ("volume", Fraction("0.3048") ** 3, Fraction(0)),
    "gal": ("volume", _GALLON, Fraction(0)),
    "gallon": ("volume", _GALLON, Fraction(0)),
    "s": ("time", Fraction(1), Fraction(0)),
    "ms": ("time", Fraction(1, 1000), Fraction(0)),
    "min": ("time", Fraction(60), Fraction(0)),
    "h": ("time", Fraction(3600), Fraction(0)),
    "day": ("time", Fraction(86_400), Fraction(0)),
    "week": ("time", Fraction(604_800), Fraction(0)),
    "year": ("time", Fraction(31_557_600), Fraction(0)),
    "degC": ("temperature", Fraction(1), Fraction(0)),
    "K": ("temperature", Fraction(1), Fraction("-273.15")),
    "degF": ("temperature", Fraction(5, 9), Fraction(-160, 9)),
    "Pa": ("pressure", Fraction(1), Fraction(0)),
    "hPa": ("pressure", Fraction(100), Fraction(0)),
    "kPa": ("pressure", Fraction(1000), Fraction(0)),
    "MPa": ("pressure", Fraction(10**6), Fraction(0)),
    "mbar": ("pressure", Fraction(100), Fraction(0)),
    "bar": ("pressure", Fraction(10**5), Fraction(0)),
    "m": ("length", Fraction(1), Fraction(0)),
    "cm": ("length", Fraction(1, 100), Fraction(0)),
    "mm": ("length", Fraction(1, 1000), Fraction(0)),
}
"""Unit -> what it measures, and factor and offset to the unit that has the factor 1. Gallons are American."""
_TERM = r"(?:%LEL|%|°?[A-Za-zµΩ]{1,20})(?:\^?[23]|[²³])?"
_UNIT = re.compile(rf"{_TERM}(?:[/*·]{_TERM}){{0,3}}")
_REACTIVE = re.compile(r"\b([kMG]?)(?:var|Var|VAr|VAR)(h?)\b")
_APPARENT = re.compile(r"\b([kMG]?)VA(h?)\b")


class UnitMismatch(ValueError):
    """A unit that is not known, or measures something else; the message says which."""


def _normal(unit: str) -> str:
    return _SPELLINGS.get(unit.strip(), unit.strip())


def same_unit(first: str, second: str) -> bool:
    """Whether two spellings are of one unit, so that nothing has to be converted."""
    return _normal(first) == _normal(second)


@cache
def _pint() -> Any:
    """Import pint, and not numpy with it: that is there to draw pictures, and would cost each start 30 MB."""
    is_absent = "numpy" not in sys.modules
    if is_absent:
        sys.modules["numpy"] = None  # type: ignore[assignment]  # Python's own word for "not to be imported"
    try:
        import pint
    finally:
        if is_absent:
            del sys.modules["numpy"]
    return pint


@cache
def _registry() -> Any:
    pint = _pint()
    registry: Any = pint.UnitRegistry(non_int_type=Fraction)
    registry.define("reactivevar = [reactive_power]")
    registry.define("reactivevarh = reactivevar * hour")
    registry.define("apparentva = [apparent_power]")
    registry.define("apparentvah = apparentva * hour")
    registry.define("percentlel = [explosive_limit]")
    return registry


def _pints(unit: str) -> str:
    """Spell a unit as pint's grammar wants it."""
    text = unit.replace("%LEL", "percentlel").replace("%", "percent").replace("°", "deg").replace("·", "*")
    text = _APPARENT.sub(r"\1apparentva\2", _REACTIVE.sub(r"\1reactivevar\2", text))
    return re.sub(r"(?<=[A-Za-zµΩ])\^?([23²³])", lambda found: f"**{'2' if found[1] in '2²' else '3'}", text)


@cache
def linear(unit: str, target: str) -> tuple[Fraction, Fraction]:
    """Factor and offset that turn a number in `unit` into one in `target`; raises UnitMismatch."""
    unit, target = _normal(unit), _normal(target)
    if unit == target:
        return Fraction(1), Fraction(0)
    quick = _prefixed(unit, target) or _usual(unit, target)
    return _by_pint(unit, target) if quick is None else quick


def _by_pint(unit: str, target: str) -> tuple[Fraction, Fraction]:
    if not _UNIT.fullmatch(unit):
        raise UnitMismatch(f"`{unit[:40]}` is not a unit")
    pint = _pint()
    registry = _registry()
    try:
        at_0 = registry.Quantity(Fraction(0), _pints(unit)).to(_pints(target)).magnitude
        at_1 = registry.Quantity(Fraction(1), _pints(unit)).to(_pints(target)).magnitude
    except pint.UndefinedUnitError:
        raise UnitMismatch(f"`{unit}` is not a unit{_perhaps(unit, target)}") from None
    except (pint.PintError, TypeError, ValueError, ArithmeticError):
        raise UnitMismatch(f"`{unit}` does not measure the same as `{target}`{_perhaps(unit, target)}") from None
    offset = Fraction(at_0)
    return Fraction(at_1) - offset, offset


def _prefixed(unit: str, target: str) -> tuple[Fraction, Fraction] | None:
    """Factor and offset between two units that differ in their prefix alone, such as kW and W: needs no pint."""
    for base in _BASES:
        if unit.endswith(base) and target.endswith(base):
            first = _PREFIXES.get(unit.removesuffix(base))
            second = _PREFIXES.get(target.removesuffix(base))
            if first is not None and second is not None:
                return first / second, Fraction(0)
    return None


def _usual(unit: str, target: str) -> tuple[Fraction, Fraction] | None:
    """Factor and offset between two usual units, or between two such as L/min and m3/h: needs no pint.

    Degrees per something are left to pint, which knows what it refuses.
    """
    above, slash, below = unit.partition("/")
    of, divided, by = target.partition("/")
    if slash != divided:
        return None
    first = _between(above, of)
    second = _between(below, by) if slash else (Fraction(1), Fraction(0))
    if first is None or second is None or (slash and "temperature" in {_USUAL[above][0], _USUAL[below][0]}):
        return None
    return first[0] / second[0], first[1]


def _between(unit: str, target: str) -> tuple[Fraction, Fraction] | None:
    if unit not in _USUAL or target not in _USUAL:
        return None
    (measures, factor, offset), (wanted, per, at) = _USUAL[unit], _USUAL[target]
    return (factor / per, (offset - at) / per) if measures == wanted else None


def _perhaps(unit: str, target: str) -> str:
    if target == "degC" and unit in {"C", "c", "Celsius"}:
        return "; write `degC`"
    return f"; did you mean `{target}`?" if unit.lower() == target.lower() else ""


def convert(magnitude: float, unit: str, target: str, *, difference: bool = False) -> float:
    """Convert a number; of a difference (a deadband) only the size of the degrees counts."""
    if same_unit(unit, target):
        return magnitude
    factor, offset = linear(unit, target)
    try:
        return float(Fraction(repr(float(magnitude))) * factor + (0 if difference else offset))
    except OverflowError:
        raise UnitMismatch("the number is too large") from None


def measured(quantity: Quantity, target: str) -> float:
    """The number of a quantity in a unit; raises UnitMismatch, also where it was written without a unit."""
    if not quantity.unit:
        raise UnitMismatch(f"write the unit too, such as `{quantity.magnitude:g} {target}`")
    return convert(quantity.magnitude, quantity.unit, target)
