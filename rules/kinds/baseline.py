"""Kind `baseline`: a meter counts more, or less, than at this hour of the week in the weeks before."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Duration, Quantity
from monitor.model import Derived
from monitor.periods import HOUR, local_day
from monitor.schema import MEASUREMENT_USAGE
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from rules.amounts import Amount, amount_unit, bounded, in_unit
from rules.consumption import Attentive, Price, counted_unit, is_read_within, used
from rules.kind import Choosy, Interest, Verdict
from rules.seasonal import Seasonal, slot_of
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["BASELINE", "Baseline", "BaselineJudge", "BaselineRule"]

_HOUR: Final = MEASUREMENT_USAGE["hour"]
_LEAST: Final = {"m3": 0.2, "kWh": 2.0}
_PER_CENT: Final = 100.0
_LATE: Final = HOUR // 2
_PATIENCE: Final = 3 * HOUR
"""After so long without an hour that is known, nothing is."""
_LATER: Final = 24
"""So many hours more are remembered: late values may still change them."""


class BaselineRule(RuleModel):
    """Settings of a rule of kind `baseline`."""

    kind: Literal["baseline"]
    direction: Literal["above", "below", "both"] = "above"
    relative: Quantity = Quantity(20, "%")
    least: Amount | None = None
    k: Annotated[float, Field(ge=0, le=100)] = 3.0
    lasting: Annotated[Duration, bounded("1 h", "7 days")] = 3 * 3600.0
    min_days: Annotated[int, Field(ge=7, le=56)] = 14

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.relative.magnitude <= 0:
            raise ValueError("`relative:` must be more than nothing")
        return self


@dataclass(frozen=True, slots=True)
class _Judged:
    """One hour: by how much it differs, and what it should have come to; `side` is -1, 0 or 1."""

    side: int
    actual: float
    expected: float
    low: float
    high: float


class BaselineJudge(Attentive):
    """Compares whole hours with their like. Hours that are not surely known are unknown, and teach nothing."""

    def __init__(self, params: BaselineRule, device: Device, around: Surroundings) -> None:
        super().__init__(_PATIENCE)
        self.severities = (params.severity,)
        self.interest = Interest(derived=((device.id, _HOUR),))
        self._params = params
        self._zone = around.zone
        self._holidays = around.holidays
        self._unit = counted_unit(device) or ""
        self._least = in_unit(params.least, self._unit, _LEAST)
        self._relative = params.relative.magnitude / _PER_CENT
        self._hours = math.ceil(params.lasting / 3600)
        self._sides = {"above": {1}, "below": {-1}, "both": {1, -1}}[params.direction]
        self._told = False
        self._known = Seasonal()
        self._price = Price()
        self._recent: dict[int, _Judged | None] = {}
        """By the hour since 1970 (UTC): what was found; None: not surely known, or not learnt yet."""

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take an hour that is over, or that a late value has changed."""
        found = used(derived)
        if found is None or not found.is_whole:
            return None
        self._price.take(found)
        start = found.start // HOUR
        judged = None
        if found.is_sure:
            local = datetime.fromtimestamp(found.start / 1000, self._zone)
            day = local_day(found.start, self._zone)
            is_holiday = self._holidays is not None and self._holidays.is_holiday(day)
            slot = slot_of(day.isoweekday(), local.hour, is_holiday=is_holiday)
            judged = self._judge(slot, start, found.amount)
            self._known.put(slot, start, day.toordinal(), found.amount)
        if self._recent and start < min(self._recent):
            return None
        if judged is not None and start >= max(self._recent, default=start):
            self._heard = now
        self._recent[start] = judged
        for old in sorted(self._recent)[: -self._hours - _LATER]:
            del self._recent[old]
        return self._say(self._verdict(is_late=now - at - HOUR > _LATE), now)

    def _judge(self, slot: int, start: int, actual: float) -> _Judged | None:
        usual = self._known.expected(slot, start)
        if usual is None or self._known.days < self._params.min_days:
            return None
        expected, differing = usual
        width = max(self._relative * expected, self._least, self._params.k * differing)
        low, high = max(0.0, expected - width), expected + width
        side = (actual > high) - (actual < expected - width)
        return _Judged(side if side in self._sides else 0, actual, expected, low, high)

    def _verdict(self, *, is_late: bool) -> Verdict | None:
        """It is true when the last hours differ to one side, and over when as many of them do not."""
        newest = max(self._recent)
        hours = [self._recent.get(hour) for hour in range(newest, newest - self._hours, -1)]
        last = hours[0]
        if last is None:
            return Verdict(Truth.UNKNOWN, facts=self._learning())
        limit = last.low if last.side < 0 or self._sides == {-1} else last.high
        found = Verdict(Truth.FALSE, value=last.actual, limit=round(limit, 6))
        # Hours before an unknown one prove nothing.
        known = [one for one in takewhile(lambda one: one is not None, hours) if one is not None]
        agreeing = [one for one in known if one.side == last.side]
        if len(agreeing) < len(known):
            return None if self._told else found
        if len(known) < self._hours:
            if self._told:
                return None
            return replace(found, truth=Truth.UNKNOWN) if last.side else found
        self._told = bool(last.side)
        if not last.side:
            return found
        more = sum(one.actual - one.expected for one in known)
        return replace(found, truth=Truth.TRUE, late=is_late, facts=self._facts(last, more))

    def _learning(self) -> Mapping[str, str | float]:
        if self._known.days >= self._params.min_days:
            return {}
        return {"status": "learning", "learnt": f"{self._known.days} of {self._params.min_days} days"}

    def _facts(self, last: _Judged, more: float) -> Mapping[str, str | float]:
        cost = self._price.facts("cost", more) if more > 0 else {}
        return {
            "unit": self._unit,
            "actual": round(last.actual, 3),
            "expected": round(last.expected, 3),
            "expected_low": round(last.low, 3),
            "expected_high": round(last.high, 3),
            "hours": self._hours,
            "difference": round(more, 3),
            **cost,
        }

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready and bounded."""
        recent = [
            [hour, None if one is None else [one.side, one.actual, one.expected, one.low, one.high]]
            for hour, one in sorted(self._recent.items())
        ]
        return {
            **super().dump(),
            "known": self._known.dump(),
            "price": self._price.dump(),
            "recent": recent,
            "told": self._told,
        }

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._known.load(memory["known"])
        self._price.load(memory["price"])
        super().load(memory)
        self._told = memory["told"]
        self._recent = {hour: None if one is None else _Judged(*one) for hour, one in memory["recent"]}


class Baseline(Choosy):
    """The kind `baseline`."""

    kind = "baseline"
    model = BaselineRule
    hears = "entries"
    wants = "a meter that counts m3 or kWh and is read once an hour at least"

    def point_patterns(self, params: BaselineRule) -> None:
        """One alarm for each meter."""
        del params

    def quantity_units(self, params: BaselineRule, unit: str | None) -> Mapping[str, str | None]:
        """A share is in per cent, the least amount in the unit of meters that count the like."""
        del unit
        return {"relative": "%", "least": amount_unit(params.least)}

    def suits(self, params: BaselineRule, device: Device) -> bool:
        """Whether a device is such a meter."""
        del params
        return counted_unit(device) in _LEAST and is_read_within(device, 3600.0)

    def build(self, rule: Rule, source: Source, around: Surroundings) -> BaselineJudge | None:
        """Make the judge of one meter; None for what is none."""
        device = around.devices[source.device]
        return BaselineJudge(rule.params, device, around) if self.suits(rule.params, device) else None


BASELINE = Baseline()
