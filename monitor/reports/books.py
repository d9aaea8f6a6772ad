"""The books that reports are made from."""

from dataclasses import dataclass

from monitor.accessbook import AccessBook
from monitor.figures import UsageBook
from monitor.performance.messages import MessageRecords
from monitor.performance.record import AlarmRecords
from monitor.upkeepbook import UpkeepBook

__all__ = ["Books"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Who answers about meters, doors, equipment and the supply, alarms, and messages; None: nobody here does."""

    usage: UsageBook
    access: AccessBook | None = None
    upkeep: UpkeepBook | None = None
    alarms: AlarmRecords | None = None
    messages: MessageRecords | None = None
