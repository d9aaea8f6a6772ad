"""Roll-ups: what was used per local hour, day and month, as entries for the journal, until it is settled.

Works within a transaction of the ledger. The figures of a day are remembered as they were told last, so that a
change in the past (a late value, a correction, another price) is told, and nothing else.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson

from monitor.derivedpoints import rhythm_of
from monitor.fieldkeys import (
    USAGE_AMOUNT,
    USAGE_BELOW,
    USAGE_CARBON,
    USAGE_COST,
    USAGE_COVERAGE,
    USAGE_CURRENCY,
    USAGE_ENERGY,
    USAGE_ESTIMATED,
    USAGE_HOUR,
    USAGE_NIGHT,
    USAGE_PARTIAL,
    USAGE_WEEK_BEFORE,
    USAGE_WEEKDAY,
    base_name,
    demand_name,
)
from monitor.figures import Consumption
from monitor.metering.prices import energy_cost
from monitor.metering.view import View
from monitor.meters import MeterGroup, billed_counter, counters_of, meter_groups
from monitor.model import Derived, Quality, Value
from monitor.periods import (
    HOUR,
    QUARTER,
    Period,
    begin_of,
    day_of,
    day_week_before,
    hour_week_before,
    local_day,
    moment_of,
    month_of,
    pieces,
)
from monitor.schema import COUNTER_NAMES, MEASUREMENT_USAGE
from monitor.site import Device, Site
from monitor.tariff import Tariff

__all__ = ["PRODUCER", "Meters", "Rollup"]

PRODUCER: Final = "metering"
_MICRO: Final = Decimal("0.000001")
_DIGITS: Final = 9
_WEEK: Final = timedelta(days=7)
_NIGHT: Final = (60, 300)
"""From 01:00 to 05:00, in minutes of the local day: the hours in which the least is used by people."""


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
        groups = list(self._groups())
        self.groups = {main.id: group for group in groups for main in group.mains}
        """Of each main meter: which meters stand next below it, and which other mains beside it."""
        self._above: dict[str, list[str]] = {}
        for group in groups:
            for each in group.meters:
                self._above.setdefault(each.id, []).extend(main.id for main in group.mains)
        self._dependent: dict[str, list[str]] = {}
        for device in site.devices.values():
            for member in self._members(device):
                self._dependent.setdefault(member, []).append(device.id)

    def affected(self, device: str) -> Iterator[str]:
        """A meter, and the virtual ones that are reckoned with it, directly or through others."""
        yield device
        yield from self._dependent.get(device, ())

    def above(self, device: str) -> Sequence[str]:
        """The main meters that a meter stands next below or beside, itself among them if it is one."""
        return self._above.get(device, ())

    def _groups(self) -> Iterator[MeterGroup]:
        """Main meters of a place, and those next below them, where all count the same."""
        for group in meter_groups([self.site.devices[ident] for ident in self.billed]):
            units = {one.points[self.billed[one.id]].unit for one in group.meters}
            if len(units) == 1 and all(main.building == group.building for main in group.mains):
                yield group

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
        self._told: set[tuple[str, str, int]] = set()

    def tell(self, device: str, quarters: Iterable[int]) -> list[Derived]:
        """The entries of all hours, days and months that hold some of these quarters, or are compared with one."""
        times = sorted({quarter * QUARTER for quarter in quarters})
        told: list[Derived] = []
        head = self._view.head(self._meters.site.devices[device], self._meters.billed[device])
        days = {day: self._hours(day, times) for day in _around(times, lambda time: day_of(time, self._zone))}
        for day in list(days):
            later = day_of(begin_of(day.first + _WEEK, self._zone), self._zone)
            if later.start < head:
                days[later] = sorted({*days.get(later, ()), *self._hours_week_after(later, times)})
        for day in sorted(days, key=lambda day: day.start):
            hours = [] if device in self._meters.slow else days[day]
            told += self.tell_day(device, day.start, day.end, hours)
        for month in _around(times, lambda time: month_of(time, self._zone)):
            told += self.tell_month(device, month.start, month.end)
        return told

    def tell_below(self, device: str, quarters: Iterable[int]) -> list[Derived]:
        """The entries of a main meter, of those periods that hold some of the quarters of a meter next below it.

        Only of periods that are wholly known of both, and what this roll-up has not told yet.
        """
        times = sorted({quarter * QUARTER for quarter in quarters})
        told: list[Derived] = []
        for day in _around(times, lambda time: day_of(time, self._zone)):
            hours = [hour for hour in self._hours(day, times) if self._is_new(device, "hour", *hour)]
            told += self._tell_hours(device, hours)
            if self._is_new(device, "day", day.start, day.end):
                told += self.tell_day(device, day.start, day.end, [])
        for month in _around(times, lambda time: month_of(time, self._zone)):
            if self._is_new(device, "month", month.start, month.end):
                told += self.tell_month(device, month.start, month.end)
        return told

    def _is_new(self, device: str, per: str, start: int, end: int) -> bool:
        if (device, per, start) in self._told:
            return False
        return self._below(device, per, start, end) is not None

    def tell_day(self, device: str, start: int, end: int, hours: Sequence[tuple[int, int]]) -> list[Derived]:
        """The entries of some hours of a local day, and of the day, whose figures are remembered."""
        told = self._tell_hours(device, hours)
        values = self.day(device, start, end)
        if values:
            self._remember(device, start, end, values)
            told.append(self._entry(device, "day", start, values))
        return told

    def _tell_hours(self, device: str, hours: Iterable[tuple[int, int]]) -> list[Derived]:
        told = []
        for start, end in hours:
            values = self._figures(device, start, end)
            if values:
                values |= self._cost(device, start, end, values)
                values |= self._beside(device, "hour", start, end)
                values[USAGE_HOUR] = datetime.fromtimestamp(start / 1000, self._zone).hour
                told.append(self._entry(device, "hour", start, values))
        return told

    def _remember(self, device: str, start: int, end: int, values: Mapping[str, Any]) -> None:
        body = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
        # Days of another time zone, from before the settings were changed, would be paid once more.
        others = "DELETE FROM day WHERE device = ? AND start > ? AND start < ?"
        self._db.execute(others, (device, start, end))
        self._db.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?)", (device, start, body))

    def day(self, device: str, start: int, end: int) -> dict[str, Value]:
        """What is to be said of a local day; empty when nothing is known."""
        values = self._figures(device, start, end)
        if values:
            values |= self._cost(device, start, end, values) | self._coverage(device, start)
            values |= self._beside(device, "day", start, end) | self._night(device, start)
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
        return [self._entry(device, "month", start, values | self._of_below(device, "month", start, end))]

    def _hours_week_after(self, day: Period, times: Sequence[int]) -> list[tuple[int, int]]:
        """The hours of a day that are compared with hours that hold some of these moments, which are sorted."""
        return [
            (start, end)
            for start, end in pieces(day.start, day.end, "hour", self._zone)
            if (earlier := hour_week_before(start, end, self._zone)) is not None
            and bisect_left(times, earlier[0]) < bisect_left(times, earlier[1])
        ]

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

    def _beside(self, device: str, per: str, start: int, end: int) -> dict[str, Value]:
        """Which weekday it is, what was used a week before, and below."""
        values: dict[str, Value] = {USAGE_WEEKDAY: local_day(start, self._zone).isoweekday()}
        is_day = per == "day"
        earlier = day_week_before(start, self._zone) if is_day else hour_week_before(start, end, self._zone)
        before = None if earlier is None else self._whole(device, *earlier)
        if before is not None:
            values[USAGE_WEEK_BEFORE] = before
        return values | self._of_below(device, per, start, end)

    def _of_below(self, device: str, per: str, start: int, end: int) -> dict[str, Value]:
        below = self._below(device, per, start, end)
        return {} if below is None else {USAGE_BELOW: below}

    def _below(self, device: str, per: str, start: int, end: int) -> float | None:
        """What the meters next below a main meter counted, once all of them and of the mains are wholly known.

        Of several mains that show it together, the first has it, and the others have none: it counts once.
        """
        group = self._meters.groups.get(device)
        if group is None or (per == "hour" and any(one.id in self._meters.slow for one in group.meters)):
            return None
        total = 0.0
        for one in group.meters:  # main meters come first: while a period runs, the first of them says so
            amount = self._whole(one.id, start, end)
            if amount is None:
                return None
            total += 0.0 if one in group.mains else amount
        return round(total, _DIGITS) if device == group.mains[0].id else 0.0

    def _whole(self, device: str, start: int, end: int) -> float | None:
        return self._view.whole(self._meters.site.devices[device], self._meters.billed[device], start, end)

    def _night(self, device: str, start: int) -> dict[str, Value]:
        """The least mean of an hour of the night, of a meter that counts m3."""
        known, point = self._meters.site.devices[device], self._meters.billed[device]
        if known.points[point].unit != "m3":
            return {}
        day = local_day(start, self._zone)
        begin, end = (moment_of(day, minute, self._zone) for minute in _NIGHT)
        least = self._view.least_hour(known, point, begin, end)
        return {} if least is None else {USAGE_NIGHT: least}

    def _entry(self, device: str, per: str, start: int, values: Mapping[str, Value]) -> Derived:
        self._told.add((device, per, start))
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
