"""What became of each message about an alarm to somebody: for reports over weeks and months. Times are UTC ms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["MessageRecords", "Outgoing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One row of the outbox that came to its end, and how its alarm went.

    `number` is the row's own, `carried_by` that of the row in whose message it went out, if that was another.
    `state`: sent, unknown (it may have arrived) or dead. `held`: what it had waited for.
    """

    number: int
    time: int
    person: str
    channel: str
    notification: str
    kind: str
    severity: str
    state: str
    rule: str
    source_key: str
    raised: int
    held: str = ""
    carried_by: int | None = None
    acknowledged: int | None = None
    cleared: int | None = None
    momentary: bool = False

    @property
    def is_message(self) -> bool:
        """Whether it was a message of its own that went out."""
        return self.carried_by is None and self.state != "dead"


class MessageRecords(Protocol):
    """Who answers what people were sent."""

    async def messages(self, start: int, end: int) -> Sequence[Outgoing]:
        """What came to its end in [start, end), by time; reports are left out."""
