"""Kind `segment`: a whole connection is dead, because most of its devices stopped to answer.

A gateway, a bus or a broker that is lost takes all its devices with it; no entry tells of it, but their failed
polls do. A device counts once it has answered. What pushes counts where it has an interval, by what health says of
it (`suspended`), and where its last will was heard.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.fields import Texts
from monitor.model import Event, Missing, Origin, Reading
from monitor.ruletypes import Premises
from monitor.schema import MONITOR_DEVICE
from monitor.settings.model import RuleModel
from monitor.settings.patterns import fits
from monitor.site import Device, Rule, Source
from rules.kind import EntryJudge, Interest, InUnitOfPoints, Verdict, grace, interval
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["SEGMENT", "Segment", "SegmentJudge", "SegmentRule"]

_FEWEST = 2
_LIVE = frozenset({Origin.POLL, Origin.PUSH})


class SegmentRule(RuleModel):
    """Settings of a rule of kind `segment`: which connections, and when one counts as dead."""

    kind: Literal["segment"]
    connections: Annotated[Texts, Field(min_length=1)] = ("*",)
    share: Annotated[float, Field(gt=0, le=1)] = 0.8
    failures: Annotated[int, Field(ge=1, le=1000)] = 2


class SegmentJudge(EntryJudge):
    """Counts failed polls in a row for each device of one connection.

    True while the failing ones are `share` of those that have answered, and two at least. The first of them that
    answers ends it; the others have to fail anew, because what the connection was is no proof of what it is.
    """

    def __init__(self, devices: Iterable[Device], *, severity: str, share: float, failures: int) -> None:
        known = list(devices)
        self.severities = (severity,)
        self.changed = False
        self._share = share
        self._limit = failures
        self._graces = {device.id: grace(device) for device in known}
        self._pushes = {device.id for device in known if not device.scan}
        self._irregular = {device.id for device in known if interval(device, None) is None}
        self.interest = Interest(
            readings=tuple(sorted(self._graces)),
            events=tuple((each, "health") for each in sorted(self._pushes - self._irregular)),
        )
        self._spoke: set[str] = set()
        self._missed: dict[str, int] = {}
        self._holds = False
        self._started = self._looked = 0

    # What comes in ------------------------------------------------------------------------------------

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Count a failed poll or a last will, or take an answer, a late one too."""
        del at
        self.changed = False
        if reading.origin not in _LIVE:
            return None
        if reading.values:
            return self._answered(reading.device, now)
        if reading.origin is Origin.POLL:
            return self._failed(reading.device, 1, now)
        is_last_will = set(reading.missing.values()) == {Missing.TIMEOUT}
        return self._failed(reading.device, self._limit, now) if is_last_will else None

    def event(self, event: Event, at: int, now: int) -> Verdict | None:
        """Heed that health misses a device which has to speak by itself; when it speaks again, it is heard."""
        del at
        self.changed = False
        is_missed = event.attributes.get("state") == "suspended"
        return self._failed(event.device, self._limit, now) if is_missed else None

    def _answered(self, device: str, now: int) -> Verdict | None:
        self.changed = device not in self._spoke or device in self._missed
        if device in self._irregular:
            self._spoke.discard(device)  # it may be silent for ever, and nobody could tell
        else:
            self._spoke.add(device)
        if not self._missed.pop(device, 0) or not self._holds:
            return None
        self._holds = False
        silent = len(self._failing(now))
        self._missed.clear()
        return Verdict(Truth.FALSE, value=float(silent), limit=self._needed())

    def _failed(self, device: str, times: int, now: int) -> Verdict | None:
        before = self._missed.get(device, 0)
        self._missed[device] = min(before + times, self._limit)
        self.changed = self._missed[device] != before
        if device in self._pushes:
            self._spoke.add(device)  # somebody knows it, who says that it is gone
        return self._look(now) if self.changed else None

    # What it makes ------------------------------------------------------------------------------------

    def _failing(self, now: int) -> Sequence[str]:
        """Devices that failed often enough, and are not in the grace of a start any more."""
        return [
            device
            for device, missed in self._missed.items()
            if missed >= self._limit and device in self._spoke and now >= self._started + self._graces[device]
        ]

    def _needed(self) -> float:
        return float(max(_FEWEST, math.ceil(self._share * len(self._spoke) - 1e-9)))

    def _look(self, now: int) -> Verdict | None:
        failing, needed = len(self._failing(now)), self._needed()
        if failing < needed:
            return None
        self._holds = True
        return Verdict(Truth.TRUE, value=float(failing), limit=needed)

    # Time ---------------------------------------------------------------------------------------------

    def due(self) -> int | None:
        """Say when the grace of a start is over for a device that has failed often enough."""
        if not self._missed:
            return None
        ends = (
            self._started + self._graces[device]
            for device, missed in self._missed.items()
            if missed >= self._limit
        )
        return min((end for end in ends if end > self._looked), default=None)

    def tick(self, now: int) -> Verdict | None:
        """Look again."""
        self._looked = now
        return self._look(now)

    def resume(self, stopped: int, started: int) -> None:
        """Hold nothing against a device during the grace of a start."""
        del stopped
        self._started = self._looked = started

    # Memory -------------------------------------------------------------------------------------------

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready: bounded by the devices of the connection."""
        return {
            "spoke": sorted(self._spoke),
            "missed": dict(self._missed),
            "holds": self._holds,
            "started": self._started,
            "looked": self._looked,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave, of devices that are still there."""
        self._spoke = {device for device in memory["spoke"] if device in self._graces}
        self._missed = {device: n for device, n in memory["missed"].items() if device in self._graces}
        self._holds, self._started, self._looked = memory["holds"], memory["started"], memory["looked"]


class Segment(InUnitOfPoints):
    """The kind `segment`."""

    kind = "segment"
    model = SegmentRule
    hears = "entries"

    def point_patterns(self, params: SegmentRule) -> None:
        """It is about no points."""
        del params

    def sources(self, params: SegmentRule, premises: Premises) -> Sequence[Source]:
        """One alarm for each connection that has one of the devices chosen and that the rule names."""
        groups: dict[str, list[Device]] = {}
        for device in premises.devices.values():
            groups.setdefault(device.connection, []).append(device)
        return [
            Source(
                device=MONITOR_DEVICE,
                point=connection,
                name=connection,
                building=_shared(device.building for device in devices),
                zone=_shared(device.zone for device in devices),
            )
            for connection, devices in groups.items()
            if connection and fits(connection, params.connections)
        ]

    def build(self, rule: Rule, source: Source, around: Surroundings) -> SegmentJudge | None:
        """Make the judge of one connection, of all its devices; one alone cannot tell that it is dead."""
        params: SegmentRule = rule.params
        devices = [device for device in around.devices.values() if device.connection == source.point]
        if len(devices) < _FEWEST:
            return None
        return SegmentJudge(devices, severity=params.severity, share=params.share, failures=params.failures)


def _shared(words: Iterable[str]) -> str:
    """What all say, or nothing."""
    said = set(words)
    return said.pop() if len(said) == 1 else ""


SEGMENT = Segment()
