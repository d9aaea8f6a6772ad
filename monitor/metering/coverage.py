"""How many samples each meter should have given on each local day, how many came, and why the others did not.

Pure: fed with the entries of the journal in their order, and with the time. What is counted how is written at
`monitor.metering.slots`, and why something was lost at `monitor.metering.causes`. Times are UTC ms.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from monitor import periods
from monitor.figures import DayCoverage
from monitor.metering.causes import Line, Span, Spans, span_of
from monitor.metering.slots import Day, Days, Expected, Row, Slots, Why
from monitor.model import Event, Origin, Reading, Recorded
from monitor.schema import MONITOR_DEVICE
from monitor.site import Device, Site

__all__ = ["Coverage"]

_LINE: Final = "connection/"
"""Before the id of a connection among the keys of what is kept; no id of a device has a slash."""
_ITSELF: Final = ""
_OTHERS: Final = (Origin.RETAINED, Origin.MANUAL)
_LIVE: Final = (Origin.POLL, Origin.PUSH)
_DAYS_AT_HAND: Final = 10_000
_MALFORMED: Final = (ValueError, TypeError, IndexError, KeyError, OverflowError)


class Coverage:
    """Counts the samples of every device that has a counter and a rhythm.

    State is what `news` gave to keep: fed with the same entries again from there, it says the same.
    """

    def __init__(self, site: Site) -> None:
        self._zone = site.timezone
        self._day_of: dict[int, Day] = {}
        devices = site.devices.values()
        self._lines = {
            name: Line(device for device in devices if device.connection == name) for name in site.connections
        }
        self._line_of = {
            device.id: self._lines[device.connection] for device in devices if device.connection in self._lines
        }
        self._slots = {
            device.id: slots
            for device in devices
            if (slots := _slots(device, self._line_of.get(device.id), self._day)) is not None
        }
        self._spans = Spans()
        self._changed: list[Slots] = []
        self._gone: set[str] = set()
        self._heard: set[str] = set()
        self._seen = 0
        self._now = 0
        self._midnight = 0
        self._moved = False

    def load(self, kept: Iterable[tuple[str, Any]]) -> None:
        """Take back what `news` gave to keep; what is not of its shape is left out, and begins anew.

        What is kept of a device that is not counted any more is taken away, so that its absence is not held
        against it should it come back.
        """
        for key, body in kept:
            if body is None:
                continue
            slots = self._slots.get(key)
            try:
                if key == _ITSELF:
                    seen, spans = body
                    self._spans.load(spans)
                    self._seen = self._now = int(seen)
                elif key.startswith(_LINE):
                    if key.removeprefix(_LINE) in self._lines:
                        self._lines[key.removeprefix(_LINE)].load(body)
                elif slots is not None:
                    slots.load(body)
                else:
                    self._gone.add(key)
            except _MALFORMED:
                if slots is not None:
                    slots.forget()

    # What comes in ------------------------------------------------------------------------------------

    def take(self, batch: Sequence[Recorded]) -> None:
        """Count committed entries, in the order of the journal."""
        for item in batch:
            entry = item.entry
            if type(entry) is Reading:
                self._reading(entry, item.recorded)
            elif type(entry) is Event and entry.device == MONITOR_DEVICE:
                self._event(entry, item.recorded)
        if batch:
            self._seen = self._now = batch[-1].recorded
            self._moved = True

    def _reading(self, reading: Reading, recorded: int) -> None:
        device, values, origin = reading.device, reading.values, reading.origin
        if values and not reading.late and origin in _LIVE and (line := self._line_of.get(device)) is not None:
            line.heard(device, reading.arrived)
        slots = self._slots.get(device)
        if slots is None or origin in _OTHERS:
            return
        for counter in slots.counters:
            if counter in values:
                break
        else:
            self._nothing(slots, reading)
            return
        if not slots.follows(reading.time, late=reading.late):
            slots.take(reading.time, late=reading.late, now=recorded, why=self._why(recorded))
        if not slots.is_changed:
            self._note(slots)

    def _nothing(self, slots: Slots, reading: Reading) -> None:
        """A poll failed, or the device answered without its counters; not so when they were not due."""
        if slots.failed or not slots.due:
            return
        missing = reading.missing
        if not reading.values or any(counter in missing for counter in slots.counters):
            slots.failed = True
            self._note(slots)

    def _note(self, slots: Slots) -> None:
        if not slots.is_changed:
            slots.is_changed = True
            self._changed.append(slots)

    def _event(self, event: Event, recorded: int) -> None:
        span = span_of(event, recorded)
        if span is None:
            return
        _, start, end = span
        if start <= end:
            self._explain(span)
        else:
            self._spans.cut(end)
            self._midnight = 0
            for slots in self._slots.values():
                if slots.set_back(end):
                    self._note(slots)
        self._moved = True

    def _explain(self, span: Span) -> None:
        """Heed what is known for sure now, also for what was counted as lost already."""
        self._spans.add(span)
        for slots in self._slots.values():
            if slots.runs and slots.explain(span):
                self._note(slots)

    def gap(self, until: int) -> None:
        """Entries of the journal were lost before they were seen; `until`: the writer's stamp of now."""
        if 0 < self._seen < until:
            self._explain(("database", self._seen, until))
        self._seen = self._now = until
        self._moved = True

    # Time ---------------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Let time pass: what is missing of days that are over is lost."""
        self._now = now
        if now < self._midnight:
            return
        day = self._day(now)
        self._midnight = day.end
        why = self._why(now)
        for slots in self._slots.values():
            if slots.due and slots.interval != slots.rhythm:
                slots.change_rhythm(now, why)
                self._note(slots)
            if (count := slots.open_until(day.start - 1)) > 0:
                slots.lose(count, why)
                self._note(slots)

    def _day(self, time: int) -> Day:
        key = time // periods.QUARTER
        day = self._day_of.get(key)
        if day is None:
            if len(self._day_of) >= _DAYS_AT_HAND:
                self._day_of.clear()
            found = periods.day_of(time, self._zone)
            day = self._day_of[key] = Day(found.first.toordinal(), found.start, found.end)
        return day

    def _why(self, now: int) -> Why:
        def why(slots: Slots, answered: bool, time: int) -> tuple[str, int]:  # noqa: FBT001 - the shape of Why
            cause, until = self._spans.at(time, slots.half)
            if cause:
                return cause, until
            is_silent, ends = slots.line.silence(time, now)
            until = min(until, ends)
            if is_silent:
                return "bus", until
            if slots.failed or (answered and not slots.is_polled):
                return "unit", until
            return "unknown", until

        return why

    # What is known ------------------------------------------------------------------------------------

    def today(self, device: str) -> DayCoverage | None:
        """How the running day goes; slots that nothing has come for are lost so far. None: nothing ever came."""
        slots = self._slots.get(device)
        if slots is None or not slots.due:
            return None
        day = self._day(self._now)
        row = slots.rows.get(day.number, Row())
        lost = dict(row.lost)
        for run, on in slots.pieces(slots.open_until(self._now - slots.half), self._why(self._now)):
            if on == day:
                lost[run.cause] += run.size
        return _told(device, day.number, row, lost)

    def news(self) -> tuple[list[DayCoverage], dict[str, Any]]:
        """Answer the days that have changed since the last call, as a whole, and what has to be kept.

        What is kept is by key and JSON-ready, and replaces what was kept under the same key; None: nothing more.
        """
        rows: list[DayCoverage] = []
        kept: dict[str, Any] = dict.fromkeys(self._gone)
        self._gone.clear()
        for slots in self._changed:
            slots.is_changed = False
            for number, row in slots.rows.items():
                if not row.told:
                    row.told = True
                    rows.append(_told(slots.device, number, row, row.lost))
            slots.prune()
            kept[slots.device] = slots.dump()
        self._changed = []
        if self._moved:
            self._moved = False
            kept[_ITSELF] = [self._seen, self._spans.dump()]
            kept |= {f"{_LINE}{name}": line.dump() for name, line in self._lines.items()}
        return rows, kept


def _slots(device: Device, line: Line | None, days: Days) -> Slots | None:
    """What is expected of a device; None when it is not counted."""
    counters = [point for point in device.points.values() if point.counter is not None]
    if not counters or device.virtual is not None or device.by_hand:
        return None
    if device.scan:
        by_name = {point.name: device.scan.get(point.scan) for point in counters}
        rhythm = min((every for every in by_name.values() if every), default=None)
        names = [name for name, every in by_name.items() if every == rhythm]
    else:
        rhythm, names = device.expected_every, [point.name for point in counters]
    if not rhythm:
        return None
    expected = Expected(device.id, tuple(names), max(1, round(rhythm * 1000)), bool(device.scan))
    return Slots(expected, line or Line([]), days)


def _told(device: str, number: int, row: Row, lost: dict[str, int]) -> DayCoverage:
    reasons = {cause: count for cause, count in lost.items() if count}
    return DayCoverage(
        device=device,
        day=date.fromordinal(number),
        expected=row.received + sum(reasons.values()),
        received=row.received,
        late=row.late,
        lost=reasons,
    )
