"""What a sink can say beyond the two errors every sink has."""

from collections.abc import Mapping
from typing import Final

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.model import Position

__all__ = ["SETUP", "AllRejected", "BucketMissing", "EntriesRejected", "SinkMisconfigured"]

SETUP: Final = "facility-monitor influx setup FILE"
"""What an administrator of InfluxDB says, who has to make or mend something there."""


class SinkMisconfigured(SinkUnavailable):
    """Somebody has to change a setting or a right; everything is kept and tried again, slowly.

    `status`: what a server has answered, where it was one (HTTP; 0: it was not).
    """

    def __init__(self, message: str, *, what_to_do: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.what_to_do = what_to_do
        self.status = status


class BucketMissing(SinkMisconfigured):
    """The bucket that was to be written to is not there."""


class AllRejected(SinkRejected):
    """Everything that was sent is refused: nobody has to look for the good part."""


class EntriesRejected(SinkRejected):
    """Exactly these entries will never be taken, and why; all others of the batch are written.

    `lines`: what was sent of them, where the sink knows it.
    """

    def __init__(self, reasons: Mapping[Position, str], lines: Mapping[Position, bytes] | None = None) -> None:
        super().__init__(next(iter(reasons.values()), ""))
        self.reasons = reasons
        self.lines = lines or {}
