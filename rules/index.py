"""Who hears what: from devices, points and kinds of events to the rules that judge them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import cast

from monitor.site import Rule, Source
from rules.effects import Effects
from rules.hours import HourlyJudge, ScheduledEvents, ScheduledMachine
from rules.kind import EntryJudge, Kind, PointJudge, patience
from rules.kinds import RULES
from rules.machine import Machine
from rules.surroundings import Surroundings
from rules.timeline import Timeline
from rules.watch import EntryWatch, EventWatch, PointWatch, ReadingWatch, Track, Watch

__all__ = ["Index", "alarm_key"]


class Index:
    """All watches of a site. `points` and `readings` are by device, `events` by device and kind of event.

    `watches` are in the order of the settings; `alarms` and `momentary` are by alarm key. Who judges entries of
    any devices is in `wide_readings`, `wide_derived`, `wide_events` and, by the rule whose alarms it hears, in
    `listeners`.
    """

    def __init__(self, rules: Sequence[Rule], around: Surroundings, time: Timeline, effects: Effects) -> None:
        self._time = time
        self._effects = effects
        self.rules = {rule.id: rule for rule in rules if rule.params.enabled}
        self._around = replace(around, watched={rule.id: _by_device(rule) for rule in self.rules.values()})
        self.points: dict[str, dict[str, Track]] = {}
        self.readings: dict[str, list[ReadingWatch]] = {}
        self.events: dict[tuple[str, str], list[EventWatch | ReadingWatch]] = {}
        self.watches: list[Watch] = []
        self.alarms: dict[str, Watch] = {}
        self.momentary: dict[str, EventWatch] = {}
        self.wide_readings: dict[str, list[EntryWatch]] = defaultdict(list)
        self.wide_derived: dict[tuple[str, str], list[EntryWatch]] = defaultdict(list)
        self.wide_events: dict[tuple[str, str], list[EntryWatch]] = defaultdict(list)
        self.listeners: dict[str, list[EntryWatch]] = defaultdict(list)
        for rule in self.rules.values():
            kind = _kind(rule.kind)
            for source in rule.sources:
                self._add(kind, rule, source)

    def _add(self, kind: Kind, rule: Rule, source: Source) -> None:
        judge = kind.build(rule, source, self._around)
        if judge is None:
            return
        if rule.at:
            judge = self._hourly(kind, rule, source, judge)
        key = alarm_key(rule.id, source.key)
        if kind.hears == "events" and rule.schedule is not None:
            judge = ScheduledEvents(judge, rule.schedule, self._around.zone)
        if kind.hears == "events":
            machine = Machine(rule, source, judge.severities, self._time, self._effects)
        else:
            machine = self._machine(rule, source, judge.severities)
        watch: Watch
        if kind.hears == "events":
            watch = EventWatch(len(self.watches), judge, machine, self._time, self._effects)
            self.momentary[key] = watch
            self._hear(source.device, judge.kinds, watch)
        elif kind.hears == "point":
            assert source.point is not None
            track = self._track(source.device, source.point)
            watch = PointWatch(len(self.watches), judge, machine, track, self._time)
        elif kind.hears == "entries":
            judge.wall = self._time.wall
            watch = EntryWatch(len(self.watches), judge, machine)
            self._attend(judge, watch)
        else:
            watch = ReadingWatch(len(self.watches), judge, machine)
            self.readings.setdefault(source.device, []).append(watch)
            self._hear(source.device, judge.event_kinds, watch)
        self.watches.append(watch)
        self.alarms[key] = watch

    def begin_anew(self, watch: EntryWatch | ReadingWatch) -> None:
        """Give a watch a judge that remembers nothing."""
        machine = watch.machine
        judge = _kind(machine.rule.kind).build(machine.rule, machine.source, self._around)
        watch.judge = judge
        if isinstance(watch, EntryWatch):
            judge.wall = self._time.wall

    def _machine(self, rule: Rule, source: Source, severities: tuple[str, ...]) -> Machine:
        if rule.schedule is None:
            return Machine(rule, source, severities, self._time, self._effects)
        hours = (rule.schedule, self._around.zone)
        return ScheduledMachine(rule, source, severities, self._time, self._effects, *hours)

    def _hourly(self, kind: Kind, rule: Rule, source: Source, usual: PointJudge) -> HourlyJudge:
        others = [
            (hours, kind.build(replace(rule, params=params), source, self._around))
            for hours, params in zip(rule.at, rule.params.variants(), strict=True)
        ]
        return HourlyJudge(usual, others, self._around.zone, self._time)

    def _hear(self, device: str, kinds: Sequence[str], watch: EventWatch | ReadingWatch) -> None:
        for kind in kinds:
            self.events.setdefault((device, kind), []).append(watch)

    def _attend(self, judge: EntryJudge, watch: EntryWatch) -> None:
        interest = judge.interest
        for device in interest.readings:
            self.wide_readings[device].append(watch)
        for made in interest.derived:
            self.wide_derived[made].append(watch)
        for happened in interest.events:
            self.wide_events[happened].append(watch)
        for rule in interest.alarms:
            self.listeners[rule].append(watch)

    def _track(self, device: str, point: str) -> Track:
        tracks = self.points.setdefault(device, {})
        if point not in tracks:
            seconds = patience(self._around.devices[device], point)
            tracks[point] = Track(None if seconds is None else round(seconds * 1000))
        return tracks[point]


def alarm_key(rule: str, source_key: str) -> str:
    """The name of an alarm through all its occurrences: rule/device[/point]."""
    return f"{rule}/{source_key}"


def _by_device(rule: Rule) -> Mapping[str, frozenset[str]]:
    keys: dict[str, list[str]] = defaultdict(list)
    for source in rule.sources:
        keys[source.device].append(source.key)
    return {device: frozenset(each) for device, each in keys.items()}


def _kind(name: str) -> Kind:
    module, _, attribute = RULES[name].partition(":")
    return cast("Kind", getattr(import_module(module), attribute))
