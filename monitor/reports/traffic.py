"""What happened at doors and readers in a period, as numbers: whoever it was, nobody is in them.

Pseudonyms are read for one thing only, which is not to count somebody twice who is in a zone, and none is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from monitor.accessbook import AccessBook, AccessEntry
from monitor.periods import begin_of, moment_of
from monitor.zones import AccessZone

__all__ = ["Heads", "Reader", "Traffic", "ZoneDay", "traffic"]

_KINDS: Final = (
    "passage",
    "opened",
    "closed",
    "out_of_hours",
    "passback",
    "crowded",
    "tamper",
    "reader_offline",
    "reader_online",
)
_OF_ZONES: Final = frozenset({"passback", "crowded"})
_PAGE: Final = 10_000
_ONE_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class ZoneDay:
    """How many came and went on a local day, and the most who were in at once, first at `at` (UTC ms)."""

    entries: int = 0
    exits: int = 0
    most: int = 0
    at: int | None = None


@dataclass(slots=True)
class Reader:
    """How often and how long (ms) a reader was said to be off-line, and how often it was tampered with."""

    offline: int = 0
    lost: int = 0
    tampered: int = 0
    since: int | None = None


@dataclass(slots=True)
class Traffic:
    """Numbers of a period. `hours`: passages by local hour; by door: passages, open times in s, out of hours."""

    hours: list[int] = field(default_factory=lambda: [0] * 24)
    passages: Counter[str] = field(default_factory=Counter)
    open_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    out_of_hours: Counter[str] = field(default_factory=Counter)
    passback: Counter[str] = field(default_factory=Counter)
    crowded: Counter[str] = field(default_factory=Counter)
    readers: dict[str, Reader] = field(default_factory=lambda: defaultdict(Reader))
    zones: dict[str, dict[date, ZoneDay]] = field(default_factory=dict)


class Heads:
    """Counts who is in which zone. A person whose card is known is in one place; the others are only counted."""

    def __init__(self, zones: Mapping[str, AccessZone]) -> None:
        self._zones = zones
        self._around = {name: tuple(_around(name, zones)) for name in zones}
        self._known: dict[str, str] = {}
        self._others: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    def count(self, zone: str) -> int:
        """How many are in a zone, those in the zones within it included."""
        return self._counts[zone]

    def pass_(self, zone: str, direction: str, who: str) -> tuple[str, ...]:
        """Somebody went in or out by a reader of a zone; `who` is empty where that is not known.

        Answers the zones in which he is now.
        """
        around = self._zones[zone].within
        around = around if around in self._zones else ""
        came, went = (zone, around) if direction == "in" else (around, zone)
        if who:
            went = self._known.pop(who, "")
            if came:
                self._known[who] = came
        else:
            went = self._counted(went, is_out=direction == "out")
            self._others[went] -= bool(went)
            self._others[came] += bool(came)
        for place in self._around.get(went, ()):
            self._counts[place] -= 1
        for place in self._around.get(came, ()):
            self._counts[place] += 1
        return self._around.get(came, ())

    def _counted(self, went: str, *, is_out: bool) -> str:
        """The zone in which somebody without a name was counted; who leaves may have come from one within."""
        within = (each for each, around in self._around.items() if went in around)
        places = within if is_out else iter((went,))
        return next((place for place in places if self._others[place]), "")

    def empty(self, zone: str) -> None:
        """Everybody is taken to have left a zone."""
        self._known = {who: place for who, place in self._known.items() if zone not in self._around[place]}
        self._others = Counter(
            {place: count for place, count in self._others.items() if count and zone not in self._around[place]}
        )
        self._counts = self._others_and_known()

    def _others_and_known(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for place, count in (Counter(self._known.values()) + self._others).items():
            counts.update(dict.fromkeys(self._around[place], count))
        return counts


def _around(name: str, zones: Mapping[str, AccessZone]) -> Iterator[str]:
    """A zone and those around it."""
    seen: set[str] = set()
    while name in zones and name not in seen:
        seen.add(name)
        yield name
        name = zones[name].within


async def traffic(  # noqa: PLR0913 - what it counts, and of when
    book: AccessBook,
    zones: Mapping[str, AccessZone],
    first: date,
    last: date,
    *,
    until: int,
    zone: ZoneInfo,
    door_of: Callable[[AccessEntry], str],
    doors: frozenset[str],
) -> Traffic:
    """Count day by day, up to `until` (UTC ms), at some `doors`, and in all zones.

    The day before the first is read too: it says who was in at midnight.
    """
    counted, house = Traffic(), _House(zones, zone, door_of)
    counted.zones = {name: {} for name in zones}
    opened: dict[str, int] = {}
    day = first - _ONE_DAY if zones else first
    while day <= last and begin_of(day, zone) < until:
        start, end = begin_of(day, zone), min(until, begin_of(day + _ONE_DAY, zone))
        entries = await _entries(book, start, end, _KINDS if day >= first else ("passage",))
        figures = house.follow(day, entries)
        if day >= first:
            for name, told in figures.items():
                counted.zones[name][day] = told
            for entry in entries:
                if (door := door_of(entry)) in doors or entry.kind in _OF_ZONES:
                    _count(counted, entry, door, opened, zone)
        day += _ONE_DAY
    for reader in counted.readers.values():
        if reader.since is not None:
            reader.lost += max(0, until - reader.since)
            reader.since = None
    return counted


async def _entries(book: AccessBook, start: int, end: int, kinds: Sequence[str]) -> list[AccessEntry]:
    """All entries of a span, page by page from the newest back; oldest first."""
    pages: list[list[AccessEntry]] = []
    seen: set[tuple[str, str]] = set()
    until = end
    while start < until:
        page = await book.entries(start, until, kinds=kinds, limit=_PAGE)
        new = [each for each in page if (each.device, each.id) not in seen]
        seen.update((each.device, each.id) for each in new)
        pages.append(new)
        if len(page) < _PAGE or not new:
            break
        until = page[0].time + 1  # others of the same millisecond may not have been on this page
    return [each for page in reversed(pages) for each in page]


def _count(counted: Traffic, entry: AccessEntry, door: str, opened: dict[str, int], zone: ZoneInfo) -> None:
    kind = entry.kind
    if kind == "passage":
        counted.hours[datetime.fromtimestamp(entry.time / 1000, zone).hour] += 1
        counted.passages[door] += 1
    elif kind == "opened":
        opened[door] = entry.time
    elif kind == "closed":
        told, since = entry.attributes.get("open_s"), opened.pop(door, None)
        if isinstance(told, (int, float)):
            counted.open_s[door].append(float(told))
        elif since is not None and entry.id != f"closed-{entry.time}":  # our own say it where it is known
            counted.open_s[door].append(max(0, entry.time - since) / 1000)
    elif kind == "out_of_hours":
        counted.out_of_hours[door] += 1
    elif kind in _OF_ZONES:
        name = entry.zone or str(entry.attributes.get("zone", ""))
        (counted.passback if kind == "passback" else counted.crowded)[name] += 1
    else:
        _count_reader(counted.readers[entry.device], entry)


def _count_reader(reader: Reader, entry: AccessEntry) -> None:
    if entry.kind == "tamper":
        reader.tampered += 1
    elif entry.kind == "reader_offline":
        if reader.since is None:
            reader.offline += 1
            reader.since = entry.time
    elif reader.since is not None:
        reader.lost += max(0, entry.time - reader.since)
        reader.since = None


class _House:
    """Follows everybody through the zones, day by day."""

    def __init__(
        self, zones: Mapping[str, AccessZone], zone: ZoneInfo, door_of: Callable[[AccessEntry], str]
    ) -> None:
        self._zones = zones
        self._zone = zone
        self._door_of = door_of
        self._heads = Heads(zones)
        self._resets: list[tuple[int, str]] = []

    def follow(self, day: date, entries: Sequence[AccessEntry]) -> dict[str, ZoneDay]:
        """Answer the figures of each zone on a day; times at which all are taken to have left are its, too."""
        resets = [(one.reset, name) for name, one in self._zones.items() if one.reset is not None]
        self._resets = sorted((moment_of(day, minute, self._zone), name) for minute, name in resets)
        start = begin_of(day, self._zone)
        self._empty(start)
        told = {name: ZoneDay(most=self._heads.count(name)) for name in self._zones}
        for figures in told.values():
            figures.at = start if figures.most else None
        for entry in entries:
            if entry.kind == "passage" and entry.direction in {"in", "out"}:
                self._pass(entry, told)
        self._empty(begin_of(day + _ONE_DAY, self._zone))
        return told

    def _empty(self, until: int) -> None:
        while self._resets and self._resets[0][0] <= until:
            self._heads.empty(self._resets.pop(0)[1])

    def _pass(self, entry: AccessEntry, told: Mapping[str, ZoneDay]) -> None:
        self._empty(entry.time)
        place = _place(entry, self._zones, self._door_of(entry))
        if not place:
            return
        who = "" if entry.credential == "erased" else entry.credential
        told[place].entries += entry.direction == "in"
        told[place].exits += entry.direction == "out"
        for name in self._heads.pass_(place, entry.direction, who):
            if (count := self._heads.count(name)) > told[name].most:
                told[name].most, told[name].at = count, entry.time


def _place(entry: AccessEntry, zones: Mapping[str, AccessZone], door: str) -> str:
    """The zone that an entry is about."""
    if entry.zone in zones:
        return entry.zone
    return next((name for name, one in zones.items() if door in one.doors), "")
