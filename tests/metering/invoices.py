"""Tariffs, meters and invoices for tests: what a tariff says, what was used, and lines as they stand on paper."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from monitor.bands import stretches
from monitor.figures import Cost, CostLine
from monitor.metering.prices import cost
from monitor.periods import QUARTER, parse
from monitor.tariff import Band, Tariff, Terms

__all__ = [
    "BERLIN",
    "WEEKDAYS",
    "Line",
    "Meter",
    "Span",
    "band",
    "clock",
    "invoice",
    "lines",
    "spans",
    "tariff",
    "terms",
    "written",
]

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = frozenset(range(1, 6))
Line = tuple[str, str, str, str, str, str]


def tariff(*terms: Terms, unit: str = "kWh", **more: object) -> Tariff:
    return Tariff(
        id="t",
        name="T",
        utility="electricity",
        unit=unit,
        currency="EUR",
        terms=terms,
        **more,  # type: ignore[arg-type]
    )


def terms(*bands: Band, since: str = "2000-01-01", **prices: str) -> Terms:
    return Terms(
        since=date.fromisoformat(since), bands=bands, **{name: Decimal(price) for name, price in prices.items()}
    )


def band(name: str, price: str, **when: object) -> Band:
    return Band(name=name, price=Decimal(price), **when)  # type: ignore[arg-type]


def clock(start: str, end: str) -> tuple[int, int]:
    """Minutes of the day from 06:00 and the like."""
    return tuple(int(at[:2]) * 60 + int(at[3:]) for at in (start, end))  # type: ignore[return-value]


class Meter:
    """A meter with the same amount in each quarter of an hour of a period, kept one by one as the ledger does."""

    def __init__(self, period: str, each: float, zone: ZoneInfo = BERLIN) -> None:
        self.period = parse(period, zone, 0)
        self.zone = zone
        self.quarters = [(at, each) for at in range(self.period.start, self.period.end, QUARTER)]

    def amount(self, start: int, end: int) -> float | None:
        assert start % QUARTER == end % QUARTER == 0
        a, b = (bisect_left(self.quarters, (at,)) for at in (start, end))
        return sum(amount for _, amount in self.quarters[a:b])

    def invoice(self, of: Tariff, demand: Callable[[int, int], float | None] = lambda _start, _end: 0.0) -> Cost:
        found = cost(
            of, "m", "Shop", self.period.start, self.period.end, self.zone, amount=self.amount, demand=demand
        )
        assert found.total == sum((line.cost for line in found.lines), Decimal(0))
        return found


def invoice(of: Tariff, period: str, used: float | None, demand: float | None = 0.0) -> Cost:
    """For a tariff of one price: what was used is told for the whole."""
    span = parse(period, BERLIN, 0)
    return cost(
        of, "m", "Shop", span.start, span.end, BERLIN, amount=lambda _a, _b: used, demand=lambda _a, _b: demand
    )


def written(line: CostLine) -> Line:
    """What, name, quantity, unit, price and cost, as on paper."""
    quantity = (
        f"{line.quantity:f}".rstrip("0").rstrip(".") if "." in f"{line.quantity:f}" else f"{line.quantity:f}"
    )
    return line.what, line.name, quantity, line.unit, str(line.price), str(line.cost)


def lines(found: Cost) -> list[Line]:
    return [written(line) for line in found.lines]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time with one price: UTC ms, [start, end)."""

    start: int
    end: int
    terms: Terms
    band: Band


def spans(tariff: Tariff, start: int, end: int, zone: ZoneInfo) -> Iterator[Span]:
    """What applies when in [start, end), with the band and the terms themselves in place of their numbers."""
    for begin, until, number, place in stretches(tariff, start, end, zone):
        found = tariff.terms[number]
        yield Span(start=begin, end=until, terms=found, band=found.bands[place])
