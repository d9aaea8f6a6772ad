"""Whether the facts of a row of the outbox can be read at all: one that cannot may not keep the others.

What a decision needs is asked for; a message that cannot be written of the rest is tried again like any other.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson
import structlog

__all__ = ["is_sound", "only_sound"]

_GIVE_UP: Final = "UPDATE outbox SET state = 'dead', last_error = 'its facts cannot be read' WHERE id = ?"

_LOG = structlog.get_logger()


def only_sound(db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
    """Within `State.transact`: answer the rows that can be told, and give up the others."""
    sound = []
    for row in rows:
        if is_sound(row["body"]):
            sound.append(row)
        else:
            db.execute(_GIVE_UP, (row["id"],))
            _LOG.error("notification_defect", channel=row["channel"], error="facts", at=f"row {row['id']}")
    return sound


def is_sound(text: str) -> bool:
    """Whether what a decision needs stands in the facts of a row."""
    try:
        body = orjson.loads(text)
    except ValueError:
        return False
    rule = body.get("rule") if isinstance(body, dict) else None
    return isinstance(rule, dict) and "kind" in rule and isinstance(body.get("time"), int)
