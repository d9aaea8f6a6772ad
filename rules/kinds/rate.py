"""Kind `rate`: a point that rises or falls too fast."""

from bisect import insort
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Difference, Duration
from monitor.model import Derived, Reading, Value
from monitor.site import Device, Rule, Source
from rules.kind import EntryJudge, Interest, InUnitOfPoints, PointRule, Verdict, is_sure, patience
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["RATE", "Rate", "RateJudge", "RateRule"]

_MOST: Final = 64
_DIGITS: Final = 9
_HALF: Final = 2

_Time = Annotated[Duration, Field(gt=0, le=7 * 86400)]


class RateRule(PointRule):
    """Settings of a rule of kind `rate`: a change in the unit of the point, in so much time (`per`)."""

    kind: Literal["rate"]
    above: Difference | None = None
    below: Difference | None = None
    per: _Time = 60.0
    window: _Time = 600.0
    method: Literal["slope", "delta"] = "slope"
    min_samples: Annotated[int, Field(ge=2, le=_MOST)] = 3
    deadband: Difference | None = None

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("write either `above:` or `below:`; what falls has a rate below zero")
        return self


class RateJudge(EntryJudge):
    """Keeps the samples of the window, so few that they lie at least a share of it apart.

    What lies before a gap, longer than the patience with the point, counts no more; the rate is known again when
    there are enough samples over half of the window.
    """

    def __init__(self, params: RateRule, device: Device, point: str) -> None:
        self.severities = (params.severity,)
        self.interest = Interest(readings=(device.id,), derived=((device.id, device.device_class),))
        limit = params.above if params.above is not None else params.below
        assert limit is not None
        self._point = point
        self._sign = 1.0 if params.above is not None else -1.0
        self._limit = limit.magnitude
        self._deadband = 0.0 if params.deadband is None else params.deadband.magnitude
        self._per = params.per * 1000
        self._window = round(params.window * 1000)
        self._is_slope = params.method == "slope"
        self._least = params.min_samples
        seconds = patience(device, point)
        self._patience = None if seconds is None else round(seconds * 1000)
        self._facts = {"per_s": params.per, "window_s": params.window}
        self._samples: list[tuple[int, float]] = []
        self._is_engaged = False
        self._is_lost = False

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take a sample; a late one enters the window where it belongs."""
        if self._point in reading.missing:
            return None if reading.late else Verdict(Truth.UNKNOWN)
        if self._point not in reading.values:
            return None
        if not is_sure(reading):
            return None if reading.late else Verdict(Truth.UNKNOWN)
        return self._take(reading.values[self._point], at, now, late=reading.late)

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take a sample of a point that the monitor tells."""
        value = derived.values.get(self._point)
        return None if value is None else self._take(value, at, now, late=False)

    def _take(self, value: Value, at: int, now: int, *, late: bool) -> Verdict | None:
        if isinstance(value, str | bool):
            raise TypeError(f"`{self._point}` is no number")
        samples = self._samples
        if late:
            if not samples or not now - self._window < at < samples[-1][0]:
                return None
            insort(samples, (at, float(value)))
        elif samples and at <= samples[-1][0]:
            return None
        else:
            self._add(at, float(value))
        self._is_lost = False
        return self._judge(late=late)

    def _add(self, at: int, value: float) -> None:
        samples = self._samples
        if samples and self._patience is not None and at - samples[-1][0] > self._patience:
            samples.clear()
        # The newest is always kept; the one before it only when it is far enough from its neighbour.
        if len(samples) >= _HALF and samples[-1][0] - samples[-2][0] < self._window / (_MOST - 1):
            samples.pop()
        samples.append((at, value))
        while samples[0][0] < at - self._window:
            del samples[0]

    def _judge(self, *, late: bool) -> Verdict:
        del self._samples[:-_MOST]
        first, last = self._samples[0][0], self._samples[-1][0]
        if len(self._samples) < self._least or last - first < self._window / _HALF:
            return Verdict(Truth.UNKNOWN)
        rate = round((_slope(self._samples) if self._is_slope else _between(self._samples)) * self._per, _DIGITS)
        slack = self._deadband if self._is_engaged else 0.0
        self._is_engaged = rate * self._sign > self._limit * self._sign - slack
        truth = Truth.TRUE if self._is_engaged else Truth.FALSE
        # A delay counts from the sample, however old the late one is that has tipped it.
        return Verdict(truth, value=rate, limit=self._limit, since=last, late=late, facts=self._facts)

    def due(self) -> int | None:
        """When the newest sample gets too old."""
        if self._patience is None or not self._samples or self._is_lost:
            return None
        return self._samples[-1][0] + self._patience

    def tick(self, now: int) -> Verdict | None:
        """Say that nothing is known any more."""
        due = self.due()
        if due is None or now < due:
            return None
        self._is_lost = True
        return Verdict(Truth.UNKNOWN)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {"samples": self._samples, "engaged": self._is_engaged, "lost": self._is_lost}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._samples = [(at, value) for at, value in memory["samples"]]
        self._is_engaged, self._is_lost = memory["engaged"], memory["lost"]


def _between(samples: Sequence[tuple[int, float]]) -> float:
    """The change from the first to the last, per ms."""
    return (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])


def _slope(samples: Sequence[tuple[int, float]]) -> float:
    """The slope of the line of least squares, per ms."""
    begin, floor = samples[0]
    times = [at - begin for at, _ in samples]
    values = [value - floor for _, value in samples]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((time - middle) ** 2 for time in times)
    return sum((time - middle) * (value - mean) for time, value in zip(times, values, strict=True)) / spread


class Rate(InUnitOfPoints):
    """The kind `rate`."""

    kind = "rate"
    model = RateRule
    hears = "entries"

    def point_patterns(self, params: RateRule) -> Sequence[str]:
        """One alarm for each point."""
        return params.patterns

    def build(self, rule: Rule, source: Source, around: Surroundings) -> RateJudge:
        """Make the judge of one point."""
        assert source.point is not None
        return RateJudge(rule.params, around.devices[source.device], source.point)


RATE = Rate()
