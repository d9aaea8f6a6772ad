"""The live state behind the API: each device's newest reading and the newest events, followed in the journal."""

from collections import deque
from collections.abc import Callable, Sequence

import structlog

from monitor.journal.codec import decode, encode
from monitor.journal.traces import ERASED
from monitor.model import Event, Position, Reading, Recorded
from monitor.ports import Gap
from monitor.schema import MONITOR_DEVICE
from monitor.site import Site
from monitor.web.parts import ReadableJournal

__all__ = ["LiveState"]

_LOG = structlog.get_logger()
_EVENTS = 1000
_LOOK_BACK = 6 * 3600 * 1000
_ABOUT = frozenset({"health", "reader_offline"})
"""Events that say something about a device which it did not say itself."""


class LiveState:
    """Follows the journal in memory; at the start it looks back six hours for events."""

    def __init__(self, site: Site, journal: ReadableJournal) -> None:
        self.newest: dict[str, Reading] = {}
        self.heard: dict[str, int] = {}
        self._site = site
        self._journal = journal
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._listeners: list[Callable[[Sequence[Recorded] | Gap], None]] = []

    def listen(self, listener: Callable[[Sequence[Recorded] | Gap], None]) -> None:
        """Have somebody handed what was followed, after it was taken here; he must be quick."""
        self._listeners.append(listener)

    def events(self, last: int) -> Sequence[Event]:
        """The newest events, newest last."""
        return list(self._events)[-last:]

    def erase(self, text: str) -> int:
        """Put `erased` in the place of a pseudonym; answers in how many events it stood."""
        count = 0
        for index, event in enumerate(self._events):
            body = encode(event)
            if text.encode() in body:
                erased = decode("event", body.replace(text.encode(), ERASED.encode()))
                assert isinstance(erased, Event)
                self._events[index] = erased
                count += 1
        return count

    async def run(self) -> None:
        """Keep up with the journal until cancelled."""
        position = self._journal.last
        await self._look_back(position)
        async for batch in self._journal.follow(position):
            if isinstance(batch, Gap):
                _LOG.warning("live state missed entries", reason=batch.reason)
            else:
                self._take(batch)
            for listener in self._listeners:
                listener(batch)

    def _take(self, batch: Sequence[Recorded]) -> None:
        for recorded in batch:
            entry = recorded.entry
            if isinstance(entry, Reading):
                self.newest[entry.device] = entry
                self._hear(entry)
            elif isinstance(entry, Event):
                self._events.append(entry)
                self._hear(entry)

    def _hear(self, entry: Reading | Event) -> None:
        """Keep when a device was last heard: a card reader says nothing but events."""
        if isinstance(entry, Reading) or entry.kind not in _ABOUT:
            self.heard[entry.device] = entry.arrived

    async def _look_back(self, until: Position) -> None:
        found: list[Event] = []
        for device in (*self._site.devices, MONITOR_DEVICE):
            for recorded in await self._journal.readings(device, 1):
                if isinstance(recorded.entry, Reading):
                    self.newest[device] = recorded.entry
                    newest = recorded.entry.arrived
                    found += await self._events_of(device, newest - _LOOK_BACK, newest + _LOOK_BACK, until)
                    break
            else:
                found += await self._events_of(device, 0, 2**62, until)
        found.sort(key=lambda event: event.arrived)
        known: list[Reading | Event] = [*found, *self.newest.values()]
        for entry in sorted(known, key=lambda entry: entry.arrived):
            self._hear(entry)
        self._events.extend(found[-_EVENTS:])

    async def _events_of(self, device: str, start: int, end: int, until: Position) -> list[Event]:
        """Events up to a position: what lies behind it comes by following."""
        kept = await self._journal.between(device, start, end, ("event",))
        return [each.entry for each in kept if each.position <= until and isinstance(each.entry, Event)]
