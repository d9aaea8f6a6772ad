"""What people have to hear of alarms: notices, and the rows of the outbox that come of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from monitor.model import Transition
from monitor.site import Rule, Source

__all__ = ["ALARMING", "Notice", "NoticeKind", "OutboxRow", "Router", "repeat_of", "step_of", "telling_of"]


class NoticeKind(StrEnum):
    """Why people are told."""

    RAISE = "raise"
    SEVERITY = "severity"
    CLEAR = "clear"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    SHELF_EXPIRING = "shelf_expiring"
    CHATTER = "chatter"
    REMIND = "remind"
    REPORT = "report"
    SELF_TEST = "self_test"


ALARMING: Final = frozenset({NoticeKind.RAISE, NoticeKind.SEVERITY, NoticeKind.CHATTER})
"""What tells somebody that an alarm is there; what else there is follows one of these."""

_AGAIN: Final = ":again"


def telling_of(notification: str) -> str:
    """The telling that a notification is a part of, whichever repeat of the escalation's last step it is."""
    return notification.partition(_AGAIN)[0]


def step_of(notification: str, kind: str) -> int | None:
    """The number of the alarm's step that a notification tells of; None for a reminder, which tells of none."""
    number = telling_of(notification).rpartition(":")[2]
    return int(number) if number.isdecimal() and kind != NoticeKind.REMIND else None


def repeat_of(notification: str, number: int) -> str:
    """The id of so manieth repeat of a notification."""
    return f"{notification}{_AGAIN}{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A transition that people have to hear of. `told`: (person, channel) pairs with a row for the occurrence.

    `facts`: what the rule wants to have told besides, JSON-ready. `source`: what the alarm is about, where that is
    known. `gather`: notices with the same text are told in one message; `wait`: ms that it waits for more of them.
    `earlier`: the last of the same alarm within seven days: `occurrence`, `time` (of its raise, UTC ms), `count`
    (which one this is within them), and `cause` and `note` where its case was closed. `to`: who was given it.
    """

    kind: NoticeKind
    transition: Transition
    rule: Rule
    raised_at: int
    source: Source | None = None
    told: frozenset[tuple[str, str]] = frozenset()
    facts: Mapping[str, str | float] = field(default_factory=dict)
    gather: str = ""
    wait: int = 0
    earlier: Mapping[str, str | int] = field(default_factory=dict)
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message to one person over one channel; unique by (notification_id, person, channel).

    `not_before` and `expires` are UTC ms; `step` is the escalation step that wants it; `body` is what the
    message's template needs, JSON-ready.
    """

    notification_id: str
    occurrence: str
    kind: NoticeKind
    person: str
    channel: str
    step: int
    severity: str
    not_before: int
    expires: int
    body: Mapping[str, Any]


Router = Callable[[Notice], Sequence[OutboxRow]]
"""Decides who hears of a notice: pure, so that its rows are written in the transition's own transaction."""
