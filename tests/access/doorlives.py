"""What happens at a door, as it is recorded: the same from the same plan."""

from collections.abc import Sequence

from monitor.calendars import Hours, Schedule
from monitor.model import Entry, Event
from tests.access.sites import happened, said

__all__ = ["DELAYS", "GAPS", "HOURS", "HOURS_OF_DOOR", "Step", "record_of"]

DAY = 1_795_392_000_000 - 1_795_392_000_000 % 86_400_000
START = DAY + 8 * 3_600_000 - 60_000
"""A minute before the hours of the door begin."""
HOURS = [(DAY + (480 + 3 * at) * 60_000, DAY + (481 + 3 * at) * 60_000) for at in range(4)]
HOURS_OF_DOOR = Schedule(hours=(Hours(spans=tuple((480 + 3 * at, 481 + 3 * at) for at in range(4))),))
GAPS = (0, 1, 300, 999, 1500, 2000, 2001, 2500, 4000, 5000, 7000, 7001, 9001, 20_000, 30_000, 32_001, 45_000)
DELAYS = (0, 0, 1, 700, 1500, -1500)
PLACES = (3000, -9000, -15_000)
"""When a late card was shown, from the next thing that is late: before, after and while the door was open."""

Step = tuple[int, str, int]
"""How long after the last one (ms), what happens, and how late its device says so (ms)."""


def record_of(plan: Sequence[Step], *, known: bool) -> list[tuple[int, Entry]]:
    """What is recorded when: (stamp, entry)."""
    stamp, contact, lock, past = START, START - 10_000, 0, START - 20_000_000
    record: list[tuple[int, Entry]] = [(stamp, said("meter", stamp, power_w=1.0))]
    if known:
        record.append((stamp, said("front", contact, open=False)))
    for number, (gap, what, delay) in enumerate(plan):
        stamp += gap
        time = stamp - delay
        if what in ("open", "shut"):
            contact = max(contact + 1, time)
            record.append((stamp, said("front", contact, open=what == "open")))
        elif what in ("unlock", "lock"):
            lock = max(lock + 1, time)
            record.append((stamp, said("front-lock", lock, locked=what == "lock")))
        elif what == "rex":
            record.append((stamp, happened("rex", time, "front-button")))
        elif what in ("card", "denied"):
            record.append((stamp, _card(number, time, stamp, "granted" if what == "card" else "denied")))
        elif what == "late card":
            record.append((stamp, _card(number, past + PLACES[number % 3] - delay, stamp, "granted")))
        else:
            shown = [(0, False), (5000, True), (6000 + 10 * gap, False)]
            record += [(stamp, said("front", past + at, late=True, open=is_open)) for at, is_open in shown]
            past += 20_000 + 10 * gap
    return record


def _card(number: int, time: int, stamp: int, result: str) -> Event:
    attributes = {"result": result, "credential": "0" * 24}
    return Event(
        device="front-reader", kind="card", time=time, arrived=stamp, id=f"c{number}", attributes=attributes
    )
