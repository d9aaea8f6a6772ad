"""What people do about alarms after they were told: who sees to one, what was said of it, what it came of.

And whether the same was raised within the seven days before: then the new one is linked to the last of them.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from monitor.journal.state import State
from monitor.model import SHADOW, Transition

__all__ = [
    "AGAIN_WITHIN",
    "Case",
    "Comment",
    "Earlier",
    "cases_of",
    "comments_of",
    "earlier_in",
    "link",
    "open_cases",
]

AGAIN_WITHIN: Final = 7 * 86_400_000
"""Milliseconds within which what is raised again belongs to what was raised before."""
_MOST_TIMES: Final = 100

_BEFORE: Final = """
    FROM alarm WHERE rule = :rule AND source_key = :source_key AND raised_at BETWEEN :since AND :time
        AND occurrence <> :occurrence AND suppression NOT LIKE :shadow
        AND EXISTS (SELECT 1 FROM alarm_event AS step
            WHERE step.occurrence = alarm.occurrence AND step.cause = 'raised')
"""
_LAST: Final = f"SELECT occurrence {_BEFORE} AND state = 'clear' ORDER BY raised_at DESC, rowid DESC LIMIT 1"
_TIMES: Final = f"SELECT count(*) FROM (SELECT 1 {_BEFORE} LIMIT {_MOST_TIMES - 1})"  # noqa: S608 - our own
_LINK: Final = "INSERT OR IGNORE INTO alarm_case (occurrence, earlier, times) VALUES (?, ?, ?)"
_CASES: Final = """
    SELECT mine.*, before.raised_at AS earlier_time, theirs.cause AS earlier_cause, theirs.note AS earlier_note,
        (SELECT count(*) FROM alarm_comment AS said WHERE said.occurrence = mine.occurrence) AS comments
    FROM alarm_case AS mine LEFT JOIN alarm AS before ON before.occurrence = mine.earlier
        LEFT JOIN alarm_case AS theirs ON theirs.occurrence = mine.earlier
"""
_AMONG: Final = "WHERE mine.occurrence IN (SELECT value FROM json_each(?))"
_OPEN: Final = """
    SELECT occurrence FROM alarm_case AS mine WHERE closed_at IS NULL AND (:person = '' OR assigned_to = :person)
        AND (assigned_to <> '' OR EXISTS (SELECT 1 FROM alarm_comment AS said
            WHERE said.occurrence = mine.occurrence))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The last alarm of the same rule and source in the seven days before; `time`: when it was raised (UTC ms).

    `cause` and `note`: what it came of, and what was done; empty while its case is not closed.
    """

    occurrence: str
    time: int
    cause: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What people did about an alarm. Times are UTC ms. `cause`: a word of `monitor.causes.CAUSES`.

    `assigned_to`: nobody where it is empty; who took it from somebody, and when, stands in the two that follow.

    `times`: which one it was within seven days, when it was raised; 100: or more. `comments`: how many.
    """

    assigned_to: str = ""
    assigned_by: str = ""
    assigned_at: int | None = None
    closed_at: int | None = None
    closed_by: str = ""
    cause: str = ""
    note: str = ""
    times: int = 1
    earlier: Earlier | None = None
    comments: int = 0

    def as_json(self) -> dict[str, Any]:
        """Answer it as the fields that it adds to an alarm: `case` is null where nobody did anything."""
        said = asdict(self)
        times, earlier, comments = said.pop("times"), said.pop("earlier"), said.pop("comments")
        is_touched = any((self.assigned_at, self.closed_at, self.closed_by, comments))
        case = {**said, "open": self.closed_at is None, "comments": comments} if is_touched else None
        return {"case": case, "earlier": earlier, "times_in_7_days": times}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What somebody said of an alarm; `time` is UTC ms."""

    time: int
    by: str
    text: str


def link(db: sqlite3.Connection, raised: Transition) -> None:
    """Within `State.transact`: link an alarm that was raised just now to the last of the same in seven days."""
    about = {
        "rule": raised.rule,
        "source_key": raised.source_key,
        "occurrence": raised.occurrence,
        "time": raised.time,
        "since": raised.time - AGAIN_WITHIN,
        "shadow": f'%"{SHADOW}"%',
    }
    last = db.execute(_LAST, about).fetchone()
    if last is not None:
        times = 1 + db.execute(_TIMES, about).fetchone()[0]
        db.execute(_LINK, (raised.occurrence, last["occurrence"], times))


def earlier_in(db: sqlite3.Connection, occurrence: str) -> Mapping[str, str | int]:
    """Within `State.transact`: what a message says of the one before, with `count` in seven days; or nothing."""
    row = db.execute(f"{_CASES} WHERE mine.occurrence = ?", (occurrence,)).fetchone()
    case = Case() if row is None else _case(row)
    if case.earlier is None:
        return {}
    return {name: value for name, value in asdict(case.earlier).items() if value} | {"count": case.times}


async def cases_of(state: State, occurrences: Collection[str]) -> Mapping[str, Case]:
    """The cases of occurrences that have one."""
    rows = await state.query(f"{_CASES} {_AMONG}", (json.dumps(list(occurrences)),))
    return {row["occurrence"]: _case(row) for row in rows}


async def comments_of(state: State, occurrence: str) -> Sequence[Comment]:
    """What was said of an occurrence, oldest first."""
    rows = await state.query(
        "SELECT time, by, text FROM alarm_comment WHERE occurrence = ? ORDER BY time, rowid", (occurrence,)
    )
    return [Comment(**dict(row)) for row in rows]


async def open_cases(state: State, person: str = "") -> Sequence[str]:
    """Occurrences that somebody was assigned to or wrote about and nobody has closed; of one person, or of all."""
    return [row["occurrence"] for row in await state.query(_OPEN, {"person": person})]


def _case(row: sqlite3.Row) -> Case:
    known = dict(row)
    del known["occurrence"]
    ident, time = known.pop("earlier"), known.pop("earlier_time")
    cause, note = known.pop("earlier_cause") or "", known.pop("earlier_note") or ""
    # An alarm is forgotten after a year, and what is linked to it says nothing of it then.
    earlier = None if time is None else Earlier(occurrence=ident, time=time, cause=cause, note=note)
    return Case(**known, earlier=earlier)
