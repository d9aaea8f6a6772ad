"""What figures about alarms are made of: episodes, and the messages that people got. Times are UTC ms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["AlarmRecords", "Episode", "Record", "Sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One occurrence of an alarm, from its raise on.

    `severity`: that of the raise. `cleared` None: it goes on. `acknowledged`: when somebody first did.
    `momentary`: an event, over as soon as it was raised. `wants_acknowledgement`: it waits, or waited when it was
    over (of one that was acknowledged it says nothing). `cause`: what it came of, a word of
    `monitor.causes.CAUSES`; empty while its case is not closed. `again`: raised again within seven days.
    """

    occurrence: str
    rule: str
    source_key: str
    severity: str
    raised: int
    cleared: int | None = None
    acknowledged: int | None = None
    momentary: bool = False
    wants_acknowledgement: bool = True
    cause: str = ""
    again: bool = False

    @property
    def device(self) -> str:
        """The device that it is about."""
        return self.source_key.partition("/")[0]

    def stood(self, until: int) -> int:
        """Milliseconds that it was active, up to a moment."""
        return max(0, (until if self.cleared is None else min(self.cleared, until)) - self.raised)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message about an alarm that went to a person."""

    person: str
    time: int
    kind: str
    rule: str
    source_key: str


@dataclass(frozen=True, slots=True)
class Record:
    """Episodes by the time of their raise, and messages by theirs."""

    episodes: Sequence[Episode]
    messages: Sequence[Sent]


class AlarmRecords(Protocol):
    """Who answers what alarms did."""

    async def record(self, start: int, end: int) -> Record:
        """What was raised, or still active, in [start, end); messages that were sent in it."""
