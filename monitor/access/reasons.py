"""Why a door may be opened: cards, exit requests, locks, hours; and which opening a card has been used for."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.access.hours import DoorHours
from monitor.access.openings import Button, Lock, Opening, Reason, covers, packed
from monitor.calendars import Schedule
from monitor.model import LATE

__all__ = ["Reasons", "Setup", "is_late_for"]

_LATE_REASON: Final = 30_000
"""So long (ms) after a forced opening a card or an exit request shows a button or a reader that is late."""

_REASONS_KEPT: Final = 64
_LATE_FOR: Final = 600_000
"""So long (ms) after they were recorded, reasons out of a backlog wait for the openings of their time."""

_MOST_KEPT: Final = 4096
"""Of what has just been recorded, all may explain openings that are not decided yet: so many at most."""

_LONGEST_PRESS: Final = 600_000
"""So long (ms) an exit button is pressed at most: one that says so for longer is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the site file says of one door. Times in ms.

    `contacts`: devices that say whether it is open; `speaks`: kinds of events that its devices tell themselves;
    `points`: what each device reports; `teller`: of which device the hours are told.
    """

    door: str
    pulse: int
    held_after: int
    schedule: Schedule | None
    zone: ZoneInfo
    tolerance: int
    teller: str
    contacts: tuple[str, ...] = ()
    speaks: frozenset[str] = frozenset()
    points: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Reasons:
    """The reasons of one door: the latest of them, and its locks."""

    def __init__(self, pulse: int, tolerance: int) -> None:
        self._pulse = pulse
        self._tolerance = tolerance
        self._kept: list[Reason] = []
        self.locks: dict[str, Lock] = {}
        self.buttons: dict[str, Button] = {}

    def dump_said(self) -> dict[str, Any]:
        """What locks and buttons said, as JSON."""
        return {
            "locks": {name: packed(lock) for name, lock in self.locks.items()},
            "buttons": {name: packed(button) for name, button in self.buttons.items()},
        }

    def load_said(self, body: Mapping[str, Any], there: Container[str]) -> None:
        """Take up what `dump_said` gave, of the devices that are there."""
        self.locks |= {name: Lock(**kept) for name, kept in body["locks"].items() if name in there}
        buttons = body.get("buttons", {})
        self.buttons |= {name: Button(**kept) for name, kept in buttons.items() if name in there}

    def dump(self) -> list[dict[str, Any]]:
        """The reasons, as JSON."""
        return [packed(reason) for reason in self._kept]

    def load(self, kept: Iterable[dict[str, Any]]) -> None:
        """Take up what `dump` gave."""
        self._kept = [Reason(**body) for body in kept]

    def allow(self, reason: Reason) -> None:
        """Remember a reason; an exit button that is pressed on is one."""
        last = self._kept[-1] if self._kept else None
        is_the_same = (
            last is not None
            and last.kind == reason.kind == "rex"
            and last.device == reason.device
            and last.time <= reason.time <= last.until
        )
        if is_the_same and last is not None:
            last.until = reason.until
        else:
            self._kept.append(reason)
            self._make_room(reason.stamp)

    def _make_room(self, now: int) -> None:
        """Let go of the oldest that are needed no more; of too many, of late ones before the others."""
        kept = self._kept
        while len(kept) > _REASONS_KEPT and kept[0].stamp <= now - self._needed(kept[0]):
            del kept[0]
        if len(kept) > _MOST_KEPT:
            del kept[next((place for place, each in enumerate(kept) if _is_late(each)), 0)]

    def _needed(self, reason: Reason) -> int:
        """How long a reason may explain an opening: one is decided `tolerance` after it was recorded."""
        return _LATE_FOR if _is_late(reason) else 2 * self._tolerance

    def button(self, device: str, time: int, *, pressed: bool, stamp: int, afterwards: bool) -> None:
        """An exit button says whether it is pressed; one that also says when it is let go may be held."""
        if pressed:
            self.allow(Reason("rex", time, time + self._pulse, device, stamp=stamp))
        if afterwards:
            return
        button = self.buttons.setdefault(device, Button())
        if pressed:
            button.pressed = time
            return
        if button.is_level and button.pressed is not None:
            until = min(time, button.pressed + _LONGEST_PRESS)
            self.allow(
                Reason("rex", button.pressed, max(until, button.pressed + self._pulse), device, stamp=stamp)
            )
        button.pressed, button.is_level = None, True

    def _is_pressed(self, opening: Opening) -> bool:
        held = [each.pressed for each in self.buttons.values() if each.is_level and each.pressed is not None]
        return any(
            since - self._tolerance <= opening.opened and opening.earliest <= since + _LONGEST_PRESS
            for since in held
        )

    def lock(self, device: str, time: int, *, locked: bool, stamp: int, afterwards: bool) -> None:
        """A lock says how it is, or how it was."""
        lock = self.locks.setdefault(device, Lock())
        is_past = afterwards and time < lock.time
        since = lock.past_unlocked if is_past else lock.unlocked
        if not locked and since is None:
            since = time
            self.allow(Reason("unlocked", time, time + self._pulse, device, stamp=stamp))
        elif locked and since is not None:
            self.allow(Reason("unlocked", since, time, device, stamp=stamp))
            since = None
        if is_past:
            lock.past_unlocked = since
        else:
            lock.time, lock.unlocked = time, since

    @property
    def is_locked(self) -> bool | None:
        """What the locks say: locked when all are; None without a lock."""
        if not self.locks:
            return None
        return all(lock.unlocked is None for lock in self.locks.values())

    def cause(self, opening: Opening, hours: DoorHours) -> tuple[str, Reason | None]:
        """The best reason for an opening: card, rex, unlocked, schedule or none; and the card."""
        tolerance = self._tolerance
        found = [reason for reason in self._kept if covers(reason, opening, tolerance)]
        card = _best([reason for reason in found if reason.kind == "card"], opening.opened)
        if card is not None:
            return "card", card
        kinds = {reason.kind for reason in found}
        if "rex" in kinds or self._is_pressed(opening):
            return "rex", None
        since = [lock.unlocked for lock in self.locks.values() if lock.unlocked is not None]
        if "unlocked" in kinds or any(time - tolerance <= opening.opened for time in since):
            return "unlocked", None
        moments = (opening.earliest - tolerance, opening.earliest, opening.opened, opening.opened + tolerance)
        if hours.allows(*moments):
            return "schedule", None
        return "none", None

    def waiting(self) -> Iterator[Reason]:
        """Granted cards that were not used so far, oldest first."""
        return (reason for reason in self._kept if reason.kind == "card" and not reason.is_used)

    def came_late(self, opening: Opening) -> bool:
        """Whether a card or an exit request came shortly after an opening."""
        return any(reason.kind != "unlocked" and is_late_for(reason.time, opening) for reason in self._kept)

    def due(self) -> int | None:
        """When the next card is unused."""
        return min((reason.due for reason in self._kept if reason.due is not None), default=None)

    def expire(self, now: int) -> Iterator[Reason]:
        """Cards whose time to be used is over at a stamp."""
        for reason in self._kept:
            if reason.due is not None and reason.due < now:
                reason.due = None
                if not reason.is_used:
                    yield reason

    def shift(self, by: int) -> None:
        """The clock was set: what waits goes on waiting as long as before."""
        for reason in self._kept:
            if reason.due is not None:
                reason.due += by

    def stop_waiting(self) -> None:
        """Entries were lost: whether cards were used is not known."""
        for reason in self._kept:
            reason.due = None


def is_late_for(time: int, opening: Opening) -> bool:
    """Whether a reason at a moment came too late for an opening, but shortly after it."""
    return opening.opened < time <= opening.opened + _LATE_REASON


def _is_late(reason: Reason) -> bool:
    return reason.stamp - reason.time > LATE


def _best(cards: Sequence[Reason], opened: int) -> Reason | None:
    """The latest card before an opening that was not used yet, else the first after it, else one that was used."""
    fresh = [card for card in cards if not card.is_used]
    before = [card for card in fresh if card.time <= opened]
    if before:
        return max(before, key=lambda card: card.time)
    if fresh:
        return min(fresh, key=lambda card: card.time)
    return max(cards, key=lambda card: card.time, default=None)
