"""One door's machine: contacts, locks, cards, exit requests and hours in; what happened out. Pure.

What a contact says is taken at once, and settled a moment later, by the journal's stamps: clocks differ, messages
overtake each other, contacts bounce. What is settled when does not depend on how often `fire` is called.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any, Final

from monitor.access import told
from monitor.access.contacts import Contacts, Said
from monitor.access.doordays import DoorFigures, Figures
from monitor.access.hours import DoorHours
from monitor.access.openings import Button, Contact, Lock, Opening, Reason, packed
from monitor.access.passages import Passages
from monitor.access.reasons import Reasons, Setup, is_late_for
from monitor.accessbook import DoorNow
from monitor.model import LATE, Derived, Event, Reading, Value
from monitor.periods import DAY, day_of

__all__ = ["Door"]

_LAST: Final = 1 << 62
_RANKS: Final = ("unknown", "closed", "unlocked", "open", "held", "forced")


class Door:
    """A door. `out` collects what is to be told; whoever drives it takes that away."""

    def __init__(self, setup: Setup, figures: Figures) -> None:
        self._setup = setup
        self._figures = DoorFigures(figures, setup.door)
        self._hours = DoorHours(setup.schedule, setup.zone)
        self._reasons = Reasons(setup.pulse, setup.tolerance)
        self._contacts = Contacts(setup.contacts, setup.tolerance)
        self._speaks = set(setup.speaks)
        self.out: list[Event | Derived] = []
        self._passages = Passages(self._reasons, self._contacts, self._figures, self.out, setup.tolerance)
        self.is_touched = self.is_past_touched = False

    # Memory ----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """What changes with each word of a contact, as JSON."""
        return {
            **self._contacts.dump(),
            "locks": {name: packed(lock) for name, lock in self._reasons.locks.items()},
            "buttons": {name: packed(button) for name, button in self._reasons.buttons.items()},
            "edge": self._hours.edge,
        }

    def dump_past(self) -> dict[str, Any]:
        """What changes with each card and opening, as JSON."""
        return {
            "reasons": self._reasons.dump(),
            "history": [packed(opening) for opening in self._contacts.history],
        }

    def load(self, body: dict[str, Any]) -> None:
        """Take up what `dump` gave, but for what the site file does not have at this door any more."""
        there = self._setup.points.keys()
        self._contacts.load(body)
        self._reasons.locks |= {name: Lock(**kept) for name, kept in body["locks"].items() if name in there}
        buttons = body.get("buttons", {})
        self._reasons.buttons |= {name: Button(**kept) for name, kept in buttons.items() if name in there}
        self._hours.resume(body["edge"])

    def load_past(self, body: dict[str, Any]) -> None:
        """Take up what `dump_past` gave."""
        self._reasons.load(body["reasons"])
        self._contacts.history.extend(Opening(**kept) for kept in body["history"])

    def forget(self) -> None:
        """Entries were lost: how the door is is unknown, and nothing of before is told any more."""
        self._contacts.forget()
        self._reasons.stop_waiting()
        self._touch()

    def _touch(self) -> None:
        self.is_touched = self.is_past_touched = True

    # What comes in ---------------------------------------------------------------------------------------

    def begin(self, stamp: int) -> None:
        """From now on the hours of the door are told."""
        if self._hours.begin(stamp):
            self.is_touched = True
            self._show(stamp)

    def since(self, contact: str, time: int, *, afterwards: bool) -> int:
        """When a contact has spoken last before it speaks at a time."""
        return self._contacts.stream(contact, time, afterwards=afterwards).time

    def said(self, said: Said) -> None:
        """A contact says that it is open or closed."""
        self.is_touched = True
        news = self._contacts.take(said)
        if news is not None:
            what, opening = news
            if what in ("opened", "found", "bounced"):
                self._begin(opening, said)
            elif what == "again":
                self._wait_for_held(opening, said.stamp, said.arrived)
            elif what == "stands":
                self._stands(opening, said)
            if what in ("again", "bounced"):
                self._figures.count("bounces", said.time, is_quiet=said.is_quiet)
            if what == "bounced":
                self._tell_opened(opening, None)
            if what != "closed" and opening.due is None:
                self.is_past_touched = True
                self._passages.let_in(opening)
        self._show(said.time, is_quiet=said.is_quiet)

    def _begin(self, opening: Opening, said: Said) -> None:
        if not opening.is_quiet:
            if not opening.forced:
                self._arm(opening, opening.opened, said.stamp, said.arrived)
            if not opening.is_past:
                # Out of a backlog it has fallen shut long ago, as a rule, and says so in a moment.
                seen = max(opening.booked, said.stamp)
                opening.book_due = day_of(seen, self._setup.zone).end + self._setup.tolerance

    def _stands(self, opening: Opening, said: Said) -> None:
        if opening.is_quiet and not said.is_quiet and opening.due is None:
            # What is known of it is of before; from now on it is a door that was found open.
            opening.is_quiet = opening.is_judged = False
            opening.opened = opening.booked = said.time
            self._begin(opening, said)
        elif opening.is_unsure:
            opening.is_unsure = False
            self._wait_for_held(opening, said.stamp, said.arrived)

    def card(self, event: Event, stamp: int, *, is_quiet: bool) -> None:
        """A card was shown at a reader of the door."""
        result = event.attributes.get("result")
        if result not in ("granted", "denied"):
            return
        self._touch()
        self._figures.count(str(result), event.time, is_quiet=is_quiet)
        if result == "granted":
            until = event.time + self._setup.pulse
            card = Reason("card", event.time, until, event.device, event.id, event.arrived, stamp=stamp)
            card.is_quiet = is_quiet
            self._reasons.allow(card)
            self._came(event.time)
            if not self._passages.place(card):
                card.due = max(stamp, until + self._setup.tolerance) + self._setup.tolerance

    def rex(self, device: str, time: int, stamp: int) -> None:
        """Somebody asks to go out."""
        self._touch()
        self._reasons.allow(Reason("rex", time, time + self._setup.pulse, device, stamp=stamp))
        self._came(time)

    def button(self, device: str, time: int, *, pressed: bool, stamp: int, afterwards: bool) -> None:
        """An exit button says how it is."""
        self._touch()
        self._reasons.button(device, time, pressed=pressed, stamp=stamp, afterwards=afterwards)
        if pressed:
            self._came(time)

    def health(self, device: str, *, is_lost: bool) -> None:
        """A device is not heard any more, or is heard again."""
        self.is_touched = True
        self._contacts.health(device, is_lost=is_lost)

    def lock(self, reading: Reading, stamp: int, *, afterwards: bool, is_quiet: bool) -> None:
        """A lock says how it is."""
        self._touch()
        locked = bool(reading.values["locked"])
        self._reasons.lock(reading.device, reading.time, locked=locked, stamp=stamp, afterwards=afterwards)
        self._show(reading.time, is_quiet=is_quiet)

    def told_by_device(self, event: Event, *, is_quiet: bool) -> None:
        """A device says by itself what the machine need not say again: opened, closed, forced or held."""
        self._speaks.add(event.kind)
        self.is_touched = True
        if event.kind not in ("forced", "held"):
            return
        self._figures.count(event.kind, event.time, is_quiet=is_quiet)
        opening = self._contacts.open_at(event.device)
        if opening is not None and not event.late:
            opening.forced |= event.kind == "forced"
            opening.held |= event.kind == "held"
            opening.deadline = opening.held_due = None
            self._show(event.time, is_quiet=is_quiet)

    def resumed(self, stamp: int) -> None:
        """The monitor was off until now: contacts that stand open are given time to say how they are."""
        for opening in self._contacts.standing():
            if opening.closed is None and not opening.held:
                opening.is_unsure = self.is_touched = True
                until = stamp + self._setup.held_after
                self._wait_for_held(opening, until, until)

    def postpone(self, until: int) -> None:
        """The stamps have made a leap: nothing is told as held before it is known why."""
        for opening in self._contacts.standing():
            if opening.held_due is not None and opening.held_due < until:
                opening.held_due = until
                self.is_touched = True

    def leapt(self, stamp: int) -> None:
        """The stamps have made a leap of months: how long it has stood open nobody knows."""
        self._contacts.begin_anew(stamp, day_of(stamp, self._setup.zone).end + self._setup.tolerance)
        self.is_touched = True

    # What is due -----------------------------------------------------------------------------------------

    def due(self) -> int | None:
        """The stamp after which there is something to settle."""
        return min((timer[0] for timer in self._timers()), default=None)

    def fire(self, now: int) -> None:
        """Settle all that was due before a stamp, in order."""
        waiting = sorted(timer for timer in self._timers() if timer[0] < now)  # which is a heap
        while waiting:
            due, what, number, opening = heappop(waiting)
            if opening is None:
                self._touch()
                (self._passages.expire, self._edge_passed)[what](now)
                waiting = sorted(timer for timer in self._timers() if timer[0] < now)
            elif (due, what) in opening.timers():
                self._touch()
                (self._decide, self._hold, self._settle, self._book)[what](opening)
                for timer in opening.timers():
                    if timer[0] < now:
                        heappush(waiting, (*timer, number, opening))

    def _timers(self) -> Iterator[tuple[int, int, int, Opening | None]]:
        """Each: its stamp, what it is, and of which opening; the number makes an order of what is due at once."""
        for number, opening in enumerate(self._contacts.every()):
            for due, what in opening.timers():
                yield due, what, number, opening
        card = self._reasons.due()
        if card is not None:
            yield card, 0, _LAST, None
        if self._hours.next is not None:
            yield self._hours.next + self._setup.tolerance, 1, _LAST, None

    def shift(self, by: int) -> None:
        """The clock was set: what waits goes on waiting as long as before."""
        self._touch()
        self._reasons.shift(by)
        for opening in self._contacts.every():
            opening.shift(by)

    def _decide(self, opening: Opening) -> None:
        """All reasons that can explain an opening are here."""
        opening.due = None
        opening.cause, card = self._reasons.cause(opening, self._hours)
        is_forced = opening.cause == "none" and "forced" not in self._speaks
        opening.forced |= is_forced
        leaf = self._contacts.leaf(opening)
        leaf.cause, leaf.forced = opening.cause, opening.forced
        if not opening.is_quiet:
            self._figures.opened(opening.cause, opening.opened)
        self._tell_opened(opening, card)
        if opening.forced:
            opening.deadline = opening.held_due = None
        if is_forced:
            self._figures.count("forced", opening.opened, is_quiet=opening.is_quiet)
            self.out.append(told.forced(self._setup.door, opening))
            if self._reasons.came_late(opening):
                self._forced_late(opening)
        if card is not None:
            self._passages.open(card, opening)
        self._passages.let_in(opening)
        self._show(opening.opened, is_quiet=opening.is_quiet)

    def _tell_opened(self, opening: Opening, card: Reason | None) -> None:
        if not opening.is_quiet and "opened" not in self._speaks:
            self.out.append(told.opened(self._setup.door, opening, card))

    def _hold(self, opening: Opening) -> None:
        opening.held_due = None
        if self._is_held(opening):
            self._tell_held(opening)
            self._show(opening.deadline or 0)
            if self._hours.is_on:
                self._release(opening)

    def _is_held(self, opening: Opening) -> bool:
        if opening.held or opening.deadline is None or "held" in self._speaks:
            return False
        return opening.closed is None or (opening.is_close_known and opening.closed > opening.deadline)

    def _tell_held(self, opening: Opening) -> None:
        opening.held = True
        self._figures.count("held", opening.deadline or 0)
        self.out.append(told.held(self._setup.door, opening))

    def _settle(self, opening: Opening) -> None:
        """It fell shut, and stayed so."""
        assert opening.closed is not None
        if self._is_held(opening):
            self._tell_held(opening)
        self._contacts.settle(opening)
        if not opening.is_close_quiet:
            if "closed" not in self._speaks:
                is_known = opening.is_close_known and opening.is_judged
                open_s = (opening.closed - opening.opened) / 1000 if is_known else None
                self.out.append(told.closed(self._setup.door, opening, open_s=open_s))
            if opening.is_close_known and not opening.is_quiet:
                self._figures.stood(opening, opening.closed)
                is_short = opening.closed - opening.opened <= self._setup.tolerance
                if opening.forced and opening.is_judged and is_short:
                    self._figures.count("forced_short", opening.opened)
        self._show(opening.closed, is_quiet=opening.is_close_quiet)

    def _book(self, opening: Opening) -> None:
        """A local day is over at which it stood open."""
        end = day_of(opening.booked, self._setup.zone).end
        opening.book_due = None
        if opening.closed is None:
            self._figures.stood(opening, end)
            opening.book_due = day_of(end, self._setup.zone).end + self._setup.tolerance

    def _edge_passed(self, now: int) -> None:
        """The hours of the door begin or end; what they were days ago nobody wants to be told."""
        if not self._hours.skip(now - DAY):
            edge, setup = self._hours.step(), self._setup
            self.out.append(told.scheduled(setup.door, setup.teller, edge, is_on=self._hours.is_on))
        if self._hours.is_on:
            for opening in self._contacts.standing():
                if opening.held:
                    self._release(opening)
        self._show(self._hours.edge)

    def _release(self, opening: Opening) -> None:
        """The hours allow what was held: it counts anew when they end."""
        opening.held = False
        self._arm(opening, self._hours.edge, self._hours.edge, self._hours.edge)
        self._show(self._hours.edge)

    def _arm(self, opening: Opening, since: int, stamp: int, arrived: int) -> None:
        held = self._hours.held(since, self._setup.held_after)
        opening.deadline = opening.held_due = None
        if held is not None:
            opening.counts_from, opening.deadline = held
            self._wait_for_held(opening, stamp, arrived)

    def _wait_for_held(self, opening: Opening, stamp: int, arrived: int) -> None:
        if opening.deadline is not None and not opening.held and not opening.is_past:
            # Stamps stand still while the clock catches up after it was set back; arrivals do not.
            due = opening.deadline + max(0, stamp - arrived)
            opening.held_due = max(due, stamp) + self._setup.tolerance

    def _came(self, time: int) -> None:
        """A card or an exit request: does it come too late for a door that was told as forced?"""
        for opening in self._contacts.decided():
            if opening.forced and opening.is_judged and is_late_for(time, opening):
                self._forced_late(opening)

    def _forced_late(self, opening: Opening) -> None:
        if not opening.forced_late:
            opening.forced_late = True
            self._figures.count("forced_late", opening.opened, is_quiet=opening.is_quiet)

    # How it is -------------------------------------------------------------------------------------------

    def now(self) -> DoorNow:
        """How the door is; of several contacts the worst."""
        contacts = self._contacts.all.values()
        worst = max(contacts, key=lambda each: _RANKS.index(self._state(each)[0]), default=Contact())
        state = self._state(worst)[0]
        said = [contact.now.open for contact in contacts if contact.now.open is not None]
        return DoorNow(
            door=self._setup.door,
            state=state,
            since=worst.shown_at if state == worst.state else None,
            is_open=any(said) if said else None,
            is_locked=self._reasons.is_locked,
            cause=worst.now.cause,
        )

    def _state(self, contact: Contact) -> tuple[str, bool, bool]:
        """The state, and whether the door is held, and was forced."""
        if contact.now.openings:
            opening = contact.now.openings[-1]
            state = "forced" if opening.forced else "held" if opening.held else "open"
            return state, opening.held, opening.forced
        if self._hours.is_on or self._reasons.is_locked is False:
            return "unlocked", False, False
        return ("unknown" if contact.now.open is None else "closed"), False, False

    def _show(self, time: int, *, is_quiet: bool = False) -> None:
        """Tell how the contacts are, where that is another than before."""
        for name, contact in self._contacts.all.items():
            state = self._state(contact)
            if state == (contact.state, contact.held, contact.forced):
                continue
            last = contact.shown_at
            is_close = last is not None and 0 <= last - time < LATE
            # Each change has a time of its own, and the last one is how it is.
            contact.shown_at = last + 1 if is_close and last is not None else time
            contact.state, contact.held, contact.forced = state
            reported = self._setup.points.get(name, frozenset())
            values: dict[str, Value] = {"state": state[0], "held": state[1], "forced": state[2]}
            if not is_quiet:
                kept = {point: value for point, value in values.items() if point not in reported}
                self.out.append(told.shown(name, contact.shown_at, kept))
