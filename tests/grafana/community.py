"""Eight days and today of a community: sums of a function, through metering and sink into InfluxDB.

What a dashboard must show is reckoned here from that function, in quarters of an hour, without metering.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.journal.state import State
from monitor.model import Reading
from monitor.periods import QUARTER
from monitor.schema import COUNTER_NAMES, POINTS_CURRENT, POINTS_POWER, point_unit
from monitor.sinks.influxdb import InfluxSink
from monitor.site import Counter, Device, GasValue, InfluxSettings, Point, Site, Virtual
from monitor.tariff import Band, Tariff, Terms
from tests.metering.ledgers import site_of
from tests.metering.plants import plant, reading

__all__ = [
    "DAY_0",
    "KWH_PER_M3",
    "LEAK",
    "NOW",
    "PRICE",
    "SILENT",
    "SITE",
    "ZONE",
    "amount",
    "days",
    "fill",
    "hour_begins",
    "is_night_over",
    "local",
    "month_begin",
    "week_before",
]

ZONE: Final = ZoneInfo("Europe/Berlin")
_HOUR: Final = 4 * QUARTER


def local(ms: int) -> datetime:
    """A moment in the site's time."""
    return datetime.fromtimestamp(ms / 1000, ZONE)


NOW: Final = round(datetime(2026, 10, 29, 18, 15, tzinfo=ZONE).timestamp() * 1000)
"""The end of the data: a Thursday evening, whenever tests run. On the Sunday before the clock was put back."""
PRICE: Final = {"electricity": "0.30", "water": "4.00", "gas": "0.10", "heat": "0.12"}
KWH_PER_M3: Final = 10.0
_EXPORT: Final = "energy_export_kwh"


def _midnight(days_ago: int) -> int:
    day = local(NOW).date() - timedelta(days=days_ago)
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC).timestamp() * 1000)


DAY_0: Final = _midnight(8)
LEAK: Final = _midnight(4)
"""From then on the flats lose 20 litres an hour."""
SILENT: Final = _midnight(2)
"""Three hours before and after it nobody hears of the boiler's gas meter."""


def days(ago: int) -> tuple[int, int]:
    """The local day so many days ago, as far as it is over (UTC ms)."""
    return _midnight(ago), min(_midnight(ago - 1), NOW)


def week_before(at: int) -> int:
    """The same local hour a week earlier (UTC ms)."""
    return round((local(at) - timedelta(days=7)).timestamp() * 1000)


def month_begin() -> int:
    """The begin of this month, or of the data."""
    first = local(NOW).date().replace(day=1)
    return max(DAY_0, int(datetime(first.year, first.month, 1, tzinfo=ZONE).timestamp() * 1000))


def hour_begins(start: int, end: int) -> list[int]:
    """The hours of a span that are over."""
    return [at for at in range(start, end, _HOUR) if at + _HOUR <= end]


def is_night_over() -> bool:
    """Whether the night of today is in the data."""
    return local(NOW).hour >= 5


def _flats(quarter: int) -> float:
    hour = local(quarter * QUARTER).hour
    return 0.5 + (quarter * 7 % 5) * 0.1 + (1.0 if 17 <= hour < 22 else 0.0)


def _shop(quarter: int) -> float:
    at = local(quarter * QUARTER)
    return 0.25 if at.isoweekday() > 5 or not 8 <= at.hour < 18 else 1.25


def _showers(quarter: int) -> float:
    is_night = local(quarter * QUARTER).hour < 5
    return (0.0 if is_night else 0.06) + (0.005 if quarter * QUARTER >= LEAK else 0.0)


def _garden(quarter: int) -> float:
    return 0.1 if local(quarter * QUARTER).hour == 19 else 0.0


def _boiler(quarter: int) -> float:
    return 0.2 + (quarter % 3) * 0.1


PER_QUARTER: Final[Mapping[str, Callable[[int], float]]] = {
    "e-flats": _flats,
    "e-shop": _shop,
    "e-main": lambda quarter: _flats(quarter) + _shop(quarter) + 0.25,
    "e-rest": lambda _: 0.25,
    "w-flats": _showers,
    "w-garden": _garden,
    "w-main": lambda quarter: _showers(quarter) + _garden(quarter),
    "g-boiler": _boiler,
    "h-main": lambda quarter: _boiler(quarter) * 9.0,
    "h-flats": lambda quarter: _boiler(quarter) * 8.0,
}
"""Device -> what it counts in a quarter of an hour."""


@cache
def amount(device: str, start: int, end: int) -> float:
    """What a meter counted in [start, end)."""
    function = PER_QUARTER[device]
    return sum(function(quarter) for quarter in range(start // QUARTER, -(-end // QUARTER)))


def _tariff(utility: str, unit: str, *devices: str, carbon: str = "0.4") -> Tariff:
    bands = (Band(name="all", price=Decimal(PRICE[utility])),)
    terms = Terms(since=date(2020, 1, 1), bands=bands, carbon=Decimal(carbon))
    keys: dict[str, Any] = {"id": utility, "name": "", "utility": utility, "unit": unit, "currency": "EUR"}
    return Tariff(**keys, terms=(terms,), devices=frozenset(devices))


def _meter(ident: str, device_class: str, role: str, tenant: str, *points: str, **keys: Any) -> Device:
    counter = COUNTER_NAMES[device_class][0]
    found = {name: Point(name=name, unit=point_unit(name)) for name in points}
    found[counter] = Point(name=counter, unit=point_unit(counter), counter=Counter())
    if _EXPORT in points:
        found[_EXPORT] = Point(name=_EXPORT, unit="kWh", counter=Counter())
    return Device(
        id=ident, name=ident, connection="bus", device_class=device_class, role=role, tenant=tenant,
        building="A", zone="plant room" if role == "main" else "riser", points=found, scan={"fast": 900.0}, **keys,
    )  # fmt: skip


_PHASES: Final = (
    "voltage_l1_v",
    "voltage_l2_v",
    "voltage_l3_v",
    "current_l1_a",
    "power_l1_w",
    "pf",
    "frequency_hz",
)
_HEAT: Final = ("flow_temperature_c", "return_temperature_c", "power_w", "flow_m3h")


def _site() -> Site:
    counter = COUNTER_NAMES["electricity"][0]
    rest = Device(
        id="e-rest", name="e-rest", connection="", device_class="electricity", tenant="house", building="A",
        points={counter: Point(name=counter, unit="kWh", counter=Counter())},
        virtual=Virtual(sum=("e-main",), minus=("e-flats", "e-shop")),
    )  # fmt: skip
    worth = GasValue(since=date(2020, 1, 1), kwh_per_m3=KWH_PER_M3)
    devices = (
        _meter("e-main", "electricity", "main", "", "power_w", _EXPORT, *_PHASES),
        _meter("e-flats", "electricity", "sub", "flats", "power_w"),
        _meter("e-shop", "electricity", "sub", "shop", "power_w"),
        rest,
        _meter("w-main", "water", "main", "", "flow_m3h"),
        _meter("w-flats", "water", "sub", "flats", "flow_m3h"),
        _meter("w-garden", "water", "sub", "house", "flow_m3h"),
        _meter("g-boiler", "gas", "main", "house", "flow_m3h", gas=(worth,)),
        _meter("h-main", "heat", "main", "", *_HEAT),
        _meter("h-flats", "heat", "sub", "flats", *_HEAT),
    )
    tariffs = (
        _tariff("electricity", "kWh", "e-flats", "e-shop", "e-rest"),
        _tariff("water", "m3", "w-flats", "w-garden"),
        _tariff("gas", "kWh", "g-boiler"),
        _tariff("heat", "kWh", "h-flats"),
    )
    return site_of(*devices, zone=ZONE.key, tariffs={each.id: each for each in tariffs})


SITE: Final = _site()


def _more(device: Device, quarter: int, counted: float) -> dict[str, Any]:
    """What a meter says beside its counter."""
    found: dict[str, Any] = {}
    for name in device.points:
        if name == "power_w":
            found[name] = counted * 4000
        elif name == "flow_m3h":
            found[name] = counted * 4
        elif name.startswith("voltage_l"):
            found[name] = 230.0 + quarter % 7 + 10 * (name == "voltage_l3_v")
    if device.id == "e-main":
        found |= dict.fromkeys(POINTS_CURRENT.values(), counted * 6) | {"pf": 0.97, "frequency_hz": 50.01}
        found |= dict.fromkeys(POINTS_POWER.values(), counted * 1300)
        found[_EXPORT] = (quarter - DAY_0 // QUARTER) * 0.02
    if device.device_class == "heat":
        found |= {"flow_temperature_c": 62.0, "return_temperature_c": 45.5}
    return found


def _said(classes: Sequence[str]) -> Iterator[Reading]:
    for device in SITE.devices.values():
        if device.virtual is not None or device.device_class not in classes:
            continue
        register = 1000.0
        for at in range(DAY_0, NOW + 1, QUARTER):
            counted = PER_QUARTER[device.id](at // QUARTER - 1)
            register += counted if at > DAY_0 else 0.0
            if device.id == "g-boiler" and abs(at - SILENT) < 3 * _HOUR:
                continue
            counter = COUNTER_NAMES[device.device_class][0]
            yield reading(device.id, at, _more(device, at // QUARTER, counted) | {counter: register})


async def fill(url: str, folder: Path, *classes: str) -> None:
    """Meter what these classes of meters say, and write it to InfluxDB, database `facility`."""
    state = State.open(folder / "state.db")
    sink = InfluxSink(InfluxSettings(url=url, bucket="facility"), SITE, state)
    said = sorted(_said(classes), key=lambda each: each.time)
    async with plant(folder, SITE, now=lambda: NOW) as made:
        for begin in range(0, len(said), 2000):
            await made.keep(*said[begin : begin + 2000])
            await made.settle()
        entries = await made.entries()
    for begin in range(0, len(entries), 5000):
        await sink.write(entries[begin : begin + 5000])
    await sink.close()
    await state.close()
