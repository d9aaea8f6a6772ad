"""The states of an alarm, and the small things that all who make its steps share."""

from enum import StrEnum
from hashlib import blake2s
from typing import Final

from monitor.model import SEVERITY_RANK, Value

__all__ = ["IS_ON", "Condition", "Response", "is_old_news", "ms", "number", "occurrence_id"]


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


IS_ON: Final = frozenset({Condition.ACTIVE, Condition.RECOVERING})
"""Conditions in which an alarm is there."""


def ms(seconds: float) -> int:
    """Seconds of a setting in milliseconds."""
    return round(seconds * 1000)


def number(value: Value | None) -> float | None:
    """A value as transitions carry it; texts have none."""
    return None if value is None or isinstance(value, str) else float(value)


def occurrence_id(*parts: str | int) -> str:
    """The same parts give the same id, in every replay."""
    return blake2s("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def is_old_news(*, late: bool, severity: str) -> bool:
    """Whether nobody needs to be told: it was over long before it was heard of, and was not severe."""
    return late and SEVERITY_RANK[severity] < SEVERITY_RANK["high"]
