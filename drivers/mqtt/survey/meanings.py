"""What Home Assistant's device classes and units are called in this house. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drivers.mqtt.survey.announced import Entity
from drivers.mqtt.survey.templates import place
from drivers.mqtt.survey.words import slug, words
from monitor.profiles.units import UnitMismatch, linear
from monitor.schema import SUFFIX_UNITS

__all__ = ["Meaning", "meaning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an entity becomes: a point, or the reason why none. `point` has no topic yet."""

    name: str = ""
    point: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""


_SENSORS: Final[Mapping[str, tuple[str, str]]] = {
    "apparent_power": ("apparent_power", "va"),
    "atmospheric_pressure": ("pressure", "hpa"),
    "battery": ("battery", "pct"),
    "carbon_dioxide": ("co2", "ppm"),
    "carbon_monoxide": ("co", "ppm"),
    "current": ("current", "a"),
    "distance": ("distance", "m"),
    "duration": ("duration", "s"),
    "energy": ("energy", "kwh"),
    "energy_storage": ("energy_stored", "kwh"),
    "frequency": ("frequency", "hz"),
    "gas": ("volume", "m3"),
    "humidity": ("humidity", "pct"),
    "moisture": ("moisture", "pct"),
    "power": ("power", "w"),
    "pressure": ("pressure", "bar"),
    "reactive_energy": ("reactive_energy", "kvarh"),
    "reactive_power": ("reactive_power", "var"),
    "temperature": ("temperature", "c"),
    "voltage": ("voltage", "v"),
    "volume": ("volume", "m3"),
    "volume_flow_rate": ("flow", "m3h"),
    "volume_storage": ("volume_stored", "m3"),
    "water": ("volume", "m3"),
}
"""Device class of a sensor -> quantity, suffix."""

_BINARY: Final[Mapping[str, tuple[str, bool]]] = {
    "battery": ("battery_low", True),
    "carbon_monoxide": ("alarm", True),
    "door": ("open", True),
    "garage_door": ("open", True),
    "gas": ("alarm", True),
    "lock": ("locked", False),
    "moisture": ("alarm", True),
    "moving": ("moving", True),
    "motion": ("motion", True),
    "occupancy": ("occupancy", True),
    "opening": ("open", True),
    "power": ("powered", True),
    "presence": ("presence", True),
    "problem": ("fault", True),
    "running": ("running", True),
    "safety": ("alarm", True),
    "smoke": ("alarm", True),
    "tamper": ("tamper", True),
    "vibration": ("vibration", True),
    "window": ("open", True),
}
"""Device class of a binary sensor -> state, and what `on` means for it: there a lock is on when it is open."""

_IMPORT: Final = frozenset({"import", "imported", "consumption", "consumed", "bought", "delivered"})
_EXPORT: Final = frozenset(
    {"export", "exported", "production", "produced", "returned", "return", "injected", "sold"}
)
_UNITS: Final[Mapping[str, str]] = {
    "°C": "degC",
    "°F": "degF",
    "m³": "m3",
    "m³/h": "m3/h",
    "ft³": "ft3",
    "l": "L",
    "VAR": "var",
    "kVAR": "kvar",
}
_PHASES: Final = {"l1": "l1", "l2": "l2", "l3": "l3", "a": "l1", "b": "l2", "c": "l3"}
_LONGEST_WORD: Final = 40


def meaning(entity: Entity) -> Meaning:
    """Say what an entity becomes here."""
    makers = {"sensor": _sensor, "binary_sensor": _binary, "lock": _lock, "switch": _switch}
    maker = makers.get(entity.component)
    if maker is None:
        return Meaning(refused=f"a {slug(entity.component, 'thing')} is no sensor")
    if not entity.text("state_topic"):
        return Meaning(refused="it has no state topic")
    where = place(entity.says.get("value_template") and entity.text("value_template"))
    if where is None:
        return Meaning(refused=f"its template is a program: {entity.text('value_template')[: _LONGEST_WORD * 2]}")
    return maker(entity, where)


def _sensor(entity: Entity, where: Mapping[str, Any]) -> Meaning:
    device_class = entity.text("device_class")
    unit = entity.text("unit_of_measurement").strip()
    unit = _UNITS.get(unit, unit)
    if device_class in {"timestamp", "date", "enum", "signal_strength"}:
        return Meaning(refused=f"a sensor of class {device_class} measures nothing that is kept")
    if device_class == "power_factor":
        percent = {"scale": 0.01} if unit == "%" else {}
        return Meaning(name=_joined("pf", _phase(entity), ""), point={**where, **percent})
    quantity, suffix = _SENSORS.get(device_class, ("", ""))
    if device_class == "pressure" and unit in {"hPa", "mbar"}:
        suffix = "hpa"
    if not quantity:
        quantity, suffix = _by_unit(entity, unit)
    if not quantity:
        told = f"the unit `{unit}` is none of ours" if unit else "it says neither a class nor a unit"
        return Meaning(refused=told)
    try:
        linear(unit, SUFFIX_UNITS[suffix])
    except UnitMismatch as error:
        return Meaning(refused=str(error))
    spoken = _spoken(entity)
    if device_class == "energy":
        quantity += "_import" if spoken & _IMPORT else "_export" if spoken & _EXPORT else ""
    if device_class == "voltage" and "battery" in spoken:
        quantity = "battery"
    return Meaning(name=_joined(quantity, _phase(entity), suffix), point={**where, "unit": unit})


def _by_unit(entity: Entity, unit: str) -> tuple[str, str]:
    """The quantity by its own name, where the unit alone is known."""
    suffix = next((name for name, known in SUFFIX_UNITS.items() if known == unit), "")
    if not suffix:
        return "", ""
    name = slug(entity.object_id, "", joint="_") or slug(entity.called, "value", joint="_")
    for end in (f"_{suffix}", f"_{unit.lower()}"):
        name = name.removesuffix(end)
    return (name if not name[:1].isdigit() else f"n_{name}"), suffix


def _spoken(entity: Entity) -> set[str]:
    return set(words(entity.object_id)) | set(words(entity.called)) | set(words(entity.text("value_template")))


def _phase(entity: Entity) -> str:
    for text in (entity.object_id, entity.called, entity.text("value_template").split(".")[-1]):
        parts = slug(text, "", joint="_").split("_")
        for number, part in enumerate(parts):
            after_word = number > 0 and parts[number - 1] == "phase"
            if part in _PHASES and (part[:1] == "l" or after_word or (number == 0 and len(parts) > 1)):
                return _PHASES[part]
    return ""


def _joined(quantity: str, phase: str, suffix: str) -> str:
    return "_".join(filter(None, (quantity, phase, suffix)))


def _truths(on: str, off: str, where: Mapping[str, Any], *, means: bool = True) -> dict[str, bool]:
    """The map of two words; what JSON calls true is `True` in a template."""
    made = {}
    for word, truth in ((on, means), (off, not means)):
        made[word] = truth
        if "json" in where and word.lower() in {"true", "false"}:
            made[word.lower()] = truth
    return made


def _binary(entity: Entity, where: Mapping[str, Any]) -> Meaning:
    device_class = entity.text("device_class")
    if device_class == "connectivity":
        return Meaning(refused="whether it is connected is told by its availability")
    name, means = _BINARY.get(device_class, (_state_name(entity), True))
    if device_class in {"cold", "heat", "light", "plug", "sound", "update", "battery_charging"}:
        name = device_class
    on, off = entity.text("payload_on", "ON"), entity.text("payload_off", "OFF")
    return Meaning(name=name, point={**where, "map": _truths(on, off, where, means=means)})


def _lock(entity: Entity, where: Mapping[str, Any]) -> Meaning:
    locked, unlocked = entity.text("state_locked", "LOCKED"), entity.text("state_unlocked", "UNLOCKED")
    return Meaning(name="locked", point={**where, "map": _truths(locked, unlocked, where)})


def _switch(entity: Entity, where: Mapping[str, Any]) -> Meaning:
    on = entity.text("state_on") or entity.text("payload_on", "ON")
    off = entity.text("state_off") or entity.text("payload_off", "OFF")
    return Meaning(name=f"{_state_name(entity)}_on", point={**where, "map": _truths(on, off, where)})


def _state_name(entity: Entity) -> str:
    name = slug(entity.object_id, "", joint="_") or slug(entity.called, "state", joint="_")
    return name if not name[:1].isdigit() else f"state_{name}"
