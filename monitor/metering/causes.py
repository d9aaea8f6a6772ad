"""Why samples were lost, from what is known of the monitor, its clock, its journal and its connections: pure.

Times are UTC milliseconds.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from monitor.figures import CAUSES
from monitor.model import Event
from monitor.site import Device
from rules.timeline import is_clock_step

__all__ = ["FOR_SURE", "Line", "Span", "Spans", "span_of"]

Span = tuple[str, int, int]
"""A cause, and from when to when it held."""

FOR_SURE: Final = ("off", "clock", "database")
"""Causes that the monitor knows of itself, the strongest first: nothing can have been kept meanwhile."""

_MOST: Final = 64
_FOREVER: Final = 1 << 62
_PATIENCE: Final = 1500
"""Milliseconds of silence for each second of the rhythm: one sample and a half."""
_HICCUP: Final = 2000
"""How long the journal has failed for at most when its outage is told (`monitor.notify.outage`)."""


def _rhythm(device: Device) -> float | None:
    """Seconds between two answers of a device at most; None: nobody knows."""
    every = [seconds for seconds in device.scan.values() if seconds] if device.scan else []
    return min(every) if every else device.expected_every


class Line:
    """A connection: when its devices answered last, and when none of them did.

    It was silent when two of its devices had stopped at the same time and none answered for longer than a second
    one could have been waited for.
    """

    __slots__ = ("_by", "_last", "_other", "_patience", "_silences")

    def __init__(self, devices: Iterable[Device]) -> None:
        rhythms = sorted(every for device in devices if (every := _rhythm(device)))
        self._patience = round(rhythms[1] * _PATIENCE) if len(rhythms) > 1 else _FOREVER
        self._last = self._other = 0
        self._by = ""
        self._silences: list[tuple[int, int]] = []

    def heard(self, device: str, at: int) -> None:
        """Note an answer of a device."""
        if at - self._last > self._patience and self._is_of_all():
            self._silences = [*self._silences[1 - _MOST :], (self._last, at)]
        if device != self._by:
            self._by, self._other = device, self._last
        self._last = at

    def _is_of_all(self) -> bool:
        """Whether the last two devices that answered did so shortly after each other."""
        return self._other > 0 and self._last - self._other <= self._patience

    def other_than(self, device: str) -> int:
        """When another device than this one answered last; 0: never."""
        return self._other if device == self._by else self._last

    def silence(self, time: int, now: int) -> tuple[bool, int]:
        """Answer whether the line was silent at a time, and until when that holds."""
        until, is_silent = _FOREVER, False
        spans: Sequence[tuple[int, int]] = self._silences
        if now - self._last > self._patience and self._is_of_all():
            spans = [*spans, (self._last, _FOREVER)]
        for start, end in spans:
            if time <= start:
                until = min(until, start + 1)
            elif time < end:
                is_silent, until = True, min(until, end)
        return is_silent, until

    def dump(self) -> list[Any]:
        """Answer the memory, JSON-ready."""
        return [self._by, self._last, self._other, self._silences]

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        by, last, other, silences = kept
        spans = [(int(start), int(end)) for start, end in silences]
        self._by, self._last, self._other, self._silences = str(by), int(last), int(other), spans


class Spans:
    """When the monitor was off, its clock was set, or its journal could not keep; the latest ones."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def add(self, span: Span) -> None:
        """Note one."""
        self._spans = [*self._spans[1 - _MOST :], span]

    def at(self, time: int, tolerance: int) -> tuple[str, int]:
        """Answer the strongest cause at a time (empty: none), and until when that holds."""
        until, found = _FOREVER, ""
        for cause, start, end in self._spans:
            first, last = start - tolerance, end + tolerance
            if time < first:
                until = min(until, first)
            elif time <= last:
                until = min(until, last + 1)
                if not found or FOR_SURE.index(cause) < FOR_SURE.index(found):
                    found = cause
        return found, until

    def cut(self, time: int) -> None:
        """Forget what lies behind a time: the clock was set back to it."""
        self._spans = [(cause, start, min(end, time)) for cause, start, end in self._spans if start < time]

    def dump(self) -> list[Any]:
        """Answer the memory, JSON-ready."""
        return list(self._spans)

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        self._spans = [
            (CAUSES[CAUSES.index(cause)], int(start), int(end)) for cause, start, end in kept if cause in FOR_SURE
        ]


def span_of(event: Event, recorded: int) -> Span | None:
    """What an event of the monitor explains; for a clock that was set back the end is before the start."""
    known = event.attributes
    if event.kind == "monitor_started":
        since, until = known.get("off_since"), known.get("off_until")
        if isinstance(since, int) and isinstance(until, int) and since < until:
            return "off", since, until
    elif event.kind == "health":
        if known.get("state") == "unrecorded":
            return "database", event.time - _HICCUP, max(recorded, event.time)
    elif is_clock_step(event):
        before, after = known.get("from"), known.get("to")
        if isinstance(before, int) and isinstance(after, int):
            return "clock", before, after
    return None
