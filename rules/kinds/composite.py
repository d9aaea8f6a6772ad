"""Kind `composite`: a condition in CEL over points, their ages, alarms of other rules and the local time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import field_validator

from monitor.errors import SettingsError
from monitor.model import Derived, Event, Reading, Transition, Value
from monitor.periods import QUARTER
from monitor.ruletypes import Vocabulary
from monitor.schema import MEASUREMENT_MONITOR, MONITOR_DEVICE
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from rules.expression import Expr, Values, parse
from rules.kind import EntryJudge, Interest, InUnitOfPoints, Verdict, as_said, grace, is_sure, patience
from rules.naming import Meaning, age_limits, check_name, check_sense, is_there, meaning, together
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["COMPOSITE", "Composite", "CompositeJudge", "CompositeRule"]

_ON = frozenset({"active", "recovering"})
_MOST_SHOWN = 60


class CompositeRule(RuleModel):
    """Settings of a rule of kind `composite`."""

    kind: Literal["composite"]
    expression: str

    @field_validator("expression")
    @classmethod
    def _is_understood(cls, text: str) -> str:
        parse(text)
        return text


class _Point:
    """What is known of one point: its newest sure value, since when, and whether that still counts.

    `seen` and `last` are engine ms: of the newest word, and of the newest sure value. `heard`: since the start.
    """

    __slots__ = ("age_name", "heard", "last", "limits", "name", "patience", "seen")

    def __init__(self, patience: int | None) -> None:
        self.name = self.age_name = ""
        self.limits: tuple[int, ...] = ()
        self.patience = patience
        self.seen = 0
        self.last: int | None = None
        self.heard = True

    def crossings(self) -> Iterable[int]:
        """When its age passes what it is compared with: it equals the limit, and then is beyond it."""
        if self.last is not None:
            for limit in self.limits:
                yield self.last + limit
                yield self.last + limit + 1


class CompositeJudge(EntryJudge):
    """Keeps what an expression asks for and evaluates it whenever that has changed.

    What is missing, stale or of doubtful quality is absent, and what CEL makes of that counts: FALSE and UNKNOWN
    is FALSE. Of a rule about this device, or about what it hangs below, the alarms there count; of others all do.
    """

    def __init__(
        self,
        expr: Expr,
        meanings: Mapping[str, Meaning],
        around: Surroundings,
        *,
        rule: Rule,
        device: str,
    ) -> None:
        self.severities = (rule.params.severity,)
        self._version = rule.version
        self._expr = expr
        self._values = Values(expr)
        self._zone = around.zone
        self._near = {found.word: around.near(found.word, device) for found in meanings.values()}
        self._points: dict[str, dict[str, _Point]] = {}
        self._alarms: dict[str, str] = {}
        self._active: dict[str, set[str]] = {}
        self._time: dict[str, str] = {}
        for name, found in meanings.items():
            self._name(name, found, found.device or device, around.devices)
        self._ages = [each for each in self._all_points() if each.age_name]
        self._grace = max((grace(around.devices[each]) for each in self._points), default=0)
        for heard, name in self._alarms.items():
            self._active[heard] = set()
            self._values.set(name, value=False)
        self.interest = self._interest(around.devices)
        self._said: Truth | None = None
        self._since = 0
        self._quarter = -1
        self._ends = 0
        self._due: int | None = None
        self._is_new = True

    def _name(self, name: str, found: Meaning, device: str, devices: Mapping[str, Device]) -> None:
        if found.sort == "alarm":
            self._alarms[found.word] = name
        elif found.sort == "time":
            self._time[found.word] = name
        else:
            seconds = patience(devices[device], found.word)
            of_device = self._points.setdefault(device, {})
            point = of_device.setdefault(found.word, _Point(None if seconds is None else round(seconds * 1000)))
            if found.sort == "point":
                point.name = name
            else:
                point.age_name, point.limits = name, age_limits(self._expr, name)

    def _interest(self, devices: Mapping[str, Device]) -> Interest:
        derived = [
            (each, MEASUREMENT_MONITOR if each == MONITOR_DEVICE else devices[each].device_class)
            for each in self._points
        ]
        return Interest(
            readings=tuple(self._points),
            derived=tuple(derived),
            events=((MONITOR_DEVICE, "clock_stepped"),) if self._time else (),
            alarms=tuple(self._alarms),
        )

    def _all_points(self) -> Iterable[_Point]:
        return (point for points in self._points.values() for point in points.values())

    # What comes in ------------------------------------------------------------------------------------

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take values of a device; what comes late says nothing of now."""
        if reading.late:
            return None
        return self._take(reading, at, now, sure=is_sure(reading))

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take what the monitor says of a device besides."""
        said = as_said(derived)
        return self._take(said, at, now, sure=is_sure(said))

    def _take(self, reading: Reading, at: int, now: int, *, sure: bool) -> Verdict | None:
        changed = False
        for word, point in self._points[reading.device].items():
            known = word in reading.values
            if at < point.seen or not (known or word in reading.missing):
                continue
            point.seen = at
            if known and sure:
                point.last = at
                point.heard = True
                changed |= bool(point.age_name)
                self._wake(point)
            changed |= self._set(point, reading.values[word] if known and sure else None)
        return self._judge(at, now) if changed or self._said is None else None

    def _set(self, point: _Point, value: Value | None) -> bool:
        return bool(point.name) and self._values.set(point.name, value)

    def event(self, event: Event, at: int, now: int) -> Verdict | None:
        """The clock was set: the hour may be another."""
        del event
        return self._judge(at, now)

    def alarm(self, step: Transition, now: int) -> Verdict | None:
        """Take a step of an alarm that is asked about."""
        if not self._counts(step.rule, step.source_key):
            return None
        active = self._active[step.rule]
        (active.add if step.condition in _ON else active.discard)(step.source_key)
        return self._judge(now, now) if self._values.set(self._alarms[step.rule], bool(active)) else None

    def standing(self, rule: str, sources: Iterable[str], now: int) -> None:
        """Take which alarms of a rule are active at a start."""
        self._active[rule] = {each for each in sources if self._counts(rule, each)}
        self._values.set(self._alarms[rule], bool(self._active[rule]))
        if self._is_new and self._active[rule]:
            self._due = now

    def _counts(self, rule: str, source_key: str) -> bool:
        return not self._near[rule] or source_key in self._near[rule]

    # Judging ------------------------------------------------------------------------------------------

    def _judge(self, at: int, now: int, *, heard: bool = True) -> Verdict | None:
        """Evaluate, and answer what is news; a look that finds nothing new leaves no trace."""
        self._is_new = False
        self._tell_time(now)
        for point in self._ages:
            known = point.last is not None and (point.heard or now >= self._ends)
            age = (now - point.last) / 1000 if known and point.last is not None else None
            self._values.set(point.age_name, age)
        before, self._said = self._said, Truth.UNKNOWN
        self._said = found = self._expr.truth(self._values)
        if heard or found is not before:
            self._since = max(self._since, at)
        if found is before and found is not Truth.TRUE:
            return None
        facts = {name: _shown(value) for name, value in self._values.known.items()}
        return Verdict(found, since=self._since, facts=facts if found is Truth.TRUE else {})

    def _tell_time(self, now: int) -> None:
        wall = self.wall(now)
        if not self._time or wall // QUARTER == self._quarter:
            return
        self._quarter = wall // QUARTER
        local = datetime.fromtimestamp(wall / 1000, self._zone)
        for word, name in self._time.items():
            self._values.set(name, float(local.hour if word == "hour" else local.isoweekday()))
        self._wake_at((self._quarter + 1) * QUARTER + now - wall)

    # Time ---------------------------------------------------------------------------------------------

    def due(self) -> int | None:
        """Say when a value becomes stale, an age passes a limit, or an hour may have begun; it may be early."""
        return self._due

    def _wake_at(self, at: int) -> None:
        if self._due is None or at < self._due:
            self._due = at

    def _wake(self, point: _Point) -> None:
        assert point.last is not None
        if point.name and point.patience is not None:
            self._wake_at(point.last + point.patience)
        if point.limits:
            self._wake_at(point.last + point.limits[0])

    def tick(self, now: int) -> Verdict | None:
        """Leave out what has become stale, and evaluate."""
        passed = self._said is None or bool(self._ages) or bool(self._time)
        for point in self._all_points():
            if point.name in self._values.known and point.patience is not None:
                is_stale = point.last is None or point.last + point.patience <= now
                passed |= is_stale and self._set(point, None)
        self._rearm(now)
        return self._judge(now, now, heard=False) if passed else None

    def _rearm(self, now: int) -> None:
        """Find out anew what comes next."""
        moments = [self._ends]
        for point in self._all_points():
            if point.name in self._values.known and point.patience is not None and point.last is not None:
                moments.append(point.last + point.patience)
            moments += point.crossings()
        if self._time:
            wall = self.wall(now)
            moments.append((wall // QUARTER + 1) * QUARTER + now - wall)
        self._due = min((each for each in moments if each > now), default=None)

    def resume(self, stopped: int, started: int) -> None:
        """Know only what keeps its word until more is heard; ages go on where they were, after a grace."""
        for point in self._all_points():
            if point.last is not None:
                point.last += started - stopped
            if point.patience is not None:
                point.heard = False
                self._set(point, None)
        self._ends = started + self._grace if self._ages else 0
        self._since = max(self._since, started)
        self._said = None
        self._due = started

    # Memory -------------------------------------------------------------------------------------------

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready: no more than the names of the expression."""
        points = {
            f"{device}/{word}": [self._values.known.get(point.name), point.seen, point.last, point.heard]
            for device, its in self._points.items()
            for word, point in its.items()
        }
        return {
            "version": self._version,
            "points": points,
            "said": self._said,
            "since": self._since,
            "ends": self._ends,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; what an edited rule says is found out anew."""
        for device, its in self._points.items():
            for word, point in its.items():
                kept = memory["points"].get(f"{device}/{word}")
                if kept is not None:
                    value, point.seen, point.last, point.heard = kept
                    self._set(point, value)
        same = memory["version"] == self._version and memory["said"] is not None
        self._said = Truth(memory["said"]) if same else None
        self._since, self._ends, self._is_new = memory["since"], memory["ends"], False
        self._due = 0


class Composite(InUnitOfPoints):
    """The kind `composite`."""

    kind = "composite"
    model = CompositeRule
    hears = "entries"

    def point_patterns(self, params: CompositeRule) -> None:
        """One alarm for each device."""
        del params

    def devices(self, params: CompositeRule, chosen: Sequence[str], words: Vocabulary) -> Sequence[str]:
        """The devices that have every point which is named without a device."""
        expr = parse(params.expression)
        found = [each for each in chosen if all(is_there(name, words.points[each], words) for name in expr.names)]
        example = words.points[found[0]] if found else together(chosen, words)
        for name in expr.names:
            check_name(name, example, words)
        if not found:
            raise SettingsError("none of these devices has all the points that are named without a device")
        check_sense(expr, example, words)
        own = {meaning(name, example, words.rules) for name in expr.names}
        if params.devices is None and not any(each.sort in {"point", "age"} and not each.device for each in own):
            raise SettingsError("say with `devices:` whose alarm it is: no point is named without a device")
        return found

    def rules(self, params: CompositeRule, words: Vocabulary) -> Sequence[str]:
        """Ids of the rules whose alarms it asks about."""
        found = [meaning(name, (), words.rules) for name in parse(params.expression).names]
        return [each.word for each in found if each.sort == "alarm"]

    def build(self, rule: Rule, source: Source, around: Surroundings) -> CompositeJudge:
        """Make the judge of one device."""
        expr = parse(rule.params.expression)
        own = around.devices[source.device].points
        return CompositeJudge(
            expr,
            {name: meaning(name, own, around.watched) for name in expr.names},
            around,
            rule=rule,
            device=source.device,
        )


COMPOSITE = Composite()


def _shown(value: Value) -> str | float:
    """A value as a message may tell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value[:_MOST_SHOWN] if isinstance(value, str) else value
