"""What Home Assistant shows an alarm as: its device class, by the rule and what the rule watches. Pure.

Source: home-assistant.io, "Binary sensor", device classes: `on` means detected, open, unsafe, low, cold, hot.
"""

from collections.abc import Mapping
from typing import Any, Final

from monitor.sinks.mqtt.states import Shown

__all__ = ["look_of"]

_DETECTORS: Final[Mapping[str, str]] = {
    "aqara-sjcgq11lm": "moisture",
    "dragino-lwl02": "moisture",
    "milesight-em300-sld": "moisture",
    "copeland-c-series": "gas",
    "heiman-hs1cg": "gas",
    "honeywell-midas": "gas",
    "milesight-gs101": "gas",
    "new-cosmos-ps-7-m": "gas",
    "oldham-itrans2": "gas",
    "pemtech-pt495": "gas",
    "xiaomi-jtqj-bf-01lm": "gas",
    "lansen-smoke-wmbus": "smoke",
    "qundis-qsmoke-wmbus": "smoke",
    "xiaomi-jtyj-gd-01lm": "smoke",
}
"""What the detectors of the library detect; others are known by a word of their id or name."""
_WORDS: Final[Mapping[str, str]] = {
    "carbon": "carbon_monoxide",
    "oujiabao": "gas",
    "smoke": "smoke",
    "fire": "smoke",
    "gas": "gas",
    "methane": "gas",
    "leak": "moisture",
    "water": "moisture",
    "flood": "moisture",
}
_EVENTS: Final[Mapping[str, str]] = {
    "forced": "door",
    "held": "door",
    "tamper": "tamper",
    "duress": "safety",
    "battery_soon": "battery",
}
_POINTS: Final[Mapping[str, str]] = {
    "tamper": "tamper",
    "battery_low": "battery",
    "battery_pct": "battery",
    "concentration_pct_lel": "gas",
}
_FLOWS: Final = frozenset({"continuous_flow", "night_flow"})
_OF_MEDIUM: Final[Mapping[str, str]] = {"water": "moisture", "gas": "gas"}


def look_of(shown: Shown) -> str:
    """The device class of an alarm; `problem` is what says least."""
    if shown.rule.kind in {"event", "event_count"}:
        said = getattr(shown.rule.params, "event", ())
        known = {_EVENTS.get(event, "problem") for event in ((said,) if isinstance(said, str) else said)}
        return known.pop() if len(known) == 1 else "problem"
    if shown.rule.kind in _FLOWS:
        return _OF_MEDIUM.get(shown.device.device_class, "problem")
    return _of_point(shown, shown.source.point or "")


def _of_point(shown: Shown, point: str) -> str:
    kind = shown.device.device_class
    if point == "open":
        return "door" if kind == "door" else "opening"
    if kind == "safety" and point.startswith("alarm"):
        return _detected(shown)
    if point.endswith("temperature_c"):
        return _of_temperature(shown.rule.params)
    return _POINTS.get(point, "problem")


def _detected(shown: Shown) -> str:
    device, profile = shown.device, shown.device.profile or ""
    called = f"{device.id} {device.name} {profile}".lower()
    word = next((look for word, look in _WORDS.items() if word in called), "safety")
    return _DETECTORS.get(profile, word)


def _of_temperature(params: Any) -> str:
    above, below = getattr(params, "above", None), getattr(params, "below", None)
    if (above is None) == (below is None):
        return "problem"
    return "heat" if below is None else "cold"
