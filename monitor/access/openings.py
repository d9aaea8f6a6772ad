"""What a door's machine remembers: openings, reasons for them, contacts and locks; plain, to be kept as JSON.

Times are UTC ms. `time`, `opened` and the like are times of entries; what ends in `due` is a stamp of the journal:
when something is settled that has waited until then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final

__all__ = ["TOLERANCE", "Button", "Contact", "Leaf", "Lock", "Opening", "Reason", "covers", "packed", "unpacked"]

TOLERANCE = 2000
"""How far clocks may differ, how long what happened waits for its reason, and what counts as a bounce (ms)."""


@dataclass(slots=True, eq=False)
class Opening:
    """A time that a contact said to be open.

    `earliest`: since when it may have been open. `is_judged`: whether it was seen to open (else it was found
    open). `due`: when its cause is decided; None: it is. `card`: the id of the card that it took. `closed`: when
    it fell shut; until `close_due` that may be a bounce. `deadline`: from when on it is held open, counted from
    `counts_from`; None: it is not to be told. `is_quiet`: recorded before the monitor told of such things;
    `is_unsure`: the monitor was off meanwhile, and the contact has said nothing since.
    """

    contact: str
    earliest: int
    opened: int
    arrived: int
    due: int | None = None
    is_judged: bool = True
    by_event: bool = False
    is_past: bool = False
    is_quiet: bool = False
    is_unsure: bool = False
    cause: str = ""
    card: str = ""
    forced: bool = False
    forced_late: bool = False
    counts_from: int = 0
    deadline: int | None = None
    held_due: int | None = None
    held: bool = False
    closed: int | None = None
    closed_arrived: int = 0
    close_due: int | None = None
    is_close_known: bool = True
    is_close_quiet: bool = False
    booked: int = 0
    book_due: int | None = None
    stuck_from: int | None = None

    def was_open(self, time: int) -> bool:
        """Whether it was certainly open at a moment; of what came afterwards, only once it is shut again."""
        if self.closed is None:
            return not self.is_past and self.opened <= time
        return self.opened <= time <= self.closed

    def timers(self) -> list[tuple[int, int]]:
        """When what of it is due: its cause (0), that it is held (1), that it is shut (2), a day's end (3)."""
        settled = (self.close_due, 2) if self.due is None else (self.due, 0)
        every = (settled, (self.held_due, 1), (self.book_due, 3))
        return [(due, what) for due, what in every if due is not None]

    def shift(self, by: int) -> None:
        """The clock was set: what is due is due as much later."""
        self.due = self.due and self.due + by
        self.close_due = self.close_due and self.close_due + by
        self.held_due = self.held_due and self.held_due + by


@dataclass(slots=True)
class Reason:
    """Why a door could be opened from `time` until `until`: card, rex or unlocked.

    `stamp`: when it was recorded. Of a card: its `id` and `reader`, whether it was used, and `due`: when it is
    unused.
    """

    kind: str
    time: int
    until: int
    device: str = ""
    id: str = ""
    arrived: int = 0
    due: int | None = None
    is_used: bool = False
    is_counted: bool = False
    is_quiet: bool = False
    stamp: int = 0


def covers(reason: Reason, opening: Opening, tolerance: int) -> bool:
    """Whether a reason lets a door be opened then, by clocks that differ by `tolerance` (ms)."""
    return reason.time - tolerance <= opening.opened and opening.earliest <= reason.until + tolerance


@dataclass(slots=True)
class Leaf:
    """What a contact has said in one stream of entries; `openings` that are not settled yet, oldest first.

    `closed_at`: when it was seen to close last; `cause` and `forced` of the opening before.
    """

    open: bool | None = None
    time: int = 0
    openings: list[Opening] = field(default_factory=list)
    closed_at: int | None = None
    cause: str = ""
    forced: bool = False


@dataclass(slots=True)
class Contact:
    """`now` follows what comes live, `past` what is delivered afterwards and is older than `now`.

    `state`, `held`, `forced`: what was told last, and `shown_at`: of when.
    """

    now: Leaf = field(default_factory=Leaf)
    past: Leaf = field(default_factory=Leaf)
    state: str = "unknown"
    held: bool = False
    forced: bool = False
    shown_at: int | None = None


@dataclass(slots=True)
class Lock:
    """A lock: since when it has been unlocked (None: it is locked), now and in what came afterwards."""

    time: int = 0
    unlocked: int | None = None
    past_unlocked: int | None = None


@dataclass(slots=True)
class Button:
    """An exit button: when it said last that it is pressed (None: it was let go since).

    `is_level`: whether it has ever said that it was let go: others only say when they are pressed.
    """

    pressed: int | None = None
    is_level: bool = False


_USUAL: Final[Mapping[type, Sequence[tuple[str, Any]]]] = {
    kind: [(each.name, each.default) for each in fields(kind)]
    for kind in (Opening, Reason, Leaf, Contact, Lock, Button)
}
"""Fields and their defaults, worked out once: a door's past is packed with each of its openings."""


def packed(thing: Opening | Reason | Leaf | Contact | Lock | Button) -> dict[str, Any]:
    """A thing as JSON: what is as usual is left out."""
    body: dict[str, Any] = {}
    for name, usual in _USUAL[type(thing)]:
        value = getattr(thing, name)
        kind = type(value)
        if kind is Leaf or kind is list:
            value = packed(value) if kind is Leaf else [packed(item) for item in value]
            if value:
                body[name] = value
        elif usual is MISSING or value != usual:
            body[name] = value
    return body


def unpacked(body: Mapping[str, Any]) -> Contact:
    """A contact out of its JSON."""
    plain = dict(body)
    now, past = (_leaf(plain.pop(name, {})) for name in ("now", "past"))
    return Contact(now=now, past=past, **plain)


def _leaf(body: Mapping[str, Any]) -> Leaf:
    plain = dict(body)
    openings = [Opening(**opening) for opening in plain.pop("openings", ())]
    return Leaf(openings=openings, **plain)
