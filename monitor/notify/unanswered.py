"""Says that nobody answered: the last step of an escalation was told, and after a while nobody had acknowledged.

What is said is an event of the monitor itself, so that a rule can make an alarm of it. Runs inside
`State.transact`.
"""

import sqlite3
from typing import Any, Final

import orjson
import structlog

from monitor.journal.state import produce
from monitor.model import SEVERITY_RANK, Event
from monitor.notify.attempt import Attempt
from monitor.notify.decision import GetStanding, Standing
from monitor.schema import MONITOR_DEVICE
from monitor.site import Site

__all__ = ["EVENT", "PRODUCER", "note_last", "say"]

EVENT: Final = "nobody_answered"
PRODUCER: Final = "notify"

_USUAL: Final = 900.0
_NOTE: Final = """
    INSERT INTO unanswered (occurrence, due, momentary, body) VALUES (:occurrence, :due, :momentary, :body)
    ON CONFLICT (occurrence) DO UPDATE SET due = CASE WHEN :failed THEN due ELSE max(due, excluded.due) END
"""
_DUE: Final = "SELECT * FROM unanswered WHERE said_at IS NULL AND due <= ? ORDER BY due LIMIT 100"

_LOG = structlog.get_logger()


def note_last(db: sqlite3.Connection, site: Site, attempt: Attempt, now: int, *, failed: bool = False) -> None:
    """After the last message of an escalation went out or was given up: note when to look for an answer.

    `failed`: it will be tried again, which puts nothing off.
    """
    body = attempt.body
    if not body.get("last") or SEVERITY_RANK[attempt.severity] < SEVERITY_RANK["high"]:
        return
    if _is_about_itself(site, body["rule"]["id"]):
        return
    name = (body.get("why") or {}).get("team", "")
    team = site.notify.teams.get(name)
    wait = _USUAL if team is None else team.repeat_every
    attributes = {
        "rule": body["rule"]["id"],
        "device": body["device"]["id"],
        "occurrence": attempt.occurrence,
        "severity": attempt.severity,
        "team": name,
    }
    about = {
        "occurrence": attempt.occurrence,
        "due": now + round(1000 * wait),
        "momentary": body["rule"]["kind"] == "event",
        "body": orjson.dumps(attributes).decode(),
        "failed": failed,
    }
    db.execute(_NOTE, about)


def _is_about_itself(site: Site, rule: str) -> bool:
    """Whether a rule makes its alarms of this very event: it would call for ever."""
    known = site.rules.get(rule)
    events = () if known is None else getattr(known.params, "event", ())
    return EVENT in ((events,) if isinstance(events, str) else tuple(events or ()))


def say(db: sqlite3.Connection, standing: GetStanding, now: int) -> int:
    """Produce the event for each alarm whose time is over and that still waits for somebody; answers how many."""
    said = 0
    for row in db.execute(_DUE, (now,)).fetchall():
        about = Standing(*standing(db, row["occurrence"]))
        is_over = about.cleared and not row["momentary"]
        if about.acknowledged or about.held or is_over:
            db.execute("DELETE FROM unanswered WHERE occurrence = ?", (row["occurrence"],))
            continue
        attributes: dict[str, Any] = orjson.loads(row["body"])
        event = Event(
            device=MONITOR_DEVICE,
            kind=EVENT,
            time=now,
            arrived=now,
            id=f"nobody-answered-{row['occurrence']}",
            attributes=attributes,
        )
        produce(db, PRODUCER, [event])
        db.execute("UPDATE unanswered SET said_at = ? WHERE occurrence = ?", (now, row["occurrence"]))
        _LOG.warning("nobody_answered", occurrence=row["occurrence"], rule=attributes["rule"])
        said += 1
    return said
