"""Amounts and shares as rules about consumption are written: levels in per cent, amounts in m3 or kWh."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from monitor.fields import Frozen, Quantity, seconds
from monitor.model import SEVERITY_RANK
from monitor.profiles.units import UnitMismatch, convert

__all__ = ["Amount", "ShareLevel", "amount_unit", "bounded", "in_unit", "ranked", "suffix"]

_VOLUME: Final = "m3"
_ENERGY: Final = "kWh"


def _measures_use(amount: Quantity) -> Quantity:
    if not any(_converts(amount, unit) for unit in (_VOLUME, _ENERGY)):
        raise ValueError("write an amount such as `0.5 m3` or `5 kWh`")
    return amount


Amount = Annotated[Quantity, AfterValidator(_measures_use)]
"""A volume or an energy."""


def bounded(shortest: str, longest: str) -> AfterValidator:
    """What bounds a duration, both ends included, and says so as they are written."""
    least, most = seconds(shortest), seconds(longest)

    def check(value: float) -> float:
        if not least <= value <= most:
            raise ValueError(f"write a time from `{shortest}` to `{longest}`")
        return value

    return AfterValidator(check)


class ShareLevel(Frozen):
    """One step: a share in per cent, and how severe it is to be above it."""

    above: Quantity
    severity: Literal["low", "medium", "high", "critical"]


def ranked(levels: Sequence[ShareLevel]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The severities and shares of levels, the lowest first; raises ValueError when they make no sense."""
    if not levels:
        raise ValueError("`levels:` needs at least one level")
    if len({level.severity for level in levels}) < len(levels):
        raise ValueError("each of `levels:` needs a severity of its own")
    those = sorted(levels, key=lambda level: SEVERITY_RANK[level.severity])
    shares = tuple(level.above.magnitude for level in those)
    if sorted(shares) != list(shares):
        raise ValueError("the more severe one of `levels:` must be the greater share")
    return tuple(level.severity for level in those), shares


def amount_unit(amount: Quantity | None) -> str:
    """The unit that an amount is converted to: kWh when it is an energy, else m3."""
    return _ENERGY if amount is not None and _converts(amount, _ENERGY) else _VOLUME


def _converts(amount: Quantity, unit: str) -> bool:
    try:
        convert(amount.magnitude, amount.unit, unit)
    except UnitMismatch:
        return False
    return True


def in_unit(amount: Quantity | None, unit: str, usual: dict[str, float]) -> float:
    """An amount for a meter that counts in `unit`; what is usual where it was said in another, or not at all."""
    if amount is None or amount.unit != unit:
        return usual[unit]
    return amount.magnitude


def suffix(unit: str) -> str:
    """How a unit is called in the name of a fact."""
    return {_ENERGY: "kwh", _VOLUME: "m3"}.get(unit, unit)
