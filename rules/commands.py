"""What people ask of alarms, judged in order with everything else. Refusals are words for them."""

from collections.abc import Callable, Mapping
from typing import Final, TypeGuard

from monitor.model import Command
from rules.index import Index
from rules.machine import Machine
from rules.memory import Memory
from rules.suppression import LONGEST_REVIEW, Service, Shelf, in_words, longest_shelf, reminded_before
from rules.suppressors import Suppressors
from rules.timeline import Timeline
from rules.watch import Watch

__all__ = ["Commands"]

_MOST: Final = 10**16
"""Nobody means a number beyond this, be it ms or seconds."""
_NO_ALARM: Final = "there is no such alarm, or it is over already"


class Commands:
    """Carries out commands. `open_keys`: from open occurrences to the keys of their alarms."""

    def __init__(
        self,
        index: Index,
        memory: Memory,
        suppressors: Suppressors,
        time: Timeline,
        open_keys: Mapping[str, str],
    ) -> None:
        self._index = index
        self._memory = memory
        self._suppressors = suppressors
        self._time = time
        self._open = open_keys
        self._at_alarms: Mapping[str, Callable[[Command, Machine], str]] = {
            "shelve": self._shelve,
            "unshelve": self._unshelve,
            "out_of_service": self._out_of_service,
            "return_to_service": self._return,
        }

    def knows(self, kind: str) -> bool:
        """Whether a kind of command is about alarms or maintenance."""
        return kind in self._at_alarms or kind in {"acknowledge", "maintenance_add", "maintenance_end"}

    def judge(self, command: Command) -> tuple[str, list[Watch]]:
        """Carry out a command; answers why not, or '', and the alarms that may have changed."""
        if command.kind == "maintenance_add":
            refusal = self._suppressors.add(
                command.target, command.arguments, by=command.by, reason=command.reason
            )
            return refusal, [] if refusal else list(self._suppressors.follow())
        if command.kind == "maintenance_end":
            refusal = self._suppressors.end(command.target)
            return refusal, [] if refusal else list(self._suppressors.follow())
        key = self._open.get(command.target, command.target)
        if command.kind == "acknowledge" and key in self._index.momentary:
            return self._acknowledge_events(command, key)
        watch = self._index.alarms.get(key)
        if watch is None:
            return _NO_ALARM, []
        if command.kind == "acknowledge":
            return watch.machine.acknowledge(command.by, command.reason, self._time.now), [watch]
        return self._at_alarms[command.kind](command, watch.machine), [watch]

    def _acknowledge_events(self, command: Command, key: str) -> tuple[str, list[Watch]]:
        events = self._index.momentary[key]
        wanted = [command.target] if command.target in events.opened else events.waiting()
        self._memory.momentary.add(key)
        for occurrence in wanted:
            events.acknowledge(occurrence, command.by, command.reason)
        return "" if wanted else "nothing waits for an acknowledgement", [events]

    def _shelve(self, command: Command, machine: Machine) -> str:
        if not command.reason.strip():
            return "say why: a shelf needs a reason"
        span = self._span(command)
        if span is None:
            return "say until when: a shelf needs an end"
        if span <= 0:
            return "the end of a shelf lies in the future"
        severity = machine.severity if machine.is_open else machine.severities[-1]
        longest = longest_shelf(machine.rule.params, severity)
        if not longest:
            return "this alarm must not be shelved: its rule says so"
        if span > longest:
            return f"an alarm of severity {severity} of this rule can be shelved for {in_words(longest)} at most"
        now = self._time.now
        machine.shelve(
            Shelf(
                until=self._time.wall(now) + span,
                ends=now + span,
                by=command.by,
                why=command.reason,
                oneshot=bool(command.arguments.get("oneshot", 0)),
                remind=now + span - reminded_before(span),
            )
        )
        return ""

    def _span(self, command: Command) -> int | None:
        """Milliseconds from now that a command speaks of, None when it does not."""
        until, seconds = command.arguments.get("until"), command.arguments.get("for_s")
        if _is_number(until):
            return round(until) - self._time.wall(self._time.now)
        return round(seconds * 1000) if _is_number(seconds) else None

    def _unshelve(self, command: Command, machine: Machine) -> str:
        if machine.hold.shelf is None:
            return "it is not shelved"
        machine.unshelve(command.by, command.reason)
        return ""

    def _out_of_service(self, command: Command, machine: Machine) -> str:
        if not command.reason.strip():
            return "say why: taking an alarm out of service needs a reason"
        review = command.arguments.get("review_at")
        if not _is_number(review):
            return "say when it is looked at again: an alarm that is out of service needs a review date"
        ahead = review - self._time.wall(self._time.now)
        if not 0 < ahead <= LONGEST_REVIEW:
            return "the review date lies in the future, and at most a year ahead"
        machine.take_out_of_service(Service(by=command.by, why=command.reason, review_at=round(review)))
        return ""

    def _return(self, command: Command, machine: Machine) -> str:
        if machine.hold.service is None:
            return "it is not out of service"
        machine.return_to_service(command.by, command.reason)
        return ""


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and -_MOST <= value <= _MOST
