"""Who is where: zones, people in them, and what there is to tell of it. Pure; times are UTC ms.

A person is in one innermost zone, and in those around it. Whoever enters a zone is in it, wherever he was before:
he has left that by a door without a reader. Who has no name is counted in each innermost zone, never below 0.
What the journal stamps is engine time: by it everybody leaves when a zone is reset, and figures are told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from monitor.access.layout import Layout
from monitor.access.resets import Resets
from monitor.access.sight import Sight
from monitor.accessbook import ZoneNow
from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.model import Derived, Event, Value
from monitor.periods import DAY, QUARTER
from monitor.schema import MEASUREMENT_OCCUPANCY, MONITOR_DEVICE
from monitor.site import Site

__all__ = ["PRODUCER", "Occupancy", "Passage", "Person"]

PRODUCER: Final = "access"
_SECOND: Final = 1000
_KEY: Final = "zone/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A card was used at a reader: `event` tells of it, `credential` is whose it is; empty: nobody knows."""

    event: Event
    card: str
    door: str
    zone: str
    direction: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Where somebody has been since the last passage at `time`; an empty zone: outside.

    `is_reset`: he was taken to have left since, so that it is not certain.
    """

    zone: str
    time: int
    reader: str
    is_reset: bool = False


@dataclass(slots=True)
class _Zone:
    """What is remembered of a zone.

    `since`: from when on has been counted. `minute`, `reset`: the minute of the day at which it is reset, and the
    last such moment. `emptied`: when everybody was taken to have left. `within`: the zone around it, for the day
    on which the site file does not have it any more.
    """

    since: int
    anonymous: int = 0
    is_crowded: bool = False
    minute: int | None = None
    reset: int = 0
    emptied: int = 0
    within: str = ""


class Occupancy:
    """Takes passages and engine time; what there is to tell gathers in `told`."""

    def __init__(self, site: Site, layout: Layout, sight: Sight) -> None:
        self._layout = layout
        self._sight = sight
        self._resets = Resets(site)
        self._last_resets: Mapping[str, tuple[int, int]] | None = None
        self._zones: dict[str, _Zone] = {}
        self._people: dict[str, Person] = {}
        self._known: Counter[str] = Counter()
        self._quarter = 0
        self._time = 0
        self._pending: dict[str, int] = {}
        self._told_at: dict[str, int] = {}
        self._touched_zones: set[str] = set()
        self._gone: set[str] = set()
        self._touched_people: set[str] = set()
        self.told: list[Event | Derived] = []
        """What there is to tell; whoever takes it empties the list."""

    # Asking -------------------------------------------------------------------------------------------

    def count(self, zone: str) -> tuple[int, int]:
        """How many are in a zone and those within it, and of how many it is known who they are."""
        parts = self._layout.inside[zone]
        known = sum(self._known[each] for each in parts)
        return known + sum(self._zones[each].anonymous for each in parts if each in self._zones), known

    def now(self) -> Iterator[ZoneNow]:
        """Every zone as it is."""
        for zone in self._layout.zones:
            count, known = self.count(zone)
            held = self._zones.get(zone)
            yield ZoneNow(zone=zone, count=count, known=known, since=None if held is None else held.since)

    @property
    def inside(self) -> int:
        """How many are in any zone, with and without a name."""
        return self._known.total() + sum(zone.anonymous for zone in self._zones.values())

    @property
    def has_moved(self) -> bool:
        """Whether somebody has come or gone since `changes` was asked for last."""
        return bool(self._touched_people or self._touched_zones)

    # Time ---------------------------------------------------------------------------------------------

    def advance(self, now: int) -> None:
        """It is `now` by the journal: who is to be taken to have left has, and what is due is told."""
        self._time = now
        if len(self._zones) < len(self._layout.zones):
            for zone in self._layout.zones.keys() - self._zones.keys():
                self._zones[zone] = _Zone(since=now, within=self._layout.outer(zone))
                self._touched_zones.add(zone)
        resets = self._resets.last(now)
        if resets is not self._last_resets:
            self._last_resets = resets
            self._reset(resets)
        quarter = now // QUARTER
        if quarter != self._quarter:
            for zone in self._layout.zones if 0 < self._quarter < quarter else ():
                self._tell_count(zone, quarter * QUARTER)
            self._quarter = quarter
        for zone, due in sorted(self._pending.items()) if self._pending else ():
            if due <= now or due > now + _SECOND:  # or the clock was set back
                self._tell_count(zone, min(due, now) or now)

    def tell_all(self) -> None:
        """Tell of every zone, as soon as time goes on."""
        self._pending = dict.fromkeys(self._layout.zones, self._time)

    def _tell_count(self, zone: str, time: int) -> None:
        count, known = self.count(zone)
        self._pending.pop(zone, None)
        self._told_at[zone] = time
        self.told.append(
            Derived(
                producer=PRODUCER,
                key=zone,
                device=MONITOR_DEVICE,
                time=time,
                measurement=MEASUREMENT_OCCUPANCY,
                values={"count": count, "known": known},
                attributes={"zone": zone},
            )
        )

    def _reset(self, resets: Mapping[str, tuple[int, int]]) -> None:
        emptied = []
        for zone, (minute, moment) in resets.items():
            held = self._zones[zone]
            if held.minute == minute and held.reset < moment:
                held.emptied = moment
                emptied.append(zone)
            elif held.reset > moment:  # the clock was wrong, and was set back
                held.emptied = min(held.emptied, moment)
            held.minute, held.reset = minute, moment
            self._touched_zones.add(zone)
        # Who has left a zone is in the one around it, which may be reset at the same moment.
        for zone in sorted(emptied, key=lambda each: -len(self._layout.around[each])):
            for part in self._layout.inside[zone]:
                self._move_unnamed(part, self._layout.outer(zone), self._zones[part].anonymous)
        for credential, person in [*self._people.items()] if emptied else ():
            place = self._settled(person.zone, person.time)
            if place != person.zone:
                self._put(credential, replace(person, zone=place, is_reset=True))

    def _settled(self, place: str, time: int) -> str:
        """Where somebody is by now who was in `place` at a moment, by the resets since."""
        for zone in self._layout.around.get(place, ()):
            if time < self._zones[zone].emptied:
                place = self._layout.outer(zone)
        return place

    # Passages -----------------------------------------------------------------------------------------

    def take(self, passage: Passage, now: int) -> None:
        """Somebody went through a door, at the engine's time `now`."""
        zone, outer = passage.zone, self._layout.outer(passage.zone)
        time = min(passage.event.time, now)  # no reader's clock is ahead of ours
        if time < CLOCKS_ARE_RIGHT_FROM:
            return
        source, target = (outer, zone) if passage.direction == "in" else (zone, outer)
        place = self._settled(target, time)
        if not passage.credential:
            self._take_unnamed(self._settled(source, time), place, is_out=passage.direction == "out")
        else:
            before = self._people.get(passage.credential)
            if before is not None and passage.event.late and time < before.time <= now:
                return  # where he went since then is known already
            self._judge_passback(passage, before, time)
            person = Person(zone=place, time=time, reader=passage.event.device, is_reset=place != target)
            self._put(passage.credential, person)
        self._judge_crowds(passage)

    def _take_unnamed(self, source: str, target: str, *, is_out: bool) -> None:
        if source == target:
            return  # it was before a reset
        parts = self._layout.inside[source] if source and is_out else (source,)
        counted = next((each for each in parts if each and self._zones[each].anonymous), "")
        self._move_unnamed(counted, target, 1)

    def _move_unnamed(self, source: str, target: str, number: int) -> None:
        """Move so many without a name; an empty source: nobody knew that they were there."""
        for zone, change in ((source, -number), (target, number)):
            if zone and change:
                self._zones[zone].anonymous += change
                self._touched_zones.add(zone)
                self._changed(zone)

    def _put(self, credential: str, person: Person) -> None:
        before = self._people.get(credential)
        self._people[credential] = person
        self._touched_people.add(credential)
        for zone, change in ((before.zone if before else "", -1), (person.zone, 1)):
            if zone:
                self._known[zone] += change
                self._changed(zone)

    def _changed(self, zone: str) -> None:
        for each in self._layout.around[zone]:
            self._is_to_tell(each)

    def _is_to_tell(self, zone: str) -> None:
        """A zone's count is told now, or a second after it was told last."""
        told = self._told_at.get(zone, -_SECOND)
        self._pending.setdefault(zone, max(self._time, told + _SECOND) if told <= self._time else self._time)

    def _judge_passback(self, passage: Passage, before: Person | None, time: int) -> None:
        """Tell who enters where he is, or leaves where he is not, when all that he did is known."""
        zone = self._layout.zones[passage.zone]
        is_inside = before is not None and self._layout.is_in(before.zone, zone.id)
        if not zone.passback or is_inside is (passage.direction == "out"):
            return
        seen = time - DAY if before is None else before.time
        if before is not None and before.is_reset:
            return
        if time - self._zones[zone.id].since >= DAY and self._sight.is_whole(zone.id, seen, time):
            self.told.append(_event(passage, "passback", passage.card, direction=passage.direction))

    def _judge_crowds(self, passage: Passage) -> None:
        for ident in self._layout.zones:
            most, held = self._layout.zones[ident].most, self._zones[ident]
            if most is None:
                continue
            count, _ = self.count(ident)
            if count > most and not held.is_crowded:
                held.is_crowded = True
                self._touched_zones.add(ident)
                self.told.append(
                    _event(passage, "crowded", f"{ident}-{passage.card}", zone=ident, count=count, most=most)
                )
            elif held.is_crowded and (count < most or not count):
                held.is_crowded = False
                self._touched_zones.add(ident)

    # Memory -------------------------------------------------------------------------------------------

    def forget(self, credential: str) -> bool:
        """Know nothing of a person any more; answers whether anything was known."""
        person = self._people.pop(credential, None)
        if person is None:
            return False
        self._touched_people.add(credential)
        if person.zone:
            self._known[person.zone] -= 1
            self._changed(person.zone)
        return True

    def forget_before(self, time: int) -> None:
        """Know nothing any more of whoever has done nothing since a moment."""
        for credential in [name for name, person in self._people.items() if person.time < time]:
            self.forget(credential)

    def changes(self) -> tuple[Mapping[str, Person | None], Mapping[str, Any]]:
        """What has changed since the last call: people (None: in no zone), and what else to remember, by key.

        Of a zone that the site has no more nothing is remembered: None.
        """
        people = {
            credential: person if (person := self._people.get(credential)) and person.zone else None
            for credential in self._touched_people
        }
        zones: dict[str, Any] = {f"{_KEY}{zone}": asdict(self._zones[zone]) for zone in self._touched_zones}
        zones |= {f"{_KEY}{zone}": None for zone in self._gone}
        self._gone.clear()
        self._touched_people.clear()
        self._touched_zones.clear()
        return people, zones

    def load(self, people: Iterable[tuple[str, Person]], kept: Iterable[tuple[str, Any]]) -> None:
        """Take up what `changes` has given before; of people outside, when they were seen last.

        Who was in a zone that the site has no more is where his reader leads now, else in what was around it.
        """
        zones = {key.removeprefix(_KEY): _Zone(**body) for key, body in kept if key.startswith(_KEY)}
        self._zones = {zone: held for zone, held in zones.items() if zone in self._layout.zones}
        for zone, held in self._zones.items():
            if held.within != self._layout.outer(zone):
                held.within = self._layout.outer(zone)
                self._touched_zones.add(zone)
        self._gone = zones.keys() - self._zones.keys()
        for zone in self._gone:
            around = self._still_around(zone, zones)
            if around in self._zones:
                self._zones[around].anonymous += zones[zone].anonymous
                self._touched_zones.add(around)
        for credential, person in people:
            is_gone = bool(person.zone) and person.zone not in self._layout.zones
            if is_gone:
                place = self._layout.leads_into(person.reader) or self._still_around(person.zone, zones)
                self._people[credential] = replace(person, zone=place, is_reset=True)
                self._touched_people.add(credential)
            else:
                self._people[credential] = person
            zone = self._people[credential].zone
            if zone:
                self._known[zone] += 1

    def _still_around(self, zone: str, kept: Mapping[str, _Zone]) -> str:
        """The innermost zone around a zone of before that the site still has; empty: none."""
        seen = set[str]()
        while zone in kept and zone not in self._layout.zones and zone not in seen:
            seen.add(zone)
            zone = kept[zone].within
        return zone if zone in self._layout.zones else ""


def _event(passage: Passage, kind: str, key: str, **more: Value) -> Event:
    """Something that a passage showed, told of its reader."""
    event = passage.event
    return Event(
        device=event.device,
        kind=kind,
        time=event.time,
        arrived=event.arrived,
        id=f"{kind}-{key}",
        attributes={"door": passage.door, "zone": passage.zone, "card": passage.card} | more,
    )
