"""After the state was restored from a copy: messages from before may have been sent already.

They are not sent again, but one for each alarm that is still active, once the journal has been judged anew.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.notices import ALARMING
from monitor.notify.decision import Action, Decision, Past, Standing

__all__ = ["Restore", "decide_restored", "newest_restore"]

_NEWEST = """
    SELECT at, until, (SELECT position FROM positions WHERE consumer = 'alarms') AS judged
    FROM restores ORDER BY at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """When the state was restored (UTC ms), and whether the journal of before has been judged again."""

    at: int
    is_replayed: bool


def newest_restore(db: sqlite3.Connection) -> Restore | None:
    """Within `State.transact`: the newest restore, None when there was none."""
    row = db.execute(_NEWEST).fetchone()
    if row is None:
        return None
    return Restore(at=row["at"], is_replayed=row["until"] is not None and (row["judged"] or 0) >= row["until"])


def decide_restored(
    row: Past, time: int, history: Sequence[Past], standing: Standing, restore: Restore | None
) -> Decision | None:
    """Decide about a row of an alarm's step at `time` (UTC ms); None: the restore changes nothing for it."""
    if restore is None or time >= restore.at:
        return None
    if not restore.is_replayed:
        return Decision(Action.WAIT, "what was recorded before the restore is judged first")
    is_newest = not any(other.kind in ALARMING and other.id > row.id for other in history)
    if row.kind in ALARMING and is_newest and not standing.cleared:
        return None
    return Decision(Action.DROP, "it is from before the state was restored, and may have been sent already")
