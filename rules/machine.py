"""The state machine of one alarm: its condition, and what people do about it.

Rows of the design's table: 1-6 raise and clear, 7 and 11 latched, 8 to 10 acknowledge, 9 and 17 severity,
18 unknown, 19 and 20 close. Pure: time is an argument, in engine ms; what people see is UTC.
"""

from collections.abc import Mapping
from typing import Any, Final

from monitor.model import SEVERITY_RANK, Value
from monitor.notices import NoticeKind
from monitor.site import Rule, Source
from rules.alarm import Alarm
from rules.effects import Effects
from rules.states import ACTIVE, CLEAR, PENDING, RECOVERING, Condition, Response, ms, number, occurrence_id
from rules.timeline import Timeline

__all__ = ["NO_VALUE", "TRUE_WORD", "Machine"]

NO_VALUE = "no value"
"""The reason of an alarm that is raised because nothing is known."""

TRUE_WORD: Final = "true"
"""How the word of a judge begins that is remembered of a rule that has hours: that the condition holds."""

_MOMENT = 1000
_GAP = 120_000
"""Milliseconds without a value that are a gap, where nothing says how often there should be one."""


class Machine(Alarm):
    """One alarm instance. `true`, `false` and `unknown` tell it the condition, `tick` that time has passed.

    `held` + (now - `run_from`) is how long the awaited condition has been proven; `run_from` is None while
    nothing proves it. `late` and `facts` are the judge's, of when it said TRUE last. `gap`: ms without a value
    that break a proof, where the rule wants that. `minds_silence`: its rule says what it means that there is no
    value; `raises_on_silence`: that it is as bad as a wrong one. `word_before`: what the judge had said
    while the rule had hours (see `rules.hours`), which it has no more.
    """

    __slots__ = (
        "_delays",
        "_restarts",
        "_unknown_reset",
        "gap",
        "minds_silence",
        "raises_on_silence",
        "word_before",
    )

    def __init__(
        self, rule: Rule, source: Source, severities: tuple[str, ...], time: Timeline, effects: Effects
    ) -> None:
        super().__init__(rule, source, severities, time, effects)
        params: Any = rule.params
        self._delays: dict[Condition, int] = {
            PENDING: ms(params.on_delay),
            RECOVERING: ms(params.off_delay),
        }
        self._unknown_reset = ms(params.unknown_reset)
        missing: str = getattr(params, "missing", "hold")
        self.minds_silence = missing != "hold"
        self.raises_on_silence = missing == "raise"
        self._restarts = getattr(params, "gap", "hold") == "restart"
        self.gap = _GAP
        self.word_before: list[Any] | None = None

    # What the judge says ------------------------------------------------------------------------------

    def true(self, level: int, value: Value | None, limit: float | None, at: int, *, silent: bool = False) -> None:
        """The condition holds at time `at`, at a level (1 is the lowest). `silent`: because there is no value."""
        self.changed = True
        self.silent = silent
        at = self._known(at, PENDING)
        self.value, self.limit = number(value), limit
        if self.condition is CLEAR:
            self.condition = PENDING
            self.since = self._time.wall(at)
            self._run(at)
        if self.condition is PENDING:
            self.level = level
            if self.run_from is None:
                self.run_from = at
        else:
            self._stays(level, at)
        self.tick(self._time.now)

    def _stays(self, level: int, at: int) -> None:
        if self.condition is RECOVERING or self.normal_since is not None:
            self._reopen(at)
        # The severity counts, and not the number of the level: an edited rule may have others.
        severity = self.severities[level - 1]
        rise = 0 if severity == self.severity else SEVERITY_RANK[severity] - SEVERITY_RANK[self.severity]
        self.engaged = level
        if rise < 0:  # the severity follows after `off_delay`, by time alone
            if self.down_from is None:
                self.down_from = at - self.down_held
                self.down_held = 0
            return
        self.level = level
        self._stop_sinking()
        if rise:
            self._rise(at)

    def _sink(self, at: int) -> None:
        """The condition has held at a lower level than the alarm's for long enough."""
        self._stop_sinking()
        self.level = self.engaged
        self.severity = self.severities[self.level - 1]
        self._emit("severity", at)

    def _stop_sinking(self) -> None:
        self.down_from = None
        self.down_held = 0

    def false(self, value: Value | None, at: int) -> None:
        """The condition does not hold at time `at`, and that is known for sure."""
        if self.condition is CLEAR:
            return
        self.changed = True
        at = self._known(at, RECOVERING)
        if self.condition is PENDING:
            self.near_misses += 1
            self._forget()
            return
        self.value = number(value)
        if self.normal_since is not None:
            return
        if self.condition is ACTIVE:
            self.condition = RECOVERING
            self.engaged = 0
            self._stop_sinking()
            self._run(at)
            if self._delays[RECOVERING]:
                self._emit("recovering", at)
        elif self.run_from is None:
            self.run_from = at
        self.tick(self._time.now)

    def unknown(self, at: int, known_until: int | None = None) -> None:
        """Nothing is known from time `at` on: everything stays, and no delay goes on.

        `known_until`: when the last value was, where that is earlier. A rule may say that no value is true, or
        false.
        """
        if self.raises_on_silence:
            self.true(max(1, self.level), None, None, at, silent=True)
            return
        if self.minds_silence:
            self.false(None, at)
            return
        if self.condition is CLEAR or self.unknown_since is not None:
            return
        self.changed = True
        self.freeze(at)
        self.unknown_since = at
        self.known_until = at if known_until is None else known_until

    def freeze(self, at: int) -> None:
        """Keep what is proven until `at`, and let nothing be proven from then on."""
        if self.run_from is not None:
            self.held += max(0, at - self.run_from)
            self.run_from = None
        if self.down_from is not None:
            self.down_held += max(0, at - self.down_from)
            self.down_from = None

    def resume(self, stopped: int, started: int, *, keeps_word: bool = False) -> None:
        """Leave out the time between: the monitor did not run. Nothing is known then until the next value.

        `keeps_word`: the source speaks only when something changes, so that what it said last still holds. A rule
        may say that the time counts, where the first value agrees with the last.
        """
        self._leave_out(stopped, started, keeps_word=keeps_word)
        word, self.word_before = self.word_before, None
        if keeps_word and word is not None and word[0] == TRUE_WORD:
            _, level, value, limit, silent = word
            self.true(min(level, len(self.severities)), value, limit, started, silent=silent)

    def _leave_out(self, stopped: int, started: int, *, keeps_word: bool) -> None:
        if self.condition is CLEAR:
            return
        self.changed = True
        was_running, was_sinking = self.run_from is not None, self.down_from is not None
        counts = bool(self.rule.params.count_downtime)
        keeps_word = keeps_word or self.minds_silence
        if self.unknown_since is None:
            if keeps_word and counts:
                return
            self.freeze(stopped)
            if keeps_word:
                self.run_from = started if was_running else None
                if was_sinking:
                    self.down_from, self.down_held = started - self.down_held, 0
                return
            self.off_since = stopped if counts and was_running else None
            self.known_until = stopped
        self.unknown_since = started

    def _known(self, at: int, proves: Condition) -> int:
        """There is a value again, for the condition that it proves."""
        if self.unknown_since is None:
            return at
        at = max(at, self.unknown_since)
        if self.condition is proves:
            if self.off_since is not None:
                self.held += max(0, at - self.off_since)
            elif self._restarts and proves is PENDING and self._was_gap(at):
                self.held = 0
                self.since = self._time.wall(at)
        self.unknown_since = self.off_since = self.known_until = None
        return at

    def _was_gap(self, at: int) -> bool:
        return self.known_until is not None and at - self.known_until > self.gap

    # Time ---------------------------------------------------------------------------------------------

    def due(self) -> int | None:
        """Say when time alone will change something."""
        due = self._condition_due()
        if self.later is None:
            return due
        return self.later if due is None else min(due, self.later)

    def _condition_due(self) -> int | None:
        if self.condition is PENDING and self.run_from is None:
            return None if self.unknown_since is None else self.unknown_since + self._unknown_reset
        if self.condition is ACTIVE:
            return None if self.down_from is None else self.down_from + self._delays[RECOVERING]
        if self.run_from is None:
            return None
        return self.run_from + self._delays[self.condition] - self.held

    def tick(self, now: int) -> None:
        """Do what is due by `now`."""
        due = self._condition_due()
        if due is not None and due <= now:
            self.changed = True
            if self.condition is ACTIVE:
                self._sink(due)
            elif self.run_from is None:
                self._forget()
            elif self.condition is PENDING:
                self._raise(max(due, self.run_from))
            else:
                self._recover(max(due, self.run_from))
        self.pass_time(now)

    # Steps --------------------------------------------------------------------------------------------

    def _run(self, at: int) -> None:
        self.held = 0
        self.run_from = at

    def _forget(self) -> None:
        self.condition = CLEAR
        self.held = 0
        self.run_from = self.unknown_since = self.normal_since = None
        self._stop_sinking()
        self.off_since = self.known_until = None
        self.level = self.engaged = 0

    def _raise(self, at: int) -> None:
        if self.is_listed:
            waited = self.response is not Response.NONE
            self.response = Response.NONE
            self.condition = CLEAR
            self._emit("closed", at - 1, reason="raised again" if waited else "raised", suppression=())
        if self.last_time > self._time.wall(at) + _MOMENT:  # the clock was set back: what begins now has its time
            self.last_time = 0
        self.condition = ACTIVE
        self.response = Response.UNACKED
        self.run_from = self.acked_at = self.over_at = None
        self.engaged = self.level
        self.severity = self.severities[self.level - 1]
        self.raised_at = self._next_time(at)
        self.occurrence = occurrence_id(self.rule.id, self.source.key, self.raised_at)
        self.step = 0
        self.spoken = False
        self.hold.by = self.hold.look()
        self.cut_shelf()
        why = self._count_raise(at)
        silent = NO_VALUE if self.silent else ""
        self._emit("raised", at, NoticeKind.RAISE, reason=self.hold.title(self.hold.by) or silent)
        if why:
            self._chatters(why, at)

    def _reopen(self, at: int) -> None:
        latched = self.normal_since is not None
        self.condition = ACTIVE
        self.normal_since = self.run_from = self.over_at = None
        self.held = 0
        again = latched and self.response is Response.ACKED
        if again:
            self.response = Response.UNACKED
        self._emit("reopened", at, NoticeKind.RAISE if again else None)

    def _rise(self, at: int) -> None:
        self.severity = self.severities[self.level - 1]
        self.response = Response.UNACKED
        self.cut_shelf()
        self._emit("severity", at, NoticeKind.SEVERITY)

    def _recover(self, at: int) -> None:
        self.run_from = None
        self.held = 0
        if self.rule.params.latched:
            self.condition = ACTIVE
            self.normal_since = self._time.wall(at)
            self.over_at = at
            self._emit("normal", at)
        else:
            self._clear(at, "cleared")

    def _clear(self, at: int, cause: str, *, by: str = "", reason: str = "") -> None:
        waits = self.response is Response.UNACKED and self.rule.params.ack == "required" and cause == "cleared"
        self._forget()
        self.over_at = self.chatter.last = at
        if not waits:
            self.response = Response.NONE
        self._emit(cause, at, NoticeKind.CLEAR, by=by, reason=reason)
        if self.spoken and self.chatter.occurrence == self.occurrence:
            self.chatter.occurrence = ""  # its end has been told
        if self.hold.shelf is not None and self.hold.shelf.oneshot:
            self.unshelve("", "it was for once, and the alarm has cleared")

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
        if self.is_on:
            self.response = Response.ACKED
            self.acked_at = at
            self._emit("acknowledged", at, NoticeKind.ACKNOWLEDGED, by=by, reason=reason)
        else:
            self.response = Response.NONE
            self._emit("acknowledged", at, by=by, reason=reason)
        return ""

    def close(self, reason: str, at: int) -> None:
        """End whatever stands: its rule was changed or deleted."""
        self.changed = True
        was_listed = self.is_listed
        self.hold.release()
        self.chatter.end()
        if self.is_on:
            self.response = Response.ACKED
            self._clear(at, "cleared", reason=reason)
        elif was_listed:
            self._forget()
            self.response = Response.NONE
            self._emit("closed", at, reason=reason)
        self._forget()

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave, of a rule that may have had hours."""
        super().load(memory)
        self.word_before = None if "word" in self.kept else memory.get("word")

    @property
    def is_idle(self) -> bool:
        """Whether it is clear, so that only what the judge says can change it."""
        return self.condition is CLEAR

    @property
    def is_lost(self) -> bool:
        """Whether nothing is known."""
        return self.unknown_since is not None
