"""The device's own time in a payload. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from drivers.mqtt.payload import MAX_TEXT, Body, from_text, getter
from drivers.mqtt.settings import PayloadTime
from monitor.clock import CLOCKS_ARE_RIGHT_FROM

__all__ = ["AHEAD_MS", "Instant", "Instants", "plausible", "timestamp"]

AHEAD_MS: Final = 5 * 60_000
"""A time further ahead than this is not believed."""
_APART_MS: Final = 60_000
_NEWEST = 253_402_300_799_000


def timestamp(time: PayloadTime | None) -> Callable[[Body], int | None] | None:
    """Compile how a trusted time is read: UTC ms, or None where the payload has no usable one."""
    if time is None or not time.trusted:
        return None
    get = getter(time)
    factor = {"unix_s": 1000.0, "unix_ms": 1.0}.get(time.format or "")
    zone = None if time.zone is None else ZoneInfo(time.zone)

    def read(body: Body) -> int | None:
        raw = get(body)
        milliseconds = _iso_ms(raw, zone) if factor is None else _unix_ms(raw, factor)
        return plausible(milliseconds)

    return read


def plausible(milliseconds: int | None) -> int | None:
    """A time that a clock can have shown which was set at all; else None."""
    return milliseconds if milliseconds is not None and CLOCKS_ARE_RIGHT_FROM <= milliseconds <= _NEWEST else None


def _unix_ms(raw: object, factor: float) -> int | None:
    if isinstance(raw, str):
        raw = from_text(raw.strip())
    if isinstance(raw, bool) or not isinstance(raw, float | int):
        return None
    try:
        return round(raw * factor)
    except (OverflowError, ValueError):
        return None


def _iso_ms(raw: object, zone: ZoneInfo | None) -> int | None:
    """Read ISO 8601. Without a zone it is in `zone`; where that leaves doubt, as twice a year, it is nothing."""
    if not isinstance(raw, str) or len(raw) > MAX_TEXT:
        return None
    try:
        moment = datetime.fromisoformat(raw.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
            if zone is None or moment.utcoffset() != moment.replace(fold=1).utcoffset():
                return None
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


class Instant(NamedTuple):
    """The time that what a message says is kept at, UTC ms.

    `own`: it is the device's own. `ahead`: the device's own is too far ahead to be believed.
    """

    time: int
    own: bool
    ahead: bool


class Instants:
    """The instants that the readings of one device are kept at. `read`: finds its own time in a payload."""

    __slots__ = ("_arrived", "_last", "_newest", "_read")

    def __init__(self, read: Callable[[Body], int | None] | None = None) -> None:
        self._read = read
        self._arrived = 0
        self._last = 0
        self._newest = 0

    def of(self, body: Body, arrived: int) -> Instant:
        """The time to keep: the device's own where there is one that can be believed, else the arrival."""
        own = None if self._read is None else self._read(body)
        if own is None or own - arrived > AHEAD_MS:
            return Instant(self.of_arrival(arrived), own=False, ahead=own is not None)
        return Instant(self.own(own), own=True, ahead=False)

    def of_arrival(self, arrived: int) -> int:
        """The arrival, moved by 1 ms where the message before has that instant: a series holds one per instant.

        A backlog comes with many messages in a millisecond. A clock that was set back begins anew.
        """
        taken = self._arrived <= arrived <= self._last < arrived + _APART_MS
        self._arrived = arrived
        self._last = self._last + 1 if taken else arrived
        return self.own(self._last)

    def own(self, time: int) -> int:
        """A time of the device's own: never moved."""
        self._newest = max(self._newest, time)
        return time

    def after_all(self, arrived: int) -> int:
        """The arrival of a word that outweighs all before it: behind them also where they were moved or ahead."""
        time = self._newest + 1 if arrived <= self._newest <= arrived + AHEAD_MS else arrived
        self._newest = time
        return time
