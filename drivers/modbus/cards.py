"""From what a reader shows, poll by poll, to one event for each card that is held to it.

The number of a card becomes its pseudonym before anything else is done with it: nothing here keeps the number.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count
from math import inf
from typing import Final

import structlog

from drivers.modbus.events import ModbusEvent
from drivers.modbus.layout import Span
from drivers.modbus.traffic import Seen
from drivers.modbus.wire import Link, Write
from monitor.errors import DeviceError, JournalError
from monitor.model import Event
from monitor.ports import DriverContext, Pseudonymise
from monitor.site import Device

__all__ = ["Card", "Cards", "Hidden", "Presence", "Sight", "shown"]

Hidden = Mapping[Span, tuple[bytes, int]]
"""What was read for events: the content, and which answer it came with."""

_FORGOTTEN: Final = 30.0
_POLLS_FORGOTTEN: Final = 3
"""Seconds, and polls, without an answer after which a card has come anew: nobody holds one for so long."""

_POLLS_A_CARD: Final = 2
"""Polls that a card takes at most before it can be cleared: one that shows it, and one to be sure."""

_NUMBERS: Final = 0x10000
_MOST_MISSED: Final = 1000
"""Cards that can have been missed between two polls; a number that jumps further has begun anew."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card that a reader shows. `sequence`: the reader's own number of it, where it has one."""

    pseudonym: str
    sequence: int | None = None


class Sight(Enum):
    """What a poll showed."""

    NOTHING_READ = "nothing read"
    NO_CARD = "no card"


def shown(event: ModbusEvent, hidden: Hidden, pseudonymise: Pseudonymise) -> Card | Sight:
    """Answer what is shown, by what one poll has read."""
    if any(span not in hidden for span in event.spans):
        return Sight.NOTHING_READ

    def number(at: Span) -> int:
        return int.from_bytes(hidden[at][0], "big")

    if event.when is not None:
        flag = number(event.when.span)
        if flag not in event.when.wanted if event.when.wanted else not flag:
            return Sight.NO_CARD
    order = event.credential.order(0 if event.length is None else number(event.length.span))
    if order is None:
        return Sight.NO_CARD
    content = hidden[event.credential.span][0]
    clear = bytes(content[at] for at in order)
    if not any(clear) or all(byte == 0xFF for byte in clear):  # noqa: PLR2004 - nothing but ones
        return Sight.NO_CARD
    spelt = clear.hex() if event.credential.form == "hex" else str(int.from_bytes(clear, "big"))
    sequence = None if event.sequence is None else number(event.sequence.span)
    return Card(pseudonymise(spelt), sequence)


class Presence:
    """Tells a new card from one that is still there. Pure: the time (s, monotonic) is an argument."""

    __slots__ = ("_forgotten", "_gone_at", "_repeat_after", "_seen_at", "_unsure", "card", "is_fresh")

    def __init__(self, event: ModbusEvent, every: float = 0.0) -> None:
        self.card: Card | None = None
        """The card that is there, or was there last."""
        self.is_fresh = True
        """Whether nothing is known yet: a card that is there may have been told before a restart."""
        self._repeat_after = event.repeat_after
        is_certain = event.sequence is not None or event.acknowledge is not None
        self._forgotten = inf if is_certain else max(_FORGOTTEN, _POLLS_FORGOTTEN * every)
        self._gone_at: float | None = None
        self._seen_at = 0.0
        self._unsure: Card | None = None

    def is_new(self, card: Card, now: float, *, at_once: bool) -> bool:
        """Whether a card has come; what was not read `at_once`, in one request, has to be seen twice."""
        if self.card == card and not self._was_away(now):
            self.take(self.card, now)
            return False
        if not at_once and self._unsure != card:
            self._unsure = card
            return False
        return True

    @property
    def is_there(self) -> bool:
        """Whether the card has not gone since; one that may have come anew is not believed yet."""
        return self._gone_at is None

    def _was_away(self, now: float) -> bool:
        if self._gone_at is not None:
            return now - self._gone_at >= self._repeat_after
        return now - self._seen_at > self._forgotten

    def take(self, card: Card, now: float) -> None:
        """Hold a card to be there."""
        self.card, self._seen_at, self._gone_at, self._unsure, self.is_fresh = card, now, None, None, False

    def gone(self, now: float) -> None:
        """Note that no card is there."""
        self._unsure, self.is_fresh = None, False
        if self._gone_at is None:
            self._gone_at = now


class _Watch:
    """One event of a device: what is there, what is kept, and what is owed to the reader."""

    __slots__ = ("clear", "event", "is_due", "is_steady", "kept", "missed", "presence", "showing", "times", "told")

    def __init__(self, event: ModbusEvent, clear: Write | None, every: float) -> None:
        self.event = event
        self.clear = clear
        self.presence = Presence(event, every)
        self.showing: Card | None = None
        """What the last poll showed; None when it showed nothing, or failed."""
        self.is_steady = False
        """Whether that is certain: read in one request, or the same as the poll before."""
        self.kept: Card | None = None
        """The card whose event the journal has."""
        self.is_due = False
        """Whether the next poll clears what is shown: it is kept, and was there a poll ago."""
        self.told = ""
        self.times = 0
        """Polls in a row that showed the same."""
        self.missed = 0
        """Cards that the reader has numbered and nobody has seen, since the start."""

    @property
    def has_more(self) -> bool:
        """Whether to ask again at once: to be sure of the card, and to clear it; behind it others may wait."""
        return self.clear is not None and 0 < self.times <= _POLLS_A_CARD

    def show(self, sight: "Card | Sight") -> bool:
        """Take what a poll showed; answers whether it is the same as the poll before showed."""
        before, self.showing = self.showing, sight if isinstance(sight, Card) else None
        is_same = before == sight
        self.times = 0 if self.showing is None else self.times + 1 if is_same else 1
        return is_same

    def settle(self) -> None:
        """Decide whether what is shown may be cleared."""
        is_kept = self.showing is not None and self.showing == self.kept
        self.is_due = self.clear is not None and is_kept and self.is_steady and self.presence.is_there


class Cards:
    """The cards of one device, over all polls. After a failed poll, what was there is still there."""

    def __init__(
        self, device: Device, context: DriverContext, *, seen: Seen, monotonic: Callable[[], float]
    ) -> None:
        self._device = device.id
        self._context = context
        self._monotonic = monotonic
        self._run = secrets.token_hex(4)
        self._numbers = count(1)
        unit: int = device.address.unit
        self._watches = tuple(
            _Watch(
                event,
                Write(unit, event.acknowledge.where, event.acknowledge.value, seen)
                if event.acknowledge is not None and device.address.acknowledge
                else None,
                device.scan.get("fast") or 0.0,
            )
            for event in device.events
        )

    async def acknowledge(self, link: Link) -> None:
        """Clear what the last poll showed, where its event is kept: sent once, for the next card may be there."""
        for watch in self._watches:
            if watch.clear is None or not watch.is_due:
                continue
            watch.is_due = False
            try:
                await link.ask(watch.clear, tries=1)
            except DeviceError as error:
                if not watch.told:
                    structlog.get_logger().warning(
                        "card_not_acknowledged",
                        device=self._device,
                        error=str(error),
                        hint="until it is, the reader shows no other card",
                    )
                watch.told = str(error)
            else:
                watch.told = ""
                watch.presence.gone(self._monotonic())

    @property
    def has_more(self) -> bool:
        """Whether the reader may have more to show once it is asked again."""
        return any(watch.has_more for watch in self._watches)

    async def told(self, hidden: Hidden, arrived: int) -> tuple[Sequence[Event], Callable[[], None] | None]:
        """Answer the events of one poll, and what is to be called once they are kept."""
        events: list[Event] = []
        new: list[tuple[_Watch, Card]] = []
        for watch in self._watches:
            before = watch.presence.card
            card = await self._new_card(watch, hidden)
            if card is not None:
                missed = _missed(watch.event, before, card)
                if missed:
                    self._tell_missed(watch, missed)
                new.append((watch, card))
                events.append(self._event(watch.event, card, arrived, missed))
            watch.settle()
        return events, (lambda: _note_kept(new)) if new else None

    async def _new_card(self, watch: _Watch, hidden: Hidden) -> Card | None:
        sight = shown(watch.event, hidden, self._context.pseudonymise)
        now = self._monotonic()
        is_same = watch.show(sight)
        if not isinstance(sight, Card):
            if sight is Sight.NO_CARD:
                watch.presence.gone(now)
            return None
        at_once = len({hidden[span][1] for span in watch.event.spans}) == 1
        watch.is_steady = at_once or is_same
        if not watch.presence.is_new(sight, now, at_once=at_once):
            return None
        if watch.presence.is_fresh:
            try:
                is_old = watch.event.sequence is not None or await self._was_kept(watch.event, sight)
            except JournalError:  # which says so itself; the next poll asks again
                return None
        else:
            is_old = False
        watch.kept = sight if is_old else None
        watch.presence.take(sight, now)
        return None if is_old else sight

    async def _was_kept(self, event: ModbusEvent, card: Card) -> bool:
        """Whether the last event of the device in the journal is of this card: then it is held since before."""
        last = await self._context.last_event(self._device, event.kind)
        return last is not None and last.attributes.get("credential") == card.pseudonym

    def _tell_missed(self, watch: _Watch, missed: int) -> None:
        """Say aloud, the first time, that the reader is asked too seldom."""
        if not watch.missed:
            structlog.get_logger().warning(
                "cards_missed",
                device=self._device,
                missed=missed,
                hint="the reader shows its newest card only: give it a shorter `every:`",
            )
        watch.missed += missed

    def _event(self, event: ModbusEvent, card: Card, arrived: int, missed: int) -> Event:
        return Event(
            device=self._device,
            kind=event.kind,
            time=arrived,
            arrived=arrived,
            id=f"{arrived}-{self._run}-{next(self._numbers)}",
            attributes={"credential": card.pseudonym} | ({"missed": missed} if missed else {}),
        )


def _missed(event: ModbusEvent, before: Card | None, card: Card) -> int:
    """How many cards the reader has counted between two; a number that jumps far or back began anew."""
    counts = event.sequence is not None and event.sequence.counts
    if not counts or before is None or before.sequence is None or card.sequence is None:
        return 0
    between = (card.sequence - before.sequence) % _NUMBERS - 1
    return between if 0 < between <= _MOST_MISSED else 0


def _note_kept(new: Iterable[tuple[_Watch, Card]]) -> None:
    for watch, card in new:
        if watch.presence.card is card:
            watch.kept = card
            watch.settle()
