"""The shape of everything that is kept of a person. Times are UTC ms; a person is a pseudonym."""

from typing import Any, Literal

from pydantic import BaseModel

from monitor.model import Command, Derived, Event, Reading, Transition, Value
from monitor.web.accessshapes import HappenedOut

__all__ = ["ExportOut"]


class KnownAsOut(BaseModel):
    """Who the person is, by the directory of names."""

    name: str
    note: str


class KeptEntryOut(HappenedOut):
    """Something that happened at a door or a reader; `position` in the journal. What is empty is not known."""

    position: int
    arrived: int
    attributes: dict[str, Value]


class PresenceOut(BaseModel):
    """The zone in which the person is: since when, and by which reader."""

    credential: str
    zone: str
    since: int
    reader: str


class KeptRecordOut(BaseModel):
    """An entry of the journal that names the person: `recorded` when it was kept, its kind, and all it says."""

    position: int
    recorded: int
    kind: Literal["reading", "event", "derived", "transition", "command"]
    entry: Reading | Event | Derived | Transition | Command


class ExportOut(BaseModel):
    """Everything that is kept of a person.

    `entries`, `presence`: what the database of access has. `journal`: entries by position. `elsewhere`: rows by
    `file.table`, whole. `files`: how often the pseudonym stands in the bytes of which file, copies included.
    `sent`: points by database that was written to, or why it could not be asked.
    """

    pseudonym: str
    name: KnownAsOut | None
    entries: list[KeptEntryOut]
    presence: list[PresenceOut]
    journal: list[KeptRecordOut]
    elsewhere: dict[str, list[dict[str, Any]]]
    files: dict[str, int]
    sent: dict[str, int | str]
