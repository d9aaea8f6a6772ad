"""Whose turn it is on a bus: pure, no clock. Fair in time: who answers slowly does not crowd out the others.

Source of the way of counting: start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996), one flow per device.
"""

from collections import deque
from typing import NamedTuple

from monitor.poller.unit import Unit

__all__ = ["GUEST", "PROBE", "Flow", "Job", "Turns"]

PROBE = ""
GUEST = "*"

_OVERTAKES = 4
"""How many urgent jobs in a row may pass others that wait."""


class Job(NamedTuple):
    """Something that a bus is to do: a poll of the scan class `scan`, a PROBE, or what a GUEST asked for.

    `slot`: when it was due (monotonic seconds). A guest's job may be about no unit.
    """

    unit: Unit | None
    scan: str
    slot: float


class Flow:
    """Jobs that share one part of a bus's time, oldest first.

    `tag`: seconds of the bus that it has had, raised to those of the others when it has not wanted its part.
    `is_heavy`: its last job took longer than the interval of another, which lost a cycle.
    """

    __slots__ = ("at_once", "is_heavy", "is_urgent", "jobs", "tag", "under_way")

    def __init__(self, *, is_urgent: bool = False, at_once: int = 1) -> None:
        self.is_urgent = is_urgent
        self.is_heavy = False
        self.at_once = at_once
        self.jobs: deque[Job] = deque()
        self.tag = 0.0
        self.under_way = 0

    def _next(self) -> Job | None:
        """The oldest job whose unit is asked nothing else just now."""
        if self.under_way >= self.at_once:
            return None
        for job in self.jobs:
            if job.unit is None or not job.unit.is_asked:
                return job
        return None


class Turns:
    """The jobs that wait on one bus, and who is next.

    An urgent flow passes the others, four times in a row at most while one of them waits; among each kind the
    flow that has had the least time is first, then the one that has waited longest. A unit is never asked twice
    at once. After a job that cost another a cycle by itself, all heavy flows rest for as long as it took: together
    they have at most half of the time.
    """

    def __init__(self) -> None:
        self._flows: dict[Flow, None] = {}
        self._floors = [0.0, 0.0]
        self._overtakes = 0
        self.rest_until = 0.0

    def __len__(self) -> int:
        """How many jobs wait."""
        return sum(len(flow.jobs) for flow in self._flows)

    def __bool__(self) -> bool:
        """Whether any job waits."""
        return bool(self._flows)

    def add(self, flow: Flow, job: Job) -> None:
        """Let a job wait in its flow."""
        if not flow.jobs:
            flow.tag = max(flow.tag, self._floors[flow.is_urgent])
            self._flows[flow] = None
        flow.jobs.append(job)

    def remove(self, flow: Flow, job: Job) -> bool:
        """Take back a job; whether it still waited."""
        if job not in flow.jobs:
            return False
        flow.jobs.remove(job)
        if not flow.jobs:
            del self._flows[flow]
        return True

    def take(self, now: float) -> tuple[Flow, Job] | None:
        """Answer what is to be done next, and hold it to be under way; None when nothing can be."""
        best: list[tuple[Flow, Job] | None] = [None, None]
        rest = now < self.rest_until
        for flow in self._flows:
            if rest and flow.is_heavy:
                continue
            at = flow.is_urgent
            first = best[at]
            if (first is None or flow.tag < first[0].tag) and (job := flow._next()) is not None:  # noqa: SLF001 - one thing
                best[at] = flow, job
        others, urgent = best
        if urgent is not None and (others is None or self._overtakes < _OVERTAKES):
            self._overtakes = 0 if others is None else self._overtakes + 1
            chosen = urgent
        elif others is not None:
            self._overtakes = 0
            chosen = others
        else:
            return None
        self._begin(*chosen)
        return chosen

    def _begin(self, flow: Flow, job: Job) -> None:
        self._floors[flow.is_urgent] = max(self._floors[flow.is_urgent], flow.tag)
        self.remove(flow, job)
        flow.under_way += 1
        if job.unit is not None:
            job.unit.is_asked = True

    def done(self, flow: Flow, job: Job, charged: float) -> None:
        """Note that a job is over, and the seconds that it is charged with."""
        flow.tag += charged
        flow.is_heavy = False
        flow.under_way -= 1
        if job.unit is not None:
            job.unit.is_asked = False

    def rest(self, flow: Flow, until: float) -> None:
        """Let a flow whose job has just cost others a cycle rest, and with it all that did so last time."""
        flow.is_heavy = True
        self.rest_until = max(self.rest_until, until)
