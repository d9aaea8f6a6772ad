"""A message as the network thread took it."""

from typing import NamedTuple

__all__ = ["Message"]


class Message(NamedTuple):
    """A message as the network thread took it. `epoch`: its connection; `payload` None: too large to keep."""

    epoch: int
    mid: int
    qos: int
    dup: bool
    retain: bool
    topic: str
    payload: bytes | None
    arrived: int
