"""What can be asked about doors and people. Times are UTC ms; periods [start, end). Nobody has a name here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from monitor.model import Value

__all__ = ["AccessBook", "AccessEntry", "DoorDay", "DoorNow", "Name", "Present", "ZoneNow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorNow:
    """How a door is.

    `state`: unknown, closed, open, unlocked (open to everybody by its hours or its lock), held or forced; `since`
    when. `is_open`, `is_locked`: what contact and lock say; None: not known. `cause` of the last opening: card,
    rex, unlocked, schedule or none.
    """

    door: str
    state: str
    since: int | None = None
    is_open: bool | None = None
    is_locked: bool | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorDay:
    """What happened at a door on a local day.

    `opened`: by cause (card, rex, unlocked, schedule, none). `forced`: of those without a cause. `forced_short`:
    forced, and shut again within two seconds: a contact that shakes. `forced_late`: forced, and a card or an exit
    request came within half a minute after it: a button or reader that is late or not wired. `bounces`: changes of
    the contact that were merged. `granted`, `denied`: cards. `unused`: granted, and the door was not opened.
    `held`: times that it was held open. `open_s`: how long it stood open; `longest_s`: the longest of those.
    `stuck_s`: how long it was said to be open while cards were granted at it that did not open it: a contact that
    sticks.
    """

    door: str
    day: date
    opened: Mapping[str, int] = field(default_factory=dict)
    forced: int = 0
    forced_short: int = 0
    forced_late: int = 0
    bounces: int = 0
    granted: int = 0
    denied: int = 0
    unused: int = 0
    held: int = 0
    open_s: float = 0.0
    longest_s: float = 0.0
    stuck_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneNow:
    """How many people are in a zone, those in the zones within it included.

    `known`: of those a card says who they are; the others opened without one. `since`: from when on has been
    counted.
    """

    zone: str
    count: int
    known: int
    since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Somebody who is in a zone: the innermost one, when and by which reader he came."""

    credential: str
    zone: str
    since: int
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """Something that happened at a door or a reader.

    `credential`: the pseudonym; empty: nobody's, or no longer known; `erased`: of a person who was erased.
    `is_late`: it came more than two minutes after its time.
    """

    device: str
    id: str
    kind: str
    time: int
    door: str = ""
    zone: str = ""
    direction: str = ""
    result: str = ""
    reason: str = ""
    credential: str = ""
    is_late: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Name:
    """Who a pseudonym is, by the directory of names; never logged, and only shown to those who may see it."""

    name: str = field(repr=False)
    note: str = field(default="", repr=False)


class AccessBook(Protocol):
    """What can be asked about doors and people. Nothing here blocks the loop."""

    def doors(self) -> Sequence[DoorNow]:
        """Every door as it is now."""

    def zones(self) -> Sequence[ZoneNow]:
        """Every zone as it is now."""

    async def door_days(self, first: date, last: date) -> Sequence[DoorDay]:
        """What happened at each door on each local day, both days included; by door and day."""

    async def present(self) -> Sequence[Present]:
        """Everybody who is in a zone now and whose card is known; by zone and time."""

    async def entries(  # noqa: PLR0913 - what can be asked for
        self,
        start: int,
        end: int,
        *,
        devices: Sequence[str] = (),
        kinds: Sequence[str] = (),
        credential: str = "",
        limit: int = 10_000,
    ) -> Sequence[AccessEntry]:
        """What happened, the newest `limit` of it, oldest first."""
