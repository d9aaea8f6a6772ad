"""Numbers, units and local times as people write them about a meter; every ValueError says what may be written."""

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Final
from zoneinfo import ZoneInfo

from monitor.periods import local_day
from monitor.profiles.units import UnitMismatch, convert
from monitor.schema import unit_sign

__all__ = ["amount", "clock", "moment", "shown", "shown_unit"]

_NUMBER: Final = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*([^\s\d.,].*)?")
_COMMA: Final = re.compile(r"^([-+]?\d+),(\d)")
_TIMES: Final = "write `2026-11-27 10:30`, or `10:30` for today"
_FORMS: Final = ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


def amount(text: str, unit: str, *, comma: bool = False) -> float:
    """A number in `unit`, written with or without a unit that converts to it; never negative.

    `comma`: whether a comma is the decimal sign, as where columns are separated by semicolons.
    """
    plain = text.strip()
    if comma:
        plain = _COMMA.sub(r"\1.\2", plain)
    found = _NUMBER.fullmatch(plain)
    if found is None:
        raise ValueError(f"`{text[:40]}` is no number: write it as `512.4` or `512.4 {unit}`, with a dot")
    try:
        value = convert(float(found[1]), (found[2] or unit).strip(), unit)
    except UnitMismatch as error:
        raise ValueError(f"`{text[:40]}`: this counter is in {shown_unit(unit)}, and {error}") from None
    if not isfinite(value) or value < 0:
        raise ValueError(f"`{text[:40]}` cannot be what a counter shows: it is never negative")
    return value


def moment(text: str, zone: ZoneInfo, now: int) -> int:
    """A local time as UTC ms: a day and a time, a day alone (its begin), or a time alone (of today).

    An hour that the clock goes through twice needs its offset: `2026-10-25 02:30+01:00`. `now`: UTC ms.
    """
    plain = text.strip()
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", plain):
        plain = f"{local_day(now, zone).isoformat()} {plain:0>5}"
    found = _read(plain)
    if found is None:
        raise ValueError(f"`{text[:40]}` is no time: {_TIMES}")
    if found.tzinfo is not None:
        return round(found.timestamp() * 1000)
    first, second = (found.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
            raise ValueError(f"there is no `{text[:40]}`: the clock was put forward over it")
        raise ValueError(
            f"`{text[:40]}` was twice, since the clock was put back: "
            f"write `{_offset(first)}` or, an hour later, `{_offset(second)}`"
        )
    return round(first.timestamp() * 1000)


def _read(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller knows the zone
        except ValueError:
            continue
    return None


def _offset(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="minutes")


def clock(time: int, zone: ZoneInfo) -> str:
    """A moment (UTC ms) as `moment` reads it: to the minute where it is a whole one, else to the second."""
    local = datetime.fromtimestamp(time // 1000, zone)
    text = local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{text}{local.isoformat()[-6:]}" if is_twice else text


def shown_unit(unit: str) -> str:
    """A unit as people write it."""
    return unit_sign(unit)


def shown(value: float, unit: str) -> str:
    """An amount with its unit, without the noise of floating point."""
    return f"{value:.10g} {shown_unit(unit)}"
