"""Whether values are what meters measure: each by itself, and how they fit to each other. Pure.

A weight of 2 is about what a value has that would be so by chance once in a hundred times; a value of zero says
nothing, as one that is not there.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.modbus.survey.reasons import Reason
from monitor.schema import UNIT_SIGNS, point_unit

__all__ = ["COUNTED", "NOMINAL", "judged", "shown"]

NOMINAL = (230.0, 120.0)
"""Volts between a conductor and neutral, where nobody says otherwise."""

_TOLERANCE = 0.15
_ROOT3_TOLERANCE = 0.06
_PRODUCT_TOLERANCE = 0.15
_SUM_TOLERANCE = 0.05
_TRIANGLE_TOLERANCE = 0.08
_FREQUENCY_TOLERANCE = 0.01
_LEAST_FACTOR = 0.05
_MOST_FACTOR = 1.001
_ROOT3 = math.sqrt(3)
_FREQUENCIES = (50.0, 60.0)
_TINY = 1e-9
_LEAST_VA = 10.0
"""Volt-amperes under which the products of rounded numbers say nothing."""
_PHASES = ("_l1", "_l2", "_l3")
_LINES = ("_l12", "_l23", "_l31")
_WORST = -5.0
_CELL = (2.0, 4.0)
"""Volts of a battery in a meter."""
_LIKELY_TEXT = 4

_RANGES: Mapping[str, tuple[float, float]] = {
    "m3": (1e-4, 1e8),
    "m3h": (1e-4, 1e4),
    "c": (1.0, 180.0),
    "bar": (0.01, 100.0),
    "hpa": (800.0, 1100.0),
    "kwh": (1e-3, 1e9),
    "kvarh": (1e-3, 1e9),
    "kvah": (1e-3, 1e9),
    "a": (1e-3, 1e4),
    "w": (1e-2, 1e8),
    "var": (1e-2, 1e8),
    "va": (1e-2, 1e8),
    "pct": (0.1, 100.0),
    "pct_lel": (0.1, 100.0),
    "ppm": (0.1, 1e5),
    "h": (1e-2, 1e6),
    "s": (1e-2, 1e9),
    "m": (1e-3, 1e3),
}
"""Suffix of a point -> the sizes that a value of it has, zero apart."""
_SIGNED = frozenset({"w", "var", "va", "m3h", "c", "a", "pct"})
COUNTED = frozenset({"m3", "kwh", "kvarh", "kvah"})
"""Suffixes of what is counted: never below zero, and never less than before."""
_SEVERAL = 4
_MOST_TOLD = 4
_TEMPERATURES = (2.0, 180.0)
_HEAT = 1150.0
"""Watts that a cubic metre an hour carries, for each kelvin: from 1163 when it is cold to 1130 at 90 °C."""
_HEAT_TOLERANCE = 0.1
_LEAST_DIFFERENCE = 1.0

Value = float | str | bool
Values = Mapping[str, Value]
Where = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Quantities:
    """The numbers among the values, and how to write them."""

    values: Mapping[str, float]
    where: Where

    def get(self, name: str) -> float:
        """A number that is there and not zero; else NaN, which is equal to nothing."""
        return self.values.get(name, 0.0) or math.nan

    def some(self, names: Sequence[str]) -> dict[str, float]:
        return {name: self.values[name] for name in names if self.values.get(name)}


def judged(
    values: Values, where: Where, nominal: Sequence[float] = NOMINAL, *, floats: Collection[str] = ()
) -> list[Reason]:
    """Judge the values of points by name; `where` says where one is; `floats` are no whole numbers.

    What is out of a point's own `valid` range is to be among them.
    """
    numbers = {name: float(value) for name, value in values.items() if not isinstance(value, str | bool)}
    of = _Quantities(numbers, where)
    return [
        *_voltages(of, nominal),
        *_frequency(of),
        *_products(of),
        *_sums(of),
        *_triangles(of),
        *_factors(of),
        *_heat(of, floats),
        *_impossible(of),
        *_sizes(of, floats),
        *_texts(values, where),
    ]


def shown(name: str, value: Value) -> str:
    """A value with its unit."""
    if isinstance(value, str | bool):
        return str(value)
    unit = point_unit(name)
    text = f"{value:.6g}" if abs(value) >= _LEAST_VA else f"{value:.4g}"
    return f"{text} {UNIT_SIGNS.get(unit, unit)}" if unit else text


# By themselves -------------------------------------------------------------------------------------------


def _is_nominal(volts: float, nominal: Sequence[float]) -> bool:
    return any(abs(volts / each - 1) <= _TOLERANCE for each in nominal)


def _voltages(of: _Quantities, nominal: Sequence[float]) -> Iterator[Reason]:
    """Voltages as they are in the network; those of other phases may hang in the air."""
    names = [f"voltage{phase}_v" for phase in ("", *_PHASES)]
    found = of.some(names)
    lines = of.some([f"voltage{pair}_v" for pair in ("_ll", *_LINES)])
    first = next(iter(found), "")
    right = {name: volts for name, volts in found.items() if _is_nominal(volts, nominal)}
    if right:
        yield Reason(1.0 + len(right), _several(right, of.where))
    wrong = [name for name in found if name not in right and (name == first or not _is_floating(found[name]))]
    if wrong:
        yield Reason(
            _WORST if first in wrong else -2.0,
            f"{shown(wrong[0], found[wrong[0]])} is no voltage to neutral of this network, {of.where(wrong[0])}",
        )
    fitting = {name: volts for name, volts in lines.items() if _is_nominal(volts / _ROOT3, nominal)}
    others = [name for name in lines if name not in fitting]
    middle = sum(right.values()) / len(right) if right else math.nan
    if fitting and not right and not found:
        yield Reason(1.0 + len(fitting), _several(fitting, of.where))
    elif fitting and all(abs(volts / middle / _ROOT3 - 1) <= _ROOT3_TOLERANCE for volts in fitting.values()):
        text = f"{_several(fitting, of.where)}: √3 times those to neutral"
        yield Reason(1.5, text, "relation")
    if others and (right or not found):
        yield Reason(
            -2.0 if right else _WORST,
            f"{shown(others[0], lines[others[0]])} is no voltage between "
            f"conductors of this network, {of.where(others[0])}",
        )


def _is_floating(volts: float) -> bool:
    return _TINY < volts < 200.0  # noqa: PLR2004 - what an open conductor picks up


def _frequency(of: _Quantities) -> Iterator[Reason]:
    hertz = of.get("frequency_hz")
    if any(abs(hertz / each - 1) <= _FREQUENCY_TOLERANCE for each in _FREQUENCIES):
        yield Reason(3.0, f"{shown('frequency_hz', hertz)} {of.where('frequency_hz')}")
    elif not math.isnan(hertz):
        text = f"{shown('frequency_hz', hertz)} is no frequency of a network, {of.where('frequency_hz')}"
        yield Reason(-4.0, text)


def _impossible(of: _Quantities) -> Iterator[Reason]:
    """What no meter measures: numbers without a size, amounts below nothing."""
    told = 0
    for name, value in of.values.items():
        suffix = name.rpartition("_")[2]
        _, high = _RANGES.get(suffix, (_TINY, 1e12))
        is_negative = value < 0 and suffix in COUNTED and "net" not in name
        wrong = abs(value) > high or 0 < abs(value) < _TINY or is_negative
        if wrong and told < _MOST_TOLD and suffix not in {"v", "hz"}:
            told += 1
            yield Reason(-2.5, f"{shown(name, value)} cannot be `{name}`, {of.where(name)}")


def _sizes(of: _Quantities, floats: Collection[str]) -> Iterator[Reason]:
    """Values that are neither too large nor too small: floats, which anything else hardly ever is, and others."""
    good = {
        name: value
        for name, value in of.values.items()
        if (reach := _RANGES.get(name.rpartition("_")[2])) and reach[0] <= abs(value) <= reach[1]
    }
    several = [name for name in good if name in floats]
    kind = "value" if len(several) >= _SEVERAL else "size"
    if good and not any(_impossible(of)):
        names = several if kind == "value" else list(good)
        text = f"{len(names)} of its values have a likely size"
        yield Reason(min(0.4 * len(names), 2.5), text, kind)
    counters = {name: value for name, value in good.items() if name.rpartition("_")[2] in COUNTED and value > 0}
    if counters:
        text = _several(dict(list(counters.items())[:3]), of.where)
        yield Reason(min(0.5 + 0.25 * (len(counters) - 1), 1.5), text, "size")
    cell = of.get("battery_v")
    if _CELL[0] <= cell <= _CELL[1]:
        yield Reason(1.0, f"{shown('battery_v', cell)} {of.where('battery_v')}", "size")


def _texts(values: Values, where: Where) -> Iterator[Reason]:
    for name, value in values.items():
        if isinstance(value, str) and len(value) >= _LIKELY_TEXT and value.isascii():
            yield Reason(1.5, f"`{value}` {where(name)}")


# To each other -------------------------------------------------------------------------------------------


def _systems(of: _Quantities) -> Iterator[tuple[str, ...]]:
    """Names of voltage, current, power, reactive and apparent power, and power factor, by phase."""
    kinds = ("voltage{}_v", "current{}_a", "power{}_w", "reactive_power{}_var", "apparent_power{}_va", "pf{}")
    phases = [phase for phase in _PHASES if f"voltage{phase}_v" in of.values]
    for phase in phases:
        names = tuple(kind.format(phase) for kind in kinds)
        if len(phases) == 1:  # a single phase is also the whole
            names = tuple(name if name in of.values else name.replace(phase, "") for name in names)
        yield names
    if not phases:
        yield tuple(kind.format("") for kind in kinds)


def _products(of: _Quantities) -> Iterator[Reason]:
    """Power is voltage by current by power factor, in each phase."""
    right, wrong = list[str](), list[str]()
    with_factor = False
    for names in _systems(of):
        product = of.get(names[0]) * abs(of.get(names[1]))
        if math.isnan(product) or product < _LEAST_VA:
            continue
        fits, text = _product(of, names, product)
        if text:
            (right if fits else wrong).append(text)
            with_factor |= fits and not math.isnan(of.get(names[5]))
    if right:
        yield Reason((2.5 if with_factor else 1.5) + 0.5 * (len(right) - 1), right[0], "relation")
    if wrong:
        yield Reason(max(-3.0 * len(wrong), _WORST), wrong[0], "relation")


def _product(of: _Quantities, names: Sequence[str], product: float) -> tuple[bool, str]:
    """Whether the powers of one phase fit to its voltage and current, and how that is said; or nothing."""
    volts, amps, watts, _, apparent, factor = names
    power, share, whole = abs(of.get(watts)), abs(of.get(factor)), abs(of.get(apparent))
    beside = f"{of.get(volts):.1f} V · {abs(of.get(amps)):.4g} A"
    if abs(whole / product - 1) > _PRODUCT_TOLERANCE:
        return False, f"{shown(apparent, whole)} {of.where(apparent)} is not {beside}"
    if math.isnan(power):
        return True, "" if math.isnan(whole) else f"{shown(apparent, whole)} {of.where(apparent)} is {beside}"
    said = f"{shown(watts, power)} {of.where(watts)}"
    if power > (1 + _PRODUCT_TOLERANCE) * product:
        return False, f"{said} is more than {beside}"
    if share <= 1:
        fits = abs(power - product * share) <= 0.1 * product
        return fits, f"{said} is {'' if fits else 'not '}{beside} · {share:.3g}"
    return True, "" if math.isnan(whole) and power < 0.4 * product else f"{said} fits to {beside}"


def _sums(of: _Quantities) -> Iterator[Reason]:
    """What is measured by phase adds up to the whole."""
    for kind, least in (("power{}_w", 20.0), ("apparent_power{}_va", 20.0), ("reactive_power{}_var", 50.0)):
        names, whole = [kind.format(phase) for phase in _PHASES], kind.format("")
        if not all(name in of.values for name in (*names, whole)):
            continue
        parts, given = sum(of.values[name] for name in names), of.values[whole]
        size = sum(abs(of.values[name]) for name in names)
        if max(size, abs(given)) < least:
            continue
        if abs(parts - given) <= _SUM_TOLERANCE * max(size, abs(given)):
            yield Reason(1.5, f"{shown(whole, given)} {of.where(whole)} is the sum of the phases", "relation")
        elif kind.startswith("power"):
            text = f"{shown(whole, given)} {of.where(whole)} is not the sum of the phases, {shown(whole, parts)}"
            yield Reason(-2.5, text, "relation")


def _triangles(of: _Quantities) -> Iterator[Reason]:
    """Apparent power is not less than active and reactive power together make it."""
    right, wrong = list[str](), list[str]()
    systems = [*_systems(of), ("", "", "power_w", "reactive_power_var", "apparent_power_va", "pf")]
    for _, _, watts, reactive, apparent, _ in systems:
        power, other, whole = of.get(watts), of.values.get(reactive, math.nan), abs(of.get(apparent))
        together = math.hypot(power, other)
        if math.isnan(together) or math.isnan(whole) or whole < _LEAST_VA:
            continue
        text = f"{shown(apparent, whole)} {of.where(apparent)}"
        if abs(whole / together - 1) <= _TRIANGLE_TOLERANCE:
            right.append(f"{text} is what active and reactive power make")
        elif together > whole:
            wrong.append(f"{text} is less than active and reactive power make")
    if right:
        yield Reason(1.5, right[0], "relation")
    if wrong:
        yield Reason(-2.0, wrong[0], "relation")


def _heat(of: _Quantities, floats: Collection[str]) -> Iterator[Reason]:
    """Heat is carried by water: 1.16 kWh a cubic metre and kelvin."""
    hot, cold = of.get("flow_temperature_c"), of.get("return_temperature_c")
    if not (_TEMPERATURES[0] <= hot <= _TEMPERATURES[1] and _TEMPERATURES[0] <= cold <= _TEMPERATURES[1]):
        return
    where = of.where("flow_temperature_c")
    if hot > cold and "flow_temperature_c" in floats:
        yield Reason(3.0, f"{hot:.4g} and {cold:.4g} °C {where} and {of.where('return_temperature_c')}")
    carried, power = of.get("flow_m3h") * (hot - cold) * _HEAT, of.get("power_w")
    if abs(power / carried - 1) <= _HEAT_TOLERANCE:
        text = f"{shown('power_w', power)} {of.where('power_w')} is what the water carries"
        yield Reason(4.0, text, "relation")
    difference = of.get("temperature_difference_c")
    if abs(difference - (hot - cold)) <= _LEAST_DIFFERENCE:
        yield Reason(2.0, f"{hot:.4g} and {cold:.4g} °C {where} have the difference that it says", "relation")


def _factors(of: _Quantities) -> Iterator[Reason]:
    named = of.some([f"pf{phase}" for phase in ("", *_PHASES)])
    right = {name: value for name, value in named.items() if _LEAST_FACTOR <= abs(value) <= 1}
    wrong = [name for name, value in named.items() if abs(value) > _MOST_FACTOR or abs(value) < _TINY]
    if right:
        yield Reason(0.5, _several(right, of.where), "size")
    if wrong:
        yield Reason(-2.5, f"{named[wrong[0]]:.4g} is no power factor, {of.where(wrong[0])}")


# In words ------------------------------------------------------------------------------------------------


def _several(values: Mapping[str, float], where: Where) -> str:
    """Several values of one kind, as one text: `229.8, 230.1, 231.0 V at input 0, 2, 4 as float32 ABCD`."""
    names = list(values)
    texts = [shown(name, values[name]) for name in names]
    if len(names) == 1:
        return f"{texts[0]} {where(names[0])}"
    ends = {text.rpartition(" ")[2] for text in texts}
    if len(ends) == 1 and all(" " in text for text in texts):
        texts = [text.rpartition(" ")[0] for text in texts]
        texts[-1] += f" {ends.pop()}"
    place, _, form = where(names[0]).removeprefix("at ").partition(" as ")
    return f"{', '.join(texts)} from {place} on as {form}"
