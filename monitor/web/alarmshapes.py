"""What the routes about alarms and maintenance take and answer. Times are UTC ms."""

from typing import Literal

from pydantic import BaseModel, Field

from monitor.web.shapes import Body, Seconds, Time

__all__ = [
    "AlarmDetailOut",
    "AlarmOut",
    "HeldOut",
    "MaintenanceIn",
    "MaintenanceOut",
    "NotificationOut",
    "Only",
    "OutOfServiceIn",
    "ReasonIn",
    "RuleDetailOut",
    "RuleOut",
    "ShelveIn",
]

Only = Literal["shelved", "suppressed", "out_of_service", "standing"]
"""Which of the open alarms a list shows."""


class ReasonIn(Body):
    """Why somebody does something."""

    reason: str = Field("", max_length=500)


class ShelveIn(ReasonIn):
    """Until when (UTC ms), or for how many seconds, an alarm is shelved; `once`: at most until it clears."""

    until: Time | None = None
    for_s: Seconds | None = None
    once: bool = False


class OutOfServiceIn(ReasonIn):
    """When somebody looks at an alarm again that is taken out of service (UTC ms)."""

    review_at: Time


class HeldOut(BaseModel):
    """The command that was kept, and the alarm (RULE/SOURCE) or maintenance that it is about."""

    command: str
    target: str
    by: str


class MaintenanceIn(ReasonIn):
    """Maintenance that somebody plans. Of the lists, what is empty means all; words may hold `*`."""

    starts: Time
    for_s: Seconds
    repeat: str = Field("", max_length=200)
    id: str = Field("", max_length=60)
    name: str = Field("", max_length=200)
    device: list[str] = Field([])
    device_class: list[str] = Field([], alias="class")
    building: list[str] = Field([])
    zone: list[str] = Field([])
    connection: list[str] = Field([])
    rules: list[str] = Field([])


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


class ShelfOut(BaseModel):
    """Until when (UTC ms) nobody is told, who wants that and why; `once`: at most until it clears."""

    until: int
    by: str
    reason: str
    once: bool


class ServiceOut(BaseModel):
    """It is out of service, and somebody looks at it again at `review_at` (UTC ms)."""

    review_at: int
    by: str
    reason: str


class StepOut(BaseModel):
    """One step of an occurrence: `cause` says what happened."""

    number: int
    time: int
    cause: str
    state: str
    response: str
    severity: str
    suppression: list[str]
    value: float | None
    limit: float | None
    by: str
    reason: str


class CaseOut(BaseModel):
    """What people did about an alarm after they were told; `comments`: how many."""

    open: bool
    assigned_to: str
    assigned_by: str
    assigned_at: int | None
    closed_at: int | None
    closed_by: str
    cause: str
    note: str
    comments: int


class EarlierOut(BaseModel):
    """The last alarm of the same rule and source in the seven days before; `time` of its raise."""

    occurrence: str
    time: int
    cause: str
    note: str


class AlarmOut(BaseModel):
    """An occurrence of an alarm; times are UTC ms. What its fields mean: docs/api.md, docs/alarms.md."""

    occurrence: str
    rule: str
    device: str
    source_key: str
    point: str | None
    title: str
    response_text: str
    cause_text: str
    consequence_text: str
    owner: str
    state: Literal["clear", "pending", "active", "recovering"]
    response: Literal["none", "unacked", "acked"]
    suppression: list[str]
    isa: str
    active: bool
    latched: bool
    normal: bool
    unknown: bool
    momentary: bool
    late: bool
    shadow: bool
    severity: Literal["low", "medium", "high", "critical"]
    value: float | None
    limit: float | None
    unit: str | None
    since: int
    raised_at: int
    acknowledged_at: int | None
    acknowledged_by: str
    cleared_at: int | None
    reason: str
    shelf: ShelfOut | None
    service: ServiceOut | None
    suppressed_by: list[str]
    history: list[StepOut]
    standing: bool
    review_due: bool
    case: CaseOut | None
    earlier: EarlierOut | None
    times_in_7_days: int


class CommentOut(BaseModel):
    """What somebody said of an alarm; `time` is UTC ms."""

    time: int
    by: str
    text: str


class NotificationOut(BaseModel):
    """A message to a person over a channel, never its address or text. Times are UTC ms.

    `why`: why he is told; `held`: what it waits for; `carried_by`: the message in which it went along;
    `maybe_delivered`: it was handed over, and no answer came.
    """

    id: int
    notification_id: str
    occurrence: str
    kind: str
    person: str
    channel: str
    step: int
    severity: str
    state: Literal["queued", "sending", "sent", "failed", "unknown", "dead", "superseded"]
    held: str | None
    carried_by: str | int | None
    attempts: int
    created: int
    not_before: int
    next_at: int
    expires: int
    sent_at: int | None
    maybe_delivered: bool
    last_error: str
    tried_at: int | None
    took: float | None
    why: str


class AlarmDetailOut(AlarmOut):
    """One occurrence with its steps in `history`, what was said of it, and who was told.

    `costs`: what it costs as the newest message about it says, such as `day_cost` in the site's `currency`.
    """

    costs: dict[str, str | float]
    comments: list[CommentOut]
    notifications: list[NotificationOut]


class RuleOut(BaseModel):
    """A rule and how it does; times are UTC ms.

    `sources`: how many alarms it can have; `open`: how many somebody has to look at; `failing`: why it cannot be
    judged, empty when it can; `learning`: it does not know yet what is usual.
    """

    id: str
    name: str
    kind: str
    severities: list[str]
    sources: int
    open: int
    raised_7_days: int
    raised_30_days: int
    shadow: bool
    shadow_since: int | None
    raised_in_shadow: int
    learning: bool
    failing: str


class RuleDetailOut(RuleOut):
    """One rule with the sources that it watches (DEVICE or DEVICE/POINT, 1000 at most) and its newest alarms."""

    watches: list[str]
    alarms: list[AlarmOut]
