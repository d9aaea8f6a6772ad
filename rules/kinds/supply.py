"""Kind `supply`: a building has no electricity, water, gas or heat, or only a part of it, as long as that lasts.

It judges what the monitor derives of the main meter (`monitor/equipment/supply.py`). Unknown neither raises nor
clears: a meter that goes silent proves nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from monitor.fields import Frozen, several
from monitor.model import SEVERITY_RANK, Derived
from monitor.plant import Supply as SupplySettings
from monitor.ruletypes import Premises
from monitor.schema import MEASUREMENT_SUPPLY
from monitor.settings.model import RuleModel
from monitor.site import Rule, Source
from rules.kind import EntryJudge, Interest, InUnitOfPoints, Verdict
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["SUPPLY", "Supply", "SupplyJudge", "SupplyLevel", "SupplyRule"]

_GRAVITY: Final[Mapping[str, int]] = {"partial": 1, "lost": 2}
_FORGOTTEN: Final = 3_600_000
"""The state is said each quarter of an hour: a building not heard of for so long (ms) is served no more."""

Gone = Literal["partial", "lost"]
Utility = Literal["electricity", "water", "gas", "heat"]


class SupplyLevel(Frozen):
    """One level: a state of the supply and how severe it is."""

    states: Gone = Field(alias="is")
    severity: Literal["low", "medium", "high", "critical"]


class SupplyRule(RuleModel):
    """Settings of a rule of kind `supply`: which utilities, and which of their states are an alarm."""

    kind: Literal["supply"]
    utility: Annotated[tuple[Utility, ...], BeforeValidator(several)] = ()
    states: Annotated[tuple[Gone, ...], BeforeValidator(several), Field(alias="is")] = ()
    levels: tuple[SupplyLevel, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.states and self.levels:
            raise ValueError("write either `is:` or `levels:`")
        ranks = [SEVERITY_RANK[level.severity] for level in _by_gravity(self.levels)]
        if len({level.states for level in self.levels}) < len(self.levels) or ranks != sorted(set(ranks)):
            raise ValueError("each level has a state of its own, and `lost` is more severe than `partial`")
        return self


def _by_gravity(levels: Iterable[SupplyLevel]) -> Sequence[SupplyLevel]:
    return sorted(levels, key=lambda level: _GRAVITY[level.states])


class SupplyJudge(EntryJudge):
    """True while the supply is in one of the states; one meter may tell the supply of several buildings.

    A rule about `partial` alone keeps its alarm when the supply is lost altogether: it is over when all is back.
    """

    def __init__(self, params: SupplyRule, device: str, utility: str) -> None:
        levels = _by_gravity(params.levels)
        self.severities = tuple(level.severity for level in levels) or (params.severity,)
        if levels:
            self._levels: dict[str, int] = {level.states: number for number, level in enumerate(levels, 1)}
        else:
            self._levels = dict.fromkeys(params.states or ("partial", "lost"), 1)
        self.interest = Interest(derived=((device, MEASUREMENT_SUPPLY),))
        self._utility = utility
        self._states: dict[str, tuple[str, int]] = {}

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take the state of one building's supply."""
        del now
        self.changed = False
        if derived.attributes.get("utility") != self._utility:
            return None
        state = str(derived.values.get("state", "unknown"))
        self.changed = True
        self._states[derived.attributes.get("building", "")] = (state, at)
        self._states = {
            building: (said, when) for building, (said, when) in self._states.items() if at - when < _FORGOTTEN
        }
        return self._verdict({said for said, _ in self._states.values()})

    def _verdict(self, states: set[str]) -> Verdict | None:
        level = max((self._levels.get(state, 0) for state in states), default=0)
        if level:
            return Verdict(Truth.TRUE, level=level)
        if "unknown" in states:
            return Verdict(Truth.UNKNOWN)
        return None if "lost" in states else Verdict(Truth.FALSE)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready: bounded by the buildings."""
        return {"states": {building: list(said) for building, said in self._states.items()}}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._states = {building: (state, at) for building, (state, at) in memory["states"].items()}


class Supply(InUnitOfPoints):
    """The kind `supply`."""

    kind = "supply"
    model = SupplyRule
    hears = "entries"

    def point_patterns(self, params: SupplyRule) -> None:
        """It is about no points."""
        del params

    def sources(self, params: SupplyRule, premises: Premises) -> Sequence[Source]:
        """One alarm for each supply of the utilities; supplies of one meter and utility share it."""
        groups: dict[tuple[str, str], list[SupplySettings]] = {}
        for supply in premises.supplies:
            if not params.utility or supply.utility in params.utility:
                groups.setdefault((supply.device, supply.utility), []).append(supply)
        return [
            Source(
                device=device,
                point=utility,
                name=_named(utility, supplies),
                building=supplies[0].building if len(supplies) == 1 else "",
            )
            for (device, utility), supplies in groups.items()
        ]

    def build(self, rule: Rule, source: Source, around: Surroundings) -> SupplyJudge:
        """Make the judge of one meter's utility."""
        del around
        return SupplyJudge(rule.params, source.device, source.point or "")


def _named(utility: str, supplies: Iterable[SupplySettings]) -> str:
    """`A: electricity`, or the utility alone where it is the whole site's."""
    buildings = ", ".join(sorted(supply.building for supply in supplies if supply.building))
    return f"{buildings}: {utility}" if buildings else utility


SUPPLY = Supply()
