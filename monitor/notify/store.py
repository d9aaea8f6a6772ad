"""What is due in the table `outbox`, and what became of it. Every function runs inside `State.transact`."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from monitor.notices import NoticeKind
from monitor.notify import fallback, holding, reports, unanswered
from monitor.notify.attempt import Attempt, Lane, gathered
from monitor.notify.decision import (
    ANNOUNCING,
    ON_ITS_WAY,
    TOLD_SINCE,
    Action,
    Decision,
    GetStanding,
    Standing,
    decide,
    is_old_news,
)
from monitor.notify.holding import DIGESTS, Hold, Waiting, goes_along
from monitor.notify.lane import lane_of
from monitor.notify.meanwhile import as_grave_as_now
from monitor.notify.readdress import Divert
from monitor.notify.restored import Restore, decide_restored, newest_restore
from monitor.notify.results import Outcome, hasten, mark, wake_others
from monitor.notify.rows import attempt_of, past_of, waiting_of
from monitor.notify.sound import only_sound
from monitor.notify.table import STATES, ClockStep, begin_again, count, follow_clock, forget, matching, shown
from monitor.site import Site
from monitor.staff import Grouping

__all__ = [
    "STATES",
    "Attempt",
    "ClockStep",
    "GetStanding",
    "Lane",
    "Outcome",
    "begin_again",
    "count",
    "follow_clock",
    "forget",
    "mark",
    "matching",
    "shown",
    "take",
]

_MOST_ROUNDS: Final = 500
_MOST_DECISIONS: Final = 500
"""Of one look: the rest is decided at the next, so that others come to the state meanwhile."""
_MOST_AT_ONCE: Final = 2000
"""Rows of one person's channel that are looked at together, and that one message carries at most."""
_RECHECK: Final = 1000
_KEPT: Final = frozenset({*DIGESTS, "flood", "maintenance"})
"""What a row that waits for it goes on to say, also when it waits a little longer for something else."""

_NOT_WORTH_POSTPONING: Final = 60_000

# The first condition repeats the index's own, which is how SQLite knows that it may use it. It is told which: what
# waits for a time to come must cost nothing.
# Reports are taken apart from all others, so that no alarm waits for one.
_DUE: Final = """
    SELECT * FROM (
        SELECT *, row_number() OVER (
            PARTITION BY person, channel
            ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, id
        ) AS place
        FROM outbox INDEXED BY outbox_due
        WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now
          AND (kind = 'report') = :reports AND person || '/' || channel NOT IN (SELECT value FROM json_each(:busy))
    ) WHERE place = 1 ORDER BY severity <> 'critical', next_at LIMIT :most
"""

_OF_LANE: Final = """
    SELECT * FROM outbox INDEXED BY outbox_due
    WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now AND kind <> 'report'
        AND person = :person AND channel = :channel
    ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, id
    LIMIT :most
"""

_OF_GROUP: Final = """
    SELECT * FROM outbox INDEXED BY outbox_waits
    WHERE state IN ('queued', 'sending', 'failed') AND state = 'queued' AND person = :person AND channel = :channel
        AND held = 'group' AND next_at > :now
    ORDER BY next_at LIMIT :most
"""

_SENDING: Final = "UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ?"

_PUT_OFF: Final = """
    UPDATE outbox SET held = :held, next_at = :until, expires = expires + :until - :now,
        body = CASE :gather WHEN '' THEN body ELSE json_set(body, '$.gather', :gather) END
    WHERE id = :id
"""


_PUT_OFF_ALL: Final = """
    UPDATE outbox INDEXED BY outbox_due SET next_at = :until, expires = expires + :until - :now,
        held = CASE WHEN held IN ('quiet', 'budget', 'flood', 'maintenance') THEN held ELSE 'pace' END
    WHERE state IN ('queued', 'sending', 'failed') AND state <> 'sending' AND next_at <= :now AND held <> ''
        AND person = :person AND channel = :channel AND severity <> 'critical'
        AND kind NOT IN ('report', 'self_test')
"""


@dataclass(slots=True, kw_only=True)
class _Look:
    """One look at the outbox: when (UTC ms), and what decides.

    `site`: None where nothing holds messages back. `divert`: None where nobody is on call. `left`: decisions that
    it may still make before anything goes out.
    """

    now: int
    standing: GetStanding
    restore: Restore | None
    site: Site | None
    divert: Divert | None
    left: int = _MOST_DECISIONS

    def diverts(self, db: sqlite3.Connection, row: sqlite3.Row, body: Mapping[str, Any]) -> bool:
        """Whether a row that is due went to somebody else, who is on call by now."""
        return self.divert is not None and self.divert(db, row, body, self.now)


def _any_lane(_: Lane) -> bool:
    return True


def take(  # noqa: PLR0913 - what is due, for whom there is room, and who wants to hear what
    db: sqlite3.Connection,
    *,
    now: int,
    busy: Collection[Lane],
    most: int,
    standing: GetStanding,
    of_reports: bool = False,
    site: Site | None = None,
    divert: Divert | None = None,
    admits: Callable[[Lane], bool] = _any_lane,
) -> Sequence[Attempt]:
    """Decide about what is due and mark as `sending` what shall go out now: at most one message for a free lane.

    `of_reports`: take reports, else all others; `busy` are lanes of the same. `site`: whose people, grouping and
    time zone hold messages back; without it nothing is held back. `divert`: who is on call by now. `admits`:
    whether there is room for one more message over a lane.
    """
    taken: list[Attempt] = []
    look = _Look(now=now, standing=standing, restore=newest_restore(db), site=site, divert=divert)
    lanes = {f"{person}/{channel}" for person, channel in busy}
    if not of_reports:
        unanswered.say(db, standing, now)
    for _ in range(_MOST_ROUNDS):
        if len(taken) >= most or look.left <= 0:
            break
        due = db.execute(
            _DUE,
            {
                "now": now,
                "busy": orjson.dumps(sorted(lanes)).decode(),
                "most": most - len(taken),
                "reports": of_reports,
            },
        ).fetchall()
        if not due:
            break
        for row in due:
            address = row["person"], row["channel"]
            if not admits(address):
                lanes.add("/".join(address))
                continue
            attempt = _decide_report(db, row, look) if of_reports else _from_lane(db, row, look)
            if attempt is not None:
                taken.append(attempt)
                lanes.add("/".join(attempt.lane))
    return taken


def _from_lane(db: sqlite3.Connection, first: sqlite3.Row, look: _Look) -> Attempt | None:
    """Go through what is due on one channel of one person, the most urgent first, until something goes out."""
    about = {"person": first["person"], "channel": first["channel"], "now": look.now, "most": _MOST_AT_ONCE}
    lane = None if look.site is None else lane_of(db, look.site, first["person"], first["channel"], look.now)
    if lane is not None and lane.paced_until is not None:
        db.execute(_PUT_OFF_ALL, {**about, "until": lane.paced_until})
    rows = only_sound(db, db.execute(_OF_LANE, about).fetchall())
    for place, row in enumerate(rows):
        look.left -= 1
        attempt = _decide(db, row, look, lane) if look.left >= 0 else None
        if attempt is not None:
            waits = [] if lane is None else only_sound(db, db.execute(_OF_GROUP, about).fetchall())
            return _with_others(db, attempt, waiting_of(row), [*rows[place + 1 :], *waits], look, lane)
    return None


def _decide(
    db: sqlite3.Connection,
    row: sqlite3.Row,
    look: _Look,
    lane: holding.Lane | None,
    groups: Collection[str] = (),
) -> Attempt | None:
    """Decide about a row: mark it as being sent and answer what to send, or let it wait, or end it.

    `groups`: a message goes out at this moment in which those of these groups have a place, also early.
    """
    waiting = waiting_of(row)
    hold = None
    if lane is not None and look.site is not None:
        hold = holding.hold(waiting, lane, look.site.notify.grouping, look.now, look.site.timezone)
        if hold is not None and hold.held == "group" and waiting.group in groups:
            hold = None
    digest = waiting.held in DIGESTS or (hold is not None and hold.held in DIGESTS)
    if row["next_at"] <= look.now:
        row = _postponed(db, row)
        if row["next_at"] > look.now:
            return None
    body: dict[str, Any] = orjson.loads(row["body"])
    found = db.execute(
        "SELECT * FROM outbox WHERE occurrence = ? AND person = ? AND id <> ?",
        (row["occurrence"], row["person"], row["id"]),
    ).fetchall()
    others = [other for other in found if other["channel"] == row["channel"]]
    elsewhere = [past_of(other) for other in found if other["channel"] != row["channel"]]
    is_due = row["next_at"] <= look.now and not is_old_news(past_of(row, body), elsewhere)
    is_reminder = row["kind"] == NoticeKind.REMIND
    if is_due and not is_reminder and look.diverts(db, row, body):
        return None
    about = (
        replace(past_of(row, body), digest=digest),
        [past_of(other) for other in others],
        _standing_of(db, row, body, look.standing),
    )
    restored = decide_restored(about[0], body["time"], *about[1:], look.restore)
    decision = restored or decide(*about, look.now, elsewhere)
    if decision.action not in {Action.SEND, Action.COMBINE}:
        _leave(db, row, others, decision, look)
        return None
    if is_due and is_reminder and look.diverts(db, row, body):
        return None
    if hold is not None:
        _put_off(db, row, hold, look.now)
        return None
    row = as_grave_as_now(db, row)
    db.execute(_SENDING, (row["id"],))
    return attempt_of(row, orjson.loads(row["body"]), others, is_over=decision.action is Action.COMBINE)


def _with_others(  # noqa: PLR0913, PLR0917 - the first row, those behind it, and what decides
    db: sqlite3.Connection,
    attempt: Attempt,
    first: Waiting,
    rows: Sequence[sqlite3.Row],
    look: _Look,
    lane: holding.Lane | None,
) -> Attempt:
    """Take along what goes out in the same message."""
    grouping = Grouping(wait=0, pace=0) if look.site is None else look.site.notify.grouping
    groups = {first.group} if first.kind == NoticeKind.RAISE and not first.is_critical else set()
    others, together = [], [first]
    for row in rows:
        other = waiting_of(row)
        early = other.next_at > look.now
        if (early and other.group not in groups) or not goes_along(first, other, grouping):
            continue
        joined = _decide(db, row, look, lane, groups)
        if joined is not None:
            others.append(joined)
            together.append(other)
            if other.kind == NoticeKind.RAISE:
                groups.add(other.group)
    if not others and not (first.held in DIGESTS and attempt.acknowledgements):
        return attempt
    return gathered(attempt, others, holding.why(together))


def _standing_of(
    db: sqlite3.Connection, row: sqlite3.Row, body: Mapping[str, Any], standing: GetStanding
) -> Standing:
    """How that stands which a message is about: one about many alarms waits until all are acknowledged."""
    about = body.get("backlog", {}).get("occurrences") or [row["occurrence"]]
    found = [Standing(*standing(db, occurrence)) for occurrence in about]
    return Standing(
        acknowledged=all(each.acknowledged for each in found),
        cleared=all(each.cleared for each in found),
        held=all(each.held for each in found),
        assigned_to=found[0].assigned_to if len(found) == 1 else None,
    )


def _decide_report(db: sqlite3.Connection, row: sqlite3.Row, look: _Look) -> Attempt | None:
    if look.now >= row["expires"]:
        reports.expire(db, row, look.now)
        return None
    db.execute(_SENDING, (row["id"],))
    return attempt_of(row, reports.facts(row, orjson.loads(row["body"]), look.restore))


def _postponed(db: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
    """Count a row's times from its own making, when the alarm was older than that (late data, a long stop).

    Otherwise all steps of an escalation would be due at once, or the message expired before it was made.
    """
    after = int(orjson.loads(row["body"]).get("after", 0))
    behind = row["created"] - (row["not_before"] - after)
    if row["attempts"] or behind < _NOT_WORTH_POSTPONING:
        return row
    db.execute(
        "UPDATE outbox SET not_before = not_before + :behind, next_at = not_before + :behind,"
        " expires = expires + :behind WHERE id = :id",
        {"behind": behind, "id": row["id"]},
    )
    found: sqlite3.Row = db.execute("SELECT * FROM outbox WHERE id = ?", (row["id"],)).fetchone()
    return found


def _put_off(db: sqlite3.Connection, row: sqlite3.Row, hold: Hold, now: int) -> None:
    held = row["held"] if row["held"] in _KEPT and hold.held in {"group", "pace"} else hold.held
    about = {"held": held, "until": hold.until, "now": now, "gather": hold.gather, "id": row["id"]}
    db.execute(_PUT_OFF, about)


def _leave(
    db: sqlite3.Connection, row: sqlite3.Row, others: Sequence[sqlite3.Row], decision: Decision, look: _Look
) -> None:
    if decision.action is Action.WAIT:
        first = [each for each in others if each["id"] < row["id"] and each["state"] in {"queued", "failed"}]
        waits = [] if decision.reason == ON_ITS_WAY else first
        due = max((each["next_at"] for each in waits if each["kind"] in ANNOUNCING), default=0)
        until = max(due, look.now + _RECHECK)
        db.execute(_PUT_OFF, {"held": "order", "until": until, "now": look.now, "gather": "", "id": row["id"]})
        return
    if decision.action is Action.DROP:
        db.execute(
            "UPDATE outbox SET state = 'superseded', last_error = ? WHERE id = ?", (decision.reason, row["id"])
        )
        if look.site is not None and decision.reason == TOLD_SINCE:
            unanswered.note_last(db, look.site, attempt_of(row, orjson.loads(row["body"])), look.now)
    else:
        reason = f"expired; {row['last_error']}" if row["last_error"] else "expired before it could be tried"
        db.execute("UPDATE outbox SET state = 'dead', last_error = ? WHERE id = ?", (reason, row["id"]))
        if look.site is not None:
            fallback.replace_expired(db, look.site.notify.people, row["id"], look.now)
        hasten(db, row["notification_id"], row["kind"], look.now)
        if look.site is not None:
            unanswered.note_last(db, look.site, attempt_of(row, orjson.loads(row["body"])), look.now)
    wake_others(db, row["occurrence"], (row["person"], row["channel"]), look.now)
