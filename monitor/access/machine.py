"""All doors of a site: gives each entry to its door, and lets a mistake in one door stop no other. Pure.

Times are UTC ms; `time` of an entry decides what happened, its stamp (`recorded`) only how long to wait for more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import structlog

from monitor.access import openings
from monitor.access.contacts import Said
from monitor.access.door import Door
from monitor.access.doordays import Figures
from monitor.access.openings import Contact, Leaf, Lock, Reason, packed
from monitor.access.reasons import Setup
from monitor.access.told import OWN, is_own
from monitor.accessbook import DoorNow
from monitor.derivedpoints import is_contact
from monitor.doorways import door_of, doors_of
from monitor.model import Derived, Event, Origin, Position, Quality, Reading, Recorded
from monitor.periods import DAY
from monitor.schema import MONITOR_DEVICE, POINT_OPEN
from monitor.site import Device, Site

__all__ = ["Machine"]

_log = structlog.get_logger()

_LONGEST_LOOK_BACK: Final = 60_000
_LEAP: Final = 60_000
"""The monitor itself says something every ten seconds: when nothing was recorded for so long, it was off."""
_LONG_LEAP: Final = 31 * DAY
"""After so long, doors are not what they were; mostly it is a clock that was not set yet."""
_PATIENCE: Final = 5000
_TRUSTED: Final = (Quality.GOOD, Quality.MANUAL)
_OLDER: Final = frozenset({"contact", "door", "pending"})
"""Keys of what versions before this one had kept."""
_ENDS: Final = frozenset({"opened", "closed"})


class Machine:
    """Takes entries in the order of the journal, and answers what there is to tell.

    `began`: where the journal ended when doors were followed for the first time; of what was recorded until then
    only forced doors are told.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._devices = site.devices
        self.began = Position(0)
        self.stamp = 0
        self._ticked = 0
        self.figures = Figures(site.timezone)
        self._door_of = {device.id: door_of(device, site.devices) for device in site.devices.values()}
        self._setups = {door: _setup(door, members, site) for door, members in doors_of(site.devices).items()}
        self._doors = {door: Door(setup, self.figures) for door, setup in self._setups.items()}
        self._is_begun = False
        self._due: dict[str, int] = {}
        self._changed: set[str] = set()
        self._looked = 0
        self._told: set[str] = set()
        self._gone: set[str] = set()

    def doors(self) -> Sequence[DoorNow]:
        """Every door as it is."""
        return [door.now() for door in self._doors.values()]

    def handle(self, recorded: Recorded) -> list[Event | Derived]:
        """Take one entry; answers all that is settled by now."""
        self._set_clock(recorded.recorded)
        stamp, entry = max(self.stamp, self._ticked), recorded.entry
        is_quiet = recorded.position <= self.began
        if not is_quiet and not self._is_begun:
            self._is_begun = True
            self._each(lambda door: door.begin(stamp))
        if isinstance(entry, Event) and entry.kind == "monitor_started" and entry.device == MONITOR_DEVICE:
            self._each(lambda door: door.resumed(stamp))  # before any time that has passed is counted
        out = self.tick(stamp)
        name = self._door_of.get(entry.device) if isinstance(entry, Reading | Event) else None
        if name not in self._doors or name is None:
            return out
        door = self._doors[name]
        if isinstance(entry, Reading):
            self._guard(name, self._reading, door, entry, stamp, is_quiet=is_quiet)
        elif isinstance(entry, Event):
            self._guard(name, self._event, door, entry, stamp, is_quiet=is_quiet)
        self._changed.add(name)
        return out + self._taken(name)

    def tick(self, now: int) -> list[Event | Derived]:
        """Answer what has waited long enough at `now`, the journal's time; in the order in which it happened.

        Out of a backlog hours are settled at once, and whoever came by one door may have left by another.
        Stamps stand still after the clock was set back; time goes on by what `now` has been, and does not return.
        """
        out: list[Event | Derived] = []
        self._ticked = max(self._ticked, now)
        if now != self._looked:  # within one stamp nothing becomes due: a backlog may come in a single one
            self._looked = now
            for name in self._changed:
                self._look_at(name)
            self._changed.clear()
        for name in [name for name, due in self._due.items() if due < now]:
            if not self._guard(name, self._doors[name].fire, now):
                self._doors[name] = Door(self._setups[name], self.figures)  # else it fails for ever
                self._doors[name].forget()
                self._is_begun = False
            self._look_at(name)
            out += self._taken(name)
        return sorted(out, key=lambda told: told.time)

    def forget(self) -> None:
        """Entries were lost: how doors are is unknown, and nothing of before is told any more."""
        self._each(Door.forget)

    def _set_clock(self, stamp: int) -> None:
        if stamp < self.stamp:
            self._ticked = stamp
            self._each(lambda door: door.shift(stamp - self.stamp))
        elif self.stamp and stamp - self.stamp > _LEAP:
            self._each(lambda door: door.postpone(stamp + _PATIENCE))
            if stamp - self.stamp > _LONG_LEAP:
                self._each(lambda door: door.leapt(stamp))
        self.stamp = stamp

    def _each(self, work: Callable[[Door], None]) -> None:
        for name, door in self._doors.items():
            self._guard(name, work, door)
            self._look_at(name)

    def _guard(self, name: str, work: Callable[..., None], *arguments: Any, **keys: Any) -> bool:
        try:
            work(*arguments, **keys)
        except Exception:  # noqa: BLE001 - a mistake in one door must not stop the others
            if name not in self._told:
                self._told.add(name)
                _log.exception("door_set_aside", door=name)
            return False
        return True

    def _taken(self, name: str) -> list[Event | Derived]:
        door = self._doors[name]
        out = [*door.out]
        door.out.clear()
        return out

    def _look_at(self, name: str) -> None:
        due = self._doors[name].due()
        if due is None:
            self._due.pop(name, None)
        else:
            self._due[name] = due

    # What entries mean -----------------------------------------------------------------------------------

    def _reading(self, door: Door, reading: Reading, stamp: int, *, is_quiet: bool) -> None:
        if reading.quality not in _TRUSTED:
            return
        values = reading.values
        retained = reading.origin is Origin.RETAINED
        afterwards = reading.late or reading.origin is Origin.BACKFILL
        if "rex" in values and not retained:
            pressed = bool(values["rex"])
            door.button(reading.device, reading.time, pressed=pressed, stamp=stamp, afterwards=afterwards)
        if "locked" in values:
            door.lock(reading, stamp, afterwards=afterwards, is_quiet=is_quiet)
        device = self._devices[reading.device]
        if POINT_OPEN in values and (device.device_class == "door" or device.door):
            since = door.since(reading.device, reading.time, afterwards=afterwards)
            door.said(
                Said(
                    contact=reading.device,
                    is_open=bool(values[POINT_OPEN]),
                    time=reading.time,
                    arrived=reading.arrived,
                    stamp=stamp,
                    earliest=_earliest(reading, since, device),
                    afterwards=afterwards,
                    retained=retained,
                    is_quiet=is_quiet,
                )
            )

    def _event(self, door: Door, event: Event, stamp: int, *, is_quiet: bool) -> None:
        if is_own(event):
            return
        if event.kind == "card":
            door.card(event, stamp, is_quiet=is_quiet)
        elif event.kind == "rex":
            door.rex(event.device, event.time, stamp)
        elif event.kind == "health":
            door.health(event.device, is_lost=event.attributes.get("state") == "suspended")
        elif event.kind in OWN:
            door.told_by_device(event, is_quiet=is_quiet)
        if event.kind in _ENDS:
            door.said(
                Said(
                    contact=event.device,
                    is_open=event.kind == "opened",
                    time=event.time,
                    arrived=event.arrived,
                    stamp=stamp,
                    earliest=event.time,
                    afterwards=event.late,
                    is_event=True,
                    is_quiet=is_quiet,
                )
            )

    # Memory ----------------------------------------------------------------------------------------------

    def changes(self) -> Mapping[str, Any]:
        """What has changed since the last call, as JSON by key; None: gone."""
        changed: dict[str, Any] = dict.fromkeys(self._gone)
        changed["stamp"] = self.stamp
        for name in self._doors:
            self._guard(name, self._dump, name, changed)
        self._gone.clear()
        return changed

    def _dump(self, name: str, changed: dict[str, Any]) -> None:
        door = self._doors[name]
        is_touched, is_past_touched = door.is_touched, door.is_past_touched
        door.is_touched = door.is_past_touched = False
        if is_touched:
            changed[f"now/{name}"] = door.dump()
        if is_past_touched:
            changed[f"then/{name}"] = door.dump_past()

    def load(self, kept: Iterable[tuple[str, Any]]) -> None:
        """Take up what `changes` has given before; also what versions before this one had kept."""
        for key, body in kept:
            kind, _, name = key.partition("/")
            if key == "stamp":
                self.stamp = body
                continue
            is_older = kind in _OLDER
            door = self._door_of.get(name, "") if kind == "contact" else name
            if is_older or door not in self._doors:
                self._gone.add(key)
            if door in self._doors:
                self._guard(door, self._take_over if is_older else self._take_up, self._doors[door], key, body)
        for name in self._doors:
            self._look_at(name)

    def _take_up(self, door: Door, key: str, body: dict[str, Any]) -> None:
        if key.startswith("now/"):
            door.load(body)
        else:
            door.load_past(body)

    def _take_over(self, door: Door, key: str, body: dict[str, Any]) -> None:
        """What was known of a door that was shut, and why it may be opened; an open one will be found open."""
        kind, _, name = key.partition("/")
        now: dict[str, Any] = {"contacts": {}, "locks": {}, "edge": 0}
        if kind == "contact" and body["now"]["open"] is False:
            leaf = Leaf(open=False, time=body["now"]["time"], closed_at=body["closed_at"])
            door.load({**now, "contacts": {name: packed(Contact(now=leaf))}})
        elif kind == "door":
            tolerance = openings.TOLERANCE
            locks = {lock: packed(Lock(since, since)) for lock, since in body["unlocked"].items()}
            spans = [Reason("unlocked", first + tolerance, last - tolerance) for first, last in body["passes"]]
            door.load({**now, "locks": locks})
            door.load_past({"reasons": [packed(span) for span in spans], "history": []})
        door.is_touched = door.is_past_touched = True


def _setup(door: str, members: Sequence[Device], site: Site) -> Setup:
    told = {member.id: {event.kind for event in member.events} for member in members}
    contacts = [member for member in members if is_contact(member)]
    settings = site.access.door(door)
    first = [*contacts, *(member for member in members if member.id == door), *members][0]
    return Setup(
        door=door,
        pulse=int(site.access.unlock_pulse * 1000),
        held_after=int(settings.held_after * 1000),
        schedule=settings.unlocked,
        zone=site.timezone,
        tolerance=openings.TOLERANCE,
        teller=first.id,
        contacts=tuple(contact.id for contact in contacts),
        speaks=frozenset().union(*told.values()) & OWN,
        points={member.id: frozenset(member.points) for member in members},
    )


def _earliest(reading: Reading, since: int, device: Device) -> int | None:
    """When a contact may have changed that now says so; None when it was not watched for too long."""
    if reading.origin is not Origin.POLL:
        return reading.time
    every = [seconds for seconds in device.scan.values() if seconds is not None]
    look_back = max(_LONGEST_LOOK_BACK, int(3000 * min(every, default=0)))
    return since if 0 <= reading.time - since <= look_back else None
