"""Which cards were used: to open a door, or to go through one that stood open. Pure; times are UTC ms."""

from monitor.access import told
from monitor.access.contacts import Contacts
from monitor.access.doordays import DoorFigures
from monitor.access.openings import Opening, Reason, covers
from monitor.access.reasons import Reasons
from monitor.model import Derived, Event

__all__ = ["Passages"]


class Passages:
    """Joins the cards of one door with its openings; each card is told once."""

    def __init__(
        self,
        reasons: Reasons,
        contacts: Contacts,
        figures: DoorFigures,
        out: list[Event | Derived],
        tolerance: int,
    ) -> None:
        self._reasons = reasons
        self._contacts = contacts
        self._figures = figures
        self._out = out
        self._tolerance = tolerance

    def place(self, card: Reason) -> bool:
        """Find what a new card was used for, of what is decided: an open door first, then a late explanation."""
        if not self._contacts.is_watched:
            self.use(card, card.time)
            return True
        decided = self._contacts.decided()
        for opening in decided:
            if opening.was_open(card.time):
                self._go_through(card, opening)
                return True
        for opening in decided:
            if opening.is_judged and not opening.card and covers(card, opening, self._tolerance):
                self.open(card, opening)
                return True
        return False

    def open(self, card: Reason, opening: Opening) -> None:
        """A card has opened a door; another opening by the same card is no second passage."""
        opening.card = card.id
        if not card.is_used:
            self.use(card, opening.opened, opening.arrived)

    def let_in(self, opening: Opening) -> None:
        """Cards that were shown while it was open, and have waited."""
        for card in [*self._reasons.waiting()]:
            if opening.was_open(card.time):
                self._go_through(card, opening)

    def expire(self, now: int) -> None:
        """Count the cards that nobody has used in time; of a contact that says nothing, nobody knows."""
        is_known = self._contacts.is_known
        for card in self._reasons.expire(now):
            if is_known:
                card.is_counted = True
                self._figures.count("unused", card.time, is_quiet=card.is_quiet)

    def use(self, card: Reason, time: int, arrived: int = 0) -> None:
        """Tell that somebody went through with a card, at a moment."""
        card.is_used, card.due = True, None
        if card.is_counted:
            card.is_counted = False
            self._figures.count("unused", card.time, is_quiet=card.is_quiet, by=-1)
        if not card.is_quiet:
            self._out.append(told.passage(self._figures.door, card, time, arrived))

    def _go_through(self, card: Reason, opening: Opening) -> None:
        if card.time > opening.opened + self._tolerance:
            opening.stuck_from = min(card.time, opening.stuck_from or card.time)
        self.use(card, card.time)
