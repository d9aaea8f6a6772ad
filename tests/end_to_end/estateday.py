"""A day of a crowd as the devices of an estate say it over MQTT, and what is true of it."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.model import Event, Reading
from monitor.periods import HOUR, begin_of
from tests.access.crowd import BEGIN, DOORS, Crowd, Truth, crowd
from tests.end_to_end.people import Resident, residents

__all__ = ["OPEN", "READER", "ZONE", "Day", "Said", "a_day"]

ZONE: Final = ZoneInfo("Europe/Berlin")
OPEN: Final = "house-5"
"""The door that has no contact."""
READER: Final = f"{OPEN}-in"
"""What it is called by."""
_FAMILIES: Final = ("", "de Quincampoix", "Hohenfels", "Montebello", "Szczepański")
_OPENS_AFTER: Final = 900


@dataclass(frozen=True)
class Said:
    """One message: when it is sent (UTC ms, by the crowd's clock), and what of."""

    arrived: int
    topic: str
    payload: str


@dataclass
class Day:
    """What happened, by the crowd's clock; `shift` makes it the time that devices say.

    People are `p000` and so on; those without a card of their own begin with `-`. `used`: every passage with its
    time, person, reader and card, in order. `cards`: of each person reader, id, time and result.
    """

    shift: int
    truth: Truth
    said: Sequence[Said]
    used: Sequence[tuple[int, str, str, str]]
    cards: Mapping[str, Sequence[tuple[str, str, int, str]]]
    people: Mapping[str, Resident] = field(repr=False)

    @property
    def date(self) -> str:
        """The local day, as commands take it."""
        return datetime.fromtimestamp((BEGIN + self.shift) / 1000, ZONE).date().isoformat()

    def until(self, hour: int) -> int:
        """When an hour ends, by the crowd's clock."""
        return BEGIN + hour * HOUR

    def inside(self, hour: int) -> dict[str, str]:
        """Whose card is known, and where he is, by name."""
        return {self.people[who].name: zone for who, zone in self.at(hour).items()}

    def at(self, hour: int) -> dict[str, str]:
        """Who is in which innermost zone, but for people without a card of their own."""
        return {who: zone for who, zone in self.truth.where(self.until(hour)).items() if not who.startswith("-")}

    def figures(self, door: str) -> dict[str, Any]:
        """What is counted at a door."""
        here = [ident for ident in self.used if _door_of(ident[2]) == door]
        truth = self.truth
        figures = {
            "granted": len(here) + sum(_door_of(reader) == door for reader, _ in truth.unused),
            "denied": sum(_door_of(reader) == door for reader, _ in truth.denied),
            "unused": sum(_door_of(reader) == door for reader, _ in truth.unused),
            "forced": sum(each == door for each, _ in truth.forced),
            "held": sum(each == door for each, _ in truth.held),
            "opened": {},
        }
        if door != READER:
            opened = {"card": len(here), "none": figures["forced"]}
            figures["opened"] = {cause: count for cause, count in opened.items() if count}
        return figures

    def busiest(self) -> dict[str, tuple[int, int, int, int | None]]:
        """Of each zone: entries, exits, the most at once and when that was reached first (as devices say it)."""
        entries: Counter[str] = Counter()
        exits: Counter[str] = Counter()
        most: dict[str, tuple[int, int | None]] = dict.fromkeys(DOORS, (0, None))
        for time, _, reader, _ in self.used:
            zone, way = reader.split("-")[0], reader.rpartition("-")[2]
            (entries if way == "in" else exits)[zone] += 1
            for each, (count, _) in self.truth.counts(time).items():
                if count > most[each][0]:
                    most[each] = (count, time + self.shift)
        return {zone: (entries[zone], exits[zone], *most[zone]) for zone in DOORS}


def _door_of(reader: str) -> str:
    door = reader.rpartition("-")[0]
    return READER if door == OPEN else door


def a_day(seed: int, people: int) -> Day:
    """A day of so many people that is long over, so that all of it comes late."""
    made = crowd(seed, people)
    begin = begin_of(_weekday(), ZONE)
    known = {f"p{number:03}": person for number, person in enumerate(_residents(people))}
    used, truth = _without_contact(made)
    owners = {(reader, card): who for _, who, reader, card in used if not who.startswith("-")}
    owners |= {
        (each.device, each.id): who for each in made.said if isinstance(each, Event) and (who := _who(each))
    }
    known |= dict(zip(sorted({*owners.values()} - known.keys()), _residents(people, of=1), strict=False))
    dice = random.Random(seed)
    shift = begin - BEGIN
    cards: dict[str, list[tuple[str, str, int, str]]] = {}
    for each in made.said:
        if isinstance(each, Event) and (who := owners.get((each.device, each.id))):
            told = (each.device, each.id, each.time + shift, str(each.attributes["result"]))
            cards.setdefault(who, []).append(told)
    said = [told for each in made.said for told in _tell(each, shift, known, owners, dice)]
    return Day(shift, truth, said, used, cards, known)


def _weekday() -> Any:
    """The last working day before yesterday: late wherever it is midnight now, and clocks are set on Sundays."""
    day = (datetime.now(ZONE) - timedelta(days=2)).date()
    while day.isoweekday() > 5:
        day -= timedelta(days=1)
    return day


def _residents(count: int, of: int = 0) -> Iterator[Resident]:
    """No two of a name, each with a card of seven bytes (of 4 bytes with `of` 1)."""
    everybody = residents(2 * count)
    for number, each in enumerate(everybody[of::2]):
        family = _FAMILIES[number // 70 % len(_FAMILIES)] if not of else "Zwischenzeit"
        yield Resident(f"{everybody[number].name} {family}".strip(), each.card)


def _who(event: Event) -> str:
    """Who of the crowd a pseudonym of it stands for; empty: nobody."""
    return bytes.fromhex(str(event.attributes.get("credential", ""))).rstrip(b"\0").decode()


def _without_contact(made: Crowd) -> tuple[list[tuple[int, str, str, str]], Truth]:
    """What is true when one door has no contact: whoever is granted there has gone through at once.

    That is known seconds before an opening at another door is judged: hours of a backlog. Those who are only
    counted must come in order, so that whoever uses that door has a card of his own here.
    """
    truth = made.truth
    events = sorted((each for each in made.said if isinstance(each, Event)), key=lambda each: int(each.id[1:]))
    granted = [each for each in events if each.attributes["result"] == "granted"]
    gone = iter(truth.moves)
    used = []
    for card in granted:
        is_open = _door_of(card.device) == READER
        if (card.device, card.id) not in truth.unused:
            moved, who, place = next(gone)
        elif is_open:
            moved, who, place = card.time + _OPENS_AFTER, _who(card), "house"
        else:
            continue
        time = moved - _OPENS_AFTER if is_open else moved
        used.append((time, who, card.device, card.id, place))
    known = {who for _, who, reader, _, _ in used if _door_of(reader) == READER}
    used = [(time, who.replace("-", "n") if who in known else who, *more) for time, who, *more in used]
    moves = [(time, who, place) for time, who, _, _, place in used]
    changed = replace(
        truth,
        moves=sorted(moves),
        unused=[(reader, ident) for reader, ident in truth.unused if _door_of(reader) != READER],
        forced=[each for each in truth.forced if each[0] != OPEN],
        held=[each for each in truth.held if each[0] != OPEN],
    )
    return sorted(each[:4] for each in used), changed


def _tell(
    each: Event | Reading,
    shift: int,
    people: Mapping[str, Resident],
    owners: Mapping[tuple[str, str], str],
    dice: random.Random,
) -> Iterator[Said]:
    time = each.time + shift
    if isinstance(each, Reading):
        if each.device != OPEN:
            told = {"open": each.values["open"], "at": time}
            yield Said(each.arrived, f"estate/{each.device}", json.dumps(told))
        return
    who = owners.get((each.device, each.id))
    is_granted = each.attributes["result"] == "granted"
    told = {"at": time, "n": each.id, "ok": "yes" if is_granted else "no", "why": "" if is_granted else "expired"}
    if who:
        spelt = people[who].card.hex(*dice.choice([(), (":",), ("-",)]))
        told |= {"uid": dice.choice([spelt, spelt.upper()]), "user": people[who].name}
        told |= {"wiegand": people[who].number}
    yield Said(each.arrived, f"estate/{each.device}", json.dumps(told, ensure_ascii=False))
