"""What the network thread of a broker and the event loop hand to each other, besides messages."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.mqtt.settings import MqttConnection

__all__ = ["Ack", "Arrived", "Connected", "Counts", "Profile"]


class Ack(NamedTuple):
    """A message whose acknowledgement may be written."""

    epoch: int
    mid: int
    qos: int


class Connected(NamedTuple):
    """A connection stands; all messages behind this one are its own."""

    epoch: int
    session_present: bool


class Arrived(NamedTuple):
    """The broker has read the first `acks` acknowledgements of a connection."""

    epoch: int
    acks: int


@dataclass(slots=True)
class Counts:
    """What the network thread has seen; only that thread writes here."""

    connected: bool = False
    asked: int = 0
    """Subscriptions of this connection that the broker has not answered yet."""
    connections: int = 0
    messages: int = 0
    redelivered: int = 0
    dropped: int = 0
    failed: int = 0
    refused_topics: int = 0
    backlog: int = 0
    lost_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a link needs to know: where to, as whom, and what for. `filters`: topic filter -> QoS."""

    connection: str
    options: MqttConnection
    client_id: str
    status_topic: str
    filters: Mapping[str, int]
    now: Callable[[], int]
