"""When a device that does not answer is asked again: pure, with the time as an argument (seconds, monotonic)."""

from enum import Enum

__all__ = ["FAILURES_TO_SUSPEND", "Backoff", "Edge", "next_allowed"]

FAILURES_TO_SUSPEND = 2
_STEP = 2.0
_LONGEST = 300.0
_PROBE_SHARE = 0.1


class Edge(Enum):
    """What changed with one poll."""

    NOTHING = "nothing"
    LOST = "lost"
    NEVER_ANSWERED = "never_answered"
    FOUND = "found"
    BACK = "back"


class Backoff:
    """The failures in a row of one unit on one connection, and when it may be probed.

    A unit is suspended after two failed polls. The wait before the next probe grows by 2 s with every failure,
    up to 300 s, and ends with the first answer.
    """

    __slots__ = ("due", "ever_answered", "failures", "lost_at")

    def __init__(self) -> None:
        self.failures = 0
        self.due = 0.0
        self.lost_at = 0.0
        self.ever_answered = False

    @property
    def suspended(self) -> bool:
        """Whether the unit is only probed now, not polled."""
        return self.failures >= FAILURES_TO_SUSPEND

    @property
    def state(self) -> str:
        """Answer `never_answered`, `answering` or `suspended`."""
        if not self.ever_answered:
            return "never_answered"
        return "suspended" if self.suspended else "answering"

    def failed(self, now: float) -> Edge:
        """Count a failed poll or probe."""
        if self.failures == 0:
            self.lost_at = now
        self.failures += 1
        self.due = now + min(_STEP * self.failures, _LONGEST)
        if self.failures != FAILURES_TO_SUSPEND:
            return Edge.NOTHING
        return Edge.LOST if self.ever_answered else Edge.NEVER_ANSWERED

    def answered(self) -> Edge:
        """Count a poll that was answered."""
        edge = Edge.NOTHING
        if self.suspended:
            edge = Edge.BACK if self.ever_answered else Edge.FOUND
        self.failures = 0
        self.ever_answered = True
        return edge


def next_allowed(end: float, spent: float, share: float = _PROBE_SHARE) -> float:
    """When what took `spent` seconds until `end` may take more, so that it has at most `share` of the time.

    Without one: the tenth of a connection's time that all suspended units together may take.
    """
    return end + spent * (1 / share - 1)
