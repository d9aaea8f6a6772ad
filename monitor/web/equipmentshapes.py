"""The shapes of questions and answers about equipment and the supply; described for people in docs/api.md."""

from typing import Any, Final

from pydantic import BaseModel, Field

from monitor.web.shapes import Body, Time

__all__ = [
    "BatteryOut",
    "EquipmentDayOut",
    "EquipmentDetailOut",
    "EquipmentOut",
    "GroupOut",
    "ServiceDoneOut",
    "ServiceDueOut",
    "ServiceIn",
    "ServicedOut",
    "SupplyOut",
]

_LATEST: Final = 253_402_300_799_000
"""The end of the year 9999: what calendars can say (UTC ms)."""

_MOST_HOURS: Final = 1e6
"""More than a century."""


class ServiceDueOut(BaseModel):
    """When work on a device is due, as `monitor.upkeepbook.ServiceDue`."""

    device: str
    service: str
    name: str
    state: str
    due: int | None
    hours_left: float | None
    last: int | None


class ServiceDoneOut(BaseModel):
    """Work that was done, as `monitor.upkeepbook.ServiceDone`."""

    device: str
    service: str
    time: int
    hours: float | None
    by: str
    note: str


class EquipmentDayOut(BaseModel):
    """What a device did on a local day, as `monitor.upkeepbook.EquipmentDay`."""

    day: str
    known_s: float
    running_s: float
    fault_s: float
    starts: int
    failed: int
    short_cycles: int
    shortest_s: float | None


class EquipmentOut(BaseModel):
    """How a pump, lift or light is, and what it has run."""

    device: str
    name: str
    type: str
    building: str
    zone: str
    group: str
    state: str
    health: str
    """Whether it answers: the word of `devices`; empty where it has no connection."""
    since: int | None
    hours: float
    starts: int
    first: int | None
    is_own: bool
    service: str
    """The state of the work that is due next: fine, soon, due; empty: there is none."""


class EquipmentDetailOut(EquipmentOut):
    """One device with its days, its services and the work that was done."""

    days: list[EquipmentDayOut]
    services: list[ServiceDueOut]
    done: list[ServiceDoneOut]


class GroupOut(BaseModel):
    """How a group is, as `monitor.upkeepbook.GroupNow`."""

    group: str
    name: str
    members: list[str]
    running: list[str]
    able: list[str]
    unknown: list[str]
    needed: int
    reserve: int


class BatteryOut(BaseModel):
    """A battery, and the day on which it will be at 10 %, as `monitor.upkeepbook.Battery`."""

    device: str
    name: str
    percent: float | None
    time: int
    low: bool
    per_day: float | None
    empty: str | None
    days: int


class SupplyOut(BaseModel):
    """Whether a building has a utility, as `monitor.upkeepbook.SupplyNow`, and what was the matter lately."""

    building: str
    utility: str
    state: str
    device: str
    since: int | None
    lost: list[str]
    spans: list[dict[str, Any]]


class ServiceIn(Body):
    """Work that was done: which, when (UTC ms; without it now), and what there is to say of it.

    `hours`: what the device's own panel showed that it had run by then.
    """

    service: str = Field(max_length=100)
    at: Time | None = None
    hours: float | None = Field(None, ge=0, le=_MOST_HOURS)
    note: str = Field("", max_length=500)


class ServicedOut(BaseModel):
    """The command that was kept."""

    command: str
    device: str
    service: str
    at: int
    by: str
