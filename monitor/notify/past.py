"""Reads what became of messages out of the outbox, for reports."""

from collections.abc import Sequence
from typing import Final

from monitor.journal.state import State
from monitor.performance.messages import Outgoing

__all__ = ["Messages"]

_MESSAGES: Final = """
    SELECT outbox.id AS number, coalesce(outbox.sent_at, outbox.next_at) AS time, outbox.person, outbox.channel,
        outbox.notification_id AS notification, outbox.kind, outbox.severity, outbox.state, alarm.rule,
        alarm.source_key, alarm.raised_at AS raised, outbox.held, outbox.carried_by,
        alarm.acknowledged_at AS acknowledged, alarm.cleared_at AS cleared, alarm.momentary
    FROM outbox JOIN alarm ON alarm.occurrence = outbox.occurrence
    WHERE outbox.state IN ('sent', 'unknown', 'dead') AND coalesce(outbox.sent_at, outbox.next_at) >= :start
        AND coalesce(outbox.sent_at, outbox.next_at) < :end ORDER BY time, outbox.id
"""


class Messages:
    """The `monitor.performance.messages.MessageRecords` of a state; messages are kept for 400 days."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def messages(self, start: int, end: int) -> Sequence[Outgoing]:
        """What came to its end in [start, end), by time; reports are left out."""
        rows = await self._state.query(_MESSAGES, {"start": start, "end": end})
        return [Outgoing(**{**dict(row), "momentary": bool(row["momentary"])}) for row in rows]
