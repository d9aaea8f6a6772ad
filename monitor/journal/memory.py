"""The newest committed batches in memory, so that consumers in step need not read the file."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from operator import attrgetter

from monitor.errors import JournalError
from monitor.model import Position, Recorded

__all__ = ["Recent"]

_position = attrgetter("position")


class Recent:
    """A bounded ring of batches. Used by the event loop alone.

    `low`: everything behind it, up to `high`, is here. `limit` bounds the weight (bytes of bodies, roughly).
    """

    def __init__(self, high: Position, *, limit: int) -> None:
        self.low = high
        self.high = high
        self._limit = limit
        self._weight = 0
        self._batches: deque[tuple[tuple[Recorded, ...], int]] = deque()
        self._waiting: dict[asyncio.Future[None], None] = {}
        """In the order in which they came, so that the past of the demo is the same each time."""
        self._closed = False

    def add(self, batch: tuple[Recorded, ...], weight: int) -> None:
        """Take a committed batch in and wake those who wait for it; the oldest ones make room."""
        if batch[0].position > self.high + 1:
            # A commit that was reported as failed is in the file after all: whoever is behind reads it there.
            self._batches.clear()
            self._weight = 0
            self.low = Position(batch[0].position - 1)
        self._batches.append((batch, weight))
        self._weight += weight
        while self._weight > self._limit and len(self._batches) > 1:
            gone, lighter = self._batches.popleft()
            self._weight -= lighter
            self.low = gone[-1].position
        self.high = batch[-1].position
        self._wake()

    def after(self, position: Position, limit: int) -> Sequence[Recorded] | None:
        """What follows `position`: nothing yet (empty), a batch or several joined, or None: look in the file.

        Who is in step gets the very tuple that was committed; at most `limit` entries are joined.
        """
        if position >= self.high:
            return ()
        if position < self.low:
            return None
        index = len(self._batches) - 1
        while index > 0 and self._batches[index - 1][0][-1].position > position:
            index -= 1
        first = self._batches[index][0]
        if first[0].position <= position:
            first = first[bisect_right(first, position, key=_position) :]
        if index == len(self._batches) - 1:
            return first
        joined = list(first)
        for later in range(index + 1, len(self._batches)):
            batch = self._batches[later][0]
            if len(joined) + len(batch) > limit:
                break
            joined.extend(batch)
        return joined

    def replace(self, changed: Mapping[Position, Recorded]) -> None:
        """Put other entries in the place of those at these positions."""
        for index, (batch, weight) in enumerate(self._batches):
            if any(each.position in changed for each in batch):
                self._batches[index] = (tuple(changed.get(each.position, each) for each in batch), weight)

    async def grown(self, position: Position) -> None:
        """Return once there is something behind `position`; raises JournalError when the journal closes."""
        while self.high <= position:
            if self._closed:
                raise JournalError("the journal is closed")
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[waiter] = None
            try:
                await waiter
            finally:
                self._waiting.pop(waiter, None)

    def close(self) -> None:
        """Send those away who wait."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
