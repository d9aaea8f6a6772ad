"""What changes, told to those who look: which topics, and the readings of one device, as server-sent events.

One follower of the journal serves all clients. Nothing is queued for a client but the set of topics that changed
and the newest readings of the device that it asked for.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic
from typing import Final, Literal

from starlette.types import Message, Receive, Scope, Send

from monitor.model import Command, Derived, Entry, Event, Position, Reading, Recorded, Transition
from monitor.ports import Gap
from monitor.schema import ACCESS_EVENTS, MEASUREMENT_OCCUPANCY
from monitor.web.live import LiveState
from monitor.web.parts import Parts
from monitor.web.seats import Seat, Seated
from monitor.web.shapes import ReadingOut

__all__ = ["TOPICS", "LiveFeed", "Stream", "Topic"]

Topic = Literal["alarms", "devices", "doors", "notifications", "readings"]
TOPICS: Final[Sequence[Topic]] = ("alarms", "devices", "doors", "notifications", "readings")

_PACE: Final = 1.0
"""Seconds between two tellings to a client."""
_LOOK: Final = 5.0
"""Seconds between two looks at the messages that wait."""
_SILENCE: Final = 15.0
_LONGEST: Final = 600.0
"""Seconds after which a client has to come again: then it is asked anew who it is."""
_DEADLINE: Final = 40.0
"""Seconds for a client to take what is sent; the server on a socket drops it sooner."""
_PATIENCE: Final = 2.0
_MOST_READINGS: Final = 32
_RETRY_MS: Final = 3000


class _Client:
    """Who looks, and what he has to be told."""

    def __init__(self, topics: frozenset[str], device: str) -> None:
        self.topics = topics
        self.device = device
        self.changed: set[str] = set()
        self.readings: deque[Reading] = deque(maxlen=_MOST_READINGS)
        self.asked = Position(0)
        """The newest command that he has not been told of."""
        self._woken = asyncio.Event()
        self._number = 0

    def tell(self, topic: str) -> None:
        if topic in self.topics:
            self.changed.add(topic)
            self._woken.set()

    def show(self, reading: Reading) -> None:
        self.readings.append(reading)
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is something to tell, or after so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    def take(self) -> bytes:
        """What there is to tell, as it is sent; nothing is left afterwards."""
        self._woken.clear()
        pieces = []
        if self.changed:
            pieces.append(self._event("changed", json.dumps({"topics": sorted(self.changed)})))
            self.changed.clear()
        while self.readings:
            pieces.append(self._event("reading", ReadingOut.of(self.readings.popleft()).model_dump_json()))
        return "".join(pieces).encode()

    def _event(self, name: str, data: str) -> str:
        self._number += 1
        return f"id: {self._number}\nevent: {name}\ndata: {data}\n\n"


class LiveFeed:
    """Hears what the live state follows, and tells it to clients."""

    def __init__(self, parts: Parts, live: LiveState) -> None:
        self._parts = parts
        self._began = parts.now()
        self._changed: dict[str, int] = {}
        """Topic -> UTC ms of when it changed last."""
        self._clients: set[_Client] = set()
        self._watching: dict[str, set[_Client]] = {}
        self._messages: Mapping[str, object] | None = None
        self._looked = 0.0
        live.listen(self.hear)

    def stream(self, seat: Seat, topics: frozenset[str], device: str, *, since: int | None) -> "Stream":
        """Make an answer that goes on. It begins with what has changed `since` (UTC ms), without it with all."""
        client = _Client(topics, device)
        for topic in topics - {"readings"}:
            if since is None or since < self._began or self._changed.get(topic, 0) >= since:
                client.tell(topic)
        return Stream(self, seat, client)

    # Hearing --------------------------------------------------------------------------------------------

    def hear(self, batch: Sequence[Recorded] | Gap) -> None:
        """Take what was committed; a reading that nobody asked for costs a look into a table."""
        if isinstance(batch, Gap):
            for each in TOPICS:
                self._tell(each)
            return
        watching = self._watching
        topics: set[Topic] = set()
        for recorded in batch:
            entry = recorded.entry
            if isinstance(entry, Reading):
                for client in watching.get(entry.device, ()):
                    client.show(entry)
                continue
            topics.update(_topics_of(entry))
            if isinstance(entry, Command):
                for client in self._clients:
                    client.asked = recorded.position
        for topic in topics:
            self._tell(topic)

    def _tell(self, topic: str) -> None:
        self._changed[topic] = self._parts.now()
        for client in self._clients:
            client.tell(topic)

    # Telling --------------------------------------------------------------------------------------------

    def join(self, client: _Client) -> None:
        """Have a client told from now on."""
        self._clients.add(client)
        if "readings" in client.topics:
            self._watching.setdefault(client.device, set()).add(client)

    def leave(self, client: _Client) -> None:
        """Forget a client."""
        self._clients.discard(client)
        watching = self._watching.get(client.device, set())
        watching.discard(client)
        if not watching:
            self._watching.pop(client.device, None)

    async def told(self, client: _Client) -> AsyncIterator[bytes]:
        """Yield what is sent to a client."""
        yield f"retry: {_RETRY_MS}\n\n".encode()
        began = said = monotonic()
        while monotonic() - began < _LONGEST:
            await client.wait(_LOOK)
            if "notifications" in client.topics:
                await self._look()
            await self._judged(client)
            if text := client.take():
                yield text
                said = monotonic()
                await asyncio.sleep(_PACE)
            elif monotonic() - said >= _SILENCE:
                yield b": nothing\n\n"
                said = monotonic()

    async def _judged(self, client: _Client) -> None:
        """Wait for a moment until the newest command is judged: whoever looks then sees what it did."""
        waited = 0.0
        while self._parts.judged() < client.asked and waited < _PATIENCE:
            await asyncio.sleep(_PACE / 10)
            waited += _PACE / 10
        client.asked = Position(0)

    async def _look(self) -> None:
        """See whether a message was sent or failed: that is no entry of the journal."""
        if monotonic() - self._looked < _LOOK:
            return
        self._looked = monotonic()
        messages = dict(await self._parts.notify())
        if self._messages is not None and messages != self._messages:
            self._tell("notifications")
        self._messages = messages


def _topics_of(entry: Entry) -> Sequence[Topic]:
    """What an entry may have changed."""
    match entry:
        case Transition():
            return ("alarms", "notifications")
        case Command():
            return ("alarms",)
        case Event(kind="health" | "reader_offline" | "reader_online"):
            return ("devices",)
        case Event(kind=kind) if kind in ACCESS_EVENTS:
            return ("doors",)
        case Derived(measurement=measurement) if measurement == MEASUREMENT_OCCUPANCY:
            return ("doors",)
        case _:
            return ()


class Stream(Seated):
    """The answer to a client: it is told for as long as the answer is sent, and dropped when it does not read."""

    def __init__(self, feed: LiveFeed, seat: Seat, client: _Client) -> None:
        super().__init__(
            seat,
            feed.told(client),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._feed = feed
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the client until it goes."""
        self._feed.join(self._client)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._client)

    async def stream_response(self, send: Send) -> None:
        """Send, each piece within a deadline."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(_DEADLINE):
                await send(message)

        with contextlib.suppress(TimeoutError):
            await super().stream_response(in_time)
