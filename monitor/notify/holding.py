"""Why a message that could go out now waits all the same, and what goes out together: pure functions with reasons.

Quiet hours, budget, flood, group and pace, in this order; nothing holds what is critical. Times are UTC ms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from monitor.model import SEVERITY_RANK, Severity
from monitor.notices import NoticeKind
from monitor.notify import quiet
from monitor.staff import Grouping, Person

__all__ = ["DIGESTS", "FREE", "Flood", "GroupTold", "Hold", "Lane", "Waiting", "goes_along", "hold", "why"]

DIGESTS: Final = ("quiet", "budget")
"""What waits for these comes in a digest, in which what is over meanwhile has its line, too."""

FREE: Final = frozenset({"report", "self_test"})
"""Kinds of messages that no alarm stands behind: they wait for nothing here, and count for nothing."""

_WHYS: Final = ("quiet", "budget", "flood", "maintenance", "group", "pace")
_FRESH: Final = frozenset({"", "order", "channel"})
_LONGEST_FLOOD: Final = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What counts of a row here. `group`: alarms of one place; `gather`: told together by the engine's wish.

    `is_late`: it has waited for others of a backlog already.
    """

    kind: str
    severity: str
    notification: str = ""
    step: int = 0
    held: str = ""
    created: int = 0
    next_at: int = 0
    attempts: int = 0
    group: str = ""
    gather: str = ""
    is_late: bool = False

    @property
    def is_critical(self) -> bool:
        """Whether it is about something that cannot wait."""
        return self.severity == Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class GroupTold:
    """When something of a group was told last, and how severe the most severe of it was."""

    at: int
    rank: int


@dataclass(frozen=True, slots=True)
class Flood:
    """The digest of a flood that a lane waits for: when it is due, its name, and when its newest row was made."""

    due: int
    gather: str
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What has happened on one channel of one person.

    `groups`: those told within the interval. `over_budget`: until when what is below high waits, because the
    budget is used up; but for `told`, the notifications that the person had within a day or has on the way, over
    whatever channel. `paced_until`: until when nothing but what is critical goes out, because something just did.
    """

    person: Person
    groups: Mapping[str, GroupTold] = field(default_factory=dict)
    flood: Flood | None = None
    over_budget: int | None = None
    told: frozenset[str] = frozenset()
    paced_until: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Until when a row waits and what for; `gather`: the digest of a flood that it joins."""

    held: str
    until: int
    gather: str = ""


def hold(row: Waiting, lane: Lane, grouping: Grouping, now: int, zone: ZoneInfo) -> Hold | None:
    """Say until when a row that is due waits; None: it may go out now."""
    if row.kind in FREE:
        return None
    found = quiet.held_until(lane.person, row.severity, now, zone)
    if found is not None:
        return Hold("quiet", found[0])
    if row.is_critical:
        return None
    held = None if row.held in DIGESTS else _budget(row, lane, now) or _flood(row, lane, now)
    if held is None and row.held not in DIGESTS:
        held = _group(row, lane, grouping, now)
    return held or _pace(lane, now)


def _budget(row: Waiting, lane: Lane, now: int) -> Hold | None:
    if row.attempts or SEVERITY_RANK[row.severity] >= SEVERITY_RANK["high"]:
        return None
    until = lane.over_budget
    if until is None or until <= now or row.notification in lane.told:
        return None
    return Hold("budget", until)


def _flood(row: Waiting, lane: Lane, now: int) -> Hold | None:
    """What was raised before the flood was one, and still waits, is of the flood."""
    flood = lane.flood
    if flood is None or row.kind != NoticeKind.RAISE or row.gather or row.attempts:
        return None
    of_it = row.created <= flood.newest and now < flood.due <= now + _LONGEST_FLOOD
    return Hold("flood", flood.due, flood.gather) if of_it else None


def _group(row: Waiting, lane: Lane, grouping: Grouping, now: int) -> Hold | None:
    is_told_at_once = row.kind != NoticeKind.RAISE or row.step or row.gather or row.is_late or row.attempts
    if grouping.wait <= 0 or is_told_at_once:
        return None
    told = lane.groups.get(row.group)
    if told is not None and SEVERITY_RANK[row.severity] <= told.rank:
        until = told.at + round(1000 * grouping.interval)
        if until > now:
            return Hold("group", until)
    until = row.next_at + round(1000 * grouping.wait)
    return Hold("group", until) if row.held in _FRESH and until > now else None


def _pace(lane: Lane, now: int) -> Hold | None:
    until = lane.paced_until
    return None if until is None or until <= now else Hold("pace", until)


def goes_along(first: Waiting, other: Waiting, grouping: Grouping) -> bool:
    """Whether a row that may go out now, too, goes out in the same message as the first one."""
    if other.kind in FREE or first.kind in FREE:
        return False
    if first.gather and other.gather == first.gather and first.kind == other.kind == NoticeKind.RAISE:
        return True
    if first.is_critical or other.is_critical:
        return False
    if grouping.pace > 0 or (first.held in DIGESTS and other.held in DIGESTS):
        return True
    same = first.group == other.group and not first.gather and not other.gather
    return grouping.wait > 0 and same and first.kind == other.kind == NoticeKind.RAISE


def why(rows: Sequence[Waiting]) -> str:
    """Why rows go out in one message, by what they waited for; rows that the engine gathers say so themselves."""
    reasons = {word for row in rows for word in (row.held, row.gather.partition(":")[0])}
    found = next((each for each in _WHYS if each in reasons), "pace")
    if found == "group" and len({(row.kind, row.group) for row in rows}) > 1:
        return "pace"
    return found
