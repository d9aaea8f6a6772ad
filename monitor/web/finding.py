"""Finding things by their names: devices, alarms, rules, doors, zones, and the people who are told.

Nobody who came and went is found: only the site file's own people are. Case and accents do not count; languages
without spaces between words are found as well.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from monitor.alarms.choosing import Choice, Said
from monitor.doorways import doors_of
from monitor.folding import plain
from monitor.model import SEVERITY_RANK
from monitor.pointnames import PointNames
from monitor.site import Site
from monitor.web.parts import Parts

__all__ = ["EACH", "KINDS", "LONGEST", "Finder", "Found", "Kind", "called", "words_in"]

Kind = Literal["device", "alarm", "rule", "door", "zone", "person"]
KINDS: Final[Sequence[Kind]] = ("device", "alarm", "rule", "door", "zone", "person")
EACH: Final = 20
"""What is found of each kind at most."""
LONGEST: Final = 100
"""Characters of a question."""
_MOST_WORDS: Final = 8
_MOST_OLD: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that was found: `where` says more of it, `page` is its address in the console.

    `time`: of an alarm, UTC ms of its raise.
    """

    kind: Kind
    id: str
    name: str
    where: str
    page: str
    time: int | None = None


@dataclass(frozen=True, slots=True)
class _Thing:
    """What can be found, with its texts as they are compared: first those that it is called by, then all."""

    found: Found
    names: tuple[str, ...]
    text: str


class Finder:
    """Finds what the site has. `said` puts a word of stock rules into the language of who asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._fixed: Sequence[_Thing] | None = None

    async def find(self, question: str, *, said: Callable[[str], str] = str) -> Sequence[Found]:
        """What has all words of a question, by kind, the best first: its name, then how it begins, then any."""
        words = words_in(question)
        if not words:
            return []
        alarms = await self._alarms(question, said)
        return await asyncio.to_thread(self._look, words, alarms, said)  # ten thousand devices take a moment

    async def _alarms(self, question: str, said: Callable[[str], str]) -> Sequence[Mapping[str, Any]]:
        """What is open and was over last, and the newest among all that have the words of a question."""
        texts = await asyncio.to_thread(called, self._parts.site, question, said)
        choice = Choice(texts=[each for each in texts if each.text not in SEVERITY_RANK])
        known = {each["occurrence"]: each for each in await self._parts.alarms.list_alarms()}
        older = await self._parts.alarms.find_alarms(choice, after=None, limit=_MOST_OLD)
        return list({**known, **{each["occurrence"]: each for each in older}}.values())

    def _look(
        self, words: Sequence[str], alarms: Sequence[Mapping[str, Any]], said: Callable[[str], str]
    ) -> Sequence[Found]:
        if self._fixed is None:
            self._fixed = list(_things(self._parts.site))
        site = self._parts.site
        by_kind: dict[str, list[tuple[int, int, Found]]] = {kind: [] for kind in KINDS}
        for thing in (*self._fixed, *_rules(site, said), *_alarms(alarms, site, said)):
            rank = _rank(thing, words)
            if rank is not None:
                among = by_kind[thing.found.kind]
                among.append((rank, len(among), thing.found))
        return [found for kind in KINDS for _, _, found in sorted(by_kind[kind], key=lambda one: one[:2])[:EACH]]


def words_in(question: str) -> Sequence[str]:
    """The words of a question, as they are compared."""
    return plain(question[:LONGEST]).split()[:_MOST_WORDS]


def called(site: Site, question: str, said: Callable[[str], str]) -> Sequence[Said]:
    """The words of a question, each with the rules and devices whose names, for who asks, have it."""
    words = words_in(question)
    if not words:
        return ()
    rules = {each.id: plain(f"{each.name} {said(each.name)}") for each in site.rules.values() if each.name}
    devices = {each.id: plain(f"{each.name} {each.zone} {each.building}") for each in site.devices.values()}
    return tuple(
        Said(
            text=word,
            rules=[ident for ident, name in rules.items() if word in name],
            devices=[ident for ident, name in devices.items() if word in name],
        )
        for word in words
    )


def _rank(thing: _Thing, words: Sequence[str]) -> int | None:
    """How well it fits, 0 best; None: it does not."""
    if not all(word in thing.text for word in words):
        return None
    whole = " ".join(words)
    if whole in thing.names:
        return 0
    if any(name.startswith(whole) for name in thing.names):
        return 1
    if all(any(f" {word}" in f" {name}" for name in thing.names) for word in words):
        return 2
    return 3 if all(any(word in name for name in thing.names) for word in words) else 4


def _thing(  # noqa: PLR0913 - what it is, and what more it is found by
    kind: Kind,
    ident: str,
    name: str,
    where: str,
    page: str,
    *,
    also: Iterable[str] = (),
    names: Iterable[str] = (),
    time: int | None = None,
) -> _Thing:
    known = tuple(dict.fromkeys(plain(each) for each in (ident, ident.replace("-", " "), name, *names) if each))
    text = " ".join((*known, plain(where), *(plain(each) for each in also)))
    found = Found(kind=kind, id=ident, name=name or ident, where=where, page=page, time=time)
    return _Thing(found, known, text)


def _things(site: Site) -> Iterator[_Thing]:
    """What stands in the site file and has one name."""
    for device in site.devices.values():
        also = (device.device_class, device.profile or "", device.connection, device.tenant)
        page = f"/devices/{quote(device.id)}"
        yield _thing("device", device.id, device.name, _place(device.building, device.zone), page, also=also)
    for door, members in doors_of(site.devices).items():
        contact = site.devices.get(door)
        place = "" if contact is None else _place(contact.building, contact.zone)
        others = [word for one in members for word in (one.id, one.name)]
        yield _thing("door", door, "" if contact is None else contact.name, place, "/doors", also=others)
    for zone in site.access.zones.values():
        yield _thing("zone", zone.id, zone.name, "", "/doors", also=zone.doors)
    for person in site.notify.people.values():
        yield _thing("person", person.id, person.name, "", "/on-call")


def _place(building: str, zone: str) -> str:
    return ", ".join(filter(None, (building, zone)))


def _rules(site: Site, said: Callable[[str], str]) -> Iterator[_Thing]:
    for rule in site.rules.values():
        name = said(rule.name) if rule.name else ""
        yield _thing(
            "rule",
            rule.id,
            name,
            "",
            f"/alarms?state=all&rule={quote(rule.id)}",
            also=(rule.kind,),
            names=(rule.name,),
        )


def _alarms(alarms: Sequence[Mapping[str, Any]], site: Site, said: Callable[[str], str]) -> Iterator[_Thing]:
    names_of_points = PointNames(said)
    for alarm in alarms:
        title, point = str(alarm["title"]), alarm.get("point")
        device = site.devices.get(str(alarm["device"]))
        place = () if device is None else (device.building, device.zone)
        name, colon, about = title.partition(": ")
        told = f"{said(name)}{colon}{about}"
        yield _thing(
            "alarm",
            alarm["occurrence"],
            told,
            names_of_points(point) if point else "",
            f"/alarms/{quote(alarm['occurrence'])}",
            also=(str(alarm["rule"]), str(alarm["severity"]), str(alarm["source_key"]), *place),
            names=(title, about),
            time=alarm.get("raised_at"),
        )
