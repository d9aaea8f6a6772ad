"""What the API needs of alarms and of who is told of them: to ask about them, and to act on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from monitor.alarms.choosing import Choice
from monitor.alarms.windows import Planned, Wish
from monitor.duty import Override, Turn
from monitor.model import Command
from monitor.performance.record import Record

__all__ = ["AlarmBook", "CaseDesk", "ChannelDesk", "Duty", "DutyDesk", "HoldDesk"]


@dataclass(frozen=True, slots=True)
class Duty:
    """A roster at a time: whose turn it is, and what comes after it, as far as that is known."""

    roster: str
    name: str
    now: Turn
    next: Turn | None


class AlarmBook(Protocol):
    """What can be asked about alarms; the answers are ready for JSON."""

    async def list_alarms(self) -> Sequence[Mapping[str, Any]]:
        """Every occurrence that is open, and the newest that are over; newest first."""

    async def find_alarms(
        self, choice: Choice, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """The newest that are chosen among all, behind a raise and its occurrence; newest first."""

    async def list_cases(self, person: str = "") -> Sequence[Mapping[str, Any]]:
        """The alarms that somebody sees to and has not closed, newest first; of one person, or of all."""

    async def list_rules(self) -> Sequence[Mapping[str, Any]]:
        """Every rule and how it does, in the order of the settings."""

    async def show(self, occurrence: str) -> Mapping[str, Any] | None:
        """One occurrence with its steps and its notifications; None when nobody knows it."""

    async def acknowledge(self, occurrence: str, *, by: str, reason: str) -> Command:
        """The command that acknowledges an occurrence; RequestRefused says why it cannot be."""

    async def notifications(self, last: int) -> Sequence[Mapping[str, Any]]:
        """The newest messages to people, newest first."""

    async def find_notifications(
        self, wanted: Mapping[str, str], *, since: int | None, after: int | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """The newest messages with these values, behind one of that number, newest first."""

    async def record(self, start: int, end: int, *, messages: bool = True) -> Record:
        """What was raised, or still active, in [start, end), UTC ms; messages that were sent in it, if wanted."""

    def raised(self) -> Mapping[str, int]:
        """How many alarms were raised since the settings were loaded, by severity."""


class HoldDesk(Protocol):
    """What keeps people from being told of alarms; RequestRefused says why something cannot be. Times are UTC ms.

    `target`: an occurrence, or RULE/SOURCE. What is answered is for the journal.
    """

    async def shelve(  # noqa: PLR0913 - until when, and who wants it why
        self, target: str, *, until: int | None, seconds: float | None, once: bool, by: str, reason: str
    ) -> Command:
        """Tell nobody of an alarm until then, or for so long."""

    async def unshelve(self, target: str, *, by: str, reason: str) -> Command:
        """End a shelf."""

    async def out_of_service(self, target: str, *, review_at: int, by: str, reason: str) -> Command:
        """Tell nobody of an alarm until somebody returns it."""

    async def return_to_service(self, target: str, *, by: str, reason: str) -> Command:
        """Bring an alarm back."""

    async def maintenance(self) -> Sequence[Planned]:
        """All that is planned."""

    async def add_maintenance(self, wish: Wish, *, by: str, reason: str) -> Command:
        """Plan some."""

    async def end_maintenance(self, name: str, *, by: str, reason: str) -> Command:
        """End some."""


class CaseDesk(Protocol):
    """What people do about alarms; RequestRefused says why something cannot be. It answers what to keep."""

    async def assign(self, occurrence: str, person: str, *, by: str, reason: str) -> Command:
        """Give an alarm to a person."""

    async def comment(self, occurrence: str, text: str, *, by: str) -> Command:
        """Say something of an alarm."""

    async def close(self, occurrence: str, cause: str, *, by: str, note: str) -> Command:
        """Close the case of an alarm that is over."""

    async def reopen(self, occurrence: str, *, by: str, reason: str) -> Command:
        """Open a closed case again."""


class DutyDesk(Protocol):
    """Who is on call; RequestRefused says why something cannot be. Times are UTC ms; None: now."""

    async def rosters(self, at: int | None) -> Sequence[Duty]:
        """Each roster at a time, in the order of the settings."""

    async def overrides(self) -> Sequence[Override]:
        """What people said of rosters and is not over, in the order in which they said it."""

    async def override(  # noqa: PLR0913 - who stands in when, and who says so why
        self, roster: str, person: str, *, starts: int | None, ends: int, by: str, reason: str
    ) -> Command:
        """Somebody stands in; what is answered is for the journal."""

    async def end(self, ident: str, *, by: str, reason: str) -> Command:
        """Take back what somebody said."""


class ChannelDesk(Protocol):
    """What can be asked about the channels of people; the answers are ready for JSON."""

    async def list_channels(self) -> Sequence[Mapping[str, Any]]:
        """Every channel of every person and how it does; never an address."""

    async def summary(self) -> Mapping[str, int]:
        """How many there are, in each state."""

    def hung(self) -> int:
        """How many deliveries hang."""

    async def test(self, person: str, channel: str, severity: str, *, by: str) -> Sequence[Mapping[str, Any]]:
        """Send a test message over one channel of a person, or all (empty); RequestRefused for who is unknown."""
