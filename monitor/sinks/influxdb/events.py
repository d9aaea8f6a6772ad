"""Lines of what happened once: access and other events, and the steps of alarms."""

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

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
from monitor.sinks.influxdb.text import LONGEST_TEXT, boolean, number, text, word
from monitor.site import Rule, Site, Source

__all__ = ["EventLines"]

_RESULTS = frozenset({"granted", "denied"})
_DIRECTIONS = frozenset({"in", "out"})
_CREDENTIAL = "credential"
_MORE = tuple((name, f",{name}=%b".encode()) for name in ("door", EVENT_CAUSE))
"""What else is told of an access event, where it has that."""
_END = ALARM_END.encode()
_SINCE = ALARM_SINCE.encode()
_ACTIVE = frozenset({"active", "recovering"})


_KEPT: Final = 5000
_ACCESS: Final = f"{EVENT_NAME}=%b,{EVENT_REASON}=%b".encode()
_DETAIL: Final = b"detail=%b"
_EVENT: Final = f"%b %b,{EVENT_COUNT}=1i,seq=%di,{EVENT_LATE}=%di%b %d".encode()
_OPEN: Final = f",{EVENT_OPEN}=%b".encode()
_TEXTS: Final = (
    f"{ALARM_SEVERITY}=%b,state=%b,{ALARM_RESPONSE}=%b,suppression=%b,{ALARM_CAUSE}=%b,"
    f"{ALARM_TITLE}=%b,{ALARM_TEXT}=%b,{ALARM_TAG_LIST}=%b,occurrence=%b"
).encode()
_TIMES: Final = f"{ALARM_START}=%di,{ALARM_END}=%di".encode()
_IS_ACTIVE: Final = {active: boolean(b"active", active) for active in (False, True)}
_spell_out = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


class _Source(NamedTuple):
    """What is said of all steps of the alarms of one source."""

    series: bytes
    labels: str
    title: str
    place: str
    point: str


def _alarm_point(source_key: str, known: Mapping[str, object] | None) -> tuple[str, str]:
    """Part device[/point][/labels] into the point, and the labels that no tag says."""
    parts = source_key.split("/", 2)[1:]
    if parts and (known is None or parts[0] in known):
        return parts[0], "/".join(parts[1:])
    return "", "/".join(parts)


def _named(rule: Rule | None, source_key: str) -> Source | None:
    """What an alarm is about, where its rule calls it by a name that is none of a device."""
    sources = () if rule is None else rule.sources
    return next((source for source in sources if source.name and source.key == source_key), None)


class EventLines:
    """Encodes events and transitions of one site."""

    __slots__ = ("_places", "_pseudonyms", "_rules", "_series", "_sources")

    def __init__(self, site: Site, places: Places) -> None:
        self._places = places
        self._rules = site.rules
        self._pseudonyms = site.access.pseudonyms
        self._series: dict[tuple[str, str, str, str], bytes] = {}
        self._sources: dict[tuple[str, str, str], _Source] = {}

    def _event_series(self, event: Event) -> bytes:
        if event.kind in ACCESS_EVENTS:
            result, direction = event.attributes.get("result"), event.attributes.get("direction")
            key = (
                event.device,
                "",
                str(result) if result in _RESULTS else "",
                str(direction) if direction in _DIRECTIONS else "",
            )
        else:
            key = event.device, event.kind, "", ""
        found = self._series.get(key)
        if found is None:
            if len(self._series) >= _KEPT:
                self._series.clear()
            found = self._series[key] = self._spelt(*key)
        return found

    def _spelt(self, device: str, kind: str, result: str, direction: str) -> bytes:
        if kind:
            return MEASUREMENT_EVENTS.encode() + self._places.tags(EVENT_TAGS, device, {"kind": kind})
        known = {"result": result, "direction": direction}
        return MEASUREMENT_ACCESS.encode() + self._places.tags(ACCESS_TAGS, device, known)

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
        attributes = event.attributes
        credential = attributes.get(_CREDENTIAL)
        series, fields = self._event_series(event), b""
        if event.kind in ACCESS_EVENTS:
            told = _ACCESS % (word(event.kind), word(str(attributes.get("reason", ""))))
            for name, field in _MORE:
                if attributes.get(name):
                    told += field % word(str(attributes[name]))
            stood = attributes.get(EVENT_OPEN)
            if isinstance(stood, int | float) and (written := number(stood)) is not None:
                fields = _OPEN % written
        elif credential is None:
            told = _detail(attributes)
        else:
            told = _detail({key: attributes[key] for key in attributes if key != _CREDENTIAL})
        if self._pseudonyms and credential is not None:
            told += b",%b=%b" % (_CREDENTIAL.encode(), text(str(credential)))
        return _EVENT % (series, told, recorded.position, event.late, fields, stamp.time)

    def _source(self, step: Transition) -> _Source:
        key = step.rule, step.device, step.source_key
        found = self._sources.get(key)
        if found is None:
            if len(self._sources) >= _KEPT:
                self._sources.clear()
            found = self._sources[key] = self._look_up(*key)
        return found

    def _look_up(self, rule: str, device: str, source_key: str) -> _Source:
        known, judged = self._places.device(device), self._rules.get(rule)
        named = _named(judged, source_key)
        point, labels = _alarm_point(source_key, None if known is None or named is not None else known.points)
        more = {"rule": rule, "point": point}
        building, zone = ("", "") if known is None else (known.building, known.zone)
        where = device if known is None else known.name
        if named is not None:
            building, zone, where = named.building or building, named.zone or zone, named.name
            more |= {"building": building, "zone": zone}
        tags = self._places.tags(ALARM_TAGS, device, more)
        what = rule if judged is None or not judged.name else judged.name
        place = ", ".join(part for part in (building, zone) if part)
        measured = source_key.split("/")[1] if "/" in source_key else ""
        return _Source(MEASUREMENT_ALARMS.encode() + tags, labels, f"{what}: {where}", place, measured)

    def wanted_transition(self, recorded: Recorded, step: Transition) -> Wanted:
        """Ask for the millisecond of a transition, and for what is known of its occurrence."""
        return Wanted(
            position=recorded.position,
            recorded=recorded.recorded,
            series=self._source(step).series,
            time=step.time,
            occurrence=step.occurrence,
            begins=step.cause == "raised",
            ends=step.condition == "clear",
        )

    def transition(self, step: Transition, stamp: Stamp) -> list[bytes]:
        """Encode one step of an alarm; the one that ends it also gives the line at its start its `end_ms`."""
        source = self._source(step)
        explained = "; ".join(part for part in (source.place, _measured(step, source.point), step.reason) if part)
        active = step.condition in _ACTIVE
        fields = [
            _TEXTS
            % (
                word(step.severity),
                word(step.condition),
                word(step.response),
                word(",".join(step.suppression)),
                word(step.cause),
                word(source.title),
                text(explained),
                word(f"{step.severity},{step.rule}"),
                text(step.occurrence),
            ),
            b"severity_i=%di,%b" % (SEVERITY_RANK.get(step.severity, 0), _IS_ACTIVE[active]),
            _TIMES % (stamp.start, stamp.end),
        ]
        if source.labels:
            fields.append(b"source=" + text(source.labels))
        since = max(0.0, (step.time - stamp.start) / 1000) if stamp.start else None
        for key, value in ((b"value", step.value), (b"threshold", step.limit), (_SINCE, since)):
            written = None if value is None else number(value)
            if written is not None:
                fields.append(b"%b=%b" % (key, written))
        lines = [b"%b %b %d" % (source.series, b",".join(fields), stamp.time)]
        if stamp.rewrite is not None:
            start_series, start_time = stamp.rewrite
            lines.append(b"%b %b=%di %d" % (start_series, _END, stamp.end, start_time))
        return lines


def _detail(attributes: Mapping[str, Value]) -> bytes:
    """Attributes as a text of JSON."""
    try:
        told = orjson.dumps(attributes, default=dict, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, half a character
        told = b""
    if not told or len(told) > LONGEST_TEXT:
        return _DETAIL % text(_spell_out(dict(attributes)))
    return b'detail="%b"' % told.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _measured(step: Transition, point: str) -> str:
    if step.value is None:
        return ""
    unit = point_unit(point) or ""
    found = f"{point} {step.value:.6g} {unit}".strip()
    return found if step.limit is None else f"{found} (limit {step.limit:.6g} {unit}".rstrip() + ")"
