"""The words of the journal: its five kinds of entries and what they are made of.

Times are UTC in milliseconds since 1970. Mappings are never changed after construction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, NewType

__all__ = [
    "LATE",
    "SEVERITY_RANK",
    "SHADOW",
    "Command",
    "Derived",
    "Entry",
    "Event",
    "Missing",
    "Origin",
    "Position",
    "Quality",
    "Reading",
    "Recorded",
    "Severity",
    "Transition",
    "Value",
]

Value = float | int | bool | str

LATE = 120_000
"""Milliseconds after its own time from which on what arrives is late."""

SHADOW: Final = "shadow"
"""Among what suppresses an alarm: its rule is only tried, and nobody is told."""

Position = NewType("Position", int)
"""A place in the journal. Opaque: compare and store it, never compute with it."""


class Quality(IntEnum):
    """How far a whole reading can be trusted; the numbers are those of the field `quality` in InfluxDB."""

    GOOD = 0
    ESTIMATED = 1
    SUSPECT = 2
    MANUAL = 3


class Origin(StrEnum):
    """How a reading came in."""

    POLL = "poll"
    PUSH = "push"
    RETAINED = "retained"
    BACKFILL = "backfill"
    MANUAL = "manual"


class Missing(StrEnum):
    """Why a point that was due has no value."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    BUSY = "busy"
    SENTINEL = "sentinel"
    NAN = "nan"
    OUT_OF_RANGE = "out_of_range"
    UNDECODABLE = "undecodable"
    QUARANTINED = "quarantined"
    NOT_REPORTED = "not_reported"


class Severity(StrEnum):
    """How urgent an alarm is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


SEVERITY_RANK: Mapping[str, int] = {"low": 1, "medium": 2, "high": 3, "critical": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one device said at one instant. A failed poll is a reading without values.

    `time` is the device's own where its profile trusts it, else the arrival; `arrived` the moment the last
    answer arrived. `values` holds only what is present, in the unit of the point's name, and never NaN.
    """

    device: str
    time: int
    arrived: int
    values: Mapping[str, Value]
    missing: Mapping[str, Missing] = field(default_factory=dict)
    quality: Quality = Quality.GOOD
    origin: Origin = Origin.POLL
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened once; `id` is unique per device. Never carries a clear credential."""

    device: str
    kind: str
    time: int
    arrived: int
    id: str
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def late(self) -> bool:
        """Whether it arrived more than two minutes after its time: out of a backlog."""
        return self.arrived - self.time > LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What a producer made of earlier entries; identity (producer, device, time, key)."""

    producer: str
    key: str
    device: str
    time: int
    measurement: str
    values: Mapping[str, Value]
    quality: Quality = Quality.GOOD
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step of one occurrence of an alarm; identity (occurrence, number).

    `cause`: raised, reopened, severity, acknowledged, recovering, cleared, reset … ; `condition`: clear,
    pending, active, recovering; `response`: none, unacked, acked. `value` and `limit` in the point's unit.
    """

    occurrence: str
    number: int
    rule: str
    device: str
    source_key: str
    cause: str
    condition: str
    response: str
    suppression: tuple[str, ...] = ()
    severity: str
    value: float | None = None
    limit: float | None = None
    time: int
    late: bool = False
    by: str = ""
    reason: str = ""
    rule_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person asked for; judged in order with everything else."""

    id: str
    time: int
    by: str
    kind: str
    target: str
    arguments: Mapping[str, str | float] = field(default_factory=dict)
    reason: str = ""


Entry = Reading | Event | Derived | Transition | Command


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as the journal keeps it: its position and the writer's stamp (UTC ms), which is engine time."""

    position: Position
    recorded: int
    entry: Entry
