"""How each device did by the hour (UTC): pure, from the minutes that the judge ends. Times are UTC ms.

An hour is told every ten minutes while it runs, and once more when a later one has begun: dashboards of months ask
for these rows, and not for sixty times as many minutes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from monitor.fieldkeys import (
    HEALTH_ERROR,
    HEALTH_ERRORS,
    HEALTH_LOSS,
    HEALTH_MINUTES,
    HEALTH_POLL_MS,
    HEALTH_POLLS,
    HEALTH_SEEN,
    HEALTH_STATE,
    HEALTH_STATE_END,
    HEALTH_STATE_NUMBER,
    HEALTH_UP_MINUTES,
    HEALTH_UP_PCT,
)
from monitor.health.judge import MINUTE, Minute
from monitor.model import Value
from monitor.schema import HEALTH_WORSE

__all__ = ["Hour", "Hours"]

_HOUR: Final = 3_600_000
_TELL: Final = 600_000
_RANK: Final = {state: rank for rank, state in enumerate(HEALTH_WORSE)}


class Hour(NamedTuple):
    """How a device did in the hour that began at `start`, as far as its last minute that is judged, `until`."""

    device: str
    start: int
    until: int
    values: Mapping[str, Value]


class _Counts:
    """What is remembered of a device's hour; `told`: the end of the last minute that was in a word on it."""

    __slots__ = (
        "end",
        "error",
        "errors",
        "loss",
        "losses",
        "minutes",
        "poll_ms",
        "polled",
        "polls",
        "seen",
        "start",
        "told",
        "until",
        "up",
        "worst",
    )

    def __init__(self) -> None:
        self.seen = self.until = self.end = 0
        self.begin(0)

    def begin(self, start: int) -> None:
        """Count anew, from nothing."""
        self.start = self.told = start
        self.minutes = self.up = self.worst = self.polls = self.errors = self.losses = self.polled = 0
        self.loss = self.poll_ms = 0.0
        self.error = ""

    def count(self, minute: Minute, poll_ms: float | None, error: str, weight: int) -> None:
        """Count a minute (or a step of `weight` minutes) that is later than those before."""
        self.until = minute.time
        self.minutes += weight
        if minute.up:
            self.up += weight
            self.seen = minute.time
        self.end = _RANK[minute.state]
        self.worst = max(self.worst, self.end)
        self.error = error or self.error
        self.polls += minute.polls
        self.errors += minute.errors
        if minute.loss is not None:
            self.loss += minute.loss
            self.losses += 1
        if poll_ms is not None:
            self.poll_ms += poll_ms
            self.polled += 1

    def tell(self, device: str) -> Hour:
        """Answer what there is to say of it now."""
        self.told = self.until
        values: dict[str, Value] = {
            HEALTH_UP_PCT: round(100 * self.up / self.minutes, 2),
            HEALTH_UP_MINUTES: self.up,
            HEALTH_MINUTES: self.minutes,
            HEALTH_STATE: HEALTH_WORSE[self.worst],
            HEALTH_STATE_NUMBER: self.worst,
            HEALTH_STATE_END: HEALTH_WORSE[self.end],
            HEALTH_POLLS: self.polls,
            HEALTH_ERRORS: self.errors,
        }
        if self.losses:
            values[HEALTH_LOSS] = round(100 * self.loss / self.losses, 2)
        if self.polled:
            values[HEALTH_POLL_MS] = round(self.poll_ms / self.polled, 2)
        if self.error:
            values[HEALTH_ERROR] = self.error
        if self.seen:
            values[HEALTH_SEEN] = self.seen
        return Hour(device, self.start, self.until, values)

    def dump(self) -> list[Any]:
        when = [self.start, self.until, self.told, self.seen]
        counts = [self.minutes, self.up, self.worst, self.end, self.polls, self.errors]
        return [when, counts, [self.loss, self.losses], [self.poll_ms, self.polled], self.error]

    def load(self, kept: Sequence[Any]) -> None:
        (self.start, self.until, self.told, self.seen), counts, loss, polled, self.error = kept
        self.minutes, self.up, self.worst, self.end, self.polls, self.errors = counts
        (self.loss, self.losses), (self.poll_ms, self.polled) = loss, polled


class Hours:
    """Takes minutes as they end; answers the hours that there is something to say of.

    A minute that is within an hour of one that is counted, and not later, is not counted: the clock was set back,
    and what was told of it stays. `minute`: seconds that a minute has here, as of the judge.
    """

    def __init__(self, devices: Iterable[str], minute: float = MINUTE) -> None:
        self._weight = max(1, round(minute / MINUTE))
        self._counts = {device: _Counts() for device in devices}

    def take(self, minute: Minute, poll_ms: float | None, error: str = "") -> Sequence[Hour]:
        """Count a minute; `poll_ms`: how long the last poll took, where that is known; `error`: why it failed."""
        counts = self._counts[minute.device]
        time = minute.time
        if 0 <= counts.until - time < _HOUR:
            return ()
        start = (time - 1) // _HOUR * _HOUR
        hours = []
        if start != counts.start:
            if counts.until != counts.told and counts.minutes:
                hours.append(counts.tell(minute.device))
            counts.begin(start)
        counts.count(minute, poll_ms, error, self._weight)
        if (time - start) // _TELL > (counts.told - start) // _TELL:
            hours.append(counts.tell(minute.device))
        return hours

    def dump(self, device: str) -> list[Any] | None:
        """What has to be kept of a device to go on from here, JSON-ready; None of devices that are not known."""
        counts = self._counts.get(device)
        return None if counts is None else counts.dump()

    def load(self, device: str, kept: Sequence[Any]) -> None:
        """Take back what `dump` gave; what is kept of devices that the site does not have is left alone."""
        if device in self._counts:
            self._counts[device].load(kept)
