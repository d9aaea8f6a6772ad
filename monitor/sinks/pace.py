"""How long a sink pauses before it is asked again: pure, so that every row of the table can be tested."""

from dataclasses import dataclass

from monitor.errors import FacilityMonitorError, SinkUnavailable
from monitor.sinks.rejection import SinkMisconfigured

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds: between two batches while little is to be written, and the first and longest pause of an outage.

    A wrong setting is tried again after the longest.
    """

    interval: float = 1.0
    first: float = 1.0
    longest: float = 60.0

    def pause(self, error: FacilityMonitorError, attempt: int, chance: float) -> float:
        """Answer the seconds to wait after failure number `attempt` (from 0); `chance` is in [0, 1).

        The pause doubles up to the longest, and half of it is left to chance, so that many boxes do not come back
        at once. What the server asks for (`Retry-After`) is never undercut.
        """
        slowly = isinstance(error, SinkMisconfigured)
        pause = self.longest if slowly else min(self.longest, self.first * 2.0 ** min(attempt, 32))
        pause *= 0.5 + chance / 2
        wish = error.retry_after if isinstance(error, SinkUnavailable) else None
        return pause if wish is None else max(pause, wish)
