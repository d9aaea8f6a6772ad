"""What it costs when nothing is done: a flow or a load that goes on, by the tariff of its meter. Pure.

Kinds of rules that know what was used say it themselves; this is for rules that judge what a meter shows now.
"""

from collections.abc import Mapping
from typing import Any, Final

from monitor.bands import stretches
from monitor.site import Device, Rule, Site
from monitor.tariff import Tariff

__all__ = ["cost"]

_HOURS: Final = 24
_DAY: Final = 86_400_000
_FLOWS: Final[Mapping[str, float]] = {"m3/h": 1.0, "L/s": 3.6, "L/min": 0.06, "L/h": 0.001}
_POWERS: Final[Mapping[str, float]] = {"MW": 1000.0, "kW": 1.0, "W": 0.001}
_AMOUNTS: Final[Mapping[str, float]] = {"m3": 1.0, "L": 0.001, "MWh": 1000.0, "kWh": 1.0, "Wh": 0.001}
"""Units -> m3/h, kW, and m3 or kWh."""
_KNOWN: Final = frozenset({"day_cost", "month_cost", "cost", "day_m3"})
_NOW: Final = frozenset({"threshold", "range"})
"""Kinds of rules whose value lasts until it changes."""
_COUNTED: Final = frozenset({"delta"})


def cost(  # noqa: PLR0913 - what is known of an alarm
    site: Site,
    device: Device | None,
    rule: Rule,
    *,
    value: float | None,
    unit: str | None,
    facts: Mapping[str, Any],
    time: int,
    limit: float | None = None,
) -> dict[str, str | float]:
    """Facts about what goes on, as `rule` found it at `time` (UTC ms); empty where nothing can be said.

    `day_m3`: what a flow above its limit makes in a day. `day_kwh`: what a load above its limit uses too much in a
    day. `day_cost` is that in `currency`, and `used_cost` what was used: only where the meter has a tariff, at the
    mean of the prices of the following day, without taxes.
    """
    if device is None or value is None or unit is None or _KNOWN & facts.keys():
        return {}
    price = _Price(site, device, time)
    if rule.kind in _COUNTED and unit in _AMOUNTS:
        per = "m3" if unit in {"m3", "L"} else "kWh"
        return price.facts("used_cost", value * _AMOUNTS[unit], per)
    if rule.kind not in _NOW or limit is None or value <= limit or value <= 0:
        return {}
    if unit in _FLOWS and device.device_class in {"water", "gas"}:
        amount = value * _FLOWS[unit] * _HOURS
        return {"day_m3": round(amount, 3), **price.facts("day_cost", amount, "m3")}
    if unit in _POWERS:
        amount = (value - limit) * _POWERS[unit] * _HOURS
        return {"day_kwh": round(amount, 1), **price.facts("day_cost", amount, "kWh")}
    return {}


class _Price:
    """The tariff of a meter, and what a unit costs on the day that follows."""

    def __init__(self, site: Site, device: Device, time: int) -> None:
        self._tariff = next(
            (one for one in site.tariffs.values() if device.id in one.devices and not one.credit), None
        )
        self._zone = site.timezone
        self._time = time

    def facts(self, name: str, amount: float, unit: str) -> dict[str, str | float]:
        """What an amount costs; nothing without a tariff for its unit."""
        if self._tariff is None or self._tariff.unit != unit:
            return {}
        each = self._mean(self._tariff)
        return {} if each is None else {name: round(amount * each, 2), "currency": self._tariff.currency}

    def _mean(self, tariff: Tariff) -> float | None:
        pieces = list(stretches(tariff, self._time, self._time + _DAY, self._zone))
        lasting = sum(until - begin for begin, until, _, _ in pieces)
        if not lasting:
            return None
        paid = sum(
            (until - begin) * float(tariff.terms[terms].bands[band].price) for begin, until, terms, band in pieces
        )
        return paid / lasting
