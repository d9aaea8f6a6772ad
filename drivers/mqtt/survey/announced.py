"""Reads what announces itself by Home Assistant's MQTT discovery: one message for each entity, or for a device.

Topics, keys and their abbreviations: Home Assistant, MQTT integration (abbreviations.py, discovery). Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drivers.mqtt.survey.families import is_mine
from drivers.mqtt.survey.heard import Heard

__all__ = ["Announced", "Entity", "announced"]

MAX_COMPONENTS: Final = 200
_LONGEST: Final = 2000

_ABBREVIATED: Final[Mapping[str, str]] = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmd_t": "command_topic",
    "cmps": "components",
    "dev": "device",
    "dev_cla": "device_class",
    "en": "enabled_by_default",
    "ent_cat": "entity_category",
    "exp_aft": "expire_after",
    "obj_id": "object_id",
    "p": "platform",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "stat_cla": "state_class",
    "stat_clsd": "state_closed",
    "stat_locked": "state_locked",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_open": "state_open",
    "stat_t": "state_topic",
    "stat_unlocked": "state_unlocked",
    "t": "topic",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
_DEVICE: Final[Mapping[str, str]] = {
    "ids": "identifiers",
    "cns": "connections",
    "mf": "manufacturer",
    "mdl": "model",
}
_SHARED: Final = (
    *("availability", "availability_mode", "availability_topic", "availability_template"),
    *("payload_available", "payload_not_available", "state_topic"),
)
"""Keys of a device's message that hold for each of its components."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One thing that a device announces. `says`: its keys in full."""

    component: str
    object_id: str
    says: Mapping[str, Any]
    topic: str

    def text(self, key: str, default: str = "") -> str:
        """What a key says, as text."""
        found = self.says.get(key, default)
        if isinstance(found, bool):
            return "true" if found else "false"
        return str(found)[:_LONGEST] if isinstance(found, str | int | float) else default

    @property
    def called(self) -> str:
        """What people call it."""
        return self.text("name") or self.object_id


@dataclass(slots=True, kw_only=True)
class Announced:
    """A device of Home Assistant, and its entities."""

    name: str
    model: str
    entities: list[Entity] = field(default_factory=list)


def announced(heard: Iterable[Heard]) -> list[Announced]:
    """All devices that announce themselves, each with what it has.

    What cannot be read is left out, and so is what monitors such as this one announce.
    """
    devices: dict[str, Announced] = {}
    for each in heard:
        sample = each.newest
        tree = sample.body.tree() if sample is not None and sample.kind == "json" else None
        if not isinstance(tree, dict) or not each.topic.endswith("/config") or is_mine(each.topic):
            continue
        said = _in_full(tree)
        about = _device(said.get("device"))
        for entity in _entities(each.topic, said, tree.get("~")):
            key, name, model = _identity(about, entity)
            device = devices.setdefault(key, Announced(name=name, model=model))
            if device.name == key:  # the first to speak of it did not say its name
                device.name, device.model = name, model or device.model
            device.entities.append(entity)
    return sorted(devices.values(), key=lambda device: device.name.lower())


def _in_full(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The keys without their abbreviations, the topics with their base `~`."""
    said = {_ABBREVIATED.get(key, key): value for key, value in tree.items()}
    base = said.pop("~", None)
    if isinstance(base, str):
        said = {key: _joined(key, value, base) for key, value in said.items()}
    return said


def _joined(key: str, value: Any, base: str) -> Any:
    if isinstance(value, str) and (key == "topic" or key.endswith("_topic")):
        if value.startswith("~"):
            return base + value[1:]
        return value[:-1] + base if value.endswith("~") else value
    if key == "availability" and isinstance(value, list):
        return [
            {
                _ABBREVIATED.get(inner, inner): _joined(_ABBREVIATED.get(inner, inner), what, base)
                for inner, what in one.items()
            }
            for one in value
            if isinstance(one, dict)
        ]
    return value


def _device(said: Any) -> dict[str, Any]:
    return {_DEVICE.get(key, key): value for key, value in said.items()} if isinstance(said, dict) else {}


def _entities(topic: str, said: Mapping[str, Any], base: Any) -> Iterator[Entity]:
    levels = topic.split("/")
    if len(levels) not in {4, 5}:
        return
    component, object_id = levels[1], levels[-2]
    if component != "device":
        yield Entity(component=component, object_id=object_id, says=said, topic=topic)
        return
    components = said.get("components")
    shared = {key: said[key] for key in _SHARED if key in said}
    for name, each in list(components.items())[:MAX_COMPONENTS] if isinstance(components, dict) else ():
        if isinstance(each, dict):
            own = _in_full(each if base is None else {"~": base, **each})
            if isinstance(platform := own.get("platform"), str):
                yield Entity(component=platform, object_id=str(name), says={**shared, **own}, topic=topic)


def _identity(about: Mapping[str, Any], entity: Entity) -> tuple[str, str, str]:
    """What tells a device from others, its name and its model."""
    ids = about.get("identifiers") or about.get("connections") or []
    key = str(ids[0] if isinstance(ids, list) and ids else ids or "")[:_LONGEST]
    name = about.get("name") if isinstance(about.get("name"), str) else ""
    model = " ".join(str(about[part]) for part in ("manufacturer", "model") if isinstance(about.get(part), str))
    if not key and not name:
        name = entity.text("unique_id") or entity.object_id
    return key or str(name), str(name or key)[:_LONGEST], model[:_LONGEST]
