"""The table `outbox` as a whole: its states, its lists, its clock. Every function runs inside `State.transact`."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.notify import reports

__all__ = ["STATES", "ClockStep", "begin_again", "count", "follow_clock", "forget", "matching", "shown"]

STATES: Final = ("queued", "sending", "sent", "failed", "unknown", "dead", "superseded")
"""queued: waits for its time; failed: will be tried again; unknown: it may have arrived, and is left at that."""

_NEWEST_THAT_WAITS: Final = "SELECT max(created) FROM outbox WHERE state IN ('queued', 'sending', 'failed')"
_BRING_DOWN: Final = """
    UPDATE outbox SET created = created - :by, not_before = not_before - :by, expires = expires - :by,
                      next_at = CASE WHEN held IN ('quiet', 'budget') THEN :now ELSE next_at - :by END,
                      body = CASE WHEN kind = 'remind' THEN
                          json_set(body, '$.remind.first', json_extract(body, '$.remind.first') - :by)
                      ELSE body END
    WHERE state IN ('queued', 'sending', 'failed')
"""
_FUTURE: Final = 5000
"""Milliseconds: what is made so much later than now was made by another clock."""

_ANSWER: Final = """
    SELECT id, notification_id, occurrence, kind, person, channel, step, severity, state, held, carried_by,
           attempts, created, not_before, next_at, expires, sent_at, maybe_delivered, last_error, tried_at, took,
           coalesce(CASE WHEN json_valid(body) THEN json_extract(body, '$.why.reason') END, '') AS why
    FROM outbox
"""


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
        db.execute(_BRING_DOWN, {"by": newest - now, "now": now})
        db.execute("UPDATE unanswered SET due = due - ? WHERE said_at IS NULL", (newest - now,))
    reports.revive(db, now)
    return db.execute(
        "UPDATE outbox SET state = 'failed', maybe_delivered = 1, next_at = :now,"
        " last_error = 'the program ended while this was sent' WHERE state = 'sending'",
        {"now": now},
    ).rowcount


def follow_clock(db: sqlite3.Connection, step: ClockStep, now: int) -> int:
    """Move the times of rows made by the old clock, so that nothing matures or expires because it was set.

    What waits for an hour of the day is looked at anew.
    Answers the newest row there is: to be called again for those the engine still makes by the old clock.
    """
    newest: int = db.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()[0]
    db.execute(
        "UPDATE outbox SET created = created + :by, not_before = not_before + :by, expires = expires + :by,"
        " next_at = CASE WHEN held IN ('quiet', 'budget') THEN :now ELSE next_at + :by END,"
        " body = CASE WHEN kind = 'remind' THEN"
        " json_set(body, '$.remind.first', json_extract(body, '$.remind.first') + :by) ELSE body END"
        " WHERE state IN ('queued', 'sending', 'failed') AND id > :after"
        " AND CASE WHEN :by > 0 THEN created <= :was + 10000"
        " WHEN :after = 0 THEN created NOT BETWEEN :now - 2000 AND :now + 5000"
        " ELSE created > :now + 5000 END",
        {"by": step.by, "was": step.was, "now": now, "after": step.after},
    )
    if step.after == 0:
        db.execute("UPDATE unanswered SET due = due + ? WHERE said_at IS NULL", (step.by,))
    return newest


def forget(db: sqlite3.Connection, before: int) -> None:
    """Delete what came to its end and was made before a time (UTC ms)."""
    db.execute(
        "DELETE FROM outbox WHERE created < ? AND state IN ('sent', 'unknown', 'dead', 'superseded')", (before,)
    )
    db.execute("DELETE FROM unanswered WHERE due < ?", (before,))


def count(rows: Sequence[sqlite3.Row]) -> dict[str, int]:
    """Make the answer of a count by state complete: every state has its number."""
    counted = {row["state"]: row["n"] for row in rows}
    return {state: counted.get(state, 0) for state in STATES}


def shown(occurrence: str | None, most: int) -> tuple[str, tuple[Any, ...]]:
    """Answer the query and its parameters for the newest rows, of one occurrence or of all."""
    if occurrence is None:
        return f"{_ANSWER} ORDER BY id DESC LIMIT ?", (most,)
    return f"{_ANSWER} WHERE occurrence = ? ORDER BY id DESC LIMIT ?", (occurrence, most)


def matching(
    wanted: Mapping[str, object], since: int | None, after: int | None, most: int
) -> tuple[str, list[Any]]:
    """The same of the newest rows in which these columns have these values.

    `since`: made then or later (UTC ms); `after`: behind the row of that number. Without an occurrence rows are
    looked through by their number: there are those of some months.
    """
    conditions, values = ["1"], list[Any]()
    for column, value in wanted.items():
        conditions.append(f"{column} = ?")
        values.append(value)
    if since is not None:
        conditions.append("created >= ?")
        values.append(since)
    if after is not None:
        conditions.append("id < ?")
        values.append(after)
    return f"{_ANSWER} WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?", [*values, most]
