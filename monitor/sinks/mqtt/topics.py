"""What is published where. Pure: entries and alarms in, topics and payloads out.

Below `BASE/SITE`, retained: `availability` (online, offline; the last will), `device/ID` (what it says now),
`alarms/ID` (its open alarms), `alarm/RULE/SOURCE` (how one alarm stands), `summary` (how many stand how). Not
retained: `event/ID` (each event). Listened to where the site wants that: `acknowledge/RULE/SOURCE`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from monitor.model import Event, Reading, Value
from monitor.site import Site

__all__ = ["EXPIRES_S", "Outgoing", "State", "Topics"]

EXPIRES_S: Final = 120
"""Seconds for which it counts that the monitor is there, and what it counts itself, after the last word of it."""

_RANK: Final = {"low": 1, "medium": 2, "high": 3, "critical": 4}
_SHOWN: Final = ("occurrence", "rule", "point", "title", "state", "response", "suppression", "severity", "value")
_ALSO: Final = ("limit", "unit", "raised_at", "isa", "latched", "active")
_CREDENTIAL: Final = "credential"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published with QoS 1; an empty payload takes a retained one back.

    `expires`: seconds for which the broker keeps it (MQTT 5), 0: for ever.
    """

    topic: str
    payload: bytes
    retain: bool = True
    expires: int = 0


@dataclass(slots=True)
class State:
    """What one device says now: readings laid over each other, since each may carry a part of the points."""

    time: int = 0
    quality: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def take(self, reading: Reading) -> bool:
        """Lay a reading over it, unless it is older than what is known; answer whether that was done."""
        if reading.time < self.time:
            return False
        self.time = reading.time
        self.quality = reading.quality.name.lower()
        for name, value in reading.values.items():
            self.values[name] = value
            self.missing.pop(name, None)
        for name, reason in reading.missing.items():
            self.missing[name] = str(reason)
            self.values.pop(name, None)
        return True


class Topics:
    """Names topics and writes payloads for one site."""

    def __init__(self, site: Site, base: str) -> None:
        self.base = f"{base}/{site.id}"
        self._pseudonyms = site.access.pseudonyms

    @property
    def availability(self) -> str:
        """Where it, or its last will, says whether what is published is of this moment."""
        return f"{self.base}/availability"

    def device_topic(self, device: str) -> str:
        """Where the state of a device is."""
        return f"{self.base}/device/{device}"

    def alarms_topic(self, device: str) -> str:
        """Where the open alarms of a device are."""
        return f"{self.base}/alarms/{device}"

    def alarm_topic(self, rule: str, source_key: str) -> str:
        """Where one alarm stands."""
        return f"{self.base}/alarm/{rule}/{source_key}"

    def acknowledge_topic(self, rule: str, source_key: str) -> str:
        """Where somebody may acknowledge an alarm, if the site wants that."""
        return f"{self.base}/acknowledge/{rule}/{source_key}"

    @property
    def summary(self) -> str:
        """Where it says how many alarms stand how."""
        return f"{self.base}/summary"

    def state(self, device: str, state: State) -> Outgoing:
        """What a device says now."""
        content = {
            "time": state.time,
            "quality": state.quality,
            "values": state.values,
            "missing": state.missing,
        }
        return Outgoing(self.device_topic(device), orjson.dumps(content))

    def event(self, event: Event) -> Outgoing:
        """One event; a credential's pseudonym stays on the box unless the site says otherwise."""
        attributes = {
            name: value for name, value in event.attributes.items() if self._pseudonyms or name != _CREDENTIAL
        }
        content = {"id": event.id, "kind": event.kind, "time": event.time, "attributes": attributes}
        return Outgoing(f"{self.base}/event/{event.device}", orjson.dumps(content), retain=False)

    def alarms(self, device: str, alarms: Sequence[Mapping[str, Any]]) -> Outgoing:
        """The open alarms of a device, the worst first; `active` when the condition of one of them holds."""
        mine = sorted(alarms, key=lambda one: (-_RANK.get(str(one["severity"]), 0), -int(one["raised_at"])))
        content = {
            "active": any(bool(one["active"]) for one in mine),
            "unacknowledged": sum(one["response"] == "unacked" for one in mine),
            "severity": str(mine[0]["severity"]) if mine else "",
            "alarms": [{name: one[name] for name in (*_SHOWN, *_ALSO)} for one in mine],
        }
        return Outgoing(self.alarms_topic(device), orjson.dumps(content))
