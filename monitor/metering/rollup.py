"""Roll-ups: what was used per local hour, day and month, as entries for the journal, until it is settled.

Works within a transaction of the ledger. The figures of a day are remembered as they were told last, so that a
change in the past (a late value, a correction, another price) is told, and nothing else.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import orjson

from monitor.figures import Consumption
from monitor.metering.prices import energy_cost
from monitor.metering.view import View, billed_counter, metered
from monitor.model import Derived, Quality, Value
from monitor.periods import QUARTER, day_of, local_day, month_of, pieces
from monitor.schema import COUNTER_NAMES, MEASUREMENT_USAGE, rate_unit
from monitor.site import Device, Site
from monitor.tariff import Tariff

__all__ = ["PRODUCER", "Rollup"]

PRODUCER: Final = "metering"
_NOTHING: Final[Mapping[str, Value]] = MappingProxyType({})
_CENTS: Final = Decimal("0.000001")
_SUFFIX: Final[Mapping[str, str]] = {"W": "w", "m3/h": "m3h", "var": "var", "VA": "va"}


class Rollup:
    """Tells of periods of the site's meters."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = site.timezone
        self._billed = {
            device.id: billed for device in site.devices.values() if (billed := billed_counter(device)) is not None
        }
        self._others = {ident: self._other_counters(ident) for ident in self._billed}
        self._dependent = self._dependents()
        self._tariffs = {ident: self._tariff_of(ident) for ident in self._billed}

    def knows(self, device: str) -> bool:
        """Whether it is a meter."""
        return device in self._billed

    def affected(self, device: str) -> Iterator[str]:
        """A meter, and the virtual ones that are reckoned with it."""
        yield device
        yield from self._dependent.get(device, ())

    def tell(
        self, db: sqlite3.Connection, view: View, device: str, quarters: Iterable[int], key: str
    ) -> list[Derived]:
        """The entries of all periods that hold some of these quarters; `key` makes them new ones."""
        times = sorted({quarter * QUARTER for quarter in quarters})
        told: list[Derived] = []
        for day in _distinct(day_of(time, self._zone) for time in times):
            hours = [
                (start, end)
                for start, end in pieces(day.start, day.end, "hour", self._zone)
                if any(start <= time < end for time in times)
            ]
            told += self.tell_day(db, view, device, day.start, day.end, hours, key)
        for month in _distinct(month_of(time, self._zone) for time in times):
            told += self.tell_month(view, device, month.start, month.end, key)
        return told

    def tell_month(self, view: View, device: str, start: int, end: int, key: str) -> list[Derived]:
        """The entry of a local month."""
        return self._told(view, device, "month", start, end, key)

    def tell_day(  # noqa: PLR0913, PLR0917 - a day of a meter, and where it is told
        self,
        db: sqlite3.Connection,
        view: View,
        device: str,
        start: int,
        end: int,
        hours: Sequence[tuple[int, int]],
        key: str,
    ) -> list[Derived]:
        """The entries of a local day and of some of its hours; the day's figures are remembered."""
        told = []
        for begin, until in hours:
            told += self._told(view, device, "hour", begin, until, key)
        days = self._day(db, view, device, start, end, key)
        for derived in days:
            _remember(db, device, start, derived.values)
        return told + days

    def figures(
        self, db: sqlite3.Connection, view: View, device: str, start: int, end: int
    ) -> Mapping[str, Value]:
        """What the entry of a local day would say now; empty when nothing is known."""
        days = self._day(db, view, device, start, end, "")
        return days[0].values if days else {}

    def _day(  # noqa: PLR0913, PLR0917 - a day of a meter, and where it is told
        self, db: sqlite3.Connection, view: View, device: str, start: int, end: int, key: str
    ) -> list[Derived]:
        covered = _coverage(db, device, local_day(start, self._zone).isoformat())
        return self._told(view, device, "day", start, end, key, covered)

    def _told(  # noqa: PLR0913, PLR0917 - a period of a meter, and what it is called
        self,
        view: View,
        device: str,
        per: str,
        start: int,
        end: int,
        key: str,
        more: Mapping[str, Value] = _NOTHING,
    ) -> list[Derived]:
        known = self._site.devices[device]
        found = view.consumption(known, self._billed[device], start, end)
        if found.amount is None:
            return []
        values = self._values(found)
        tariff = self._tariffs[device]
        attributes = {"utility": known.device_class, "tenant": known.tenant}
        if tariff is not None:
            values |= self._cost(view, tariff, found)
            attributes["currency"] = tariff.currency
        for point in self._others[device]:
            other = view.consumption(known, point, start, end)
            if other.amount is not None:
                values[point] = other.amount
        values |= more
        return [
            Derived(
                producer=PRODUCER,
                key=f"{per}@{key}",
                device=device,
                time=start,
                measurement=MEASUREMENT_USAGE[per],
                values=values,
                quality=Quality.ESTIMATED if found.estimated else Quality.GOOD,
                attributes={name: value for name, value in attributes.items() if value},
            )
        ]

    @staticmethod
    def _values(found: Consumption) -> dict[str, Value]:
        suffix = _SUFFIX[rate_unit(found.unit)[0]]
        values: dict[str, Value] = {
            "amount": float(found.amount or 0.0),
            "estimated": float(found.estimated),
            "partial_i": 0 if found.is_complete else 1,
        }
        if found.demand_max is not None and found.base is not None:
            values[f"demand_max_{suffix}"] = float(found.demand_max)
            values[f"base_{suffix}"] = float(found.base)
        if found.energy is not None:
            values["energy_kwh"] = float(found.energy)
        return values

    def _cost(self, view: View, tariff: Tariff, found: Consumption) -> dict[str, Value]:
        """What was used is worth by its bands, without standing charges and taxes; and its carbon."""
        device = self._site.devices[found.device]
        quarters = view.quarters(device, found.point, found.start, found.end)
        if tariff.unit == "kWh" and found.unit == "m3":
            factor = (found.energy or 0.0) / found.amount if found.amount else 0.0
            quarters = [(time, amount * factor) for time, amount in quarters]
        cost, carbon = energy_cost(tariff, quarters, self._zone)
        return {"cost": float(cost.quantize(_CENTS)), "carbon_kg": float(carbon.quantize(_CENTS))}

    # The site --------------------------------------------------------------------------------------------

    def _other_counters(self, ident: str) -> list[str]:
        device = self._site.devices[ident]
        names = COUNTER_NAMES.get(device.device_class, ())
        return [point for point in metered(device) if point in names and point != self._billed[ident]]

    def _tariff_of(self, ident: str) -> Tariff | None:
        tariffs = self._site.tariffs.values()
        return next((tariff for tariff in tariffs if ident in tariff.devices and not tariff.credit), None)

    def _dependents(self) -> dict[str, list[str]]:
        """Device -> the virtual meters that it is a member of, directly or through others."""
        found: dict[str, list[str]] = {}
        for device in self._site.devices.values():
            for member in self._members(device):
                found.setdefault(member, []).append(device.id)
        return found

    def _members(self, device: Device) -> set[str]:
        if device.virtual is None:
            return set()
        direct = {*device.virtual.sum, *device.virtual.minus}
        return direct.union(*(self._members(self._site.devices[name]) for name in direct))


def _distinct(periods: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(periods))


def _remember(db: sqlite3.Connection, device: str, start: int, values: Mapping[str, Value]) -> None:
    body = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
    db.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?)", (device, start, body))


def _coverage(db: sqlite3.Connection, device: str, day: str) -> dict[str, Value]:
    row = db.execute(
        "SELECT expected, received FROM coverage WHERE device = ? AND day = ?", (device, day)
    ).fetchone()
    if row is None or not row["expected"]:
        return {}
    return {"coverage_pct": round(100 * row["received"] / row["expected"], 2)}
