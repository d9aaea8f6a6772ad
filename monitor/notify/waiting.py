"""Rows of the outbox that wait for a service that does not work. Every function runs inside `State.transact`.

Such a row is `held` by `channel`, or `channel:` and what it had waited for before, which it has again afterwards.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from monitor.notify.attempt import Attempt, Lane
from monitor.notify.traffic import Held

__all__ = ["hold", "mark_taken", "mark_tried", "release"]

# The index is named: what waits for a time to come, thousands of rows perhaps, must cost no look anything.
_PROBE: Final = """
    SELECT id FROM outbox INDEXED BY outbox_due
    WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now AND expires > :now
        AND person || '/' || channel IN (SELECT value FROM json_each(:lanes))
    ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, next_at, id
    LIMIT 1
"""
_HOLD: Final = """
    UPDATE outbox INDEXED BY outbox_due
    SET held = CASE WHEN held = '' OR held LIKE 'channel%' THEN 'channel' || substr(held, 8)
            ELSE 'channel:' || held END,
        next_at = min(CASE severity WHEN 'critical' THEN :sooner ELSE :until END, expires),
        last_error = CASE last_error WHEN '' THEN :reason ELSE last_error END
    WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now AND expires > :now
        AND person || '/' || channel IN (SELECT value FROM json_each(:lanes))
        AND id <> :probe AND NOT (:critical AND severity = 'critical')
"""
_RESTORE: Final = """
    UPDATE outbox INDEXED BY outbox_due SET held = substr(held, 9)
    WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now
        AND held LIKE 'channel%'
"""
_RELEASE: Final = """
    UPDATE outbox SET held = substr(held, 9), next_at = :now
    WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND held LIKE 'channel%'
        AND person || '/' || channel IN (SELECT value FROM json_each(:lanes))
"""


def hold(db: sqlite3.Connection, held: Iterable[Held], now: int) -> None:
    """Let what is due for services that are left alone wait, without using up an attempt, to its end at most.

    Where one message may try, the most urgent does.
    """
    for each in held:
        asked = {
            "lanes": _names(each.lanes),
            "now": now,
            "until": now + each.wait,
            "sooner": now + each.wait_of_critical,
            "reason": each.reason,
            "critical": each.critical,
            "probe": -1,
        }
        if each.probes and (probe := db.execute(_PROBE, asked).fetchone()) is not None:
            asked["probe"] = probe["id"]
        db.execute(_HOLD, asked)
    db.execute(_RESTORE, {"now": now})


def release(db: sqlite3.Connection, lanes: Sequence[Lane], now: int) -> None:
    """Let what waited for a service that works again go now."""
    if lanes:
        db.execute(_RELEASE, {"lanes": _names(lanes), "now": now})


def mark_taken(db: sqlite3.Connection, attempts: Iterable[Attempt], now: int) -> None:
    """Note when an attempt begins."""
    db.executemany(
        "UPDATE outbox SET tried_at = ? WHERE id = ?",
        [(now, each.id) for attempt in attempts for each in (attempt, *attempt.gathered)],
    )


def mark_tried(db: sqlite3.Connection, attempt: Attempt, took: int) -> None:
    """Note how long the channel took for a message that it has taken, ms."""
    db.executemany(
        "UPDATE outbox SET took = ? WHERE id = ? AND state = 'sent'",
        [(took, each.id) for each in (attempt, *attempt.gathered)],
    )


def _names(lanes: Iterable[Lane]) -> str:
    return orjson.dumps(["/".join(lane) for lane in lanes]).decode()
