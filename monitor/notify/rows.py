"""Rows of the outbox as what decides about them, and what sends them, sees them."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from monitor.notices import step_of, telling_of
from monitor.notify.attempt import Attempt
from monitor.notify.decision import Past
from monitor.notify.holding import Waiting

__all__ = ["attempt_of", "past_of", "waiting_of"]


def waiting_of(row: sqlite3.Row) -> Waiting:
    """What counts of a row where it is asked whether it waits."""
    body = orjson.loads(row["body"])
    return Waiting(
        kind=row["kind"],
        severity=row["severity"],
        notification=row["notification_id"],
        step=row["step"],
        held=row["held"],
        created=row["created"],
        next_at=row["next_at"],
        attempts=row["attempts"],
        group=body.get("group") or "",
        gather=body.get("gather") or "",
        is_late="backlog" in body,
    )


def past_of(row: sqlite3.Row, body: Mapping[str, Any] | None = None) -> Past:
    """What counts of a row where it is decided about; without its `body` only what stands in columns."""
    return Past(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        step=row["step"],
        severity=row["severity"],
        expires=row["expires"],
        person=row["person"],
        maybe_delivered=bool(row["maybe_delivered"]),
        momentary=body is not None and body["rule"]["kind"] == "event",
        telling=telling_of(row["notification_id"]),
        number=step_of(row["notification_id"], row["kind"]),
        until_clear=body is not None and bool(body.get("until_clear")),
        fell_back=body is not None and "fallback_of" in body.get("why", {}),
        due=row["not_before"],
        sent_at=row["sent_at"],
    )


def attempt_of(
    row: sqlite3.Row, body: Mapping[str, Any], others: Sequence[sqlite3.Row] = (), *, is_over: bool = False
) -> Attempt:
    """What is sent of a row. `others` are those of the same alarm and lane; `is_over`: its end is told with it."""
    later = [each for each in others if each["state"] in {"queued", "failed"} and each["id"] > row["id"]]
    ends = [each for each in others if each["kind"] == "clear"] if is_over else []
    answers = [each for each in later if each["kind"] == "acknowledged"]
    by = [str(orjson.loads(each["body"]).get("by", "")) for each in answers]
    return Attempt(
        id=row["id"],
        lane=(row["person"], row["channel"]),
        occurrence=row["occurrence"],
        notification=row["notification_id"],
        kind=row["kind"],
        step=row["step"],
        severity=row["severity"],
        expires=row["expires"],
        number=row["attempts"] + 1,
        body=body,
        cleared=max((orjson.loads(each["body"])["time"] for each in ends), default=None),
        maybe_delivered=bool(row["maybe_delivered"]),
        held=row["held"],
        acknowledged_by=by[-1] if by else "",
        ends=tuple(each["id"] for each in ends),
        acknowledgements=tuple(each["id"] for each in answers),
    )
