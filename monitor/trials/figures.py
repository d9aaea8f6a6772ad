"""What rules would have done: occurrences with their time, and how often people would have been told."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.trials.telling import Told
from rules.effects import Step

__all__ = ["NIGHT", "Figures", "Occurrence", "Occurrences", "figures_of"]

NIGHT: Final = (22, 6)
"""Local hours between which a message wakes somebody."""

_WAKES: Final = frozenset({"raise", "severity"})
_WEEK: Final = 7 * 86_400_000


@dataclass(slots=True)
class Occurrence:
    """One episode of an alarm; times in UTC ms, `cleared` is None while it goes on."""

    rule: str
    source_key: str
    occurrence: str
    raised: int
    severity: str
    cleared: int | None = None
    is_event: bool = False

    def lasted(self, end: int) -> int:
        """Milliseconds that it was active, until `end` at most."""
        return max(0, (end if self.cleared is None else min(self.cleared, end)) - self.raised)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A rule over a period. Times in ms; `night`: messages that would have woken somebody."""

    rule: str
    occurrences: int
    per_week: float
    active: int
    longest: int
    median: int
    messages: int
    night: int
    sources: Sequence[tuple[str, int]] = field(default=())
    """Who raised it how often, the most first."""


class Occurrences:
    """Makes episodes of steps, which are taken in order."""

    def __init__(self) -> None:
        self._found: dict[str, Occurrence] = {}

    def take(self, step: Step) -> None:
        """Take a step."""
        taken = step.transition
        known = self._found.get(taken.occurrence)
        if taken.cause == "raised":
            self._found[taken.occurrence] = Occurrence(
                rule=taken.rule,
                source_key=taken.source_key,
                occurrence=taken.occurrence,
                raised=taken.time,
                severity=taken.severity,
                cleared=taken.time if step.momentary else None,
                is_event=step.momentary,
            )
        elif known is not None:
            known.severity = taken.severity or known.severity
            if taken.condition == "clear" and known.cleared is None:
                known.cleared = taken.time

    def all(self) -> list[Occurrence]:
        """The episodes, in the order of their beginning."""
        return list(self._found.values())


def figures_of(
    rules: Sequence[str],
    occurrences: Sequence[Occurrence],
    told: Sequence[Told],
    span: tuple[int, int],
    zone: ZoneInfo,
) -> list[Figures]:
    """The figures of each rule over [start, end) (UTC ms), in the order of the rules."""
    start, end = span
    weeks = max(1, end - start) / _WEEK
    by_rule = defaultdict[str, list[Occurrence]](list)
    for one in occurrences:
        if start <= one.raised < end:
            by_rule[one.rule].append(one)
    messages = defaultdict[str, list[Told]](list)
    for message in told:
        if start <= message.time < end:
            messages[message.rule].append(message)
    return [
        _figures(
            by_rule[rule],
            end,
            rule=rule,
            per_week=len(by_rule[rule]) / weeks,
            messages=len(messages[rule]),
            night=sum(one.kind in _WAKES and _is_night(one.time, zone) for one in messages[rule]),
        )
        for rule in rules
    ]


def _figures(mine: Sequence[Occurrence], end: int, **counted: Any) -> Figures:
    lasting = [one.lasted(end) for one in mine]
    sources = Counter(one.source_key for one in mine)
    return Figures(
        occurrences=len(mine),
        active=sum(lasting),
        longest=max(lasting, default=0),
        median=round(median(lasting)) if lasting else 0,
        sources=tuple(sorted(sources.items(), key=lambda each: (-each[1], each[0]))),
        **counted,
    )


def _is_night(time: int, zone: ZoneInfo) -> bool:
    hour = datetime.fromtimestamp(time / 1000, UTC).astimezone(zone).hour
    return hour >= NIGHT[0] or hour < NIGHT[1]
