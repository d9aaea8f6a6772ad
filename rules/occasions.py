"""What rules say of other devices: which are meant, and whether the point or event is so. Pure; engine ms."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from monitor.derivedpoints import is_contact
from monitor.doorways import door_of
from monitor.model import Derived, Event, Reading, Value
from monitor.settings.model import Occasion
from monitor.settings.patterns import fits as fits_name
from monitor.site import Device
from rules.kind import Interest, is_sure, patience
from rules.truth import Truth

__all__ = ["Follower", "devices_of", "fits", "interest_in", "is_so", "joined"]


def devices_of(occasion: Occasion, own: str, devices: Mapping[str, Device]) -> tuple[str, ...]:
    """The devices that an occasion of a rule at the device `own` is about."""
    if occasion.device is not None:
        return tuple(sorted(name for name in devices if fits_name(name, occasion.device)))
    if occasion.same == "device" or own not in devices:
        return (own,)
    if occasion.same == "door":
        door = door_of(devices[own], devices)
        return tuple(sorted(each.id for each in devices.values() if door_of(each, devices) == door))
    place = getattr(devices[own], occasion.same)
    found = [each.id for each in devices.values() if place and getattr(each, occasion.same) == place]
    return tuple(sorted({own, *found}))


def interest_in(occasion: Occasion, named: Sequence[str], devices: Mapping[str, Device]) -> Interest:
    """What has to be heard of some devices to know of an occasion."""
    if occasion.event is not None:
        return Interest(events=tuple((name, kind) for name in named for kind in occasion.event))
    return Interest(
        readings=tuple(named),
        derived=tuple(
            (name, measurement) for name in named if name in devices for measurement in _told_as(devices[name])
        ),
    )


def _told_as(device: Device) -> tuple[str, ...]:
    """Measurements of what the monitor says of a device: of its class; of a door, whatever its contact is."""
    return tuple(dict.fromkeys((device.device_class, "door") if is_contact(device) else (device.device_class,)))


def joined(*interests: Interest) -> Interest:
    """All of it, once."""

    def both(name: str) -> Any:
        return tuple(dict.fromkeys(one for each in interests for one in getattr(each, name)))

    return Interest(
        readings=both("readings"), derived=both("derived"), events=both("events"), alarms=both("alarms")
    )


def fits(where: Mapping[str, Collection[Value]], event: Event) -> bool:
    """Whether every attribute asked for has one of its values; one that is absent never fits."""
    return all(event.attributes.get(name) in values for name, values in where.items())


def is_so(occasion: Occasion, value: Value) -> bool:
    """Whether the point of an occasion is so. True and false are never taken for 1 and 0; a text raises."""
    if occasion.states is not None:
        return any(value == each and isinstance(value, bool) is isinstance(each, bool) for each in occasion.states)
    if isinstance(value, str):
        raise TypeError(f"`{occasion.point}` is a text, not a number")
    if occasion.above is not None:
        return value > occasion.above.magnitude
    assert occasion.below is not None
    return value < occasion.below.magnitude


class Follower:
    """Follows an occasion that is a point of some devices: whether it is so at any of them.

    A point that is missing, doubtful or too old is UNKNOWN. `last` is when it was known to be so for the last
    time, `since` from when on that has been told without a break. `turned`: what was taken last has made it so
    where it was known not to be.
    """

    def __init__(self, occasion: Occasion, named: Sequence[str], devices: Mapping[str, Device]) -> None:
        self._occasion = occasion
        assert occasion.point is not None
        self._point = occasion.point
        waits = {name: patience(devices[name], self._point) for name in named if name in devices}
        self._patience = {name: None if wait is None else round(wait * 1000) for name, wait in waits.items()}
        self._known: dict[str, list[Any]] = {}
        self.since: int | None = None
        self.last: int | None = None
        self.turned = False

    def take(self, entry: Reading | Derived, at: int) -> bool:
        """Take what a device said; answers whether it said anything of the point."""
        self.turned = False
        if entry.device not in self._patience:
            return False
        if isinstance(entry, Reading):
            if entry.late:
                return False
            sure, missing = is_sure(entry), self._point in entry.missing
        else:
            sure, missing = True, False
        if self._point not in entry.values and not missing:
            return False
        known = self._known.get(entry.device)
        if known is not None and at < known[0]:
            return False
        before, truth = self.truth(at), Truth.UNKNOWN
        if self._point in entry.values and sure:
            truth = Truth.TRUE if is_so(self._occasion, entry.values[self._point]) else Truth.FALSE
        self._known[entry.device] = [at, int(truth)]
        self._note(at)
        self.turned = before == Truth.FALSE and self.since is not None
        return True

    def _note(self, at: int) -> None:
        if any(truth == Truth.TRUE for _, truth in self._known.values()):
            self.last = at if self.last is None else max(at, self.last)
            if self.since is None:
                self.since = at
        else:
            self.since = None

    def truth(self, now: int) -> Truth:
        """Whether it is so at any of the devices, as far as that is known at `now`."""
        return max((self._truth_of(name, now) for name in self._patience), default=Truth.UNKNOWN)

    def _truth_of(self, name: str, now: int) -> Truth:
        known = self._known.get(name)
        if known is None or self._is_old(name, known[0], now):
            return Truth.UNKNOWN
        return Truth(known[1])

    def _is_old(self, name: str, at: int, now: int) -> bool:
        wait = self._patience[name]
        return wait is not None and now >= at + wait

    def due(self, now: int) -> int | None:
        """When the next of the values that are known gets too old."""
        ends = [
            at + wait
            for name, (at, truth) in self._known.items()
            if truth != Truth.UNKNOWN and (wait := self._patience[name]) is not None and at + wait > now
        ]
        return min(ends, default=None)

    def forget(self) -> None:
        """Nothing is known any more of what is said again and again: the monitor did not run."""
        self._known = {name: known for name, known in self._known.items() if self._patience[name] is None}
        if not any(truth == Truth.TRUE for _, truth in self._known.values()):
            self.since = None

    def dump(self) -> list[Any]:
        """Answer the memory, JSON-ready."""
        return [self._known, self.since, self.last]

    def load(self, memory: Sequence[Any]) -> None:
        """Take back what `dump` gave, of the devices that are still meant."""
        known, self.since, self.last = memory
        self._known = {name: list(each) for name, each in known.items() if name in self._patience}
