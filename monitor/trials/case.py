"""What a tape says: the model of one case, checked before it is played."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.fields import Duration, Frozen, Value, several
from monitor.trials.series import parse

__all__ = ["Case", "DeviceKeys", "Edited", "Expected", "Happened", "Jump", "Restart", "Said", "Wanted"]


def _series(line: str) -> str:
    parse(line)
    return line


def _jump(value: object) -> float:
    from monitor.fields import seconds

    text = str(value).strip()
    amount = seconds(text.lstrip("+-"))
    return -amount if text.startswith("-") else amount


def _start(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("write a local time such as `2026-03-28 22:00`") from None
    return text


Line = Annotated[str, AfterValidator(_series)]
Attributes = dict[str, Value]


class DeviceKeys(Frozen):
    """A device that only the tape knows; `every` null: it speaks when something changes."""

    device_class: str = Field("electricity", alias="class")
    every: Duration | None = 10.0
    expected_every: Duration | None = None
    points: Annotated[tuple[str, ...], BeforeValidator(several)] = ()
    connection: str = "bus"
    building: str = ""
    zone: str = ""
    role: str = ""
    tenant: str = ""
    door: str = ""
    direction: str = ""


class Happened(Frozen):
    """An event of a device, at a time from the start; `ago`: it happened so long before it was told."""

    at: Duration
    kind: str
    device: str = "door"
    ago: Duration = 0.0
    attributes: Attributes = Field(default_factory=dict)


class Said(Frozen):
    """What another part of the monitor derived; `ago`: the time it is about lies so long before."""

    at: Duration
    device: str
    measurement: str
    values: Attributes
    ago: Duration = 0.0
    quality: str = "good"
    attributes: dict[str, str] = Field(default_factory=dict)


class Wanted(Frozen):
    """What a person asks for: a kind of command and the alarm it is about."""

    at: Duration
    kind: str = "acknowledge"
    target: str
    by: str = "ana"
    reason: str = ""
    arguments: Attributes = Field(default_factory=dict)


class Restart(Frozen):
    """The monitor stops, and starts again after `down`."""

    at: Duration
    down: Duration = 0.0


class Edited(Frozen):
    """The rules are others from here on; those that are written, and none besides."""

    at: Duration
    rules: tuple[Any, ...] = ()


class Jump(Frozen):
    """The wall clock is set, by so much forward or (with `-`) back."""

    at: Duration
    by: Annotated[float, BeforeValidator(_jump)]


class Expected(Frozen):
    """What has to be so at a time; only what is written is compared."""

    at: Duration
    alarm: str = ""
    state: str | None = None
    response: str | None = None
    suppression: Annotated[tuple[str, ...] | None, BeforeValidator(several)] = None
    severity: str | None = None
    value: Value | None = None
    limit: Value | None = None
    facts: Attributes | None = None
    unknown: bool | None = None
    normal: bool | None = None
    near_misses: int | None = None
    raised_at: Duration | None = None
    occurrences: int | None = None
    waiting: int | None = None
    failures: int | None = None
    refused: Annotated[tuple[str, ...] | None, BeforeValidator(several)] = None


class Case(Frozen):
    """One tape: what is given and what has to come of it. Times are from the start, in true time."""

    name: str
    start: Annotated[str, AfterValidator(_start)] = ""
    timezone: str = ""
    rules: tuple[Any, ...] = ()
    devices: dict[str, DeviceKeys] = Field(default_factory=dict)
    given: tuple[Line, ...] = ()
    events: tuple[Happened, ...] = ()
    derived: tuple[Said, ...] = ()
    commands: tuple[Wanted, ...] = ()
    restart_at: tuple[Restart, ...] = ()
    rules_at: tuple[Edited, ...] = ()
    clock_jump: tuple[Jump, ...] = ()
    expect: tuple[Expected, ...] = ()
    expect_transitions: tuple[str, ...] | None = None
    expect_notifications: tuple[str, ...] | None = None
