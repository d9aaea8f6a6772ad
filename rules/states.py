"""The states of an alarm, and the small things that all who make its steps share."""

from enum import StrEnum
from hashlib import blake2s
from typing import Final

from monitor.model import SEVERITY_RANK, Value

__all__ = [
    "ACTIVE",
    "CLEAR",
    "IS_ON",
    "KEPT",
    "PENDING",
    "RECOVERING",
    "Condition",
    "Response",
    "is_old_news",
    "ms",
    "number",
    "occurrence_id",
]


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


CLEAR: Final = Condition.CLEAR
PENDING: Final = Condition.PENDING
ACTIVE: Final = Condition.ACTIVE
RECOVERING: Final = Condition.RECOVERING
"""The conditions by names of their own: to look a member up in its class takes longer than to compare it."""

IS_ON: Final = frozenset({ACTIVE, RECOVERING})
"""Conditions in which an alarm is there."""


KEPT: Final = (
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
    "known_until",
    "off_since",
    "normal_since",
    "down_from",
    "down_held",
    "over_at",
    "acked_at",
    "last_time",
    "near_misses",
    "late",
    "facts",
    "spoken",
    "silent",
)
"""What is remembered of an alarm, beside what holds it back and whether it chatters."""


def ms(seconds: float) -> int:
    """Seconds of a setting in milliseconds."""
    return round(seconds * 1000)


def number(value: Value | None) -> float | None:
    """A value as transitions carry it; texts have none."""
    if type(value) is float:
        return value
    return None if value is None or isinstance(value, str) else float(value)


def occurrence_id(*parts: str | int) -> str:
    """The same parts give the same id, in every replay."""
    return blake2s("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def is_old_news(*, late: bool, severity: str) -> bool:
    """Whether nobody needs to be told: it was over long before it was heard of, and was not severe."""
    return late and SEVERITY_RANK[severity] < SEVERITY_RANK["high"]
