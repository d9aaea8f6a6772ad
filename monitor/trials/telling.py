"""Who would be told of the steps of alarms, and when: routing played over virtual time, without an outbox."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.notices import Notice, OutboxRow, Router
from rules.effects import Step

__all__ = ["Telling", "Told"]


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """One message to one person over one channel; `time` in UTC ms, `after` how long its step waited."""

    time: int
    rule: str
    occurrence: str
    kind: str
    person: str
    channel: str
    severity: str
    after: int = 0


class Telling:
    """Takes steps in order and answers the messages that they make.

    A later step of an escalation is a message only when nobody has acknowledged, and the alarm has not cleared, by
    its time. Messages that are gathered into one, or held back at night, count each.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._told: dict[str, set[tuple[str, str]]] = {}
        self._waiting: list[tuple[int, int, Told]] = []
        self._needs: dict[str, bool] = {}
        self._count = 0

    def take(self, step: Step) -> Iterator[Told]:
        """Take a step: first come the messages that were due before it."""
        yield from self.until(step.transition.time)
        transition = step.transition
        self._needs[transition.occurrence] = transition.response == "unacked" and (
            step.momentary or transition.condition != "clear"
        )
        if step.notice is None:
            return
        known = self._told.setdefault(transition.occurrence, set())
        notice = Notice(
            kind=step.notice,
            transition=transition,
            rule=step.rule,
            raised_at=step.raised_at,
            told=frozenset(known),
            facts=step.facts,
        )
        for row in self._router(notice):
            told = _told(step, row)
            if told.after:
                self._count += 1
                heapq.heappush(self._waiting, (told.time, self._count, told))
            else:
                known.add((row.person, row.channel))
                yield told

    def until(self, time: int) -> Iterator[Told]:
        """Answer what was due before a time (UTC ms)."""
        while self._waiting and self._waiting[0][0] < time:
            _, _, told = heapq.heappop(self._waiting)
            if self._needs.get(told.occurrence):
                self._told[told.occurrence].add((told.person, told.channel))
                yield told


def _told(step: Step, row: OutboxRow) -> Told:
    after = row.body.get("after")
    after = after if isinstance(after, int) else 0
    return Told(
        time=step.transition.time + after,
        rule=step.rule.id,
        occurrence=row.occurrence,
        kind=str(row.kind),
        person=row.person,
        channel=row.channel,
        severity=row.severity,
        after=after,
    )
