"""What the program's log says of messages: once when a channel is lost and once when it is back.

Each row has its own result in the table.
"""

import structlog

from monitor.notify.attempt import Attempt, Lane
from monitor.notify.store import Outcome

__all__ = ["Edges"]

_LOG = structlog.get_logger()


class Edges:
    """Remembers which channels are lost and which reports cannot be built."""

    def __init__(self) -> None:
        self._lost: set[Lane] = set()
        self._unbuilt: set[str] = set()

    def log(self, attempt: Attempt, outcome: Outcome) -> None:
        """Log what is news of an attempt."""
        person, channel = attempt.lane
        if attempt.is_report and self._log_report(attempt, outcome):
            return
        if outcome.state == "sent":
            if attempt.lane in self._lost:
                self._lost.discard(attempt.lane)
                _LOG.info("channel_back", person=person, channel=channel)
        elif attempt.lane not in self._lost:
            self._lost.add(attempt.lane)
            _LOG.warning("channel_lost", person=person, channel=channel, state=outcome.state, error=outcome.error)

    def _log_report(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Log once when a report cannot be built, and when it is given up; True when no channel is to blame."""
        about = attempt.occurrence
        if outcome.unbuilt and about not in self._unbuilt:
            self._unbuilt.add(about)
            _LOG.warning("report_not_built", report=about, error=outcome.error)
        elif outcome.state == "sent":
            self._unbuilt.discard(about)
            _LOG.info("report_sent", report=about, person=attempt.lane[0], channel=attempt.lane[1])
        elif outcome.state in {"dead", "unknown"}:
            _LOG.error("report_given_up", report=about, person=attempt.lane[0], error=outcome.error)
        return outcome.unbuilt
