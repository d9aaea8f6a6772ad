"""The past of points over any time: from the journal, and of counters from the ledger where the journal ends.

A step has one source. Where the ledger is one, no step is shorter than its own: none is empty for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from monitor.journal.past import begins
from monitor.journal.sampled import History, history
from monitor.meters import counters_of
from monitor.periods import QUARTER
from monitor.site import Device
from monitor.web.parts import Parts

__all__ = ["Asked", "found", "planned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which points of a device are asked for, and where they come from. Times and steps in UTC ms.

    `kept_since`: from when on the journal has all that was said. `older`: counters -> from when to when the ledger
    knows them, of those that it knows before.
    """

    device: str
    points: Sequence[str]
    period: tuple[int, int]
    step: int
    kept_since: int
    older: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """How many steps there are; the last one may be shorter."""
        return -(-(self.period[1] - self.period[0]) // self.step)

    @property
    def of_the_ledger(self) -> int:
        """How many of the first steps are the ledger's, of points that it has."""
        return min(self.steps, max(0, -(-(self.kept_since - self.period[0]) // self.step)))

    @property
    def border(self) -> int:
        """Where the ledger's steps end."""
        return min(self.period[1], self.period[0] + self.of_the_ledger * self.step)

    def sources(self, point: str) -> Sequence[Mapping[str, str | int | None]]:
        """Where the values of a point come from, by time."""
        start, end = self.period
        told: list[Mapping[str, str | int | None]] = []
        if point in self.older:
            first, last = self.older[point]
            since, until = max(start, first), min(self.border, -(-last // QUARTER) * QUARTER)
            if since < until:
                told.append({"source": "ledger", "start": since, "end": until, "step": QUARTER})
            start = self.border
        start = max(start, self.kept_since)
        if start < end:
            told.append({"source": "journal", "start": start, "end": end, "step": None})
        return told


async def planned(
    parts: Parts, device: Device, points: Sequence[str], *, period: tuple[int, int], step: int
) -> Asked:
    """Say where points come from in [start, end), in steps of so many ms or longer. Raises JournalError."""
    kept_since = await parts.journal.look(begins)
    asked = Asked(
        device=device.id,
        points=points,
        period=period,
        step=step,
        kept_since=period[1] if kept_since is None else kept_since,
    )
    counters = [name for name in counters_of(device) if name in points]
    if parts.registers is None or not counters or period[0] >= asked.kept_since:
        return asked
    known = await parts.registers.register_spans(device.id, counters)
    edge = min(asked.kept_since, period[1])
    older = {name: span for name, span in known.items() if span[0] < edge and span[1] > period[0]}
    return replace(asked, older=older, step=max(step, QUARTER)) if older else asked


async def found(parts: Parts, asked: Asked) -> History:
    """Gather what was asked for. Raises JournalError."""
    look = partial(history, device=asked.device, points=asked.points, period=asked.period, step=asked.step)
    newer = await parts.journal.look(look)
    if parts.registers is None or not asked.older:
        return newer
    span = (asked.period[0], asked.border)
    older = await parts.registers.past_registers(asked.device, list(asked.older), period=span, step=asked.step)
    first = asked.of_the_ledger
    merged = {
        name: {
            **older.points[name],
            **{number: each for number, each in newer.points[name].items() if number >= first},
        }
        for name in asked.older
    }
    return History({**newer.points, **merged}, newer.sampled, is_whole=newer.is_whole and older.is_whole)
