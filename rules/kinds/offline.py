"""Kind `offline`: several polls in a row without an answer, from a device that has answered before."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.model import Event, Missing, Origin, Reading
from monitor.settings.model import RuleModel
from monitor.site import Rule, Source
from rules.kind import InUnitOfPoints, Verdict, grace
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["OFFLINE", "Offline", "OfflineJudge", "OfflineRule"]


class OfflineRule(RuleModel):
    """Settings of a rule of kind `offline`."""

    kind: Literal["offline"]
    failures: Annotated[int, Field(ge=1, le=1000)] = 3


class OfflineJudge:
    """Counts readings without values; probes count like polls. It says nothing of a device that never answered.

    A broker's word that the device has gone (its last will) is enough at once. It comes but once: what was missed
    during the grace of a start counts when that is over, unless the device has spoken.
    """

    event_kinds = ("reader_offline", "reader_online")

    def __init__(self, *, severity: str, failures: int, grace: int) -> None:
        self.severities: tuple[str, ...] = (severity,)
        self._limit = failures
        self._grace = grace
        self._quiet_until = 0
        self._failed = 0
        self._answered = False
        self._waits = False
        """Whether it was missed often enough, and only the grace of a start lies before it."""

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Count a failed poll, or begin anew after an answer; a late answer is an answer."""
        del at
        if reading.values or (reading.origin is not Origin.POLL and not _is_last_will(reading)):
            return self._spoke()
        return self._missed(1 if reading.origin is Origin.POLL else self._limit, now)

    def event(self, event: Event, now: int) -> Verdict | None:
        """Believe what a reader, or its last will, says of itself."""
        return self._spoke() if event.kind == "reader_online" else self._missed(self._limit, now)

    def _spoke(self) -> Verdict | None:
        was, self._failed, self._answered, self._waits = self._failed, 0, True, False
        return Verdict(Truth.FALSE, value=0.0, limit=float(self._limit)) if was else None

    def _missed(self, times: int, now: int) -> Verdict | None:
        self._failed += times
        if not self._answered or self._failed < self._limit:
            return None
        self._waits = now < self._quiet_until
        return None if self._waits else self._gone()

    def _gone(self) -> Verdict:
        return Verdict(Truth.TRUE, value=float(self._failed), limit=float(self._limit))

    def due(self) -> int | None:
        """Say when the grace is over, if that is what it waits for."""
        return self._quiet_until if self._waits else None

    def tick(self, now: int) -> Verdict | None:
        """Say so when it is."""
        if not self._waits or now < self._quiet_until:
            return None
        self._waits = False
        return self._gone()

    def resume(self, stopped: int, started: int) -> None:
        """Say nothing during the grace of a start; then whoever was gone before, and has not spoken, still is."""
        del stopped
        self._quiet_until = started + self._grace
        self._waits = self._answered and self._failed >= self._limit

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {
            "failed": self._failed,
            "answered": self._answered,
            "quiet_until": self._quiet_until,
            "waits": self._waits,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._failed, self._answered = memory["failed"], memory["answered"]
        self._quiet_until = memory["quiet_until"]
        self._waits = memory.get("waits", False)  # what older versions kept has none


def _is_last_will(reading: Reading) -> bool:
    return not reading.values and set(reading.missing.values()) == {Missing.TIMEOUT}


class Offline(InUnitOfPoints):
    """The kind `offline`."""

    kind = "offline"
    model = OfflineRule
    hears = "readings"

    def point_patterns(self, params: OfflineRule) -> None:
        """One alarm for each device."""
        del params

    def build(self, rule: Rule, source: Source, around: Surroundings) -> OfflineJudge:
        """Make the judge of one device."""
        params: OfflineRule = rule.params
        return OfflineJudge(
            severity=params.severity, failures=params.failures, grace=grace(around.devices[source.device])
        )


OFFLINE = Offline()
