"""Numbers and times as text, as the value formats of @grafana/data."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = ["DATES", "UNITS", "fixed", "formatted", "js_number"]

Text = tuple[str, str]
"""What stands for the number, and what comes behind it."""
DATES: Final = frozenset({"dateTimeAsIso", "dateTimeAsLocal", "dateTimeFromNow", "dateTimeAsSystem"})
_SI: Final = ("f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y")
_PLURAL: Final = frozenset({" min", " hour", " day", " week", " year"})


def js_number(value: float) -> str:
    """A number as JavaScript's String() spells it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = repr(float(value))
    if "e" in text and 1e-6 <= abs(value) < 1:
        return f"{value:.20f}".rstrip("0")
    return text.replace("e-0", "e-").replace("e+0", "e+")


def _decimals_for(value: float) -> int:
    if value == 0 or math.isnan(value):
        return 0
    size = abs(value)
    digits = -math.floor(math.log(size) / math.log(10)) + 1
    if size / 10.0**-digits > 2.25:
        digits += 1
    return 0 if value % 1 == 0 else max(0, digits)


def fixed(value: float, decimals: int | None) -> str:
    """`toFixed` of @grafana/data: as many decimals as said, or as the size of the number suggests."""
    if math.isnan(value) or math.isinf(value):
        return js_number(value)
    digits = _decimals_for(value) if decimals is None else decimals
    if value == 0:
        return f"{0:.{digits}f}"
    factor = 10.0**digits
    text = js_number(math.floor(value * factor + 0.5) / factor)
    if "e" in text or not digits:
        return text
    precision = len(text) - text.index(".") - 1 if "." in text else 0
    return text + ("" if precision else ".") + "0" * (digits - precision) if precision < digits else text


def _scaled(factor: float, units: tuple[str, ...], offset: int = 0) -> Callable[[float, int | None], Text]:
    def said(value: float, decimals: int | None) -> Text:
        if math.isnan(value) or math.isinf(value):
            return js_number(value), ""
        step = 0 if value == 0 else math.floor(math.log10(abs(value)) / math.log10(factor))
        unit = units[min(max(offset + step, 0), len(units) - 1)]
        step = min(max(step, -offset), len(units) - offset - 1)
        return fixed(value / factor**step, decimals), unit

    return said


def _si(unit: str, offset: int = 0) -> Callable[[float, int | None], Text]:
    return _scaled(1000, tuple(f" {prefix}{unit}" for prefix in _SI), _SI.index("") + offset)


def _behind(unit: str) -> Callable[[float, int | None], Text]:
    return lambda value, decimals: (fixed(value, decimals), f" {unit}" if unit else "")


def _steps(*steps: tuple[float, float, str]) -> Callable[[float, int | None], Text]:
    """Below `limit`: divided by `by`, with a unit, in the plural where it is more than one."""

    def said(value: float, decimals: int | None) -> Text:
        _, by, unit = next(step for step in steps if abs(value) < step[0])
        plural = unit in _PLURAL and abs(value / by) > 1
        return fixed(value / by, decimals), unit + ("s" if plural else "")

    return said


def _seconds(value: float, decimals: int | None) -> Text:
    if value == 0:
        return "0", " s"
    return _steps(
        (1e-6, 1e-9, " ns"), (1e-3, 1e-6, " µs"), (1, 1e-3, " ms"), (60, 1, " s"), (3600, 60, " min"),
        (86_400, 3600, " hour"), (604_800, 86_400, " day"), (31_536_000, 604_800, " week"),
        (math.inf, 31_556_900, " year"),
    )(value, decimals)  # fmt: skip


_WORDS: Final = (
    ("year", 31_536_000_000), ("month", 2_592_000_000), ("week", 604_800_000), ("day", 86_400_000),
    ("hour", 3_600_000), ("minute", 60_000), ("second", 1000), ("millisecond", 1),
)  # fmt: skip


def _duration(unit: str, ms: float) -> Callable[[float, int | None], Text]:
    def said(value: float, decimals: int | None) -> Text:
        if value == 0:
            return "0", f" {unit}s"
        if value < 0:
            text, after = said(-value, decimals)
            return text, after + " ago"
        rest, left, parts = value * ms, decimals or 0, list[str]()
        for word, size in _WORDS:
            if left < 0:
                break
            if rest / size >= 1 or parts:
                whole = math.floor(rest / size)
                parts.append(f"{whole} {word}" + ("" if whole == 1 else "s"))
                rest, left = rest % size, left - 1
        return ", ".join(parts), ""

    return said


def _clock(value: float, _decimals: int | None) -> Text:
    if value < 0:
        text, after = _clock(-value, None)
        return text, after + " ago"
    return f"{int(value // 3600):02d}:{int(value % 3600 // 60):02d}:{int(value % 60):02d}", ""


def _days_clock(value: float, _decimals: int | None) -> Text:
    days = int(abs(value) // 86_400)
    text, _ = _clock(abs(value) - days * 86_400, None)
    return (f"{days} d " if days else "") + text, " ago" if value < 0 else ""


UNITS: Final[Mapping[str, Callable[[float, int | None], Text]]] = {
    "none": _behind(""),
    "short": _scaled(1000, ("", " K", " Mil", " Bil", " Tri", " Quadr")),
    "percent": lambda value, decimals: (fixed(value, decimals), "%"),
    "percentunit": lambda value, decimals: (fixed(100 * value, decimals), "%"),
    "ppm": _behind("ppm"),
    "celsius": _behind("°C"),
    "watt": _si("W"),
    "kwatt": _si("W", 1),
    "watth": _si("Wh"),
    "kwatth": _si("Wh", 1),
    "volt": _si("V"),
    "amp": _si("A"),
    "hertz": _si("Hz"),
    "decbytes": _si("B"),
    "decmbytes": _si("B", 2),
    "pressurehpa": _behind("hPa"),
    "pressurebar": _si("bar"),
    "m3": _behind("m³"),
    "litre": _si("L"),
    "massg": _si("g"),
    "masskg": _si("g", 1),
    "ms": _steps(
        (1000, 1, " ms"), (60_000, 1000, " s"), (3_600_000, 60_000, " min"), (86_400_000, 3_600_000, " hour"),
        (31_536_000_000, 86_400_000, " day"), (math.inf, 31_536_000_000, " year"),
    ),
    "s": _seconds,
    "m": _steps(
        (60, 1, " min."), (1440, 60, " hour"), (10_080, 1440, " day"), (604_800, 10_080, " week"),
        (math.inf, 525_948, " year"),
    ),
    "h": _steps((24, 1, " hour."), (168, 24, " day"), (8760, 168, " week"), (math.inf, 8760, " year")),
    "d": _steps((7, 1, " day"), (365, 7, " week"), (math.inf, 365, " year")),
    "dtdurations": _duration("second", 1000),
    "dtdurationms": _duration("millisecond", 1),
    "dthms": _clock,
    "dtdhms": _days_clock,
}  # fmt: skip
"""Grafana's id of a unit -> number and decimals -> text; those that our dashboards may use."""


def formatted(unit: str, value: float, decimals: int | None, now: datetime, zone: str) -> Text:
    """A number in a unit; one that Grafana does not know is a mistake here (Grafana would put it behind)."""
    if unit in DATES or unit.startswith("time:"):
        return _date(unit, value, now, zone), ""
    if unit in UNITS:
        text, after = UNITS[unit](value, decimals)
        return text, after.replace(".", "")
    kind, _, rest = unit.partition(":")
    if kind == "suffix" and rest:
        return _behind(rest)(value, decimals)
    if kind == "si" and rest:
        return _si(rest)(value, decimals)
    if len(unit) == 3 and unit.isupper():
        return _behind(unit)(value, decimals)
    assert False, f"Grafana knows no unit {unit}"  # noqa: B011, PT015 - a mistake of a dashboard


def _date(unit: str, value: float, now: datetime, zone: str) -> str:
    if unit == "dateTimeFromNow":
        return _ago(now.timestamp() - value / 1000)
    moment = datetime.fromtimestamp(value / 1000, ZoneInfo(zone))
    if unit.startswith("time:"):
        return moment.strftime(_pattern(unit.removeprefix("time:")))
    return moment.strftime("%d/%m/%Y, %H:%M:%S" if unit == "dateTimeAsLocal" else "%Y-%m-%d %H:%M:%S")


def _pattern(moment_js: str) -> str:
    for ours, theirs in (
        ("YYYY", "%Y"), ("MMM", "%b"), ("MM", "%m"), ("DD", "%d"), ("dddd", "%A"), ("ddd", "%a"),
        ("HH", "%H"), ("mm", "%M"), ("ss", "%S"),
    ):  # fmt: skip
        moment_js = moment_js.replace(ours, theirs)
    return moment_js


def _ago(seconds: float) -> str:
    """How long ago, in words of moment.js."""
    past = abs(seconds)
    minutes, hours, days = (math.floor(past / size + 0.5) for size in (60, 3600, 86_400))
    months, years = math.floor(days / 30.4368 + 0.5), math.floor(days / 365.2425 + 0.5)
    if math.floor(past + 0.5) < 45:
        text = "a few seconds"
    elif minutes <= 1:
        text = "a minute"
    elif minutes < 45:
        text = f"{minutes} minutes"
    elif hours <= 1:
        text = "an hour"
    elif hours < 22:
        text = f"{hours} hours"
    elif days <= 1:
        text = "a day"
    elif days < 26:
        text = f"{days} days"
    elif months <= 1:
        text = "a month"
    elif months < 11:
        text = f"{months} months"
    else:
        text = "a year" if years <= 1 else f"{years} years"
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def as_number(value: Any) -> float:
    """`anyToNumber` of @grafana/data: NaN for what is none."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and value.strip():
        try:
            return float(value)
        except ValueError:
            return math.nan
    return math.nan
