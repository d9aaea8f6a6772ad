"""The engine's memory as JSON-ready rows: what has changed, and how to go on from what was kept."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from monitor.settings.model import RuleModel
from monitor.site import Rule, Source
from rules.effects import Effects, Row
from rules.flood import Flood
from rules.index import Index, alarm_key
from rules.machine import Machine
from rules.suppressors import Suppressors
from rules.timeline import Timeline
from rules.watch import EntryWatch, EventWatch, ReadingWatch, Watch

__all__ = ["Memory"]


_ALARMS = frozenset({"alarm", "event"})
_KIND = "kind"


class Memory:
    """Collects what has changed in an index since the last dump.

    Rows: `alarm` (by rule/source), `event` (by occurrence), `device` (what judges and points of a device have
    seen), `judge` (by rule/source, of those that hear any devices), `window` (maintenance, by its id) and `engine`
    (its time, and the flood).
    """

    def __init__(self, index: Index, time: Timeline, suppressors: Suppressors, flood: Flood) -> None:
        self._index = index
        self._time = time
        self._suppressors = suppressors
        self._flood = flood
        self._forgotten: list[Row] = []
        self.devices: set[str] = set()
        self.alarms: set[Watch] = set()
        self.momentary: set[str] = set()
        self.judges: set[EntryWatch] = set()

    def note(self, watch: Watch) -> None:
        """Remember that an alarm has changed."""
        self.alarms.add(watch)

    def changed(self) -> Iterator[Row]:
        """Yield a row for all that has changed since the last call."""
        yield from self._forgotten
        self._forgotten.clear()
        alarms = {alarm_key(each.machine.rule.id, each.machine.source.key): each.machine for each in self.alarms}
        for key, machine in sorted(alarms.items()):
            machine.changed = False
            body = machine.dump()
            if body is not None and machine.rule.params.shadow:
                body = {**body, "shadow": True}
            yield Row(area="alarm", key=key, body=body)
        for key in sorted(self.momentary):
            events = self._index.momentary[key]
            for occurrence in sorted(events.changed):
                yield Row(area="event", key=occurrence, body=events.opened.get(occurrence))
            events.changed.clear()
        for device in sorted(self.devices):
            yield Row(area="device", key=device, body=self._of_device(device))
        for watch in sorted(self.judges, key=lambda each: each.index):
            if watch.stirred:
                watch.stirred = False
                rule = watch.machine.rule
                key = alarm_key(rule.id, watch.machine.source.key)
                yield Row(area="judge", key=key, body={**watch.judge.dump(), _KIND: rule.kind})
        yield from self._suppressors.changed()
        if self._flood.changed:
            self._flood.changed = False
            yield Row(area="engine", key="flood", body=self._flood.dump())
        yield Row(area="engine", key="time", body=self._time.dump())
        for kept in (self.alarms, self.momentary, self.devices, self.judges):
            kept.clear()

    def _of_device(self, device: str) -> Mapping[str, Any]:
        tracks = self._index.points.get(device, {})
        watches = self._index.readings.get(device, ())
        return {
            "points": {name: track.last for name, track in tracks.items()},
            "judges": {
                alarm_key(watch.machine.rule.id, watch.machine.source.key): watch.judge.dump() for watch in watches
            },
        }

    def load(self, rows: Iterable[Row], now: int, effects: Effects) -> Iterator[tuple[str, str]]:
        """Take back rows; yields (occurrence, alarm key) of what is open.

        What no rule answers for any more is closed at `now` (UTC ms).
        """
        orphans = []
        for row in rows:
            if row.body is None:
                continue
            if row.area in _ALARMS:
                found = self._load_alarm(row, row.body)
                if found is None:
                    orphans.append(row)
                elif found[0]:
                    yield found
            else:
                self._load_other(row, row.body)
        self._suppressors.loaded()
        for row in orphans:
            self._close(row, cast("Mapping[str, Any]", row.body), now, effects)

    def _load_other(self, row: Row, body: Mapping[str, Any]) -> None:
        if row.area == "device":
            self._load_device(row.key, body)
        elif row.area == "judge":
            self._load_judge(row)
        elif row.area == "window":
            self._suppressors.load(row.key, body)
        elif row.key == "flood":
            self._flood.load(body)
        else:
            self._time.load(body)

    def _load_device(self, device: str, body: Mapping[str, Any]) -> None:
        tracks = self._index.points.get(device, {})
        for name, last in body["points"].items():
            if name in tracks:
                tracks[name].last = last
        for key, memory in body["judges"].items():
            watch = self._index.alarms.get(key)
            if isinstance(watch, ReadingWatch) and watch in self._index.readings.get(device, ()):
                self._recall(watch, memory)

    def _load_judge(self, row: Row) -> None:
        watch = self._index.alarms.get(row.key)
        body = row.body or {}
        if isinstance(watch, EntryWatch) and body.get(_KIND) == watch.machine.rule.kind:
            self._recall(watch, body)
        else:
            self._forgotten.append(Row(area=row.area, key=row.key, body=None))

    def _recall(self, watch: EntryWatch | ReadingWatch, memory: Mapping[str, Any]) -> None:
        """Give a judge its memory; what an edited rule cannot use any more is no memory."""
        try:
            watch.judge.load(memory)
        except (LookupError, TypeError, ValueError, AttributeError):
            self._index.begin_anew(watch)

    def _load_alarm(self, row: Row, body: Mapping[str, Any]) -> tuple[str, str] | None:
        """Take back one alarm and answer (occurrence or '', key); None when no rule answers for it."""
        if row.area == "event":
            key = alarm_key(body["rule"], _source_of(body).key)
            events = self._index.momentary.get(key)
            if events is None:
                return None
            events.opened[row.key] = dict(body)
            return row.key, key
        watch = self._index.alarms.get(row.key)
        if watch is None or watch.machine.rule.kind != body["kind"]:
            return None
        if watch.machine.rule.params.shadow is not bool(body.get("shadow")):
            return None  # who was told of it is told that it is over; out of shadow it begins anew
        watch.machine.load(body)
        return watch.machine.occurrence if watch.machine.is_listed else "", row.key

    def _close(self, row: Row, body: Mapping[str, Any], now: int, effects: Effects) -> None:
        reason = "rule_changed" if body["rule"] in self._index.rules else "rule_deleted"
        time = Timeline()
        time.load(self._time.dump())
        time.now = max(time.now, now + time.offset)
        source = _source_of(body)
        rule = _stand_in(body, source)
        machine = Machine(rule, source, (rule.params.severity,), time, effects)
        if row.area == "event":
            events = EventWatch(0, cast("Any", None), machine, time, effects)
            events.opened[row.key] = dict(body)
            events.close(row.key, reason)
        else:
            machine.load(body)
            machine.close(reason, time.now)
        self._forgotten.append(Row(area=row.area, key=row.key, body=None))


def _stand_in(body: Mapping[str, Any], source: Source) -> Rule:
    """A rule in place of one that is gone, to say whose alarm is closed."""
    params = RuleModel(
        id=body["rule"],
        kind=body["kind"],
        name=body["name"],
        severity=body["severity"] or "medium",
        shadow=bool(body.get("shadow")),
    )
    return Rule(
        id=body["rule"], name=body["name"], kind=body["kind"], params=params, sources=(source,), version=""
    )


def _source_of(body: Mapping[str, Any]) -> Source:
    """What an alarm is about that was kept."""
    return Source(device=body["device"], point=body.get("point"))
