"""Kind `stale`: no good value for too long, from a device (or a point) that has given one before."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from monitor.fields import Duration, Texts
from monitor.model import Event, Origin, Quality, Reading
from monitor.settings.model import RuleModel
from monitor.site import Rule, Source
from rules.kind import InUnitOfPoints, Verdict, grace, patience
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["STALE", "Stale", "StaleJudge", "StaleRule"]


class StaleRule(RuleModel):
    """Settings of a rule of kind `stale`; without points it is about the device as a whole."""

    kind: Literal["stale"]
    points: Texts | None = None
    max_age: Duration | None = None


class StaleJudge:
    """Waits `max_age` (ms) from each good value. A device that never gave one is not an alarm."""

    event_kinds = ()

    def __init__(self, *, severity: str, point: str | None, max_age: int, grace: int) -> None:
        self.severities: tuple[str, ...] = (severity,)
        self._point = point
        self._max_age = max_age
        self._grace = grace
        self._last: int | None = None
        self._told = False
        self._news = False

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take note of a good value; it is news only when there had been an alarm."""
        del now
        if reading.late or (self._last is not None and at < self._last) or not self._is_good(reading):
            return None
        self._last = at
        if not self._news:
            return None
        self._told = self._news = False
        return Verdict(Truth.FALSE, value=0.0, limit=self._max_age / 1000)

    def _is_good(self, reading: Reading) -> bool:
        if reading.quality not in {Quality.GOOD, Quality.MANUAL}:
            return False
        if reading.origin is Origin.RETAINED and reading.time >= reading.arrived:
            return False
        return bool(reading.values) if self._point is None else self._point in reading.values

    def event(self, event: Event, now: int) -> None:
        """Events are no values."""
        del event, now

    def due(self) -> int | None:
        """Say when the last good value gets too old."""
        return None if self._last is None or self._told else self._last + self._max_age

    def tick(self, now: int) -> Verdict | None:
        """Say so when it has."""
        due = self.due()
        if due is None or now < due or self._last is None:
            return None
        self._told = self._news = True
        return Verdict(Truth.TRUE, value=(now - self._last) / 1000, limit=self._max_age / 1000)

    def resume(self, stopped: int, started: int) -> None:
        """Go on with the age that the last value had, but wait at least the grace of a start."""
        if self._last is None:
            return
        left = max(self._last + self._max_age - stopped, self._grace)
        self._last = started + left - self._max_age
        self._told = False

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {"last": self._last, "told": self._told, "news": self._news}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._last, self._told, self._news = memory["last"], memory["told"], memory["news"]


class Stale(InUnitOfPoints):
    """The kind `stale`."""

    kind = "stale"
    model = StaleRule
    hears = "readings"

    def point_patterns(self, params: StaleRule) -> Sequence[str] | None:
        """One alarm for each point named, else one for the device."""
        return params.points

    def build(self, rule: Rule, source: Source, around: Surroundings) -> StaleJudge | None:
        """Make the judge of one source; None where nothing says how often it should speak."""
        params: StaleRule = rule.params
        device = around.devices[source.device]
        max_age = params.max_age if params.max_age is not None else patience(device, source.point)
        if max_age is None:
            return None
        return StaleJudge(
            severity=params.severity,
            point=source.point,
            max_age=round(max_age * 1000),
            grace=grace(device),
        )


STALE = Stale()
