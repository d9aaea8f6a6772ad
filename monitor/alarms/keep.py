"""What the shell writes: every function here runs inside one `State.transact`."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import orjson
import structlog

from monitor.alarms import cases
from monitor.alarms.backlog import Backlog, body_text, columns_of
from monitor.journal.state import State, produce
from monitor.notices import ALARMING, Notice, NoticeKind, OutboxRow, Router
from monitor.schema import point_unit
from monitor.site import Device
from rules.effects import Row, Step

__all__ = [
    "NAME",
    "memory_of",
    "note_shadows",
    "prune",
    "put",
    "read_memory",
    "route",
    "tell",
    "write_memory",
    "write_steps",
]

NAME = "alarms"
"""The consumer's and producer's name in positions and in `produced`."""

_ALARM = """
    INSERT INTO alarm (occurrence, rule, source_key, device, point, title, response_text, cause_text,
        consequence_text, owner, unit, state, response, suppression, severity, latched, normal, momentary, late,
        value, "limit", since, raised_at, changed_at, acknowledged_at, acknowledged_by, cleared_at, reason)
    VALUES (:occurrence, :rule, :source_key, :device, :point, :title, :response_text, :cause_text,
        :consequence_text, :owner, :unit, :state, :response, :suppression, :severity, :latched, :normal,
        :momentary, :late, :value, :limit, :since, :raised_at, :time, :acknowledged_at, :by, :cleared_at, :reason)
    ON CONFLICT (occurrence) DO UPDATE SET
        state = excluded.state, response = excluded.response, suppression = excluded.suppression,
        severity = excluded.severity, latched = excluded.latched, normal = excluded.normal,
        value = excluded.value, "limit" = excluded."limit", changed_at = excluded.changed_at,
        acknowledged_at = CASE WHEN excluded.response = 'unacked' THEN NULL
            ELSE coalesce(acknowledged_at, excluded.acknowledged_at) END,
        acknowledged_by = CASE WHEN excluded.response = 'unacked' THEN ''
            WHEN acknowledged_at IS NULL THEN excluded.acknowledged_by ELSE acknowledged_by END,
        cleared_at = coalesce(cleared_at, excluded.cleared_at), reason = excluded.reason
"""
_EVENT = """
    INSERT INTO alarm_event (occurrence, number, time, cause, state, response, severity, suppression, value,
        "limit", by, reason, rule_version)
    VALUES (:occurrence, :number, :time, :cause, :condition, :response, :severity, :suppression, :value, :limit,
        :by, :reason, :rule_version) ON CONFLICT DO NOTHING
"""
_MEMORY = """
    INSERT INTO rule_memory VALUES (?, ?, ?) ON CONFLICT (area, key) DO UPDATE SET body = excluded.body
"""
_MEMORIES = "SELECT area, key, body FROM rule_memory WHERE area <> 'shadow' ORDER BY area, key"
_SHADOW = "INSERT INTO rule_memory VALUES ('shadow', ?, ?) ON CONFLICT (area, key) DO NOTHING"
_OUTBOX = """
    INSERT OR IGNORE INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,
        not_before, expires, next_at, held, body)
    VALUES (:notification_id, :occurrence, :kind, :person, :channel, :step, :severity, :created,
        :not_before, :expires, :not_before, :held, :body)
"""
_TOLD = """
    SELECT DISTINCT person, channel FROM outbox WHERE occurrence = :occurrence
        AND (kind IN ('raise', 'severity', 'chatter') OR kind = 'assigned' AND person =
            (SELECT assigned_to FROM alarm_case WHERE alarm_case.occurrence = :occurrence))
"""
"""Whoever was given an alarm and still has it hears what follows, whether they heard that it was raised or not."""

_TO_WHO_WAS_TOLD = frozenset({NoticeKind.CLEAR, NoticeKind.ACKNOWLEDGED, NoticeKind.SHELF_EXPIRING})
_BY_PEOPLE = frozenset({"acknowledged", "reset"})

_log = structlog.get_logger()


def read_memory(db: sqlite3.Connection) -> list[Row]:
    """Read all that the engine had kept."""
    return _rows(db.execute(_MEMORIES))


async def memory_of(state: State) -> list[Row]:
    """Read the same by itself, without a transaction: possible on a disk that takes nothing any more."""
    return _rows(await state.query(_MEMORIES))


def note_shadows(db: sqlite3.Connection, shadows: Iterable[str], now: int) -> None:
    """Keep since when (UTC ms) rules have been in shadow; those that are not any more begin anew another time."""
    known = set(shadows)
    for row in db.execute("SELECT key FROM rule_memory WHERE area = 'shadow'").fetchall():
        if row["key"] not in known:
            db.execute("DELETE FROM rule_memory WHERE area = 'shadow' AND key = ?", (row["key"],))
    db.executemany(_SHADOW, [(rule, json.dumps({"since": now})) for rule in sorted(known)])


def _rows(found: Iterable[sqlite3.Row]) -> list[Row]:
    return [Row(area=row["area"], key=row["key"], body=json.loads(row["body"])) for row in found]


def write_memory(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Keep what the engine has to remember, and forget what it has forgotten, which it says first."""
    rows = list(rows)
    gone = [(row.area, row.key) for row in rows if row.body is None]
    if gone:
        db.executemany("DELETE FROM rule_memory WHERE area = ? AND key = ?", gone)
    kept = [(row.area, row.key, _spelt(row.body)) for row in rows if row.body is not None]
    db.executemany(_MEMORY, kept)


def _spelt(body: Mapping[str, object]) -> str:
    try:
        text = orjson.dumps(body)
    except TypeError:  # keys that are no texts, integers beyond 64 bits
        return json.dumps(body)
    # orjson writes what is not finite as null.
    return json.dumps(body) if b"null" in text else text.decode()


def write_steps(db: sqlite3.Connection, steps: Sequence[Step], devices: Mapping[str, Device]) -> None:
    """Keep the steps of alarms for lists and people, and produce them for the journal."""
    for step in steps:
        transition = asdict(step.transition)
        db.execute(_ALARM, _shown(step, transition, devices.get(step.transition.device)))
        db.execute(_EVENT, {**transition, "suppression": json.dumps(step.transition.suppression)})
        if step.transition.cause == "raised":
            cases.link(db, step.transition)
    produce(db, NAME, [step.transition for step in steps])


def _shown(step: Step, transition: Mapping[str, object], device: Device | None) -> dict[str, object]:
    taken = step.transition
    point = step.source.point
    known = device.points.get(point) if device is not None and point is not None else None
    name = step.source.name or (device.name if device is not None else "") or taken.device
    return {
        **transition,
        "point": point,
        "title": f"{step.rule.name or step.rule.id}: {name}",
        "response_text": getattr(step.rule.params, "response", ""),
        "cause_text": getattr(step.rule.params, "cause", ""),
        "consequence_text": getattr(step.rule.params, "consequence", ""),
        "owner": getattr(step.rule.params, "owner", ""),
        "unit": known.unit if known is not None else point_unit(point or "") or step.facts.get("unit"),
        "state": taken.condition,
        "suppression": json.dumps(taken.suppression),
        "latched": step.latched,
        "normal": step.normal,
        "momentary": step.momentary,
        "since": step.since,
        "raised_at": step.raised_at,
        "acknowledged_at": taken.time if taken.cause in _BY_PEOPLE else None,
        "cleared_at": taken.time if taken.condition == "clear" else None,
    }


def tell(db: sqlite3.Connection, steps: Sequence[Step], router: Router, now: int) -> int:
    """Put what people have to hear into the outbox; answers how many messages that makes."""
    before = db.total_changes
    backlog = Backlog()
    for step in steps:
        if step.notice is None:
            continue
        told = frozenset(
            (row["person"], row["channel"])
            for row in db.execute(_TOLD, {"occurrence": step.transition.occurrence})
        )
        notice = Notice(
            kind=step.notice,
            transition=step.transition,
            rule=step.rule,
            source=step.source,
            raised_at=step.raised_at,
            told=told,
            facts=step.facts,
            gather=step.gather,
            wait=step.wait,
            earlier=cases.earlier_in(db, step.transition.occurrence) if step.notice in ALARMING else {},
        )
        rows = route(router, notice)
        if step.momentary and step.transition.late and step.notice is NoticeKind.RAISE:
            backlog.add(notice, rows)
        else:
            put(db, rows, now)
    backlog.write(db, now)
    return db.total_changes - before


def put(db: sqlite3.Connection, rows: Sequence[OutboxRow], now: int) -> int:
    """Put messages into the outbox that are not there yet; answers how many."""
    before = db.total_changes
    db.executemany(_OUTBOX, [_row(row, now) for row in rows])
    return db.total_changes - before


def route(router: Router, notice: Notice) -> Sequence[OutboxRow]:
    """The rows of a notice; what cannot be routed is logged, and stops nothing that is recorded beside it."""
    if notice.kind in _TO_WHO_WAS_TOLD and not notice.told:
        return ()
    try:
        return router(notice)
    except Exception:  # noqa: BLE001 - an alarm that cannot be routed is still an alarm
        _log.exception("alarm_not_routed", rule=notice.rule.id, occurrence=notice.transition.occurrence)
        return ()


def _row(row: OutboxRow, now: int) -> dict[str, object]:
    # The times of an alarm that was going on when the clock was set back stay ahead of it; nobody waits for them.
    after = row.body.get("after")
    ahead = max(0, row.not_before - (after if isinstance(after, int) else 0) - now)
    return {
        **columns_of(row),
        "created": now,
        "not_before": row.not_before - ahead,
        "expires": row.expires - ahead,
        "held": str(row.body.get("gather") or "").partition(":")[0],  # flood, maintenance
        "body": body_text(row.body),
    }


def prune(db: sqlite3.Connection, before: int) -> None:
    """Forget occurrences that were over before a time (UTC ms), and their steps."""
    gone = db.execute(
        "DELETE FROM alarm WHERE changed_at < ? AND state = 'clear' AND response = 'none'"
        " AND (suppression = '[]' OR momentary)",
        (before,),
    ).rowcount
    if gone:
        _log.info("old_alarms_forgotten", occurrences=gone)
