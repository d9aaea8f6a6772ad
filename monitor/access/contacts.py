"""What contacts say, as openings and closings: bounces are merged, what comes late is kept apart. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.access.openings import Contact, Leaf, Opening, packed, unpacked

__all__ = ["Contacts", "Said"]

_HISTORY_KEPT: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a contact says. `time` of the entry, `stamp` of the journal; `earliest`: since when it may be so.

    `earliest` None: it was not watched. `afterwards`: late or back-filled; `retained`: it is so, since nobody
    knows when; `is_event`: an event, and no point; `is_quiet`: of the time before doors were told of.
    """

    contact: str
    is_open: bool
    time: int
    arrived: int
    stamp: int
    earliest: int | None
    afterwards: bool = False
    retained: bool = False
    is_event: bool = False
    is_quiet: bool = False


class Contacts:
    """The contacts of one door. `history`: its latest openings that are settled, oldest first."""

    def __init__(self, names: tuple[str, ...], tolerance: int) -> None:
        self._tolerance = tolerance
        self.all = {name: Contact() for name in names}
        self.history: list[Opening] = []
        self._lost: set[str] = set()

    def dump(self) -> dict[str, Any]:
        """What the contacts say, as JSON; the history is kept by the door."""
        return {
            "contacts": {name: packed(contact) for name, contact in self.all.items()},
            "lost": sorted(self._lost),
        }

    def load(self, body: Mapping[str, Any]) -> None:
        """Take up what `dump` gave of those that are contacts of the door still."""
        contacts = {name: unpacked(kept) for name, kept in body["contacts"].items()}
        self.all |= {name: kept for name, kept in contacts.items() if name in self.all}
        self._lost = self.all.keys() & body.get("lost", ())

    def health(self, name: str, *, is_lost: bool) -> None:
        """A device is off-line, or is not any more; others than contacts do not matter."""
        if is_lost and name in self.all:
            self._lost.add(name)
        else:
            self._lost.discard(name)

    def forget(self) -> None:
        """Entries were lost: what is open or closed is unknown; what was shown last is not forgotten."""
        self.all = {
            name: Contact(state=kept.state, held=kept.held, forced=kept.forced, shown_at=kept.shown_at)
            for name, kept in self.all.items()
        }
        self.history.clear()

    @property
    def is_known(self) -> bool:
        """Whether any contact has said how it is, and can say more."""
        return any(contact.now.open is not None for name, contact in self.all.items() if name not in self._lost)

    @property
    def is_watched(self) -> bool:
        """Whether there is a contact that is not off-line."""
        return bool(self.all.keys() - self._lost)

    def leaf(self, opening: Opening) -> Leaf:
        """The stream that an opening belongs to."""
        contact = self.all[opening.contact]
        return contact.past if opening.is_past else contact.now

    def standing(self) -> Iterator[Opening]:
        """The openings of now that are not settled."""
        return (opening for contact in self.all.values() for opening in contact.now.openings)

    def open_at(self, name: str) -> Opening | None:
        """The opening that a device speaks of: its own, else any that is not shut."""
        standing = [opening for opening in self.standing() if opening.closed is None]
        return next((opening for opening in standing if opening.contact == name), next(iter(standing), None))

    def begin_anew(self, stamp: int, due: int) -> None:
        """What stands open is booked from a stamp on, next when it is `due`."""
        for opening in self.standing():
            opening.is_judged = False
            if opening.book_due is not None:
                opening.booked, opening.book_due = stamp, due

    def every(self) -> Iterator[Opening]:
        """All openings that are not settled."""
        for contact in self.all.values():
            yield from contact.now.openings
            yield from contact.past.openings

    def decided(self) -> list[Opening]:
        """The openings whose cause is known, newest first."""
        found = [opening for opening in self.every() if opening.due is None]
        return [*reversed(found), *reversed(self.history)]

    def settle(self, opening: Opening) -> None:
        """Nothing of an opening is open any more."""
        self.leaf(opening).openings.remove(opening)
        opening.close_due = opening.held_due = opening.book_due = None
        self.history.append(opening)
        del self.history[:-_HISTORY_KEPT]

    def stream(self, contact: str, time: int, *, afterwards: bool) -> Leaf:
        """What an entry of a contact belongs to: what comes afterwards, and is of before now, is kept apart."""
        known = self.all.setdefault(contact, Contact())
        return known.past if afterwards and time < known.now.time else known.now

    def take(self, said: Said) -> tuple[str, Opening] | None:
        """What a word of a contact means for which opening.

        `opened`; `found` open; `bounced` (it had been told as closed); `again`: it had bounced only; `stands`: it
        is open still; `closed`. None: nothing new.
        """
        leaf = self.stream(said.contact, said.time, afterwards=said.afterwards)
        self._lost.discard(said.contact)
        is_past = leaf is self.all[said.contact].past
        before, since = leaf.open, leaf.time
        leaf.open = said.is_open
        leaf.time = max(since, said.time) if said.is_event and not is_past else said.time
        last = leaf.openings[-1] if leaf.openings else None
        if said.is_open:
            return self._open(leaf, last, said, before=before, is_past=is_past)
        if before or said.is_event or said.retained:
            leaf.closed_at = None if said.retained else said.time
        if last is None or last.closed is not None:
            return None
        self._close(last, said)
        return "closed", last

    def _open(
        self, leaf: Leaf, last: Opening | None, said: Said, *, before: bool | None, is_past: bool
    ) -> tuple[str, Opening] | None:
        if last is not None and last.closed is None:
            is_another = said.is_event and last.by_event and said.time - last.opened > self._tolerance
            if not is_another:
                return "stands", last
            last.closed, last.closed_arrived, last.is_close_known = said.time, said.arrived, False
        is_seen = said.is_event or (before is False and not said.retained and said.earliest is not None)
        shut = leaf.closed_at
        is_bounce = is_seen and shut is not None and abs(said.time - shut) <= self._tolerance
        if last is not None and is_bounce and last.is_close_known:
            last.closed = last.close_due = None
            return "again", last
        if is_past and not is_seen:
            return None
        if last is not None:
            last.close_due = 0  # what is another opening was no bounce: it is settled once its cause is decided
        opened = said.arrived if said.retained else said.time
        opening = Opening(
            contact=said.contact,
            earliest=opened if said.earliest is None else said.earliest,
            opened=opened,
            arrived=said.arrived,
            due=said.stamp + self._tolerance if is_seen and not is_bounce else None,
            is_judged=is_seen and not is_bounce,
            by_event=said.is_event,
            is_past=is_past,
            is_quiet=said.is_quiet,
            booked=opened,
        )
        leaf.openings.append(opening)
        if is_bounce:
            opening.cause, opening.forced = leaf.cause, leaf.forced
            return "bounced", opening
        return ("opened" if is_seen else "found"), opening

    def _close(self, opening: Opening, said: Said) -> None:
        opening.closed = max(said.arrived if said.retained else said.time, opening.opened)
        opening.closed_arrived = said.arrived
        opening.close_due = said.stamp + self._tolerance
        is_watched = said.earliest is not None or said.is_event
        was_away = opening.is_unsure and not said.afterwards
        opening.is_close_known = is_watched and not said.retained and not was_away
        opening.is_close_quiet = said.is_quiet
