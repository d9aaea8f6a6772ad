"""What happens in one month of the simulated house beside daily life, as data and pure functions of the time.

Day 1 is the local date on which the month begins; what is said of a day is said in the site's local time. Stories
begin and end in UTC ms, as entries of the journal do; functions take UTC seconds, as the rest of the simulation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from monitor.model import Value
from monitor.simulation.building import noise
from monitor.simulation.plot import DAYS, PLOT, Draws, Leans, Rattles, Scene, Shows, Swaps, Tries, When
from monitor.site import Device, Site

__all__ = ["STANDS_OPEN", "Draw", "Lean", "Stories", "Story", "Swap", "Trial"]

_Act = TypeVar("_Act")

STANDS_OPEN: Final = 2.5
"""Seconds for which a door stands open when somebody goes through and its closer is well."""
_OFTEN_AT_FIRST: Final = 0.02
_OFTEN_AT_LAST: Final = 0.12
"""Part of the passages at which a sticking door stays open just before it is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Something that happens from `begin` to `end` (UTC ms); the name is a sentence that a property manager reads.

    `devices` and `connections`: what it acts on.
    """

    id: str
    name: str
    begin: int
    end: int
    devices: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()

    def is_on(self, now: float) -> bool:
        """Whether it goes on at `now` (UTC seconds)."""
        return self.begin <= now * 1000 < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A meter's rate from `begin` to `end` (UTC ms): daily life times `factor`, plus `more` (W, m3/h)."""

    device: str
    begin: int
    end: int
    factor: float = 1.0
    more: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lean:
    """By how much the share of each phase in a meter's rate differs from `begin` to `end` (UTC ms)."""

    device: str
    begin: int
    end: int
    by: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A meter is replaced at `at` (UTC ms), and its successor begins at `start`, in kWh, kvarh, kVAh or m3.

    What the old one showed at last: `monitor.simulation.truth.Truth.swap`.
    """

    device: str
    at: int
    start: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A card that nobody knows is held to a reader (`device`) at `at` (UTC ms), and is denied."""

    device: str
    at: int
    number: str


class Stories:
    """The stories of a site in the month that begins at `begin` (UTC ms).

    A story about devices or connections that the site has not is left out.
    """

    def __init__(self, site: Site, begin: int) -> None:
        self.begin = begin
        self._site = site
        self._first = datetime.fromtimestamp(begin / 1000, site.timezone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        self.end = self._ms((DAYS + 1, "00:00"))
        """The end of the last day (UTC ms); the house goes on after it without stories."""
        scenes = [scene for scene in PLOT if scene.devices <= site.devices.keys() | site.connections.keys()]
        self.stories: Sequence[Story] = sorted((self._story(each) for each in scenes), key=lambda each: each.begin)
        self.draws: Sequence[Draw] = [
            Draw(
                device=of.device,
                begin=self._ms(of.begin or scene.begin),
                end=self._ms(of.end or scene.end),
                factor=of.factor,
                more=of.more,
            )
            for scene, of in _all(scenes, Draws)
        ]
        self.leans: Sequence[Lean] = [
            Lean(device=of.device, begin=self._ms(scene.begin), end=self._ms(scene.end), by=of.by)
            for scene, of in _all(scenes, Leans)
        ]
        self.swaps: Sequence[Swap] = [
            Swap(device=of.device, at=self._ms(scene.begin), start=of.start) for scene, of in _all(scenes, Swaps)
        ]
        self.trials: Sequence[Trial] = [
            Trial(device=of.reader, at=self._ms(scene.begin) + round(number * of.every * 1000), number=of.number)
            for scene, of in _all(scenes, Tries)
            for number in range(of.times)
        ]
        self._rattles = [(self._story(scene), of) for scene, of in _all(scenes, Rattles)]
        self._shows: dict[tuple[str, str], list[tuple[Story, Shows]]] = {}
        for scene, shows in _all(scenes, Shows):
            self._shows.setdefault((shows.device, shows.point), []).append((self._story(scene), shows))
        self._by_id = {each.id: each for each in self.stories}

    def _ms(self, when: When) -> int:
        """UTC ms of a day of the month and a local time `HH:MM`."""
        hour, _, minute = when[1].partition(":")
        day = self._first + timedelta(days=when[0] - 1)
        return round(day.replace(hour=int(hour), minute=int(minute)).timestamp() * 1000)

    def _story(self, scene: Scene) -> Story:
        return Story(
            id=scene.id,
            name=scene.name,
            begin=self._ms(scene.begin),
            end=self._ms(scene.end),
            devices=tuple(sorted(scene.devices & self._site.devices.keys())),
            connections=tuple(sorted(scene.devices & self._site.connections.keys())),
        )

    def story(self, ident: str) -> Story | None:
        """The story of that id, if the site has it."""
        return self._by_id.get(ident)

    def edges(self) -> list[int]:
        """All instants (UTC ms) at which something begins, ends or is done at once, in order."""
        spans = [(each.begin, each.end) for each in self.stories] + [(each.begin, each.end) for each in self.draws]
        return sorted({edge for span in spans for edge in span} | {each.at for each in self.trials})

    def rattlings(self, story: Story) -> Iterator[int]:
        """When a loose contact of a story opens and closes (UTC ms)."""
        for each, of in self._rattles:
            if each.id == story.id:
                for at in range(each.begin, each.end, round(1000 * of.every)):
                    yield from (at, at + round(1000 * of.lasts))

    def swap(self, device: str, now: float) -> Swap | None:
        """The replacement of a meter that has taken place at `now` (UTC seconds)."""
        return next((each for each in self.swaps if each.device == device and each.at <= now * 1000), None)

    def value(self, device: str, point: str, now: float) -> Value | None:
        """What a story lets a point show at `now` (UTC seconds); None when daily life says it."""
        for story, of in self._rattles:
            if (of.device, of.point) == (device, point) and story.is_on(now):
                return of.value if (now - story.begin / 1000) % of.every < of.lasts else None
        for story, shows in self._shows.get((device, point), ()):
            if shows.until is not None and not isinstance(shows.value, str):
                part = min(max((now * 1000 - story.begin) / (story.end - story.begin), 0.0), 1.0)
                return float(round(shows.value + (shows.until - shows.value) * part))
            if story.is_on(now):
                return shows.value
        return None

    def is_silent(self, device: Device, now: float) -> bool:
        """Whether a device cannot be reached at `now` (UTC seconds), for its gateway is off."""
        story = self._by_id.get("gateway-off")
        return story is not None and device.connection in story.connections and story.is_on(now)

    def presence(self, now: float) -> float:
        """The part of the residents who are at home in this time of the year (0 to 1) at `now` (UTC seconds)."""
        story = self._by_id.get("holidays")
        return 0.5 if story is not None and story.is_on(now) else 1.0

    def stands_open(self, door: str, passage: int, now: float) -> float:
        """Seconds for which a door stands open when somebody goes through it at `now` (UTC seconds).

        `passage`: a number that is another one for each passage.
        """
        story = self._by_id.get("sticking-door")
        if story is None or door not in story.devices or not story.is_on(now):
            return STANDS_OPEN
        worn = (now * 1000 - story.begin) / (story.end - story.begin)
        luck = noise(f"{passage * 7919} {door} {passage}")
        if luck >= _OFTEN_AT_FIRST + (_OFTEN_AT_LAST - _OFTEN_AT_FIRST) * worn:
            return STANDS_OPEN
        held_after = self._site.access.door(door).held_after
        return held_after + 4.0 + 50.0 * worn * noise(f"{door} {passage * 104_729}")


def _all(scenes: Iterable[Scene], kind: type[_Act]) -> list[tuple[Scene, _Act]]:
    return [(scene, each) for scene in scenes for each in scene.acts if isinstance(each, kind)]
