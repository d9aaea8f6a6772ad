"""Tariffs applied to what was used: which price when, the lines of an invoice, and CO2. Pure; times are UTC ms.

Money is decimal and rounded half up to 0.01, once in each line, and the lines as they are shown are added up. That
is so in every currency, also in one without cents.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import fsum, isfinite
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from monitor.bands import stretches
from monitor.figures import Cost, CostLine
from monitor.periods import QUARTER, day_of, local_day, month_of, pieces
from monitor.tariff import Band, Tariff, Terms

__all__ = ["cost", "energy_cost"]

_DIGITS: Final = 6
"""Decimal places of quantities: milliwatt hours, and cubic centimetres."""

_CENTS: Final = 2
_Net: TypeAlias = tuple[Decimal, CostLine]
"""A line, and the tax on it."""

_Parts: TypeAlias = defaultdict[tuple[int, int], list[float]]
"""What was used in each band, by the places of terms and band in the tariff."""

_W_PER_KW: Final = 1000


def _amounts(tariff: Tariff, parts: _Parts) -> Iterator[tuple[Terms, Band, Decimal]]:
    """In the order of the tariff."""
    for number, place in sorted(parts):
        terms = tariff.terms[number]
        yield terms, terms.bands[place], _decimal(fsum(parts[number, place]))


def energy_cost(tariff: Tariff, quarters: Sequence[tuple[int, float]], zone: ZoneInfo) -> tuple[Decimal, Decimal]:
    """What quarters of an hour cost by bands alone, and their kg of CO2; neither is rounded.

    No standing or demand charge, no tax; below zero for a credit. `quarters`: starts, in the order of time, with
    amounts in the tariff's unit; holes are allowed. A quarter that a change of price cuts is spread evenly.
    """
    if not quarters:
        return Decimal(0), Decimal(0)
    parts: _Parts = defaultdict(list)
    priced = stretches(tariff, quarters[0][0], quarters[-1][0] + QUARTER, zone)
    _spread(quarters, list(priced), parts)
    price, carbon = Decimal(0), Decimal(0)
    for terms, band, amount in _amounts(tariff, parts):
        price += amount * band.price
        carbon += amount * terms.carbon
    return (-price if tariff.credit else price), carbon


def _spread(
    quarters: Sequence[tuple[int, float]],
    priced: Sequence[tuple[int, int, int, int]],
    parts: _Parts,
) -> None:
    index = 0
    for begin, amount in quarters:
        end = begin + QUARTER
        while index < len(priced) and priced[index][1] <= begin:
            index += 1
        if index == len(priced):
            return
        first, last, number, place = priced[index]
        if first <= begin and end <= last:
            parts[number, place].append(amount)
            continue
        for first, last, number, place in priced[index:]:
            if first >= end:
                break
            parts[number, place].append(amount * (min(last, end) - max(first, begin)) / QUARTER)


# Invoices ------------------------------------------------------------------------------------------------


def cost(  # noqa: PLR0913, PLR0917 - one call says all that an invoice is made of
    tariff: Tariff,
    device: str,
    tenant: str,
    start: int,
    end: int,
    zone: ZoneInfo,
    *,
    amount: Callable[[int, int], float | None],
    demand: Callable[[int, int], float | None],
    estimated: float = 0.0,
    is_complete: bool = True,
) -> Cost:
    """Work out the invoice of one meter for [start, end).

    `amount` says what was used in a span, in the tariff's unit; None where nobody knows: that is left out and the
    cost is not complete, nor is it when the period begins before the first terms. `demand` says the greatest mean
    of a quarter of an hour in a span: in W when the tariff is in kWh, else in m3/h.

    Lines, in this order, and what they are taxed with decides which are joined:
    - band: what was used at one price, by the tariff's order; one that did not occur has no line.
    - standing: quantity is months; a part of a month counts by its local days, a part of a day by its time.
    - demand: one for each calendar month, named by it (2026-11), at the price of the terms on its last day. Of a
      month that lies in the period in part, it is that part's greatest demand, in full: what it has come to.
    - tax: one for each rate, on the sum of the lines it is on; quantity is that sum, price the rate.

    A credit has all of it below zero, but for the CO2.
    """
    parts: _Parts = defaultdict(list)
    priced = 0
    for begin, until, number, place in stretches(tariff, start, end, zone):
        priced += until - begin
        found = _known(amount(begin, until))
        is_complete = is_complete and found is not None
        if found is not None:
            parts[number, place].append(found)
    amounts = list(_amounts(tariff, parts))
    demands, are_known = _demand(tariff, start, end, zone, demand)
    net = [*_bands(tariff, amounts), *_standing(tariff, start, end, zone), *demands]
    lines = (*(line for _, line in net), *_taxes(tariff, net))
    return Cost(
        device=device,
        tenant=tenant,
        tariff=tariff.id,
        currency=tariff.currency,
        start=start,
        end=end,
        lines=lines,
        total=sum((line.cost for line in lines), Decimal("0.00")),
        carbon_kg=sum((found * terms.carbon for terms, _, found in amounts), Decimal(0)),
        amount=sum((found for _, _, found in amounts), Decimal(0)),
        unit=tariff.unit,
        estimated=_decimal(estimated),
        is_complete=is_complete and are_known and priced == max(0, end - start),
    )


def _bands(tariff: Tariff, amounts: Sequence[tuple[Terms, Band, Decimal]]) -> Iterator[_Net]:
    joined: defaultdict[tuple[Decimal, str, Decimal], Decimal] = defaultdict(Decimal)
    for terms, band, amount in amounts:
        joined[terms.tax, band.name, band.price] += amount
    for (tax, name, price), amount in joined.items():
        yield tax, _line(tariff, "band", name, Fraction(amount), tariff.unit, price)


def _standing(tariff: Tariff, start: int, end: int, zone: ZoneInfo) -> Iterator[_Net]:
    months: defaultdict[tuple[Decimal, Decimal], Fraction] = defaultdict(Fraction)
    for begin, until in pieces(start, end, "month", zone):
        for terms, share in _shares(tariff, begin, until, zone):
            months[terms.tax, terms.standing] += share
    for (tax, price), quantity in months.items():
        if price:
            yield tax, _line(tariff, "standing", "", quantity, "month", price)


def _shares(tariff: Tariff, start: int, end: int, zone: ZoneInfo) -> Iterator[tuple[Terms, Fraction]]:
    """What share of its month each day in a span within one month is, with the terms of the day."""
    month = month_of(start, zone)
    terms = _terms_of(tariff, month.first)
    if (start, end) == (month.start, month.end) and terms is _terms_of(tariff, month.last):
        if terms:
            yield terms, Fraction(1)
        return
    length = sum(1 for _ in pieces(month.start, month.end, "day", zone))
    for begin, until in pieces(start, end, "day", zone):
        day = day_of(begin, zone)
        if terms := _terms_of(tariff, day.first):
            yield terms, Fraction(until - begin, (day.end - day.start) * length)


def _demand(
    tariff: Tariff, start: int, end: int, zone: ZoneInfo, demand: Callable[[int, int], float | None]
) -> tuple[list[_Net], bool]:
    """The lines, and whether all of them are known."""
    unit, divisor = ("kW", _W_PER_KW) if tariff.unit == "kWh" else ("m3/h", 1)
    lines: list[_Net] = []
    are_known = True
    for begin, until in pieces(start, end, "month", zone):
        terms = _terms_of(tariff, local_day(until - 1, zone))
        if terms is None or not terms.demand:
            continue
        greatest = _known(demand(begin, until))
        if greatest is None:
            are_known = False
            continue
        above = max(_decimal(greatest / divisor) - terms.demand_free, Decimal(0))
        name = month_of(begin, zone).name
        lines.append((terms.tax, _line(tariff, "demand", name, Fraction(above), unit, terms.demand)))
    return lines, are_known


def _taxes(tariff: Tariff, net: Sequence[_Net]) -> Iterator[CostLine]:
    sums: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for tax, line in net:
        sums[tax] += line.cost
    for tax, base in sums.items():
        if tax:
            yield CostLine(
                what="tax",
                name="",
                quantity=base,
                unit=tariff.currency,
                price=tax,
                cost=_rounded(Fraction(base) * Fraction(tax), _CENTS),
            )


def _line(tariff: Tariff, what: str, name: str, quantity: Fraction, unit: str, price: Decimal) -> CostLine:  # noqa: PLR0913, PLR0917 - the fields of a line
    worth = quantity * Fraction(price)
    return CostLine(
        what=what,
        name=name,
        quantity=_rounded(quantity, _DIGITS),
        unit=unit,
        price=price,
        cost=_rounded(-worth if tariff.credit else worth, _CENTS),
    )


def _terms_of(tariff: Tariff, day: date) -> Terms | None:
    """The terms that apply on a local day; None before the first."""
    number = bisect_right(tariff.terms, day, key=lambda terms: terms.since)
    return tariff.terms[number - 1] if number else None


def _known(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), _DIGITS)))


def _rounded(value: Fraction, digits: int) -> Decimal:
    """Half up, away from zero as people do it, with exactly so many decimal places."""
    scaled = abs(value) * 10**digits
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if value >= 0 else -whole).scaleb(-digits)
