"""The table `outbox`: what is due, and what became of it. Every function runs inside `State.transact`."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from monitor.notify import reports
from monitor.notify.attempt import Attempt, Lane, gathered
from monitor.notify.decision import PENDING, Action, Decision, Past, Standing, decide
from monitor.notify.readdress import Divert
from monitor.notify.restored import Restore, decide_restored, newest_restore
from monitor.ports import NoticeKind

__all__ = [
    "STATES",
    "Attempt",
    "ClockStep",
    "GetStanding",
    "Lane",
    "Outcome",
    "begin_again",
    "count",
    "follow_clock",
    "forget",
    "mark",
    "shown",
    "take",
]

GetStanding = Callable[[sqlite3.Connection, str], tuple[bool, ...]]
"""The fields of a `Standing` of an occurrence; called in a transaction."""

STATES: Final = ("queued", "sending", "sent", "failed", "unknown", "dead", "superseded")
"""queued: waits for its time; failed: will be tried again; unknown: it may have arrived, and is left at that."""

_MOST_DECISIONS: Final = 500
_RECHECK: Final = 1000

_NOT_WORTH_POSTPONING: Final = 60_000

_NEWEST_THAT_WAITS: Final = "SELECT max(created) FROM outbox WHERE state IN ('queued', 'sending', 'failed')"
_BRING_DOWN: Final = """
    UPDATE outbox SET created = created - :by, not_before = not_before - :by, next_at = next_at - :by,
                      expires = expires - :by
    WHERE state IN ('queued', 'sending', 'failed')
"""
_FUTURE: Final = 5000
"""Milliseconds: what is made so much later than now was made by another clock."""

# The first condition repeats the index's own, which is how SQLite knows that it may use it.
# Reports are taken apart from all others, so that no alarm waits for one.
_DUE: Final = """
    SELECT * FROM (
        SELECT *, row_number() OVER (
            PARTITION BY person, channel
            ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, id
        ) AS place
        FROM outbox
        WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now
          AND (kind = 'report') = :reports AND person || '/' || channel NOT IN (SELECT value FROM json_each(:busy))
    ) WHERE place = 1 ORDER BY next_at LIMIT :most
"""

_GATHERED: Final = """
    SELECT * FROM outbox
    WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now AND kind = 'raise'
        AND person = :person AND channel = :channel AND json_extract(body, '$.gather') = :gather
    ORDER BY id LIMIT 1000
"""

_SENDING: Final = "UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ?"

_ANSWER: Final = """
    SELECT id, notification_id, occurrence, kind, person, channel, step, severity, state, attempts, created,
           not_before, next_at, expires, sent_at, maybe_delivered, last_error,
           coalesce(json_extract(body, '$.why.reason'), '') AS why
    FROM outbox
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """The clock was set: by how many ms, what it said before, and up to which row that has been followed."""

    by: int
    was: int
    after: int = 0


def begin_again(db: sqlite3.Connection, now: int) -> int:
    """After a start: send again what was being sent when the program ended; answers how many rows that is.

    Rows from the future were made before the clock was set back while the program did not run (no battery, no
    network yet): those that wait come down to it, as if the newest had been made now.
    """
    newest: int | None = db.execute(_NEWEST_THAT_WAITS).fetchone()[0]
    if newest is not None and newest > now + _FUTURE:
        db.execute(_BRING_DOWN, {"by": newest - now})
    reports.revive(db, now)
    return db.execute(
        "UPDATE outbox SET state = 'failed', maybe_delivered = 1, next_at = :now,"
        " last_error = 'the program ended while this was sent' WHERE state = 'sending'",
        {"now": now},
    ).rowcount


def follow_clock(db: sqlite3.Connection, step: ClockStep, now: int) -> int:
    """Move the times of rows made by the old clock, so that nothing matures or expires because it was set.

    Answers the newest row there is: to be called again for those the engine still makes by the old clock.
    """
    newest: int = db.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()[0]
    db.execute(
        "UPDATE outbox SET created = created + :by, not_before = not_before + :by, next_at = next_at + :by,"
        " expires = expires + :by WHERE state IN ('queued', 'sending', 'failed') AND id > :after"
        " AND CASE WHEN :by > 0 THEN created <= :was + 10000"
        " WHEN :after = 0 THEN created NOT BETWEEN :now - 2000 AND :now + 5000"
        " ELSE created > :now + 5000 END",
        {"by": step.by, "was": step.was, "now": now, "after": step.after},
    )
    return newest


def forget(db: sqlite3.Connection, before: int) -> None:
    """Delete what came to its end and was made before a time (UTC ms)."""
    db.execute(
        "DELETE FROM outbox WHERE created < ? AND state IN ('sent', 'unknown', 'dead', 'superseded')", (before,)
    )


def take(  # noqa: PLR0913 - what is due, and for whom there is room
    db: sqlite3.Connection,
    *,
    now: int,
    busy: Collection[Lane],
    most: int,
    standing: GetStanding,
    of_reports: bool = False,
    divert: Divert | None = None,
) -> Sequence[Attempt]:
    """Decide about what is due and mark as `sending` what shall go out now: at most one row of a free lane.

    `of_reports`: take reports, else all others; `busy` are lanes of the same. `divert`: who is on call by now.
    """
    taken: list[Attempt] = []
    restore = newest_restore(db)
    lanes = {f"{person}/{channel}" for person, channel in busy}
    for _ in range(_MOST_DECISIONS):
        if len(taken) >= most:
            break
        due = db.execute(
            _DUE,
            {
                "now": now,
                "busy": orjson.dumps(sorted(lanes)).decode(),
                "most": most - len(taken),
                "reports": of_reports,
            },
        ).fetchall()
        if not due:
            break
        for row in due:
            attempt = _decide(db, row, now, standing, restore, divert)
            if attempt is not None:
                taken.append(attempt)
                lanes.add("/".join(attempt.lane))
    return taken


def _decide(  # noqa: PLR0913, PLR0917 - a row, and all that decides about it
    db: sqlite3.Connection,
    row: sqlite3.Row,
    now: int,
    standing: GetStanding,
    restore: Restore | None,
    divert: Divert | None,
) -> Attempt | None:
    body: dict[str, Any] = orjson.loads(row["body"])
    if divert is not None and divert(db, row, body, now):
        return None
    if row["kind"] == NoticeKind.REPORT:
        return _decide_report(db, row, body, now, restore)
    attempt = _decide_alarm(db, row, now, standing, restore)
    if attempt is None or not body.get("gather") or row["kind"] != NoticeKind.RAISE:
        return attempt
    others = db.execute(
        _GATHERED,
        {"person": row["person"], "channel": row["channel"], "now": now, "gather": body["gather"]},
    ).fetchall()
    mine = [one for one in others if divert is None or not divert(db, one, orjson.loads(one["body"]), now)]
    taken = [_decide_alarm(db, each, now, standing, restore) for each in mine]
    return gathered(attempt, [each for each in taken if each is not None])


def _decide_alarm(
    db: sqlite3.Connection, row: sqlite3.Row, now: int, standing: GetStanding, restore: Restore | None
) -> Attempt | None:
    body: dict[str, Any] = orjson.loads(row["body"])
    if _postpone(db, row, int(body.get("after", 0))):
        row = db.execute("SELECT * FROM outbox WHERE id = ?", (row["id"],)).fetchone()
        if row["next_at"] > now:
            return None
    others = db.execute(
        "SELECT * FROM outbox WHERE occurrence = ? AND person = ? AND channel = ? AND id <> ?",
        (row["occurrence"], row["person"], row["channel"], row["id"]),
    ).fetchall()
    about = _past(row, body), [_past(o) for o in others], _standing_of(db, row, body, standing)
    decision = decide_restored(about[0], body["time"], *about[1:], restore) or decide(*about, now)
    if decision.action in {Action.SEND, Action.COMBINE}:
        db.execute(_SENDING, (row["id"],))
        ends = [orjson.loads(o["body"])["time"] for o in others if o["kind"] == "clear"]
        return _attempt(row, body, cleared=max(ends) if decision.action is Action.COMBINE else None)
    _leave(db, row, decision, now)
    return None


def _standing_of(
    db: sqlite3.Connection, row: sqlite3.Row, body: Mapping[str, Any], standing: GetStanding
) -> Standing:
    """How that stands which a message is about: one about many alarms waits until all are acknowledged."""
    about = body.get("backlog", {}).get("occurrences") or [row["occurrence"]]
    found = [Standing(*standing(db, occurrence)) for occurrence in about]
    return Standing(
        acknowledged=all(each.acknowledged for each in found),
        cleared=all(each.cleared for each in found),
        held=all(each.held for each in found),
    )


def _decide_report(
    db: sqlite3.Connection, row: sqlite3.Row, body: Mapping[str, Any], now: int, restore: Restore | None
) -> Attempt | None:
    if now >= row["expires"]:
        reports.expire(db, row, now)
        return None
    db.execute(_SENDING, (row["id"],))
    return _attempt(row, reports.facts(row, body, restore), cleared=None)


def _postpone(db: sqlite3.Connection, row: sqlite3.Row, after: int) -> bool:
    """Count a row's times from its own making, when the alarm was older than that (late data, a long stop).

    Otherwise all steps of an escalation would be due at once, or the message expired before it was made.
    """
    behind = row["created"] - (row["not_before"] - after)
    if row["attempts"] or behind < _NOT_WORTH_POSTPONING:
        return False
    db.execute(
        "UPDATE outbox SET not_before = not_before + :behind, next_at = not_before + :behind,"
        " expires = expires + :behind WHERE id = :id",
        {"behind": behind, "id": row["id"]},
    )
    return True


def _past(row: sqlite3.Row, body: Mapping[str, Any] | None = None) -> Past:
    return Past(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        step=row["step"],
        severity=row["severity"],
        expires=row["expires"],
        maybe_delivered=bool(row["maybe_delivered"]),
        momentary=body is not None and body["rule"]["kind"] == "event",
        telling=row["notification_id"].partition(":again")[0],
        until_clear=body is not None and bool(body.get("until_clear")),
    )


def _attempt(row: sqlite3.Row, body: Mapping[str, Any], *, cleared: int | None) -> Attempt:
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
        cleared=cleared,
        maybe_delivered=bool(row["maybe_delivered"]),
    )


def _leave(db: sqlite3.Connection, row: sqlite3.Row, decision: Decision, now: int) -> None:
    if decision.action is Action.WAIT:
        db.execute("UPDATE outbox SET next_at = ? WHERE id = ?", (now + _RECHECK, row["id"]))
        return
    if decision.action is Action.DROP:
        db.execute(
            "UPDATE outbox SET state = 'superseded', last_error = ? WHERE id = ?", (decision.reason, row["id"])
        )
        return
    reason = f"expired; {row['last_error']}" if row["last_error"] else "expired before it could be tried"
    db.execute("UPDATE outbox SET state = 'dead', last_error = ? WHERE id = ?", (reason, row["id"]))
    _hasten(db, row["notification_id"], row["kind"], now)


def mark(db: sqlite3.Connection, attempt: Attempt, outcome: Outcome, now: int) -> int:
    """Write down what an attempt came to; answers how many rows of the next step were brought forward by it."""
    return sum(_mark(db, each, outcome, now) for each in (attempt, *attempt.gathered))


def _mark(db: sqlite3.Connection, attempt: Attempt, outcome: Outcome, now: int) -> int:
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
    same = {"occurrence": attempt.occurrence, "person": attempt.lane[0], "channel": attempt.lane[1], "now": now}
    if outcome.state == "sent" and attempt.cleared is not None:
        db.execute(
            "UPDATE outbox SET state = 'superseded', last_error = 'told together with the alarm itself'"
            " WHERE occurrence = :occurrence AND person = :person AND channel = :channel"
            " AND state IN ('queued', 'failed') AND kind IN ('clear', 'acknowledged')",
            same,
        )
    db.execute(
        "UPDATE outbox SET next_at = :now WHERE occurrence = :occurrence AND person = :person"
        " AND channel = :channel AND state = 'queued' AND kind IN ('clear', 'acknowledged')",
        same,
    )
    return _hasten(db, attempt.notification, attempt.kind, now) if outcome.state == "dead" else 0


def _hasten(db: sqlite3.Connection, notification: str, kind: str, now: int) -> int:
    """When a message reached nobody at all so far, make the next step of its escalation due at once."""
    if kind not in {"raise", "severity", "chatter"}:
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


def count(rows: Sequence[sqlite3.Row]) -> dict[str, int]:
    """Make the answer of a count by state complete: every state has its number."""
    counted = {row["state"]: row["n"] for row in rows}
    return {state: counted.get(state, 0) for state in STATES}


def shown(occurrence: str | None, most: int) -> tuple[str, tuple[Any, ...]]:
    """Answer the query and its parameters for the newest rows, of one occurrence or of all."""
    if occurrence is None:
        return f"{_ANSWER} ORDER BY id DESC LIMIT ?", (most,)
    return f"{_ANSWER} WHERE occurrence = ? ORDER BY id DESC LIMIT ?", (occurrence, most)
