"""What a look at the outbox costs while thousands of messages wait in it, and what a digest of them costs."""

import time

from monitor.notify import store
from monitor.notify.store import Outcome
from tests.notify.virtual import ANA, BEN, HOUR, NOON, Virtual, budgeted, house, quiet

WAITING = 10_000
LOOKS = 200


def _told(it: Virtual) -> float:
    """Milliseconds of one look, on average."""
    before = time.perf_counter()
    for _ in range(LOOKS):
        store.take(it.db, now=it.now, busy=(), most=16, standing=it.standing, site=it.site)
    return 1000 * (time.perf_counter() - before) / LOOKS


def main() -> None:
    """Print milliseconds: of looks, of putting off what comes at once, and of the morning's digest."""
    it = Virtual(house(quiet(budgeted(ANA, day=10, night=2)), BEN, devices=WAITING), now=NOON + 12 * HOUR)
    it.db.execute("BEGIN")
    empty = _told(it)
    for number in range(WAITING):
        it.rises(f"d{number}", "medium")
    it.db.execute("UPDATE outbox SET state = 'superseded', last_error = 'not of this bench' WHERE person = 'ben'")
    before = time.perf_counter()
    looks = 0
    while it.db.execute("SELECT 1 FROM outbox WHERE state = 'queued' AND next_at <= ?", (it.now,)).fetchone():
        store.take(it.db, now=it.now, busy=(), most=16, standing=it.standing, site=it.site)
        looks += 1
    put_off = 1000 * (time.perf_counter() - before) / looks
    waits = _told(it)
    it.rises("d0", "high")
    it.now += 31_000
    before = time.perf_counter()
    taken = store.take(it.db, now=it.now, busy=(), most=16, standing=it.standing, site=it.site)
    for _ in range(2):
        it.now += 31_000
        taken = taken or store.take(it.db, now=it.now, busy=(), most=16, standing=it.standing, site=it.site)
    beside = 1000 * (time.perf_counter() - before)
    for attempt in taken:
        store.mark(it.db, attempt, Outcome(state="sent"), it.now, it.site)
    it.now = NOON + 19 * HOUR
    before = time.perf_counter()
    (digest,) = store.take(it.db, now=it.now, busy=(), most=16, standing=it.standing, site=it.site)
    taking = 1000 * (time.perf_counter() - before)
    before = time.perf_counter()
    store.mark(it.db, digest, Outcome(state="sent"), it.now, it.site)
    marking = 1000 * (time.perf_counter() - before)
    before = time.perf_counter()
    store.take(it.db, now=it.now + 1, busy=(), most=16, standing=it.standing, site=it.site)
    paced = 1000 * (time.perf_counter() - before)
    print(f"a look at an empty outbox: {empty:.2f} ms; while {WAITING} wait: {waits:.2f} ms")  # noqa: T201 - it prints
    print(f"one message that goes out beside them, in three looks: {beside:.1f} ms")  # noqa: T201 - it prints
    print(f"putting off {WAITING} that come at once: {looks} looks of {put_off:.0f} ms")  # noqa: T201 - it prints
    print(f"a digest of {1 + len(digest.gathered)}: {taking:.0f} ms, written down in {marking:.0f} ms")  # noqa: T201 - it prints
    print(f"putting off the rest for the pace: {paced:.0f} ms")  # noqa: T201 - it prints
