"""What has happened on one channel of one person, read from the outbox. Runs inside `State.transact`."""

import json
import sqlite3
from typing import Final

from monitor.notify.budget import exhausted_until
from monitor.notify.holding import Flood, GroupTold, Lane
from monitor.periods import DAY
from monitor.site import Site

__all__ = ["lane_of"]

_LAST: Final = """
    SELECT max(sent_at) FROM outbox WHERE person = :person AND channel = :channel
        AND sent_at > :since AND sent_at <= :now AND severity <> 'critical'
        AND carried_by IS NULL AND kind NOT IN ('report', 'self_test')
"""
_GROUPS: Final = """
    SELECT json_extract(body, '$.group') AS name, max(sent_at) AS at,
        max(CASE severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) AS rank
    FROM outbox WHERE person = :person AND channel = :channel AND sent_at > :since AND sent_at <= :now
        AND kind = 'raise' AND step = 0
    GROUP BY name
"""
# The first condition on the state repeats the index's own, which is how SQLite knows that it may use it.
_FLOOD: Final = """
    SELECT json_extract(body, '$.gather') AS gather, min(next_at) AS due, max(created) AS newest FROM outbox
    WHERE state IN ('queued', 'sending', 'failed') AND person = :person AND channel = :channel
        AND held = 'flood' AND next_at > :now
    GROUP BY gather ORDER BY due LIMIT 1
"""
# What is on its way counts, too, once for each channel: its message is the one that was taken first.
_HAD: Final = """
    SELECT count(*) FROM (
        SELECT notification_id FROM outbox
        WHERE person = :person AND channel IN (SELECT value FROM json_each(:channels)) AND sent_at >= :since
            AND sent_at <= :now AND carried_by IS NULL AND kind NOT IN ('report', 'self_test')
        UNION SELECT notification_id FROM (
            SELECT notification_id, min(id) FROM outbox INDEXED BY outbox_state
            WHERE state = 'sending' AND person = :person AND kind NOT IN ('report', 'self_test') GROUP BY channel
        )
    )
"""
_TOLD: Final = """
    SELECT notification_id FROM outbox
    WHERE person = :person AND channel IN (SELECT value FROM json_each(:channels)) AND sent_at >= :since
        AND sent_at <= :now
    UNION SELECT notification_id FROM outbox INDEXED BY outbox_state WHERE state = 'sending' AND person = :person
"""


def lane_of(db: sqlite3.Connection, site: Site, person: str, channel: str, now: int) -> Lane | None:
    """What has happened on a channel until now (UTC ms); None for somebody whom the settings do not know."""
    known = site.notify.people.get(person)
    if known is None:
        return None
    grouping = site.notify.grouping
    lane = {"person": person, "channel": channel, "now": now}
    pace = round(1000 * grouping.pace)
    last = None if pace <= 0 else db.execute(_LAST, {**lane, "since": now - pace}).fetchone()[0]
    groups = {}
    if grouping.wait > 0:
        rows = db.execute(_GROUPS, {**lane, "since": now - round(1000 * grouping.interval)})
        groups = {row["name"] or "": GroupTold(row["at"], row["rank"]) for row in rows}
    flood = db.execute(_FLOOD, lane).fetchone()
    channels = json.dumps(sorted(known.channels))

    def had_since(since: int) -> int:
        about = {"person": person, "channels": channels, "since": since, "now": now}
        count: int = db.execute(_HAD, about).fetchone()[0]
        return count

    over = exhausted_until(known, had_since, now, site.timezone)
    told: list[sqlite3.Row] = []
    if over is not None:
        told = db.execute(
            _TOLD, {"person": person, "channels": channels, "since": now - DAY, "now": now}
        ).fetchall()
    return Lane(
        person=known,
        groups=groups,
        flood=None if flood is None else Flood(flood["due"], flood["gather"] or "", flood["newest"]),
        over_budget=None if over is None else over[0],
        told=frozenset(row[0] for row in told),
        paced_until=None if last is None else last + pace,
    )
