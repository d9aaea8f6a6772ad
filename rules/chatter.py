"""An alarm that comes and goes again and again: people are told once, and then when it has made up its mind."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

__all__ = ["QUIET_AFTER", "Chatter"]

QUIET_AFTER: Final = 1_800_000
"""After so long without a change (ms) an alarm does not chatter any more."""

_LIMITS: Final = ((3, 60_000), (10, 3_600_000))
"""So many raises within so many ms are too many; source: the design's alarms page, row 21."""
_MOST: Final = max(count for count, _ in _LIMITS)


@dataclass(slots=True)
class Chatter:
    """Counts the raises of one alarm. Engine ms, but for `raised_at` and `since`, which are UTC ms.

    `occurrence`, `step`, `severity`, `raised_at` and `since` are those of the occurrence whose people were told.
    """

    times: list[int] = field(default_factory=list)
    is_on: bool = False
    last: int = 0
    occurrence: str = ""
    step: int = 0
    severity: str = ""
    raised_at: int = 0
    since: int = 0

    def counts(self, at: int) -> str:
        """Take a raise; answers in words why it chatters from now on, or nothing."""
        self.times = [*self.times, at][-_MOST:]
        if self.is_on:
            return ""
        for count, span in _LIMITS:
            if len(self.times) >= count and at - self.times[-count] < span:
                return f"raised {count} times within {'a minute' if span == _LIMITS[0][1] else 'an hour'}"
        return ""

    def due(self) -> int | None:
        """Say when it has been quiet for long enough."""
        return self.last + QUIET_AFTER if self.is_on else None

    def end(self) -> None:
        """Begin anew."""
        self.is_on = False
        self.times.clear()

    def dump(self) -> Mapping[str, Any] | None:
        """Answer the memory, JSON-ready; None when there is nothing to remember."""
        return asdict(self) if self.times or self.is_on else None

    def load(self, memory: Mapping[str, Any] | None) -> None:
        """Take back what `dump` gave."""
        for name, value in (memory or {}).items():
            setattr(self, name, value)
