"""How Home Assistant finds the devices of a site: one announcement of each, with its points and its alarms. Pure.

Source: home-assistant.io, MQTT discovery, "Device discovery payload" (Home Assistant 2024.11 and later).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from monitor.pointnames import PointNames
from monitor.profiles.itself import ITSELF
from monitor.schema import STATES, point_unit, unit_sign
from monitor.sinks.mqtt.alarmcards import cards_of, cards_of_monitor
from monitor.sinks.mqtt.states import Shown
from monitor.sinks.mqtt.topics import Outgoing, Topics
from monitor.site import Device, Point, Site

__all__ = ["Announcer", "farewells", "is_ours", "is_under", "wildcards"]


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
_CALLED: Final = PointNames()
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


def wildcards(prefix: str) -> tuple[str, ...]:
    """The filters that match all announcements of devices, also those below another prefix than this."""
    return ("+/device/+/config", *((f"{prefix}/device/+/config",) if "/" in prefix else ()))


def is_ours(topic: str, site: Site) -> bool:
    """Whether an announcement is one of this site."""
    levels = topic.split("/")
    return len(levels) >= 2 and levels[-2].startswith(f"{_owner(site)}_")  # noqa: PLR2004 - id and `config`


def is_under(content: bytes, topics: Topics) -> bool:
    """Whether an announcement below another prefix tells of our own topics, and not of another sink's."""
    shown = _parsed(content)
    where = [shown.get("availability"), shown.get("availability_topic"), *_components(shown).values()]
    return topics.availability.encode() in orjson.dumps(where)


def farewells(announced: Outgoing, before: bytes) -> Iterator[Outgoing]:
    """What removes the components that an announcement had `before` and has no more, ahead of itself.

    Home Assistant keeps a component that is merely left out: it goes when nothing but its platform is sent.
    """
    content = _parsed(announced.payload)
    components = content["components"]
    platforms = {name: one.get("platform") for name, one in _components(_parsed(before)).items()}
    gone = {
        name: {"platform": platform}
        for name, platform in platforms.items()
        if name not in components and isinstance(platform, str)
    }
    if gone:
        yield Outgoing(announced.topic, orjson.dumps({**content, "components": {**components, **gone}}))


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _components(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found = content.get("components")
    return {name: one for name, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def _owner(site: Site) -> str:
    return f"facility-monitor_{site.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """Announces the devices of a site below a prefix.

    `version`: of this program. `kinds`: what is published at all (None: everything). `alarms`: those that are
    published one by one; `acknowledge`: with a button each.
    """

    site: Site
    topics: Topics
    prefix: str
    version: str
    kinds: Collection[str] | None = None
    alarms: Sequence[Shown] = ()
    acknowledge: bool = False

    def announcements(self) -> Iterator[Outgoing]:
        """One message per device, retained, the monitor itself first; none of a device that has nothing to show.

        A meter that is reckoned from others has no readings to show, but may have alarms.
        """
        site = self.site
        itself = f"{_owner(site)}_{ITSELF.id}"
        alarms: dict[str, list[Shown]] = {}
        for shown in self.alarms if self._has("alarms") else ():
            alarms.setdefault(shown.device.id, []).append(shown)
        if self._has("alarms"):
            known = {"name": f"{ITSELF.name}: {site.name or site.id}", "model": "facility-monitor"}
            components = cards_of_monitor(itself, self.topics)
            for name, card in self._cards(alarms.get(ITSELF.id, ())).items():
                components[name] = {**card, "entity_category": "diagnostic"}
            yield self._announcement(itself, known | {"sw_version": self.version}, components)
        for device in site.devices.values():
            ident = f"{_owner(site)}_{device.id}"
            components = self._readings(device, ident) | self._cards(alarms.get(device.id, ()))
            if components:
                known = {"name": device.name}
                known |= {"model": device.profile} if device.profile else {}
                known |= {"suggested_area": area} if (area := _area(device)) else {}
                known |= {"via_device": itself} if self._has("alarms") else {}
                yield self._announcement(ident, known, components)

    def _has(self, kind: str) -> bool:
        return self.kinds is None or kind in self.kinds

    def _readings(self, device: Device, ident: str) -> dict[str, Any]:
        """Its points, and whether any alarm of it is open."""
        if device.virtual is not None:
            return {}
        shown = device.points if self._has("readings") else {}
        components = {name: _point(device, point, self.topics, ident) for name, point in shown.items()}
        if self._has("alarms"):
            components["alarms"] = _alarms(device, self.topics, ident)
        return components

    def _cards(self, alarms: Sequence[Shown]) -> dict[str, Any]:
        return cards_of(alarms, _owner(self.site), self.topics, acknowledge=self.acknowledge)

    def _announcement(self, ident: str, device: Mapping[str, str], components: Mapping[str, Any]) -> Outgoing:
        content: dict[str, Any] = {
            "device": {"identifiers": [ident], **device},
            "origin": {"name": "facility-monitor", "sw_version": self.version},
            "availability": [{"topic": self.topics.availability}],
            "qos": 1,
            "components": components,
        }
        return Outgoing(f"{self.prefix}/device/{ident}/config", orjson.dumps(content))


def _area(device: Device) -> str:
    return " ".join(filter(None, (device.building, device.zone)))


def _point(device: Device, point: Point, topics: Topics, ident: str) -> dict[str, Any]:
    where = f"value_json['values'].get('{point.name}')"
    common = {
        "unique_id": f"{ident}_{point.name}",
        "name": _CALLED(point.name),
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
