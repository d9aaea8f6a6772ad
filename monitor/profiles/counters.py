"""How counters count: their step, modulus and rating; and what transformers before a meter do to its points."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from monitor.documents.finding import Findings
from monitor.documents.node import Node, join
from monitor.fields import Quantity
from monitor.profiles.model import CounterModel
from monitor.profiles.units import UnitMismatch, measured
from monitor.schema import is_counter
from monitor.site import Counter, Point

__all__ = ["RATINGS", "behind_transformers", "bind_counter", "parts", "rated", "rating_in"]

RATINGS: Final[Mapping[str, str]] = {"kWh": "kW", "kvarh": "kvar", "kVAh": "kVA", "m3": "m3/h"}
"""Unit of a counter -> the unit of its rating: what it counts in an hour at most."""

_POWERS: Final = frozenset({"W", "var", "VA", *RATINGS}) - {"m3"}
_OWN_VOLTAGES: Final = ("battery", "supply")
"""What names of voltages begin with that no transformer is before: the meter's own."""


def parts(factor: Fraction) -> tuple[float, float]:
    """A factor as (factor, divisor) of a point: divided by where that is exact and a product is not."""
    if factor.numerator == 1 and factor.denominator != 1:
        return 1.0, float(factor.denominator)
    return float(factor), 1.0


def bind_counter(point: Point, node: Node, path: str, findings: Findings) -> Counter | None:
    """How a point counts: by the key `counter` of its source, else by its name; None when it does not, or wrongly.

    What is wrong is told.
    """
    written = point.source.counter
    place, where = node.get("counter") or node, join(path, "counter")
    if written is False or (written is None and not is_counter(point.name)):
        return None
    if point.unit is None or point.unit not in RATINGS:
        ends = "names that end with _kwh, _kvarh, _kvah or _m3"
        findings.error(place, where, f"`{point.name}` is no energy and no volume: it counts nothing", allowed=ends)
        return None
    step = abs(point.factor / point.divisor) if point.source.is_whole else 0.0
    if not isinstance(written, CounterModel):
        return Counter(step=step)
    if written.modulus is not None and written.modulus <= step:
        findings.error(
            place.get("modulus") or place,
            join(where, "modulus"),
            f"it is not more than the least step of the counter, {step:g} {point.unit}",
        )
    rating = None
    if written.rating is not None:
        try:
            rating = rating_in(written.rating, point.unit)
        except UnitMismatch as error:
            findings.error(place.get("rating") or place, join(where, "rating"), str(error))
    return Counter(modulus=written.modulus, rating=rating, step=step)


def rating_in(quantity: Quantity, unit: str) -> float:
    """A rating in the unit of a counter in `unit`; kW serve reactive and apparent energy too.

    Raises UnitMismatch.
    """
    if quantity.magnitude <= 0:
        raise UnitMismatch("a rating is more than 0")
    if unit in {"kvarh", "kVAh"} and quantity.unit:
        with suppress(UnitMismatch):
            return measured(quantity, "kW")
    return measured(quantity, RATINGS[unit])


def rated(points: Mapping[str, Point], ratings: Iterable[Quantity]) -> tuple[dict[str, Point], list[Quantity]]:
    """The points with the rating of the device for all counters that have none; and the ratings that fit none.

    A rating fits a counter also when that has one of its own.
    """
    changed = dict(points)
    unused = []
    for quantity in ratings:
        fits = False
        for name, point in points.items():
            if point.counter is None or point.unit is None:
                continue
            try:
                rating = rating_in(quantity, point.unit)
            except UnitMismatch:
                continue
            fits = True
            if point.counter.rating is None:
                changed[name] = replace(point, counter=replace(point.counter, rating=rating))
        if not fits:
            unused.append(quantity)
    return changed, unused


def behind_transformers(points: Mapping[str, Point], ct: Fraction, vt: Fraction) -> dict[str, Point]:
    """The points of a meter that shows what its transformers give it, turned into what flows before them."""
    return {name: _times(point, _ratio(point, ct, vt)) for name, point in points.items()}


def _ratio(point: Point, ct: Fraction, vt: Fraction) -> Fraction:
    if point.unit == "A" and point.name.startswith("current"):
        return ct
    if point.unit == "V" and not point.name.startswith(_OWN_VOLTAGES):
        return vt
    return ct * vt if point.unit in _POWERS else Fraction(1)


def _times(point: Point, ratio: Fraction) -> Point:
    if ratio == 1:
        return point
    factor, divisor = parts(_exact(point.factor) / _exact(point.divisor) * ratio)
    changes: dict[str, Any] = {"factor": factor, "divisor": divisor, "offset": _product(point.offset, ratio)}
    if point.valid is not None:
        low, high = point.valid
        changes["valid"] = (_product(low, ratio), _product(high, ratio))
    if point.counter is not None:
        known = point.counter
        changes["counter"] = Counter(
            modulus=None if known.modulus is None else _product(known.modulus, ratio),
            rating=None if known.rating is None else _product(known.rating, ratio),
            step=abs(factor / divisor) if known.step else 0.0,
        )
    return replace(point, **changes)


def _exact(number: float) -> Fraction:
    """The decimal fraction that a number was written as."""
    return Fraction(repr(float(number)))


def _product(number: float, ratio: Fraction) -> float:
    return float(_exact(number) * ratio)
