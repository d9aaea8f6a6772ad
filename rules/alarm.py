"""One alarm as people see it: what is told of it and what is not, and the memory of all of it.

Rows of the design's table: 9 and 10 the clocks behind an acknowledgement, 12 to 16 shelved, suppressed and out of
service, 21 chattering. Pure; times are engine ms, what people see is UTC.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from monitor.model import SEVERITY_RANK, Transition
from monitor.notices import NoticeKind
from monitor.site import Rule, Source
from rules.chatter import Chatter
from rules.effects import Effects, Step
from rules.states import CLEAR, IS_ON, KEPT, Condition, Response, is_old_news, ms, occurrence_id
from rules.suppression import Hold, Service, Shelf, longest_shelf
from rules.timeline import Timeline

__all__ = ["RE_ALARM", "Alarm"]

RE_ALARM: Final[Mapping[str, int | None]] = {
    "critical": 4 * 3_600_000,
    "high": 8 * 3_600_000,
    "medium": 24 * 3_600_000,
    "low": None,
}
"""Severity -> ms after which an acknowledged alarm that is still there comes again (None: it does not)."""

_CALM: Final = "it chattered, and has been quiet since"
_NEWS: Final = frozenset({NoticeKind.RAISE, NoticeKind.SEVERITY, NoticeKind.CHATTER})


class Alarm:
    """The response of people, what holds an alarm back, and its steps.

    `spoken`: people were told of this occurrence. `silent`: it is true because there is no value. `later`: when
    time alone does something to all this. `is_past`: its judge has just found out from what came late that it was,
    and is over.
    """

    kept: ClassVar[tuple[str, ...]] = KEPT
    """What is remembered as it is."""

    __slots__ = (
        *KEPT,
        "_effects",
        "_time",
        "changed",
        "chatter",
        "hold",
        "is_past",
        "later",
        "rule",
        "severities",
        "source",
    )

    def __init__(
        self, rule: Rule, source: Source, severities: tuple[str, ...], time: Timeline, effects: Effects
    ) -> None:
        self.rule = rule
        self.source = source
        self.severities = severities
        self._time = time
        self._effects = effects
        self.condition = CLEAR
        self.response = Response.NONE
        self.occurrence = ""
        self.step = 0
        self.severity = ""
        self.level = 0
        self.engaged = 0
        self.is_past = False
        self.value: float | None = None
        self.limit: float | None = None
        self.held: int = 0
        self.run_from: int | None = None
        self.since = 0
        self.raised_at = 0
        self.unknown_since: int | None = None
        self.known_until: int | None = None
        self.off_since: int | None = None
        self.normal_since: int | None = None
        self.down_from: int | None = None
        self.down_held = 0
        self.over_at: int | None = None
        self.acked_at: int | None = None
        self.last_time = 0
        self.near_misses = 0
        self.late = False
        self.facts: Mapping[str, str | float] = {}
        self.spoken = False
        self.silent = False
        self.later: int | None = None
        self.hold = Hold()
        self.chatter = Chatter()
        self.changed = False

    @property
    def is_on(self) -> bool:
        """Whether the alarm is there, as far as the delays have confirmed it."""
        return self.condition in IS_ON

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to look at it."""
        return self.is_on or self.response is not Response.NONE

    @property
    def is_listed(self) -> bool:
        """Whether its last occurrence still stands in a list: open, shelved or out of service."""
        return self.is_open or self.hold.lasts

    # What holds it back -------------------------------------------------------------------------------

    def shelve(self, shelf: Shelf) -> None:
        """Put it on a shelf, or change how long it stays there."""
        self._list("shelved")
        self.hold.shelf = shelf
        self._emit("shelved", self._time.now, by=shelf.by, reason=shelf.why)

    def unshelve(self, by: str, reason: str) -> None:
        """Take it off the shelf."""
        self.hold.shelf = None
        self._freed("unshelved", by=by, reason=reason)

    def take_out_of_service(self, service: Service) -> None:
        """Tell nobody of it until it is returned."""
        self._list("out_of_service")
        self.hold.service = service
        self._emit("out_of_service", self._time.now, by=service.by, reason=service.why)

    def return_to_service(self, by: str, reason: str) -> None:
        """Tell people of it again."""
        self.hold.service = None
        self._freed("returned", by=by, reason=reason)

    def look_up(self, gather: str = "") -> None:
        """Heed what is above it, and tell people if nothing is any more: those of one `gather` in one message."""
        was = self.hold.by
        self.hold.by = self.hold.look() if self.is_open else ()
        if self.hold.by and not was:
            self._emit("suppressed", self._time.now, reason=self.hold.title(self.hold.by))
        elif was and not self.hold.by and self.is_open:
            self._freed("unsuppressed", reason=f"{self.hold.title(was)} is over", gather=gather)
        elif self.hold.by != was:
            self.changed = True
        self.plan()

    def _list(self, cause: str) -> None:
        """Begin an occurrence for an alarm that has none that stands, so that what is done to it has a place."""
        self.changed = True
        if self.is_listed:
            return
        self.raised_at = self._next_time(self._time.now)
        self.occurrence = occurrence_id(self.rule.id, self.source.key, cause, self.raised_at)
        self.step = 0
        self.severity = self.severities[-1]
        self.spoken = False
        if self.condition is CLEAR:
            self.since, self.late = self.raised_at, False
            self.value = self.limit = None

    def _freed(self, cause: str, *, by: str = "", reason: str = "", gather: str = "") -> None:
        waits = self.is_on and self.response is Response.UNACKED
        self._emit(cause, self._time.now, NoticeKind.RAISE if waits else None, by=by, reason=reason, gather=gather)

    # Time ---------------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Reckon `later` anew: after whatever may have moved it, and after the clock was set."""
        if not self.is_open:
            self.hold.by = ()
        dues = (self._shelf_due(), self._above_due(), self._again_due(), self._alone_due(), self.chatter.due())
        self.later = min((due for due in dues if due is not None), default=None)

    def _shelf_due(self) -> int | None:
        shelf = self.hold.shelf
        if shelf is None:
            return None
        end = shelf.over_at(self._time.offset)
        return end if shelf.remind is None else min(end, shelf.remind)

    def _above_due(self) -> int | None:
        return self.hold.above.due(self.hold.by) if self.hold.by and self.hold.above is not None else None

    def _again_due(self) -> int | None:
        if self.response is not Response.ACKED or not self.is_on or self.acked_at is None:
            return None
        said = self.rule.params.re_alarm
        wait = RE_ALARM[self.severity] if said is None else ms(said) or None
        return None if wait is None else self.acked_at + wait

    def _alone_due(self) -> int | None:
        wait = self.rule.params.auto_ack_after
        if wait is None or self.is_on or self.response is not Response.UNACKED or self.over_at is None:
            return None
        return self.over_at + ms(wait)

    def pass_time(self, now: int) -> None:
        """Do what is due by `now` apart from the condition."""
        if self.later is None or now < self.later:
            return
        self.changed = True
        shelf = self.hold.shelf
        if shelf is not None and shelf.over_at(self._time.offset) <= now:
            self.hold.shelf = None
            self._freed("unshelved", reason="shelf expired")
        elif shelf is not None and _is_due(shelf.remind, now):
            self._remind(shelf, now)
        if _is_due(self._above_due(), now):
            self.look_up()
        if _is_due(self._again_due(), now):
            self._again(now, "still there" if self.normal_since is None else "waits for its reset")
        if _is_due(self._alone_due(), now):
            self.response = Response.NONE
            self._emit("closed", now, reason="nobody acknowledged it in time")
        if _is_due(self.chatter.due(), now):
            self._quiet(now)
        self.plan()

    def _remind(self, shelf: Shelf, now: int) -> None:
        shelf.remind = None
        if not self.is_on:
            return
        facts, self.facts = self.facts, {"until": min(shelf.until, self._time.wall(shelf.ends))}
        self._emit("shelf_expiring", now, NoticeKind.SHELF_EXPIRING, by=shelf.by, reason=shelf.why)
        self.facts = facts

    def _again(self, now: int, reason: str, cause: str = "re_alarm") -> None:
        self.response = Response.UNACKED
        self._emit(cause, now, NoticeKind.RAISE, reason=reason)

    # Chattering ---------------------------------------------------------------------------------------

    def _count_raise(self, at: int) -> str:
        """Count a raise that people would hear of; answers why it chatters from now on, or nothing."""
        why = "" if self.hold.names() else self.chatter.counts(at)
        if why:
            self.chatter.is_on = True
            self.chatter.occurrence = self.occurrence
        self.chatter.last = at
        return why

    def _chatters(self, why: str, at: int) -> None:
        """Tell people once."""
        chatter = self.chatter
        chatter.severity, chatter.raised_at, chatter.since = self.severity, self.raised_at, self.since
        self._emit("chattering", at, NoticeKind.CHATTER, reason=why)
        self.spoken = False  # its end is not told by itself

    def _quiet(self, now: int) -> None:
        chatter = self.chatter
        chatter.end()
        if self.is_on:
            self._again(now, "it chattered, and has stayed since", "quiet")
        elif chatter.occurrence:
            self._end_of_chatter(now)

    def _end_of_chatter(self, now: int) -> None:
        """Tell whoever was told that it chatters: by the occurrence by which they were, which may be long over."""
        if self.chatter.occurrence == self.occurrence:
            self._emit("quiet", now, NoticeKind.CLEAR, reason=_CALM)
            return
        current = (self.occurrence, self.step, self.severity, self.raised_at, self.since, self.response)
        by = self.hold.by
        chatter = self.chatter
        self.occurrence, self.step, self.severity = chatter.occurrence, chatter.step, chatter.severity
        self.raised_at, self.since, self.response = chatter.raised_at, chatter.since, Response.NONE
        self._emit("quiet", now, NoticeKind.CLEAR, reason=_CALM, suppression=())
        self.occurrence, self.step, self.severity, self.raised_at, self.since, self.response = current
        self.hold.by = by

    # Memory -------------------------------------------------------------------------------------------

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to remember."""
        return self.condition is CLEAR and not self.occurrence and not self.near_misses

    def dump(self) -> Mapping[str, Any] | None:
        """Answer the memory, JSON-ready; None when there is nothing to remember."""
        if self.is_blank:
            return None
        kept = {name: getattr(self, name) for name in self.kept}
        kept |= {"rule": self.rule.id, "name": self.rule.name, "kind": self.rule.kind}
        kept |= {"hold": self.hold.dump(), "chatter": self.chatter.dump()}
        return kept | {"device": self.source.device, "point": self.source.point}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; levels that were renumbered are found by their severity."""
        for name in self.kept:
            if name in memory:  # what older versions kept has fewer
                setattr(self, name, memory[name])
        self.condition = Condition(self.condition)
        self.response = Response(self.response)
        self.hold.load(memory.get("hold"))
        self.chatter.load(memory.get("chatter"))
        if self.is_on:
            self.level = self._level_of(self.severity)
        self.level = min(self.level, len(self.severities))
        self.engaged = min(self.engaged, self.level)
        self.plan()

    def _level_of(self, severity: str) -> int:
        """The highest level that is no more severe; the lowest where all are."""
        rank = SEVERITY_RANK[severity]
        return max(1, sum(SEVERITY_RANK[each] <= rank for each in self.severities))

    # Steps --------------------------------------------------------------------------------------------

    def _next_time(self, at: int) -> int:
        return max(self._time.wall(at), self.last_time + 1)

    def _emit(  # noqa: PLR0913 - what a step says beside the alarm itself
        self,
        cause: str,
        at: int,
        notice: NoticeKind | None = None,
        *,
        by: str = "",
        reason: str = "",
        suppression: Sequence[str] | None = None,
        gather: str = "",
    ) -> None:
        if not self.is_open:
            self.hold.by = ()
        suppression = self.hold.names() if suppression is None else tuple(suppression)
        notice = self._worth(notice, cause, suppression)
        if notice in _NEWS:
            self.spoken = True
        self.step += 1
        if self.occurrence == self.chatter.occurrence:
            self.chatter.step = self.step
        self.last_time = self._next_time(at)
        transition = Transition(
            occurrence=self.occurrence,
            number=self.step,
            rule=self.rule.id,
            device=self.source.device,
            source_key=self.source.key,
            cause=cause,
            condition=(self.condition if self.is_on else CLEAR).value,
            response=self.response.value,
            suppression=tuple(suppression),
            severity=self.severity,
            value=self.value,
            limit=self.limit,
            time=self.last_time,
            late=self.late,
            by=by,
            reason=reason,
            rule_version=self.rule.version,
        )
        self._effects.steps.append(
            Step(
                transition=transition,
                rule=self.rule,
                source=self.source,
                notice=notice,
                raised_at=self.raised_at,
                since=self.since,
                latched=bool(self.rule.params.latched) and self.is_on,
                normal=self.normal_since is not None,
                facts=self.facts,
                gather=gather if notice is NoticeKind.RAISE else "",
            )
        )
        self.changed = True
        self.plan()

    def _worth(self, notice: NoticeKind | None, cause: str, suppression: Sequence[str]) -> NoticeKind | None:
        """What people are told of a step: nothing new while it is held back, nor one by one while it chatters."""
        if notice in _NEWS and suppression:
            return None
        if notice in {NoticeKind.RAISE, NoticeKind.SEVERITY} and cause in {"raised", "severity"}:
            is_old = is_old_news(late=self.late and self.is_past, severity=self.severity)
            return None if is_old or (self.chatter.is_on and cause == "raised") else notice
        if notice is NoticeKind.CLEAR and self.chatter.is_on and not self.spoken:
            return None
        return notice

    def cut_shelf(self) -> None:
        """Leave it no longer on its shelf than an alarm of its severity may be: it rose, or was edited."""
        shelf = self.hold.shelf
        if shelf is not None and self.severity:
            before = shelf.ends
            longest = longest_shelf(self.rule.params, self.severity)
            shelf.shorten(longest, self._time.now, self._time.wall(self._time.now))
            self.changed |= shelf.ends != before


def _is_due(due: int | None, now: int) -> bool:
    return due is not None and due <= now
