"""A message that is to be sent now: one row of the outbox, or several that go out together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from monitor.model import SEVERITY_RANK
from monitor.notices import NoticeKind

__all__ = ["Attempt", "Lane", "gathered"]

Lane = tuple[str, str]
"""A person and one of their channels: its messages go out one after the other."""

_MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A row that is to be sent now. `cleared`: UTC ms of the alarm's end, when both are told in one message.

    `maybe_delivered`: it may have arrived already. `held`: what it waited for. `acknowledged_by`: who has
    acknowledged the alarm meanwhile, where that waits to be told; `ends` and `acknowledgements` are the rows that
    would tell it.
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
    held: str = ""
    acknowledged_by: str = ""
    ends: tuple[int, ...] = ()
    acknowledgements: tuple[int, ...] = ()
    gathered: "tuple[Attempt, ...]" = ()
    """Other rows that go out in the same message."""
    alone: "Attempt | None" = None
    """What it was before others joined it: what follows of a row goes by its own severity."""

    @property
    def is_report(self) -> bool:
        """Whether it is a report, and no alarm."""
        return self.kind == NoticeKind.REPORT

    @property
    def is_gathered(self) -> bool:
        """Whether the message is one about several alarms, or about what became of one in the meantime."""
        return "gathered" in self.body

    @property
    def carries(self) -> tuple[int, ...]:
        """Rows that need no message of their own once this one was sent: what they would tell is in it."""
        if self.cleared is None and not self.is_gathered:
            return ()
        told = self.ends + self.acknowledgements
        return told + tuple(row for each in self.gathered for row in each.ends + each.acknowledgements)


def gathered(attempt: Attempt, others: Sequence[Attempt], why: str) -> Attempt:
    """Make one attempt of several: its message names how many alarms there are, and the first ten.

    What is still there comes before what is over, the most severe first. `why`: what they have waited for.
    """
    rows = sorted((attempt, *others), key=lambda each: each.id)
    lines = list({each.occurrence: _line(each) for each in rows}.values())
    lines.sort(key=lambda line: (line["cleared"] is not None, -SEVERITY_RANK[line["severity"]]))
    severity = max((each.severity for each in rows), key=lambda name: SEVERITY_RANK[name])
    named = lines[:_MOST_NAMED]
    told = {"why": why, "count": len(lines), "alarms": named, "more": len(lines) - len(named)}
    return replace(
        attempt,
        severity=severity,
        body={**attempt.body, "severity": severity, "gathered": told},
        gathered=tuple(others),
        alone=attempt,
    )


def _line(attempt: Attempt) -> dict[str, Any]:
    body = attempt.body
    by = body.get("by") if attempt.kind == NoticeKind.ACKNOWLEDGED else attempt.acknowledged_by
    line = {
        "kind": attempt.kind,
        "severity": attempt.severity,
        "rule": body["rule"],
        "device": body.get("device", ""),
        "since": body.get("since", body["time"]),
        "time": body["time"],
        "cleared": body["time"] if attempt.kind == NoticeKind.CLEAR else attempt.cleared,
    }
    optional = {"building": body.get("building"), "by": by}
    return line | {key: value for key, value in optional.items() if value}
