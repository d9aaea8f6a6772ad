"""Event alarms out of a backlog: people hear of many in one message.

A reader that was cut off tells in seconds what happened in hours. Each of its late alarms is kept by itself; those
of one rule that come within half a minute, or two seconds when they are critical, are one message for each person
and channel. It speaks for the newest; its later steps go on until all of them are acknowledged.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

import orjson

from monitor.model import Severity
from monitor.notices import Notice, OutboxRow

__all__ = ["Backlog", "body_text", "columns_of"]

_GATHERED: Final = 30_000
"""Milliseconds for which a message about late alarms waits for more of them."""

_GATHERED_CRITICAL: Final = 2_000
"""The same of critical ones: duress from a reader whose clock is slow must not wait for long."""

_MOST_NAMED: Final = 10
_MOST_ALARMS: Final = 500
"""The newest alarms of one message whose acknowledgements are waited for."""

_WAITING = """
    SELECT id, occurrence, body FROM outbox
    WHERE state = 'queued' AND attempts = 0 AND kind = :kind AND person = :person AND channel = :channel
        AND step = :step AND severity = :severity AND created > :since
        AND json_extract(body, '$.backlog.rule') = :rule
"""
_INSERT = """
    INSERT OR IGNORE INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,
        not_before, expires, next_at, body)
    VALUES (:notification_id, :occurrence, :kind, :person, :channel, :step, :severity, :created,
        :not_before, :expires, :not_before, :body)
"""
_UPDATE = "UPDATE outbox SET occurrence = :occurrence, body = :body WHERE id = :id"


@dataclass(slots=True)
class _Message:
    """What one person is told over one channel: the newest alarm, and what else there was."""

    rule: str
    row: OutboxRow
    first: int
    last: int
    devices: set[str] = field(default_factory=set)
    occurrences: list[str] = field(default_factory=list)
    """All that this transaction adds, as they came."""


class Backlog:
    """Gathers the late alarms of one transaction, and puts them into the outbox."""

    def __init__(self) -> None:
        self._messages: dict[tuple[object, ...], _Message] = {}

    def add(self, notice: Notice, rows: Sequence[OutboxRow]) -> None:
        """Take the rows that a late alarm would make."""
        at, rule = notice.raised_at, notice.rule.id
        for row in rows:
            key = (rule, row.severity, row.person, row.channel, row.step)
            message = self._messages.setdefault(key, _Message(rule, row, at, at))
            if at >= message.last:
                message.row, message.last = row, at
            message.first = min(message.first, at)
            message.devices.add(notice.transition.device)
            message.occurrences.append(row.occurrence)

    def write(self, db: sqlite3.Connection, now: int) -> None:
        """Add each to a message of its rule that still waits, or make a new one."""
        for message in self._messages.values():
            row = message.row
            found = db.execute(
                _WAITING,
                {
                    "kind": row.kind.value,
                    "person": row.person,
                    "channel": row.channel,
                    "step": row.step,
                    "severity": row.severity,
                    "since": now - _gathered(row.severity),
                    "rule": message.rule,
                },
            ).fetchone()
            if found is None:
                db.execute(_INSERT, _new(message, now))
            else:
                db.execute(_UPDATE, {"id": found["id"], **_joined(message, found)})


def columns_of(row: OutboxRow) -> dict[str, object]:
    """What the outbox keeps of a row as it is: all but its times and its body."""
    return {
        "notification_id": row.notification_id,
        "occurrence": row.occurrence,
        "kind": row.kind.value,
        "person": row.person,
        "channel": row.channel,
        "step": row.step,
        "severity": row.severity,
    }


def body_text(body: Mapping[str, Any]) -> str:
    """Spell a body so that everybody reads it, SQLite too: what is no number, and half of a sign, is left out."""
    try:
        return orjson.dumps(body).decode()
    except TypeError:  # keys that are no texts, integers beyond 64 bits, halves of signs
        text = json.dumps(_plain(body), ensure_ascii=False)
        return text.encode(errors="replace").decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _gathered(severity: str) -> int:
    return _GATHERED_CRITICAL if severity == Severity.CRITICAL else _GATHERED


def _new(message: _Message, now: int) -> dict[str, object]:
    row = message.row
    after = row.body.get("after")
    wait = _gathered(row.severity) + (after if isinstance(after, int) else 0)
    return {
        **columns_of(row),
        "created": now,
        "not_before": now + wait,
        "expires": now + wait + row.expires - row.not_before,
        "body": body_text(_body(row, wait, message, len(message.occurrences) - 1)),
    }


def _joined(message: _Message, waiting: sqlite3.Row) -> dict[str, object]:
    """What becomes of a row that waits: it goes on to speak for the newest alarm."""
    body: dict[str, Any] = json.loads(waiting["body"])
    before = body["backlog"]
    more = before["more"] + len(message.occurrences)
    message.occurrences = [*before.get("occurrences", ()), *message.occurrences]
    message.first = min(message.first, before["first"])
    message.devices.update(before["devices"])
    if message.last >= before["last"]:
        body = _body(message.row, body["after"], message, more)
        return {"occurrence": message.row.occurrence, "body": body_text(body)}
    message.last = before["last"]
    return {
        "occurrence": waiting["occurrence"],
        "body": body_text({**body, "backlog": _backlog(message, more)}),
    }


def _body(row: OutboxRow, after: int, message: _Message, more: int) -> dict[str, Any]:
    return {**row.body, "after": after, "backlog": _backlog(message, more)}


def _backlog(message: _Message, more: int) -> dict[str, Any]:
    return {
        "rule": message.rule,
        "more": more,
        "first": message.first,
        "last": message.last,
        "devices": sorted(message.devices)[:_MOST_NAMED],
        "occurrences": message.occurrences[-_MOST_ALARMS:],
    }
