"""The daily self-test: a channel that carried nothing for a day is tried, before somebody's life depends on it.

What is due is read from the state, so that a start at any time of the day leaves none out and sends none twice.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from monitor.notices import NoticeKind, OutboxRow
from monitor.site import Site
from monitor.staff import Person

__all__ = ["facts", "put_due"]

_DAY: Final = 86_400_000
_LIVES: Final = 2 * 3_600_000

_CARRIED: Final = "SELECT person, channel FROM channel_state WHERE last_success BETWEEN ? AND ?"
_EARLIER: Final = 3_600_000
"""Milliseconds: the test of the day before, which took its time, is no reason to test later each day."""
_WRONG: Final = 60_000
"""Milliseconds: what is so far ahead was written by a clock that was wrong, and proves nothing."""
_INSERT: Final = """
    INSERT OR IGNORE INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,
        not_before, expires, next_at, body)
    VALUES (:notification_id, :occurrence, :kind, :person, :channel, :step, :severity, :not_before,
        :not_before, :expires, :not_before, :body)
"""


def put_due(db: sqlite3.Connection, site: Site, now: int) -> int:
    """Put the tests of today that are due into the outbox; answers how many. `now`: UTC ms.

    Nobody is tested in their quiet hours: it waits for their end, and where that is tomorrow, for tomorrow.
    """
    test = site.notify.self_test
    if test is None:
        return 0
    today = datetime.fromtimestamp(now / 1000, site.timezone)
    due = today.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(minutes=test.minute)
    if today < due:
        return 0
    carried = {
        (row["person"], row["channel"]) for row in db.execute(_CARRIED, (now - _DAY + _EARLIER, now + _WRONG))
    }
    before = db.total_changes
    for row in _rows(site, f"self_test:{today:%Y-%m-%d}", now):
        if (row.person, row.channel) not in carried:
            db.execute(_INSERT, _columns(row))
    return db.total_changes - before


def _rows(site: Site, about: str, now: int) -> Iterator[OutboxRow]:
    for person in site.notify.people.values():
        if _sleeps(person, site, now):
            continue
        for channel in person.channels:
            yield OutboxRow(
                notification_id=about,
                occurrence=about,
                kind=NoticeKind.SELF_TEST,
                person=person.id,
                channel=channel,
                step=0,
                severity="low",
                not_before=now,
                expires=_until(person, site, now),
                body=facts(site, person, channel, now, severity="low"),
            )


def _sleeps(person: Person, site: Site, now: int) -> bool:
    return person.quiet is not None and person.quiet.hours.is_on(now, site.timezone)


def _until(person: Person, site: Site, now: int) -> int:
    """How long a test is tried: not into the quiet hours of its person."""
    quiet = None if person.quiet is None else person.quiet.hours.change_after(now, site.timezone)
    return now + _LIVES if quiet is None else min(now + _LIVES, quiet)


def facts(site: Site, person: Person, channel: str, now: int, *, severity: str) -> Mapping[str, Any]:
    """What the message of a test may say, JSON-ready."""
    return {
        "site": {"id": site.id, "name": site.name, "timezone": site.timezone.key or "UTC"},
        "rule": {"id": "self-test", "name": "self-test", "kind": "self_test"},
        "device": {"id": "facility-monitor", "name": "facility-monitor"},
        "person": person.name,
        "channel": channel,
        "since": now,
        "time": now,
        "severity": severity,
        "after": 0,
    }


def _columns(row: OutboxRow) -> dict[str, Any]:
    known = ("notification_id", "occurrence", "kind", "person", "channel", "step", "severity", "not_before")
    return {name: getattr(row, name) for name in (*known, "expires")} | {"body": orjson.dumps(row.body).decode()}
