"""How every alarm of a site stands, as it is published: what is on the broker, and what has to be. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from monitor.model import SEVERITY_RANK
from monitor.profiles.itself import with_itself
from monitor.schema import MONITOR_DEVICE, point_unit
from monitor.sinks.mqtt.topics import Topics
from monitor.site import Device, Rule, Site, Source

__all__ = ["Board", "Shown", "View", "shown_alarms", "stands", "summary", "waiting"]

View = Mapping[str, Any]
"""An occurrence as the API has it."""

_NUMBERS: Final = ("occurrence", "since", "raised_at", "value", "limit", "acknowledged_by")
_APART_S: Final = 1.0
"""Nothing is published more often than this on one topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One alarm that is published: a rule at a source, and the device whose it is."""

    rule: Rule
    source: Source
    device: Device

    @property
    def key(self) -> tuple[str, str]:
        """Rule and source."""
        return self.rule.id, self.source.key

    @property
    def severity(self) -> str:
        """The highest that it may have."""
        levels: list[str] = [level.severity for level in getattr(self.rule.params, "levels", None) or ()]
        known = levels or [str(getattr(self.rule.params, "severity", "medium"))]
        return max(known, key=lambda severity: SEVERITY_RANK[severity])


def shown_alarms(site: Site) -> tuple[Shown, ...]:
    """Every alarm that a site can have, of its devices and of the monitor; what is only tried is left out."""
    devices = with_itself(site.devices)
    return tuple(
        Shown(rule=rule, source=source, device=devices[source.device])
        for rule in site.rules.values()
        if not getattr(rule.params, "shadow", False)
        for source in rule.sources
        if source.device in devices
    )


def waiting(views: Sequence[View]) -> list[str]:
    """The occurrences of one alarm that somebody has to acknowledge, the newest first."""
    return [str(view["occurrence"]) for view in _by_weight(views) if view["response"] == "unacked"]


def stands(shown: Shown, views: Sequence[View]) -> bytes:
    """How an alarm stands: `views` are its occurrences that are open or held back, none for one that is clear.

    Of events several may wait; the newest of them is told, with how many wait (`waiting`).
    """
    rule, source, params = shown.rule, shown.source, shown.rule.params
    known = shown.device.points.get(source.point or "")
    content: dict[str, Any] = {
        "rule": rule.id,
        "device": source.device,
        "point": source.point,
        "title": f"{rule.name or rule.id}: {source.name or shown.device.name}",
        "state": "clear",
        "response": "none",
        "suppression": [],
        "isa": "A",
        "latched": False,
        "normal": False,
        "active": False,
        "unknown": False,
        "severity": shown.severity,
        **dict.fromkeys(_NUMBERS),
        "unit": known.unit if known is not None else point_unit(source.point or ""),
        "waiting": sum(bool(view["momentary"]) and view["response"] == "unacked" for view in views),
        "response_text": getattr(params, "response", ""),
        "cause_text": getattr(params, "cause", ""),
        "consequence_text": getattr(params, "consequence", ""),
        "owner": getattr(params, "owner", ""),
    }
    lasting = [view for view in views if not view["momentary"]]
    for view in _by_weight(views)[:1]:
        said = ("state", "response", "latched", "normal", "active", "unknown", "severity", *_NUMBERS)
        content |= {name: view[name] for name in said}
        content["unit"] = view["unit"] or content["unit"]
        content["isa"] = "D" if view["response"] == "unacked" else "A"
    if lasting:  # what is done to all events of a rule has an occurrence of its own
        held = max(lasting, key=lambda view: len(view["suppression"]))
        content["suppression"] = list(held["suppression"])
        if held["suppression"] or not content["waiting"]:
            content["isa"] = held["isa"]
    return orjson.dumps(content)


def _by_weight(views: Sequence[View]) -> list[View]:
    return sorted(
        views,
        key=lambda view: (bool(view["active"]), view["response"] == "unacked", int(view["raised_at"])),
        reverse=True,
    )


def summary(alarms: Iterable[View], watched: int) -> bytes:
    """How many alarms are active, by severity, and wait for somebody; what is held back is counted by itself."""
    active = dict.fromkeys(sorted(SEVERITY_RANK, key=lambda severity: -SEVERITY_RANK[severity]), 0)
    unacked = held = 0
    for alarm in alarms:
        is_open = bool(alarm["active"]) or alarm["response"] != "none"
        if alarm["suppression"] and not alarm["momentary"]:
            held += 1
        elif is_open:
            active[str(alarm["severity"])] += bool(alarm["active"])
            unacked += alarm["response"] == "unacked"
    worst = next((severity for severity, count in active.items() if count), "")
    content = {
        "active": sum(active.values()),
        "by_severity": active,
        "worst": worst,
        "unacknowledged": unacked,
        "held_back": held,
        "watched": watched,
    }
    return orjson.dumps(content)


class Board:
    """What of the alarms is on the broker, by topic; `rest` is what is there while no alarm is open.

    It only compares: what is to be published comes from the state on disk each time.
    """

    def __init__(self, site: Site, topics: Topics) -> None:
        self.alarms = {shown.key: shown for shown in shown_alarms(site)}
        self._topics = topics
        self._devices = (*site.devices, MONITOR_DEVICE)
        self._rest = {topics.alarm_topic(*key): stands(shown, ()) for key, shown in self.alarms.items()}
        self._rest |= {topics.alarms_topic(name): topics.alarms(name, ()).payload for name in self._devices}
        self._rest[topics.summary] = summary((), len(self.alarms))
        self._there: dict[str, bytes] = {}
        self._at: dict[str, float] = {}
        self.waiting: Mapping[tuple[str, str], Sequence[str]] = {}
        """The occurrences that wait for somebody, as they were published last."""
        self._next: Mapping[tuple[str, str], Sequence[str]] = {}

    @property
    def known(self) -> frozenset[str]:
        """Every topic that it keeps."""
        return frozenset(self._rest)

    def picture(self, alarms: Sequence[View]) -> dict[str, bytes]:
        """Everything, for a broker that may know nothing."""
        self._there.clear()
        return self._rest | self._told(alarms)

    def changes(self, alarms: Sequence[View]) -> dict[str, bytes]:
        """What is not on the broker as it is now."""
        told = self._told(alarms)
        rest, there = self._rest, self._there
        now = {topic: told.get(topic, rest[topic]) for topic in told.keys() | there.keys()}
        return {topic: payload for topic, payload in now.items() if payload != there.get(topic, rest[topic])}

    def now(self, topic: str) -> bytes:
        """What is there, as it was published last."""
        return self._there.get(topic, self._rest[topic])

    def wait(self, changes: Iterable[str], now: float) -> float:
        """Seconds until these topics may be published again; `now` in seconds that no clock setting moves."""
        soonest = max((self._at[topic] + _APART_S for topic in changes if topic in self._at), default=now)
        return max(0.0, soonest - now)

    def published(self, messages: Mapping[str, bytes], now: float) -> None:
        """Note what the broker has taken."""
        for topic, payload in messages.items():
            if payload == self._rest[topic]:
                self._there.pop(topic, None)
            else:
                self._there[topic] = payload
        self._at = {topic: at for topic, at in self._at.items() if now - at < _APART_S}
        self._at |= dict.fromkeys(messages, now)
        self.waiting = self._next

    def _told(self, alarms: Sequence[View]) -> dict[str, bytes]:
        """All that is not at rest."""
        views: dict[tuple[str, str], list[View]] = {}
        of_devices: dict[str, list[View]] = {}
        for alarm in alarms:
            key = (str(alarm["rule"]), str(alarm["source_key"]))
            if key in self.alarms:
                views.setdefault(key, []).append(alarm)
            if alarm["device"] in self._devices and (alarm["active"] or alarm["response"] != "none"):
                of_devices.setdefault(str(alarm["device"]), []).append(alarm)
        self._next = {key: found for key, each in views.items() if (found := waiting(each))}
        topics = self._topics
        told = {topics.alarm_topic(*key): stands(self.alarms[key], each) for key, each in views.items()}
        told |= {topics.alarms_topic(name): topics.alarms(name, each).payload for name, each in of_devices.items()}
        told[topics.summary] = summary((view for each in views.values() for view in each), len(self.alarms))
        return told
