"""Reports in the outbox: who gets them and over what, and what becomes of such a row when its time has come.

A report is no alarm: it has lanes of its own, so that no alarm waits for it, and lives for two weeks.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson
import structlog

from monitor.duereport import DueReport, PutReport
from monitor.notices import NoticeKind, OutboxRow
from monitor.notify.channels import is_mail
from monitor.notify.restored import Restore
from monitor.periods import DAY
from monitor.site import Site
from monitor.staff import Person

__all__ = ["REPORT_LIVES", "expire", "facts", "make_put", "note_end", "revive"]


REPORT_LIVES: Final = 14 * DAY
"""Milliseconds for which a report is tried."""

_INSERT: Final = """
    INSERT OR IGNORE INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,
        not_before, expires, next_at, body)
    VALUES (:notification_id, :occurrence, :kind, :person, :channel, :step, :severity, :created,
        :not_before, :expires, :not_before, :body)
"""

_LOG = structlog.get_logger()


def make_put(site: Site) -> PutReport:
    """Make the function that puts a report into the outbox, for one state of the settings."""

    def put(db: sqlite3.Connection, due: DueReport, now: int) -> int:
        rows = list(_rows(site, due, now))
        db.executemany(
            _INSERT, [{**asdict(row), "created": now, "body": orjson.dumps(row.body).decode()} for row in rows]
        )
        return len(rows)

    return put


def _rows(site: Site, due: DueReport, now: int) -> Iterator[OutboxRow]:
    settings = due.settings
    about = f"report:{settings.id}:{due.period.name}"
    body = {
        "report": settings.id,
        "name": settings.name,
        "kinds": list(settings.kinds),
        "period": due.period.name,
        "devices": None if settings.devices is None else list(settings.devices),
        "again": due.is_again,
    }
    for name in dict.fromkeys(settings.people):
        person = site.notify.people.get(name)
        channel = _channel(person) if person is not None else None
        if channel is not None:
            yield OutboxRow(
                notification_id=about,
                occurrence=about,
                kind=NoticeKind.REPORT,
                person=name,
                channel=channel,
                step=0,
                severity="low",
                not_before=now,
                expires=now + REPORT_LIVES,
                body=body,
            )


def _channel(person: Person) -> str | None:
    """The one channel that a person gets reports over: the first that is mail, else the first."""
    return next((name for name, address in person.channels.items() if is_mail(address)), None) or next(
        iter(person.channels), None
    )


def facts(row: sqlite3.Row, body: Mapping[str, Any], restore: Restore | None) -> Mapping[str, Any]:
    """The body that the report is built from; it says `again` when the report may have arrived before."""
    maybe = row["maybe_delivered"] or (restore is not None and row["created"] < restore.at)
    return {**body, "again": bool(body["again"] or maybe)}


def expire(db: sqlite3.Connection, row: sqlite3.Row, now: int) -> None:
    """Give a report up. It counts as failed for an hour from now on."""
    reason = f"expired; {row['last_error']}" if row["last_error"] else "expired before it could be tried"
    db.execute(
        "UPDATE outbox SET state = 'dead', last_error = ?, expires = ? WHERE id = ?", (reason, now, row["id"])
    )
    _LOG.error("report_given_up", report=row["occurrence"], person=row["person"], error=reason)


def note_end(db: sqlite3.Connection, number: int, now: int) -> None:
    """Let a report that was given up count as failed for an hour from now on, not to the end of its two weeks."""
    db.execute("UPDATE outbox SET expires = min(expires, ?) WHERE id = ? AND state = 'dead'", (now, number))


def revive(db: sqlite3.Connection, now: int) -> None:
    """After a start: try every report at once, and for a day at least; the settings may have been mended."""
    db.execute(
        "UPDATE outbox SET next_at = min(next_at, :now), expires = max(expires, :now + :day)"
        " WHERE state IN ('queued', 'sending', 'failed') AND kind = 'report'",
        {"now": now, "day": DAY},
    )
