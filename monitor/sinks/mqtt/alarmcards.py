"""What Home Assistant shows of the alarms of a device and of the monitor: one component each. Pure.

Source: home-assistant.io, "MQTT binary sensor", "MQTT sensor", "MQTT button".
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from monitor.sinks.mqtt.looks import look_of
from monitor.sinks.mqtt.states import Shown
from monitor.sinks.mqtt.topics import EXPIRES_S, Topics

__all__ = ["ACKNOWLEDGE", "cards_of", "cards_of_monitor"]

ACKNOWLEDGE: Final = "acknowledge"
"""What the button of an alarm says."""
_IS_ON: Final = "{{ 'ON' if value_json.active or value_json.waiting else 'OFF' }}"
_TIMES: Final = "(value_json.{0} / 1000) | timestamp_local if value_json.{0} else none"
_ATTRIBUTES: Final = (
    "{{ dict(value_json, since=("
    + _TIMES.format("since")
    + "), raised_at=("
    + _TIMES.format("raised_at")
    + ")) | tojson }}"
)
"""As they are published, with times that people can read."""
_MAY_PRESS: Final = "{{ 'online' if value_json.response == 'unacked' and not value_json.normal else 'offline' }}"


def cards_of(alarms: Sequence[Shown], owner: str, topics: Topics, *, acknowledge: bool) -> dict[str, Any]:
    """A binary sensor for each alarm of a device, and a button where it may be acknowledged.

    Ids are made of those of site, rule and source: names may change. `owner` is what the site's begin with.
    """
    of_rules = Counter(shown.rule.id for shown in alarms)
    components: dict[str, Any] = {}
    for shown in alarms:
        unique = "_".join((owner, "alarm", shown.rule.id, *shown.source.key.split("/")))
        name = shown.rule.name or shown.rule.id
        if of_rules[shown.rule.id] > 1:
            name = f"{name}: {shown.source.name or (shown.source.point or '').replace('_', ' ')}"
        where = topics.alarm_topic(*shown.key)
        ident = "_".join(("alarm", shown.rule.id, *shown.source.key.split("/")[1:]))
        components[ident] = {
            "platform": "binary_sensor",
            "unique_id": unique,
            "name": name,
            "device_class": look_of(shown),
            "state_topic": where,
            "value_template": _IS_ON,
            "json_attributes_topic": where,
            "json_attributes_template": _ATTRIBUTES,
        }
        if acknowledge:
            components[f"acknowledge_{ident}"] = {
                "platform": "button",
                "unique_id": f"{unique}_acknowledge",
                "name": f"Acknowledge: {name}",
                "icon": "mdi:check",
                "command_topic": topics.acknowledge_topic(*shown.key),
                "payload_press": ACKNOWLEDGE,
                "availability_mode": "all",
                "availability": [
                    {"topic": topics.availability},
                    {"topic": where, "value_template": _MAY_PRESS},
                ],
            }
    return components


def cards_of_monitor(ident: str, topics: Topics) -> dict[str, Any]:
    """The monitor: whether it is there, and how many alarms stand how."""

    def count(name: str, called: str, icon: str) -> dict[str, Any]:
        return {
            "platform": "sensor",
            "unique_id": f"{ident}_{name}",
            "name": called,
            "icon": icon,
            "state_class": "measurement",
            "state_topic": topics.summary,
            "value_template": f"{{{{ value_json.{name} }}}}",
            "expire_after": EXPIRES_S,
        }

    return {
        "connected": {
            "platform": "binary_sensor",
            "unique_id": f"{ident}_connected",
            "name": "Connected",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": topics.availability,
            "payload_on": "online",
            "payload_off": "offline",
            "expire_after": EXPIRES_S,
            "availability": [],
        },
        "active": {
            **count("active", "Active alarms", "mdi:alarm-light"),
            "json_attributes_topic": topics.summary,
        },
        "unacknowledged": count("unacknowledged", "Unacknowledged alarms", "mdi:alarm-light-outline"),
    }
