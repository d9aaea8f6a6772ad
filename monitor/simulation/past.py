"""What the devices of a simulated house would have said in a span of the past, in the order of arrival.

Meters and whatever else is polled or speaks regularly are heard every five minutes; cards, doors, pumps and what
begins or ends in a story at their own seconds. The same site and the same beginning give the same past.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from operator import attrgetter
from typing import Final

from monitor.model import Entry
from monitor.periods import HOUR, QUARTER, day_of
from monitor.simulation.building import noise
from monitor.simulation.comings import Passing, comings
from monitor.simulation.hearing import Hearing
from monitor.simulation.residents import CARDS, STRANGER
from monitor.simulation.stories import STANDS_OPEN, Story
from monitor.simulation.world import World
from monitor.site import Device, Site

__all__ = ["STEP", "Moment", "Past", "seldom"]

STEP: Final = 300
"""Seconds from one poll of a device to the next."""
_STEP_MS: Final = 1000 * STEP
_REACHES_FOR_THE_DOOR: Final = 800
_LOOKS_AGAIN: Final = (0, 1_000, 3_000, 6_000, 12_000)
"""Ms after something has begun or ended at which it is looked at: rules wait for some seconds."""
_HELD_AGAIN: Final = (0, 1_000, 2_000, 4_000)
"""Ms after a door has stood open for too long at which time passes, so that it is told in time."""
_SHOWN: Final = 250
"""Ms for which a device shows the same."""
_DENIED_DAYS: Final = 0.3
"""Part of the days on which somebody holds a card to the front door that has expired."""


def seldom(site: Site) -> Site:
    """The site as its past is filled in: all that is polled or speaks regularly does so every five minutes."""
    every = float(STEP)
    return replace(
        site,
        devices={
            ident: replace(
                device,
                scan={scan: every if seconds else seconds for scan, seconds in device.scan.items()},
                expected_every=every if device.expected_every else device.expected_every,
            )
            for ident, device in site.devices.items()
        },
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """What arrives at `time` (UTC ms); without entries time passes, so that what is due happens in time."""

    time: int
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class _Doing:
    """What happens at `at` (UTC ms), and answers what is heard of it."""

    at: int
    do: Callable[[int], Sequence[Entry]]


class Past:
    """The past of a world from `begin` (UTC ms) on. `pseudonymise`: as drivers are given it.

    `inside`: the numbers of the residents who are in, as they know it, since their zone was reset last.
    """

    def __init__(self, world: World, begin: int, pseudonymise: Callable[[str], str]) -> None:
        self._world = world
        self._site = site = world.site
        self._begin = begin
        self._hearing = Hearing(world, pseudonymise)
        devices = [each for each in site.devices.values() if each.connection]
        self._regular = [each for each in devices if each.points and (each.scan or each.expected_every)]
        self._seldom = [each for each in devices if each.points and not (each.scan or each.expected_every)]
        readers = [each for each in devices if each.device_class == "access" and each.door in site.devices]
        self._into = [each for each in readers if each.direction != "out"]
        self._out = [each for each in readers if each.direction == "out"]
        self._pumps = [each for each in devices if {"running", "called"} <= set(each.points)]
        self._open: set[str] = set()
        self._passages = 0
        self.inside: set[int] = set()

    def moments(self, end: Callable[[], int]) -> Iterator[Moment]:
        """All that arrives before `end()`, which is asked again and again: the past may grow meanwhile."""
        at = self._begin
        while at < end():
            day = day_of(at, self._site.timezone)
            doings = sorted(self._doings(day.first, day.start, day.end), key=attrgetter("at"))
            for doing in doings:
                if doing.at < self._begin:
                    continue
                if doing.at >= end():
                    return
                yield Moment(doing.at, doing.do(doing.at))
            at = day.end

    # A day ------------------------------------------------------------------------------------------------

    def _doings(self, day: date, start: int, end: int) -> Iterator[_Doing]:
        for at in range(-(-start // _STEP_MS) * _STEP_MS, end, _STEP_MS):
            yield _Doing(at, self._round)
        yield from self._of_stories(start, end)
        yield from self._of_people(day, start, end)
        yield from self._of_pumps(start, end)

    def _round(self, at: int) -> Sequence[Entry]:
        """Hear all that is heard regularly; sleepy contacts say once an hour that they are there."""
        devices: Iterable[Device] = self._regular
        if at % HOUR == 0:
            devices = (*self._regular, *self._seldom)
        return [entry for device in devices for entry in self._hearing.reading(device, at)]

    # Stories ----------------------------------------------------------------------------------------------

    def _of_stories(self, start: int, end: int) -> Iterator[_Doing]:
        stories = self._world.stories
        if stories is None:
            return
        for story in stories.stories:
            for edge in (story.begin, story.end):
                if start <= edge < end:
                    look = partial(self._look, self._met(story))
                    yield from (_Doing(edge + later, look) for later in _LOOKS_AGAIN)
            met = self._met(story)
            yield from (
                _Doing(at, partial(self._look, met)) for at in stories.rattlings(story) if start <= at < end
            )
        for trial in stories.trials:
            if start <= trial.at < end:
                yield _Doing(
                    trial.at, partial(self._deny, self._site.devices[trial.device], trial.number, is_known=False)
                )

    def _met(self, story: Story) -> Sequence[Device]:
        devices = (*self._regular, *self._seldom)
        return [each for each in devices if each.id in story.devices or each.connection in story.connections]

    def _look(self, devices: Sequence[Device], at: int) -> Sequence[Entry]:
        return [entry for device in devices for entry in self._hearing.reading(device, at)]

    # People -----------------------------------------------------------------------------------------------

    def _of_people(self, day: date, start: int, end: int) -> Iterator[_Doing]:
        if not self._into:
            return
        stories = self._world.stories
        presence = 1.0 if stories is None else stories.presence((start + end) / 2000)
        resets = {zone.reset for zone in self._site.access.zones.values() if zone.reset is not None}
        for minute in resets:
            yield _Doing(start + 60_000 * minute, self._forget_who_is_in)
        for passing in comings(day, self._site.timezone, len(CARDS), presence):
            yield from self._passing(passing)
        if noise(f"{day} an expired card") < _DENIED_DAYS:
            at = start + round((8 + 11 * noise(f"{day} when it is held")) * HOUR)
            yield _Doing(at, partial(self._deny, self._into[0], STRANGER))

    def _forget_who_is_in(self, _: int) -> Sequence[Entry]:
        self.inside.clear()
        return ()

    def _passing(self, passing: Passing) -> Iterator[_Doing]:
        readers = self._into if passing.comes else self._out
        if not readers:
            return
        reader = readers[-1 if passing.by_cellar else 0]
        self._passages += 1
        opened = passing.at + _REACHES_FOR_THE_DOOR
        stories = self._world.stories
        stands = (
            STANDS_OPEN if stories is None else stories.stands_open(reader.door, self._passages, opened / 1000)
        )
        going = _Going(passing, reader)
        yield _Doing(passing.at, partial(self._hold_card, going))
        yield _Doing(opened, partial(self._push, going))
        held_after = self._site.access.door(reader.door).held_after
        if stands > held_after:
            told = opened + round(1000 * held_after)
            yield from (_Doing(told + later, _nothing) for later in _HELD_AGAIN if later < 1000 * stands)
        yield _Doing(opened + round(1000 * stands), partial(self._let_go, going))

    def _hold_card(self, going: "_Going", at: int) -> Sequence[Entry]:
        going.goes = going.reader.door not in self._open
        if not going.goes:
            return ()
        return self._hearing.card(going.reader, CARDS[going.passing.resident], at, granted=True)

    def _push(self, going: "_Going", at: int) -> Sequence[Entry]:
        if not going.goes:
            return ()
        (self.inside.add if going.passing.comes else self.inside.discard)(going.passing.resident)
        self._open.add(going.reader.door)
        return self._contact(going.reader.door, at, is_open=True)

    def _let_go(self, going: "_Going", at: int) -> Sequence[Entry]:
        if not going.goes:
            return ()
        self._open.discard(going.reader.door)
        return self._contact(going.reader.door, at, is_open=False)

    def _contact(self, door: str, at: int, *, is_open: bool) -> Sequence[Entry]:
        if is_open:
            self._world.overrides[door, "open"] = True
        else:
            self._world.overrides.pop((door, "open"), None)
        return self._hearing.reading(self._site.devices[door], at)

    def _deny(self, reader: Device, number: str, at: int, *, is_known: bool = True) -> Sequence[Entry]:
        return self._hearing.card(reader, number, at, granted=False, is_known=is_known)

    # Pumps ------------------------------------------------------------------------------------------------

    def _of_pumps(self, start: int, end: int) -> Iterator[_Doing]:
        """When a pump stops that began with a quarter of an hour, which is heard anyway."""
        for pump in self._pumps:
            look = partial(self._look, (pump,))
            for begin in range(start, end, QUARTER):
                lasts = self._world.pumps_for(pump, begin / 1000)
                if lasts > 0:
                    yield _Doing(begin + (round(lasts * 1000) // _SHOWN + 1) * _SHOWN, look)


@dataclass(slots=True)
class _Going:
    """Somebody on the way through a door; `goes` is false when it stood open already."""

    passing: Passing
    reader: Device
    goes: bool = False


def _nothing(_: int) -> Sequence[Entry]:
    return ()
