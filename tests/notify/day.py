"""A day in the journal of the small site: a voltage that sags, a pump that faults, a door, a leak at night."""

import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Entry, Event, Reading
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.notify.house import MINUTE, NOW

__all__ = ["BEGAN", "keep", "volts", "whole_day"]

BEGAN: Final = NOW - 14 * 60 * MINUTE
_AT_ONCE: Final = 900


def volts(every: int = MINUTE, *, seed: int = 7) -> list[Entry]:
    """230 V and some noise; it sags below 207 V in the quarter of an hour before `NOW`."""
    chance = random.Random(seed)
    found: list[Entry] = []
    for at in range(BEGAN, NOW + 1, every):
        hour = (at - BEGAN) / (60 * MINUTE)
        value = 229.5 + 2.5 * math.sin(hour / 2.2) + chance.gauss(0, 0.6)
        sag = max(0.0, 1 - (NOW - at) / (15 * MINUTE))
        values = {"voltage_l1_v": round(value - 28 * min(1.0, 1.6 * sag), 1)}
        found.append(Reading(device="main-electricity", time=at, arrived=at, values=values))
    return found


def whole_day() -> list[Entry]:
    """The voltage, and beside it a pump, a door and a water meter."""
    found = volts()
    for at in range(BEGAN, NOW + 1, 5 * MINUTE):
        is_faulty = at >= NOW - 40 * MINUTE or BEGAN + 200 * MINUTE < at < BEGAN + 260 * MINUTE
        found.append(Reading(device="pump", time=at, arrived=at, values={"fault": is_faulty}))
        drawn = 0.4 if (at // (25 * MINUTE)) % 3 == 0 else 0.0
        leak = 0.12 if at > NOW - 200 * MINUTE else 0.0
        found.append(Reading(device="water", time=at, arrived=at, values={"flow_m3h": round(drawn + leak, 2)}))
    for number, minutes in enumerate((610, 602, 431, 300, 299, 120, 64, 2)):
        at = NOW - minutes * MINUTE
        kind = "forced" if minutes == 2 else "opened" if number % 2 else "card"
        found.append(Event(device="door", kind=kind, time=at, arrived=at, id=str(number)))
    return sorted(found, key=lambda entry: entry.time)


async def keep(folder: Path, entries: Iterable[Entry]) -> Path:
    """Have a real journal keep them; answers its file, which nobody writes any more."""
    path = folder / "journal.db"
    journal = SqliteJournal.open(path, JournalSettings(), now=lambda: NOW)
    found = list(entries)
    for first in range(0, len(found), _AT_ONCE):
        await journal.append([Batch(entries=found[first : first + _AT_ONCE])])
    await journal.close()
    return path
