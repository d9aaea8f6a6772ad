"""What becomes of a row of the outbox when its time has come: a pure function with reasons.

The history of a row is every other row of its occurrence for the same person and channel.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from monitor.model import SEVERITY_RANK
from monitor.notices import ALARMING

__all__ = [
    "ANNOUNCING",
    "ON_ITS_WAY",
    "PENDING",
    "TOLD_SINCE",
    "Action",
    "Decision",
    "GetStanding",
    "Past",
    "Standing",
    "decide",
    "is_old_news",
]

PENDING: Final = frozenset({"queued", "sending", "failed"})
"""States of a row that may still be sent."""

ON_ITS_WAY: Final = "another message of this alarm is on its way"
_TAKEN_AWAY: Final = "the alarm was given to somebody else, or to nobody"
TOLD_SINCE: Final = "another step of the escalation has told this person since"

ANNOUNCING: Final = ALARMING | {"assigned"}
"""What somebody knows of an alarm by, and what follows of it comes after."""


class Standing(NamedTuple):
    """How an occurrence stands in the state of alarms; whoever answers it may answer a plain tuple."""

    acknowledged: bool
    cleared: bool
    held: bool = False
    """It is shelved, suppressed or out of service."""
    assigned_to: str | None = None
    """Who was given it; empty: nobody; None: that is not known."""

    def is_with(self, person: str) -> bool:
        """Whether somebody who was given it still has it."""
        return self.assigned_to in {None, person}


GetStanding = Callable[[sqlite3.Connection, str], tuple[Any, ...]]
"""The fields of a `Standing` of an occurrence; called in a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What counts of a row.

    `momentary`: it is about an event alarm, which is clear from the beginning. `telling`: the telling that it is a
    part of; steps and repeats of one escalation share it. `number`: that of the alarm's step that it tells of.
    `until_clear`: also told when somebody has acknowledged. `digest`: it waits for a digest, in which what is over
    has a line, however little severe it is. `fell_back`: it could not be delivered over the channel over which the
    person was told before. `due`: when its step had come; `sent_at`: when it was delivered, if it was (UTC ms).
    """

    id: int
    kind: str
    state: str
    step: int
    severity: str
    expires: int
    maybe_delivered: bool = False
    momentary: bool = False
    digest: bool = False
    telling: str = ""
    number: int | None = None
    person: str = ""
    until_clear: bool = False
    fell_back: bool = False
    due: int = 0
    sent_at: int | None = None

    @property
    def told(self) -> bool:
        """Whether the person knows of the alarm by it, or may know."""
        return self.kind in ANNOUNCING and (self.state in {"sent", "unknown"} or self.maybe_delivered)

    def is_after(self, other: "Past") -> bool:
        """Whether it is of a later step of the alarm; a row that was given to somebody else has a later id."""
        mine, theirs = self.number, other.number
        return self.id > other.id if mine is None or theirs is None else (mine, self.id) > (theirs, other.id)


class Action(StrEnum):
    """What to do with a row that is due."""

    SEND = "send"
    COMBINE = "combine"
    WAIT = "wait"
    DROP = "drop"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why in words for the list of notifications."""

    action: Action
    reason: str = ""


def decide(
    row: Past, history: Sequence[Past], standing: Standing, now: int, elsewhere: Sequence[Past] = ()
) -> Decision:
    """Decide what becomes of a row that is due; `now` in UTC ms. `elsewhere`: their rows on other channels."""
    if any(other.state == "sending" for other in history):
        return Decision(Action.WAIT, ON_ITS_WAY)
    if not standing.is_with(row.person):
        history = [other for other in history if other.kind != "assigned"]
    decision = _judge(row, history, standing)
    if decision.action in {Action.SEND, Action.COMBINE} and is_old_news(row, elsewhere):
        decision = Decision(Action.DROP, "a newer message over another channel replaces it")
    if decision.action in {Action.SEND, Action.COMBINE} and now >= row.expires:
        return Decision(Action.EXPIRE, "expired")
    return decision


def _judge(row: Past, history: Sequence[Past], standing: Standing) -> Decision:
    if row.kind == "self_test":
        return Decision(Action.SEND)
    if row.kind == "assigned":
        is_theirs = standing.is_with(row.person)
        return Decision(Action.SEND) if is_theirs else Decision(Action.DROP, _TAKEN_AWAY)
    if row.kind in ALARMING:
        return _alarming(row, history, standing)
    if row.kind == "remind":
        return _reminding(row, history, standing)
    return _informing(row, history, standing)


def _alarming(row: Past, history: Sequence[Past], standing: Standing) -> Decision:
    cleared = any(other.kind == "clear" and other.is_after(row) for other in history)
    if reason := _needless(row, standing, cleared=cleared):
        return Decision(Action.DROP, reason)
    if reason := _known_already(row, history, is_over=standing.cleared and not cleared and not row.momentary):
        return Decision(Action.DROP, reason)
    if not cleared:
        return Decision(Action.SEND)
    if row.maybe_delivered or _any_told(history):
        return Decision(Action.DROP, "the alarm had cleared; the message about that follows")
    if not row.digest and SEVERITY_RANK[row.severity] < SEVERITY_RANK["high"]:
        return Decision(Action.DROP, "the alarm had cleared")
    return Decision(Action.COMBINE)


def _known_already(row: Past, history: Sequence[Past], *, is_over: bool) -> str:
    """Why the person needs no message of a beginning; `is_over`: its end was told before. Or nothing."""
    if any(_replaces(other, row) for other in history):
        return "a newer message replaces it"
    if any(_tells_the_same(other, row) for other in history):
        return TOLD_SINCE
    return "the alarm had cleared, and this person knows of it" if is_over and _any_told(history) else ""


def _needless(row: Past, standing: Standing, *, cleared: bool) -> str:
    """Why an alarm is held back, or its escalation is over; or nothing."""
    if standing.held:
        return "the alarm was shelved, suppressed or taken out of service"
    if row.step == 0:
        return ""
    if standing.acknowledged and (row.momentary or not row.until_clear):
        return "the alarm was acknowledged"
    return "the alarm had cleared" if cleared or (standing.cleared and not row.momentary) else ""


def _replaces(other: Past, row: Past) -> bool:
    """Whether the escalation has begun anew since: at once, or from its first step."""
    newer = other.kind in ALARMING and other.is_after(row) and other.state != "dead"
    newer = newer and not (row.telling and other.telling == row.telling)
    return newer and (other.step == 0 or row.step > 0)


def is_old_news(row: Past, elsewhere: Iterable[Past]) -> bool:
    """Somebody's channels are others for another severity: what is told anew over one speaks for all of them."""
    if row.kind not in ALARMING or row.maybe_delivered:
        return False
    return any(_replaces(other, row) and other.state != "superseded" for other in elsewhere)


def _tells_the_same(other: Past, row: Past) -> bool:
    """Whether another step, or repeat, of the same telling went out after this one was due: that is enough."""
    same = bool(row.telling) and other.telling == row.telling and other.kind in ALARMING
    return same and other.sent_at is not None and other.sent_at >= row.due


def _reminding(row: Past, history: Sequence[Past], standing: Standing) -> Decision:
    """A reminder is one of a message that went out; what came after that speaks for itself."""
    if standing.held:
        return Decision(Action.DROP, "the alarm was shelved, suppressed or taken out of service")
    if standing.acknowledged:
        return Decision(Action.DROP, "the alarm was acknowledged")
    ended = any(other.kind == "clear" and other.id > row.id for other in history)
    if ended or (standing.cleared and not row.momentary):
        return Decision(Action.DROP, "the alarm had cleared")
    if any(other.kind in ALARMING and other.id > row.id and other.state != "dead" for other in history):
        return Decision(Action.DROP, "a newer message replaces it")
    return Decision(Action.SEND)


def _informing(row: Past, history: Sequence[Past], standing: Standing) -> Decision:
    if any(_must_come_first(other, row) for other in history):
        return Decision(Action.WAIT, "an earlier message of this alarm comes first")
    if not row.fell_back and not _any_told(other for other in history if other.id < row.id):
        return Decision(Action.DROP, "this person was never told of the alarm")
    if row.kind == "shelf_expiring" and (standing.cleared or not standing.held):
        return Decision(Action.DROP, "the shelf or the alarm is over")
    ends = [other for other in history if other.kind == "clear"]
    if row.kind == "acknowledged" and any(other.id > row.id or other.sent_at is not None for other in ends):
        return Decision(Action.DROP, "the alarm had cleared, of which there is a message")
    return Decision(Action.SEND)


def _must_come_first(other: Past, row: Past) -> bool:
    """An earlier alarm does, unless it only waits for its time as a later step of the escalation."""
    earlier = other.kind in ANNOUNCING and other.id < row.id and other.state in PENDING
    return earlier and (other.step == 0 or other.state != "queued")


def _any_told(history: Iterable[Past]) -> bool:
    return any(other.told for other in history)
