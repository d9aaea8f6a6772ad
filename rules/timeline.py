"""The engine's own time: milliseconds that never go back and do not jump with the wall clock."""

from collections.abc import Mapping
from typing import Any, Final

from monitor.model import Entry, Event, Reading
from monitor.schema import MONITOR_DEVICE

__all__ = ["Timeline", "is_clock_step"]

_START: Final = 60_000
"""Milliseconds within which a start is told of in the journal."""


def is_clock_step(event: Event) -> bool:
    """Whether an event says that the wall clock was stepped (attributes `from` and `to`, UTC ms)."""
    return event.kind == "clock_stepped" and event.device == MONITOR_DEVICE


class Timeline:
    """Turns the writer's stamps (UTC ms) into engine time and back; the two are equal until the clock is stepped.

    A step forward is taken out again. After a step back the writer's stamps stand still until the clock has
    caught up; meanwhile the arrival of the entries says how late it is.
    """

    __slots__ = ("_before", "_offset_before", "_still", "now", "offset", "started")

    def __init__(self) -> None:
        self.now = 0
        self.offset = 0
        self._still = 0
        self._before = 0
        self._offset_before = 0
        self.started = 0
        """When the monitor was started last."""

    def wall(self, at: int) -> int:
        """UTC ms of an engine time."""
        return at - self.offset

    def place(self, time: int, arrived: int) -> int:
        """Engine time of what happened at `time` and arrived at `arrived` (UTC ms), never in the future."""
        offset = self._offset_before if arrived <= self._before else self.offset
        return min(time + offset, self.now)

    def arrive(self, recorded: int, arrived: int | None) -> int:
        """Engine time of an entry: its stamp, as long as stamps move."""
        if recorded > self._still:
            return max(recorded + self.offset, self.now)
        if arrived is None:
            return self.now
        # It may have arrived right before the step and be recorded behind it; the clock that is right agrees best.
        at = min(recorded, arrived)
        placed = min((at + self.offset, at + self._offset_before), key=lambda each: abs(each - self.now))
        return max(placed, self.now)

    def before_step(self, event: Event, first: Entry) -> int:
        """Engine time until which all was well before the clock was stepped: what was due by then has its time.

        `first` is what is judged next, which may have arrived before it.
        """
        before = event.attributes.get("from")
        if not isinstance(before, int):
            return self.now
        if first is not event and isinstance(first, Reading | Event):
            before = min(before, first.arrived)
        return max(self.now, before + self.offset)

    def stepped(self, recorded: int, event: Event) -> None:
        """Heed a step of the wall clock before the first entry with the stamp of the event is judged."""
        before, after = event.attributes.get("from"), event.attributes.get("to")
        if not isinstance(before, int) or not isinstance(after, int):
            return
        step = after - before
        if step < 0 and recorded > event.arrived:
            self._offset_before = self.offset
            # Stamps that stand still already say nothing of the clock before this step.
            self.offset += -step if recorded <= self._still else recorded - event.arrived
            self._still, self._before = recorded, 0
        elif step > 0 and recorded + self.offset - step >= self.now:
            self._before, self._offset_before = before, self.offset
            self.offset -= step

    def resume(self, started: int) -> None:
        """Go on at `started` (UTC ms). The clock may be behind the stamps by then: no battery, no network yet."""
        at = started + self.offset
        if at < self.now:
            # It may have been behind before this start, too: the stamps have stood still since then.
            self._still, self._before = max(self._still, self.wall(self.now)), 0
            self.offset += self.now - at
            self._offset_before = self.offset  # nothing comes any more that arrived before the start
        self.now = self.started = max(at, self.now)

    def restarted(self, recorded: int, arrived: int) -> int | None:
        """UTC ms of the start that an event tells of; None where that is the one that was resumed from last.

        Who judges live resumes by himself when he starts, a replay has only the event. A stamp that stands still
        says nothing of the start: the clock is behind it, and the arrival is what that clock said.
        """
        is_behind = recorded <= max(self._still, self.wall(self.now)) and recorded - arrived > _START
        if not is_behind:
            return recorded if recorded + self.offset > self.started + _START else None
        is_first = recorded > self._still and recorded + self.offset > self.started
        return arrived if is_first or self.now > self.started + _START else None

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {
            "now": self.now,
            "offset": self.offset,
            "still": self._still,
            "before": self._before,
            "offset_before": self._offset_before,
            "began": self.started,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self.now, self.offset = memory["now"], memory["offset"]
        self._still, self._before = memory["still"], memory["before"]
        self._offset_before = memory["offset_before"]
        self.started = memory.get("began", 0)  # what older versions kept has none
