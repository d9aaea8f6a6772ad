"""Times as Grafana reads them: `now-7d/d`, a panel's own range, the width of `$__interval`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = ["Range", "interval_text", "of_panel", "parse", "span_ms", "width_of_interval"]

_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_STEP = re.compile(r"([-+])(\d+)([smhdwMy])|/([smhdwMy])")
_ROUNDED: Final = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000), (3500, 2000),
    (7500, 5000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000),
    (210_000, 120_000), (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000),
    (2_700_000, 1_800_000), (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000),
    (32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000), (1_814_400_000, 604_800_000),
    (3_628_800_000, 2_592_000_000),
)  # fmt: skip
"""`roundInterval` of @grafana/data: below so many milliseconds -> that interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From when to when, as said (`now-24h`, `now`, or ISO 8601), for a viewer in `zone` at `now`."""

    start: str
    end: str = "now"
    now: datetime
    zone: str = "Europe/Berlin"

    @property
    def is_relative(self) -> bool:
        return self.start.startswith("now")

    @property
    def begin(self) -> datetime:
        return parse(self.start, self.now, self.zone)

    @property
    def finish(self) -> datetime:
        return parse(self.end, self.now, self.zone, end=True)

    @property
    def ms(self) -> tuple[int, int]:
        """Begin and end in milliseconds since 1970."""
        return int(self.begin.timestamp() * 1000), int(self.finish.timestamp() * 1000)


def parse(text: str, now: datetime, zone: str, *, end: bool = False) -> datetime:
    """The moment that a text means; `/d` is the begin of the day, or its last millisecond where a range ends."""
    tz = ZoneInfo(zone)
    if not text.startswith("now"):
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=tz) if found.tzinfo is None else found
    moment, rest = now.astimezone(tz), text.removeprefix("now")
    for step in _STEP.finditer(rest):
        sign, amount, unit, floor = step.groups()
        moment = _floor(moment, floor, end=end) if floor else _add(moment, int(f"{sign}{amount}"), unit)
    assert not _STEP.sub("", rest), f"Grafana does not understand the time {text}"
    return moment


def _add(moment: datetime, amount: int, unit: str) -> datetime:
    if unit in "smh":
        return (moment.astimezone(ZoneInfo("UTC")) + timedelta(milliseconds=amount * _MS[unit])).astimezone(
            moment.tzinfo
        )
    if unit in "dw":
        return moment + timedelta(days=amount * (7 if unit == "w" else 1))
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "y" else 1)
    first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
    last = _add(first.replace(day=28), 0, "d") + timedelta(days=4)
    return first.replace(day=min(moment.day, (last - timedelta(days=last.day)).day))


def _floor(moment: datetime, unit: str, *, end: bool) -> datetime:
    found = moment.replace(microsecond=0)
    order = ("s", "m", "h", "d")
    for smaller, name in zip(order, ("second", "minute", "hour"), strict=False):
        if unit == smaller:
            break
        found = found.replace(**{name: 0})  # type: ignore[arg-type]
    if unit == "w":
        found -= timedelta(days=found.weekday())
    if unit in "My":
        found = found.replace(day=1)
    if unit == "y":
        found = found.replace(month=1)
    return _add(found, 1, unit) - timedelta(milliseconds=1) if end else found


def of_panel(panel: Mapping[str, Any], chosen: Range) -> Range:
    """The range of a panel: `timeFrom` in place of a relative one, then back by `timeShift`."""
    found = chosen
    own = panel.get("timeFrom")
    if own is not None and chosen.is_relative:
        start = own if own.startswith("now") else f"now-{own}"
        assert re.fullmatch(r"now([-+]\d+[smhdwMy]|/[dwMy])", start), f"Grafana takes no timeFrom {own}"
        found = replace(chosen, start=start, end="now")
    shift = panel.get("timeShift")
    if shift is not None:
        amount, unit = re.fullmatch(r"(\d+)([smhdwMy])", shift).groups()  # type: ignore[union-attr]
        begin, end = (_add(moment, -int(amount), unit) for moment in (found.begin, found.finish))
        found = replace(found, start=begin.isoformat(), end=end.isoformat())
    return found


def span_ms(text: str) -> int:
    """`10s`, `1m`, `1h` in milliseconds."""
    amount, unit = re.fullmatch(r">?(\d+)(ms|[smhdw])", text).groups()  # type: ignore[union-attr]
    return int(amount) * _MS[unit]


def width_of_interval(chosen: Range, pixels: int, least: str) -> int:
    """How many milliseconds `$__interval` is: one pixel, rounded, and not below `least`."""
    begin, end = chosen.ms
    exact = (end - begin) / max(pixels, 1)
    return max(next((width for below, width in _ROUNDED if exact < below), 31_536_000_000), span_ms(least))


def interval_text(width: int) -> str:
    """A width as InfluxQL says it."""
    for unit in ("d", "h", "m", "s"):
        if width % _MS[unit] == 0:
            return f"{width // _MS[unit]}{unit}"
    return f"{width}ms"
