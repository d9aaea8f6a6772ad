"""A message that is to be sent now: one row of the outbox, or several that go out together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from monitor.model import SEVERITY_RANK
from monitor.ports import NoticeKind

__all__ = ["Attempt", "Lane", "gathered"]

Lane = tuple[str, str]
"""A person and one of their channels: its messages go out one after the other."""

_MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A row that is to be sent now. `cleared`: UTC ms of the alarm's end, when both are told in one message.

    `maybe_delivered`: it may have arrived already.
    """

    id: int
    lane: Lane
    occurrence: str
    notification: str
    kind: str
    step: int
    severity: str
    expires: int
    number: int
    body: Mapping[str, Any]
    cleared: int | None = None
    maybe_delivered: bool = False
    gathered: "tuple[Attempt, ...]" = ()
    """Other rows that go out in the same message."""

    @property
    def is_report(self) -> bool:
        """Whether it is a report, and no alarm."""
        return self.kind == NoticeKind.REPORT


def gathered(attempt: Attempt, others: Sequence[Attempt]) -> Attempt:
    """Make one attempt of several: its message names how many alarms there are, and the first ten."""
    if not others:
        return attempt
    alarms = sorted((attempt, *others), key=lambda each: (-SEVERITY_RANK[each.severity], each.id))
    named = [
        {
            "severity": each.severity,
            "rule": each.body["rule"],
            "device": each.body["device"],
            "since": each.body["since"],
            "cleared": each.cleared,
        }
        for each in alarms[:_MOST_NAMED]
    ]
    severity = alarms[0].severity
    told = {"count": len(alarms), "alarms": named, "more": len(alarms) - len(named)}
    return replace(
        attempt,
        severity=severity,
        body={**attempt.body, "severity": severity, "gathered": told},
        gathered=tuple(others),
    )
