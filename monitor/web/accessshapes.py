"""The shapes of questions and answers about doors and people; described for people in docs/api.md."""

from typing import Any, Final, Literal, Self

from pydantic import BaseModel, Field, model_validator

from monitor.web.shapes import Body

__all__ = [
    "DoorOut",
    "EntryOut",
    "EraseIn",
    "ErasedOut",
    "ErasureOut",
    "FoundOut",
    "HappenedOut",
    "NameIn",
    "NameOut",
    "NamesIn",
    "PersonIn",
    "PersonOut",
    "PresentOut",
    "RollCallOut",
    "ZoneOut",
]

_Form = Literal["text", "hex", "hex_unpadded", "decimal"]


class DoorOut(BaseModel):
    """A door as it is, and what it is meant to be; `today` counts what happened since midnight."""

    door: str
    name: str
    building: str
    zone: str
    state: str
    since: int | None
    is_open: bool | None
    is_locked: bool | None
    cause: str
    held_after: float
    devices: list[str]
    today: dict[str, Any] | None


class ZoneOut(BaseModel):
    """How many people are in a zone, and how many may be."""

    zone: str
    name: str
    within: str
    doors: list[str]
    count: int
    known: int
    since: int | None
    most: int | None
    is_open: bool | None
    """Whether people are expected in it now, by its hours; None: it has none."""


class PresentOut(BaseModel):
    """Somebody who is in a zone. `name` is empty where it is not known, or was not asked for."""

    credential: str
    name: str
    zone: str
    since: int
    reader: str


class RollCallOut(BaseModel):
    """Everybody who is in, at `time`; `others`: how many more came in without a card, by zone."""

    site: str
    site_name: str
    timezone: str
    language: str
    time: int
    zones: list[ZoneOut]
    present: list[PresentOut]
    others: dict[str, int]
    has_names: bool


class HappenedOut(BaseModel):
    """Something that happened at a door or a reader. What is empty is not known."""

    device: str
    id: str
    kind: str
    time: int
    door: str
    zone: str
    direction: str
    result: str
    reason: str
    credential: str


class EntryOut(HappenedOut):
    """Something that happened at a door or a reader, as `monitor.accessbook.AccessEntry`."""

    name: str
    is_late: bool
    attributes: dict[str, Any]


_ONE_OF_THREE: Final[dict[str, Any]] = {
    "oneOf": [
        {"required": ["credential"], "properties": {"credential": {"pattern": r"\S"}}},
        {"required": ["pseudonym"], "properties": {"pseudonym": {"minLength": 1}}},
        {"required": ["name"], "properties": {"name": {"pattern": r"\S"}}},
    ]
}


class PersonIn(Body, json_schema_extra=_ONE_OF_THREE):
    """Who is meant: a card by its number in the form of its reader, a pseudonym, or a name of the directory."""

    credential: str = Field("", max_length=300, repr=False)
    form: _Form = "text"
    pseudonym: str = Field("", max_length=24, pattern="^([0-9a-f]{24})?$")
    name: str = Field("", max_length=200, repr=False)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(map(bool, (self.credential.strip(), self.pseudonym, self.name.strip()))) != 1:
            raise ValueError("say one of credential, pseudonym and name")
        return self


class EraseIn(PersonIn):
    """Who has to be forgotten, and why."""

    reason: str = Field(min_length=1, max_length=500)


class ErasedOut(BaseModel):
    """The number of an erasure that goes on; the person is not in it."""

    id: str


class ErasureOut(BaseModel):
    """How far an erasure has come; see docs/privacy.md."""

    id: str
    asked: int
    by: str
    reason: str
    done: int | None
    state: str
    places: dict[str, int]
    found_after: dict[str, int]
    waits_for: str
    replaced_by: str


class PersonOut(BaseModel):
    """A person: the pseudonym, and the name where the directory has one."""

    pseudonym: str
    name: str


class FoundOut(PersonOut):
    """A person who was looked for.

    `is_known`: whether anything is kept of him; `other_forms`: where not, the forms in which the number is known.
    """

    is_known: bool
    other_forms: list[str]


class NameIn(PersonIn):
    """A name for the directory; who is meant is a card or a pseudonym."""

    put: str = Field(min_length=1, max_length=200, repr=False)
    note: str = Field("", max_length=200, repr=False)


class NamesIn(Body):
    """A list for the directory: a CSV with the columns credential and name, and if wished form and note."""

    csv: str = Field(max_length=60_000, repr=False)


class NameOut(BaseModel):
    """A name of the directory."""

    pseudonym: str
    name: str
    note: str
