"""What the routes about alarms and maintenance take and answer. Times are UTC ms."""

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["HeldOut", "MaintenanceIn", "MaintenanceOut", "Only", "OutOfServiceIn", "ReasonIn", "ShelveIn"]

Only = Literal["shelved", "suppressed", "out_of_service", "standing"]
"""Which of the open alarms a list shows."""


class ReasonIn(BaseModel, extra="forbid"):
    """Why somebody does something."""

    reason: str = Field("", max_length=500)


class ShelveIn(ReasonIn):
    """Until when (UTC ms), or for how many seconds, an alarm is shelved; `once`: at most until it clears."""

    until: int | None = None
    for_s: float | None = None
    once: bool = False


class OutOfServiceIn(ReasonIn):
    """When somebody looks at an alarm again that is taken out of service (UTC ms)."""

    review_at: int


class HeldOut(BaseModel):
    """The command that was kept, and the alarm (RULE/SOURCE) or maintenance that it is about."""

    command: str
    target: str
    by: str


class MaintenanceIn(ReasonIn):
    """Maintenance that somebody plans. Of the lists, what is empty means all; words may hold `*`."""

    starts: int
    for_s: float
    repeat: str = Field("", max_length=200)
    id: str = Field("", max_length=60)
    name: str = Field("", max_length=200)
    device: list[str] = []
    device_class: list[str] = Field([], alias="class")
    building: list[str] = []
    zone: list[str] = []
    connection: list[str] = []
    rules: list[str] = []


class MaintenanceOut(BaseModel):
    """Maintenance as it stands: whether it is on, and when that changes next (null: never again).

    `devices`: ids, and `facility-monitor/ID` for connections; null: all. `rules`: patterns, empty: all.
    `from_site`: it stands in the site file. `ended_until`: somebody has ended the stretch that would go on until
    then.
    """

    id: str
    name: str
    on: bool
    changes_at: int | None
    starts: int
    for_s: float
    repeat: str
    devices: list[str] | None
    rules: list[str]
    reason: str
    by: str
    from_site: bool
    ended_until: int | None
