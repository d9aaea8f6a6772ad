"""What became of an alarm while a message about it waited, and others were told. Runs inside `State.transact`."""

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson

from monitor.model import SEVERITY_RANK
from monitor.notices import ALARMING, NoticeKind, step_of
from monitor.notify.sound import is_sound

__all__ = ["as_grave_as_now", "was_told_since_and_is_over"]

_OTHERS: Final = """
    SELECT id, notification_id, kind, severity, state, maybe_delivered FROM outbox
    WHERE occurrence = :occurrence AND kind IN ('raise', 'severity', 'chatter', 'clear') AND id <> :id
"""
_GRAVER: Final = "UPDATE outbox SET severity = :severity, body = :body WHERE id = :id"
_OF_NOW: Final = ("severity", "value", "limit", "facts")


def as_grave_as_now(db: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
    """Let a message that tells of an alarm say how severe it is by now, and why: others were told so since."""
    if row["kind"] not in ALARMING:
        return row
    newer = [each for each in _told_anew(_others(db, row), row) if _rank(each) > _rank(row)]
    if not newer:
        return row
    worst = max(newer, key=_rank)
    text = db.execute("SELECT body FROM outbox WHERE id = ?", (worst["id"],)).fetchone()["body"]
    if not is_sound(text):
        return row
    said = orjson.loads(text)
    body = {key: value for key, value in orjson.loads(row["body"]).items() if key not in _OF_NOW}
    body |= {key: said[key] for key in _OF_NOW if key in said}
    about = {"severity": worst["severity"], "body": orjson.dumps(body).decode(), "id": row["id"]}
    db.execute(_GRAVER, about)
    changed: sqlite3.Row = db.execute("SELECT * FROM outbox WHERE id = ?", (row["id"],)).fetchone()
    return changed


def was_told_since_and_is_over(db: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether somebody got a newer message of the beginning of a row's alarm, and that is over by now."""
    others = _others(db, row)
    ended = max((_step(each) for each in others if each["kind"] == NoticeKind.CLEAR), default=0)
    return any(
        _step(each) < ended and (each["state"] in {"sent", "unknown"} or each["maybe_delivered"])
        for each in _told_anew(others, row)
    )


def _others(db: sqlite3.Connection, row: sqlite3.Row) -> Sequence[sqlite3.Row]:
    return db.execute(_OTHERS, {"occurrence": row["occurrence"], "id": row["id"]}).fetchall()


def _told_anew(others: Sequence[sqlite3.Row], row: sqlite3.Row) -> Sequence[sqlite3.Row]:
    """What was to be told of a later step of the alarm, to anybody."""
    return [each for each in others if each["kind"] in ALARMING and _step(each) > _step(row)]


def _step(row: sqlite3.Row) -> int:
    return step_of(row["notification_id"], row["kind"]) or 0


def _rank(row: sqlite3.Row) -> int:
    return SEVERITY_RANK[row["severity"]]
