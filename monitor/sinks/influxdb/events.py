"""Lines of what happened once: access and other events, and the steps of alarms."""

import json
from collections.abc import Mapping

from monitor.model import SEVERITY_RANK, Event, Recorded, Transition, Value
from monitor.schema import (
    ACCESS_EVENTS,
    ACCESS_TAGS,
    ALARM_CAUSE,
    ALARM_END,
    ALARM_RESPONSE,
    ALARM_SEVERITY,
    ALARM_SINCE,
    ALARM_START,
    ALARM_TAG_LIST,
    ALARM_TAGS,
    ALARM_TEXT,
    ALARM_TITLE,
    EVENT_CAUSE,
    EVENT_COUNT,
    EVENT_LATE,
    EVENT_NAME,
    EVENT_OPEN,
    EVENT_REASON,
    EVENT_TAGS,
    MEASUREMENT_ACCESS,
    MEASUREMENT_ALARMS,
    MEASUREMENT_EVENTS,
    point_unit,
)
from monitor.sinks.influxdb.lines import Stamp, Wanted
from monitor.sinks.influxdb.places import Places
from monitor.sinks.influxdb.text import boolean, number, text
from monitor.site import Site

__all__ = ["EventLines"]

_RESULTS = frozenset({"granted", "denied"})
_DIRECTIONS = frozenset({"in", "out"})
_CREDENTIAL = "credential"
_MORE = ("door", EVENT_CAUSE)
"""What else is told of an access event, where it has that."""
_END = ALARM_END.encode()
_SINCE = ALARM_SINCE.encode()
_ACTIVE = frozenset({"active", "recovering"})


def _alarm_point(source_key: str, known: Mapping[str, object] | None) -> tuple[str, str]:
    """Part device[/point][/labels] into the point, and the labels that no tag says."""
    parts = source_key.split("/", 2)[1:]
    if parts and (known is None or parts[0] in known):
        return parts[0], "/".join(parts[1:])
    return "", "/".join(parts)


class EventLines:
    """Encodes events and transitions of one site."""

    __slots__ = ("_places", "_pseudonyms", "_rules")

    def __init__(self, site: Site, places: Places) -> None:
        self._places = places
        self._rules = site.rules
        self._pseudonyms = site.access.pseudonyms

    @staticmethod
    def is_access(event: Event) -> bool:
        """Whether an event tells of people at a door, and so goes to the bucket for that."""
        return event.kind in ACCESS_EVENTS

    def _event_series(self, event: Event) -> bytes:
        if not self.is_access(event):
            tags = self._places.tags(EVENT_TAGS, event.device, {"kind": event.kind})
            return MEASUREMENT_EVENTS.encode() + tags
        known = {}
        if event.attributes.get("result") in _RESULTS:
            known["result"] = str(event.attributes["result"])
        if event.attributes.get("direction") in _DIRECTIONS:
            known["direction"] = str(event.attributes["direction"])
        return MEASUREMENT_ACCESS.encode() + self._places.tags(ACCESS_TAGS, event.device, known)

    def wanted_event(self, recorded: Recorded, event: Event) -> Wanted:
        """Ask for the millisecond of an event."""
        return Wanted(
            position=recorded.position,
            recorded=recorded.recorded,
            series=self._event_series(event),
            time=event.time,
        )

    def event(self, recorded: Recorded, event: Event, stamp: Stamp) -> bytes:
        """Encode an event; who it was only as a pseudonym, and only where the site asks for it."""
        attributes: dict[str, Value] = dict(event.attributes)
        credential = attributes.pop(_CREDENTIAL, None)
        if self.is_access(event):
            told = {EVENT_NAME: event.kind, EVENT_REASON: str(attributes.get("reason", ""))}
            told |= {name: str(attributes[name]) for name in _MORE if attributes.get(name)}
        else:
            detail = json.dumps(attributes, ensure_ascii=False, sort_keys=True)
            told = {"detail": detail}
        if self._pseudonyms and credential is not None:
            told[_CREDENTIAL] = str(credential)
        fields = [_texts(told), b"%b=1i,seq=%di" % (EVENT_COUNT.encode(), recorded.position)]
        fields.append(b"%b=%di" % (EVENT_LATE.encode(), event.late))
        stood = attributes.get(EVENT_OPEN)
        if self.is_access(event) and isinstance(stood, int | float) and (written := number(stood)) is not None:
            fields.append(b"%b=%b" % (EVENT_OPEN.encode(), written))
        return b"%b %b %d" % (self._event_series(event), b",".join(fields), stamp.time)

    def _alarm(self, step: Transition) -> tuple[bytes, str]:
        device = self._places.device(step.device)
        point, labels = _alarm_point(step.source_key, None if device is None else device.points)
        tags = self._places.tags(ALARM_TAGS, step.device, {"rule": step.rule, "point": point})
        return MEASUREMENT_ALARMS.encode() + tags, labels

    def wanted_transition(self, recorded: Recorded, step: Transition) -> Wanted:
        """Ask for the millisecond of a transition, and for what is known of its occurrence."""
        return Wanted(
            position=recorded.position,
            recorded=recorded.recorded,
            series=self._alarm(step)[0],
            time=step.time,
            occurrence=step.occurrence,
            begins=step.cause == "raised",
            ends=step.condition == "clear",
        )

    def transition(self, step: Transition, stamp: Stamp) -> list[bytes]:
        """Encode one step of an alarm; the one that ends it also gives the line at its start its `end_ms`."""
        series, labels = self._alarm(step)
        title, explained = self._words(step)
        active = step.condition in _ACTIVE
        fields = [
            _texts(
                {
                    ALARM_SEVERITY: step.severity,
                    "state": step.condition,
                    ALARM_RESPONSE: step.response,
                    "suppression": ",".join(step.suppression),
                    ALARM_CAUSE: step.cause,
                    ALARM_TITLE: title,
                    ALARM_TEXT: explained,
                    ALARM_TAG_LIST: f"{step.severity},{step.rule}",
                    "occurrence": step.occurrence,
                }
            ),
            b"severity_i=%di,%b" % (SEVERITY_RANK.get(step.severity, 0), boolean(b"active", active)),
            b"%b=%di,%b=%di" % (ALARM_START.encode(), stamp.start, _END, stamp.end),
        ]
        if labels:
            fields.append(b"source=" + text(labels))
        since = max(0.0, (step.time - stamp.start) / 1000) if stamp.start else None
        for key, value in ((b"value", step.value), (b"threshold", step.limit), (_SINCE, since)):
            written = None if value is None else number(value)
            if written is not None:
                fields.append(b"%b=%b" % (key, written))
        lines = [b"%b %b %d" % (series, b",".join(fields), stamp.time)]
        if stamp.rewrite is not None:
            start_series, start_time = stamp.rewrite
            lines.append(b"%b %b=%di %d" % (start_series, _END, stamp.end, start_time))
        return lines

    def _words(self, step: Transition) -> tuple[str, str]:
        """Say for people what the alarm is about, and what was measured."""
        device = self._places.device(step.device)
        rule = self._rules.get(step.rule)
        where = step.device if device is None else device.name
        what = step.rule if rule is None or not rule.name else rule.name
        place = "" if device is None else ", ".join(part for part in (device.building, device.zone) if part)
        parts = [place, _measured(step), step.reason]
        return f"{what}: {where}", "; ".join(part for part in parts if part)


def _texts(fields: Mapping[str, str]) -> bytes:
    return b",".join(b"%b=%b" % (key.encode(), text(value)) for key, value in fields.items())


def _measured(step: Transition) -> str:
    if step.value is None:
        return ""
    point = step.source_key.split("/")[1] if "/" in step.source_key else ""
    unit = point_unit(point) or ""
    found = f"{point} {step.value:.6g} {unit}".strip()
    return found if step.limit is None else f"{found} (limit {step.limit:.6g} {unit}".rstrip() + ")"
