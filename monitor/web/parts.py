"""What the API needs of the rest of the daemon, handed over by the composition root."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any, Protocol, TypeVar

from monitor.accessbook import AccessBook, Name
from monitor.accounts.book import Accounts
from monitor.figures import UsageBook
from monitor.journal.sampled import History
from monitor.model import Command, Position, Reading, Recorded, Value
from monitor.periods import Period
from monitor.ports import Batch, Gap
from monitor.reports.report import Report
from monitor.site import Site
from monitor.upkeepbook import UpkeepBook
from monitor.web.alarmparts import AlarmBook, CaseDesk, ChannelDesk, DutyDesk, HoldDesk
from monitor.web.residents.desk import ResidentDesk
from monitor.web.trends import TrendDesk

__all__ = [
    "AccessDesk",
    "BackfillDesk",
    "Facts",
    "LetterBook",
    "MeterDesk",
    "Parts",
    "ReadableJournal",
    "RegisterDesk",
    "RegisterPast",
    "Reload",
    "ReportDesk",
    "UpkeepDesk",
]

T = TypeVar("T")

Facts = Mapping[str, Value | Mapping[str, int] | None]
"""What a part of the daemon says of itself: names and scalars, or counts by kind."""


class Reload(Protocol):
    """Takes the site file again, and answers what changes; raises SettingsError."""

    async def __call__(self, *, dry_run: bool) -> Mapping[str, Any]:
        """Unless `dry_run`, change it right after."""


class ReadableJournal(Protocol):
    """The journal as the API uses it."""

    @property
    def last(self) -> Position:
        """The position of the newest committed entry."""

    async def append(self, batches: Sequence[Batch]) -> Position:
        """Keep what a person asked for."""

    def follow(self, after: Position) -> AsyncIterator[Sequence[Recorded] | Gap]:
        """Yield what is committed behind a position."""

    async def readings(self, device: str, last: int) -> Sequence[Recorded]:
        """The newest readings of a device, newest last."""

    async def between(self, device: str, start: int, end: int, kinds: Sequence[str] = ()) -> Sequence[Recorded]:
        """Entries of a device in a span, oldest first."""

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads, in a thread. Raises JournalError."""

    def stats(self) -> Mapping[str, Value]:
        """Facts for `status`."""


class LetterBook(Protocol):
    """Dead letters; RequestRefused for numbers that are none. `ids` None: all of them, or all of one `sink`."""

    async def list_letters(self, last: int, sink: str = "") -> Sequence[Mapping[str, Any]]:
        """The newest, newest first."""

    async def retry(self, ids: Sequence[int] | None, sink: str = "") -> Sequence[int]:
        """Have them tried again; answers which."""

    async def drop(self, ids: Sequence[int] | None, sink: str = "") -> Sequence[int]:
        """Throw them away; answers which."""


class BackfillDesk(Protocol):
    """Sends a period to one sink again; RequestRefused says why that cannot be."""

    async def start(self, first: int, until: int, *, by: str) -> None:
        """Begin with [first, until), UTC ms."""

    async def stop(self) -> None:
        """Leave it where it is."""

    def status(self) -> Mapping[str, Value]:
        """How far it is."""


class RegisterDesk(Protocol):
    """Registers that are read by hand, as `monitor.poller.byhand.ByHand` does."""

    def buses(self) -> Sequence[Mapping[str, Any]]:
        """The connections on which that can be done."""

    async def read(  # noqa: PLR0913 - a request, and how it is asked
        self, connection: str, unit: int, table: str, first: int, count: int, *, patience: float | None = None
    ) -> tuple[Sequence[int], float]:
        """Answer the registers and the milliseconds; raises DeviceError and RequestRefused."""


class ReportDesk(Protocol):
    """Makes reports of what is known at this moment."""

    async def build(self, kind: str, period: Period, devices: Sequence[str] | None) -> Report:
        """Make a report of a kind; `devices`: ids, None: all."""


class MeterDesk(Protocol):
    """What is known of meters, and what people say of them; RequestRefused says why something cannot be.

    Times are UTC ms. An empty `point` means the counter that a meter is billed by. What is answered is for the
    journal: a command and its reading in one batch.
    """

    @property
    def book(self) -> UsageBook:
        """What has been counted."""

    async def replace(  # noqa: PLR0913 - what a person says of two meters
        self,
        device: str,
        point: str,
        *,
        at: int | None,
        final: float,
        start: float,
        serial: str,
        by: str,
        reason: str,
    ) -> tuple[Command, Reading | None]:
        """Another meter hangs there since `at` (None: as the monitor saw it); by hand, with its first reading."""

    async def correct(  # noqa: PLR0913 - a span, and what was used in it
        self, device: str, point: str, *, start: int, end: int, amount: float, by: str, reason: str
    ) -> Command:
        """So much was really used in [start, end)."""

    async def enter(  # noqa: PLR0913 - a register, and who read it when
        self, device: str, point: str, *, register: float, at: int | None, by: str, reason: str
    ) -> tuple[Command, Reading]:
        """A meter that nobody can wire showed this (`at` None: now)."""

    def recompute(self, devices: Sequence[str], start: int, end: int) -> AsyncIterator[Any]:
        """Work out what was told of the past anew; yields days of meters: done, of how many, changed."""

    async def enter_list(self, text: str, *, by: str) -> Sequence[tuple[Command, Reading]]:
        """The same of many, in CSV: all of them or none."""


class RegisterPast(Protocol):
    """What counters showed, as far back as the ledger goes. Raises JournalError."""

    async def register_spans(self, device: str, points: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """From when to when (UTC ms) it is known; counters of which nothing is are left out."""

    async def past_registers(
        self, device: str, points: Sequence[str], *, period: tuple[int, int], step: int
    ) -> History:
        """What they showed in [start, end) (UTC ms), in steps of so many ms."""


class AccessDesk(Protocol):
    """What is known of doors and people; RequestRefused says why something cannot be.

    `names` are those of the directory by pseudonym; None: the site has none.
    """

    @property
    def book(self) -> AccessBook:
        """What happened."""

    def pseudonym(self, credential: str, form: str) -> str:
        """The pseudonym of a card, by its number in the form of its reader."""

    async def names(self) -> Mapping[str, Name] | None:
        """Who is who."""

    async def put_name(self, pseudonym: str, name: str, note: str) -> None:
        """Add or change a name."""

    async def import_names(self, text: str) -> int:
        """Add many, all of them or none; answers how many."""

    async def remove_name(self, pseudonym: str) -> bool:
        """Take a name out; answers whether there was one."""

    async def export(self, pseudonym: str) -> Mapping[str, Any]:
        """Everything that is kept of a person."""

    async def erase(self, pseudonym: str, *, by: str, reason: str) -> str:
        """Begin to forget a person; answers the number of the erasure."""

    async def erasures(self) -> Sequence[Mapping[str, Any]]:
        """All erasures, newest first."""


class UpkeepDesk(Protocol):
    """What is known of equipment and the supply, and what people say of them."""

    @property
    def book(self) -> UpkeepBook:
        """What equipment did."""

    async def service(  # noqa: PLR0913 - what a person says of work
        self, device: str, service: str, *, at: int | None, by: str, hours: float | None, note: str
    ) -> Command:
        """The command that work was done (`at` None: now). RequestRefused says why it cannot be.

        `hours`: what the device showed that it had run by then.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts behind the API. The callables answer facts of this moment; only `notify` asks the state.

    `started` is when the process began, `loaded` when these settings did (UTC ms), `downtime` when the monitor did
    not run before (empty: it never had run).
    `polls` answers `monitor.poller.Poller.status`, `connections` facts by connection, polled and pushed, `health`
    how each device does (the word of `monitor.health`), `losses` the share of the last hour that those lost which
    have ever answered, `advice` what to look at when a device is in such a state,
    `itself` what the monitor said of itself last, `metering` how far the ledger has come and its `size_bytes`,
    `people` and `upkeep` the same of access and equipment, `judging` how the rules are judged, `judged`
    up to which position of the journal, `links` how often
    links in messages were made and used, `console` how it is served, `backfills` what sends a period again;
    `reports` is None where nothing is metered, `registers` where no ledger is asked for the past of counters.
    """

    site: Site
    version: str
    started: int
    loaded: int
    downtime: Facts
    reload: Reload
    now: Callable[[], int]
    journal: ReadableJournal
    alarms: AlarmBook
    polls: Callable[[], Mapping[str, Any]]
    connections: Callable[[], Mapping[str, Facts]]
    poller: Callable[[], Facts]
    sinks: Callable[[], Mapping[str, Facts]]
    letters: LetterBook
    examine_influx: Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]
    notify: Callable[[], Awaitable[Facts]]
    health: Callable[[], Mapping[str, str]]
    losses: Callable[[], Mapping[str, float]]
    advice: Callable[[str, str], str]
    itself: Callable[[], Facts]
    deadman: Callable[[], Facts]
    by_hand: RegisterDesk
    meters: MeterDesk
    holds: HoldDesk | None = None
    channels: ChannelDesk | None = None
    duty: DutyDesk | None = None
    cases: CaseDesk | None = None
    reports: ReportDesk | None = None
    metering: Callable[[], Facts] = dict
    judging: Callable[[], Facts] = dict
    judged: Callable[[], Position] = lambda: Position(0)
    links: Callable[[], Facts] = dict
    people: Callable[[], Facts] = dict
    upkeep: Callable[[], Facts] = dict
    access: AccessDesk | None = None
    accounts: Accounts | None = None
    console: Callable[[], Facts] = dict
    equipment: UpkeepDesk | None = None
    residents: ResidentDesk | None = None
    backfills: Mapping[str, BackfillDesk] = field(default_factory=dict)
    trends: TrendDesk | None = None
    registers: RegisterPast | None = None
