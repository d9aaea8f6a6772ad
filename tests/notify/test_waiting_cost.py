"""A look at the outbox takes as many steps beside ten thousand messages that wait as beside a hundred."""

import pytest

from monitor.notify import store
from tests.notify.virtual import ANA, HOUR, NOON, Virtual, budgeted, house, quiet


def looks(waiting: int) -> tuple[int, int]:
    """Hundreds of SQLite's steps: of a look with nothing due, and of one that holds one and sends another."""
    it = Virtual(house(quiet(budgeted(ANA, day=10, night=2)), devices=4), now=NOON + 12 * HOUR)
    it.rises("d0", "low")
    it.look()
    it.db.execute(
        "INSERT INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,"
        " not_before, expires, state, next_at, body, held, sent_at) WITH RECURSIVE n(i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :waiting)"
        " SELECT 'n' || i, 'x' || i, kind, person, channel, step, severity, created, not_before, expires,"
        " iif(i % 2, state, 'sent'), next_at, body, held, iif(i % 2, NULL, :long_ago) FROM n, outbox",
        {"waiting": waiting, "long_ago": it.now - 48 * HOUR},
    )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    found = []
    it.db.set_progress_handler(count, 100)
    it.look()
    found.append(steps)
    it.rises("d2", "low")
    it.rises("d3", "critical")
    steps = 0
    taken = store.take(it.db, now=it.now, busy=(), most=9, standing=it.standing, site=it.site)
    found.append(steps)
    assert [one.severity for one in taken] == ["critical"]
    return found[0], found[1]


def test_what_waits_costs_nothing() -> None:
    few, many = looks(100), looks(20_000)

    assert many == pytest.approx(few, rel=0.5, abs=10)
