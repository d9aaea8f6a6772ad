"""Telling people that nothing can be recorded: past the outbox, which may be on the same full disk.

Once when it begins and once when it is over. Everybody of the route is told at once, because nobody could
acknowledge and so no escalation could wait for it.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from monitor.duty import Override
from monitor.errors import JournalError
from monitor.model import Event, Transition
from monitor.notices import Notice, NoticeKind
from monitor.notify.direct import Direct, Told
from monitor.notify.routing import Chosen, choose, facts
from monitor.ports import Batch, Journal
from monitor.schema import MONITOR_DEVICE
from monitor.site import Rule, Site

__all__ = ["Outages", "Pace"]

_LOG = structlog.get_logger()

_RULE: Final = Rule(
    id="journal-failed", name="Nothing can be recorded", kind="monitor", params=None, sources=(), version=""
)
_CALM: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds: between two looks; for which an outage lasts before people hear of it, and all is well at its end.

    That last one is multiplied by four with each outage that follows within an hour, so that a disk on the edge
    does not send a message a minute.
    """

    look: float = 0.5
    begins: float = 1.5
    ends: float = 10.0
    longest: float = 3600.0


_PACE: Final = Pace()


async def _nothing() -> None:
    return


class Outages:
    """Watches whether the files can be written, and tells people directly when they cannot.

    `failing` answers why nothing can be recorded now, "" when all is well. When an outage is over an event is
    kept, too; it is tried from the beginning of the outage on, so that the files are tried even while no device
    speaks. `meanwhile` runs for as long as an outage lasts. `active` tells whether people are, or are being, told.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        site: Site,
        journal: Journal,
        *,
        failing: Callable[[], str],
        direct: Direct,
        now: Callable[[], int],
        meanwhile: Callable[[], Coroutine[Any, Any, None]] = _nothing,
        pace: Pace = _PACE,
    ) -> None:
        self._site = site
        self._journal = journal
        self._failing = failing
        self._direct = direct
        self._now = now
        self._meanwhile = meanwhile
        self._pace = pace
        self._settle = pace.ends
        self._over_at = float("-inf")
        self.count = 0
        """Outages since the start."""
        self.active = False

    async def run(self) -> None:
        """Watch and tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                reason = await self._beginning()
                await self._live_through(group, reason)

    async def _beginning(self) -> str:
        """Return the reason once it has been failing for long enough to be no hiccup."""
        since: float | None = None
        while True:
            reason = self._failing()
            if not reason:
                since = None
            elif since is None:
                since = time.monotonic()
            if since is not None and time.monotonic() - since >= self._pace.begins:
                return reason
            await asyncio.sleep(self._pace.look)

    async def _live_through(self, group: asyncio.TaskGroup, reason: str) -> None:
        began = self._now()
        quiet = time.monotonic() - self._over_at > _CALM
        self._settle = self._pace.ends if quiet else min(self._pace.longest, self._settle * 4)
        self.count += 1
        self.active = True
        _LOG.error("nothing_can_be_recorded", reason=reason)
        told: Told = set()
        people = self._people(began)
        telling = group.create_task(self._tell("unrecorded", people, told, began, reason))
        noting = group.create_task(self._note(began, reason))
        judging = group.create_task(self._meanwhile())
        await self._ending()
        for task in (telling, noting, judging):
            task.cancel()
        await asyncio.wait([telling, noting, judging])
        self._over_at = time.monotonic()
        self.active = False
        _LOG.info("recorded_again", since=began)
        group.create_task(self._note(began, reason))
        group.create_task(
            self._tell("recorded", [one for one in people if _address(one) in told], set(), began, reason)
        )

    async def _ending(self) -> None:
        fine_since: float | None = None
        while fine_since is None or time.monotonic() - fine_since < self._settle:
            await asyncio.sleep(self._pace.look)
            if self._failing():
                fine_since = None
            elif fine_since is None:
                fine_since = time.monotonic()

    async def _note(self, began: int, reason: str) -> None:
        """Keep in the journal that there was an outage: as soon as it takes anything."""
        event = Event(
            device=MONITOR_DEVICE,
            kind="health",
            time=began,
            arrived=began,
            id=f"unrecorded-{began}",
            attributes={"state": "unrecorded", "reason": reason},
        )
        while True:
            try:
                await self._journal.append([Batch(entries=[event])])
            except JournalError:
                await asyncio.sleep(1.0)
            else:
                return

    # Telling ------------------------------------------------------------------------------------------

    def _notice(self, began: int, reason: str) -> Notice:
        transition = Transition(
            occurrence="journal-failed",
            number=1,
            rule=_RULE.id,
            device=MONITOR_DEVICE,
            source_key=MONITOR_DEVICE,
            cause="raised",
            condition="active",
            response="unacked",
            severity="critical",
            time=self._now(),
            reason=reason,
        )
        return Notice(kind=NoticeKind.RAISE, transition=transition, rule=_RULE, raised_at=began)

    def _people(self, began: int) -> Sequence[Chosen]:
        """Everybody on the matching routes; where none matches, on the first route there is."""
        site, notice, stand_ins = self._site, self._notice(began, ""), self._direct.stand_ins()
        chosen = _once(site, notice, stand_ins)
        if not chosen and site.notify.routes:
            first = replace(site.notify.routes[0], match={}, go_on=False)
            site = replace(site, notify=replace(site.notify, routes=(first,)))
            chosen = _once(site, notice, stand_ins)
        if not chosen:
            _LOG.error("outage_reaches_nobody")
        return chosen

    async def _tell(self, kind: str, people: Sequence[Chosen], told: Told, began: int, reason: str) -> None:
        body = facts(self._site, self._notice(began, reason))
        async with asyncio.TaskGroup() as group:
            for one in people:
                group.create_task(self._direct.insist(kind, one, body, told))


def _once(site: Site, notice: Notice, stand_ins: Sequence[Override]) -> Sequence[Chosen]:
    """Everybody on the way, over all of their channels, each once."""
    chosen = choose(site, notice, stand_ins=stand_ins, everywhere=True)
    return [one for one in chosen if one.tells and not one.again]


def _address(one: Chosen) -> tuple[str, str]:
    return one.person, one.channel
