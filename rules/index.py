"""Who hears what: from devices, points and kinds of events to the rules that judge them."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import cast

from monitor.site import Device, Rule, Source
from rules.effects import Effects
from rules.kind import Kind, patience
from rules.kinds import RULES
from rules.machine import Machine
from rules.timeline import Timeline
from rules.watch import EventWatch, PointWatch, ReadingWatch, Track, Watch

__all__ = ["Index", "alarm_key"]


class Index:
    """All watches of a site. `points` and `readings` are by device, `events` by device and kind of event.

    `watches` are in the order of the settings; `alarms` and `momentary` are by alarm key.
    """

    def __init__(
        self, rules: Sequence[Rule], devices: Mapping[str, Device], time: Timeline, effects: Effects
    ) -> None:
        self._time = time
        self._effects = effects
        self.rules = {rule.id: rule for rule in rules if rule.params.enabled}
        self.points: dict[str, dict[str, Track]] = {}
        self.readings: dict[str, list[ReadingWatch]] = {}
        self.events: dict[tuple[str, str], list[EventWatch | ReadingWatch]] = {}
        self.watches: list[Watch] = []
        self.alarms: dict[str, Watch] = {}
        self.momentary: dict[str, EventWatch] = {}
        for rule in self.rules.values():
            kind = _kind(rule.kind)
            for source in rule.sources:
                self._add(kind, rule, source, devices[source.device])

    def _add(self, kind: Kind, rule: Rule, source: Source, device: Device) -> None:
        judge = kind.build(rule, source, device)
        if judge is None:
            return
        key = alarm_key(rule.id, source.key)
        if kind.hears == "events":
            momentary = EventWatch(rule, source, judge, self._time, self._effects)
            self.momentary[key] = momentary
            self._hear(source.device, judge.kinds, momentary)
            return
        machine = Machine(rule, source, judge.severities, self._time, self._effects)
        watch: Watch
        if kind.hears == "point":
            assert source.point is not None
            watch = PointWatch(len(self.watches), judge, machine, self._track(device, source.point))
        else:
            watch = ReadingWatch(len(self.watches), judge, machine)
            self.readings.setdefault(source.device, []).append(watch)
            self._hear(source.device, judge.event_kinds, watch)
        self.watches.append(watch)
        self.alarms[key] = watch

    def _hear(self, device: str, kinds: Sequence[str], watch: EventWatch | ReadingWatch) -> None:
        for kind in kinds:
            self.events.setdefault((device, kind), []).append(watch)

    def _track(self, device: Device, point: str) -> Track:
        tracks = self.points.setdefault(device.id, {})
        if point not in tracks:
            seconds = patience(device, point)
            tracks[point] = Track(None if seconds is None else round(seconds * 1000))
        return tracks[point]


def alarm_key(rule: str, source_key: str) -> str:
    """The name of an alarm through all its occurrences: rule/device[/point]."""
    return f"{rule}/{source_key}"


def _kind(name: str) -> Kind:
    module, _, attribute = RULES[name].partition(":")
    return cast("Kind", getattr(import_module(module), attribute))
