"""Kind `night_flow`: more flows at night than in the nights before, when a house should use next to nothing.

The least hour of the night is judged once in the morning, against the median of two to four weeks and against how
much nights differ: as water utilities do it with the minimum night flow.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.fieldkeys import USAGE_NIGHT
from monitor.fields import Quantity
from monitor.model import Derived
from monitor.periods import HOUR, local_day, moment_of
from monitor.schema import MEASUREMENT_USAGE
from monitor.settings.model import RuleModel
from monitor.settings.written import Minute, Span
from monitor.site import Device, Rule, Source
from rules.consumption import LATE, Attentive, Price, Spans, counted_unit, is_read_within, number_of, used
from rules.kind import Choosy, Interest, Verdict
from rules.night import Night
from rules.robust import deviation, median
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["NIGHT_FLOW", "NightFlow", "NightFlowJudge", "NightFlowRule"]

_DAY = MEASUREMENT_USAGE["day"]
_METERED = (60, 300)
"""The hours of the night that metering itself looks at, in minutes of the local day."""
_PATIENCE = 36 * HOUR
"""After so long without a night that is known, nothing is."""
_SLOWEST = 900.0
"""Seconds between two readings above which nobody knows in which hour of the night it flowed."""
_LITRES = 1000.0
_HOURS = 24.0


class NightFlowRule(RuleModel):
    """Settings of a rule of kind `night_flow`."""

    kind: Literal["night_flow"]
    window: Span = (120, 300)
    judged_at: Minute = 420
    nights: Annotated[int, Field(ge=7, le=60)] = 28
    min_nights: Annotated[int, Field(ge=3, le=60)] = 14
    floor: Quantity = Quantity(0.02, "m3/h")
    ratio: Annotated[float, Field(ge=1, le=100)] = 1.5
    k: Annotated[float, Field(ge=0, le=100)] = 3.0
    small: Quantity = Quantity(0.018, "m3/h")
    clean_nights: Annotated[int, Field(ge=1, le=14)] = 2

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        begin, end = self.window
        if not begin + 60 <= end <= self.judged_at:
            raise ValueError("`window:` must be an hour at least, and over by `judged_at:`, within one day")
        if self.min_nights > self.nights:
            raise ValueError("`min_nights:` cannot be more than `nights:`")
        return self


class NightFlowJudge(Attentive):
    """Compares the least hour of each night with earlier nights. Nights above the limit are no measure."""

    def __init__(self, params: NightFlowRule, device: Device, around: Surroundings) -> None:
        super().__init__(_PATIENCE)
        self.severities = (params.severity,)
        self.interest = Interest(derived=((device.id, device.device_class), (device.id, _DAY)))
        self._params = params
        self._zone = around.zone
        self._is_metered = _METERED[0] <= params.window[0] and params.window[1] <= _METERED[1]
        self._night = Night(params.window, around.zone)
        self._spans = Spans(device)
        self._price = Price()
        self._judged = 0
        """The ordinal of the day whose night was judged last, or found to be unknown."""
        self._metered: list[Any] = [0, None]
        """What metering said of a night: the ordinal of its day, and the least mean of an hour in m3/h."""
        self._nights: list[list[Any]] = []
        self._excess: float | None = None
        """While it is told: how much more flows than usual, in m3/h."""
        self._clean = 0

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take a delta, or what metering says of a day: in the morning, or when late values fill in a night."""
        if derived.measurement == _DAY:
            return self._day(derived, now)
        span = self._spans.take(derived, at)
        if span is not None:
            self._night.take(derived.time - (span.end - span.start), derived.time, span.amount)
        day = self._night.day
        if day <= self._judged or derived.time < moment_of(
            date.fromordinal(day), self._params.judged_at, self._zone
        ):
            return None
        self._judged = day
        least = self._night.least()
        if least is None and self._metered[0] == day:
            least = self._metered[1]
        return self._say(self._verdict(day, least, now, is_late=now - at > LATE), now)

    def _day(self, derived: Derived, now: int) -> Verdict | None:
        self._price.take(used(derived))
        least = number_of(derived, USAGE_NIGHT)
        if least is None or not self._is_metered:
            return None
        day = local_day(derived.time, self._zone).toordinal()
        if day > self._judged:
            self._metered = [day, least]
        elif all(kept[0] != day for kept in self._nights):
            if day == self._judged:
                return self._say(self._verdict(day, least, now, is_late=True), now)
            self._keep(day, least)
        return None

    def _keep(self, day: int, least: float, *, is_high: bool = False) -> None:
        """Remember a night; one above the limit is none that others are compared with."""
        self._nights = sorted([*self._nights, [day, None if is_high else least]])[-self._params.nights :]

    def _verdict(self, day: int, least: float | None, now: int, *, is_late: bool) -> Verdict | None:
        if least is None:
            return Verdict(Truth.UNKNOWN)
        self._heard = now
        earlier = [kept for _, kept in self._nights if kept is not None]
        if len(earlier) < self._params.min_nights:
            self._keep(day, least)
            learnt = f"{len(earlier) + 1} of {self._params.min_nights} nights"
            return Verdict(Truth.UNKNOWN, facts={"status": "learning", "learnt": learnt})
        usual = median(earlier)
        limit = max(
            self._params.floor.magnitude,
            usual * self._params.ratio,
            usual + self._params.k * deviation(earlier),
        )
        self._keep(day, least, is_high=least > limit)
        if least > limit:
            self._excess, self._clean = max(least - usual, self._excess or 0.0), 0
            facts = self._facts(least, usual)
            return Verdict(Truth.TRUE, value=least, limit=round(limit, 9), late=is_late, facts=facts)
        self._clean += 1
        is_small = self._excess is not None and self._excess < self._params.small.magnitude
        if is_small and self._clean < self._params.clean_nights:
            return None
        self._excess = None
        return Verdict(Truth.FALSE, value=least, limit=round(limit, 9))

    def _facts(self, least: float, usual: float) -> Mapping[str, str | float]:
        more = least - usual
        return {
            "unit": "m3/h",
            "flow_l_h": round(least * _LITRES, 1),
            "usual_l_h": round(usual * _LITRES, 1),
            "day_m3": round(more * _HOURS, 3),
            **self._price.facts("day_cost", more * _HOURS),
        }

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready and bounded."""
        return {
            **super().dump(),
            "window": list(self._params.window),
            "night": self._night.dump(),
            "spans": self._spans.dump(),
            "price": self._price.dump(),
            "judged": self._judged,
            "metered": self._metered,
            "nights": self._nights,
            "excess": self._excess,
            "clean": self._clean,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        super().load(memory)
        if memory["window"] == list(self._params.window):  # else the rule was changed, and it begins anew
            self._night.load(memory["night"])
        self._spans.load(memory["spans"])
        self._price.load(memory["price"])
        self._judged, self._metered = memory["judged"], list(memory["metered"])
        self._nights = [list(kept) for kept in memory["nights"]][-self._params.nights :]
        self._excess, self._clean = memory["excess"], memory["clean"]


class NightFlow(Choosy):
    """The kind `night_flow`."""

    kind = "night_flow"
    model = NightFlowRule
    hears = "entries"
    wants = "a meter that counts m3 and is read every 15 minutes at least"

    def point_patterns(self, params: NightFlowRule) -> None:
        """One alarm for each meter."""
        del params

    def quantity_units(self, params: NightFlowRule, unit: str | None) -> Mapping[str, str | None]:
        """Flows are in m3/h."""
        del params, unit
        return {"floor": "m3/h", "small": "m3/h"}

    def suits(self, params: NightFlowRule, device: Device) -> bool:
        """Whether a device is such a meter."""
        del params
        return counted_unit(device) == "m3" and is_read_within(device, _SLOWEST)

    def build(self, rule: Rule, source: Source, around: Surroundings) -> NightFlowJudge | None:
        """Make the judge of one meter; None for what counts no m3."""
        device = around.devices[source.device]
        return NightFlowJudge(rule.params, device, around) if self.suits(rule.params, device) else None


NIGHT_FLOW = NightFlow()
