"""The rules engine: entries and time in, steps of alarms out. No I/O, no clock, no asyncio.

The same entries with the same stamps give the same transitions, live, after a restart and in a replay: time
comes from the entries, and whatever becomes due between two of them is done before the second is judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

from monitor.model import Command, Derived, Event, Origin, Quality, Reading, Recorded, Transition, Value
from monitor.schema import CLASSES, MEASUREMENT_MONITOR, MONITOR_DEVICE
from monitor.site import Rule
from rules.commands import Commands
from rules.effects import Effects, Row, unheard
from rules.flood import Flood
from rules.index import Index, alarm_key
from rules.kind import as_said
from rules.memory import Memory
from rules.suppressors import Suppressors
from rules.surroundings import Surroundings
from rules.timeline import Timeline, is_clock_step
from rules.watch import EntryWatch, EventWatch, ReadingWatch, Track, Watch

__all__ = ["Engine"]

_EARLIER = 86_400_000
_SURE = frozenset({Quality.GOOD, Quality.MANUAL})
_SAYS_POINTS = frozenset({*CLASSES, MEASUREMENT_MONITOR})
"""Measurements of derived entries that stand beside what a device says, as more points of it."""


class Engine:
    """All rules of a site.

    `judge` and `tick` are given everything in order; `dump_changed` answers what has to be kept to go on from
    there, `load` takes it back. Nothing here is scanned: an entry costs only the rules that hear it.
    """

    def __init__(self, rules: Sequence[Rule], around: Surroundings) -> None:
        self._time = Timeline()
        self._effects = Effects()
        self._published = 0
        self._index = Index(rules, around, self._time, self._effects)
        self._suppressors = Suppressors(self._index, around, self._time)
        self._flood = Flood(len(self._index.watches) + 1, self._time)
        self._memory = Memory(self._index, self._time, self._suppressors, self._flood)
        self._open: dict[str, str] = {}
        self._commands = Commands(self._index, self._memory, self._suppressors, self._time, self._open)
        self._heap: list[tuple[int, int, Watch | Suppressors | Flood]] = []
        self._failed: set[str] = set()

    @property
    def flooding(self) -> bool:
        """Whether more alarms come than anybody can read one by one."""
        return self._flood.is_on

    @property
    def learning(self) -> frozenset[str]:
        """Ids of the rules that do not know yet, at some source, what is usual."""
        watches = (watch for watch in self._index.watches if isinstance(watch, EntryWatch))
        return frozenset(watch.machine.rule.id for watch in watches if watch.judge.learning)

    # Judging ------------------------------------------------------------------------------------------

    def judge(self, batch: Sequence[Recorded]) -> Effects:
        """Judge entries in the order of the journal; what is due before each of them comes first."""
        if batch and not self._time.now:
            self._begin(batch[0].recorded)
        steps = [
            (item.recorded, item.entry)
            for item in batch
            if type(item.entry) is Event and is_clock_step(item.entry)
        ]
        for item in batch:
            # What shares its stamp with a step of the clock was stamped by the stepped clock.
            while steps and steps[0][0] <= item.recorded:
                self._advance(self._time.before_step(steps[0][1], item.entry))
                self._time.stepped(*steps.pop(0))
                self._reconsider()
                self._rearm()  # hours of the day have moved
            self._judge(item)
        return self._hand_over()

    def _judge(self, item: Recorded) -> None:
        entry = item.entry
        if type(entry) is Reading:
            self._advance(self._time.arrive(item.recorded, entry.arrived))
            self._reading(entry)
        elif type(entry) is Event:
            if entry.kind == "monitor_started" and entry.device == MONITOR_DEVICE:
                self._restarted(item.recorded, entry.arrived)
                return
            self._advance(self._time.arrive(item.recorded, entry.arrived))
            self._event(entry)
        else:
            self._advance(self._time.arrive(item.recorded, None))
            if type(entry) is Command and self._commands.knows(entry.kind):
                self._command(entry)
            elif type(entry) is Derived:
                self._derived(entry, item.recorded)
        if self._effects.steps:
            self._publish()

    def tick(self, now: int) -> Effects:
        """Do what is due by `now` (UTC ms): for times when no entry comes."""
        if not self._time.now:
            self._begin(now)
        self._advance(max(self._time.now, now + self._time.offset))
        return self._hand_over()

    def _begin(self, now: int) -> None:
        # Some time before, so that a step of the clock that is told of with the first entry is still heeded.
        self._time.now = max(1, now - _EARLIER)
        self._reconsider()

    def due(self) -> int | None:
        """Say when a tick is needed (UTC ms), unless an entry comes before; it may turn out to do nothing."""
        return self._time.wall(self._heap[0][0]) if self._heap else None

    def resume(self, started: int) -> Effects:
        """Go on after the monitor did not run: what lies between the last entry or tick and `started` (UTC ms).

        That time counts for no delay, and nothing is held against a device that could not be heard.
        """
        self._resume(started)
        return self._hand_over()

    def _resume(self, started: int) -> None:
        stopped = self._time.now
        self._time.resume(started)
        for watch in self._index.watches:
            watch.resume(stopped or self._time.now, self._time.now)
        self._memory.devices.update(self._index.readings)
        self._memory.judges.update(watch for watch in self._index.watches if isinstance(watch, EntryWatch))
        self._reconsider()

    def _restarted(self, recorded: int, arrived: int) -> None:
        started = self._time.restarted(recorded, arrived)
        if started is not None:
            self._resume(started)

    # What comes in ------------------------------------------------------------------------------------

    def _reading(self, reading: Reading) -> None:
        device = reading.device
        watches = self._index.readings.get(device)
        if watches is not None:
            self._memory.devices.add(device)
            # A late reading says nothing of now except that the device has spoken.
            at = self._time.place(reading.arrived if reading.late else reading.time, reading.arrived)
            for watch in watches:
                try:
                    watch.reading(reading, at, self._time.now)
                except Exception as error:  # noqa: BLE001 - a rule that fails must not stop the others
                    self._fail(watch, error)
                self._arm(watch)
        wide = self._index.wide_readings.get(device)
        if wide is not None:
            self._wide(wide, reading, self._time.place(reading.time, reading.arrived))
        tracks = self._index.points.get(device)
        if tracks is not None and not reading.late:
            self._memory.devices.add(device)
            self._points(reading, tracks, self._time.place(reading.time, reading.arrived))

    def _derived(self, derived: Derived, recorded: int) -> None:
        at = self._time.place(derived.time, recorded)
        wide = self._index.wide_derived.get((derived.device, derived.measurement))
        if wide is not None:
            self._wide(wide, derived, at)
        tracks = self._index.points.get(derived.device)
        if tracks is not None and derived.measurement in _SAYS_POINTS:
            self._memory.devices.add(derived.device)
            self._points(as_said(derived), tracks, at)

    def _wide(self, watches: Iterable[EntryWatch], entry: Reading | Derived | Event | Transition, at: int) -> None:
        for watch in watches:
            try:
                watch.hear(entry, at, self._time.now)
            except Exception as error:  # noqa: BLE001 - a rule that fails must not stop the others
                self._fail(watch, error)
            self._memory.judges.add(watch)
            self._arm(watch)

    def _publish(self) -> None:
        """Heed the steps; who listens to other alarms, or hangs below them, hears them, and those that follow."""
        steps = self._effects.steps
        while self._published < len(steps):
            step = steps[self._published] = self._flood.take(unheard(steps[self._published]))
            self._published += 1
            self._heed(step.transition.occurrence, alarm_key(step.rule.id, step.source.key))
            if self._flood.changed:
                self._arm(self._flood)
            for watch in self._suppressors.heed(step):
                self._arm(watch)
            listeners = self._index.listeners.get(step.rule.id)
            if listeners is not None:
                self._wide(listeners, step.transition, self._time.now)

    def _points(self, reading: Reading, tracks: Mapping[str, Track], at: int) -> None:
        # A retained message without a time of its own may be of any age.
        aged = reading.origin is Origin.RETAINED and reading.time >= reading.arrived
        sure = reading.quality in _SURE and not aged
        values = reading.values
        for name in tracks if len(tracks) < len(values) else values:
            track = tracks.get(name)
            if track is None or at < track.last or name not in values:
                continue
            before, track.last = track.last, at
            value = values[name]
            number = type(value)
            if sure and (number is float or number is int) and track.low <= value <= track.high:  # type: ignore[operator] # no text
                continue
            self._sample(track, value, at, before if not sure else None)
        for name in reading.missing:
            track = tracks.get(name)
            if track is not None and at >= track.last:
                before, track.last = track.last, at
                for watch in track.watches:
                    watch.machine.unknown(at, before)
                    self._arm(watch)
                track.settle()

    def _sample(self, track: Track, value: Value, at: int, doubted_since: int | None) -> None:
        for watch in track.watches:
            if doubted_since is None:
                try:
                    watch.sample(value, at)
                except Exception as error:  # noqa: BLE001 - a rule that fails must not stop the others
                    self._fail(watch, error)
            else:
                watch.machine.unknown(at, doubted_since)
            if watch.machine.changed or watch.machine.raises_on_silence:
                self._arm(watch)
        track.settle()

    def _event(self, event: Event) -> None:
        wide = self._index.wide_events.get((event.device, event.kind))
        if wide is not None:
            self._wide(wide, event, self._time.place(event.time, event.arrived))
        for watch in self._index.events.get((event.device, event.kind), ()):
            try:
                if isinstance(watch, EventWatch):
                    watch.event(event)
                    self._memory.momentary.add(alarm_key(watch.rule.id, watch.source.key))
                else:
                    watch.event(event, self._time.now)
                    self._memory.devices.add(event.device)
                self._arm(watch)
            except Exception as error:  # noqa: BLE001 - a rule that fails must not stop the others
                self._fail(watch, error)

    def _fail(self, watch: Watch, error: Exception) -> None:
        rule = watch.machine.rule
        if rule.id not in self._failed:
            self._failed.add(rule.id)
            self._effects.failures.append((rule.id, f"{type(error).__name__}: {error}"))

    # Time ---------------------------------------------------------------------------------------------

    def _advance(self, now: int) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now:
            due, _, watch = heappop(heap)
            if watch.armed != due:
                continue  # a later, earlier one took its place
            watch.armed = None
            self._time.now = max(self._time.now, due)
            self._tick(watch)
            self._arm(watch)
            self._publish()
        self._time.now = now

    def _tick(self, watch: Watch | Suppressors | Flood) -> None:
        if isinstance(watch, Suppressors):
            for each in watch.follow():
                self._arm(each)
            return
        due = watch.due()
        if due is None or due > self._time.now:
            return
        if isinstance(watch, Flood):
            watch.tick(self._time.now)
            return
        try:
            watch.tick(self._time.now)
        except Exception as error:  # noqa: BLE001 - a rule that fails must not stop the others
            self._fail(watch, error)
        if isinstance(watch, ReadingWatch):
            self._memory.devices.add(watch.machine.source.device)
        elif isinstance(watch, EntryWatch):
            self._memory.judges.add(watch)
        elif isinstance(watch, EventWatch):
            self._memory.momentary.add(alarm_key(watch.rule.id, watch.source.key))

    def _arm(self, watch: Watch | Suppressors | Flood) -> None:
        """Note what has changed, and when time will change it next; later is found out when it is due."""
        if not isinstance(watch, Suppressors | Flood) and watch.machine.changed:
            self._memory.note(watch)
        due = watch.due()
        if due is not None and (watch.armed is None or due < watch.armed):
            watch.armed = due
            heappush(self._heap, (due, watch.index, watch))

    def _rearm(self) -> None:
        self._heap.clear()
        for watch in (*self._index.watches, self._suppressors, self._flood):
            watch.armed = None
            self._arm(watch)

    def _reconsider(self) -> None:
        """Look at everything again that the clock of the wall or new settings may have moved."""
        for watch in self._suppressors.reconsider():
            self._arm(watch)
        self._publish()
        self._rearm()

    # People -------------------------------------------------------------------------------------------

    def _command(self, command: Command) -> None:
        refusal, watches = self._commands.judge(command)
        for watch in watches:
            self._arm(watch)
        self._arm(self._suppressors)
        if refusal:
            self._effects.refused.append((command.id, refusal))

    def _hand_over(self) -> Effects:
        self._publish()
        effects = self._effects
        handed = Effects(list(effects.steps), list(effects.refused), list(effects.failures))
        for kept in (effects.steps, effects.refused, effects.failures):
            kept.clear()
        self._published = 0
        return handed

    def _heed(self, occurrence: str, key: str) -> None:
        """Keep the index from open occurrences to their alarms, by which people call them."""
        if key in self._index.momentary:
            is_open = occurrence in self._index.momentary[key].opened
        else:
            watch = self._index.alarms.get(key)
            is_open = watch is not None and watch.machine.is_listed and watch.machine.occurrence == occurrence
        if is_open:
            self._open[occurrence] = key
        else:
            self._open.pop(occurrence, None)

    # Memory -------------------------------------------------------------------------------------------

    def dump_changed(self) -> Sequence[Row]:
        """Answer what has changed since the last call."""
        return list(self._memory.changed())

    def load(self, rows: Iterable[Row], now: int) -> Effects:
        """Take back what `dump_changed` gave; what no rule answers for any more is closed at `now` (UTC ms)."""
        for occurrence, key in self._memory.load(rows, now, self._effects):
            self._open[occurrence] = key
        for watch in self._index.watches:
            watch.machine.cut_shelf()
            watch.machine.plan()
        self._remind()
        self._rearm()
        return self._hand_over()

    def _remind(self) -> None:
        """Tell who listens to the alarms of other rules which of them are active."""
        active: dict[str, list[str]] = {rule: [] for rule in self._index.listeners}
        for watch in self._index.watches:
            if watch.machine.is_on and watch.machine.rule.id in active:
                active[watch.machine.rule.id].append(watch.machine.source.key)
        for rule, listeners in self._index.listeners.items():
            for listener in listeners:
                listener.judge.standing(rule, active[rule], self._time.now)
