"""A reminder of somebody who is not on call any more: it is for whoever is by now. Runs inside `State.transact`.

Who has not heard of the alarm yet is told of it, as of one that is raised, and of all that follows; who has is
reminded. The one who was told first still hears of its end.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import orjson

from monitor.notices import ALARMING, NoticeKind, step_of, telling_of
from monitor.notify.attempt import Lane
from monitor.notify.decision import PENDING
from monitor.notify.reminders import remind_at_once
from monitor.notify.sound import is_sound
from monitor.staff import Person

__all__ = ["MARK", "give_back", "hand_over"]

MARK: Final = "on call by now: "
"""How the reason begins for which a message was taken from somebody who is not on call any more."""

_ROWS: Final = "SELECT * FROM outbox WHERE occurrence = :occurrence AND person = :person ORDER BY id"
_GIVE: Final = """
    INSERT INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created, not_before,
        expires, next_at, body)
    VALUES (:notification, :occurrence, :kind, :person, :channel, :step, :severity, :now, :now,
        :expires, :now, :body)
    ON CONFLICT (notification_id, person, channel) DO UPDATE SET state = 'queued', last_error = '', held = '',
        step = excluded.step, created = :now, not_before = :now, next_at = :now, expires = :expires,
        body = excluded.body
    WHERE state = 'queued' OR state = 'superseded' AND carried_by IS NULL
"""
"""They may have a row of it already: for a later step, or one that was taken from them as others were on call."""
_TAKEN: Final = """
    SELECT * FROM outbox WHERE occurrence = :occurrence AND person = :person AND kind = 'remind'
        AND state = 'superseded' AND last_error LIKE :mark
    ORDER BY id
"""
_NO_MORE: Final = frozenset({"gather", "gathered", "after", "last"})


def hand_over(  # noqa: PLR0913, PLR0917 - a reminder, whose it is by now, and why
    db: sqlite3.Connection, row: sqlite3.Row, person: Person, channels: Collection[str], reason: str, now: int
) -> bool:
    """Give a reminder that is due to somebody else, UTC ms; answers whether they hear of the alarm by it."""
    mine = _rows(db, row["occurrence"], row["person"])
    told = [each for each in mine if _is_told(each) and is_sound(each["body"])]
    if not told:
        return False
    newest = max(told, key=lambda each: (_step(each), each["id"]))
    theirs = _rows(db, row["occurrence"], person.id)
    know = [each for each in theirs if _is_told(each) and _step(each) >= _step(newest)]
    if _hears_soon(theirs, newest, now, knows=bool(know)):
        return True
    if lanes := sorted({(person.id, each["channel"]) for each in know if each["channel"] in person.channels}):
        for lane in lanes:
            remind_at_once(db, row, lane, now)
        return True
    given = [_give(db, row, newest, (person.id, channel), reason, now) for channel in channels]
    return any(given)


def _hears_soon(theirs: Sequence[sqlite3.Row], newest: sqlite3.Row, now: int, *, knows: bool) -> bool:
    """Whether a message of it is on its way to them already, or a reminder of what they know waits."""
    waiting = [each for each in theirs if each["state"] in PENDING]
    return any(
        (knows and each["kind"] == NoticeKind.REMIND)
        or (each["kind"] in ALARMING and _step(each) >= _step(newest) and each["not_before"] <= now)
        for each in waiting
    )


def give_back(db: sqlite3.Connection, row: sqlite3.Row, body: Mapping[str, Any], now: int) -> None:
    """When whoever is on call by now cannot be reached at all: remind the one before again, UTC ms."""
    person = body.get("why", {}).get("in_place_of")
    if row["kind"] not in ALARMING or not person:
        return
    taken = db.execute(_TAKEN, {"occurrence": row["occurrence"], "person": person, "mark": f"{MARK}%"}).fetchall()
    for each in {each["channel"]: each for each in taken if is_sound(each["body"])}.values():
        remind_at_once(db, each, (person, each["channel"]), now)


def _give(  # noqa: PLR0913, PLR0917 - what was told to whom, and to whom it is to be told now
    db: sqlite3.Connection, row: sqlite3.Row, newest: sqlite3.Row, lane: Lane, reason: str, now: int
) -> bool:
    """Tell somebody of the alarm as the one before was told; reminders go on for as long as theirs would have."""
    said: dict[str, Any] = orjson.loads(newest["body"])
    first: Mapping[str, Any] = orjson.loads(row["body"]).get("remind", {})
    why = {key: value for key, value in said.get("why", {}).items() if key != "fallback_of"}
    body = {key: value for key, value in said.items() if key not in _NO_MORE}
    body |= {
        "after": 0,
        "why": {**why, "reason": f"{reason}; in the place of {row['person']}", "in_place_of": row["person"]},
        "remind": {"number": 0, "first": first.get("first", now)},
    }
    about = {
        **{name: newest[name] for name in ("occurrence", "kind", "step", "severity")},
        "notification": telling_of(newest["notification_id"]),
        "person": lane[0],
        "channel": lane[1],
        "now": now,
        "expires": now + row["expires"] - row["not_before"],
        "body": orjson.dumps(body).decode(),
    }
    return db.execute(_GIVE, about).rowcount > 0


def _rows(db: sqlite3.Connection, occurrence: str, person: str) -> Sequence[sqlite3.Row]:
    return db.execute(_ROWS, {"occurrence": occurrence, "person": person}).fetchall()


def _is_told(row: sqlite3.Row) -> bool:
    return row["kind"] in ALARMING and (row["state"] in {"sent", "unknown"} or bool(row["maybe_delivered"]))


def _step(row: sqlite3.Row) -> int:
    """The number of the alarm's step that a row tells of."""
    return step_of(row["notification_id"], row["kind"]) or 0
