"""Roll-ups: what was used per local hour, day and month, as entries for the journal, until it is settled.

Works within a transaction of the ledger. The figures of a day are remembered as they were told last, so that a
change in the past (a late value, a correction, another price) is told, and nothing else.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from monitor.fieldkeys import (
    USAGE_AMOUNT,
    USAGE_CARBON,
    USAGE_COST,
    USAGE_COVERAGE,
    USAGE_CURRENCY,
    USAGE_ENERGY,
    USAGE_ESTIMATED,
    USAGE_HOUR,
    USAGE_PARTIAL,
    USAGE_WEEKDAY,
    base_name,
    demand_name,
)
from monitor.figures import Consumption
from monitor.metering.account import rhythm_of
from monitor.metering.prices import energy_cost
from monitor.metering.view import View
from monitor.meters import billed_counter, counters_of
from monitor.model import Derived, Quality, Value
from monitor.periods import HOUR, QUARTER, Period, day_of, local_day, month_of, pieces
from monitor.schema import COUNTER_NAMES, MEASUREMENT_USAGE
from monitor.site import Device, Site
from monitor.tariff import Tariff

__all__ = ["PRODUCER", "Meters", "Rollup"]

PRODUCER: Final = "metering"
_MICRO: Final = Decimal("0.000001")


class Meters:
    """The meters of a site: what each is billed by, at which tariff, and which are reckoned with it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.billed = {
            device.id: counter
            for device in site.devices.values()
            if (counter := billed_counter(device)) is not None
        }
        self.others = {ident: self._other_counters(ident) for ident in self.billed}
        self.tariffs = {ident: self._tariff_of(ident) for ident in self.billed}
        self.slow = {ident for ident in self.billed if self._is_slow(ident)}
        """Meters that are read more seldom than once an hour: what they used in one is drawn, and not told."""
        self._dependent: dict[str, list[str]] = {}
        for device in site.devices.values():
            for member in self._members(device):
                self._dependent.setdefault(member, []).append(device.id)

    def affected(self, device: str) -> Iterator[str]:
        """A meter, and the virtual ones that are reckoned with it, directly or through others."""
        yield device
        yield from self._dependent.get(device, ())

    def _other_counters(self, ident: str) -> list[str]:
        device = self.site.devices[ident]
        names = COUNTER_NAMES.get(device.device_class, ())
        return [point for point in counters_of(device) if point in names and point != self.billed[ident]]

    def _tariff_of(self, ident: str) -> Tariff | None:
        tariffs = self.site.tariffs.values()
        return next((tariff for tariff in tariffs if ident in tariff.devices and not tariff.credit), None)

    def _is_slow(self, ident: str) -> bool:
        device = self.site.devices[ident]
        members = [self.site.devices[name] for name in self._members(device)] or [device]
        return any(each.virtual is None and rhythm_of(each, self.billed[ident]) > HOUR for each in members)

    def _members(self, device: Device) -> set[str]:
        if device.virtual is None:
            return set()
        direct = {*device.virtual.sum, *device.virtual.minus}
        return direct.union(*(self._members(self.site.devices[name]) for name in direct))


class Rollup:
    """Tells of periods of meters, within one transaction. `key` makes its entries new ones."""

    def __init__(self, meters: Meters, db: sqlite3.Connection, view: View, key: str) -> None:
        self._meters = meters
        self._zone = meters.site.timezone
        self._db = db
        self._view = view
        self._key = key

    def tell(self, device: str, quarters: Iterable[int]) -> list[Derived]:
        """The entries of all hours, days and months that hold some of these quarters."""
        times = sorted({quarter * QUARTER for quarter in quarters})
        told: list[Derived] = []
        for day in _around(times, lambda time: day_of(time, self._zone)):
            hours = [] if device in self._meters.slow else self._hours(day, times)
            told += self.tell_day(device, day.start, day.end, hours)
        for month in _around(times, lambda time: month_of(time, self._zone)):
            told += self.tell_month(device, month.start, month.end)
        return told

    def tell_day(self, device: str, start: int, end: int, hours: Sequence[tuple[int, int]]) -> list[Derived]:
        """The entries of some hours of a local day, and of the day, whose figures are remembered."""
        told = []
        for begin, until in hours:
            values = self._figures(device, begin, until)
            if values:
                values |= self._cost(device, begin, until, values) | self._when(begin)
                values[USAGE_HOUR] = datetime.fromtimestamp(begin / 1000, self._zone).hour
                told.append(self._entry(device, "hour", begin, values))
        values = self.day(device, start, end)
        if values:
            body = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
            # Days of another time zone, from before the settings were changed, would be paid once more.
            others = "DELETE FROM day WHERE device = ? AND start > ? AND start < ?"
            self._db.execute(others, (device, start, end))
            self._db.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?)", (device, start, body))
            told.append(self._entry(device, "day", start, values))
        return told

    def day(self, device: str, start: int, end: int) -> dict[str, Value]:
        """What is to be said of a local day; empty when nothing is known."""
        values = self._figures(device, start, end)
        if values:
            values |= self._cost(device, start, end, values) | self._coverage(device, start)
            values |= self._when(start)
        return values

    def _hours(self, day: Period, times: Sequence[int]) -> list[tuple[int, int]]:
        """The hours of a day that hold some of these moments, which are sorted."""
        return [
            (start, end)
            for start, end in pieces(day.start, day.end, "hour", self._zone)
            if bisect_left(times, start) < bisect_left(times, end)
        ]

    def tell_month(self, device: str, start: int, end: int) -> list[Derived]:
        """The entry of a local month, once its days are remembered: their costs are only added up."""
        values = self._figures(device, start, end)
        if not values:
            return []
        if self._meters.tariffs[device] is not None:
            cost, carbon = self._db.execute(
                "SELECT total(json_extract(body, ?)), total(json_extract(body, ?))"
                " FROM day WHERE device = ? AND start >= ? AND start < ?",
                (f"$.{USAGE_COST}", f"$.{USAGE_CARBON}", device, start, end),
            ).fetchone()
            values |= {USAGE_COST: round(cost, 6), USAGE_CARBON: round(carbon, 6)}
        return [self._entry(device, "month", start, values)]

    def _figures(self, device: str, start: int, end: int) -> dict[str, Value]:
        known = self._meters.site.devices[device]
        found = self._view.consumption(known, self._meters.billed[device], start, end)
        if found.amount is None:
            return {}
        values = _values(found)
        for point in self._meters.others[device]:
            other = self._view.amount(known, point, start, end)
            if other is not None:
                values[point] = round(other, 9)
        return values

    def _cost(self, device: str, start: int, end: int, values: Mapping[str, Any]) -> dict[str, Value]:
        """What was used is worth by its bands, without standing charges and taxes; and its carbon."""
        tariff = self._meters.tariffs[device]
        if tariff is None:
            return {}
        known, point = self._meters.site.devices[device], self._meters.billed[device]
        quarters = self._view.quarters(known, point, start, end)
        if tariff.unit == "kWh" and known.points[point].unit == "m3":
            factor = values.get(USAGE_ENERGY, 0.0) / values[USAGE_AMOUNT] if values[USAGE_AMOUNT] else 0.0
            quarters = [(time, amount * factor) for time, amount in quarters]
        cost, carbon = energy_cost(tariff, quarters, self._zone)
        return {USAGE_COST: float(cost.quantize(_MICRO)), USAGE_CARBON: float(carbon.quantize(_MICRO))}

    def _coverage(self, device: str, start: int) -> dict[str, Value]:
        day = local_day(start, self._zone).isoformat()
        row = self._db.execute(
            "SELECT expected, received FROM coverage WHERE device = ? AND day = ?", (device, day)
        ).fetchone()
        if row is None or not row["expected"]:
            return {}
        return {USAGE_COVERAGE: round(100 * row["received"] / row["expected"], 2)}

    def _when(self, start: int) -> dict[str, Value]:
        return {USAGE_WEEKDAY: local_day(start, self._zone).isoweekday()}

    def _entry(self, device: str, per: str, start: int, values: Mapping[str, Value]) -> Derived:
        known, tariff = self._meters.site.devices[device], self._meters.tariffs[device]
        attributes = {
            "utility": known.device_class,
            "tenant": known.tenant,
            USAGE_CURRENCY: "" if tariff is None else tariff.currency,
        }
        return Derived(
            producer=PRODUCER,
            key=f"{per}@{self._key}",
            device=device,
            time=start,
            measurement=MEASUREMENT_USAGE[per],
            values=values,
            quality=Quality.ESTIMATED if values[USAGE_ESTIMATED] else Quality.GOOD,
            attributes={name: value for name, value in attributes.items() if value},
        )


def _values(found: Consumption) -> dict[str, Value]:
    values: dict[str, Value] = {
        USAGE_AMOUNT: float(found.amount or 0.0),
        USAGE_ESTIMATED: float(found.estimated),
        USAGE_PARTIAL: 0 if found.is_complete else 1,
    }
    if found.demand_max is not None and found.base is not None:
        values[demand_name(found.unit)] = float(found.demand_max)
        values[base_name(found.unit)] = float(found.base)
    if found.energy is not None:
        values[USAGE_ENERGY] = float(found.energy)
    return values


def _around(times: Sequence[int], period_of: Callable[[int], Period]) -> Iterator[Period]:
    """The periods that hold some of these times, which are sorted."""
    place = 0
    while place < len(times):
        period = period_of(times[place])
        yield period
        place = bisect_left(times, period.end, place + 1)
