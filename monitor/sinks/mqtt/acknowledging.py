"""What somebody at the broker says to acknowledge an alarm: hostile until it is checked.

A broker does not tell who has sent a message, so who it is stays what the message claims, marked as heard here.
"""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import orjson
import structlog

from monitor.errors import JournalError, RequestRefused
from monitor.sinks.mqtt.alarmcards import ACKNOWLEDGE

__all__ = ["Acknowledge", "Acknowledging", "Asked", "understand"]

_log = structlog.get_logger()

Acknowledge = Callable[..., Awaitable[None]]
"""Keeps the command of one occurrence (`by`, `reason`); raises RequestRefused or JournalError."""

_LONGEST: Final = 1024
_LONGEST_REASON: Final = 200
_WAITING: Final = 100
_AT_ONCE: Final = 100
_LOG_EVERY_S: Final = 10.0
_NAME: Final = re.compile(r"\w[\w .@-]{0,39}")
_KEYS: Final = frozenset({"occurrence", "by", "comment"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a message asks for: one occurrence, or (empty) those that wait as they were published last."""

    occurrence: str = ""
    by: str = ""
    comment: str = ""


def understand(payload: bytes) -> Asked:
    """What a payload means: `acknowledge`, or an object with `occurrence`, `by`, `comment`. Raises ValueError."""
    if len(payload) > _LONGEST:
        raise ValueError("the message is too long")
    if payload == ACKNOWLEDGE.encode():
        return Asked()
    try:
        said: Any = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the message is neither `{ACKNOWLEDGE}` nor JSON") from error
    if not isinstance(said, dict) or not said or not said.keys() <= _KEYS:
        raise ValueError("the message is no object of `occurrence`, `by` and `comment`")
    if not all(isinstance(value, str) for value in said.values()):
        raise ValueError("what the message says is no text")
    asked = Asked(**said)
    if asked.by and not _NAME.fullmatch(asked.by):
        raise ValueError("`by` is no name")
    if len(asked.comment) > _LONGEST_REASON or not asked.comment.isprintable():
        raise ValueError("`comment` is too long, or not one line")
    return asked


class Acknowledging:
    """Takes messages from the broker's thread, and makes a command of each that is in order.

    `waiting` answers the occurrences that wait by alarm, as they were published last: nobody acknowledges what he
    cannot have seen. `topics`: topic -> alarm. `name` is the sink's.
    """

    def __init__(
        self,
        name: str,
        topics: Mapping[str, tuple[str, str]],
        waiting: Callable[[], Mapping[tuple[str, str], Sequence[str]]],
        acknowledge: Acknowledge,
    ) -> None:
        self._name = name
        self._topics = topics
        self._waiting = waiting
        self._acknowledge = acknowledge
        self._heard: deque[tuple[str, bytes]] = deque()
        self._came = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._logged = -_LOG_EVERY_S
        self.acknowledged = 0
        self.refused = 0

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take a message, from whatever thread; what was retained was said to somebody else, some time ago."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        refusal = self._refusal(topic, retained=retained)
        if refusal is not None:
            loop.call_soon_threadsafe(self._refuse, topic, refusal)
            return
        self._heard.append((topic, payload[: _LONGEST + 1]))
        loop.call_soon_threadsafe(self._came.set)

    def _refusal(self, topic: str, *, retained: bool) -> str | None:
        """Why a message is refused before anybody looks into it; None: it is not."""
        if retained:
            return "it is retained"
        if topic not in self._topics:
            return "there is no such alarm"
        return "too many at once" if len(self._heard) >= _WAITING else None

    async def run(self) -> None:
        """Work off what is heard, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._came.wait()
            self._came.clear()
            while self._heard:
                await self._one(*self._heard.popleft())

    async def _one(self, topic: str, payload: bytes) -> None:
        try:
            asked = understand(payload)
        except ValueError as error:
            self._refuse(topic, str(error))
            return
        waits = self._waiting().get(self._topics[topic], ())
        wanted = [each for each in waits if asked.occurrence in {"", each}][:_AT_ONCE]
        if not wanted:
            self._refuse(topic, "nothing of this alarm waits for an acknowledgement")
        by = f"mqtt:{self._name}/{asked.by}" if asked.by else f"mqtt:{self._name}"
        for occurrence in wanted:
            try:
                await self._acknowledge(occurrence, by=by, reason=asked.comment)
            except (RequestRefused, JournalError) as error:
                self._refuse(topic, str(error))
            else:
                self.acknowledged += 1

    def _refuse(self, topic: str, reason: str) -> None:
        self.refused += 1
        now = monotonic()
        if now - self._logged >= _LOG_EVERY_S:
            self._logged = now
            _log.warning("mqtt_acknowledgement_refused", sink=self._name, topic=topic[:200], reason=reason)
