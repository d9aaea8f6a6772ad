"""Residents with cards and names, and every way in which a trace of one could be written."""

import base64
import json
import random
import re
import struct
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Resident", "Search", "found", "residents"]

_FIRST = (
    "Aurelia",
    "Zoë",
    "Bartholomäus",
    "Ngozi",
    "Wilhelmina",
    "Siddhartha",
    "Ottilie",
    "Jürgen",
    "秀英",
    "Þóra",
)
_LAST = ("Quistgaard", "Überwasser", "Okonkwo-Brandt", "Fitzwhittle", "Jabłoński", "Vandermolen", "欧阳修远")
_SHORTEST = 6
"""Bytes from which on a trace is looked for: anything shorter stands in any file by chance."""

_AT_ONCE = 1 << 18
"""Bytes of a place that are looked at together."""

_NOTHING = re.compile(rb"\0{64,}")
"""What databases reserve and have not written yet: most of their files."""


@dataclass(frozen=True)
class Resident:
    """One person and the bytes of one card."""

    name: str
    card: bytes

    @property
    def unpadded(self) -> str:
        """As esp-rfid prints what an MFRC522 reads: no zero before a single digit."""
        return "".join(f"{byte:x}" for byte in self.card)

    @property
    def number(self) -> int:
        """As a Wiegand reader sends it."""
        return int.from_bytes(self.card)

    def traces(self) -> Iterator[str]:
        """Every spelling of the card and of the name, but for upper and lower case."""
        pairs = [f"{byte:02x}" for byte in self.card]
        for each in (pairs, pairs[::-1]):
            yield from (mark.join(each) for mark in ("", ":", "-", " ", "."))
        singles = [f"{byte:x}" for byte in self.card]
        yield from (mark.join(singles) for mark in ("", ":", "-", " "))
        yield f"{self.number:020x}"
        yield f"{self.number:x}"
        for number in (self.number, int.from_bytes(self.card, "little")):
            yield str(number)
            yield f"{number:010d}"
        yield f"{self.number >> 16 & 0xFFFF:05d},{self.number & 0xFFFF:05d}"
        for part in (self.name, *self.name.split()):
            yield part
            yield unicodedata.normalize("NFD", part)
            yield json.dumps(part)[1:-1]


def residents(count: int) -> Sequence[Resident]:
    """The same people in every run: half of their cards have 4 bytes, half 7, some with bytes below 0x10."""
    dice = random.Random(1795)
    people = []
    for index in range(count):
        name = f"{_FIRST[index % len(_FIRST)]} {_LAST[index % len(_LAST)]}"
        card = bytes([dice.randrange(0x90, 0x100), dice.randrange(0x10)])
        people.append(Resident(name, card + dice.randbytes(2 if index % 2 else 5)))
    return people


def found(people: Sequence[Resident], *places: bytes) -> set[str]:
    """Answer the traces of people in some bytes, whatever their case, and as base64 too."""
    return Search(people).found(*places)


class Search:
    """Looks for all traces of some people at once: what it takes depends on the bytes, and not on the people."""

    def __init__(self, people: Sequence[Resident]) -> None:
        texts = {trace for person in people for trace in person.traces()}
        coded = {code for text in texts for code in _base64(text.encode())}
        coded |= {code for person in people for code in _base64(person.card)}
        raw = {person.card for person in people if len(person.card) >= _SHORTEST}
        self._plain = _by_head({text.lower().encode() for text in texts})
        self._exact = _by_head(coded | raw)

    def found(self, *places: bytes) -> set[str]:
        """Answer the traces in some bytes."""
        dense = [_NOTHING.sub(b"", place) for place in places]
        hits = [hit for place in dense for hit in _hits(_lower(place), self._plain)]
        hits += [hit for place in dense for hit in _hits(place, self._exact)]
        return {trace.decode(errors="backslashreplace") for trace in hits}


def _by_head(traces: set[bytes]) -> dict[bytes, list[bytes]]:
    """Traces by their first bytes; those that are too short are left out."""
    found: dict[bytes, list[bytes]] = {}
    for trace in traces:
        if len(trace) >= _SHORTEST:
            found.setdefault(trace[:_SHORTEST], []).append(trace)
    return found


def _hits(place: bytes, by_head: dict[bytes, list[bytes]]) -> Iterator[bytes]:
    for start in range(0, len(place), _AT_ONCE):
        piece = place[start : start + _AT_ONCE + _SHORTEST - 1]
        heads: set[tuple[bytes]] = set()
        for shift in range(min(_SHORTEST, len(piece))):
            whole = len(piece) - (len(piece) - shift) % _SHORTEST
            heads.update(struct.iter_unpack(f"{_SHORTEST}s", memoryview(piece)[shift:whole]))
        for (head,) in heads & {(head,) for head in by_head}:
            yield from (trace for trace in by_head[head] if trace in place)


def _lower(place: bytes) -> bytes:
    """Lower case, also beyond ASCII, of what may be anything."""
    return place.decode(errors="surrogateescape").lower().encode(errors="surrogateescape")


def _base64(data: bytes) -> Iterator[bytes]:
    """What base64 makes of data within a longer text: three ways, without the characters that neighbours share."""
    yield base64.b64encode(data)
    for shift in range(3):
        code = base64.b64encode(b"\0" * shift + data)
        whole = code[4 if shift else 0 : len(code) - 4 if len(code) % 4 or code.endswith(b"=") else None]
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")
