"""Alarms as the API asks for them: their store, and the messages about them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monitor.alarms import commands, store
from monitor.alarms.past import Past
from monitor.journal.state import State
from monitor.model import Command
from monitor.notify.outbox import Notifier
from monitor.performance.record import Record

__all__ = ["AlarmDesk"]


class AlarmDesk:
    """The `monitor.web.parts.AlarmBook` of the running daemon.

    `now` answers UTC ms, `raised` how many alarms were raised since the start, by severity.
    """

    def __init__(
        self, state: State, notifier: Notifier, now: Callable[[], int], raised: Callable[[], Mapping[str, int]]
    ) -> None:
        self._state = state
        self._notifier = notifier
        self._now = now
        self._raised = raised

    async def list_alarms(self) -> Sequence[Mapping[str, Any]]:
        """Every occurrence that is open, and the newest that are over; newest first."""
        return [alarm.as_json() for alarm in await store.list_alarms(self._state, include_cleared=True)]

    async def show(self, occurrence: str) -> Mapping[str, Any] | None:
        """One occurrence with its steps and its notifications; None when nobody knows it."""
        alarm = await store.show(self._state, occurrence)
        if alarm is None:
            return None
        return alarm.as_json() | {"notifications": await self._notifier.list_notifications(occurrence)}

    async def acknowledge(self, occurrence: str, *, by: str, reason: str) -> Command:
        """The command that acknowledges an occurrence; RequestRefused says why it cannot be."""
        return await commands.acknowledge(self._state, occurrence, by=by, reason=reason, now=self._now())

    async def notifications(self, last: int) -> Sequence[Mapping[str, Any]]:
        """The newest messages to people, newest first."""
        return await self._notifier.list_notifications(last=last)

    async def record(self, start: int, end: int, *, messages: bool = True) -> Record:
        """What was raised, or still active, in [start, end); messages that were sent in it, if wanted."""
        return await Past(self._state).record(start, end, messages=messages)

    def raised(self) -> Mapping[str, int]:
        """How many alarms were raised since the start, by severity."""
        return self._raised()
