"""Rows of what residents reported, with the alarm that came of each and what people did about it."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.states import occurrence_id

__all__ = ["Standing", "alarm_of", "asking", "asking_alarms", "standing", "write"]

_WRITE: Final = """
    INSERT INTO resident_report (token, form, place, kind, time, text, language, news, repeats)
    VALUES (:token, :form, :place, :kind, :time, :text, :language, :news, :repeats)
"""
_SELECT: Final = """
    SELECT mine.number, mine.place, mine.kind, mine.time, mine.text, mine.news, mine.repeats,
        alarm.occurrence, alarm.response, alarm.acknowledged_at, alarm.acknowledged_by,
        cases.assigned_at, cases.assigned_to, cases.closed_at, coalesce(cases.cause, '') AS cause,
        (SELECT count(*) FROM resident_report AS other WHERE other.repeats = mine.number) AS again
    FROM resident_report AS mine LEFT JOIN resident_report AS first ON first.number = mine.repeats
        LEFT JOIN alarm ON alarm.occurrence = coalesce(first.occurrence, mine.occurrence)
        LEFT JOIN alarm_case AS cases ON cases.occurrence = alarm.occurrence
"""
_ALARMS: Final = """
    SELECT occurrence, rule, source_key, raised_at FROM alarm
    WHERE rule IN (SELECT value FROM json_each(?)) AND source_key IN (SELECT value FROM json_each(?))
        AND raised_at BETWEEN ? AND ? ORDER BY rule
"""
_NEAR: Final = 60_000
"""Milliseconds between a report and its alarm, which is never later than the engine's own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A report and how it stands. Times are UTC ms.

    `repeats`: the number of the report that was news; `again`: how many repeat this one. `occurrence`: its alarm,
    `response` how that waits; None: there is none (yet).
    """

    number: int
    place: str
    kind: str
    time: int
    text: str
    news: bool
    repeats: int | None
    again: int
    occurrence: str | None
    response: str | None
    acknowledged_at: int | None
    acknowledged_by: str | None
    assigned_at: int | None
    assigned_to: str | None
    closed_at: int | None
    cause: str

    @property
    def seen_at(self) -> int | None:
        """When somebody had seen it at the latest."""
        known = (self.acknowledged_at, self.assigned_at, self.closed_at)
        return min((at for at in known if at is not None), default=None)


def write(db: sqlite3.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Within `State.transact`: write reports down."""
    db.executemany(_WRITE, rows)


def asking(where: str, asked: Sequence[object], most: int) -> tuple[str, tuple[object, ...]]:
    """The query for reports, newest first."""
    return f"{_SELECT} {where} ORDER BY mine.number DESC LIMIT ?", (*asked, most)


def standing(row: sqlite3.Row) -> Standing:
    """Read a row of it."""
    known: dict[str, Any] = dict(row)
    return Standing(**{**known, "news": bool(known["news"])})


def asking_alarms(rules: Sequence[str], keys: Sequence[str], time: int) -> tuple[str, tuple[object, ...]]:
    """The query for alarms of these rules and sources that were raised about a time."""
    return (
        _ALARMS,
        (json.dumps(list(rules)), json.dumps(list(keys)), time - _NEAR, time + _NEAR),
    )


def alarm_of(rows: Iterable[sqlite3.Row], event: str) -> str:
    """The occurrence, among these, of an event's alarm; nothing when it is none of them."""
    return next(
        (
            str(row["occurrence"])
            for row in rows
            if row["occurrence"] == occurrence_id(row["rule"], row["source_key"], event, row["raised_at"])
        ),
        "",
    )
