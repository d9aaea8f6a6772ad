"""The samples that one device should give: slots in its rhythm, of which each is filled once or lost. Pure.

A slot is due one interval after the one before, or when its sample came, if that was later. What comes less than
half an interval after the last slot is no sample of its own, unless it fills a slot that was lost.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from monitor.figures import CAUSES
from monitor.metering.causes import FOR_SURE, Line, Span
from monitor.periods import DAY

__all__ = ["Day", "Days", "Expected", "Row", "Run", "Slots", "Why"]

_MOST_RUNS: Final = 64
_MOST_DAYS: Final = 64
_LIVED: Final = 2
_LONGEST: Final = 61 * DAY
_ALL: Final = -1


class Day(NamedTuple):
    """A local day: its number (of Python's `date.toordinal`), and its UTC ms."""

    number: int
    start: int
    end: int


class Expected(NamedTuple):
    """What a device should say: one of its counters in every `rhythm` (ms)."""

    device: str
    counters: tuple[str, ...]
    rhythm: int
    is_polled: bool


class Run(NamedTuple):
    """`size` slots of one local day that were lost for one cause, each `interval` (ms) after the last.

    `start` is the first. `open` has a bit for each slot that is lost still; all of them are when it is negative.
    """

    start: int
    size: int
    cause: str
    interval: int
    open: int = _ALL

    def bits(self) -> int:
        """Answer `open` with as many bits as there are slots."""
        return self.open & ((1 << self.size) - 1)

    def lost(self) -> int:
        """How many are lost still."""
        return self.size if self.open == _ALL else self.open.bit_count()

    def part(self, first: int, size: int) -> "Run":
        """Answer some of the slots as a run."""
        bits = _ALL if self.open == _ALL else (self.open >> first) & ((1 << size) - 1)
        return self._replace(start=self.start + first * self.interval, size=size, open=bits)


class Row:
    """What was counted on a local day; `told`: whether that was given away already."""

    __slots__ = ("late", "lost", "received", "told")

    def __init__(self) -> None:
        self.received = self.late = 0
        self.lost = dict.fromkeys(CAUSES, 0)
        self.told = False


Days = Callable[[int], Day]
Why = Callable[["Slots", bool, int], tuple[str, int]]
"""Answers why a slot of a device was lost, and until when (UTC ms, excluded) the same is true.

It is handed whether another device of the connection answered in the hole, and when the slot was due.
"""


class Slots:
    """One device: the last slot that is counted (`due`), days that may change still, and lost slots in them."""

    __slots__ = (
        "_days",
        "counters",
        "device",
        "due",
        "failed",
        "fast_until",
        "half",
        "interval",
        "is_changed",
        "is_polled",
        "limit",
        "line",
        "rhythm",
        "row",
        "rows",
        "runs",
    )

    def __init__(self, expected: Expected, line: Line, days: Days) -> None:
        self.device = expected.device
        self.counters = expected.counters
        self.rhythm = expected.rhythm
        self.is_polled = expected.is_polled
        self.line = line
        self._days = days
        self.forget()

    def forget(self) -> None:
        """Begin as if nothing was ever heard of it."""
        self.due = 0
        self.failed = self.is_changed = False
        self.rows: dict[int, Row] = {}
        self.runs: list[Run] = []
        self._keep_rhythm(self.rhythm)

    def _keep_rhythm(self, interval: int) -> None:
        self.interval = interval
        self.half = (interval + 1) // 2
        self.limit = 3 * self.half - 1  # what comes later than this has lost a slot
        self.row = Row()
        self.fast_until = 0  # up to which slot `row` is that of its day

    # What came ----------------------------------------------------------------------------------------

    def follows(self, time: int, *, late: bool) -> bool:
        """Count a sample that comes after the last as it should, on the same day: most do."""
        if not self.half <= time - self.due < self.limit:
            return False
        slot = max(self.due + self.interval, time)
        if slot >= self.fast_until:
            return False
        self.due = slot
        self.failed = False
        row = self.row
        row.received += 1
        if late:
            row.late += 1
        row.told = False
        return True

    def take(self, time: int, *, late: bool, now: int, why: Why) -> None:
        """Count any sample."""
        if not self.due:
            self.due = time - self.rhythm
        elif self.interval != self.rhythm:
            self.change_rhythm(min(time, now), why)
        number = (2 * (time - self.due) + self.interval) // (2 * self.interval)
        if number <= 0:
            self._fill(time, late=late)
            return
        if number > 1:
            self.lose(number - 1, why)
        self.due = slot = max(self.due + self.interval, time)
        self.failed = False
        day = self._days(slot)
        self.row, self.fast_until = self._row(day), day.end
        self.row.received += 1
        self.row.late += late

    def _row(self, day: Day) -> Row:
        row = self.rows.get(day.number)
        if row is None:
            row = self.rows[day.number] = Row()
        row.told = False
        return row

    def _fill(self, time: int, *, late: bool) -> None:
        """Move the lost slot of this time to those that were received, if there is one."""
        at = bisect_right(self.runs, time + self.half, key=lambda run: run.start) - 1
        if at < 0:
            return
        run = self.runs[at]
        number = (2 * (time - run.start) + run.interval) // (2 * run.interval)
        if not 0 <= number < run.size or not run.open >> number & 1:
            return
        left = run.bits() & ~(1 << number)
        self.runs[at : at + 1] = [run._replace(open=left)] if left else []
        row = self._row(self._days(run.start))
        row.lost[run.cause] -= 1
        row.received += 1
        row.late += late

    # What did not come --------------------------------------------------------------------------------

    def open_until(self, time: int) -> int:
        """How many slots were due up to a time, included, and are not counted yet."""
        return max(0, (time - self.due) // self.interval) if self.due else 0

    def lose(self, count: int, why: Why) -> None:
        """Count the next slots as lost: at most those of the last two months."""
        surplus = count - _LONGEST // self.interval
        if surplus > 0:
            self.due += surplus * self.interval
            count -= surplus
        for run, day in self.pieces(count, why):
            self.runs.append(run)
            self._row(day).lost[run.cause] += run.size
        self.due += count * self.interval
        del self.runs[:-_MOST_RUNS]

    def pieces(self, count: int, why: Why) -> Iterator[tuple[Run, Day]]:
        """Cut the next slots by local day and cause."""
        answered = self.line.other_than(self.device) > self.due + self.half
        slot = self.due + self.interval
        while count > 0:
            cause, until = why(self, answered, slot)
            day = self._days(slot)
            number = min(count, (min(until, day.end) - slot - 1) // self.interval + 1)
            yield Run(slot, number, cause, self.interval), day
            slot += number * self.interval
            count -= number

    def change_rhythm(self, now: int, why: Why) -> None:
        """Count by the old rhythm up to now, and go on in the new one."""
        if (count := self.open_until(now - self.half)) > 0:
            self.lose(count, why)
        self._keep_rhythm(self.rhythm)
        self.due = max(self.due, now - self.interval)

    # What turned out otherwise ------------------------------------------------------------------------

    def explain(self, span: Span) -> bool:
        """Give lost slots a cause that is known for sure now; whether there were any."""
        cause, start, end = span
        rank = FOR_SURE.index(cause)
        runs: list[Run] = []
        for run in self.runs:
            first = max(0, -((run.start - start + self.half) // run.interval))
            last = min(run.size - 1, (end + self.half - run.start) // run.interval)
            if first > last or run.cause in FOR_SURE[: rank + 1]:
                runs.append(run)
                continue
            found = run.part(first, last - first + 1)._replace(cause=cause)
            row = self._row(self._days(run.start))
            row.lost[run.cause] -= found.lost()
            row.lost[cause] += found.lost()
            parts = [run.part(0, first), found, run.part(last + 1, run.size - last - 1)]
            runs += [part for part in parts if part.size and part.open]
        is_new = runs != self.runs
        self.runs = runs[-_MOST_RUNS:]
        return is_new

    def set_back(self, to: int) -> bool:
        """Take back what was counted of a future that has not come; whether there was any.

        Less than a day of it stays counted: its slots are filled or lost already, and come once more.
        """
        if self.due <= to + DAY:
            return False
        keep = []
        for run in self.runs:
            rest = run.part(0, min(run.size, max(0, (to - run.start) // run.interval + 1)))
            self._row(self._days(run.start)).lost[run.cause] -= run.lost() - rest.lost()
            if rest.size and rest.open:
                keep.append(rest)
        self.runs = keep
        today = self._days(to)
        for number, row in self.rows.items():
            if number > today.number:
                row.received = row.late = 0
                row.lost = dict.fromkeys(CAUSES, 0)
                row.told = False
        last = keep[-1].start + (keep[-1].size - 1) * keep[-1].interval if keep else 0
        self.due = max(last, to - self.interval // 2)
        self.fast_until = 0
        return True

    # Memory -------------------------------------------------------------------------------------------

    def prune(self) -> None:
        """Forget days that were told and cannot change any more, and those of more than two months ago.

        The last two on which something came stay, in case the clock turns out to be wrong and is set back.
        """
        if len(self.rows) > _LIVED:
            lived = sorted(number for number, row in self.rows.items() if row.received)[-_LIVED:]
            needed = {self._days(run.start).number for run in self.runs} | {self._days(self.due).number, *lived}
            numbers = sorted(needed & self.rows.keys())[-_MOST_DAYS:]
            self.rows = {number: self.rows[number] for number in numbers}
            self.runs = [run for run in self.runs if self._days(run.start).number in self.rows]

    def dump(self) -> list[Any]:
        """Answer the memory, JSON-ready."""
        rows = [[number, row.received, row.late, *row.lost.values()] for number, row in self.rows.items()]
        runs = [[*run[:2], CAUSES.index(run.cause), run.interval, f"{run.open:x}"] for run in self.runs]
        return [self.due, self.interval, self.failed, rows, runs]

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave; raises what a list of another shape does."""
        due, interval, failed, rows, runs = kept
        days = {}
        for number, received, late, *lost in rows:
            days[int(number)] = row = Row()
            row.received, row.late, row.told = int(received), int(late), True
            row.lost = dict(zip(CAUSES, map(int, lost), strict=True))
        found = [
            Run(int(at), int(size), CAUSES[why], int(every), int(bits, 16)) for at, size, why, every, bits in runs
        ]
        if min([int(interval), *(min(run.size, run.interval) for run in found)]) <= 0:
            raise ValueError("no rhythm")
        self._keep_rhythm(int(interval))
        self.due, self.failed, self.rows = int(due), bool(failed), days
        self.runs = [run for run in found if self._days(run.start).number in days]
        if self.interval != self.rhythm:
            self.limit = -1  # every sample is looked at, until the new rhythm holds
