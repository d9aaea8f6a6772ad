"""Books what people did about alarms, and tells who was given one. Every function runs inside `State.transact`."""

import sqlite3
from collections.abc import Iterable

from monitor.alarms import keep
from monitor.alarms.casework import ASSIGN
from monitor.model import Command, Transition
from monitor.notices import Notice, NoticeKind, Router
from monitor.site import Rule, Site, Source

__all__ = ["assign", "close", "comment", "reopen", "tell"]

_FORGOTTEN = "the alarm is forgotten"
_CASE = "INSERT OR IGNORE INTO alarm_case (occurrence) VALUES (?)"
_ALARM = "SELECT * FROM alarm WHERE occurrence = ?"


def assign(db: sqlite3.Connection, command: Command) -> str:
    """Give an alarm to somebody, or take it from who has it."""
    if _open(db, command) is None:
        return _FORGOTTEN
    changed = db.execute(
        "UPDATE alarm_case SET assigned_to = :person, assigned_by = :by, assigned_at = :time"
        " WHERE occurrence = :occurrence AND closed_at IS NULL",
        {
            "person": command.arguments["person"],
            "by": command.by,
            "time": command.time,
            "occurrence": command.target,
        },
    ).rowcount
    return "" if changed else "the case is closed"


def comment(db: sqlite3.Connection, command: Command) -> str:
    """Keep what somebody said."""
    if _open(db, command) is None:
        return _FORGOTTEN
    db.execute(
        "INSERT OR IGNORE INTO alarm_comment (id, occurrence, time, by, text) VALUES (?, ?, ?, ?, ?)",
        (command.id, command.target, command.time, command.by, command.reason),
    )
    return ""


def close(db: sqlite3.Connection, command: Command) -> str:
    """Close a case."""
    alarm = _open(db, command)
    if alarm is None:
        return _FORGOTTEN
    if alarm["state"] != "clear":
        return "the alarm is not over"
    changed = db.execute(
        "UPDATE alarm_case SET closed_at = :time, closed_by = :by, cause = :cause, note = :note"
        " WHERE occurrence = :occurrence AND closed_at IS NULL",
        {
            "time": command.time,
            "by": command.by,
            "cause": command.arguments["cause"],
            "note": command.reason,
            "occurrence": command.target,
        },
    ).rowcount
    return "" if changed else "the case is closed already"


def reopen(db: sqlite3.Connection, command: Command) -> str:
    """Open a case again; what it was closed with stays among the comments."""
    row = db.execute("SELECT * FROM alarm_case WHERE occurrence = ?", (command.target,)).fetchone()
    if row is None or row["closed_at"] is None:
        return "the case is not closed"
    closed = f"was closed by {row['closed_by']}: {row['cause']}" + (f" ({row['note']})" if row["note"] else "")
    text = f"{command.reason}; it {closed}" if command.reason else f"Reopened; it {closed}"
    db.execute(
        "INSERT OR IGNORE INTO alarm_comment (id, occurrence, time, by, text) VALUES (?, ?, ?, ?, ?)",
        (command.id, command.target, command.time, command.by, text),
    )
    db.execute(
        "UPDATE alarm_case SET closed_at = NULL, closed_by = '', cause = '', note = '' WHERE occurrence = ?",
        (command.target,),
    )
    return ""


def _open(db: sqlite3.Connection, command: Command) -> sqlite3.Row | None:
    """The alarm of a command, with a case; None when nobody knows it any more."""
    alarm: sqlite3.Row | None = db.execute(_ALARM, (command.target,)).fetchone()
    if alarm is not None:
        db.execute(_CASE, (command.target,))
    return alarm


def tell(db: sqlite3.Connection, commands: Iterable[Command], site: Site, router: Router, now: int) -> int:
    """Tell everybody whom somebody else gave an alarm; answers how many messages that makes."""
    told = 0
    for command in commands:
        if command.kind == ASSIGN and command.arguments["person"] and _is_booked(db, command):
            told += keep.put(db, keep.route(router, _notice(db, command, site)), now)
    return told


def _is_booked(db: sqlite3.Connection, command: Command) -> bool:
    row = db.execute(
        "SELECT 1 FROM alarm_case WHERE occurrence = ? AND assigned_to = ?"
        " AND assigned_by = ? AND assigned_at = ?",
        (command.target, command.arguments["person"], command.by, command.time),
    ).fetchone()
    return row is not None


def _notice(db: sqlite3.Connection, command: Command, site: Site) -> Notice:
    """The alarm as it stands, and that it was assigned; its rule may have left the site file since."""
    alarm = db.execute(_ALARM, (command.target,)).fetchone()
    transition = Transition(
        occurrence=command.target,
        number=command.time,  # whoever is assigned a second time is told a second time
        rule=alarm["rule"],
        device=alarm["device"],
        source_key=alarm["source_key"],
        cause="assigned",
        condition=alarm["state"],
        response=alarm["response"],
        severity=alarm["severity"],
        value=alarm["value"],
        limit=alarm["limit"],
        time=command.time,
        by=command.by,
        reason=command.reason,
    )
    rule = site.rules.get(alarm["rule"])
    if rule is None:
        name = alarm["title"].partition(":")[0]
        rule = Rule(id=alarm["rule"], name=name, kind="", params=None, sources=(), version="")
    source = next((each for each in rule.sources if each.key == alarm["source_key"]), None)
    return Notice(
        kind=NoticeKind.ASSIGNED,
        transition=transition,
        rule=rule,
        raised_at=alarm["raised_at"],
        source=source or Source(device=alarm["device"], point=alarm["point"]),
        to=str(command.arguments["person"]),
    )
