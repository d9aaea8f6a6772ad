"""Binds tariffs: which meters each is for, its holidays, and its terms in the order of their days."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from monitor.documents.node import Node, join
from monitor.fields import Quantity
from monitor.profiles.counters import RATINGS
from monitor.profiles.units import UnitMismatch, measured
from monitor.settings.binding import Binding
from monitor.settings.calendar import bind_holidays
from monitor.settings.calendarshape import HolidayKeys
from monitor.settings.meters import billed
from monitor.settings.selecting import check_selector, select
from monitor.settings.tariffshape import BandKeys, TariffKeys, TermKeys
from monitor.site import Device
from monitor.tariff import Band, Tariff, Terms

__all__ = ["bind_tariffs"]

_EXPORT: Final = "energy_export_kwh"
_UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "electricity": ("kWh",),
    "heat": ("kWh",),
    "water": ("m3",),
    "gas": ("m3", "kWh"),
}
"""Utility -> the units that it can be billed in, the usual one first."""

_EVERY_DAY: Final = frozenset(range(8))
_WHOLE_DAY: Final = ((0, 1440),)


def bind_tariffs(binding: Binding, root: Node, devices: Mapping[str, Device]) -> dict[str, Tariff]:
    """Bind the section `tariffs`."""
    seen: dict[str, Node] = {}
    tariffs: dict[str, Tariff] = {}
    taken: dict[tuple[str, bool], str] = {}
    for node, path in binding.section(root, "tariffs"):
        ident = node.text("id")
        if ident and ident in seen:
            binding.twice(node, path, ident, seen[ident])
            continue
        seen.setdefault(ident, node)
        tariff = _Bind(binding, node, path, devices, taken).tariff()
        if tariff is not None:
            tariffs[tariff.id] = tariff
    return tariffs


class _Bind:
    """Binds one tariff. `taken`: which tariff each meter has already, by (meter, whether it is a credit)."""

    def __init__(
        self,
        binding: Binding,
        node: Node,
        path: str,
        devices: Mapping[str, Device],
        taken: dict[tuple[str, bool], str],
    ) -> None:
        self.binding = binding
        self.findings = binding.findings
        self.node = node
        self.path = path
        self.devices = devices
        self.taken = taken

    def tariff(self) -> Tariff | None:
        """The tariff, or None after telling what is wrong."""
        keys = self.binding.check(TariffKeys, self.node, self.path)
        place = self.node.get("devices")
        if place is not None:
            check_selector(self.binding, place, join(self.path, "devices"))
        if keys is None:
            return None
        before = len(self.findings.errors)
        unit = self._unit(keys)
        country, region = bind_holidays(self.binding, keys.holidays, *self._at("holidays"))
        terms = self._terms(keys, unit)
        devices = self._devices(keys, unit)
        if len(self.findings.errors) > before:
            return None
        return Tariff(
            id=keys.id,
            name=keys.name or keys.id,
            utility=keys.utility,
            unit=unit,
            currency=keys.currency,
            terms=terms,
            devices=devices,
            country=country,
            region=region,
            days_off={} if keys.holidays is None else dict(keys.holidays.days),
            credit=keys.credit,
        )

    def _at(self, *steps: str) -> tuple[Node, str]:
        """The node at a key below the tariff (or the nearest above it), and its path."""
        found, _ = self.node.down(steps)
        return found, join(self.path, *steps)

    def _unit(self, keys: TariffKeys) -> str:
        usual = _UNITS[keys.utility]
        if keys.credit and keys.utility != "electricity":
            message = "what is delivered is metered for electricity alone (`energy_export_kwh`)"
            self.findings.error(*self._at("credit"), message)
        if keys.unit is None:
            return usual[0]
        if keys.unit not in usual:
            message = f"{keys.utility} is not billed in {keys.unit}"
            self.findings.error(*self._at("unit"), message, allowed=", ".join(usual))
        return keys.unit

    # Meters --------------------------------------------------------------------------------------------

    def _devices(self, keys: TariffKeys, unit: str) -> frozenset[str]:
        known = [*self.devices.values()]
        if keys.devices is not None:
            named = {one.attributes["id"] for one in select(self.binding, [keys.devices])}
            known = [device for device in known if device.id in named]
        meters = [device for device in known if _counts(device, keys)]
        fitting = {device.id for device in meters if self._is_billable(device, unit)}
        place, where = self._at("devices")
        for ident in sorted(fitting):
            other = self.taken.get((ident, keys.credit))
            if other is None:
                continue
            if keys.devices is None:
                fitting.discard(ident)
                continue
            message = f"`{ident}` has the tariff `{other}` already, and `{keys.id}` would be a second one"
            self.findings.error(place, where, message)
            break
        self.taken.update({(ident, keys.credit): keys.id for ident in fitting})
        if not fitting and not meters:
            counter = f"counter of {keys.utility}" if not keys.credit else f"`{_EXPORT}`"
            self.findings.warning(place, where, f"no meter has this tariff: none of these has a {counter}")
        elif not fitting:
            self.findings.warning(place, where, "no meter has this tariff: all have one that stands before it")
        return frozenset(fitting)

    def _is_billable(self, device: Device, unit: str) -> bool:
        """Whether what a meter counts can be billed in a unit; gas in kWh needs to be known."""
        counter = billed(device) or _EXPORT
        if device.points[counter].unit == unit:
            return True
        if device.device_class != "gas" or unit != "kWh":
            return False
        missing = next((each for each in self._behind(device) if not each.gas), None)
        if missing is not None:
            message = (
                f"`{missing.id}` counts m3, and the tariff is in kWh: say what a cubic metre is worth with `gas:`"
            )
            self.findings.error(*self._at("unit"), message)
        return True

    def _behind(self, device: Device) -> list[Device]:
        """The meters that a meter is made of in the end: itself, unless it is reckoned."""
        if device.virtual is None:
            return [device]
        members = (self.devices[each] for each in (*device.virtual.sum, *device.virtual.minus))
        return [each for member in members for each in self._behind(member)]

    # Terms ---------------------------------------------------------------------------------------------

    def _terms(self, keys: TariffKeys, unit: str) -> tuple[Terms, ...]:
        place, where = self._at("terms")
        found: dict[date, Terms] = {}
        for number, one in enumerate(keys.terms):
            node, path = (place.items[number], join(where, number)) if place.kind == "list" else (place, where)
            if one.since is None and len(keys.terms) > 1:
                message = "`since` is missing: with several terms, each says from when it applies"
                self.findings.error(node, join(path, "since"), message)
                continue
            since = one.since or date.min
            if since in found:
                message = f"there are terms since {since} already: one of both would never apply"
                self.findings.error(node.get("since") or node, join(path, "since"), message)
                continue
            found[since] = Terms(
                since=since,
                bands=self._bands(one, keys.holidays, node, path),
                standing=one.standing or Decimal(0),
                demand=one.demand or Decimal(0),
                demand_free=self._free(one.demand_free, unit, node, path),
                tax=one.tax or Decimal(0),
                carbon=one.carbon or Decimal(0),
            )
        return tuple(found[since] for since in sorted(found))

    def _free(self, quantity: Quantity | None, unit: str, node: Node, path: str) -> Decimal:
        if quantity is None:
            return Decimal(0)
        wanted = RATINGS[unit]
        place, where = node.get("demand_free") or node, join(path, "demand_free")
        try:
            free = measured(quantity, wanted)
        except UnitMismatch as error:
            self.findings.error(place, where, str(error), allowed=f"{wanted} and the like")
            return Decimal(0)
        if free < 0:
            self.findings.error(place, where, "a demand is not less than 0")
        return Decimal(repr(free))

    def _bands(self, keys: TermKeys, off: HolidayKeys | None, node: Node, path: str) -> tuple[Band, ...]:
        if keys.price is not None:
            return (Band(name="", price=keys.price),)
        place, where = node.get("bands") or node, join(path, "bands")
        bands = [_band(one) for one in keys.bands]
        for number, band in enumerate(bands):
            item = place.items[number]
            last = number == len(bands) - 1
            if _is_always(band) and not last:
                message = f"`{band.name}` applies always, so that those behind it never would: put it last"
                self.findings.error(item, join(where, number), message)
            if last and not any(map(_is_always, bands)):
                message = (
                    "not every moment has a price: the last band has to apply always, "
                    "without `seasons`, `days` and `hours`"
                )
                self.findings.error(item, join(where, number), message)
            if 0 in band.days and not (off is not None and off.is_known):
                message = "nobody knows the holidays: add `holidays: {country: …}` to the tariff"
                self.findings.error(item.get("days") or item, join(where, number, "days"), message)
        self._check_names(bands, place, where)
        return tuple(bands)

    def _check_names(self, bands: Sequence[Band], place: Node, where: str) -> None:
        """Bands of one name are one line of the bill, and so have one price."""
        prices: dict[str, Decimal] = {}
        for number, band in enumerate(bands):
            if prices.setdefault(band.name, band.price) != band.price:
                item = place.items[number]
                message = f"another band is called `{band.name}` and has another price"
                self.findings.error(item.get("name") or item, join(where, number, "name"), message)


def _counts(device: Device, keys: TariffKeys) -> bool:
    """Whether a meter counts what a tariff is about."""
    if device.device_class != keys.utility:
        return False
    if keys.credit:
        return _EXPORT in device.points and device.points[_EXPORT].counter is not None
    return billed(device) not in {None, _EXPORT}


def _band(keys: BandKeys) -> Band:
    spans = sorted({span for spans in keys.hours for span in spans})
    return Band(
        name=keys.name,
        price=keys.price,
        seasons=keys.seasons,
        days=frozenset(day for days in keys.days for day in days),
        hours=tuple(spans) or _WHOLE_DAY,
    )


def _is_always(band: Band) -> bool:
    return not band.seasons and band.days in {frozenset(), _EVERY_DAY} and band.hours == _WHOLE_DAY
