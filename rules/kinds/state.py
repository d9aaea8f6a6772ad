"""Kind `state`: a point that says a certain word, or true, or false."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from monitor import fields
from monitor.model import Value
from monitor.site import Rule, Source
from rules.kind import NEVER_QUIET, InUnitOfPoints, ValueRule
from rules.surroundings import Surroundings

__all__ = ["STATE", "State", "StateJudge", "StateRule"]


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


class StateRule(ValueRule):
    """Settings of a rule of kind `state`."""

    kind: Literal["state"]
    states: Annotated[tuple[fields.Value, ...], BeforeValidator(_listed), Field(alias="is", min_length=1)]


class StateJudge:
    """True while the point has one of the values. True and false are never taken for 1 and 0."""

    def __init__(self, params: StateRule) -> None:
        self.severities: tuple[str, ...] = (params.severity,)
        self.quiet = NEVER_QUIET
        self._states = frozenset((isinstance(state, bool), state) for state in params.states)

    def level(self, value: Value, engaged: int) -> int:
        """Answer 1 in one of the states, 0 otherwise."""
        del engaged
        return int((isinstance(value, bool), value) in self._states)

    def limit(self, value: Value, level: int) -> float | None:
        """States have no limit."""
        del value, level
        return None


class State(InUnitOfPoints):
    """The kind `state`."""

    kind = "state"
    model = StateRule
    hears = "point"

    def point_patterns(self, params: StateRule) -> Sequence[str]:
        """One alarm for each point."""
        return params.patterns

    def build(self, rule: Rule, source: Source, around: Surroundings) -> StateJudge:
        """Make the judge of one point."""
        del source, around
        return StateJudge(rule.params)


STATE = State()
