"""One device on one connection, as the poller sees it."""

from collections.abc import Sequence

from monitor.model import Missing
from monitor.poller.backoff import Backoff
from monitor.site import Device

__all__ = ["Unit"]


class Unit:
    """What a device owes, and what is known of its polls. `is_asked`: a request to it is under way.

    `again`: how often a scan class was asked again since its slot, because there was more to show.
    """

    __slots__ = (
        "again",
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
        self.again: dict[str, int] = {}
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
