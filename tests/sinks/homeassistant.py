"""What Home Assistant's documentation asks of a device discovery payload, as a check.

Source: home-assistant.io, "MQTT" (device discovery payload, origin, discovery topic), "MQTT binary sensor", "MQTT
sensor", "MQTT button", "Binary sensor" (device classes).
"""

import re
from collections.abc import Mapping
from typing import Any

import jinja2

__all__ = ["faults", "render"]

_TOPIC = re.compile(r".+/device/([a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")
_DEVICE = {
    "identifiers", "connections", "manufacturer", "model", "model_id", "name", "hw_version", "serial_number",
    "sw_version", "via_device", "suggested_area", "configuration_url",
}  # fmt: skip
_ORIGIN = {"name", "sw_version", "support_url"}
_TOP = {
    "device", "origin", "components", "availability", "availability_mode", "availability_topic",
    "availability_template", "payload_available", "payload_not_available", "state_topic", "command_topic", "qos",
    "encoding",
}  # fmt: skip
_COMMON = {
    "platform", "unique_id", "name", "availability", "availability_mode", "device_class", "enabled_by_default",
    "entity_category", "icon", "json_attributes_topic", "json_attributes_template", "qos", "default_entity_id",
}  # fmt: skip
_OPTIONS: Mapping[str, tuple[set[str], set[str]]] = {
    "binary_sensor": (
        {"state_topic"},
        {"value_template", "payload_on", "payload_off", "expire_after", "off_delay", "force_update"},
    ),
    "sensor": (
        {"state_topic"},
        {
            "value_template",
            "unit_of_measurement",
            "state_class",
            "expire_after",
            "force_update",
            "suggested_display_precision",
            "last_reset_value_template",
            "options",
        },
    ),
    "button": ({"command_topic"}, {"payload_press", "command_template", "retain"}),
}
"""Platform -> what it must have, and what it may have besides."""
_BINARY = {
    "battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door", "garage_door", "gas",
    "heat", "light", "lock", "moisture", "motion", "moving", "occupancy", "opening", "plug", "power", "presence",
    "problem", "running", "safety", "smoke", "sound", "tamper", "update", "vibration", "window",
}  # fmt: skip


def faults(topic: str, content: Any) -> list[str]:
    """What is wrong with an announcement; nothing when it is in order."""
    found = [] if _TOPIC.fullmatch(topic) else [f"the topic {topic}"]
    found += [f"{key} is missing" for key in ("device", "origin", "components") if not content.get(key)]
    found += [f"{key} is no option" for key in content.keys() - _TOP]
    device, origin = content.get("device", {}), content.get("origin", {})
    found += [f"device.{key} is no option" for key in device.keys() - _DEVICE]
    found += [] if device.get("identifiers") or device.get("connections") else ["the device has no identifier"]
    found += [f"origin.{key} is no option" for key in origin.keys() - _ORIGIN]
    found += [] if isinstance(origin.get("name"), str) else ["the origin has no name"]
    found += _availability("", content)
    for name, component in content.get("components", {}).items():
        found += [f"{name}: {fault}" for fault in _of_component(component, content)]
    uniques = [component.get("unique_id") for component in content.get("components", {}).values()]
    return found + [f"{one} is not unique" for one in {each for each in uniques if uniques.count(each) > 1}]


def _of_component(component: Mapping[str, Any], content: Mapping[str, Any]) -> list[str]:
    platform = component.get("platform", "")
    if platform not in _OPTIONS:
        return [f"no platform {platform!r}"]
    must, may = _OPTIONS[platform]
    found = [f"{key} is missing" for key in must | {"unique_id", "name"} if not component.get(key)]
    found += [f"{key} is no option" for key in component.keys() - _COMMON - must - may]
    if platform == "binary_sensor" and component.get("device_class", "problem") not in _BINARY:
        found.append(f"no device class {component['device_class']!r}")
    if component.get("entity_category") not in {None, "diagnostic", "config"}:
        found.append("no such category")
    for key in component.keys() & {"state_topic", "command_topic", "json_attributes_topic"}:
        if not component[key] or set(component[key]) & set("+#\0"):
            found.append(f"{key} is no topic")
    for key in component.keys() & {"value_template", "json_attributes_template"}:
        _environment().parse(component[key])
    # What both levels say must not exclude each other, since a component inherits what it does not say.
    return found + _availability("", dict(content) | dict(component))


def _availability(path: str, where: Mapping[str, Any]) -> list[str]:
    found = []
    if "availability" in where and "availability_topic" in where:
        found.append(f"{path}availability and availability_topic exclude each other")
    for one in where.get("availability", ()):
        found += [] if one.get("topic") else ["an availability without a topic"]
        found += [
            f"availability.{key} is no option"
            for key in one.keys() - {"topic", "payload_available", "payload_not_available", "value_template"}
        ]
    if where.get("availability_mode", "latest") not in {"all", "any", "latest"}:
        found.append("no such availability_mode")
    return found


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(autoescape=False)
    environment.filters["timestamp_local"] = lambda seconds: f"at {seconds}"
    return environment


def render(template: str, value: Any) -> str:
    """What Home Assistant makes of a payload that is JSON; a template that names what is not there fails."""
    environment = _environment()
    environment.undefined = jinja2.StrictUndefined
    return environment.from_string(template).render(value_json=value)
