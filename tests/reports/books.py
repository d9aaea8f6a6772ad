"""Two years of a house in Berlin: a book of use computed from synthetic quarters of an hour, and its site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import accumulate
from math import fsum, sin
from zoneinfo import ZoneInfo

from monitor.figures import Break, Consumption, Cost, CostLine, DayCoverage, Register
from monitor.periods import QUARTER, day_of, parse, pieces
from monitor.site import Counter, Device, Point, Site, Virtual
from monitor.tariff import Band, Tariff, Terms

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = int(datetime(2024, 12, 31, 23, tzinfo=UTC).timestamp() * 1000)
"""Midnight of the first of January 2025 in Berlin: nothing is known before."""
LAST = int(datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp() * 1000)
COUNT = (LAST - FIRST) // QUARTER
POINTS = {"electricity": ("energy_import_kwh", "kWh"), "water": ("volume_m3", "m3"), "gas": ("volume_m3", "m3")}
CENT = Decimal("0.01")


def moment(text: str) -> int:
    """UTC ms of a local time in Berlin."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def period(text: str, now: str = "2026-11-27T12:00"):
    return parse(text, BERLIN, moment(now))


def meter(ident, name, device_class="electricity", **facts) -> Device:
    point, unit = POINTS.get(device_class, ("energy_heat_kwh", "kWh"))
    points = {point: Point(name=point, unit=unit, counter=Counter())}
    return Device(id=ident, name=name, connection="bus", device_class=device_class, points=points, **facts)


METERS = (
    meter("main-electricity", "Main meter", building="A", role="main"),
    meter("flat-1", "Flat 1", building="A", role="sub", tenant="Ines Albrecht"),
    meter("flat-2", "Flat 2", building="A", role="sub", tenant="Bakery Öztürk"),
    meter("flat-3", "Flat 3", building="A", role="sub", tenant="Wei Zhang"),
    meter("common", "Staircase and lift", building="A", role="sub"),
    meter("main-annexe", "Annexe", building="B", role="main"),
    meter("workshop", "Workshop", building="B", role="sub", tenant="Bakery Öztürk"),
    meter("rest", "Not measured", building="A", virtual=Virtual(sum=("main-electricity",), minus=("flat-1",))),
    meter("main-water", "Water main", "water", building="A", role="main"),
    meter("water-1", "Water flat 1", "water", building="A", role="sub", tenant="Ines Albrecht"),
    meter("water-2", "Water bakery", "water", building="A", role="sub", tenant="Bakery Öztürk"),
    meter("water-3", "Water flat 3", "water", building="A", role="sub", tenant="Wei Zhang"),
    meter("boiler", "Gas boiler", "gas", building="A"),
)
SILENT = meter("heat-cellar", "Heat cellar", "heat", building="A")
TARIFFS = {
    "house-power": Tariff(
        id="house-power",
        name="House power 2026",
        utility="electricity",
        unit="kWh",
        currency="EUR",
        devices=frozenset({"flat-1", "flat-2", "flat-3", "common", "workshop"}),
        terms=(
            Terms(
                since=date(2025, 1, 1),
                bands=(
                    Band(name="night", price=Decimal("0.2410"), hours=((0, 360), (1320, 1440))),
                    Band(name="day", price=Decimal("0.3120")),
                ),
                standing=Decimal("9.50"),
                tax=Decimal("0.19"),
                carbon=Decimal("0.363"),
            ),
        ),
    ),
    "house-water": Tariff(
        id="house-water",
        name="Water",
        utility="water",
        unit="m3",
        currency="EUR",
        devices=frozenset({"water-1", "water-2", "water-3"}),
        terms=(Terms(since=date(2025, 1, 1), bands=(Band(name="water", price=Decimal("4.02")),)),),
    ),
}


def house(*more: Device, without: Sequence[str] = ()) -> Site:
    devices = {one.id: one for one in (*METERS, *more) if one.id not in without}
    return Site(id="maple-court", name="Maple Court", timezone=BERLIN, devices=devices, tariffs=TARIFFS)


_SIZES = {"flat-1": 0.9, "flat-2": 3.4, "flat-3": 0.7, "common": 0.5, "workshop": 1.6}
_PARTS = {
    "main-electricity": ("flat-1", "flat-2", "flat-3", "common"),
    "main-annexe": ("workshop",),
    "main-water": ("water-1", "water-2", "water-3"),
    "rest": ("flat-2", "flat-3", "common"),
}
_EXTRA = {"main-electricity": 1.06, "main-annexe": 1.02, "main-water": 1.09, "rest": 1.1}


@cache
def quarters(device: str) -> tuple[float, ...]:
    """What a meter counted in each quarter of an hour from `FIRST` on, as if it had been read all the time."""
    if device in _PARTS:
        parts = [quarters(part) for part in _PARTS[device]]
        return tuple(fsum(each) * _EXTRA[device] for each in zip(*parts, strict=True))
    return tuple(_amount(device, number) for number in range(COUNT))


def _amount(device: str, number: int) -> float:
    hour, day = number / 4 % 24 + 1, number // 96
    season = 1.25 + 0.35 * sin((day + 80) / 58.1)
    grown = 1.06 if day < 365 else 1.0
    noise = 1 + 0.22 * sin(number * 12.9898 + len(device)) + 0.15 * sin(day * 7.13 + len(device) * 3)
    awake = 1.0 if 6 <= hour <= 22 else 0.25
    peak = 1.8 if 17 <= hour <= 21 else 1.0
    weekend = 0.35 if device in {"flat-2", "workshop"} and (day + 2) % 7 in {5, 6} else 1.0
    if device.startswith("water"):
        return 0.012 * awake * peak * noise * weekend * grown if hour > 5 else 0.0003
    if device == "boiler":
        return max(0.02, 0.9 * (season - 1.0)) * awake * noise * grown
    return _SIZES[device] / 4 * 0.55 * awake * peak * noise * season * weekend * grown


@dataclass
class Book:
    """A `UsageBook` over `quarters`. `gaps`: spans without readings; `unknown`: of which nothing is known."""

    site: Site
    now: int = moment("2026-11-27T12:00")
    gaps: Mapping[str, tuple[int, int]] = field(
        default_factory=lambda: {"flat-2": (moment("2026-10-31T14:00"), moment("2026-11-01T09:00"))}
    )
    unknown: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    breaks: Mapping[str, tuple[Break, ...]] = field(default_factory=dict)
    lost: Mapping[tuple[str, date], Mapping[str, int]] = field(default_factory=dict)

    def registers(self, device: str | None = None) -> Sequence[Register]:
        return [
            Register(device=one.id, point=point, unit=unit, is_billed=True)
            for one in self.site.devices.values()
            if device in {None, one.id}
            for point, unit in [POINTS.get(one.device_class, ("energy_heat_kwh", "kWh"))]
        ]

    async def consumption(
        self, devices: Sequence[str], start: int, end: int, *, per: str = "", points: Sequence[str] = ()
    ) -> Sequence[Consumption]:
        assert not points, "reports ask for what meters are billed by"
        return [
            self._consumption(device, *piece)
            for device in devices
            if device in _PARTS or device in _SIZES or device.startswith(("water", "boiler"))
            for piece in pieces(start, end, per, BERLIN)
        ]

    def _consumption(self, device: str, start: int, end: int) -> Consumption:
        device_class = self.site.devices[device].device_class
        point, unit = POINTS[device_class]
        numbers = [number for number in _numbers(start, min(end, self.now)) if self._is_known(device, number)]
        found = [quarters(device)[number] for number in numbers]
        gap = self.gaps.get(device)
        is_cut = gap is not None and (gap[0] < start < gap[1] or gap[0] < end < gap[1])
        amount = fsum(found) if found else None
        most = max(range(len(found)), key=found.__getitem__, default=None)
        factor = 4000.0 if unit == "kWh" else 4.0
        told = self.breaks.get(device, ())
        return Consumption(
            device=device,
            point=point,
            unit=unit,
            start=start,
            end=end,
            amount=amount,
            estimated=_within(quarters(device), numbers, gap) if is_cut and gap else 0.0,
            known=len(numbers) * QUARTER / (end - start),
            is_complete=end <= self.now and len(numbers) * QUARTER == end - start,
            start_register=_register(device, start) if found else None,
            end_register=_register(device, min(end, self.now)) if found else None,
            demand_max=None if most is None else found[most] * factor,
            demand_at=None if most is None else FIRST + numbers[most] * QUARTER,
            base=min(found) * factor if found else None,
            energy=amount * 10.4 if device == "boiler" and amount is not None else None,
            breaks=tuple(each for each in told if start <= each.start < end),
        )

    def _is_known(self, device: str, number: int) -> bool:
        span = self.unknown.get(device)
        return span is None or not span[0] <= FIRST + number * QUARTER < span[1]

    async def costs(self, devices: Sequence[str], start: int, end: int) -> Sequence[Cost]:
        return [
            self._cost(device, tariff, start, end)
            for device in devices
            for tariff in self.site.tariffs.values()
            if device in tariff.devices and start >= FIRST
        ]

    def _cost(self, device: str, tariff: Tariff, start: int, end: int) -> Cost:
        terms = tariff.terms[-1]
        used = self._consumption(device, start, end)
        sums: dict[str, float] = {}
        for number in _numbers(start, min(end, self.now)):
            at = datetime.fromtimestamp((FIRST + number * QUARTER) / 1000, BERLIN)
            minute = at.hour * 60 + at.minute
            band = next(one for one in terms.bands if any(low <= minute < high for low, high in one.hours))
            sums[band.name] = sums.get(band.name, 0.0) + quarters(device)[number]
        prices = {band.name: band.price for band in terms.bands}
        lines = [_line("band", name, amount, tariff.unit, prices[name]) for name, amount in sums.items()]
        if terms.standing:
            months = len(list(pieces(start, end, "month", BERLIN)))
            lines.append(_line("standing", "", months, "month", terms.standing))
        if terms.tax:
            net = sum((line.cost for line in lines), Decimal(0))
            lines.append(_line("tax", "", float(net), tariff.currency, terms.tax))
        amount = Decimal(repr(round(fsum(sums.values()), 6)))
        return Cost(
            device=device,
            tenant=self.site.devices[device].tenant,
            tariff=tariff.id,
            currency=tariff.currency,
            start=start,
            end=end,
            lines=tuple(lines),
            total=sum((line.cost for line in lines), Decimal(0)),
            carbon_kg=amount * terms.carbon,
            amount=amount,
            unit=tariff.unit,
            estimated=Decimal(repr(round(used.estimated, 6))),
            is_complete=used.is_complete,
        )

    async def coverage(self, devices: Sequence[str], first: date, last: date) -> Sequence[DayCoverage]:
        return [
            self._day(device, first + timedelta(days=number))
            for device in devices
            if device != SILENT.id
            for number in range((last - first).days + 1)
        ]

    def _day(self, device: str, day: date) -> DayCoverage:
        span = day_of(moment(f"{day}T12:00"), BERLIN)
        expected = (min(span.end, self.now) - span.start) // 10_000
        lost = self.lost.get((device, day), {})
        received = expected - sum(lost.values())
        return DayCoverage(device=device, day=day, expected=expected, received=received, late=3, lost=lost)


def _numbers(start: int, end: int) -> range:
    return range(max(0, (start - FIRST) // QUARTER), min(COUNT, (end - FIRST) // QUARTER))


def _within(amounts: Sequence[float], numbers: Sequence[int], gap: tuple[int, int]) -> float:
    return fsum(amounts[number] for number in numbers if gap[0] <= FIRST + number * QUARTER < gap[1])


@cache
def _standing(device: str) -> tuple[float, ...]:
    return tuple(accumulate(quarters(device), initial=1000.0 * (1 + len(device))))


def _register(device: str, time: int) -> float:
    return _standing(device)[max(0, min(COUNT, (time - FIRST) // QUARTER))]


def _line(what: str, name: str, quantity: float, unit: str, price: Decimal) -> CostLine:
    exact = Decimal(repr(round(quantity, 3)))
    cost = (exact * price).quantize(CENT, ROUND_HALF_UP)
    return CostLine(what=what, name=name, quantity=exact, unit=unit, price=price, cost=cost)
