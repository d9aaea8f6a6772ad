"""Guesses what a field measures from its name, its value and its neighbours. Pure.

What is not certain enough is not guessed: a wrong unit is worse than none.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drivers.mqtt.survey.words import slug, words

__all__ = ["Guess", "class_of", "guess", "is_noise", "named_apart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A point that a field could be. `unit` is what is sent; empty for states. `map` as a profile has it."""

    name: str
    unit: str = ""
    map: Mapping[str, bool] = field(default_factory=dict)

    @property
    def rest(self) -> dict[str, Any]:
        """The keys of the point beside where it is found."""
        return ({"unit": self.unit} if self.unit else {}) | ({"map": dict(self.map)} if self.map else {})


_SUFFIXES: Final[Mapping[str, tuple[str, str]]] = {
    "kwh": ("kwh", "kWh"),
    "wh": ("kwh", "Wh"),
    "mwh": ("kwh", "MWh"),
    "kvarh": ("kvarh", "kvarh"),
    "varh": ("kvarh", "varh"),
    "kvah": ("kvah", "kVAh"),
    "w": ("w", "W"),
    "watt": ("w", "W"),
    "watts": ("w", "W"),
    "kw": ("w", "kW"),
    "var": ("var", "var"),
    "kvar": ("var", "kvar"),
    "va": ("va", "VA"),
    "kva": ("va", "kVA"),
    "v": ("v", "V"),
    "volt": ("v", "V"),
    "volts": ("v", "V"),
    "mv": ("v", "mV"),
    "a": ("a", "A"),
    "amp": ("a", "A"),
    "amps": ("a", "A"),
    "ma": ("a", "mA"),
    "hz": ("hz", "Hz"),
    "m3": ("m3", "m3"),
    "m3h": ("m3h", "m3/h"),
    "litres": ("m3", "L"),
    "liters": ("m3", "L"),
    "c": ("c", "degC"),
    "degc": ("c", "degC"),
    "celsius": ("c", "degC"),
    "f": ("c", "degF"),
    "fahrenheit": ("c", "degF"),
    "pct": ("pct", "%"),
    "percent": ("pct", "%"),
    "ppm": ("ppm", "ppm"),
    "hpa": ("hpa", "hPa"),
    "mbar": ("hpa", "mbar"),
    "bar": ("bar", "bar"),
}
"""Last word of a name -> suffix of our point, and what is sent."""

_QUANTITIES: Final[Mapping[str, tuple[str, str, str]]] = {
    "temp": ("temperature", "c", "degC"),
    "temperature": ("temperature", "c", "degC"),
    "hum": ("humidity", "pct", "%"),
    "humidity": ("humidity", "pct", "%"),
    "co2": ("co2", "ppm", "ppm"),
    "voltage": ("voltage", "v", "V"),
    "current": ("current", "a", "A"),
    "power": ("power", "w", "W"),
    "frequency": ("frequency", "hz", "Hz"),
    "freq": ("frequency", "hz", "Hz"),
    "battery": ("battery", "pct", "%"),
}
"""Words that have one usual unit. An energy or a volume has none: kWh or Wh, m3 or L."""

_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "c": (-60, 150),
    "pct": (0, 100),
    "ppm": (0, 50_000),
    "hz": (10, 500),
}
"""What a guessed unit has to be plausible in."""

_TRUE_NAMES: Final[Mapping[str, str]] = {
    "open": "open",
    "opened": "open",
    "locked": "locked",
    "running": "running",
    "fault": "fault",
    "tamper": "tamper",
    "alarm": "alarm",
    "leak": "alarm",
    "smoke": "alarm",
    "gas": "alarm",
}
_SPOKEN: Final[Mapping[str, Mapping[str, bool]]] = {
    "open": {"open": True, "closed": False, "close": False},
    "locked": {"locked": True, "unlocked": False},
}
_SWITCHED: Final = frozenset({"running", "pump", "fan", "motor", "light", "valve", "relay"})
_SAME: Final = frozenset({"occupancy", "presence", "motion", "battery_low", "vibration", "water_leak"})
_NOISE: Final = frozenset(
    [
        *("id", "ids", "uid", "time", "timestamp", "ts", "date", "datetime", "rssi", "snr", "linkquality", "seq"),
        *("uptime", "version", "mac", "ip", "fport", "fcnt", "dr", "rx", "tx", "channel", "counter", "mic", "crc"),
        *("wifi", "heap", "free", "ssid", "bssid", "gateway", "period", "interval", "calibration", "update"),
    ]
)
_PHASES: Final[Mapping[str, str]] = {
    **{f"l{number}": f"l{number}" for number in (1, 2, 3)},
    **{f"phase{number}": f"l{number}" for number in (1, 2, 3)},
    **{f"phase{letter}": f"l{number}" for number, letter in enumerate("abc", start=1)},
}
_LETTERS: Final = {"a": "l1", "b": "l2", "c": "l3", "n": "n"}
_LENGTHS: Final = frozenset({"level", "height", "depth", "distance"})
_SCALE: Final = {"apparent": "apparent_power", "aprt": "apparent_power", "reactive": "reactive_power"}
_MILLIVOLTS: Final = 1000


def guess(name: str, value: Any, around: Iterable[str] = (), *, family: str = "") -> Guess | None:
    """The point that a field of this name and value could be, or None. `around`: the names beside it."""
    spoken = words(name)
    plain = "_".join(spoken)
    if not spoken or is_noise(name):
        return None
    if isinstance(value, bool):
        return _state(plain, spoken, family)
    if isinstance(value, str):
        return _word(plain, spoken, value)
    if not isinstance(value, int | float):
        return None
    return _quantity(plain, float(value), frozenset(around))


def is_noise(name: str) -> bool:
    """Whether a field is bookkeeping: an id, a time, how well the radio is heard."""
    return bool(set(words(name)) & _NOISE)


def _state(plain: str, spoken: list[str], family: str) -> Guess | None:
    if spoken == ["contact"] and family == "Zigbee2MQTT":
        return Guess(name="open", map={"true": False, "false": True})
    if plain in _SAME and plain != "water_leak":
        return Guess(name=plain)
    found = _TRUE_NAMES.get(plain) or ("alarm" if plain == "water_leak" else None)
    return Guess(name=found or slug(plain, "state", joint="_"))


def _word(plain: str, spoken: list[str], value: str) -> Guess | None:
    """A state that is said in words: only those that say themselves what they mean."""
    said = value.strip()
    style = str.upper if said.isupper() else str.capitalize if said[:1].isupper() else str.lower
    for name, truths in _SPOKEN.items():
        if said.lower() in truths:
            return Guess(name=name, map={style(word): truth for word, truth in truths.items()})
    if said.lower() in {"on", "off"} and set(spoken) & _SWITCHED:
        name = "running" if "running" in spoken else f"{plain}_on"
        return Guess(name=name, map={style("on"): True, style("off"): False})
    return None


def _quantity(plain: str, value: float, around: frozenset[str]) -> Guess | None:
    phase, rest = _phase(plain)
    parts = rest.split("_")
    if parts[-2:] == ["m", "3"]:
        parts[-2:] = ["m3"]
    if parts[-3:] == ["m", "3", "h"]:
        parts[-3:] = ["m3h"]
    if parts[-2:] == ["co", "2"] or parts == ["co", "2", "ppm"]:
        parts = ["co2", *parts[2:]]
    if set(parts) & {"pf", "factor", "cosphi"} and "scale" not in parts:
        return Guess(name="_".join(filter(None, ("pf", phase)))) if abs(value) <= 1 else None
    last = parts[-1]
    if last == "m" and set(parts) & _LENGTHS:
        return Guess(name="_".join(parts), unit="m")
    if len(parts) > 1 and last in _SUFFIXES:
        suffix, unit = _SUFFIXES[last]
        return _named(_quantity_name(parts[:-1]), phase, suffix, unit, value)
    known = next((word for word in reversed(parts) if word in _QUANTITIES), None)
    if known is None:
        return None
    quantity, suffix, unit = _QUANTITIES[known]
    if known == "voltage" and value > _MILLIVOLTS and "battery" in around:
        return Guess(name="battery_v", unit="mV")
    kind = next((_SCALE[word] for word in parts if word in _SCALE), None)
    if kind is not None and quantity == "power":
        quantity, suffix, unit = kind, *(("va", "VA") if kind == "apparent_power" else ("var", "var"))
    others = [
        word for word in parts if word not in {known, "act", "active", "total", *_SCALE} and not word.isdigit()
    ]
    numbers = [word for word in parts if word.isdigit()]
    return _named("_".join([*others[:2], quantity, *numbers]), phase, suffix, unit, value)


def _quantity_name(parts: list[str]) -> str:
    renamed = ["temperature" if word == "temp" else "humidity" if word == "hum" else word for word in parts]
    return "_".join(renamed)


def _named(quantity: str, phase: str, suffix: str, unit: str, value: float) -> Guess | None:
    if unit == "degC" and suffix in _RANGES:
        low, high = _RANGES[suffix]
        if not low <= value <= high:
            return None
    elif (
        unit in {"%", "ppm", "Hz"} and suffix in _RANGES and not _RANGES[suffix][0] <= value <= _RANGES[suffix][1]
    ):
        return None
    quantity = {"total": "volume", "consumption": "volume"}.get(quantity, quantity) if suffix == "m3" else quantity
    quantity = {"total": "energy"}.get(quantity, quantity) if suffix == "kwh" else quantity
    return Guess(name="_".join(filter(None, (quantity, phase, suffix))), unit=unit)


def _phase(plain: str) -> tuple[str, str]:
    """The phase in a name, and the name without it."""
    joined = re.sub(r"(^|_)(l|phase)_([123])(?=_|$)", r"\1\2\3", plain)
    if (found := re.search(r"(?:^|_)(l[123]|phase[123abc]|phase_[abc])(?=_|$)", joined)) is not None:
        return _PHASES[found[1].replace("_", "")], _cut(joined, found)
    if (found := re.match(r"([abcn])_(?=.*(?:voltage|current|power|pf|freq|energy))", joined)) is not None:
        return _LETTERS[found[1]], joined[found.end() :]
    return "", joined


def _cut(text: str, found: "re.Match[str]") -> str:
    return (text[: found.start()] + text[found.end() :]).strip("_") or text


def named_apart(guesses: Iterable[tuple[str, Guess]]) -> dict[str, Guess]:
    """Give each point a name of its own: the second of a name takes that of the object it is in before it."""
    points: dict[str, Guess] = {}
    for where, found in guesses:
        name = found.name
        if name in points:
            within = re.split(r"[.\[/]", where.removeprefix("$."))
            name = f"{slug(' '.join(within[:-1]) or where, 'other', joint='_')}_{name}"
        if name not in points:
            points[name] = found
    return points


_CLASSES: Final = (
    ("access", ("credential",)),
    ("door", ("open", "locked")),
    ("safety", ("alarm", "smoke", "leak", "gas_alarm")),
    ("heat", ("energy_heat", "flow_temperature", "return_temperature")),
    ("water", ("volume", "flow")),
    ("electricity", ("energy", "power", "voltage", "current", "reactive", "apparent", "pf", "frequency")),
    ("environment", ("temperature", "humidity", "co2", "pressure", "illuminance", "occupancy", "moisture")),
)


def class_of(names: Iterable[str], known: str = "") -> str:
    """The class of a device with these points."""
    said = list(names)
    if known:
        return known
    for device_class, beginnings in _CLASSES:
        if any(name.startswith(beginnings) for name in said):
            return device_class
    return "equipment"
