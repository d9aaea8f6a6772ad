"""What became of a message that was tried, and what follows from it. All runs inside `State.transact`."""

import sqlite3
from dataclasses import dataclass
from typing import Final

import orjson

from monitor.notices import ALARMING, telling_of
from monitor.notify import reminders, reports, unanswered
from monitor.notify.attempt import Attempt, Lane
from monitor.notify.decision import PENDING
from monitor.site import Site

__all__ = ["Outcome", "hasten", "mark", "wake_others"]


_REPLACE: Final = """
    UPDATE outbox SET state = 'superseded', last_error = 'a newer message replaces it'
    WHERE occurrence = :occurrence AND person = :person AND channel = :channel AND id < :id
        AND kind IN ('raise', 'severity', 'chatter') AND state IN ('queued', 'failed')
        AND (:step = 0 OR step > 0)
        AND notification_id <> :telling AND notification_id NOT LIKE :telling || ':again%'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt came to: the row's new state and why; `next_at` (UTC ms) when it is tried again.

    `refused`: the address said that it will never take it. `unbuilt`: the report could not be built.
    """

    state: str
    error: str = ""
    maybe: bool = False
    refused: bool = False
    unbuilt: bool = False
    next_at: int | None = None


def _replace_older(db: sqlite3.Connection, attempt: Attempt) -> None:
    """What still waits of an earlier telling is old news, and must hold up nothing that comes after this one."""
    telling = telling_of(attempt.notification)
    about = {"occurrence": attempt.occurrence, "person": attempt.lane[0], "channel": attempt.lane[1]}
    db.execute(_REPLACE, {**about, "id": attempt.id, "step": attempt.step, "telling": telling})


def wake_others(db: sqlite3.Connection, occurrence: str, lane: Lane, now: int) -> None:
    """What came after an alarm's message and waited for it is due."""
    db.execute(
        "UPDATE outbox SET next_at = ? WHERE occurrence = ? AND person = ? AND channel = ? AND state = 'queued'"
        " AND held IN ('', 'order') AND kind IN ('clear', 'acknowledged')",
        (now, occurrence, *lane),
    )


def mark(db: sqlite3.Connection, attempt: Attempt, outcome: Outcome, now: int, site: Site | None = None) -> int:
    """Write down what an attempt came to; answers how many rows of the next step were brought forward by it.

    `site`: whose reminders follow a message, and whose teams are to answer; without it there are none.
    """
    if outcome.state == "sent" and attempt.carries:
        db.execute(
            "UPDATE outbox SET state = 'superseded', carried_by = ?,"
            " last_error = 'told together with the alarm itself'"
            " WHERE (state IN ('queued', 'failed') OR state = 'superseded' AND carried_by IS NULL)"
            " AND id IN (SELECT value FROM json_each(?))",
            (attempt.id, orjson.dumps(attempt.carries).decode()),
        )
    if outcome.state in {"sent", "unknown"}:
        for each in attempt.gathered:
            db.execute("UPDATE outbox SET carried_by = ? WHERE id = ?", (attempt.id, each.id))
    rows = (attempt.alone or attempt, *attempt.gathered)
    return sum(_mark(db, each, outcome, now, site) for each in rows)


def _mark(db: sqlite3.Connection, attempt: Attempt, outcome: Outcome, now: int, site: Site | None) -> int:
    db.execute(
        "UPDATE outbox SET state = :state, last_error = :error, maybe_delivered = maybe_delivered OR :maybe,"
        " next_at = coalesce(:next_at, next_at), sent_at = CASE :state WHEN 'sent' THEN :now ELSE sent_at END"
        " WHERE id = :id",
        {
            "state": outcome.state,
            "error": outcome.error,
            "maybe": outcome.maybe,
            "next_at": outcome.next_at,
            "now": now,
            "id": attempt.id,
        },
    )
    if attempt.is_report:
        reports.note_end(db, attempt.id, now)
        return 0
    if outcome.state == "sent" and attempt.kind in ALARMING:
        _replace_older(db, attempt)
    wake_others(db, attempt.occurrence, attempt.lane, now)
    if site is not None and outcome.state in {"sent", "unknown"}:
        reminders.note_told(db, attempt, now, site.notify.reminders)
    if site is not None:
        unanswered.note_last(db, site, attempt, now, failed=outcome.state == "failed")
    return hasten(db, attempt.notification, attempt.kind, now) if outcome.state == "dead" else 0


def hasten(db: sqlite3.Connection, notification: str, kind: str, now: int) -> int:
    """When a message reached nobody at all so far, make the next step of its escalation due at once."""
    if kind not in ALARMING:
        return 0
    rows = db.execute(
        "SELECT state, step, attempts, maybe_delivered FROM outbox WHERE notification_id = ?", (notification,)
    ).fetchall()
    waiting = [row["step"] for row in rows if row["state"] == "queued" and row["step"] > 0 and not row["attempts"]]
    if not waiting or any(row["maybe_delivered"] or row["state"] in {"sent", "unknown"} for row in rows):
        return 0
    step = min(waiting)
    if any(row["state"] in PENDING and row["step"] < step for row in rows):
        return 0
    return db.execute(
        "UPDATE outbox SET next_at = :now, not_before = :now, body = json_set(body, '$.after', 0)"
        " WHERE notification_id = :notification AND step = :step AND state = 'queued' AND next_at > :now",
        {"now": now, "notification": notification, "step": step},
    ).rowcount
