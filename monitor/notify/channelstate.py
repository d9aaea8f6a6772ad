"""The table `channel_state`: how each channel of each person does, and how fast messages got there.

Every function runs inside `State.transact`. Times are UTC ms.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import orjson

from monitor.notify.attempt import Lane
from monitor.notify.sending import Sent

__all__ = ["LATENCIES", "STATES", "is_failing", "keep_only", "note", "quantiles"]

_OFTEN: Final = 3
"""So many failures in a row are no bad luck any more."""

_SUCCESS: Final = """
    INSERT INTO channel_state (person, channel, last_success, tested_at) VALUES (:person, :channel, :now, :tested)
    ON CONFLICT DO UPDATE SET last_success = :now, failures = 0, refused = 0,
        tested_at = coalesce(:tested, tested_at)
"""
_FAILURE: Final = """
    INSERT INTO channel_state (person, channel, last_failure, last_error, failures, refused, tested_at)
    VALUES (:person, :channel, :now, :error, 1, :refused, :tested)
    ON CONFLICT DO UPDATE SET last_failure = :now, last_error = :error, failures = failures + 1,
        refused = :refused, tested_at = coalesce(:tested, tested_at)
"""

STATES: Final = "SELECT * FROM channel_state"
LATENCIES: Final = """
    SELECT max(0, sent_at - max(created, not_before)) AS latency, took FROM outbox
    WHERE person = :person AND channel = :channel AND sent_at > :since AND took IS NOT NULL AND kind <> 'report'
    ORDER BY sent_at DESC LIMIT 200
"""
"""Of the newest 200 messages over a channel since then: ms from when each was due to when it was taken.

By an index: the outbox keeps a year of messages.
"""


def note(db: sqlite3.Connection, lane: Lane, sent: Sent, now: int, *, is_test: bool = False) -> None:
    """Write down what an attempt says of its channel; one in which it was not asked says nothing."""
    if not sent.asked:
        return
    outcome = sent.outcome
    known = {"person": lane[0], "channel": lane[1], "now": now, "tested": now if is_test else None}
    if outcome.state == "sent":
        db.execute(_SUCCESS, known)
    else:
        db.execute(_FAILURE, {**known, "error": outcome.error, "refused": outcome.refused})


def keep_only(db: sqlite3.Connection, lanes: Collection[Lane]) -> int:
    """Forget the channels that are not in the settings any more; answers how many."""
    return db.execute(
        "DELETE FROM channel_state WHERE person || '/' || channel NOT IN (SELECT value FROM json_each(?))",
        (orjson.dumps(["/".join(lane) for lane in lanes]).decode(),),
    ).rowcount


def is_failing(row: sqlite3.Row | Mapping[str, Any]) -> bool:
    """Whether nothing gets through: the last attempt was refused for good, or several in a row failed."""
    return bool(row["refused"]) or int(row["failures"]) >= _OFTEN


def quantiles(values: Sequence[int]) -> tuple[float | None, float | None]:
    """Seconds within which half of them lie, and 19 of 20; None without any. `values` in ms."""
    if not values:
        return None, None
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] / 1000, ordered[(len(ordered) * 19 - 1) // 20] / 1000
