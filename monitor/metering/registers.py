"""What counters showed long ago, in equal steps of time: years of it, where the journal has days.

The ledger has what a register showed at the end of each quarter of an hour. Between two readings that are further
apart it is drawn as a straight line; within a gap nothing was read, so nothing is told.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import chain
from time import monotonic
from typing import Final

from monitor.journal.sampled import Bucket, History, gathered
from monitor.metering.ledger import steps_between
from monitor.metering.step import Cause
from monitor.metering.view import Standings
from monitor.periods import QUARTER

__all__ = ["past_registers", "register_spans"]

_LONGEST: Final = 5.0
_LOOK: Final = 1000
_READ: Final = (
    "SELECT quarter, register FROM quarter WHERE counter = ? AND quarter >= ? AND quarter < ?"
    " AND register IS NOT NULL ORDER BY quarter"
)


def register_spans(db: sqlite3.Connection, device: str, points: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    """From when to when (UTC ms) registers of these counters are known; those that never counted are left out."""
    known = Standings(db)
    found = {point: known.get(device, point) for point in points}
    return {point: (one.first, one.head) for point, one in found.items() if one is not None}


def past_registers(
    db: sqlite3.Connection, device: str, points: Sequence[str], *, period: tuple[int, int], step: int
) -> History:
    """Gather what counters of a device showed in [start, end) (UTC ms), in steps of so many ms.

    It is bounded in time: what took too long is not whole. Raises sqlite3.Error.
    """
    known = Standings(db)
    found: dict[str, dict[int, Bucket]] = {point: {} for point in points}
    ends = monotonic() + _LONGEST
    for point in points:
        standing = known.get(device, point)
        if standing is None:
            continue
        shown = sorted(_shown(db, standing.number, period).items())
        for number, (time, register) in enumerate(shown):
            if number % _LOOK == 0 and monotonic() > ends:
                return History(found, is_whole=False)
            gathered(found[point], (time - period[0]) // step, register)
    return History(found)


def _shown(db: sqlite3.Connection, counter: int, period: tuple[int, int]) -> Mapping[int, float]:
    """Time (UTC ms) -> what the register showed: at the end of each quarter, and at both ends of each gap."""
    start, end = period
    gaps = [step for _, step in steps_between(db, counter, start, end) if step.cause is Cause.GAP]
    begins = [gap.start for gap in gaps]
    shown: dict[int, float] = {}
    for quarter, register in db.execute(_READ, (counter, -(-start // QUARTER) - 1, -(-end // QUARTER) - 1)):
        time = (quarter + 1) * QUARTER
        before = bisect_right(begins, time - 1) - 1
        if before < 0 or gaps[before].end <= time:
            shown[time] = register
    edges = ((gap.start, gap.start_register) for gap in gaps), ((gap.end, gap.end_register) for gap in gaps)
    shown |= {time: read for time, read in chain(*edges) if read is not None and start <= time < end}
    return shown
