"""Rules about events: each event that matches is an alarm of its own, over as soon as it was raised."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.model import Event, Transition
from monitor.notices import NoticeKind
from rules.effects import Effects, Step
from rules.kind import EventJudge
from rules.machine import Machine
from rules.states import Condition, is_old_news, ms, occurrence_id
from rules.timeline import Timeline

__all__ = ["EventWatch"]

_MOST_OPEN = 100
_NOTICES = {"raised": NoticeKind.RAISE, "acknowledged": NoticeKind.ACKNOWLEDGED}


class EventWatch:
    """A rule whose alarms are over at once: what is open here only waits for its acknowledgement.

    `machine` is never true: it keeps what holds all of them back.
    """

    __slots__ = (
        "_effects",
        "_time",
        "_wait",
        "armed",
        "changed",
        "index",
        "judge",
        "machine",
        "opened",
        "rule",
        "source",
    )

    def __init__(self, index: int, judge: EventJudge, machine: Machine, time: Timeline, effects: Effects) -> None:
        self.index = index
        self.machine = machine
        self.armed: int | None = None
        self.rule = machine.rule
        self.source = machine.source
        self.judge = judge
        wait = self.rule.params.auto_ack_after
        self._wait = None if wait is None else ms(wait)
        self._time = time
        self._effects = effects
        self.opened: dict[str, dict[str, Any]] = {}
        self.changed: set[str] = set()

    def event(self, event: Event) -> str:
        """Raise an alarm for an event that matches, and answer its occurrence; '' when it does not."""
        level = self.judge.matches(event)
        if not level:
            return ""
        time = min(event.time, self._time.wall(self._time.now))
        while any(memory["raised_at"] == time for memory in self.opened.values()):
            time += 1
        occurrence = occurrence_id(self.rule.id, self.source.key, event.id, time)
        waits = self.rule.params.ack == "required"
        memory = {
            "rule": self.rule.id,
            "name": self.rule.name,
            "kind": self.rule.kind,
            "device": self.source.device,
            "severity": self.judge.severities[level - 1],
            "raised_at": time,
            "late": event.late,
            "at": self._time.now,
        }
        if self.source.point is not None:
            memory["point"] = self.source.point
        if waits:
            self.opened[occurrence] = memory
            self.changed.add(occurrence)
        above = self.machine.hold.look()
        raised = replace(
            self._transition(occurrence, memory, "raised"),
            number=1,
            time=time,
            response="unacked" if waits else "none",
            suppression=self.machine.hold.names(above),
            reason=self.machine.hold.title(above),
        )
        self._emit(raised, memory)
        if len(self.opened) > _MOST_OPEN:
            self.close(self.waiting()[0], f"more than {_MOST_OPEN} wait")
        return occurrence

    def waiting(self) -> Sequence[str]:
        """Answer the occurrences that wait, oldest first."""
        return sorted(self.opened, key=lambda occurrence: (self.opened[occurrence]["raised_at"], occurrence))

    def acknowledge(self, occurrence: str, by: str, reason: str) -> None:
        """End the wait of one alarm."""
        memory = self._end(occurrence)
        self._emit(replace(self._transition(occurrence, memory, "acknowledged"), by=by, reason=reason), memory)

    def close(self, occurrence: str, reason: str) -> None:
        """End the wait of one alarm without anybody's word."""
        memory = self._end(occurrence)
        self._emit(replace(self._transition(occurrence, memory, "closed"), reason=reason), memory)

    def due(self) -> int | None:
        """Say when time alone will change something."""
        ended = None
        if self._wait is not None and self.opened:
            ended = min(map(self._made, self.opened)) + self._wait
        dues = [due for due in (ended, self.machine.due()) if due is not None]
        return min(dues, default=None)

    def tick(self, now: int) -> None:
        """Do what is due by `now`."""
        if self._wait is not None:
            for occurrence in self.waiting():
                if self._made(occurrence) + self._wait <= now:
                    self.close(occurrence, "nobody acknowledged it in time")
        self.machine.tick(now)

    def resume(self, stopped: int, started: int) -> None:
        """Go on: what has happened stays as it is."""

    def _made(self, occurrence: str) -> int:
        """Engine time of its making; what older versions kept says only when it was raised."""
        memory = self.opened[occurrence]
        made: int = memory.get("at", memory["raised_at"])
        return made

    def _end(self, occurrence: str) -> dict[str, Any]:
        self.changed.add(occurrence)
        return self.opened.pop(occurrence)

    def _transition(self, occurrence: str, memory: Mapping[str, Any], cause: str) -> Transition:
        return Transition(
            occurrence=occurrence,
            number=2,
            rule=self.rule.id,
            device=self.source.device,
            source_key=self.source.key,
            cause=cause,
            condition=Condition.CLEAR.value,
            response="none",
            severity=memory["severity"],
            time=max(self._time.wall(self._time.now), memory["raised_at"] + 1),
            late=memory["late"],
            rule_version=self.rule.version,
        )

    def _emit(self, transition: Transition, memory: Mapping[str, Any]) -> None:
        self._effects.steps.append(
            Step(
                transition=transition,
                rule=self.rule,
                source=self.source,
                notice=_notice(transition),
                raised_at=memory["raised_at"],
                since=memory["raised_at"],
                momentary=True,
            )
        )


def _notice(transition: Transition) -> NoticeKind | None:
    if transition.suppression or is_old_news(late=transition.late, severity=transition.severity):
        return None
    return _NOTICES.get(transition.cause)
