"""Alarms as the API asks for them: their store, the messages about them, and what people do about them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from monitor.alarms import Alarms, cases, casework, choosing, commands, store, windows
from monitor.alarms.past import Past
from monitor.alarms.windows import Planned, Wish
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.model import Command
from monitor.notify.outbox import Notifier
from monitor.performance.record import Record
from monitor.site import Site
from monitor.wording import Sentence

__all__ = ["AlarmDesk", "CaseDesk", "HoldDesk"]

_FACTS: Final = """
    SELECT json_extract(body, '$.facts') AS facts FROM outbox WHERE occurrence = ?
        AND kind IN ('raise', 'severity', 'chatter')
        AND json_type(CASE WHEN json_valid(body) THEN body END, '$.facts') = 'object' ORDER BY id DESC LIMIT 1
"""
_COSTS: Final = ("day_cost", "used_cost", "month_cost", "cost")
"""What rules say of money in their messages."""


class AlarmDesk:
    """The `monitor.web.parts.AlarmBook` of the running daemon. `now` answers UTC ms."""

    def __init__(self, state: State, notifier: Notifier, now: Callable[[], int], alarms: Alarms) -> None:
        self._state = state
        self._notifier = notifier
        self._now = now
        self._alarms = alarms

    async def list_alarms(self) -> Sequence[Mapping[str, Any]]:
        """Every occurrence that is open, and the newest that are over; newest first."""
        return await self._all_of(await store.list_alarms(self._state, include_cleared=True))

    async def find_alarms(
        self, choice: choosing.Choice, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """The newest that are chosen among all, behind a raise (UTC ms) and its occurrence; newest first."""
        return await self._all_of(
            await choosing.choose(self._state, choice, after=after, limit=limit, now=self._now())
        )

    async def list_cases(self, person: str = "") -> Sequence[Mapping[str, Any]]:
        """The alarms that somebody sees to and has not closed, newest first; of one person, or of all."""
        return await self._all_of(await store.these(self._state, await cases.open_cases(self._state, person)))

    async def _all_of(self, alarms: Sequence[store.AlarmView]) -> Sequence[Mapping[str, Any]]:
        """Alarms with what people do about them."""
        now = self._now()
        known = await cases.cases_of(self._state, [alarm.occurrence for alarm in alarms])
        nothing = cases.Case()
        return [_told(alarm, now) | known.get(alarm.occurrence, nothing).as_json() for alarm in alarms]

    async def list_rules(self) -> Sequence[Mapping[str, Any]]:
        """Every rule and how it does, in the order of the settings."""
        alarms = self._alarms
        found = await store.list_rules(
            self._state, alarms.rules, failing=alarms.failing, learning=alarms.learning, now=self._now()
        )
        return [rule.as_json() for rule in found]

    async def show(self, occurrence: str) -> Mapping[str, Any] | None:
        """One occurrence with its steps and its notifications; None when nobody knows it."""
        alarm = await store.show(self._state, occurrence)
        if alarm is None:
            return None
        (told,) = await self._all_of([alarm])
        comments = [asdict(each) for each in await cases.comments_of(self._state, occurrence)]
        notifications = await self._notifier.list_notifications(occurrence)
        costs = await self._costs(occurrence)
        return {**told, "costs": costs, "comments": comments, "notifications": notifications}

    async def _costs(self, occurrence: str) -> Mapping[str, Any]:
        """What it costs, as the newest message about it says; nothing where no tariff is known."""
        rows = await self._state.query(_FACTS, (occurrence,))
        facts = json.loads(rows[0]["facts"]) if rows else {}
        found = {name: facts[name] for name in _COSTS if isinstance(facts.get(name), int | float)}
        return {**found, "currency": facts["currency"]} if found and "currency" in facts else {}

    async def acknowledge(self, occurrence: str, *, by: str, reason: str) -> Command:
        """The command that acknowledges an occurrence; RequestRefused says why it cannot be."""
        return await commands.acknowledge(self._state, occurrence, by=by, reason=reason, now=self._now())

    async def notifications(self, last: int) -> Sequence[Mapping[str, Any]]:
        """The newest messages to people, newest first."""
        return await self._notifier.list_notifications(last=last)

    async def find_notifications(
        self, wanted: Mapping[str, str], *, since: int | None, after: int | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """The newest messages with these values, behind one of that number, newest first."""
        return await self._notifier.find_notifications(wanted, since=since, after=after, limit=limit)

    async def record(self, start: int, end: int, *, messages: bool = True) -> Record:
        """What was raised, or still active, in [start, end); messages that were sent in it, if wanted."""
        return await Past(self._state).record(start, end, messages=messages)

    def raised(self) -> Mapping[str, int]:
        """How many alarms were raised since the start, by severity."""
        return self._alarms.raised


def _told(alarm: store.AlarmView, now: int) -> dict[str, Any]:
    """An alarm, whether it has been active for more than a day, and whether its review is due."""
    review_due = alarm.service is not None and alarm.service.review_at <= now
    return alarm.as_json() | {"standing": alarm.is_standing(now), "review_due": review_due}


class HoldDesk:
    """Makes the commands of the running daemon; RequestRefused says why one cannot be. `now` is UTC ms.

    `target`: an occurrence, or RULE/SOURCE.
    """

    def __init__(self, state: State, site: Site, now: Callable[[], int]) -> None:
        self._state = state
        self._site = site
        self._now = now

    async def shelve(  # noqa: PLR0913 - until when, and who wants it why
        self, target: str, *, until: int | None, seconds: float | None, once: bool, by: str, reason: str
    ) -> Command:
        """Tell nobody of an alarm until then (UTC ms), or for so long."""
        now = self._now()
        if (until is None) == (seconds is None):
            raise RequestRefused(Sentence("say either until when or for how long"))
        end = until if until is not None else now + round((seconds or 0.0) * 1000)
        found = await commands.target_of(self._state, self._site, target)
        return commands.shelve(found, until=end, once=once, by=by, reason=reason, now=now)

    async def unshelve(self, target: str, *, by: str, reason: str) -> Command:
        """End a shelf."""
        found = await commands.target_of(self._state, self._site, target)
        return commands.unshelve(found, by=by, reason=reason, now=self._now())

    async def out_of_service(self, target: str, *, review_at: int, by: str, reason: str) -> Command:
        """Tell nobody of an alarm until somebody returns it; it is looked at again at `review_at` (UTC ms)."""
        found = await commands.target_of(self._state, self._site, target)
        return commands.out_of_service(found, review_at=review_at, by=by, reason=reason, now=self._now())

    async def return_to_service(self, target: str, *, by: str, reason: str) -> Command:
        """Bring an alarm back."""
        found = await commands.target_of(self._state, self._site, target)
        return commands.return_to_service(found, by=by, reason=reason, now=self._now())

    async def maintenance(self) -> Sequence[Planned]:
        """All that is planned: what is on first, then by when it begins."""
        return await windows.planned(self._state, self._site, self._now())

    async def add_maintenance(self, wish: Wish, *, by: str, reason: str) -> Command:
        """Plan some."""
        known = await self.maintenance()
        return windows.add(self._site, known, wish, by=by, reason=reason, now=self._now())

    async def end_maintenance(self, name: str, *, by: str, reason: str) -> Command:
        """End some: what the site file plans for this time only."""
        return windows.end(await self.maintenance(), name, by=by, reason=reason, now=self._now())


class CaseDesk:
    """The `monitor.web.parts.CaseDesk` of the running daemon. `now` answers UTC ms."""

    def __init__(self, state: State, site: Site, now: Callable[[], int]) -> None:
        self._state = state
        self._site = site
        self._now = now

    async def assign(self, occurrence: str, person: str, *, by: str, reason: str) -> Command:
        """Give an alarm to a person."""
        return await casework.assign(
            self._state, self._site, occurrence, person, by=by, reason=reason, now=self._now()
        )

    async def comment(self, occurrence: str, text: str, *, by: str) -> Command:
        """Say something of an alarm."""
        return await casework.comment(self._state, occurrence, text, by=by, now=self._now())

    async def close(self, occurrence: str, cause: str, *, by: str, note: str) -> Command:
        """Close the case of an alarm that is over."""
        return await casework.close(self._state, occurrence, cause, by=by, note=note, now=self._now())

    async def reopen(self, occurrence: str, *, by: str, reason: str) -> Command:
        """Open a closed case again."""
        return await casework.reopen(self._state, occurrence, by=by, reason=reason, now=self._now())
