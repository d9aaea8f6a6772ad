"""Kind `continuous_flow`: water or gas that never stops flowing, day and night.

After what leak detection in meters and by utilities goes by: in 24 hours there was not one hour without flow.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Duration, Quantity
from monitor.meters import billed_counter
from monitor.model import Derived
from monitor.periods import HOUR, local_day
from monitor.schema import MEASUREMENT_USAGE
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from rules.amounts import bounded
from rules.consumption import LATE, Attentive, Price, Spans, Used, counted_unit, silence, used
from rules.kind import Choosy, Interest, Verdict
from rules.quiet import Holes, Quiet
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["CONTINUOUS_FLOW", "ContinuousFlow", "ContinuousFlowJudge", "ContinuousFlowRule"]

_HOUR, _DAY = MEASUREMENT_USAGE["hour"], MEASUREMENT_USAGE["day"]
_HALF_A_DAY = 12 * HOUR
_NO_FLOW = 0.01
_SHARE = 0.0025
"""Of what a meter can count: a usual setting of meters that look for leaks (MULTICAL 21: 0.1 to 2 % of Q3)."""
_ROUNDING = 1e-9
_LITRES = 1000.0
_HOURS = 24.0


class ContinuousFlowRule(RuleModel):
    """Settings of a rule of kind `continuous_flow`."""

    kind: Literal["continuous_flow"]
    lookback: Annotated[Duration, bounded("1 h", "40 days")] = 86400.0
    gap: Annotated[Duration, bounded("10 min", "24 h")] = 3600.0
    min_flow: Quantity | None = None
    small: Quantity = Quantity(0.018, "m3/h")
    clean_nights: Annotated[int, Field(ge=1, le=14)] = 2

    @model_validator(mode="after")
    def _gap_within(self) -> Self:
        if self.lookback < 2 * self.gap:
            raise ValueError("`lookback:` must be at least twice as long as `gap:`")
        return self


class ContinuousFlowJudge(Attentive):
    """Looks for a quiet gap in what a meter counted. A small leak is over only after several quiet nights."""

    def __init__(self, params: ContinuousFlowRule, device: Device, around: Surroundings) -> None:
        super().__init__(silence(device))
        self.severities = (params.severity,)
        self.interest = Interest(derived=((device.id, device.device_class), (device.id, _HOUR), (device.id, _DAY)))
        self._zone = around.zone
        self._small = params.small.magnitude
        self._nights = params.clean_nights
        self._limit = _least_flow(device) if params.min_flow is None else params.min_flow.magnitude
        self._quiet = Quiet(
            gap=round(params.gap * 1000),
            lookback=round(params.lookback * 1000),
            allowed=max(self._limit * params.gap / 3600, _ROUNDING),
        )
        self._holes = Holes()
        self._spans = Spans(device)
        self._price = Price()
        self._told = False
        self._flow: float | None = None
        """While it is told: the least mean of an hour that there was, in m3/h."""
        self._clean: list[int] = []

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take a delta, or what an hour came to after all; what a day cost only tells the price."""
        if derived.measurement == _DAY:
            self._price.take(used(derived))
            return None
        if derived.measurement == _HOUR:
            return self._hour(used(derived), now)
        span = self._spans.take(derived, at)
        self._heard = now
        if span is None:
            return None
        is_quiet = self._quiet.take(span)
        if self._quiet.maybe == span.end:
            self._holes.add(derived.time - (span.end - span.start), derived.time, span.end)
        if self._told and is_quiet:
            return self._maybe_over(derived.time)
        return self._verdict(at, now)

    def _hour(self, found: Used | None, now: int) -> Verdict | None:
        """Late values may show that it flowed in a hole, too."""
        last = self._spans.last
        if found is None or last is None or not found.is_sure or found.amount <= self._limit:
            return None
        if not self._holes.flowed(found.start):
            return None
        self._quiet.maybe = self._holes.last
        verdict = self._verdict(last, now)
        return None if verdict is None else replace(verdict, since=now, late=verdict.truth is Truth.TRUE)

    def _maybe_over(self, time: int) -> Verdict | None:
        """It is quiet: enough for a great leak; a small one has to be so in several nights, one after another."""
        night = local_day(time - _HALF_A_DAY, self._zone).toordinal()
        if not self._clean or self._clean[-1] != night:
            self._clean = [*self._clean, night] if self._clean and self._clean[-1] == night - 1 else [night]
        if self._is_small and len(self._clean) < self._nights:
            return None
        self._told, self._flow, self._clean = False, None, []
        return Verdict(Truth.FALSE, value=0.0, limit=self._limit)

    @property
    def _is_small(self) -> bool:
        return self._flow is not None and self._flow < self._small

    def _verdict(self, at: int, now: int) -> Verdict | None:
        holds = self._quiet.holds(at)
        if self._told and not holds:
            # A small leak that was quiet once is not over yet; who may have been quiet unseen is not, either.
            return Verdict(Truth.UNKNOWN) if holds is None else None
        if holds is None:
            return Verdict(Truth.UNKNOWN, facts={"status": "learning"})
        if not holds:
            return Verdict(Truth.FALSE, value=0.0, limit=self._limit)
        least = self._quiet.least
        if not self._told:
            self._flow = least
        elif least is not None:
            self._flow = max(least, self._flow or 0.0)
        self._told, self._clean = True, []
        return Verdict(
            Truth.TRUE, value=self._flow, limit=self._limit, late=now - at > LATE, facts=self._facts(at)
        )

    def _facts(self, at: int) -> Mapping[str, str | float]:
        flow = self._flow or 0.0
        flows_for = self._quiet.flows_for(at)
        facts: dict[str, str | float] = {
            "unit": "m3/h",
            "flow_l_h": round(flow * _LITRES, 1),
            "day_m3": round(flow * _HOURS, 3),
            **self._price.facts("day_cost", flow * _HOURS),
        }
        if flows_for is not None:
            facts["flows_for_h"] = round(flows_for / HOUR, 1)
        return facts

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready and bounded."""
        return {
            **super().dump(),
            "quiet": self._quiet.dump(),
            "holes": self._holes.dump(),
            "spans": self._spans.dump(),
            "price": self._price.dump(),
            "told": self._told,
            "flow": self._flow,
            "clean": self._clean,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        super().load(memory)
        self._quiet.load(memory["quiet"])
        self._holes.load(memory["holes"])
        self._spans.load(memory["spans"])
        self._price.load(memory["price"])
        self._told, self._flow = memory["told"], memory["flow"]
        self._clean = list(memory["clean"])


def _least_flow(device: Device) -> float:
    """What counts as no flow where nothing is asked for, in m3/h: single uses in the night of a house do."""
    counter = device.points[billed_counter(device) or ""].counter
    rating = None if counter is None else counter.rating
    return _NO_FLOW if rating is None else rating * _SHARE


class ContinuousFlow(Choosy):
    """The kind `continuous_flow`."""

    kind = "continuous_flow"
    model = ContinuousFlowRule
    hears = "entries"
    wants = "a meter that counts m3"

    def point_patterns(self, params: ContinuousFlowRule) -> None:
        """One alarm for each meter."""
        del params

    def quantity_units(self, params: ContinuousFlowRule, unit: str | None) -> Mapping[str, str | None]:
        """Flows are in m3/h."""
        del params, unit
        return {"min_flow": "m3/h", "small": "m3/h"}

    def suits(self, params: ContinuousFlowRule, device: Device) -> bool:
        """Whether a device is such a meter."""
        del params
        return counted_unit(device) == "m3"

    def build(self, rule: Rule, source: Source, around: Surroundings) -> ContinuousFlowJudge | None:
        """Make the judge of one meter; None for what counts no m3."""
        device = around.devices[source.device]
        return ContinuousFlowJudge(rule.params, device, around) if self.suits(rule.params, device) else None


CONTINUOUS_FLOW = ContinuousFlow()
