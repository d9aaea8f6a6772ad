"""A crowd at a house for a day: what its readers and contacts say, and what truly happened. The same for a seed.

Nobody is at a door at the same time as another, and in the minute before and after each full hour all stand still:
so the truth at an hour is certain.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from monitor.calendars import Hours, Schedule
from monitor.model import Event, Origin, Reading, Value
from monitor.periods import DAY, HOUR
from monitor.site import Site
from tests.access.homes import pseudonym, site_of, zone
from tests.metering.ledgers import ms

__all__ = ["BEGIN", "DOORS", "SITE", "Crowd", "Truth", "crowd"]

BEGIN: Final = ms("2026-11-27 00:00", "Europe/Berlin")
SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
DOORS: Final[Mapping[str, Sequence[str]]] = {
    "house": [f"house-{number}" for number in range(6)],
    "floor": [f"floor-{number}" for number in range(4)],
    "lab": [f"lab-{number}" for number in range(2)],
}
_HOURS = Schedule(hours=(Hours(days=frozenset({1, 2, 3, 4, 5}), spans=((7 * 60, 19 * 60),)),))
SITE: Final[Site] = site_of(
    zone("house", *DOORS["house"]),
    zone("floor", *DOORS["floor"], within="house", hours=_HOURS),
    zone("lab", *DOORS["lab"], within="floor", passback=True),
)
_OUTER: Final = {"house": "", "floor": "house", "lab": "floor"}
_OPENS_AFTER: Final = 900
_SHUTS_AFTER: Final = 4 * SECOND
_FREE_AFTER: Final = 12 * SECOND
_ALONE_AFTER: Final = 50 * SECOND
"""A door is left alone for so long before and after it is forced: no card seems to be its reason."""


@dataclass
class Truth:
    """What happened. Times are UTC ms; cards are (reader, id of the card's event)."""

    moves: list[tuple[int, str, str]] = field(default_factory=list)
    """When who was in which zone from then on; nameless people begin with `-`."""
    denied: list[tuple[str, str]] = field(default_factory=list)
    unused: list[tuple[str, str]] = field(default_factory=list)
    out_of_hours: list[tuple[str, str]] = field(default_factory=list)
    forced: list[tuple[str, int]] = field(default_factory=list)
    """Door, and when it opened."""
    held: list[tuple[str, int]] = field(default_factory=list)

    def where(self, time: int) -> dict[str, str]:
        """Who is in which innermost zone, nameless people too."""
        found = {person: place for moved, person, place in self.moves if moved <= time}
        return {person: place for person, place in found.items() if place}

    def named(self, time: int) -> dict[str, str]:
        """Pseudonym -> innermost zone."""
        return {pseudonym(who): place for who, place in self.where(time).items() if not who.startswith("-")}

    def counts(self, time: int) -> dict[str, tuple[int, int]]:
        """How many are in each zone, and of how many it is known who they are."""
        count: Counter[str] = Counter()
        known: Counter[str] = Counter()
        for person, place in self.where(time).items():
            while place:
                count[place] += 1
                known[place] += not person.startswith("-")
                place = _OUTER[place]  # noqa: PLW2901 - outwards
        return {each: (count[each], known[each]) for each in DOORS}


@dataclass
class Crowd:
    """What devices say, in the order of its arrival, and the truth."""

    said: list[Event | Reading]
    truth: Truth


@dataclass(order=True)
class _Act:
    """Somebody is about to do something at a door of a zone."""

    time: int
    number: int
    what: str = field(compare=False)
    zone: str = field(compare=False)
    way: str = field(compare=False, default="in")
    person: str = field(compare=False, default="")
    plan: Iterator[tuple[int, str, str]] = field(compare=False, default_factory=lambda: iter(()))


def crowd(seed: int, people: int = 300) -> Crowd:
    """A day of so many people, one in twenty of them without a name."""
    return _Day(random.Random(seed), people).live()


class _Day:
    def __init__(self, dice: random.Random, people: int) -> None:
        self.dice = dice
        self.truth = Truth()
        self.said: list[Event | Reading] = []
        self.free: dict[str, int] = {}
        self.acts: list[_Act] = []
        for door in (door for doors in DOORS.values() for door in doors):
            self.contact(door, BEGIN + SECOND, is_open=False)
        for number in range(people):
            self.come(f"-{number}" if number % 20 == 7 else f"p{number:03}", is_late=number % 25 == 3)
        for number in range(people // 6):
            what = ("denied", "denied", "unused", "forced")[number % 4]
            zone = dice.choice([*DOORS]) if what == "denied" else "house"
            self.push(BEGIN + dice.randrange(HOUR, DAY - HOUR), what, zone, person=f"p{number:03}")

    def push(self, time: int, what: str, zone: str, **keys: Any) -> None:
        heapq.heappush(self.acts, _Act(time, len(self.acts) + len(self.said) * 1000, what, zone, **keys))

    def come(self, person: str, *, is_late: bool) -> None:
        """Plan somebody's day: he comes, works on a floor or in the laboratory, has lunch outside, goes home."""
        dice = self.dice
        begin = dice.randrange(19 * HOUR, 22 * HOUR) if is_late else dice.randrange(6 * HOUR, 10 * HOUR)
        plan: list[tuple[int, str, str]] = []
        for _ in range(1 if is_late else 2):
            visits = dice.choice([["house"], ["house", "floor"], ["house", "floor"], ["house", "floor", "lab"]])
            plan += [(dice.randrange(MINUTE, 20 * MINUTE), zone, "in") for zone in visits]
            plan += [(dice.randrange(MINUTE, 4 * HOUR), zone, "out") for zone in reversed(visits)]
        self.go_on(BEGIN + begin, person, iter(plan))

    def go_on(self, time: int, person: str, plan: Iterator[tuple[int, str, str]]) -> None:
        step = next(plan, None)
        if step is not None:
            wait, zone, way = step
            self.push(time + wait, "go", zone, way=way, person=person, plan=plan)

    def live(self) -> Crowd:
        while self.acts:
            act = heapq.heappop(self.acts)
            door = self.dice.choice(DOORS[act.zone])
            alone = _ALONE_AFTER if act.what == "forced" else 0
            time = max(act.time, self.free.get(door, 0) + alone)
            if (time - BEGIN + MINUTE) % HOUR < 2 * MINUTE:
                time += 2 * MINUTE + self.dice.randrange(MINUTE)
            if time > act.time:
                heapq.heappush(self.acts, replace(act, time=time))
            elif time < BEGIN + DAY - 5 * MINUTE:
                getattr(self, act.what)(act, door)
        return Crowd(sorted(self.said, key=lambda each: each.arrived), self.truth)

    def contact(self, door: str, time: int, *, is_open: bool) -> None:
        arrived = time + self.dice.randrange(20, 120)
        values: dict[str, Value] = {"open": is_open}
        self.said.append(Reading(device=door, time=time, arrived=arrived, values=values, origin=Origin.PUSH))

    def card(self, act: _Act, door: str, result: str) -> tuple[str, str]:
        said: dict[str, Value] = {"result": result}
        if not act.person.startswith("-"):
            said["credential"] = pseudonym(act.person)
        ident, reader = f"c{len(self.said)}", f"{door}-{act.way}"
        arrived = act.time + self.dice.randrange(20, 400)
        self.said.append(
            Event(device=reader, kind="card", time=act.time, arrived=arrived, id=ident, attributes=said)
        )
        hours = SITE.access.zones[act.zone].hours
        is_on = hours is None or hours.is_on(act.time, SITE.timezone)
        if result == "granted" and act.way == "in" and not is_on:
            self.truth.out_of_hours.append((reader, ident))
        return reader, ident

    def go(self, act: _Act, door: str) -> None:
        """Go through, and sometimes leave the door open behind oneself."""
        self.card(act, door, "granted")
        opened = act.time + _OPENS_AFTER
        shut = opened + _SHUTS_AFTER
        if self.dice.random() < 1 / 150:
            shut += 45 * SECOND
            self.truth.held.append((door, opened))
        self.contact(door, opened, is_open=True)
        self.contact(door, shut, is_open=False)
        self.truth.moves.append((opened, act.person, act.zone if act.way == "in" else _OUTER[act.zone]))
        self.free[door] = shut + _FREE_AFTER
        self.go_on(act.time, act.person, act.plan)

    def denied(self, act: _Act, door: str) -> None:
        self.truth.denied.append(self.card(act, door, "denied"))
        self.free[door] = act.time + _FREE_AFTER

    def unused(self, act: _Act, door: str) -> None:
        self.truth.unused.append(self.card(act, door, "granted"))
        self.free[door] = act.time + 2 * _FREE_AFTER

    def forced(self, act: _Act, door: str) -> None:
        self.contact(door, act.time, is_open=True)
        self.contact(door, act.time + _SHUTS_AFTER, is_open=False)
        self.truth.forced.append((door, act.time))
        self.free[door] = act.time + _ALONE_AFTER
