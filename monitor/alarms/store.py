"""What can be asked about alarms: lists, one occurrence with its history, how it stands."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.journal.state import State
from monitor.model import SHADOW
from monitor.site import Rule

__all__ = [
    "STANDING",
    "AlarmStep",
    "AlarmView",
    "RuleView",
    "ServiceView",
    "ShelfView",
    "list_alarms",
    "list_rules",
    "open_alarms",
    "show",
    "standing",
    "these",
]

_SELECT = """
    SELECT alarm.*,
        CASE WHEN alarm.state <> 'clear' AND json_extract(memory.body, '$.occurrence') = alarm.occurrence
            THEN json_extract(memory.body, '$.unknown_since') IS NOT NULL ELSE 0 END AS unknown,
        CASE WHEN alarm.suppression <> '[]' THEN json_extract(memory.body, '$.hold') END AS hold
    FROM alarm LEFT JOIN rule_memory AS memory
        ON memory.area = 'alarm' AND memory.key = alarm.rule || '/' || alarm.source_key
"""
_OF_RULES = """
    SELECT known.rule, sum(state <> 'clear' OR response <> 'none') AS open,
        sum(was_raised AND raised_at >= :week) AS week, sum(was_raised AND raised_at >= :month) AS month,
        sum(was_raised AND suppression LIKE '%"shadow"%'
            AND raised_at >= coalesce(json_extract(memory.body, '$.since'), 0)) AS shadow
    FROM (SELECT *, EXISTS (SELECT 1 FROM alarm_event AS step WHERE step.occurrence = alarm.occurrence
            AND step.cause = 'raised') AS was_raised FROM alarm) AS known
        LEFT JOIN rule_memory AS memory ON memory.area = 'shadow' AND memory.key = known.rule
    GROUP BY known.rule
"""
"""What stands for an alarm that was clear when somebody shelved it or took it out of service was never raised."""
_SHADOWS = "SELECT key, json_extract(body, '$.since') AS since FROM rule_memory WHERE area = 'shadow'"
_WEEK = 7 * 86_400_000
_MONTH = 30 * 86_400_000
_IS_OPEN = """(alarm.state <> 'clear' OR alarm.response <> 'none'
    OR alarm.suppression NOT IN ('[]', '["shadow"]') AND NOT alarm.momentary)"""

_AMONG = "WHERE alarm.occurrence IN (SELECT value FROM json_each(?))"

STANDING = 86_400_000
"""An alarm that is active for longer (ms) is standing: nobody does anything about it, or nothing helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmStep:
    """One step of an occurrence; `time` is UTC ms."""

    number: int
    time: int
    cause: str
    state: str
    response: str
    severity: str
    suppression: tuple[str, ...]
    value: float | None
    limit: float | None
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfView:
    """An alarm is shelved until then (UTC ms), or until it clears when that is `once`."""

    until: int
    by: str
    reason: str
    once: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """An alarm is out of service; at `review_at` (UTC ms) somebody looks at it again."""

    review_at: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmView:
    """An occurrence as people and programs see it. Times are UTC ms.

    `state`: clear, active, recovering; `response`: none, unacked, acked; `isa`: the letter of ISA-18.2's state.
    `latched`: it waits for a reset, or will; `normal`: its condition is over and only the reset is awaited.
    `unknown`: nothing is known of its condition now. `momentary`: an event, over as soon as it was raised.
    `since`: when the condition began. `response_text`: what to do; `cause_text`: what it usually comes from;
    `consequence_text`: what happens if nobody does anything; `owner`: whose it is. `history` only where one alarm
    was asked for.
    `suppression`: shelved, suppressed, out_of_service; `shelf`, `service` and `suppressed_by` (keys of alarms,
    `maintenance:ID`) say more of it.
    `shadow`: its rule is only tried, and nobody was told.
    """

    occurrence: str
    rule: str
    device: str
    source_key: str
    point: str | None
    title: str
    response_text: str
    cause_text: str
    consequence_text: str
    owner: str
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
    shadow: bool
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
    shelf: ShelfView | None = None
    service: ServiceView | None = None
    suppressed_by: tuple[str, ...] = ()
    history: tuple[AlarmStep, ...] = field(default=())

    def is_standing(self, now: int) -> bool:
        """Whether it has been active for more than a day at `now` (UTC ms)."""
        return self.active and now - self.raised_at > STANDING

    def as_json(self) -> dict[str, Any]:
        """Answer all of it as a mapping ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """How a rule does. Times are UTC ms.

    `sources`: how many alarms it can have; `open`: how many somebody has to look at. `raised_in_shadow`: since
    `shadow_since`, which is when the rule was put into shadow. `learning`: it does not know yet what is usual.
    `failing`: why it cannot be judged; empty when it can.
    """

    id: str
    name: str
    kind: str
    severities: tuple[str, ...]
    sources: int
    open: int
    raised_7_days: int
    raised_30_days: int
    shadow: bool
    shadow_since: int | None
    raised_in_shadow: int
    learning: bool
    failing: str

    def as_json(self) -> dict[str, Any]:
        """Answer all of it as a mapping ready for JSON."""
        return asdict(self)


async def list_alarms(state: State, *, include_cleared: bool = False, last: int = 200) -> list[AlarmView]:
    """Answer the open occurrences, newest first, those that are only kept from being told of among them.

    On request also the newest `last` that are over.
    """
    rows = await state.query(f"{_SELECT} WHERE {_IS_OPEN}")
    if include_cleared:
        rows += await state.query(f"{_SELECT} WHERE NOT {_IS_OPEN} ORDER BY changed_at DESC LIMIT ?", (last,))
    return sorted(map(_view, rows), key=lambda view: view.raised_at, reverse=True)


async def these(state: State, occurrences: Collection[str]) -> list[AlarmView]:
    """Answer these occurrences, newest first; those that are forgotten are left out."""
    rows = await state.query(f"{_SELECT} {_AMONG}", (json.dumps(list(occurrences)),))
    return sorted(map(_view, rows), key=lambda view: view.raised_at, reverse=True)


async def open_alarms(state: State, *, include_held: bool = False) -> list[dict[str, Any]]:
    """Answer the occurrences that last or wait for somebody, ready for JSON: what is only tried is left out.

    `include_held`: also those that are only kept from being told of.
    """
    views = await list_alarms(state)
    return [
        view.as_json()
        for view in views
        if not view.shadow and (include_held or view.active or view.response != "none")
    ]


async def list_rules(
    state: State, rules: Iterable[Rule], *, failing: Mapping[str, str], learning: Collection[str], now: int
) -> list[RuleView]:
    """Answer how rules do, in their order; `now` is UTC ms."""
    counts = {
        row["rule"]: row for row in await state.query(_OF_RULES, {"week": now - _WEEK, "month": now - _MONTH})
    }
    shadows = {row["key"]: row["since"] for row in await state.query(_SHADOWS)}
    return [_rule(rule, counts.get(rule.id), shadows.get(rule.id), failing, learning) for rule in rules]


def _rule(
    rule: Rule,
    counted: sqlite3.Row | None,
    since: int | None,
    failing: Mapping[str, str],
    learning: Collection[str],
) -> RuleView:
    levels = getattr(rule.params, "levels", None) or ()
    return RuleView(
        id=rule.id,
        name=rule.name,
        kind=rule.kind,
        severities=tuple(level.severity for level in levels) or (rule.params.severity,),
        sources=len(rule.sources),
        open=counted["open"] if counted else 0,
        raised_7_days=counted["week"] if counted else 0,
        raised_30_days=counted["month"] if counted else 0,
        shadow=rule.params.shadow,
        shadow_since=since if rule.params.shadow else None,
        raised_in_shadow=counted["shadow"] if counted and rule.params.shadow else 0,
        learning=rule.id in learning,
        failing=failing.get(rule.id, ""),
    )


async def show(state: State, occurrence: str) -> AlarmView | None:
    """Answer one occurrence with its history; None when nobody knows it."""
    rows = await state.query(f"{_SELECT} WHERE alarm.occurrence = ?", (occurrence,))
    if not rows:
        return None
    steps = await state.query(
        'SELECT number, time, cause, state, response, severity, suppression, value, "limit", by, reason'
        " FROM alarm_event WHERE occurrence = ? ORDER BY number",
        (occurrence,),
    )
    return _view(rows[0], tuple(map(_step, steps)))


def standing(db: sqlite3.Connection, occurrence: str) -> tuple[bool, bool, bool, str | None]:
    """Within `State.transact`: whether an occurrence waits for nobody any more, is over, and is held back.

    And who was given it: nobody where that is empty, None where nothing is known of the occurrence.
    """
    row = db.execute(
        "SELECT state, response, suppression, coalesce(assigned_to, '') AS assigned_to"
        " FROM alarm LEFT JOIN alarm_case USING (occurrence) WHERE occurrence = ?",
        (occurrence,),
    ).fetchone()
    if row is None:
        return False, False, False, None
    return row["response"] != "unacked", row["state"] == "clear", row["suppression"] != "[]", row["assigned_to"]


def _step(row: sqlite3.Row) -> AlarmStep:
    return AlarmStep(**{**dict(row), "suppression": tuple(json.loads(row["suppression"]))})


def _view(row: sqlite3.Row, history: Sequence[AlarmStep] = ()) -> AlarmView:
    known: dict[str, Any] = dict(row)
    del known["changed_at"]
    for name in ("latched", "normal", "unknown", "momentary", "late"):
        known[name] = bool(known[name])
    hold = json.loads(known.pop("hold") or "{}")
    shelf, service = hold.get("shelf"), hold.get("service")
    if shelf is not None:
        once = bool(shelf["oneshot"])
        known["shelf"] = ShelfView(until=shelf["until"], by=shelf["by"], reason=shelf["why"], once=once)
    if service is not None:
        known["service"] = ServiceView(review_at=service["review_at"], by=service["by"], reason=service["why"])
    known["suppressed_by"] = tuple(hold.get("suppressed_by", ()))
    marks = json.loads(known["suppression"])
    known["suppression"] = tuple(mark for mark in marks if mark != SHADOW)
    known["shadow"] = SHADOW in marks
    known["active"] = known["state"] in {"active", "recovering"}
    return AlarmView(**known, isa=_isa(known), history=tuple(history))


_HELD = {"out_of_service": "I", "shelved": "G", "suppressed": "H"}
"""The letters of what keeps an alarm from being told: the first that holds says how it stands."""


def _isa(known: Mapping[str, Any]) -> str:
    for name, letter in _HELD.items():
        if name in known["suppression"]:
            return letter
    if known["active"]:
        if known["latched"]:
            return "F" if known["normal"] else "E"
        return "B" if known["response"] == "unacked" else "C"
    return "D" if known["response"] == "unacked" else "A"
