"""Reads what alarms did, and whom they were told to, out of the state: for figures over weeks and months."""

from collections.abc import Sequence
from typing import Final

from monitor.journal.state import State
from monitor.performance.rates import BIN
from monitor.performance.record import Episode, Record, Sent

__all__ = ["Past"]

_EPISODES: Final = """
    SELECT * FROM (
        SELECT alarm.occurrence, alarm.rule, alarm.source_key, alarm.cleared_at, alarm.momentary,
            (SELECT min(time) FROM alarm_event AS step WHERE step.occurrence = alarm.occurrence
                AND step.suppression = '[]' AND (step.state <> 'clear' OR step.cause = 'raised')) AS shown,
            coalesce((SELECT severity FROM alarm_event AS step WHERE step.occurrence = alarm.occurrence
                AND step.cause = 'raised' ORDER BY number LIMIT 1), alarm.severity) AS severity,
            (SELECT min(time) FROM alarm_event AS step WHERE step.occurrence = alarm.occurrence
                AND step.cause IN ('acknowledged', 'reset')) AS acknowledged,
            NOT EXISTS (SELECT 1 FROM alarm_event AS step WHERE step.occurrence = alarm.occurrence
                AND step.cause IN ('raised', 'cleared') AND step.response = 'none') AS wants,
            coalesce(done.cause, '') AS cause, coalesce(done.earlier, '') <> '' AS again
        FROM alarm LEFT JOIN alarm_case AS done ON done.occurrence = alarm.occurrence
        WHERE alarm.occurrence IN (SELECT occurrence FROM alarm WHERE changed_at >= :start
                UNION SELECT occurrence FROM alarm WHERE state <> 'clear' OR response <> 'none')
            AND raised_at < :end
    ) WHERE shown < :end AND (shown >= :start OR (momentary = 0 AND (cleared_at IS NULL OR cleared_at > :start)))
    ORDER BY shown, occurrence
"""
_MESSAGES: Final = """
    SELECT outbox.person, outbox.kind, alarm.rule, alarm.source_key,
        coalesce(outbox.sent_at, outbox.next_at) AS time
    FROM outbox JOIN alarm ON alarm.occurrence = outbox.occurrence
    WHERE outbox.state IN ('sent', 'unknown') AND outbox.carried_by IS NULL
        AND coalesce(outbox.sent_at, outbox.next_at) >= :start
        AND coalesce(outbox.sent_at, outbox.next_at) < :end ORDER BY time, outbox.id
"""


class Past:
    """The `monitor.performance.record.AlarmRecords` of a state; alarms are kept for 400 days."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def record(self, start: int, end: int, *, messages: bool = True) -> Record:
        """What was raised, or still active, in [start, end) and the ten minutes before; messages sent in it.

        What was held back (shelved, suppressed, out of service, only tried) burdens nobody: it counts from when it
        was shown, if it ever was. A message of which it is not known whether it arrived counts as sent; without
        `messages` none is read.
        """
        rows = await self._state.query(_EPISODES, {"start": start - BIN, "end": end})
        episodes = [
            Episode(
                occurrence=row["occurrence"],
                rule=row["rule"],
                source_key=row["source_key"],
                severity=row["severity"],
                raised=row["shown"],
                cleared=row["cleared_at"],
                acknowledged=row["acknowledged"],
                momentary=bool(row["momentary"]),
                wants_acknowledgement=bool(row["wants"]),
                cause=row["cause"],
                again=bool(row["again"]),
            )
            for row in rows
        ]
        return Record(episodes, await self._messages(start, end) if messages else ())

    async def _messages(self, start: int, end: int) -> Sequence[Sent]:
        rows = await self._state.query(_MESSAGES, {"start": start, "end": end})
        return [Sent(row["person"], row["time"], row["kind"], row["rule"], row["source_key"]) for row in rows]
