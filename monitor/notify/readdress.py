"""A message to whoever is on call goes to the one who is when it is sent, not to the one who was to be.

Rows are made when an alarm is raised, each to whoever is on call at its time by what was known then. A hand-over
while a message waits, or an override, changes that: the row is superseded, and the right person gets rows instead.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from monitor.duty import OnCall, on_call
from monitor.notices import ALARMING, NoticeKind, step_of
from monitor.notify.along import channels_for, reaching
from monitor.notify.fallback import comes_after
from monitor.notify.handover import MARK, hand_over
from monitor.notify.links import BY_LINK
from monitor.notify.meanwhile import was_told_since_and_is_over
from monitor.notify.standins import StandIns
from monitor.site import Site
from monitor.staff import Person

__all__ = ["Divert", "Readdress", "instead_of"]

Divert = Callable[[sqlite3.Connection, sqlite3.Row, Mapping[str, Any], int], bool]
"""Gives a row that is due to whom it is for by now (UTC ms), in a transaction; answers whether it went there."""

_FOR_WHO_IS_ON_CALL: Final = ALARMING | {NoticeKind.REMIND}

_DONE_WITH: Final = "others were told of it since, and it is over"

_SUPERSEDE: Final = "UPDATE outbox SET state = 'superseded', last_error = :reason WHERE id = :id"

_COPY: Final = """
    INSERT OR IGNORE INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,
                                  not_before, expires, next_at, held, body)
    SELECT notification_id, occurrence, kind, :person, :channel, step, severity, created, not_before, expires,
           :next_at, CASE WHEN held IN ('quiet', 'budget') THEN held ELSE '' END, :body
    FROM outbox WHERE id = :id
"""
_TAKE_ITS_PLACE: Final = """
    UPDATE outbox SET state = 'queued', last_error = '', step = :step, not_before = :not_before, next_at = :now,
                      expires = :expires, body = :body
    WHERE notification_id = :notification AND person = :person AND channel = :channel
      AND (state = 'queued' AND step > :step OR state = 'superseded' AND last_error LIKE :mark)
"""
"""They were to be told later, or it was taken from them when somebody else was on call."""

_WHAT_FOLLOWS: Final = """
    SELECT * FROM outbox
    WHERE occurrence = :occurrence AND person = :person AND channel = :channel
      AND kind NOT IN ('raise', 'severity', 'chatter', 'remind', 'assigned')
      AND (id > :id AND state IN ('queued', 'failed')
           OR kind = 'clear' AND state = 'superseded' AND carried_by IS NULL)
    ORDER BY id
"""


def instead_of(site: Site, body: Mapping[str, Any], person: str, now: int, stand_ins: StandIns) -> OnCall | None:
    """Who is on call instead of a row's person, with why; None: it is for them, or nobody else is there."""
    why = body.get("why")
    roster = site.notify.rosters.get(str(why.get("roster", ""))) if isinstance(why, Mapping) else None
    if roster is None:
        return None
    found = on_call(roster, now, site.timezone, reaching(site, stand_ins.known))
    return None if found.person in {None, person} or found.person not in site.notify.people else found


class Readdress:
    """Gives a row that is due to whoever is on call by now."""

    def __init__(self, site: Site, stand_ins: StandIns) -> None:
        self._site = site
        self._stand_ins = stand_ins

    def __call__(self, db: sqlite3.Connection, row: sqlite3.Row, body: Mapping[str, Any], now: int) -> bool:
        """Within `State.transact`: answers whether the row was for somebody else, and is superseded.

        What may have arrived stays with its person. What others were told of since, and is over, is no news for
        whoever is on call by then. `now` is UTC ms.
        """
        if row["kind"] not in _FOR_WHO_IS_ON_CALL or row["maybe_delivered"]:
            return False
        found = instead_of(self._site, body, row["person"], now, self._stand_ins)
        if found is None or found.person is None:
            return False
        person = self._site.notify.people[found.person]
        channels = channels_for(person, row["severity"], body["why"].get("channels", ()))
        reason = self._take_over(db, row, (person, channels), body, found.reason, now) if channels else ""
        if reason:
            db.execute(_SUPERSEDE, {"id": row["id"], "reason": reason})
        return bool(reason)

    def _take_over(  # noqa: PLR0913, PLR0917 - what, who, over which channels, and why
        self,
        db: sqlite3.Connection,
        row: sqlite3.Row,
        to: tuple[Person, Sequence[str]],
        body: Mapping[str, Any],
        why: str,
        now: int,
    ) -> str:
        """Make rows for somebody else; answers why the row itself is not needed any more, nothing if it is."""
        person, channels = to
        if row["kind"] == NoticeKind.REMIND:
            return f"{MARK}{why}" if hand_over(db, row, person, channels, why, now) else ""
        if was_told_since_and_is_over(db, row):
            return _DONE_WITH
        changed = {**body, "why": {**body["why"], "reason": why}}
        for channel in channels:
            self._give(db, row, (person, channel), changed, now)
        return f"{MARK}{why}"

    @staticmethod
    def _give(
        db: sqlite3.Connection, row: sqlite3.Row, lane: tuple[Person, str], body: Mapping[str, Any], now: int
    ) -> None:
        """Make the row of another person and channel, and what follows it: an end that waits is for them, too."""
        written = orjson.dumps(body).decode()
        follows = db.execute(
            _WHAT_FOLLOWS,
            {name: row[name] for name in ("occurrence", "person", "channel", "id")},
        ).fetchall()
        to = {"person": lane[0].id, "channel": lane[1]}
        db.execute(_COPY, {**to, "id": row["id"], "next_at": now, "body": written})
        db.execute(
            _TAKE_ITS_PLACE,
            {
                **to,
                "notification": row["notification_id"],
                "step": row["step"],
                "not_before": row["not_before"],
                "expires": row["expires"],
                "now": now,
                "body": written,
                "mark": f"{MARK}%",
            },
        )
        names = {lane[0].id.casefold(), lane[0].name.casefold()}
        for each in follows:
            by = str(orjson.loads(each["body"]).get("by", "")).removesuffix(BY_LINK).casefold()
            if each["kind"] == "clear" and _step(each) < _step(row):
                continue  # it has begun again since
            if each["kind"] == "acknowledged" and by in names:
                continue  # they did it themselves
            comes_after(db, each, **to)
            db.execute(_COPY, {**to, "id": each["id"], "next_at": now, "body": each["body"]})


def _step(row: sqlite3.Row) -> int:
    """The number of the alarm's step that a row tells of."""
    return step_of(row["notification_id"], row["kind"]) or 0
