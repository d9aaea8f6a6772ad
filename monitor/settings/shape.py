"""What the sections of a site file take: keys, forms and limits. References are checked where they are bound."""

from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitor.fields import Duration, Frozen, Id, Label, Size, Texts, is_http
from monitor.model import Severity
from monitor.settings.addresses import is_base, listens
from monitor.settings.dutyshape import AwayKeys, RosterKeys

__all__ = [
    "ConnectionKeys",
    "DeadmanKeys",
    "DeviceKeys",
    "EveryEach",
    "EveryOne",
    "JournalKeys",
    "LinksKeys",
    "MetricsKeys",
    "MonitorKeys",
    "PerformanceKeys",
    "PersonKeys",
    "RosterKeys",
    "RouteKeys",
    "SiteKeys",
    "StockKeys",
    "TeamKeys",
]

Interval = Annotated[Duration, Field(ge=0.1, le=7 * 86400)]
Language = Literal["en", "zh"]


class SiteKeys(Frozen):
    """The section `site`."""

    id: Id
    name: Label = ""
    timezone: str
    language: Language = "en"


class ConnectionKeys(Frozen):
    """What every connection has beside the block of its driver."""

    id: Id


class DeviceKeys(Frozen):
    """What every device has, whatever it speaks."""

    id: Id
    name: Label = ""
    profile: str | None = None
    variant: str | None = None
    connection: str
    device_class: str | None = Field(None, alias="class")
    building: Label = ""
    zone: Label = ""
    role: Label = ""
    medium: Label = ""
    tenant: Label = ""
    direction: Literal["in", "out"] | None = None
    door: str = ""


class EveryOne(Frozen):
    """`every: 10 s`."""

    every: Interval


class EveryEach(Frozen):
    """`every: {fast: 1 s, slow: 5 min}`."""

    fast: Interval | None = None
    slow: Interval | None = None


class PerformanceKeys(Frozen):
    """The section `performance`."""

    acceptable: Annotated[int, Field(ge=1, le=100_000)] = 150
    too_many: Annotated[int, Field(ge=1, le=100_000)] = 300
    messages: Annotated[int, Field(ge=1, le=10_000)] = 10
    night_messages: Annotated[int, Field(ge=0, le=10_000)] = 2

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.acceptable > self.too_many:
            raise ValueError("`too_many` alarms a day cannot be fewer than are `acceptable`")
        return self


class PersonKeys(Frozen):
    """One entry of `notify.people`; `quiet` and `budget` are bound by `monitor.settings.telling`."""

    id: Id
    name: Label = ""
    language: Language | None = None
    channels: dict[str, str] = Field(default_factory=dict, repr=False)
    quiet: Any = None
    budget: Any = None
    over: dict[Severity, Annotated[Texts, Field(min_length=1)]] = Field(default_factory=dict)
    away: tuple[AwayKeys, ...] = ()


class StepKeys(Frozen):
    """One step of an escalation."""

    after: Duration
    notify: Annotated[Texts, Field(min_length=1)]
    channels: Texts = ()
    until: Literal["ack", "clear"] = "ack"


class TeamKeys(Frozen):
    """One entry of `notify.teams`."""

    id: Id
    members: Texts = ()
    escalation: tuple[StepKeys, ...] = ()
    repeat: Annotated[int, Field(ge=0, le=20)] = 0
    repeat_every: Annotated[Duration, Field(ge=1, le=86400)] = 900.0


class MatchKeys(Frozen):
    """What a route can ask of an alarm: all that is given must match."""

    building: Texts | None = None
    zone: Texts | None = None
    device_class: Texts | None = Field(None, alias="class")
    device: Texts | None = None
    rule: Texts | None = None
    kind: Texts | None = None
    severity: Texts | None = None


class RouteKeys(Frozen):
    """One entry of `notify.routes`."""

    match: MatchKeys = MatchKeys()
    team: str
    go_on: bool = Field(default=False, alias="continue")


class StockKeys(Frozen):
    """An entry of `rules` that takes in a file of stock rules."""

    stock: str


def _outside(text: str) -> str:
    if not is_http(text) or any(letter.isspace() for letter in text):
        raise ValueError("write an address such as `https://hc.example.org/ping/1234`")
    return text


class JournalKeys(Frozen):
    """The section `journal`."""

    keep: Annotated[Duration, Field(ge=3600)] = 30 * 86400.0
    max_size: Annotated[Size, Field(ge=10 * 1000**2)] = 4 * 1000**3
    commit_every: Annotated[Duration, Field(le=60)] = 0.0


class MetricsKeys(Frozen):
    """The section `monitor.metrics`: where metrics are served to whoever can connect."""

    listen: Annotated[tuple[str, int], BeforeValidator(listens)]
    anywhere: bool = False

    @model_validator(mode="after")
    def _stays_at_home(self) -> Self:
        host, _ = self.listen
        if not self.anywhere and not ip_address(host).is_loopback:
            raise ValueError("others could read it there: write `127.0.0.1:9100`, or add `anywhere: true`")
        return self


class LinksKeys(Frozen):
    """The section `notify.links`: links in messages that acknowledge, and where their pages are served."""

    base: Annotated[str, AfterValidator(is_base), Field(max_length=200)]
    listen: Annotated[tuple[str, int], BeforeValidator(listens)] = ("127.0.0.1", 8480)
    lives: Annotated[Duration, Field(ge=300, le=7 * 86400)] = 86400.0
    anywhere: bool = False

    @model_validator(mode="after")
    def _stays_at_home(self) -> Self:
        host, _ = self.listen
        if not self.anywhere and not ip_address(host).is_loopback:
            raise ValueError(
                "a proxy with TLS belongs in front of it: write `127.0.0.1:8480`, or add `anywhere: true`"
            )
        return self


class DeadmanKeys(Frozen):
    """The section `monitor.deadman`: who is told that the monitor lives, and how often."""

    url: Annotated[str, AfterValidator(_outside)] = Field(repr=False)
    every: Annotated[Duration, Field(ge=10, le=86400)] = 60.0


class MonitorKeys(Frozen):
    """The section `monitor`: how the monitor is watched itself."""

    metrics: MetricsKeys | None = None
    deadman: DeadmanKeys | None = None
