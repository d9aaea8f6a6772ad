"""The protocols between the parts of the house, and the shapes they exchange.

Every driver, journal, sink and channel satisfies the contract tests beside its protocol's name in tests/.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from monitor.model import Entry, Event, Missing, Position, Recorded, Value
from monitor.site import Connection, Device

__all__ = [
    "Answer",
    "Attachment",
    "Batch",
    "Budget",
    "Channel",
    "DriverContext",
    "DriverType",
    "Gap",
    "Hint",
    "Intake",
    "Journal",
    "LastEvent",
    "Message",
    "PolledDriver",
    "Pseudonymise",
    "PushedDriver",
    "RegisterBus",
    "RegisterDriver",
    "Sink",
    "Traffic",
    "nothing_known",
]


# The journal -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Entries that are kept together or not at all.

    With an `id`, the journal remembers it until it is settled. A batch that says `redelivered` and whose id is
    remembered is answered as kept and stored no second time; one that does not say so is new, whatever its id.
    """

    entries: Sequence[Entry]
    id: str = ""
    redelivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Entries after `after` up to and including `until` are gone: `reason` is trimmed or lost."""

    after: Position
    until: Position
    reason: str


class Journal(Protocol):
    """The one sequence of entries. Order holds per device; positions are opaque and never restart."""

    @property
    def last(self) -> Position:
        """Where the sequence ends: the position of the newest committed entry."""

    async def append(
        self,
        batches: Sequence[Batch],
        *,
        settled: Collection[str] = (),
        first: Callable[[], None] | None = None,
    ) -> Position:
        """Keep the batches in order; returns once they would survive a power cut.

        `settled` are ids of earlier batches whose sender will not send them again: forgotten in the same
        transaction. `first` is called in the writer's thread right before the batches are stamped, and no
        entry before them has a stamp of after it. Entries whose identity is known already are left out
        silently. Raises JournalError; then nothing of the call is kept, and the caller may call again.
        """

    async def read(self, after: Position, limit: int) -> Sequence[Recorded] | Gap:
        """Answer at most `limit` entries behind `after`, oldest first; a Gap when some of them are gone."""

    def follow(self, after: Position) -> AsyncIterator[Sequence[Recorded] | Gap]:
        """Yield all behind `after`, for ever, in committed batches: from memory unless far behind."""

    def behind(self, position: Position) -> int:
        """How many entries stand behind a position, or some more: only the journal can count with positions."""

    def acknowledge(self, consumer: str, position: Position) -> None:
        """Say that a consumer needs nothing up to `position` any more; only trimming heeds it."""


# Drivers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one device said to one poll: each point that was due is in `values` or in `missing`.

    `arrived`: UTC ms of the last answer (or of the failure). `time`: the device's own, where it is trusted.
    `answered`: it gave any answer at all, a refusal included. `events`: what it showed to have happened, kept with
    the reading or not at all. `kept` is called in the loop once the journal has kept them, and never before: what
    an acknowledgement would destroy is safe then. `again`: it may have more to show, asked again after that.
    """

    values: Mapping[str, Value]
    missing: Mapping[str, Missing] = field(default_factory=dict)
    arrived: int
    time: int | None = None
    answered: bool
    error: str = ""
    events: Sequence[Event] = ()
    kept: Callable[[], None] | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What has passed between a connection and one of its devices since the start.

    `answers` are those of the device, a refusal included. `errors` counts by kind, of
    `monitor.schema.TRAFFIC_ERRORS`; a request may count under several (noise, then a wrong checksum).
    `latency_ms` is the mean time of the latest answers, from the last byte of a request to the answer; None before
    the first.
    """

    requests: int = 0
    answers: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What is wrong with a plan, or tight, and what would help; about one `device`, or the whole bus (empty)."""

    text: str
    device: str = ""
    refuses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a connection's time goes to, reckoned before it runs. Times in seconds, shares of 1.

    `polls`: one poll, by device and scan class. `cycle`: one round over all that is asked again and again. `busy`:
    the share of its time that the bus is asked something. `late`: how long a poll waits for its turn at most, when
    all are due at once. `busy_dead` and `late_dead`: the same while `dead` devices, those for which it is worst,
    do not answer; late with their first failures, busy with all that they may cost afterwards.
    """

    devices: int
    polls: Mapping[str, Mapping[str, float]]
    cycle: float
    busy: float
    late: float
    dead: int
    busy_dead: float
    late_dead: float
    hints: tuple[Hint, ...] = ()


Intake = Callable[..., Awaitable[Position]]
"""`Journal.append`, as drivers that are pushed to see it."""

Pseudonymise = Callable[[str], str]
"""Turns a clear credential in its canonical form into its keyed pseudonym."""

LastEvent = Callable[[str, str], Awaitable[Event | None]]
"""Answers the newest event (device, kind) that the journal has; raises JournalError when it cannot be read."""


async def nothing_known(_device: str, _kind: str) -> Event | None:
    """Answer that the journal has no event: a `LastEvent`."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverContext:
    """What a driver may use: the UTC clock in ms, the pseudonyms, and what was kept before it was made."""

    now: Callable[[], int]
    pseudonymise: Pseudonymise
    site: str
    last_event: LastEvent = nothing_known


class PolledDriver(Protocol):
    """One connection whose devices are asked. One call at a time (the poller owns the bus).

    Nothing is connected at construction. A cancelled call ends within a second and leaves the driver usable.
    """

    async def read(self, device: str, scan: str) -> Answer:
        """Ask for all points of a scan class. Connects when needed. Never raises for what devices do."""

    async def probe(self, device: str) -> Answer:
        """Ask for as little as possible, to learn whether the device answers again."""

    def traffic(self, device: str) -> Traffic:
        """What has passed between the connection and a device since the start."""

    def advice(self, device: str) -> str:
        """What to look at when this device does badly, by what was seen on the wire; or nothing."""

    async def close(self) -> None:
        """Close what is open; safe to call twice."""


class RegisterBus(Protocol):
    """A Modbus bus on which registers are read by hand: one of our own, or that of the running daemon.

    One call at a time; each call is one request, sent once.
    """

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        """Ask for `count` registers (0 to 65535 each) or bits (0, 1) of a table: coil, discrete, input, holding.

        Raises DeviceUnreachable when nobody answers in time, DeviceRefused for an exception answer (`code` is the
        exception's), DeviceError for an answer that cannot be one to this request, and RequestRefused when the bus
        cannot be had.
        """


@runtime_checkable
class RegisterDriver(PolledDriver, Protocol):
    """A polled driver on whose bus registers can be read by hand, between the polls.

    `place`: the port or the endpoint of the bus. `line`: how a serial line speaks (empty for others). `timeout`:
    seconds that an answer is waited for; `overhead`: those that a request of one register takes beside.
    """

    place: str
    line: str
    timeout: float
    overhead: float

    async def registers(
        self, unit: int, table: str, first: int, count: int, *, patience: float | None = None
    ) -> Sequence[int]:
        """Read as `RegisterBus.read` does, and raise the same; `patience` in seconds (default: `timeout`)."""


class PushedDriver(Protocol):
    """One connection that sends by itself."""

    async def run(self, intake: Intake) -> None:
        """Connect, reconnect and hand over what arrives, until cancelled; an outage is not an error.

        A message is acknowledged to its sender only after `intake` has returned.
        """

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`: connected, messages, refused and the like."""

    def advice(self, device: str, *, heard: bool) -> str:
        """What to look at when a device does badly; `heard`: it has spoken before, perhaps long ago."""


class DriverType(Protocol):
    """What a package in `drivers/` offers: the models of its settings, and its drivers.

    `connection_model`: the block under the connection's protocol key. `device_model`: the keys it adds to a
    device (unit, topic …). `profile_model`: the block under its key in a profile. `point_model` derives from
    `monitor.profiles.model.PointModel`, `event_model` from EventModel (None: it sees no events).
    """

    name: str
    polled: bool
    connection_model: type[Any]
    device_model: type[Any]
    profile_model: type[Any]
    point_model: type[Any]
    event_model: type[Any] | None

    def create(
        self, connection: Connection, devices: Sequence[Device], context: DriverContext
    ) -> Any:  # PolledDriver when `polled`, else PushedDriver
        """Make the driver of one connection and its devices."""

    def budget(self, connection: Connection, devices: Sequence[Device]) -> Budget | None:
        """Reckon what the connection's time goes to; None where that is not ours to plan. Fast, without I/O.

        Raises SettingsError for points that cannot be read.
        """


# Notification and sinks --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a message; `media_type` such as `text/html`.

    `inline`: the message's HTML shows it, as `cid:` and its name.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A finished message in the person's language; channels leave out what they cannot carry beside the text.

    `short`: title and text in one for channels that carry little, such as text messages; empty: the title is.
    """

    title: str
    text: str
    severity: str
    html: str = ""
    short: str = ""
    attachments: tuple[Attachment, ...] = ()


class Channel(Protocol):
    """One way to reach a person. Several may be under way at once."""

    async def send(self, address: str, message: Message) -> None:
        """Deliver, or raise ChannelUnavailable or ChannelRejected. Errors never carry the address's secrets."""


class Sink(Protocol):
    """Somewhere that entries are written to."""

    name: str

    async def write(self, batch: Sequence[Recorded]) -> None:
        """Write the batch, or raise SinkUnavailable (nothing lost, call again) or SinkRejected."""

    async def close(self) -> None:
        """Close what is open; safe to call twice."""
