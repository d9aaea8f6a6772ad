"""Which doors need somebody to look at them, and at what: judged by what happened there in a period.

Most forced doors are no burglars but contacts, buttons and readers that are worn or not wired. The thresholds are
ours, until sites have taught better ones; docs/reports.md says them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from monitor.accessbook import DoorDay

__all__ = [
    "BOUNCES",
    "BOUNCES_LEAST",
    "FEW",
    "FINDINGS",
    "GRANTED_LEAST",
    "LATE",
    "SHAKES",
    "STANDS_OPEN",
    "STUCK",
    "UNUSED",
    "UNUSED_ELSEWHERE",
    "UNWIRED",
    "UNWIRED_LEAST",
    "Finding",
    "findings",
    "summed",
]

FINDINGS: Final = ("shakes", "late", "unwired", "sticks", "unused", "stands_open", "bounces")
"""What may be found at a door; the words say it, and what to look at, in each language."""

FEW: Final = 5
"""Fewer forced openings in a period say nothing of the door."""
SHAKES: Final = 0.5
"""So many of the forced openings were over within two seconds: the contact shakes."""
LATE: Final = 0.3
"""After so many of the forced openings came a card or an exit request: it is late."""
UNWIRED: Final = 0.5
"""So many of all openings have no cause, and no shaking or late button explains them."""
UNWIRED_LEAST: Final = 10
STUCK: Final = 600.0
"""Seconds for which a contact said open while cards were granted that did not open the door."""
GRANTED_LEAST: Final = 20
"""Fewer granted cards say nothing of how many are used."""
UNUSED: Final = 0.5
"""So many of the granted cards did not open the door."""
UNUSED_ELSEWHERE: Final = 0.2
"""At the other doors together no more than this: else it is how people are here."""
STANDS_OPEN: Final = 8 * 3600.0
"""Seconds that a door without hours of being unlocked stood open at one time."""
BOUNCES: Final = 0.2
"""So many bounces for each opening."""
BOUNCES_LEAST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found at a door: `times` of `whole` (None: there is nothing to compare with), or for `seconds`."""

    door: str
    kind: str
    times: int | None = None
    whole: int | None = None
    seconds: float | None = None


def summed(door: str, first: date, days: Iterable[DoorDay]) -> DoorDay:
    """The days of a door together, as if they were one."""
    those = list(days)
    causes: dict[str, int] = {}
    for each in those:
        for cause, count in each.opened.items():
            causes[cause] = causes.get(cause, 0) + count
    return DoorDay(
        door=door,
        day=first,
        opened=causes,
        forced=sum(each.forced for each in those),
        forced_short=sum(each.forced_short for each in those),
        forced_late=sum(each.forced_late for each in those),
        bounces=sum(each.bounces for each in those),
        granted=sum(each.granted for each in those),
        denied=sum(each.denied for each in those),
        unused=sum(each.unused for each in those),
        held=sum(each.held for each in those),
        open_s=sum(each.open_s for each in those),
        longest_s=max((each.longest_s for each in those), default=0.0),
        stuck_s=sum(each.stuck_s for each in those),
    )


def findings(sums: Mapping[str, DoorDay], unlocked: Iterable[str] = ()) -> list[Finding]:
    """Judge doors by the sums of their days; `unlocked`: doors that are open to everybody at some hours."""
    found = []
    for door, told in sums.items():
        others = [each for name, each in sums.items() if name != door]
        found += [*_forced(told), *_contact(told, others, is_unlocked=door in set(unlocked))]
    return found


def _forced(told: DoorDay) -> list[Finding]:
    """Why a door is said to be forced that is not."""
    found = []
    is_shaking = told.forced >= FEW and told.forced_short >= SHAKES * told.forced
    is_late = told.forced >= FEW and told.forced_late >= LATE * told.forced
    if is_shaking:
        found.append(Finding(door=told.door, kind="shakes", times=told.forced_short, whole=told.forced))
    if is_late:
        found.append(Finding(door=told.door, kind="late", times=told.forced_late, whole=told.forced))
    rest = told.forced - told.forced_short - told.forced_late
    opened = sum(told.opened.values())
    if rest >= UNWIRED_LEAST and rest >= UNWIRED * opened:
        found.append(Finding(door=told.door, kind="unwired", times=rest, whole=opened))
    return found


def _contact(told: DoorDay, others: Iterable[DoorDay], *, is_unlocked: bool) -> list[Finding]:
    """A contact that sticks or bounces, a lock that does not open, a door that stands open."""
    found = []
    if told.stuck_s >= STUCK:
        found.append(Finding(door=told.door, kind="sticks", seconds=told.stuck_s))
    elif told.granted >= GRANTED_LEAST and told.unused >= UNUSED * told.granted and _is_used(others):
        found.append(Finding(door=told.door, kind="unused", times=told.unused, whole=told.granted))
    if told.longest_s >= STANDS_OPEN and not is_unlocked:
        found.append(Finding(door=told.door, kind="stands_open", seconds=told.longest_s))
    opened = sum(told.opened.values())
    if told.bounces >= BOUNCES_LEAST and told.bounces >= BOUNCES * opened:
        found.append(Finding(door=told.door, kind="bounces", times=told.bounces, whole=opened))
    return found


def _is_used(others: Iterable[DoorDay]) -> bool:
    """Whether at the other doors people do open the door that they were granted."""
    those = list(others)
    granted = sum(each.granted for each in those)
    return granted >= GRANTED_LEAST and sum(each.unused for each in those) <= UNUSED_ELSEWHERE * granted
