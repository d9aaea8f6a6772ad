"""The state machine of one alarm: condition and response, as far as nobody has shelved or suppressed it.

Rows of the design's table: 1-6 raise and clear, 7 and 11 latched, 8 and 10 acknowledge, 9 and 17 severity,
18 unknown, 19 and 20 close. Pure: time is an argument, in engine ms; what people see is UTC.
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2s
from typing import Any

from monitor.model import Transition, Value
from monitor.ports import NoticeKind
from monitor.site import Rule, Source
from rules.effects import Effects, Step
from rules.timeline import Timeline

__all__ = ["UNKNOWN_RESET", "Condition", "Machine", "Response", "number", "occurrence_id"]

UNKNOWN_RESET = 600_000
"""After so long without knowledge (ms) a pending alarm is given up: it could not be confirmed."""


class Condition(StrEnum):
    """What the process does, as far as the delays have confirmed it."""

    CLEAR = "clear"
    PENDING = "pending"
    ACTIVE = "active"
    RECOVERING = "recovering"


class Response(StrEnum):
    """What people have done about it."""

    NONE = "none"
    UNACKED = "unacked"
    ACKED = "acked"


_MOMENT = 1000
_ON = frozenset({Condition.ACTIVE, Condition.RECOVERING})


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def number(value: Value | None) -> float | None:
    """A value as transitions carry it; texts have none."""
    return None if value is None or isinstance(value, str) else float(value)


def occurrence_id(*parts: str | int) -> str:
    """The same parts give the same id, in every replay."""
    return blake2s("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()


class Machine:
    """One alarm instance. `true`, `false` and `unknown` tell it the condition, `tick` that time has passed.

    `held` + (now - `run_from`) is how long the awaited condition has been proven; `run_from` is None while
    nothing proves it. `late` and `facts` are the judge's, of when it said TRUE last.
    """

    _KEPT = (
        "condition",
        "response",
        "occurrence",
        "step",
        "severity",
        "level",
        "engaged",
        "value",
        "limit",
        "held",
        "run_from",
        "since",
        "raised_at",
        "unknown_since",
        "normal_since",
        "down_from",
        "last_time",
        "near_misses",
        "late",
        "facts",
    )
    __slots__ = (*_KEPT, "_delays", "_effects", "_time", "changed", "rule", "severities", "source")

    def __init__(
        self, rule: Rule, source: Source, severities: tuple[str, ...], time: Timeline, effects: Effects
    ) -> None:
        self.rule = rule
        self.source = source
        self.severities = severities
        self._time = time
        self._effects = effects
        self._delays: dict[Condition, int] = {
            Condition.PENDING: _ms(rule.params.on_delay),
            Condition.RECOVERING: _ms(rule.params.off_delay),
        }
        self.condition = Condition.CLEAR
        self.response = Response.NONE
        self.occurrence = ""
        self.step = 0
        self.severity = ""
        self.level = 0
        self.engaged = 0
        self.value: float | None = None
        self.limit: float | None = None
        self.held: int = 0
        self.run_from: int | None = None
        self.since = 0
        self.raised_at = 0
        self.unknown_since: int | None = None
        self.normal_since: int | None = None
        self.down_from: int | None = None
        self.last_time = 0
        self.near_misses = 0
        self.late = False
        self.facts: Mapping[str, str | float] = {}
        self.changed = False

    # What the judge says ------------------------------------------------------------------------------

    def true(self, level: int, value: Value | None, limit: float | None, at: int) -> None:
        """The condition holds at time `at`, at a level (1 is the lowest)."""
        self.changed = True
        at = self._known(at)
        self.value, self.limit = number(value), limit
        if self.condition is Condition.CLEAR:
            self.condition = Condition.PENDING
            self.since = self._time.wall(at)
            self._run(at)
        if self.condition is Condition.PENDING:
            self.level = level
            if self.run_from is None:
                self.run_from = at
        else:
            self._stays(level, at)
        self.tick(self._time.now)

    def _stays(self, level: int, at: int) -> None:
        if self.condition is Condition.RECOVERING or self.normal_since is not None:
            self._reopen(at)
        if level > self.level:
            self.level = self.engaged = level
            self.down_from = None
            self._rise(at)
        elif level == self.level:
            self.engaged = level
            self.down_from = None
        else:
            self._sink(level, at)

    def _sink(self, level: int, at: int) -> None:
        """The condition holds at a lower level than the alarm's: the severity follows after `off_delay`."""
        self.engaged = level
        if self.down_from is None:
            self.down_from = at
        if self._time.now - self.down_from >= self._delays[Condition.RECOVERING]:
            self.down_from = None
            self.level = level
            self.severity = self.severities[level - 1]
            self._emit("severity", at)

    def false(self, value: Value | None, at: int) -> None:
        """The condition does not hold at time `at`, and that is known for sure."""
        if self.condition is Condition.CLEAR:
            return
        self.changed = True
        at = self._known(at)
        if self.condition is Condition.PENDING:
            self.near_misses += 1
            self._forget()
            return
        self.value = number(value)
        if self.normal_since is not None:
            return
        if self.condition is Condition.ACTIVE:
            self.condition = Condition.RECOVERING
            self.engaged = 0
            self.down_from = None
            self._run(at)
            if self._delays[Condition.RECOVERING]:
                self._emit("recovering", at)
        elif self.run_from is None:
            self.run_from = at
        self.tick(self._time.now)

    def unknown(self, at: int) -> None:
        """Nothing is known from time `at` on: everything stays, and no delay goes on."""
        if self.condition is Condition.CLEAR or self.unknown_since is not None:
            return
        self.changed = True
        self.freeze(at)
        self.unknown_since = at

    def freeze(self, at: int) -> None:
        """Keep what is proven until `at`, and let nothing be proven from then on."""
        if self.run_from is not None:
            self.held += max(0, at - self.run_from)
            self.run_from = None
        self.down_from = None

    def resume(self, stopped: int, started: int, *, keeps_word: bool = False) -> None:
        """Leave out the time between: the monitor did not run. Nothing is known then until the next value.

        `keeps_word`: the source speaks only when something changes, so that what it said last still holds.
        """
        if self.condition is Condition.CLEAR:
            return
        self.changed = True
        was_running = self.run_from is not None
        if self.unknown_since is None:
            self.freeze(stopped)
            if keeps_word:
                self.run_from = started if was_running else None
                return
        self.unknown_since = started

    def _known(self, at: int) -> int:
        if self.unknown_since is not None:
            at = max(at, self.unknown_since)
            self.unknown_since = None
        return at

    # Time ---------------------------------------------------------------------------------------------

    def due(self) -> int | None:
        """Say when time alone will change something."""
        if self.condition is Condition.PENDING and self.run_from is None:
            return None if self.unknown_since is None else self.unknown_since + UNKNOWN_RESET
        if self.run_from is None:
            return None
        return self.run_from + self._delays[self.condition] - self.held

    def tick(self, now: int) -> None:
        """Do what is due by `now`."""
        due = self.due()
        if due is None or now < due:
            return
        self.changed = True
        if self.run_from is None:
            self._forget()
        elif self.condition is Condition.PENDING:
            self._raise(max(due, self.run_from))
        else:
            self._recover(max(due, self.run_from))

    # Steps --------------------------------------------------------------------------------------------

    def _run(self, at: int) -> None:
        self.held = 0
        self.run_from = at

    def _forget(self) -> None:
        self.condition = Condition.CLEAR
        self.held = 0
        self.run_from = self.unknown_since = self.normal_since = self.down_from = None
        self.level = self.engaged = 0

    def _raise(self, at: int) -> None:
        if self.response is not Response.NONE:
            self.response = Response.NONE
            self.condition = Condition.CLEAR
            self._emit("closed", at - 1, reason="raised again")
        if self.last_time > self._time.wall(at) + _MOMENT:  # the clock was set back: what begins now has its time
            self.last_time = 0
        self.condition = Condition.ACTIVE
        self.response = Response.UNACKED
        self.run_from = None
        self.engaged = self.level
        self.severity = self.severities[self.level - 1]
        self.raised_at = self._next_time(at)
        self.occurrence = occurrence_id(self.rule.id, self.source.key, self.raised_at)
        self.step = 0
        self._emit("raised", at, NoticeKind.RAISE)

    def _reopen(self, at: int) -> None:
        latched = self.normal_since is not None
        self.condition = Condition.ACTIVE
        self.normal_since = self.run_from = None
        self.held = 0
        again = latched and self.response is Response.ACKED
        if again:
            self.response = Response.UNACKED
        self._emit("reopened", at, NoticeKind.RAISE if again else None)

    def _rise(self, at: int) -> None:
        self.severity = self.severities[self.level - 1]
        self.response = Response.UNACKED
        self._emit("severity", at, NoticeKind.SEVERITY)

    def _recover(self, at: int) -> None:
        self.run_from = None
        self.held = 0
        if self.rule.params.latched:
            self.condition = Condition.ACTIVE
            self.normal_since = self._time.wall(at)
            self._emit("normal", at)
        else:
            self._clear(at, "cleared")

    def _clear(self, at: int, cause: str, *, by: str = "", reason: str = "") -> None:
        waits = self.response is Response.UNACKED and self.rule.params.ack == "required" and cause == "cleared"
        self._forget()
        if not waits:
            self.response = Response.NONE
        self._emit(cause, at, NoticeKind.CLEAR, by=by, reason=reason)

    # What people do -----------------------------------------------------------------------------------

    def acknowledge(self, by: str, reason: str, at: int) -> str:
        """Take an acknowledgement; it resets a latched alarm whose condition is over. Answers why not, or ''."""
        if self.normal_since is not None:
            self.changed = True
            self._clear(at, "reset", by=by, reason=reason)
            return ""
        if self.response is not Response.UNACKED:
            return "nothing waits for an acknowledgement" if not self.is_open else "it is acknowledged already"
        self.changed = True
        if self.condition in _ON:
            self.response = Response.ACKED
            self._emit("acknowledged", at, NoticeKind.ACKNOWLEDGED, by=by, reason=reason)
        else:
            self.response = Response.NONE
            self._emit("acknowledged", at, by=by, reason=reason)
        return ""

    def close(self, reason: str, at: int) -> None:
        """End whatever is open: its rule was changed or deleted."""
        self.changed = True
        if self.condition in _ON:
            self.response = Response.ACKED
            self._clear(at, "cleared", reason=reason)
        elif self.response is not Response.NONE:
            self._forget()
            self.response = Response.NONE
            self._emit("closed", at, reason=reason)
        self._forget()

    @property
    def is_idle(self) -> bool:
        """Whether it is clear, so that only what the judge says can change it."""
        return self.condition is Condition.CLEAR

    @property
    def is_lost(self) -> bool:
        """Whether nothing is known."""
        return self.unknown_since is not None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to look at it."""
        return self.condition in _ON or self.response is not Response.NONE

    # Memory -------------------------------------------------------------------------------------------

    def dump(self) -> Mapping[str, Any] | None:
        """Answer the memory, JSON-ready; None when there is nothing to remember."""
        if self.is_idle and not self.occurrence and not self.near_misses:
            return None
        kept = {name: getattr(self, name) for name in self._KEPT}
        kept |= {"rule": self.rule.id, "name": self.rule.name, "kind": self.rule.kind}
        return kept | {"device": self.source.device, "point": self.source.point}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; levels that the rule no longer has fall to its highest."""
        for name in self._KEPT:
            if name in memory:  # what older versions kept has fewer
                setattr(self, name, memory[name])
        self.condition = Condition(self.condition)
        self.response = Response(self.response)
        self.level = min(self.level, len(self.severities))
        self.engaged = min(self.engaged, self.level)

    def _next_time(self, at: int) -> int:
        return max(self._time.wall(at), self.last_time + 1)

    def _emit(
        self, cause: str, at: int, notice: NoticeKind | None = None, *, by: str = "", reason: str = ""
    ) -> None:
        self.step += 1
        self.last_time = self._next_time(at)
        self._effects.steps.append(
            Step(
                transition=Transition(
                    occurrence=self.occurrence,
                    number=self.step,
                    rule=self.rule.id,
                    device=self.source.device,
                    source_key=self.source.key,
                    cause=cause,
                    condition=(self.condition if self.condition in _ON else Condition.CLEAR).value,
                    response=self.response.value,
                    severity=self.severity,
                    value=self.value,
                    limit=self.limit,
                    time=self.last_time,
                    late=self.late,
                    by=by,
                    reason=reason,
                    rule_version=self.rule.version,
                ),
                rule=self.rule,
                source=self.source,
                notice=notice,
                raised_at=self.raised_at,
                since=self.since,
                latched=bool(self.rule.params.latched) and self.condition in _ON,
                normal=self.normal_since is not None,
                facts=self.facts,
            )
        )
