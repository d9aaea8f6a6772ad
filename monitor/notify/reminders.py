"""Reminders: whoever was told of an alarm and did not acknowledge it is told again, at growing intervals.

Each is a row of its own that is made in the transaction in which the message before it was written down as sent.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from monitor.notify.attempt import Attempt, Lane
from monitor.notify.routing import TIME_TO_LIVE
from monitor.periods import DAY

__all__ = ["next_reminder", "note_told", "remind_at_once"]

_REMINDS: Final = frozenset({"raise", "severity", "remind"})
_LONGEST: Final = DAY
"""Milliseconds after the alarm was told for the first time: what nobody has answered by then is no news."""

_WAITS: Final = """
    SELECT coalesce(max(CAST(substr(notification_id, length(:prefix) + 1) AS INTEGER)), 0) AS newest,
        coalesce(sum(state IN ('queued', 'sending', 'failed') AND id > :id), 0) AS waiting
    FROM outbox WHERE occurrence = :occurrence AND person = :person AND channel = :channel AND kind = 'remind'
"""
_PUT_OFF: Final = """
    UPDATE outbox SET not_before = :due, next_at = :due, expires = :expires
    WHERE occurrence = :occurrence AND person = :person AND channel = :channel AND kind = 'remind'
        AND state = 'queued' AND next_at < :due
"""
"""Who has just been told again by a later step, or by its repeat, needs no reminder in the same minute."""
_INSERT: Final = """
    INSERT OR IGNORE INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,
        not_before, expires, next_at, body)
    VALUES (:notification, :occurrence, 'remind', :person, :channel, :step, :severity, :now, :due, :expires, :due,
        :body)
"""


def next_reminder(
    kind: str, severity: str, before: Mapping[str, Any], now: int, reminders: Mapping[str, Sequence[float]]
) -> tuple[int, Mapping[str, int]] | None:
    """When (UTC ms) somebody who was told now is reminded next, and what that reminder says of itself.

    `before` is what a reminder said of itself, nothing for another message. None: they are not reminded.
    """
    times = reminders.get(severity)
    if kind not in _REMINDS or not times:
        return None
    number = int(before.get("number", 0)) + 1
    first = int(before.get("first", now))
    due = now + round(1000 * times[min(number, len(times)) - 1])
    return None if due > first + _LONGEST else (due, {"number": number, "first": first})


def note_told(
    db: sqlite3.Connection, attempt: Attempt, now: int, reminders: Mapping[str, Sequence[float]]
) -> None:
    """After a message went out (or may have): make the next reminder of its person and channel, or put it off."""
    if attempt.cleared is not None:
        return
    found = next_reminder(attempt.kind, attempt.severity, attempt.body.get("remind", {}), now, reminders)
    if found is None:
        return
    due, remind = found
    lane = {"occurrence": attempt.occurrence, "person": attempt.lane[0], "channel": attempt.lane[1]}
    expires = due + TIME_TO_LIVE[attempt.severity]
    # A reminder of before this message is one of what was told before: it is dropped when it is due.
    row = db.execute(_WAITS, {**lane, "id": attempt.id, "prefix": _prefix(attempt.occurrence)}).fetchone()
    if row["waiting"]:
        db.execute(_PUT_OFF, {**lane, "due": due, "expires": expires})
        return
    left_out = {"gather", "gathered", "after", "last"}
    body = {key: value for key, value in attempt.body.items() if key not in left_out}
    db.execute(
        _INSERT,
        {
            **lane,
            "notification": f"{_prefix(attempt.occurrence)}{row['newest'] + 1}",
            "step": attempt.step,
            "severity": attempt.severity,
            "now": now,
            "due": due,
            "expires": expires,
            "body": orjson.dumps({**body, "after": due - now, "remind": remind}).decode(),
        },
    )


def remind_at_once(db: sqlite3.Connection, row: sqlite3.Row, lane: Lane, now: int) -> None:
    """Make a reminder, which is due now, for somebody else of what another one is about (UTC ms)."""
    prefix = _prefix(row["occurrence"])
    about = {"occurrence": row["occurrence"], "person": lane[0], "channel": lane[1]}
    newest = db.execute(_WAITS, {**about, "id": row["id"], "prefix": prefix}).fetchone()["newest"]
    db.execute(
        _INSERT,
        {
            **about,
            "notification": f"{prefix}{newest + 1}",
            "step": row["step"],
            "severity": row["severity"],
            "now": now,
            "due": now,
            "expires": now + row["expires"] - row["not_before"],
            "body": orjson.dumps({**orjson.loads(row["body"]), "after": 0}).decode(),
        },
    )


def _prefix(occurrence: str) -> str:
    """How the ids of all reminders of an alarm begin; the number follows."""
    return f"{occurrence}:remind:"
