"""One device on one connection, as the poller sees it."""

from collections.abc import Sequence
from typing import Final

from monitor.model import Missing
from monitor.poller.backoff import Backoff
from monitor.site import Device

__all__ = ["Allowance", "Unit"]

_MOST_AGAIN: Final = 1000
_AGAIN_EVERY: Final = 1.0


class Allowance:
    """How often a device that has more to show is asked out of turn: 1,000 times at once, then once a second.

    Cards that waited in a reader are few; one that always shows another is broken, and would fill the journal.
    """

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        self._full_at = 0.0

    def take(self, now: float) -> bool:
        """Whether to ask once more at `now` (monotonic s)."""
        full_at = max(self._full_at, now) + _AGAIN_EVERY
        if full_at - now > _MOST_AGAIN * _AGAIN_EVERY:
            return False
        self._full_at = full_at
        return True


class Unit:
    """What a device owes, and what is known of its polls. `is_asked`: a request to it is under way."""

    __slots__ = (
        "allowance",
        "backoff",
        "begun",
        "device",
        "is_asked",
        "last_answer",
        "last_error",
        "late",
        "once_wanted",
        "owed",
        "poll_ms",
        "polls",
        "queued",
        "raised",
    )

    def __init__(self, device: Device) -> None:
        self.device = device
        self.backoff = Backoff()
        self.is_asked = False
        self.queued: set[str] = set()
        self.allowance = Allowance()
        self.begun: set[str] = set()
        self.owed: dict[str, None] = {}
        self.once_wanted = True
        self.polls = 0
        self.late = 0
        self.last_answer: int | None = None
        self.last_error = ""
        self.poll_ms: float | None = None
        self.raised = False

    @property
    def is_doubtful(self) -> bool:
        """Whether it has yet to answer, for the first time or again."""
        return self.backoff.failures > 0 or not self.backoff.ever_answered

    @property
    def probed(self) -> bool:
        """Whether it has to be probed; one that has no timed scan class after its first failure already."""
        failures = self.backoff.failures
        return self.backoff.suspended or (failures > 0 and len(self.once_scans()) == len(self.device.scan))

    def once_scans(self) -> Sequence[str]:
        """The scan classes that are read after each connect only."""
        return [scan for scan, every in self.device.scan.items() if every is None]

    def missing_now(self) -> dict[str, Missing]:
        """Each point that was due since the last answer."""
        points = self.device.points.items()
        return {name: Missing.TIMEOUT for scan in self.owed for name, point in points if point.scan == scan}
