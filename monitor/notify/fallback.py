"""What cannot be delivered over one channel of a person goes over the next. Runs inside `State.transact`.

A row is given up when its address refuses for good or its time is over. Once all rows of a message to a person
are, one for the next of the person's channels is made, in the same transaction; the next step of the escalation
is hastened only when there is none left.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson

from monitor.model import SEVERITY_RANK
from monitor.notices import ALARMING, NoticeKind, telling_of
from monitor.notify.attempt import Attempt
from monitor.notify.decision import PENDING
from monitor.notify.handover import give_back
from monitor.staff import Person

__all__ = ["comes_after", "fall_back", "replace_expired"]

_FALLS: Final = ALARMING | {NoticeKind.CLEAR, NoticeKind.REMIND}
"""What begins, reminds and ends: whoever was told of an alarm hears of its end, whatever became of the channel."""
_TOLD: Final = {"clear": frozenset({"sent", "unknown"})}
_ALARM_TOLD: Final = frozenset({"sent", "unknown", "superseded"})

_INSERT: Final = """
    INSERT OR IGNORE INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,
        not_before, expires, next_at, body)
    VALUES (:notification_id, :occurrence, :kind, :person, :channel, :step, :severity, :now, :now,
        :now + (:expires - :not_before), :now, :body)
"""
_UNTOLD: Final = """
    DELETE FROM outbox WHERE notification_id = :notification AND person = :person AND channel = :channel
        AND state IN ('queued', 'failed', 'dead', 'superseded') AND NOT maybe_delivered AND carried_by IS NULL
"""
_REMINDED: Final = """
    SELECT 1 FROM outbox WHERE occurrence = :occurrence AND person = :person AND channel <> :channel
        AND kind = 'remind' AND state IN ('queued', 'sending', 'failed')
"""
_AFTERWARDS: Final = """
    SELECT * FROM outbox WHERE occurrence = :occurrence AND person = :person AND channel = :channel
        AND id > :id AND kind IN ('clear', 'acknowledged')
    ORDER BY id
"""


def fall_back(
    db: sqlite3.Connection, people: Mapping[str, Person], attempt: Attempt, error: str, now: int
) -> None:
    """Make rows for the next channel of whatever of an attempt is given up with it."""
    for each in (attempt, *attempt.gathered):
        _fall_back(db, people, each.id, error, now)


def replace_expired(db: sqlite3.Connection, people: Mapping[str, Person], number: int, now: int) -> None:
    """Make rows for the next channel of a message whose time is over, and which is given up."""
    _fall_back(db, people, number, "expired", now)


def _fall_back(db: sqlite3.Connection, people: Mapping[str, Person], number: int, error: str, now: int) -> None:
    row = db.execute("SELECT * FROM outbox WHERE id = ?", (number,)).fetchone()
    person = people.get(row["person"])
    if person is None or row["kind"] not in _FALLS or _is_told(db, row):
        return
    is_reminder = row["kind"] == NoticeKind.REMIND
    if is_reminder and db.execute(_REMINDED, dict(row)).fetchone() is not None:
        return
    same = db.execute(
        "SELECT id, channel, state, expires FROM outbox WHERE notification_id = ? AND person = ?",
        (row["notification_id"], row["person"]),
    ).fetchall()
    if any(_may_be_sent(other, now) for other in same if other["id"] != row["id"]):
        return
    tried = {other["channel"] for other in same}
    body: dict[str, Any] = orjson.loads(row["body"])
    only = body.get("why", {}).get("channels")
    channel = next(
        (name for name in only or person.channels if name in person.channels and name not in tried), None
    )
    if channel is None:
        give_back(db, row, body, now)
        return
    why = {**body.get("why", {}), "fallback_of": {"channel": row["channel"], "reason": error}}
    _insert(db, row, channel, {**body, "after": 0, "why": why}, now)
    if is_reminder:
        return  # what follows goes where the alarm went, and falls back by itself
    for later in db.execute(_AFTERWARDS, dict(row)).fetchall():
        comes_after(db, later, row["person"], channel)
        _insert(db, later, channel, orjson.loads(later["body"]), now)


def comes_after(db: sqlite3.Connection, row: sqlite3.Row, person: str, channel: str) -> None:
    """Make room for a copy of what follows an alarm's message, behind the one that was made just now.

    What somebody has over that channel already, and was not told, would stand before it as its past.
    """
    about = {"notification": row["notification_id"], "person": person, "channel": channel}
    db.execute(_UNTOLD, about)


def _may_be_sent(row: sqlite3.Row, now: int) -> bool:
    return row["state"] == "sending" or (row["state"] in PENDING and row["expires"] > now)


def _is_told(db: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether the person knows of it over another channel, or hears of something newer.

    What may have arrived counts where a second message is not worth it: below `high`.
    """
    urgent = SEVERITY_RANK[row["severity"]] >= SEVERITY_RANK["high"]
    if row["maybe_delivered"] and not urgent:
        return True
    others = db.execute(
        "SELECT id, kind, state, maybe_delivered, notification_id FROM outbox"
        " WHERE occurrence = :occurrence AND person = :person AND id <> :id"
        " AND (kind IN ('raise', 'severity', 'chatter') OR notification_id = :notification_id)",
        dict(row),
    ).fetchall()
    same = [other for other in others if other["notification_id"] == row["notification_id"]]
    telling = telling_of(row["notification_id"])
    newer = [
        other for other in others if other["id"] > row["id"] and telling_of(other["notification_id"]) != telling
    ]
    return any(other["state"] in _TOLD.get(row["kind"], _ALARM_TOLD) for other in same) or any(
        other["state"] != "dead" for other in newer
    )


def _insert(db: sqlite3.Connection, row: sqlite3.Row, channel: str, body: Mapping[str, Any], now: int) -> None:
    db.execute(_INSERT, {**dict(row), "channel": channel, "body": orjson.dumps(body).decode(), "now": now})
