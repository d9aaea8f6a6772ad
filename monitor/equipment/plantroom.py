"""Everything that upkeep looks after, fed with the journal in its order. No I/O, no clock, no asyncio."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.equipment.commands import SERVICE
from monitor.equipment.groups import Group
from monitor.equipment.keeping import News
from monitor.equipment.machine import Machine
from monitor.equipment.services import Services
from monitor.equipment.tally import Midnights
from monitor.model import Command, Derived, Event, Origin, Position, Quality, Reading, Recorded
from monitor.schema import MONITOR_DEVICE
from monitor.site import Site
from rules.timeline import Timeline, is_clock_step

__all__ = ["Part", "PlantRoom"]

_log = structlog.get_logger()

_TRUSTED: Final = frozenset({Quality.GOOD, Quality.MANUAL})
_AWAY: Final = "reader_offline"
_SUSPENDED: Final = "suspended"
_CLOCK: Final = "clock"
_MACHINE: Final = "machine/"
_GROUP: Final = "group/"
_SERVICE: Final = "service/"


class Part(Protocol):
    """Batteries, availability, supply: fed like the rest, with rows for a table of their own."""

    def take(self, recorded: Recorded) -> None:
        """Take an entry, in the order of the journal."""

    def tick(self, now: int) -> None:
        """Heed what time has made of it (UTC ms)."""

    def retell(self) -> None:
        """What was told so far was told to nobody: what still is so has to be told."""

    def news(self) -> Sequence[Event | Derived]:
        """What there is to tell; it is not told again."""

    def rows(self) -> Sequence[Sequence[Any]]:
        """Rows of its table, in the order of its columns; they are not told again."""

    def dump_changed(self) -> Mapping[str, Any]:
        """What has to be remembered and has changed, by key, JSON-ready."""

    def load(self, items: Iterable[tuple[str, Any]]) -> None:
        """Take back what `dump_changed` gave."""


class PlantRoom:
    """Machines, groups, services and parts of a site. `parts`: by the table of their rows.

    A mistake of the program in what concerns one of them is told once, and the others go on.
    """

    def __init__(self, site: Site, parts: Mapping[str, Part]) -> None:
        self._time = Timeline()
        midnights = Midnights(site.timezone)
        self.machines = {
            ident: Machine(site.devices[ident], plan, self._time, midnights)
            for ident, plan in site.equipment.items()
            if ident in site.devices
        }
        self.groups = {ident: Group(group, self.machines, self._time) for ident, group in site.groups.items()}
        self._groups_of: dict[str, list[Group]] = {}
        for group in self.groups.values():
            for member in group.plan.members:
                self._groups_of.setdefault(member, []).append(group)
        self.services = Services(
            site, lambda device: self.machines[device].hours if device in self.machines else None
        )
        self._parts = parts
        self._said: set[tuple[str, str]] = set()
        self._told: list[Event | Derived] = []
        self._is_mute = False

    @property
    def now(self) -> int:
        """The newest time that it has heard of (UTC ms)."""
        return self._time.wall(self._time.now)

    # What comes in ------------------------------------------------------------------------------------

    def take(self, batch: Sequence[Recorded], *, mute: bool = False) -> None:
        """Take entries in the order of the journal; `mute`: count, but tell nothing of them."""
        self._is_mute = mute
        steps = [
            (item.recorded, item.entry)
            for item in batch
            if type(item.entry) is Event and is_clock_step(item.entry)
        ]
        for item in batch:
            # What shares its stamp with a step of the clock was stamped by the stepped clock.
            while steps and steps[0][0] <= item.recorded:
                self._step(*steps.pop(0))
            self._entry(item)
            for name, part in self._parts.items():
                self._alone(name, "entry", part.take, item)
        self._collect()
        if mute:
            for group in self.groups.values():
                group.skip()
        self._is_mute = False

    def _entry(self, item: Recorded) -> None:
        entry = item.entry
        if type(entry) is Event and entry.kind == "monitor_started" and entry.device == MONITOR_DEVICE:
            self._started(item.recorded, entry)
            return
        arrived = entry.arrived if type(entry) is Reading or type(entry) is Event else None
        self._time.now = self._time.arrive(item.recorded, arrived)
        if type(entry) is Reading:
            machine = self.machines.get(entry.device)
            if machine is not None and _is_trusted(entry):
                self._alone(entry.device, "reading", machine.take, entry)
                self._look_at_groups(entry.device)
            if not self._is_mute:
                self._alone("", "services", self.services.tick, self.now)
        elif type(entry) is Event:
            machine = self.machines.get(entry.device)
            is_away = entry.kind == _AWAY or (
                entry.kind == "health" and entry.attributes.get("state") == _SUSPENDED
            )
            if machine is not None and is_away:
                self._alone(entry.device, "absence", machine.lose, entry.time)
        elif type(entry) is Command and entry.kind == SERVICE:
            self._alone(entry.target, "command", self._done, entry)

    def _done(self, command: Command) -> None:
        try:
            self.services.done(command, self.now)
        except (KeyError, ValueError) as error:
            _log.info("command_refused", command=command.id, reason=str(error))

    def _started(self, recorded: int, event: Event) -> None:
        self._time.resume(recorded)
        since, until = event.attributes.get("off_since"), event.attributes.get("off_until")
        known = [each for each in (since, until) if isinstance(each, int) and not isinstance(each, bool)]
        off = (known[0], known[1]) if len(known) == 2 else (event.time, event.time)  # noqa: PLR2004 - a span
        for ident, machine in self.machines.items():
            self._alone(ident, "start", machine.stop, *off)

    def _step(self, recorded: int, event: Event) -> None:
        self._time.stepped(recorded, event)
        before, after = event.attributes.get("from"), event.attributes.get("to")
        if isinstance(before, int) and isinstance(after, int):
            for ident, machine in self.machines.items():
                self._alone(ident, "clock", machine.follow_clock, before, after)

    def _look_at_groups(self, device: str) -> None:
        for group in () if self._is_mute else self._groups_of.get(device, ()):
            self._alone(group.plan.id, "group", group.follow)

    def resume(self, started: int) -> None:
        """Everything that was recorded before this start (UTC ms) has been taken."""
        off = started - self.now
        self._time.resume(started)
        for ident, machine in self.machines.items():
            self._alone(ident, "start", machine.resume, off)

    def begin_telling(self) -> None:
        """All that was to be counted without a word has been."""
        for name, part in self._parts.items():
            self._alone(name, "past", part.retell)

    def gap(self) -> None:
        """Entries are gone: what was known last is not known to have stayed so."""
        for ident, machine in self.machines.items():
            self._alone(ident, "gap", machine.lose, self.now)

    def tick(self, now: int) -> None:
        """Heed what time has made of it (UTC ms); everything that was recorded before has been taken."""
        self._time.now = max(self._time.now, now + self._time.offset)
        for ident, machine in self.machines.items():
            self._alone(ident, "time", machine.tick)
        for ident, group in self.groups.items():
            self._alone(ident, "group", group.follow)
        self._alone("", "services", self.services.tick, self.now)
        for name, part in self._parts.items():
            self._alone(name, "time", part.tick, now)
        self._collect()

    def _alone(self, ident: str, what: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do what concerns one of them; None when a mistake of the program made it fail, which is told once."""
        try:
            return work(*arguments)
        except Exception:  # noqa: BLE001 - whatever it is, all others go on
            if (ident, what) not in self._said:
                self._said.add((ident, what))
                _log.exception("upkeep_part_set_aside", what=f"{what} of {ident}")
            return None

    # Telling and keeping ------------------------------------------------------------------------------

    @property
    def has_events(self) -> bool:
        """Whether somebody waits to hear of it."""
        return any(type(each) is Event for each in self._told)

    @property
    def waiting(self) -> int:
        """How many entries there are to tell."""
        return len(self._told)

    def _collect(self) -> None:
        told = list[Event | Derived]()
        for machine in self.machines.values():
            told += machine.news()
        for group in self.groups.values():
            told += group.news()
        told += self.services.news()
        for name, part in self._parts.items():
            told += self._alone(name, "news", part.news) or ()
        if not self._is_mute:
            self._told += told

    def news(self, number: int, position: Position) -> News:
        """All that is new; it is not told again."""
        told, self._told = self._told, []
        memory: dict[str, Any] = {_CLOCK: dict(self._time.dump())}
        days = {}
        presence = list[tuple[str, int, str]]()
        for ident, machine in self.machines.items():
            if machine.is_changed:
                machine.is_changed = False
                self._remember(memory, f"{_MACHINE}{ident}", machine.dump)
            if tally := machine.tally.news():
                days[ident] = tally
            presence += [(f"{ident}/fault", time, state) for time, state in machine.presence]
            machine.presence.clear()
        for ident, group in self.groups.items():
            if group.is_changed:
                group.is_changed = False
                self._remember(memory, f"{_GROUP}{ident}", group.dump)
        memory |= {f"{_SERVICE}{ident}": body for ident, body in self.services.dump_changed().items()}
        rows: dict[str, list[Sequence[Any]]] = {"presence": list(presence)}
        for name, part in self._parts.items():
            rows.setdefault(name, []).extend(self._alone(name, "rows", part.rows) or ())
            memory |= self._alone(name, "memory", part.dump_changed) or {}
        return News(
            number=number,
            position=position,
            memory=memory,
            days=days,
            told=told,
            done=self.services.rows(),
            rows=rows,
        )

    def _remember(self, memory: dict[str, Any], key: str, dump: Callable[[], Any]) -> None:
        body = self._alone(key, "memory", dump)
        if body is not None:
            memory[key] = body

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take back what `news` gave to remember."""
        if _CLOCK in kept:
            self._alone("", "memory", self._time.load, kept[_CLOCK])
        for ident, machine in self.machines.items():
            if (body := kept.get(f"{_MACHINE}{ident}")) is not None:
                self._alone(ident, "memory", machine.load, body)
        for ident, group in self.groups.items():
            if (body := kept.get(f"{_GROUP}{ident}")) is not None:
                self._alone(ident, "memory", group.load, body)
        services = [(key.removeprefix(_SERVICE), body) for key, body in kept.items() if key.startswith(_SERVICE)]
        self._alone("", "memory", self.services.load, services)
        for name, part in self._parts.items():
            self._alone(name, "memory", part.load, list(kept.items()))


def _is_trusted(reading: Reading) -> bool:
    is_told = reading.origin is not Origin.RETAINED or reading.time < reading.arrived
    return reading.quality in _TRUSTED and is_told and reading.time >= CLOCKS_ARE_RIGHT_FROM
