"""The site as everybody sees it after loading: frozen, complete, every reference and unit resolved.

`monitor.settings` makes it from the site file; nobody else constructs it outside tests. `options`, `address`,
`source` and `params` are models of the driver or rule kind that asked for them, opaque to all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor.calendars import Schedule
from monitor.maintenance import Window
from monitor.places import Residents
from monitor.plant import Equipment, Group, Supply
from monitor.staff import Notify
from monitor.tariff import Tariff
from monitor.zones import AccessSettings

__all__ = [
    "Connection",
    "ConsoleSettings",
    "Counter",
    "Device",
    "GasValue",
    "InfluxSettings",
    "JournalSettings",
    "MeteringSettings",
    "MonitorSettings",
    "MqttSinkSettings",
    "Point",
    "ReportSettings",
    "Rule",
    "SinkFilter",
    "Site",
    "Source",
    "Virtual",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One bus or endpoint; `driver` is a key of the drivers' table, `options` its checked block."""

    id: str
    driver: str
    options: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """How a counter counts, in the unit of its point.

    `modulus`: where it begins anew from zero (None: not known). `rating`: the most that it can count in an hour,
    in kW, kvar, kVA or m3/h (None: not known). `step`: the least difference between two registers (0: not known).
    """

    modulus: float | None = None
    rating: float | None = None
    step: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One quantity of a device: kept = sent x factor + offset, in `unit` (None: a state or dimensionless).

    `factor` and `offset` join the profile's scaling and the conversion from the sent unit to the name's.
    `divisor` is set instead of `factor` where a division is exact and a product is not (0.01 -> / 100).
    `valid` bounds the kept value. `source` is the driver's model of where the point is found. `counter`: how it
    counts, when it is a counter that is metered.
    """

    name: str
    unit: str | None = None
    factor: float = 1.0
    divisor: float = 1.0
    offset: float = 0.0
    valid: tuple[float, float] | None = None
    scan: str = "fast"
    source: Any = None
    counter: Counter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Virtual:
    """A meter that is reckoned: the sum of some meters' use, less that of others. All have the same counter."""

    sum: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GasValue:
    """What a cubic metre of gas is worth from a local day on: kWh = m3 x `kwh_per_m3` x `factor`.

    `kwh_per_m3` is the calorific value, `factor` the conversion factor from the state in the meter to the normal
    one.
    """

    since: date
    kwh_per_m3: float
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One meter, reader, contact or detector behind a connection, or a meter without one.

    A meter without a connection (an empty text) is read by hand (`by_hand`) or reckoned (`virtual`). `gas`: what
    its gas was worth, oldest first. `ratio`: what its powers and energies are multiplied by, because there are
    transformers before it that it has not been told of.

    `scan`: seconds of each scan class of a polled device (None: read once after each connect).
    `expected_every`: seconds between messages of a device that pushes (None: it is never stale).
    `events`: the driver's models of what its messages say happened. `address`: unit or topic and the like.
    `urgent`: what it shows is gone a moment later (a card that is held to a reader), so it goes before others.
    """

    id: str
    name: str
    profile: str | None = None
    connection: str
    device_class: str
    building: str = ""
    zone: str = ""
    role: str = ""
    medium: str = ""
    tenant: str = ""
    direction: str = ""
    door: str = ""
    scan: Mapping[str, float | None] = field(default_factory=dict)
    expected_every: float | None = None
    urgent: bool = False
    address: Any = None
    protocol: Any = None
    """The profile's block of its driver (`modbus:` or `mqtt:`), checked; None without a profile."""
    points: Mapping[str, Point] = field(default_factory=dict)
    events: tuple[Any, ...] = ()
    by_hand: bool = False
    virtual: Virtual | None = None
    gas: tuple[GasValue, ...] = ()
    ratio: float = 1.0

    @property
    def has_connection(self) -> bool:
        """Whether it says something by itself: neither read by hand nor reckoned."""
        return bool(self.connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one alarm instance of a rule watches; `key` is device[/point].

    A kind of rule that names its own sources also says what people call them, and where that is: `name`,
    `building` and `zone` are empty where the device says it.
    """

    device: str
    point: str | None = None
    name: str = ""
    building: str = ""
    zone: str = ""

    @property
    def key(self) -> str:
        """The `source_key` of transitions."""
        return self.device if self.point is None else f"{self.device}/{self.point}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule bound to its sources; quantities in `params` are already in the unit of the points.

    `version` is a short hash of its settings: it changes when the rule is edited. `depends_on`: ids of the rules
    whose alarms explain those of this one. `devices`: those that are judged together, in one alarm of the monitor
    itself. `schedule`: the hours in which it counts (None: always); `at`: those in which its limits are others,
    one for each of `at` of its settings.
    """

    id: str
    name: str
    kind: str
    params: Any
    sources: tuple[Source, ...]
    version: str
    depends_on: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    schedule: Schedule | None = None
    at: tuple[Schedule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFilter:
    """What a sink writes: entries of these kinds, about these devices; None is all of them.

    What is about no device (the monitor itself, how many people are in the site) is chosen by its kind alone.
    """

    devices: frozenset[str] | None = None
    kinds: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxSettings:
    """Where readings are written; `api` is auto, v2 or v1 (then the token is `user:password`).

    `secret`: what the token is called in the folder of secrets; empty: it is none of these.
    `ca`: a file of the only authorities that may have signed the server's certificate; None: those of the system.
    `retention` and `access_retention`: seconds that the two buckets keep their points (None: for ever).
    """

    id: str = "influxdb"
    url: str
    org: str = ""
    bucket: str = "facility"
    access_bucket: str = "facility-access"
    token: str = field(default="", repr=False)
    secret: str = ""
    api: str = "auto"
    ca: Path | None = None
    retention: float | None = None
    access_retention: float | None = None
    filter: SinkFilter = field(default_factory=SinkFilter)

    @property
    def buckets(self) -> Mapping[str, float | None]:
        """The buckets that are written to, and how long each keeps its points; one for both keeps the longer."""
        if self.filter.kinds is not None and "access" not in self.filter.kinds:
            return {self.bucket: self.retention}
        if self.access_bucket != self.bucket:
            return {self.bucket: self.retention, self.access_bucket: self.access_retention}
        both = (self.retention, self.access_retention)
        return {self.bucket: None if None in both else max(each for each in both if each is not None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSinkSettings:
    """Where the state of this moment is published: a connection to a broker, and the topic that all is below.

    `homeassistant`: the prefix below which Home Assistant looks for devices; empty: none are announced.
    `acknowledge`: whether alarms may be acknowledged at this broker.
    """

    id: str = "mqtt"
    connection: str
    topic: str = "facility-monitor"
    homeassistant: str = ""
    acknowledge: bool = False
    filter: SinkFilter = field(default_factory=SinkFilter)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """How much the journal keeps (seconds, bytes), and how long polls alone may wait (seconds)."""

    keep: float = 30 * 86400.0
    max_size: int = 4 * 1000**3
    commit_every: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteringSettings:
    """How long the ledger keeps what was counted (seconds)."""

    keep: float = 5 * 31_557_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """A report that is sent by itself when its period is over.

    `kinds`: usage, cost, coverage, balance, access, equipment, supply, alarms, notifications.
    `every`: month, week or day.
    `wait`: seconds that it waits after the end of the period for what arrives late.
    """

    id: str
    name: str
    kinds: tuple[str, ...]
    every: str
    people: tuple[str, ...]
    wait: float
    devices: tuple[str, ...] | None = None
    """Ids of the devices it is about; None: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLimits:
    """What figures about alarms are compared with.

    Alarms a day: up to `acceptable` is fine, from `too_many` on they have to be reduced. `messages` to one person
    on one day, `night_messages` in one night.
    """

    acceptable: int = 150
    too_many: int = 300
    messages: int = 10
    night_messages: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """How the monitor is watched itself.

    `metrics`: host and port where metrics are served beside the socket (None: nowhere else). `deadman`: the
    address that is told every `deadman_every` seconds that the monitor lives; a secret.
    """

    metrics: tuple[str, int] | None = None
    deadman: str = field(default="", repr=False)
    deadman_every: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """Where the console and the API are served to browsers, beside the socket.

    `base`: how people reach it (`https://…`), where it is not where it listens; empty: there. `certificate` and
    `key`: files with which it speaks TLS itself. `proxies`: addresses whose word is taken for who is behind them.
    `idle` and `longest`: seconds after which somebody has to sign in again, without and in spite of using it.
    """

    host: str = "127.0.0.1"
    port: int = 8470
    base: str = ""
    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()
    idle: float = 12 * 3600.0
    longest: float = 30 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything the site file says. `files` are those it was read from."""

    id: str
    name: str
    timezone: ZoneInfo
    language: str = "en"
    connections: Mapping[str, Connection] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    notify: Notify = field(default_factory=Notify)
    influxdbs: Mapping[str, InfluxSettings] = field(default_factory=dict)
    mqtt_sinks: Mapping[str, MqttSinkSettings] = field(default_factory=dict)
    journal: JournalSettings = field(default_factory=JournalSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    equipment: Mapping[str, Equipment] = field(default_factory=dict)
    """By the id of the device: every device of class equipment has one."""
    groups: Mapping[str, Group] = field(default_factory=dict)
    supplies: tuple[Supply, ...] = ()
    maintenance: tuple[Window, ...] = ()
    monitor: MonitorSettings = field(default_factory=MonitorSettings)
    metering: MeteringSettings = field(default_factory=MeteringSettings)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    reports: Mapping[str, ReportSettings] = field(default_factory=dict)
    console: ConsoleSettings | None = None
    residents: Residents | None = None
    """None: it is not served."""
    performance: AlarmLimits = field(default_factory=AlarmLimits)
    files: tuple[Path, ...] = ()

    @property
    def classes(self) -> Mapping[str, str]:
        """Device -> its class."""
        return {one.id: one.device_class for one in self.devices.values()}
