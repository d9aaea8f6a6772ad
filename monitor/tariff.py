"""What a tariff says: prices by season, day and hour, standing and demand charges, taxes, carbon.

Prices are decimal and exact. `monitor.settings` makes tariffs from the site file, `monitor.metering` applies them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

__all__ = ["Band", "Tariff", "Terms"]

_ALL_DAY = (0, 1440)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A price per unit, and when it applies: everything that is said must hold, and the first band that fits wins.

    `seasons`: (first, last) days of the year as (month, day), both included, over the turn of the year when the
    first is the later one; empty: the whole year. `days`: ISO weekdays (1 is Monday) and 0 for holidays; empty:
    every day. A holiday counts as 0 and not as its weekday. `hours`: spans of minutes of the local day, end
    excluded.
    """

    name: str
    price: Decimal
    seasons: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    days: frozenset[int] = frozenset()
    hours: tuple[tuple[int, int], ...] = (_ALL_DAY,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What applies from a local day on, until the next terms do.

    `bands`: the last one applies always, so that no moment is without a price. `standing`: for each meter and
    month. `demand`: for each kW (m3/h) of the month's greatest demand, above `demand_free`. `tax`: a share of 1,
    on all of it. `carbon`: kg of CO2 for each unit.
    """

    since: date
    bands: tuple[Band, ...]
    standing: Decimal = Decimal(0)
    demand: Decimal = Decimal(0)
    demand_free: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    carbon: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Terms in the order of their days, for the meters in `devices`.

    `utility`: electricity, water, gas or heat. `unit`: kWh or m3, what `price` is for; gas is billed in kWh when
    its tariff says so. `currency`: three letters. Holidays are those of `country` and `region` (ISO 3166, as the
    library `holidays` knows them; empty: none) and `days_off`, days with their names. `credit`: whether it pays
    for what is delivered (`energy_export_kwh`) instead of what is used.
    """

    id: str
    name: str
    utility: str
    unit: str
    currency: str
    terms: tuple[Terms, ...]
    devices: frozenset[str] = frozenset()
    country: str = ""
    region: str = ""
    days_off: Mapping[date, str] = field(default_factory=dict)
    credit: bool = False
