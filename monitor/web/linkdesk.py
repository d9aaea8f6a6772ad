"""What somebody may do who comes by a link of a message: see one alarm, and acknowledge it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from monitor.alarms import commands
from monitor.alarms.cases import Case, cases_of
from monitor.alarms.store import AlarmView, show
from monitor.journal.state import State
from monitor.model import Position
from monitor.notify.links import Claim, Purpose, read, signed_by
from monitor.ports import Batch
from monitor.site import Site
from monitor.staff import Person

__all__ = ["LinkDesk", "Seen", "Stand"]

_MOST_KEPT: Final = 1000


class Stand(StrEnum):
    """How an alarm stands for who came by a link."""

    WAITS = "waits"
    RESETS = "resets"
    """It waits, and to acknowledge would reset it: latched, and its condition is over."""
    DONE = "done"
    """This link has acknowledged it just now."""
    ACKNOWLEDGED = "acknowledged"
    SETTLED = "settled"
    """It is over, and waits for nobody."""
    EXPIRED = "expired"
    """It waits, and the link is too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An alarm as one person sees it by a link, and what people did about it."""

    alarm: AlarmView
    person: Person
    stand: Stand
    case: Case = field(default_factory=Case)


class Keeps(Protocol):
    """The journal as links use it."""

    async def append(self, batches: "list[Batch]") -> Position:
        """Keep what a person asked for; raises JournalError."""


class LinkDesk:
    """Reads links and does what they are for. `key` signs them; `now` answers UTC ms."""

    def __init__(self, site: Site, state: State, journal: Keeps, key: bytes, now: Callable[[], int]) -> None:
        self._site = site
        self._state = state
        self._journal = journal
        self._key = key
        self._now = now
        self._one_by_one = asyncio.Lock()
        self._kept: dict[str, int] = {}
        """Occurrence -> its newest step when an acknowledgement was kept that may not be judged yet."""

    def claim_of(self, token: str) -> Claim | None:
        """What a link says, at the cost of one hash; None when it is none, or its person is there no more."""
        claim = read(self._key, token, Purpose.ACKNOWLEDGE)
        return None if claim is None or claim.person not in self._site.notify.people else claim

    async def look(self, claim: Claim) -> Seen | None:
        """How the alarm stands; None when it is forgotten. Changes nothing. Raises JournalError."""
        alarm = await show(self._state, claim.occurrence)
        if alarm is None:
            return None
        case = (await cases_of(self._state, [alarm.occurrence])).get(alarm.occurrence, Case())
        person = self._site.notify.people[claim.person]
        return Seen(alarm=alarm, person=person, stand=self._stand(alarm, claim), case=case)

    def _stand(self, alarm: AlarmView, claim: Claim) -> Stand:
        if alarm.response == "unacked":
            if self._kept.get(alarm.occurrence) == alarm.history[-1].number:
                return Stand.ACKNOWLEDGED
            if claim.is_over(self._now()):
                return Stand.EXPIRED
            return Stand.RESETS if alarm.normal else Stand.WAITS
        is_acknowledged = alarm.response == "acked" or alarm.acknowledged_at is not None
        return Stand.ACKNOWLEDGED if is_acknowledged else Stand.SETTLED

    async def acknowledge(self, claim: Claim, *, resets: bool) -> Seen | None:
        """Acknowledge in the name of the link's person where the alarm waits; kept once this answers `done`.

        `resets`: the person was told that it would reset the alarm. Raises JournalError.
        """
        async with self._one_by_one:
            seen = await self.look(claim)
            if seen is None or not (seen.stand is Stand.WAITS or (seen.stand is Stand.RESETS and resets)):
                return seen
            by = signed_by(seen.person.name)
            command = commands.command(commands.ACKNOWLEDGE, claim.occurrence, by=by, reason="", now=self._now())
            await self._journal.append([Batch(entries=[command])])
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[claim.occurrence] = seen.alarm.history[-1].number
            return replace(seen, stand=Stand.DONE)
