"""How Home Assistant finds the devices of a site: one announcement of each, with its points and its alarms. Pure.

Source: home-assistant.io, MQTT discovery, "Device discovery payload" (Home Assistant 2024.11 and later).
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import orjson

from monitor.schema import STATES, point_unit, unit_sign
from monitor.sinks.mqtt.topics import Outgoing, Topics
from monitor.site import Device, Point, Site

__all__ = ["announcements", "is_ours", "wildcard"]

_SENSOR: Final[Mapping[str, tuple[str, str]]] = {
    "w": ("power", "W"),
    "va": ("apparent_power", "VA"),
    "var": ("reactive_power", "var"),
    "v": ("voltage", "V"),
    "a": ("current", "A"),
    "hz": ("frequency", "Hz"),
    "kwh": ("energy", "kWh"),
    "m3h": ("volume_flow_rate", "m³/h"),
    "c": ("temperature", "°C"),
    "hpa": ("pressure", "hPa"),
    "bar": ("pressure", "bar"),
    "m": ("distance", "m"),
    "s": ("duration", "s"),
    "h": ("duration", "h"),
}
"""Suffix of a point -> Home Assistant's device class and unit."""
_VOLUMES: Final = frozenset({"water", "gas"})
_STATES: Final[Mapping[str, str]] = {
    "fault": "problem",
    "alarm": "safety",
    "tamper": "tamper",
    "running": "running",
    "battery_low": "battery",
    "present": "occupancy",
    "locked": "lock",
}
_INVERTED: Final = frozenset({"locked"})
"""A lock is `on` in Home Assistant while it is not locked."""


def wildcard(prefix: str) -> str:
    """The filter that matches all announcements of devices."""
    return f"{prefix}/device/+/config"


def is_ours(topic: str, site: Site) -> bool:
    """Whether an announcement is one of this site."""
    levels = topic.split("/")
    return len(levels) >= 2 and levels[-2].startswith(f"{_owner(site)}_")  # noqa: PLR2004 - id and `config`


def _owner(site: Site) -> str:
    return f"facility-monitor_{site.id}"


def announcements(
    site: Site, topics: Topics, prefix: str, version: str, kinds: Collection[str] | None = None
) -> Iterator[Outgoing]:
    """One message per device, retained; a meter that is reckoned from others has no readings to show.

    `kinds`: what is published at all (None: everything); a device with nothing of it is not announced.
    """
    points, alarms = (kinds is None or kind in kinds for kind in ("readings", "alarms"))
    for device in site.devices.values():
        if device.virtual is not None:
            continue
        ident = f"{_owner(site)}_{device.id}"
        shown = device.points if points else {}
        components = {name: _point(device, point, topics, ident) for name, point in shown.items()}
        if alarms:
            components["alarms"] = _alarms(device, topics, ident)
        if not components:
            continue
        content: dict[str, Any] = {
            "device": {
                "identifiers": [ident],
                "name": device.name,
                **({"model": device.profile} if device.profile else {}),
                **({"suggested_area": area} if (area := _area(device)) else {}),
            },
            "origin": {"name": "facility-monitor", "sw_version": version},
            "availability_topic": topics.availability,
            "qos": 1,
            "components": components,
        }
        yield Outgoing(f"{prefix}/device/{ident}/config", orjson.dumps(content))


def _area(device: Device) -> str:
    return " ".join(filter(None, (device.building, device.zone)))


def _point(device: Device, point: Point, topics: Topics, ident: str) -> dict[str, Any]:
    where = f"value_json['values'].get('{point.name}')"
    common = {
        "unique_id": f"{ident}_{point.name}",
        "name": point.name.removesuffix(f"_{_suffix(point)}").replace("_", " ").capitalize(),
        "state_topic": topics.device_topic(device.id),
    }
    if _is_state(point):
        on, off = ("OFF", "ON") if point.name in _INVERTED else ("ON", "OFF")
        known = {"device_class": kind} if (kind := _state_class(device, point.name)) else {}
        return (
            common
            | known
            | {
                "platform": "binary_sensor",
                "value_template": f"{{{{ {{true: '{on}', false: '{off}'}}.get({where}) }}}}",
            }
        )
    return (
        common
        | _sensor(device, point)
        | {
            "platform": "sensor",
            "value_template": f"{{{{ {where} }}}}",
        }
    )


def _suffix(point: Point) -> str:
    return point.name.rpartition("_")[2] if point_unit(point.name) is not None else ""


def _is_state(point: Point) -> bool:
    """Whether a point is true or false."""
    if point.unit is not None:
        return False
    meanings = getattr(point.source, "map", None)
    if meanings:
        return all(isinstance(value, bool) for value in meanings.values())
    return point.name in STATES or point.name in _STATES or getattr(point.source, "type", "") == "bool"


def _state_class(device: Device, name: str) -> str:
    if name == "open":
        return "door" if device.device_class == "door" else "opening"
    return _STATES.get(name, "")


def _sensor(device: Device, point: Point) -> dict[str, Any]:
    """Device class, unit and kind of statistics; energy and volumes are counters."""
    suffix = _suffix(point)
    if suffix == "m3":
        kind = device.device_class if device.device_class in _VOLUMES else "volume"
        return {"device_class": kind, "unit_of_measurement": "m³", "state_class": "total_increasing"}
    if suffix == "pct":
        known = {"device_class": "battery"} if point.name.startswith("battery") else {}
        known |= {"device_class": "humidity"} if point.name.startswith("humidity") else {}
        return known | {"unit_of_measurement": "%", "state_class": "measurement"}
    if suffix in _SENSOR:
        kind, unit = _SENSOR[suffix]
        statistics = "total_increasing" if suffix == "kwh" and "net" not in point.name else "measurement"
        statistics = "total" if suffix == "kwh" and "net" in point.name else statistics
        return {"device_class": kind, "unit_of_measurement": unit, "state_class": statistics}
    unit_of = point_unit(point.name)
    return {} if unit_of is None else {"unit_of_measurement": unit_sign(unit_of)}


def _alarms(device: Device, topics: Topics, ident: str) -> dict[str, Any]:
    where = topics.alarms_topic(device.id)
    return {
        "platform": "binary_sensor",
        "unique_id": f"{ident}_alarms",
        "name": "Alarms",
        "device_class": "problem",
        "state_topic": where,
        "value_template": "{{ 'ON' if value_json.active else 'OFF' }}",
        "json_attributes_topic": where,
    }
