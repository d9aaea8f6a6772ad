"""Kind `demand`: the mean power of a quarter of an hour is going to exceed what the contract allows."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from monitor.fields import Quantity
from monitor.meters import billed_counter
from monitor.model import Derived, Event
from monitor.periods import QUARTER, local_day
from monitor.profiles.units import UnitMismatch, convert
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from monitor.tariff import Tariff
from rules.amounts import ShareLevel, ranked
from rules.consumption import LATE, Attentive, counted_unit, number_of, silence
from rules.kind import Choosy, Interest, Verdict, interval
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["DEMAND", "Demand", "DemandJudge", "DemandRule"]

_RATES: Final = {"kWh": ("W", "w"), "m3": ("m3/h", "m3h")}
"""Unit of a counter -> that of its demand, and how fields of it end."""
_W_PER_KW: Final = 1000
_UPSETS: Final = ("counter_glitch", "counter_reset", "meter_replaced")
"""What a counter shows after these in one moment was not used in it."""
_SLOWEST: Final = 300.0
"""Seconds between two readings above which metering tells no demand."""


class DemandRule(RuleModel):
    """Settings of a rule of kind `demand`."""

    kind: Literal["demand"]
    contract: Quantity
    method: Literal["block", "sliding"] = "block"
    levels: tuple[ShareLevel, ...] = (
        ShareLevel(above=Quantity(90, "%"), severity="medium"),
        ShareLevel(above=Quantity(100, "%"), severity="high"),
    )
    deadband: Quantity = Quantity(2, "%")
    after: Annotated[float, Field(ge=0.05, le=0.95)] = 1 / 3

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if "severity" in self.model_fields_set:
            raise ValueError("`demand` has levels: write the severities in `levels:`")
        if self.contract.magnitude <= 0:
            raise ValueError("`contract:` must be more than nothing")
        ranked(self.levels)
        return self


class DemandJudge(Attentive):
    """Judges what the running quarter of an hour will come to, and at its end what it came to."""

    def __init__(self, params: DemandRule, device: Device, around: Surroundings) -> None:
        super().__init__(silence(device))
        self.severities, self._shares = ranked(params.levels)
        self.interest = Interest(
            derived=((device.id, device.device_class),), events=tuple((device.id, kind) for kind in _UPSETS)
        )
        unit, suffix = _RATES[counted_unit(device) or ""]
        self._unit = unit
        self._done = f"demand_{suffix}"
        self._running = f"demand_predicted_{suffix}" if params.method == "block" else f"demand_sliding_{suffix}"
        self._is_block = params.method == "block"
        self._contract = params.contract.magnitude
        self._slack = params.deadband.magnitude
        self._after = round(params.after * QUARTER)
        self._tariff = around.tariffs.get(device.id)
        self._zone = around.zone
        self._newest = 0
        """Engine time of the newest demand that was still running."""
        self._level = 0
        self._upset: tuple[int, int] = (0, 0)
        """When the counter was upset last, and when that was booked (UTC ms): no demand is judged that has it."""

    def event(self, event: Event, at: int, now: int) -> None:
        """The counter began anew, or another meter hangs there: what it shows then has no time."""
        del at, now
        begin = event.attributes.get("from_time")
        self._upset = (begin if isinstance(begin, int) else event.time, event.time)

    def _is_upset(self, time: int) -> bool:
        """Whether the counter was upset in what is told for `time` (UTC ms)."""
        begin, end = self._upset
        return begin < time <= end + QUARTER

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take the demand so far, or that of a quarter of an hour that is over."""
        if self._is_upset(derived.time):
            return None
        done = number_of(derived, self._done)
        if done is not None and self._is_block:
            if at < self._newest - self._after:
                return None  # it is of a quarter that newer ones have followed
            return self._verdict(done, derived, is_done=True, is_late=now - at > LATE)
        running = number_of(derived, self._running)
        if running is None or now - at > LATE:
            return None  # what comes out of a backlog predicts nothing any more
        self._heard, self._newest = now, at
        if self._is_block and derived.time % QUARTER < self._after:
            return None
        return self._verdict(running, derived, is_done=False, is_late=False)

    def _verdict(self, demand: float, derived: Derived, *, is_done: bool, is_late: bool) -> Verdict:
        share = 100 * demand / self._contract
        level = sum(share > limit for limit in self._shares)
        while level < self._level and share > self._shares[level] - self._slack:
            level += 1
        self._level = level
        if not level:
            return Verdict(Truth.FALSE, value=demand, limit=self._contract * self._shares[0] / 100)
        facts: dict[str, str | float] = {
            "unit": self._unit,
            "contract": self._contract,
            "share_pct": round(share, 1),
            "status": "reached" if is_done or not self._is_block else "predicted",
        }
        if not is_done and self._is_block:
            facts["left_s"] = (QUARTER - derived.time % QUARTER) // 1000
        over = demand - self._contract
        if over > 0:
            facts |= {"over": round(over, 3), **_worth(self._tariff, derived.time, over, self._unit, self._zone)}
        limit = self._contract * self._shares[level - 1] / 100
        return Verdict(Truth.TRUE, level, value=demand, limit=limit, late=is_late, facts=facts)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {**super().dump(), "newest": self._newest, "level": self._level, "upset": list(self._upset)}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        super().load(memory)
        self._newest = memory["newest"]
        begin, end = memory["upset"]
        self._upset = (begin, end)
        self._level = min(memory["level"], len(self._shares))


def _worth(tariff: Tariff | None, time: int, over: float, unit: str, zone: ZoneInfo) -> Mapping[str, str | float]:
    """What the month's demand charge rises by, when this is its greatest demand; without taxes."""
    if tariff is None:
        return {}
    day = local_day(time, zone)
    terms = [each for each in tariff.terms if each.since <= day]
    if not terms or not terms[-1].demand:
        return {}
    amount = over / _W_PER_KW if unit == "W" else over
    return {"month_cost": round(amount * float(terms[-1].demand), 2), "currency": tariff.currency}


def _unit_of(contract: Quantity) -> str:
    """The unit that a contract is converted to. What it looks like is tried first: what fits costs no library."""
    for unit in sorted(("W", "m3/h"), key=lambda each: ("/" in each) != ("/" in contract.unit)):
        try:
            convert(contract.magnitude, contract.unit, unit)
        except UnitMismatch:
            continue
        return unit
    return "W"


class Demand(Choosy):
    """The kind `demand`."""

    kind = "demand"
    model = DemandRule
    hears = "entries"
    wants = "a meter that counts what the contract is about and is read every 5 minutes at least"

    def point_patterns(self, params: DemandRule) -> None:
        """One alarm for each meter."""
        del params

    def quantity_units(self, params: DemandRule, unit: str | None) -> Mapping[str, str | None]:
        """Contracts are in W or in m3/h, the rest is in per cent of them."""
        del unit
        return {"contract": _unit_of(params.contract), "levels": "%", "deadband": "%"}

    def suits(self, params: DemandRule, device: Device) -> bool:
        """Whether metering tells the demand of a device, in the unit of the contract."""
        seconds = interval(device, billed_counter(device))
        rate, _ = _RATES.get(counted_unit(device) or "", ("", ""))
        return rate == _unit_of(params.contract) and seconds is not None and 0 < seconds <= _SLOWEST

    def build(self, rule: Rule, source: Source, around: Surroundings) -> DemandJudge | None:
        """Make the judge of one meter; None where metering tells no demand of it."""
        device = around.devices[source.device]
        return DemandJudge(rule.params, device, around) if self.suits(rule.params, device) else None


DEMAND = Demand()
