"""What the engine hands back: steps of alarms, refused commands, rules that failed, rows to keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from monitor.model import SHADOW, Transition
from monitor.notices import NoticeKind
from monitor.site import Rule, Source

__all__ = ["Effects", "Row", "Step", "unheard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transition and what is needed to tell people of it; `notice` is None when they need not know.

    `raised_at` and `since` are UTC ms: when the alarm was raised, and since when its condition had held.
    `latched`: the alarm will wait for a reset; `normal`: it waits only for that, its condition is over.
    `momentary`: an event, over as soon as it was raised. `facts`: what the judge wants to have told besides.
    `gather`: steps with the same text are told in one message; `wait`: ms that it waits for more of them.
    """

    transition: Transition
    rule: Rule
    source: Source
    notice: NoticeKind | None
    raised_at: int
    since: int
    latched: bool = False
    normal: bool = False
    momentary: bool = False
    facts: Mapping[str, str | float] = field(default_factory=dict)
    gather: str = ""
    wait: int = 0


def unheard(step: Step) -> Step:
    """A step as it leaves the engine: of a rule in shadow it is marked, and told to nobody."""
    if not step.rule.params.shadow:
        return step
    marked = replace(step.transition, suppression=(*step.transition.suppression, SHADOW))
    return replace(step, transition=marked, notice=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A piece of the engine's memory: JSON-ready, unique by (area, key); a `body` of None forgets it."""

    area: str
    key: str
    body: Mapping[str, Any] | None


@dataclass(slots=True)
class Effects:
    """What came of some entries or a tick.

    `refused`: (id of the command, reason). `failures`: (rule, what went wrong), once per rule.
    """

    steps: list[Step] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def transitions(self) -> Sequence[Transition]:
        """The transitions alone, in order."""
        return [step.transition for step in self.steps]
