"""Collects what is said on a broker: a bounded number of topics and bytes, whoever speaks. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from drivers.mqtt.payload import MAX_PAYLOAD, Body
from drivers.mqtt.survey.payloads import Kind, kind_of, shape_of

__all__ = ["MAX_TOPICS", "Heard", "Sample", "Survey"]

MAX_TOPICS: Final = 5000
MAX_BYTES: Final = 32 * 1024 * 1024
MAX_TOPIC: Final = 512
MAX_SHAPES: Final = 6


@dataclass(slots=True)
class Sample:
    """The newest payload of one shape."""

    kind: Kind
    payload: bytes
    body: Body


@dataclass(slots=True)
class Heard:
    """What was said on one topic. Times in seconds of a monotonic clock; `largest` in bytes."""

    topic: str
    first: float
    last: float
    count: int = 0
    retained: int = 0
    largest: int = 0
    kinds: dict[Kind, int] = field(default_factory=dict)
    samples: dict[tuple[str, ...], Sample] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """The kind of payload that it has most."""
        return max(self.kinds, key=lambda kind: self.kinds[kind])

    @property
    def live(self) -> int:
        """Messages that were said while we listened."""
        return self.count - self.retained

    @property
    def every(self) -> float | None:
        """Seconds between two live messages; None when there were less than three of them."""
        return (self.last - self.first) / (self.live - 1) if self.live > 2 else None  # noqa: PLR2004 - two gaps

    @property
    def newest(self) -> Sample | None:
        """The newest payload."""
        return next(reversed(self.samples.values()), None)


class Survey:
    """All that was heard. Beyond its bounds it counts and keeps nothing."""

    def __init__(self, *, max_topics: int = MAX_TOPICS, max_bytes: int = MAX_BYTES) -> None:
        self._topics: dict[str, Heard] = {}
        self._max_topics = max_topics
        self._max_bytes = max_bytes
        self._bytes = 0
        self.messages = 0
        self.left_out = 0
        """Messages on topics that were too many or too long."""
        self.unseen = 0
        """Messages whose payload was not kept, because it was too large or all of them were."""

    @property
    def topics(self) -> Mapping[str, Heard]:
        """What was heard, by topic."""
        return self._topics

    def hear(self, topic: str, payload: bytes, *, retained: bool, now: float) -> None:
        """Take a message in."""
        self.messages += 1
        heard = self._topics.get(topic)
        if heard is None:
            if len(self._topics) >= self._max_topics or len(topic) > MAX_TOPIC:
                self.left_out += 1
                return
            heard = self._topics[topic] = Heard(topic, first=now, last=now)
        heard.count += 1
        heard.retained += retained
        heard.largest = max(heard.largest, len(payload))
        if not retained:
            heard.last = now
            if heard.live == 1:
                heard.first = now
        kept = payload if len(payload) <= MAX_PAYLOAD else None
        body = Body(kept)
        kind = kind_of(topic, kept, body)
        heard.kinds[kind] = heard.kinds.get(kind, 0) + 1
        if kept is None:
            self.unseen += 1
        else:
            self._sample(heard, Sample(kind, kept, body))

    def _sample(self, heard: Heard, sample: Sample) -> None:
        shape = shape_of(sample.kind, sample.body)
        old = heard.samples.pop(shape, None)
        self._bytes -= 0 if old is None else len(old.payload)
        if old is None and len(heard.samples) >= MAX_SHAPES:
            oldest = next(iter(heard.samples))
            self._bytes -= len(heard.samples.pop(oldest).payload)
        if self._bytes + len(sample.payload) > self._max_bytes:
            self.unseen += 1
            return
        self._bytes += len(sample.payload)
        heard.samples[shape] = sample
