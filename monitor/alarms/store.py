"""What can be asked about alarms: lists, one occurrence with its history, how it stands."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.journal.state import State

__all__ = ["AlarmStep", "AlarmView", "list_alarms", "open_alarms", "show", "standing"]

_SELECT = """
    SELECT alarm.*, json_extract(memory.body, '$.unknown_since') IS NOT NULL AS unknown FROM alarm
    LEFT JOIN rule_memory AS memory ON memory.area = 'alarm' AND memory.key = alarm.rule || '/' || alarm.source_key
        AND json_extract(memory.body, '$.occurrence') = alarm.occurrence AND alarm.state <> 'clear'
"""
_HELD = (("out_of_service", "I"), ("shelved", "G"), ("suppressed", "H"))
"""Letters of what holds an alarm back, the first that holds counts."""

_IS_OPEN = "(alarm.state <> 'clear' OR alarm.response <> 'none')"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmStep:
    """One step of an occurrence; `time` is UTC ms."""

    number: int
    time: int
    cause: str
    state: str
    response: str
    severity: str
    value: float | None
    limit: float | None
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmView:
    """An occurrence as people and programs see it. Times are UTC ms.

    `state`: clear, active, recovering; `response`: none, unacked, acked; `isa`: the letter of ISA-18.2's state.
    `latched`: it waits for a reset, or will; `normal`: its condition is over and only the reset is awaited.
    `unknown`: nothing is known of its condition now. `momentary`: an event, over as soon as it was raised.
    `since`: when the condition began; `response_text`: what to do. `history` only where one alarm was asked for.
    """

    occurrence: str
    rule: str
    device: str
    source_key: str
    point: str | None
    title: str
    response_text: str
    state: str
    response: str
    suppression: tuple[str, ...]
    isa: str
    active: bool
    latched: bool
    normal: bool
    unknown: bool
    momentary: bool
    late: bool
    severity: str
    value: float | None
    limit: float | None
    unit: str | None
    since: int
    raised_at: int
    acknowledged_at: int | None
    acknowledged_by: str
    cleared_at: int | None
    reason: str
    history: tuple[AlarmStep, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Answer all of it as a mapping ready for JSON."""
        return asdict(self)


async def list_alarms(state: State, *, include_cleared: bool = False, last: int = 200) -> list[AlarmView]:
    """Answer the open occurrences, newest first; on request also the newest `last` that are over."""
    rows = await state.query(f"{_SELECT} WHERE {_IS_OPEN}")
    if include_cleared:
        rows += await state.query(f"{_SELECT} WHERE NOT {_IS_OPEN} ORDER BY changed_at DESC LIMIT ?", (last,))
    return sorted(map(_view, rows), key=lambda view: view.raised_at, reverse=True)


async def open_alarms(state: State) -> list[dict[str, Any]]:
    """Answer the open occurrences, ready for JSON."""
    return [view.as_json() for view in await list_alarms(state)]


async def show(state: State, occurrence: str) -> AlarmView | None:
    """Answer one occurrence with its history; None when nobody knows it."""
    rows = await state.query(f"{_SELECT} WHERE alarm.occurrence = ?", (occurrence,))
    if not rows:
        return None
    steps = await state.query(
        'SELECT number, time, cause, state, response, severity, value, "limit", by, reason'
        " FROM alarm_event WHERE occurrence = ? ORDER BY number",
        (occurrence,),
    )
    return _view(rows[0], tuple(AlarmStep(**dict(step)) for step in steps))


def standing(db: sqlite3.Connection, occurrence: str) -> tuple[bool, bool, bool]:
    """Within `State.transact`: whether an occurrence waits for nobody any more, is over, and is held back."""
    row = db.execute(
        "SELECT state, response, suppression FROM alarm WHERE occurrence = ?", (occurrence,)
    ).fetchone()
    if row is None:
        return False, False, False
    return row["response"] != "unacked", row["state"] == "clear", row["suppression"] != "[]"


def _view(row: sqlite3.Row, history: Sequence[AlarmStep] = ()) -> AlarmView:
    known: dict[str, Any] = dict(row)
    del known["changed_at"]
    for name in ("latched", "normal", "unknown", "momentary", "late"):
        known[name] = bool(known[name])
    known["suppression"] = tuple(json.loads(known["suppression"]))
    known["active"] = known["state"] in {"active", "recovering"}
    return AlarmView(**known, isa=_isa(known), history=tuple(history))


def _isa(known: Mapping[str, Any]) -> str:
    for state, letter in _HELD:
        if state in known["suppression"]:
            return letter
    if known["active"]:
        if known["latched"]:
            return "F" if known["normal"] else "E"
        return "B" if known["response"] == "unacked" else "C"
    return "D" if known["response"] == "unacked" else "A"
