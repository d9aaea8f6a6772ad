"""Rosters: who is on call at a moment, and why. Pure; times are UTC ms, end excluded.

A roster is a stack of layers, as on-call services have it: the last layer that holds at a moment says who is on
call, and an override goes before all of them.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from monitor.calendars import Schedule
from monitor.periods import moment_of

__all__ = ["Layer", "OnCall", "Override", "Roster", "Span", "Turn", "Unit", "gaps", "on_call", "turns"]

Unit = Literal["hours", "days", "weeks"]
Span = tuple[int, int]
"""From the first moment up to the one behind the last, UTC ms."""

_LENGTHS: Final[Mapping[str, timedelta]] = {
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
}
_ONE_DAY: Final = timedelta(days=1)
_LONG_AGO: Final = date(1970, 1, 5)
"""A Monday: from when a layer counts that does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody stands in at a span of time. `by` and `id` are empty for one of the site file."""

    roster: str
    person: str
    starts: int
    ends: int
    by: str = ""
    reason: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """People in turn. A turn lasts `count` of `unit` by the clock on the wall: it hands over at the same minute.

    `minute` of the local day, and `weekday` (ISO, for weeks only): when it hands over. `begins`: the local day
    from which the layer counts; the turn that is under way then is that of the first of `people`, and before it
    nobody is on call. None: always. `hours`: the layer holds only then.
    """

    people: tuple[str, ...]
    unit: Unit = "weeks"
    count: int = 1
    minute: int = 480
    weekday: int = 1
    begins: date | None = None
    hours: Schedule | None = None
    name: str = ""

    def starts(self, zone: ZoneInfo) -> int | None:
        """The first moment at which the layer can hold; None: it always could."""
        return None if self.begins is None else moment_of(self.begins, self.minute, zone)

    def turn_at(self, time: int, zone: ZoneInfo) -> int:
        """The number of the turn of a moment, 0 for the first one."""
        wall = datetime.fromtimestamp(time / 1000, zone).replace(tzinfo=None)
        turn = (wall - self._anchor()) // self._length()
        while self.begin_of(turn, zone) > time:
            turn -= 1
        while self.begin_of(turn + 1, zone) <= time:
            turn += 1
        return turn

    def begin_of(self, turn: int, zone: ZoneInfo) -> int:
        """When a turn begins: at the jump where the clock leaves that out, at the first where it shows two."""
        wall = self._anchor() + turn * self._length()
        return moment_of(wall.date(), 60 * wall.hour + wall.minute, zone)

    def _length(self) -> timedelta:
        return self.count * _LENGTHS[self.unit]

    def _anchor(self) -> datetime:
        """The wall's time at which turn 0 hands over: the newest such weekday and minute up to the first day's."""
        day = self.begins or _LONG_AGO
        if self.unit == "weeks":
            day -= (day.isoweekday() - self.weekday) % 7 * _ONE_DAY
        return datetime(day.year, day.month, day.day, *divmod(self.minute, 60))  # noqa: DTZ001 - the wall's time


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Who is on call. `overrides` are those of the site file; `away`: person -> when they are not there."""

    id: str
    name: str = ""
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()
    away: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody whom the site file lets be on call, each once."""
        named = [person for layer in self.layers for person in layer.people]
        return tuple(dict.fromkeys([*named, *(one.person for one in self.overrides)]))

    def is_away(self, person: str, time: int) -> bool:
        """Whether somebody is not there at a moment."""
        return any(start <= time < end for start, end in self.away.get(person, ()))


class OnCall(NamedTuple):
    """Who is on call (None: nobody), and why in words."""

    person: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A span in which the same person is on call for the same reason."""

    start: int
    end: int
    person: str | None
    reason: str


def on_call(roster: Roster, time: int, zone: ZoneInfo, overrides: Iterable[Override] = ()) -> OnCall:
    """Who is on call at a moment.

    `overrides` are what people said, of any roster, in the order in which they said it: the latest wins, and goes
    before those of the site file, of which the last wins.
    """
    said = [*roster.overrides, *(one for one in overrides if one.roster == roster.id)]
    for one in reversed(said):
        if one.starts <= time < one.ends:
            return OnCall(one.person, _stands_in(one))
    absent: list[str] = []
    for number in range(len(roster.layers), 0, -1):
        layer = roster.layers[number - 1]
        if not _holds(layer, time, zone):
            continue
        person, missing = _in_turn(roster, layer, time, zone)
        absent += missing
        if person is not None:
            skipped = f"; {_listed(missing)} away" if missing else ""
            return OnCall(person, f"{person}'s turn{_of(roster, layer, number)}{skipped}")
    absent = list(dict.fromkeys(absent))
    if absent:
        return OnCall(None, f"nobody is on call in the roster {roster.id}: {_listed(absent)} away")
    return OnCall(None, f"nobody is on call in the roster {roster.id} at that time")


def turns(
    roster: Roster, start: int, end: int, zone: ZoneInfo, overrides: Sequence[Override] = ()
) -> Iterator[Turn]:
    """Who is on call in [start, end), one after the other, without gap or overlap."""
    begun, known = start, on_call(roster, start, zone, overrides)
    for edge in _edges(roster, start, end, zone, overrides):
        found = on_call(roster, edge, zone, overrides)
        if found != known:
            yield Turn(begun, edge, *known)
            begun, known = edge, found
    if begun < end:
        yield Turn(begun, end, *known)


def gaps(roster: Roster, start: int, end: int, zone: ZoneInfo) -> Iterator[Turn]:
    """Spans of [start, end) in which the site file has nobody on call."""
    return (turn for turn in turns(roster, start, end, zone) if turn.person is None)


def _holds(layer: Layer, time: int, zone: ZoneInfo) -> bool:
    starts = layer.starts(zone)
    return (starts is None or time >= starts) and (layer.hours is None or layer.hours.is_on(time, zone))


def _in_turn(roster: Roster, layer: Layer, time: int, zone: ZoneInfo) -> tuple[str | None, list[str]]:
    """Whose turn it is, or whose it would be next, and who is away before them."""
    missing: list[str] = []
    turn = layer.turn_at(time, zone)
    for ahead in range(len(layer.people)):
        person = layer.people[(turn + ahead) % len(layer.people)]
        if not roster.is_away(person, time):
            return person, missing
        if person not in missing:
            missing.append(person)
    return None, missing


def _stands_in(one: Override) -> str:
    who = f", said {one.by}" if one.by else " (site file)"
    why = f": {one.reason}" if one.reason else ""
    return f"{one.person} stands in{who}{why}"


def _of(roster: Roster, layer: Layer, number: int) -> str:
    """How people tell a layer from the others of its roster."""
    if layer.name:
        return f" ({layer.name})"
    return f" (layer {number})" if len(roster.layers) > 1 else ""


def _listed(people: Sequence[str]) -> str:
    *others, last = people
    return f"{', '.join(others)} and {last} are" if others else f"{last} is"


def _edges(roster: Roster, start: int, end: int, zone: ZoneInfo, overrides: Sequence[Override]) -> Iterator[int]:
    """Moments in (start, end) at which somebody else may be on call, in order, each once."""
    fixed = {edge for spans in roster.away.values() for span in spans for edge in span}
    for one in (*roster.overrides, *overrides):
        if one.roster == roster.id:
            fixed |= {one.starts, one.ends}
    for layer in roster.layers:
        starts = layer.starts(zone)
        fixed |= set() if starts is None else {starts}
    streams = [iter(sorted(edge for edge in fixed if edge > start))]
    for layer in roster.layers:
        streams.append(_hand_overs(layer, start, zone))
        if layer.hours is not None:
            streams.append(_changes(layer.hours, start, zone))
    last = start
    for edge in heapq.merge(*streams):
        if edge >= end:
            return
        if edge > last:
            yield edge
            last = edge


def _hand_overs(layer: Layer, start: int, zone: ZoneInfo) -> Iterator[int]:
    if len(layer.people) > 1:
        turn = layer.turn_at(start, zone)
        while True:
            turn += 1
            yield layer.begin_of(turn, zone)


def _changes(hours: Schedule, start: int, zone: ZoneInfo) -> Iterator[int]:
    edge = hours.change_after(start, zone)
    while edge is not None:
        yield edge
        edge = hours.change_after(edge, zone)
