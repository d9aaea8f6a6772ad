"""The shapes of the API's answers; described for people in docs/api.md."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, model_validator

from monitor.model import Event, Reading
from monitor.periods import WRITTEN

__all__ = [
    "PERIOD",
    "PREFIX",
    "AcknowledgeIn",
    "AcknowledgeOut",
    "Body",
    "DeviceDetailOut",
    "DeviceOut",
    "EventOut",
    "ReadingOut",
    "ReloadIn",
    "ReloadOut",
    "Seconds",
    "StatusOut",
    "Time",
    "ValueOut",
]

PREFIX: Final = "/api/v1"
"""What the path of every route begins with."""
PERIOD: Final[dict[str, Any]] = {
    "pattern": WRITTEN,
    "examples": ["last-month", "2026-11", "2026-W48", "2026-11-01..2026-11-27"],
}
"""What the description says of a period; `monitor.periods.parse` refuses with better words than a pattern."""

_Scalar = bool | int | float | str


class Body(BaseModel, extra="forbid", strict=True, allow_inf_nan=False):
    """What is sent with a request: nothing that is not described, no text for a number, and numbers are finite."""

    @model_validator(mode="before")
    @classmethod
    def _with_whole_numbers(cls, told: object) -> object:
        return {name: _whole(value) for name, value in told.items()} if isinstance(told, dict) else told


def _whole(value: object) -> object:
    """To JSON, 5.0 is an integer, too."""
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


Time = Annotated[int, Field(ge=0, le=4_102_444_800_000, description="UTC ms")]
"""A moment from 1970 to 2099."""
Seconds = Annotated[float, Field(ge=0, le=315_576_000)]
"""How long something goes on: ten years at most."""


class ReadingOut(BaseModel):
    """What one device said at one instant; times are UTC in milliseconds."""

    device: str
    time: int
    arrived: int
    values: dict[str, _Scalar]
    missing: dict[str, str]
    quality: str

    @classmethod
    def of(cls, reading: Reading) -> "ReadingOut":
        """Make it from a reading of the journal."""
        return cls(
            device=reading.device,
            time=reading.time,
            arrived=reading.arrived,
            values=dict(reading.values),
            missing={name: str(why) for name, why in reading.missing.items()},
            quality=reading.quality.name.lower(),
        )


class EventOut(BaseModel):
    """Something that happened once; times are UTC in milliseconds."""

    device: str
    kind: str
    time: int
    arrived: int
    id: str
    attributes: dict[str, _Scalar]

    @classmethod
    def of(cls, event: Event) -> "EventOut":
        """Make it from an event of the journal."""
        return cls(
            device=event.device,
            kind=event.kind,
            time=event.time,
            arrived=event.arrived,
            id=event.id,
            attributes=dict(event.attributes),
        )


class DeviceOut(BaseModel):
    """A device and how it does; `state` is never_answered, answering, degraded, suspended or flapping.

    It is `not_connected` for a meter that people read, or that is reckoned from others: nothing is expected of it.

    `requests`, `answers`, `errors` and `latency_ms` are of polled devices; `loss_pct` is None before the first
    answer; `advice` is empty while a device answers well.
    """

    id: str
    name: str
    device_class: str = Field(serialization_alias="class")
    profile: str | None
    connection: str
    building: str
    zone: str
    state: str
    last_answer: int | None
    last_error: str
    failures: int
    polls: int
    late: int
    poll_ms: float | None
    loss_pct: float | None
    requests: int
    answers: int
    errors: dict[str, int]
    latency_ms: float | None
    advice: str


class ValueOut(BaseModel):
    """The newest value of a point; `missing` says why there is none."""

    value: _Scalar | None
    unit: str | None
    time: int | None
    missing: str | None


class DeviceDetailOut(DeviceOut):
    """A device with the newest value of each point."""

    points: dict[str, ValueOut]


class StatusOut(BaseModel):
    """How the daemon does."""

    site: str
    name: str
    timezone: str
    version: str
    started: int
    loaded: int
    now: int
    downtime: dict[str, Any]
    devices: dict[str, int]
    connections: dict[str, dict[str, Any]]
    poller: dict[str, Any]
    journal: dict[str, Any]
    metering: dict[str, Any]
    access: dict[str, Any] = {}
    equipment: dict[str, Any] = {}
    sinks: dict[str, dict[str, Any]]
    notify: dict[str, Any]
    channels: dict[str, int] = {}
    itself: dict[str, Any]
    deadman: dict[str, Any]
    console: dict[str, Any] = {}
    alarms: dict[str, int]


class ReloadIn(Body):
    """Whether only to say what would change."""

    dry_run: bool = False


class BusLoad(BaseModel):
    """The share of a bus's time that is taken, before and after; null: it was or will not be there."""

    before: float | None
    after: float | None


class ReloadOut(BaseModel):
    """What the site file changes: ids by section, other sections, points more or fewer, loads, and warnings."""

    added: dict[str, list[str]]
    removed: dict[str, list[str]]
    changed: dict[str, list[str]]
    sections: list[str]
    points: int
    load: dict[str, BusLoad]
    warnings: list[str]
    dry_run: bool


class AcknowledgeIn(Body):
    """Why an alarm is acknowledged."""

    reason: str = Field("", max_length=500)


class AcknowledgeOut(BaseModel):
    """The command that was kept; the alarm changes when the engine has judged it."""

    command: str
    occurrence: str
    by: str
