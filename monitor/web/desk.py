"""Alarms as the API asks for them: their store, and the messages about them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monitor.alarms import Alarms, commands, store
from monitor.journal.state import State
from monitor.model import Command, Value
from monitor.notify.outbox import Notifier

__all__ = ["AlarmDesk"]


class AlarmDesk:
    """The `monitor.web.parts.AlarmBook` of the running daemon. `now` is UTC ms."""

    def __init__(self, state: State, notifier: Notifier, now: Callable[[], int], alarms: Alarms) -> None:
        self._state = state
        self._notifier = notifier
        self._now = now
        self._alarms = alarms

    def status(self) -> Mapping[str, Value]:
        """How the judging goes: `flooding` and the like."""
        return self._alarms.status()

    async def list_alarms(self) -> Sequence[Mapping[str, Any]]:
        """Every occurrence that is open, and the newest that are over; newest first."""
        now = self._now()
        return [_told(alarm, now) for alarm in await store.list_alarms(self._state, include_cleared=True)]

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
        return _told(alarm, self._now()) | {"notifications": await self._notifier.list_notifications(occurrence)}

    async def acknowledge(self, occurrence: str, *, by: str, reason: str) -> Command:
        """The command that acknowledges an occurrence; RequestRefused says why it cannot be."""
        return await commands.acknowledge(self._state, occurrence, by=by, reason=reason, now=self._now())

    async def notifications(self, last: int) -> Sequence[Mapping[str, Any]]:
        """The newest messages to people, newest first."""
        return await self._notifier.list_notifications(last=last)


def _told(alarm: store.AlarmView, now: int) -> dict[str, Any]:
    """An alarm, whether it has been active for more than a day, and whether its review is due."""
    review_due = alarm.service is not None and alarm.service.review_at <= now
    return alarm.as_json() | {"standing": alarm.is_standing(now), "review_due": review_due}
