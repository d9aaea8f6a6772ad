"""Kind `balance`: a main meter counts more, or less, than the meters below it together, day after day."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Quantity
from monitor.meters import MeterGroup, billed_counter, meter_groups
from monitor.model import Derived
from monitor.periods import HOUR, local_day
from monitor.schema import MEASUREMENT_USAGE
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from rules.amounts import Amount, ShareLevel, amount_unit, in_unit, ranked, suffix
from rules.consumption import Attentive, Price, counted_unit, used
from rules.kind import Choosy, Interest, Verdict
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["BALANCE", "Balance", "BalanceJudge", "BalanceRule"]

_DAY = MEASUREMENT_USAGE["day"]
_LEAST = {"m3": 0.5, "kWh": 5.0}
_PATIENCE = 60 * HOUR
"""After so long without a day that all meters know, nothing is known."""
_LATER = 3
"""So many days more are remembered: late values may still complete them."""


class BalanceRule(RuleModel):
    """Settings of a rule of kind `balance`."""

    kind: Literal["balance"]
    levels: tuple[ShareLevel, ...] = (
        ShareLevel(above=Quantity(10, "%"), severity="low"),
        ShareLevel(above=Quantity(20, "%"), severity="medium"),
    )
    fault: Quantity = Quantity(3, "%")
    least: Amount | None = None
    days: Annotated[int, Field(ge=1, le=31)] = 3

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        if "severity" in self.model_fields_set:
            raise ValueError("`balance` has levels: write the severities in `levels:`")
        ranked(self.levels)
        return self


class BalanceJudge(Attentive):
    """Adds up whole days of all meters of a group. A day of which one is not surely known says nothing."""

    def __init__(self, params: BalanceRule, group: MeterGroup, unit: str, around: Surroundings) -> None:
        super().__init__(_PATIENCE)
        self.severities, self._shares = ranked(params.levels)
        self._mains = [one.id for one in group.mains]
        self._members = [one.id for one in group.meters]
        self._by_hand = {one.id for one in group.meters if one.by_hand}
        self.interest = Interest(derived=tuple((ident, _DAY) for ident in self._members))
        self._zone = around.zone
        self._unit = unit
        self._days = params.days
        self._fault = params.fault.magnitude
        self._least = in_unit(params.least, unit, _LEAST)
        self._amounts: dict[int, dict[str, float]] = {}
        """By the ordinal of a local day and the id of a meter: what is surely known."""
        self._newest = 0
        """The newest day that all meters knew."""
        self._price = Price()

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take what metering says of a day of one of the meters."""
        del at
        found = used(derived)
        if found is None:
            return None
        if derived.device in self._mains:
            self._price.take(found)
        day = local_day(found.start, self._zone).toordinal()
        known = self._amounts.get(day, {}).get(derived.device)
        # What people read is drawn from one reading to the next, and the best that there will ever be.
        counts = found.is_whole if derived.device in self._by_hand else found.is_sure
        if known == (found.amount if counts else None):
            return None
        if counts:
            self._amounts.setdefault(day, {})[derived.device] = found.amount
        else:
            del self._amounts[day][derived.device]
        for old in sorted(self._amounts)[: -self._days - _LATER]:
            del self._amounts[old]
        return self._say(self._verdict(now), now)

    def _verdict(self, now: int) -> Verdict | None:
        days = [day for day, known in self._amounts.items() if len(known) == len(self._members)]
        if not days:
            return Verdict(Truth.UNKNOWN)
        last = max(days)
        if last > self._newest:
            self._heard, self._newest = now, last
        shares = [self._share(day) for day in range(last, last - self._days, -1)]
        newest = shares[0]
        assert newest is not None
        level = self._level(newest, last)
        if not level:
            return Verdict(Truth.FALSE, value=newest, limit=self._shares[0])
        for place, share in enumerate(shares[1:], 1):
            if share is None:
                return Verdict(Truth.UNKNOWN)
            earlier = self._level(share, last - place)
            if earlier * level <= 0:
                return Verdict(Truth.FALSE, value=newest, limit=self._shares[0])
            level = max(-1, level) if level < 0 else min(level, earlier)
        if level < 0:
            facts = {"status": "metering_fault", **self._facts(last)}
            return Verdict(Truth.TRUE, value=newest, limit=-self._fault, facts=facts)
        limit = self._shares[level - 1]
        return Verdict(Truth.TRUE, level, value=newest, limit=limit, facts=self._facts(last))

    def _sums(self, day: int) -> tuple[float, float]:
        known = self._amounts[day]
        return sum(known[one] for one in self._mains), sum(known[one] for one in self._members[len(self._mains) :])

    def _share(self, day: int) -> float | None:
        """What share of the main meters' is missing below them, in %; None where not all of it is known."""
        if len(self._amounts.get(day, ())) < len(self._members):
            return None
        above, below = self._sums(day)
        if above <= 0:
            return 0.0 if below <= 0 else -100.0
        return round(100 * (above - below) / above, 3)

    def _level(self, share: float, day: int) -> int:
        """The level of a share; -1 where the meters below count more than there is; 0: it is well."""
        above, below = self._sums(day)
        if abs(above - below) <= self._least:
            return 0
        if share < -self._fault:
            return -1
        return sum(share > limit for limit in self._shares)

    def _facts(self, day: int) -> Mapping[str, str | float]:
        above, below = self._sums(day)
        unit = suffix(self._unit)
        missing = above - below
        cost = self._price.facts("day_cost", missing) if missing > 0 else {}
        return {
            "unit": "%",
            f"main_{unit}": round(above, 3),
            f"below_{unit}": round(below, 3),
            f"missing_{unit}": round(missing, 3),
            **cost,
        }

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready and bounded by some days of all meters."""
        days = [[day, known] for day, known in sorted(self._amounts.items())]
        return {**super().dump(), "days": days, "price": self._price.dump(), "newest": self._newest}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; meters that are in the group no more are left out."""
        self._amounts = {
            day: {ident: amount for ident, amount in known.items() if ident in self._members}
            for day, known in memory["days"]
        }
        self._price.load(memory["price"])
        super().load(memory)
        self._newest = memory["newest"]


def _group_of(device: Device, devices: Sequence[Device]) -> MeterGroup | None:
    """The group whose first main meter a device is, where all meters count the same."""
    meters = [one for one in devices if billed_counter(one) is not None]
    for group in meter_groups(meters):
        units = {one.points[billed_counter(one) or ""].unit for one in group.meters}
        is_whole = all(main.building == group.building and not main.by_hand for main in group.mains)
        if group.mains[0].id == device.id and is_whole and len(units) == 1:
            return group
    return None


class Balance(Choosy):
    """The kind `balance`."""

    kind = "balance"
    model = BalanceRule
    hears = "entries"
    wants = "a main meter (`role: main`) that is read by the monitor"

    def point_patterns(self, params: BalanceRule) -> None:
        """One alarm for each group of meters, at its first main meter."""
        del params

    def quantity_units(self, params: BalanceRule, unit: str | None) -> Mapping[str, str | None]:
        """Shares are in per cent, the least amount is in the unit of meters that count the like."""
        del unit
        return {"levels": "%", "fault": "%", "least": amount_unit(params.least)}

    def suits(self, params: BalanceRule, device: Device) -> bool:
        """Whether a device is a main meter."""
        del params
        return device.role == "main" and counted_unit(device) in _LEAST

    def build(self, rule: Rule, source: Source, around: Surroundings) -> BalanceJudge | None:
        """Make the judge of one group; None where a meter is no first main meter with others below it."""
        device = around.devices[source.device]
        unit = counted_unit(device)
        group = _group_of(device, tuple(around.devices.values()))
        if group is None or unit not in _LEAST:
            return None
        return BalanceJudge(rule.params, group, unit, around)


BALANCE = Balance()
