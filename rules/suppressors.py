"""What suppresses alarms by design: the alarms that they hang below, and maintenance."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from monitor.maintenance import MOST_ASKED, WORDS, Window, problem
from monitor.site import Device
from rules.effects import Row, Step
from rules.index import Index, alarm_key
from rules.kind import interval
from rules.machine import Machine
from rules.surroundings import Surroundings
from rules.timeline import Timeline
from rules.watch import Watch

__all__ = ["Suppressors"]

_MAINTENANCE: Final = "maintenance:"
_LONGEST_SETTLE: Final = 120_000
_CYCLES: Final = 2
_SECOND: Final = 1000


class _Overhead:
    """What is above one alarm (an `Above`). `settle`: ms for which a parent that is over still counts."""

    __slots__ = ("_parents", "_places", "_rule", "_settle", "_suppressors", "_time")

    def __init__(
        self,
        machine: Machine,
        parents: Mapping[str, Machine],
        settle: int,
        suppressors: "Suppressors",
        time: Timeline,
    ) -> None:
        self._rule = machine.rule.id
        self._places = (machine.source.device, machine.source.key)
        self._parents = parents
        self._settle = settle
        self._suppressors = suppressors
        self._time = time

    def now(self) -> tuple[str, ...]:
        names = [key for key, parent in self._parents.items() if self._holds(parent)]
        names += [_MAINTENANCE + each for each in self._suppressors.covering(self._rule, self._places)]
        return tuple(names)

    def _holds(self, parent: Machine) -> bool:
        if _is_true(parent):
            return True
        return parent.over_at is not None and self._time.now < parent.over_at + self._settle

    def due(self, names: Sequence[str]) -> int | None:
        parents = [self._parents[name] for name in names if name in self._parents]
        settling = [
            parent.over_at + self._settle
            for parent in parents
            if parent.over_at is not None and not _is_true(parent)
        ]
        return min(settling, default=None)

    def title(self, name: str) -> str:
        if name.startswith(_MAINTENANCE):
            return self._suppressors.title(name.removeprefix(_MAINTENANCE))
        parent = self._parents.get(name)
        if parent is None:
            return name
        return f"{parent.rule.name or parent.rule.id}: {parent.source.name or parent.source.key}"


class Suppressors:
    """Finds what is above each alarm, hears what becomes of it, and keeps the maintenance.

    It stands among the watches in the engine's heap: `due` and `tick` are about the windows.
    """

    def __init__(self, index: Index, around: Surroundings, time: Timeline) -> None:
        self.index = len(index.watches)
        self.armed: int | None = None
        self._watches = index.watches
        self._time = time
        self._zone = around.zone
        self._planned = {window.id: window for window in around.windows}
        self._asked: dict[str, Window] = {}
        self._ended: dict[str, int] = {}
        self._on: dict[str, Window] = {}
        self._changed: set[str] = set()
        self._children: dict[str, list[Watch]] = defaultdict(list)
        self._bind(index, around)

    def _bind(self, index: Index, around: Surroundings) -> None:
        by_source: dict[tuple[str, str], Watch] = {}
        by_device: dict[tuple[str, str], list[Watch]] = defaultdict(list)
        for watch in index.watches:
            rule, source = watch.machine.rule, watch.machine.source
            by_source[rule.id, source.key] = watch
            by_device[rule.id, source.device].append(watch)
        for watch in index.watches:
            machine = watch.machine
            source = machine.source
            places = around.above.get(source.device, frozenset()) | around.above.get(source.key, frozenset())
            parents: dict[str, Machine] = {}
            for parent in machine.rule.depends_on:
                found = [by_source[parent, place] for place in sorted(places) if (parent, place) in by_source]
                for each in [*found, *by_device[parent, source.device]]:
                    if each is not watch:
                        key = alarm_key(parent, each.machine.source.key)
                        parents[key] = each.machine
            for key in parents:
                self._children[key].append(watch)
            settle = _settle(around.devices.get(source.device), source.point)
            machine.hold.above = _Overhead(machine, parents, settle, self, self._time)

    def heed(self, step: Step) -> Iterator[Watch]:
        """Have the alarms below look up after a step of one above; yields those that may have changed."""
        for watch in self._children.get(alarm_key(step.rule.id, step.source.key), ()):
            if watch.machine.is_open:
                watch.machine.look_up()
                yield watch

    def reconsider(self) -> Iterator[Watch]:
        """Have all open alarms look up: after a start (the settings may be others), and when the clock was set."""
        self._look()
        gather = f"{_MAINTENANCE}{self._wall()}"
        for watch in self._watches:
            if watch.machine.is_open:
                worked_at = any(name.startswith(_MAINTENANCE) for name in watch.machine.hold.by)
                watch.machine.look_up(gather if worked_at else "")
                yield watch
            elif watch.machine.hold.lasts:
                watch.machine.plan()
                yield watch

    # Maintenance --------------------------------------------------------------------------------------

    def covering(self, rule: str, places: Sequence[str]) -> list[str]:
        """Ids of the windows that are on and cover an alarm at a device, or at what only its source key names."""
        return [name for name, window in self._on.items() if _covers(window, rule, places)]

    def title(self, name: str) -> str:
        """What people call a window."""
        window = self._planned.get(name) or self._asked.get(name)
        return f"maintenance ({window.name or name})" if window is not None else "maintenance"

    def add(self, name: str, arguments: Mapping[str, str | float], *, by: str, reason: str) -> str:
        """Take a window that somebody asks for; answers why not, or ''."""
        if name in self._planned or name in self._asked:
            return f"there is a maintenance {name} already"
        if len(self._asked) >= MOST_ASKED:
            return f"{MOST_ASKED} maintenances are planned by hand already: end some that nobody needs"
        if not reason.strip():
            return "say why: a maintenance needs a reason"
        try:
            window = self._window(name, arguments, by=by, reason=reason)
        except (LookupError, ValueError, TypeError, OverflowError):
            return "a maintenance needs a begin (`starts`, UTC ms) and a length (`for_s`, seconds)"
        wrong = str(problem(window) or "")
        if not wrong and not window.is_on(self._wall()) and window.change_after(self._wall()) is None:
            wrong = "it would be over already"
        if not wrong:
            self._asked[name] = window
            self._changed.add(name)
        return wrong

    def _window(self, name: str, arguments: Mapping[str, Any], *, by: str, reason: str) -> Window:
        repeat = str(arguments.get("repeat", ""))
        devices = _listed(arguments.get("devices", ""))
        return Window(
            id=name,
            starts=int(arguments["starts"]),
            duration=round(float(arguments["for_s"]) * _SECOND),
            repeat=WORDS.get(repeat, repeat),
            zone=self._zone,
            devices=frozenset(devices) if devices else None,
            rules=_listed(arguments.get("rules", "")),
            name=str(arguments.get("name", "")),
            reason=reason,
            by=by,
        )

    def end(self, name: str) -> str:
        """End a window: for good one that somebody asked for, for this time one that is planned."""
        if name in self._asked:
            del self._asked[name]
        elif name not in self._planned:
            return f"there is no maintenance {name}"
        elif name not in self._on:
            return f"the maintenance {name} is not on; it stands in the site file"
        else:
            self._ended[name] = self._planned[name].end_of(self._wall()) or self._wall()
        self._changed.add(name)
        return ""

    def due(self) -> int | None:
        """Say when a window begins or ends next."""
        if not self._time.now:
            return None
        wall = self._wall()
        changes = [window.change_after(wall) for window in self._all().values()]
        soonest = min((change for change in changes if change is not None), default=None)
        return None if soonest is None else soonest + self._time.offset

    def follow(self) -> Iterator[Watch]:
        """Heed which windows are on now; yields the alarms that may have changed, all of them as one `gather`."""
        before = self._on
        self._look()
        changed = [
            window for name, window in (before | self._on).items() if (name in before) != (name in self._on)
        ]
        if not changed:
            return
        gather = f"{_MAINTENANCE}{self._wall()}"
        for watch in self._watches:
            machine = watch.machine
            places = (machine.source.device, machine.source.key)
            if machine.is_open and any(_covers(window, machine.rule.id, places) for window in changed):
                machine.look_up(gather)
                yield watch

    def _look(self) -> None:
        wall = self._wall()
        for name, until in list(self._ended.items()):
            if until <= wall:
                del self._ended[name]
                self._changed.add(name)
        for name, window in list(self._asked.items()):
            if not window.is_on(wall) and window.change_after(wall) is None:
                del self._asked[name]
                self._changed.add(name)
        self._on = {
            name: window
            for name, window in self._all().items()
            if window.is_on(wall) and self._ended.get(name, 0) <= wall
        }

    def _all(self) -> Mapping[str, Window]:
        return self._planned | self._asked

    def _wall(self) -> int:
        return self._time.wall(self._time.now)

    # Memory -------------------------------------------------------------------------------------------

    def changed(self) -> Iterator[Row]:
        """Yield a row for each window whose memory has changed since the last call."""
        for name in sorted(self._changed):
            yield Row(area="window", key=name, body=self._body(name))
        self._changed.clear()

    def _body(self, name: str) -> Mapping[str, Any] | None:
        if name in self._ended:
            return {"ended_until": self._ended[name]}
        window = self._asked.get(name)
        if window is None:
            return None
        return {
            "starts": window.starts,
            "for_s": window.duration / _SECOND,
            "repeat": window.repeat,
            "devices": ",".join(sorted(window.devices or ())),
            "rules": ",".join(window.rules),
            "name": window.name,
            "by": window.by,
            "reason": window.reason,
        }

    def load(self, name: str, body: Mapping[str, Any]) -> None:
        """Take back what `changed` gave."""
        if "ended_until" in body:
            if name in self._planned:
                self._ended[name] = body["ended_until"]
        elif name not in self._planned:
            self._asked[name] = self._window(name, body, by=body["by"], reason=body["reason"])

    def loaded(self) -> None:
        """Go on from what was loaded: the windows that were on then are on."""
        self._look()


def _covers(window: Window, rule: str, places: Sequence[str]) -> bool:
    return any(window.covers(rule, place) for place in places)


def _is_true(parent: Machine) -> bool:
    return parent.is_on and parent.normal_since is None


def _settle(device: Device | None, point: str | None) -> int:
    seconds = None if device is None else interval(device, point)
    longest = _LONGEST_SETTLE / _SECOND
    return round(min(longest, _CYCLES * seconds if seconds is not None else longest) * _SECOND)


def _listed(value: object) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(value).split(",") if part.strip())
