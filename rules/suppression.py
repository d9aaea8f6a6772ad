"""What keeps people from being told of an alarm: a shelf, other alarms or maintenance, being out of service.

The three may hold at once. None of them changes what the alarm is: it is judged, raised and cleared as ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from monitor.settings.model import RuleModel
from rules.states import ms

__all__ = [
    "LONGEST_REVIEW",
    "LONGEST_SHELF",
    "OUT_OF_SERVICE",
    "SHELVED",
    "SUPPRESSED",
    "Above",
    "Hold",
    "Service",
    "Shelf",
    "in_words",
    "longest_shelf",
    "reminded_before",
]

SHELVED: Final = "shelved"
SUPPRESSED: Final = "suppressed"
OUT_OF_SERVICE: Final = "out_of_service"

_MINUTE: Final = 60_000
_HOUR: Final = 3_600_000
_DAY: Final = 86_400_000

LONGEST_SHELF: Final[Mapping[str, int]] = {
    "critical": _HOUR,
    "high": 8 * _HOUR,
    "medium": 7 * _DAY,
    "low": 7 * _DAY,
}
"""Severity -> ms for which an alarm may be shelved; source: the design's contracts."""

LONGEST_REVIEW: Final = 366 * _DAY
"""How far ahead the review of an alarm that is out of service may lie, in ms."""

_SOON: Final = 10 * _MINUTE
_SHARE: Final = 10


def longest_shelf(params: RuleModel, severity: str) -> int:
    """Milliseconds for which an alarm of a severity may be shelved; 0: never."""
    if params.longest_shelf is not None:
        return ms(params.longest_shelf)
    return LONGEST_SHELF[severity]


def reminded_before(span: int) -> int:
    """Milliseconds before the end of a shelf of `span` ms at which people are told that it ends."""
    return min(_SOON, span // _SHARE)


def in_words(span: int) -> str:
    """Milliseconds as people say them: `8 h`, `7 days`, `15 min`."""
    for size, unit in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if span >= size and (span % size == 0 or span >= 2 * size):
            count = span / size
            return f"{count:g} {'day' if unit == 'days' and count == 1 else unit}"
    return f"{span / 1000:g} s"


class Above(Protocol):
    """What else may keep an alarm from being told: the alarms that it hangs below, and maintenance."""

    def now(self) -> tuple[str, ...]:
        """Names of what does so now: keys of alarms, and `maintenance:ID`."""

    def due(self, names: Sequence[str]) -> int | None:
        """Say when time alone ends one of the names."""

    def title(self, name: str) -> str:
        """What people call one of the names."""


@dataclass(slots=True, kw_only=True)
class Shelf:
    """Somebody does not want to hear of an alarm for a while.

    It ends at `until` (UTC ms) or `ends` (engine ms), whichever is first: a clock set back prolongs nothing.
    `oneshot`: it ends when the alarm clears, too. `remind`: when people are told that it ends (engine ms).
    """

    until: int
    ends: int
    by: str
    why: str
    oneshot: bool = False
    remind: int | None = None

    def shorten(self, longest: int, now: int, wall: int) -> None:
        """End it no later than `longest` ms from now."""
        if self.ends > now + longest:
            self.ends, self.until = now + longest, min(self.until, wall + longest)
            if self.remind is not None:
                self.remind = self.ends - reminded_before(longest)

    def over_at(self, offset: int) -> int:
        """Engine time of its end; `offset` is that between engine time and the clock now."""
        return min(self.ends, self.until + offset)


@dataclass(slots=True, kw_only=True)
class Service:
    """An alarm is out of service until somebody returns it, and is looked at again at `review_at` (UTC ms)."""

    by: str
    why: str
    review_at: int


class Hold:
    """All that keeps one alarm from being told. `by`: the names of `Above` that hold it while it is open."""

    __slots__ = ("above", "by", "service", "shelf")

    def __init__(self) -> None:
        self.shelf: Shelf | None = None
        self.service: Service | None = None
        self.by: tuple[str, ...] = ()
        self.above: Above | None = None

    @property
    def lasts(self) -> bool:
        """Whether somebody wanted it, so that it holds while the alarm is clear as well."""
        return self.shelf is not None or self.service is not None

    def names(self, by: Sequence[str] | None = None) -> tuple[str, ...]:
        """Answer the states as transitions carry them; `by` instead of what holds the alarm while it is open."""
        by = self.by if by is None else by
        if not by and not self.lasts:
            return ()
        held = ((SHELVED, self.shelf), (SUPPRESSED, by), (OUT_OF_SERVICE, self.service))
        return tuple(name for name, what in held if what)

    def look(self) -> tuple[str, ...]:
        """Answer what is above it now."""
        return self.above.now() if self.above is not None else ()

    def title(self, names: Sequence[str]) -> str:
        """What people call the first of some names."""
        return self.above.title(names[0]) if self.above is not None and names else ""

    def release(self) -> None:
        """End all of it."""
        self.shelf = self.service = None
        self.by = ()

    def dump(self) -> Mapping[str, Any] | None:
        """Answer the memory, JSON-ready; None when there is nothing to remember."""
        if not self.lasts and not self.by:
            return None
        return {
            "shelf": None if self.shelf is None else asdict(self.shelf),
            "service": None if self.service is None else asdict(self.service),
            "suppressed_by": list(self.by),
        }

    def load(self, memory: Mapping[str, Any] | None) -> None:
        """Take back what `dump` gave."""
        if memory is None:
            return
        self.shelf = None if memory["shelf"] is None else Shelf(**memory["shelf"])
        self.service = None if memory["service"] is None else Service(**memory["service"])
        self.by = tuple(memory["suppressed_by"])
