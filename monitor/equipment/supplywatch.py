"""The state of one supply: pure, from readings of its device and the passing of time. Times are UTC ms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.equipment.past import Starts
from monitor.model import Missing, Origin, Quality, Reading, Value
from monitor.periods import QUARTER
from monitor.plant import Supply
from monitor.site import Device
from rules.kind import patience

__all__ = ["GRACE", "Change", "Watch"]

GRACE: Final = 2000
"""How long time alone waits for what may be on its way (ms)."""
_PRESENT: Final = "present"
_PARTIAL: Final = "partial"
_LOST: Final = "lost"
_UNKNOWN: Final = "unknown"
_TOLD: Final[Mapping[str, str]] = {_LOST: "supply_lost", _PARTIAL: "supply_partial"}
_TRUSTED: Final = frozenset({Quality.GOOD, Quality.MANUAL})
_OTHERS: Final = frozenset({Origin.RETAINED, Origin.BACKFILL})
_SPOILT: Final = frozenset({Missing.TIMEOUT, Missing.UNDECODABLE, Missing.BUSY})
"""An answer that is lost or spoilt says as little as none; all else is an answer: it does not know."""
_FAILURES: Final = 3
_SET_BACK: Final = 1000
_NEVER: Final = 1 << 62
_HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A supply has been in a state since `time`; `starts`: where its history has to say so.

    `event`: the kind of event that tells it, at `told_at` (empty: nothing is told). `lost_s`: for how many seconds
    it was not all there, when it is back.
    """

    state: str
    lost: tuple[str, ...]
    time: int
    starts: tuple[int, ...] = ()
    event: str = ""
    told_at: int = 0
    lost_s: float = 0.0


class _Point:
    """What one point says: it is lost, it is not, nobody knows. `missed`: how often in a row it did not come."""

    __slots__ = ("heard", "is_lost", "missed", "patience")

    def __init__(self, patience: float | None) -> None:
        self.patience = None if patience is None else round(patience * 1000)
        self.is_lost: bool | None = None
        self.heard = 0
        self.missed = 0

    @property
    def stale_at(self) -> int:
        if self.is_lost is None or self.patience is None:
            return _NEVER
        return self.heard + self.patience

    def miss(self) -> None:
        self.missed = min(self.missed + 1, _FAILURES)
        if self.missed >= _FAILURES:
            self.is_lost = None


class Watch:
    """Follows one supply; what it finds is in `found`, for whoever tells it."""

    def __init__(self, supply: Supply, device: Device) -> None:
        self.supply = supply
        self.state = _UNKNOWN
        self.since: int | None = None
        self.lost: tuple[str, ...] = ()
        self.found: list[Change] = []
        self.is_dirty = False
        self._delay = round(supply.delay * 1000)
        self._points = {name: _Point(patience(device, name)) for name in supply.points}
        self._pending: tuple[str, tuple[str, ...], int] | None = None
        self._known = _PRESENT
        """The last state that was not unknown."""
        self._told = ""
        self._told_since = 0
        self._last = 0
        self._arrived = 0
        self._quarter = 0
        self._starts = Starts()

    # What comes in ------------------------------------------------------------------------------------

    def reading(self, reading: Reading) -> None:
        """Take what the device said, or that it said nothing."""
        if reading.late or reading.origin in _OTHERS:
            return
        if reading.arrived < self._arrived - _SET_BACK:
            self.stepped(self._arrived, reading.arrived)
        if reading.time < self._last:
            return  # older than what is known
        self.advance(reading.time - 1)
        self.is_dirty = True
        self._last, self._arrived = reading.time, reading.arrived
        is_silent = not reading.values and all(why is Missing.TIMEOUT for why in reading.missing.values())
        if is_silent and reading.origin is Origin.PUSH:
            if reading.missing:  # its last will
                self._forget()
        elif is_silent:
            for point in self._points.values():
                point.miss()
        elif reading.quality in _TRUSTED:
            self._heed(reading)
        self._look(reading.time)

    def _heed(self, reading: Reading) -> None:
        for name, point in self._points.items():
            if name in reading.values:
                point.is_lost = self._is_lost(reading.values[name])
                point.heard, point.missed = reading.time, 0
            elif (why := reading.missing.get(name)) in _SPOILT:
                point.miss()
            elif why is not None:
                point.is_lost = None

    def _is_lost(self, value: Value) -> bool | None:
        if self.supply.below is None:
            return value == self.supply.lost_is
        if isinstance(value, bool | str):
            return None
        return value < self.supply.below

    def gone(self, time: int) -> None:
        """From `time` on nothing is known, until the device speaks again."""
        self.is_dirty = True
        self._forget()
        self._look(time)

    def _forget(self) -> None:
        for point in self._points.values():
            point.is_lost = None

    def retell(self) -> None:
        """What was told so far was told to nobody: a loss that a start finds is told."""
        if self._told:
            self._told = ""
            self.is_dirty = True

    def stepped(self, before: int, after: int) -> None:
        """The clock was set from one time to another: what has lasted since has lasted as long as before."""
        self.is_dirty = True
        step = after - before

        def moved(time: int) -> int:
            is_old = time <= before if step > 0 else time > after
            return min(time + step, after) if is_old else time

        for point in self._points.values():
            point.heard = moved(point.heard)
        self._last, self._arrived = moved(self._last), moved(self._arrived)
        self._told_since = min(self._told_since + step, after)
        if self._pending is not None:
            state, lost, since = self._pending
            self._pending = state, lost, moved(since)
        self._quarter = min(self._quarter, after // QUARTER * QUARTER)

    # Time ---------------------------------------------------------------------------------------------

    def due(self) -> int:
        """When time alone changes something."""
        return min(self._ripe_at(), self._stale_at(), self._report_at())

    def advance(self, until: int) -> None:
        """Let time pass, and do what is due in its order."""
        while (at := self.due()) <= until:
            self.is_dirty = True
            if at == self._ripe_at():
                self._ripen()
            elif at == self._stale_at():
                for point in self._points.values():
                    if point.stale_at <= at:
                        point.is_lost = None
                self._look(at)
            else:
                self._report(at, until)

    def _ripe_at(self) -> int:
        return _NEVER if self._pending is None else self._pending[2] + self._delay

    def _stale_at(self) -> int:
        return min((point.stale_at for point in self._points.values()), default=_NEVER)

    def _report_at(self) -> int:
        """The next quarter of an hour; while it is not decided how it was then, when it will be."""
        if self.since is None:
            return _NEVER
        at = self._quarter + QUARTER
        return max(at, self._ripe_at()) if self._pending is not None and self._pending[2] <= at else at

    def _report(self, at: int, until: int) -> None:
        """Say how it is; after a long time in which nobody asked, only how it is by now."""
        if until - at > _HOUR:
            at = min(until, self._stale_at(), self._ripe_at())
        self._quarter = at // QUARTER * QUARTER
        self.found.append(Change(state=self.state, lost=self.lost, time=self._quarter))

    # What that means ----------------------------------------------------------------------------------

    def _look(self, time: int) -> None:
        """Compare what the points say at a time with the state."""
        state, lost = self._judged()
        if (state, lost) == (self.state, self.lost):
            self._pending = None
        elif state == _UNKNOWN or (self.state == _UNKNOWN and state == self._known):
            self._change(state, lost, time, told_at=time)
        else:
            since = time if self._pending is None or self._pending[0] != state else min(self._pending[2], time)
            self._pending = state, lost, since
            if time >= self._ripe_at():
                self._ripen()

    def _judged(self) -> tuple[str, tuple[str, ...]]:
        lost = tuple(name for name, point in self._points.items() if point.is_lost)
        if lost and any(point.is_lost is False for point in self._points.values()):
            return _PARTIAL, lost
        if any(point.is_lost is None for point in self._points.values()):
            return _UNKNOWN, ()
        return (_LOST, lost) if lost else (_PRESENT, ())

    def _ripen(self) -> None:
        if self._pending is not None:
            state, lost, since = self._pending
            self._change(state, lost, since, told_at=since + self._delay)

    def _change(self, state: str, lost: tuple[str, ...], time: int, *, told_at: int) -> None:
        self.state, self.lost, self.since = state, lost, time
        self._pending = None
        event, lost_s = self._event(time) if state != _UNKNOWN else ("", 0.0)
        starts = (time, *self._starts.after(time))
        self._starts.add(time)
        self._quarter = max(self._quarter, time // QUARTER * QUARTER)
        self.found.append(
            Change(state=state, lost=lost, time=time, starts=starts, event=event, told_at=told_at, lost_s=lost_s)
        )

    def _event(self, time: int) -> tuple[str, float]:
        self._known = self.state
        if self.state == _PRESENT:
            if not self._told:
                return "", 0.0
            self._told = ""
            return "supply_back", max(0, time - self._told_since) / 1000
        if self.state == self._told:
            return "", 0.0
        if not self._told:
            self._told_since = time
        self._told = self.state
        return _TOLD[self.state], 0.0

    # Memory -------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """What has to be kept to go on from here, JSON-ready."""
        return {
            "device": self.supply.device,
            "state": [self.state, list(self.lost), self.since],
            "pending": self._pending,
            "known": self._known,
            "told": [self._told, self._told_since],
            "last": [self._last, self._arrived, self._quarter],
            "points": {name: [point.is_lost, point.heard, point.missed] for name, point in self._points.items()},
            "starts": self._starts.dump(),
        }

    def load(self, kept: Mapping[str, Any]) -> bool:
        """Take back what `dump` gave; of points that are not judged by any more nothing.

        Answers whether another device has told it so far: then its points say nothing yet.
        """
        self.state, lost, self.since = kept["state"]
        self.lost = tuple(lost)
        self._pending = _pending(kept["pending"])
        self._known = kept["known"]
        self._told, self._told_since = kept["told"]
        self._last, self._arrived, self._quarter = kept["last"]
        self._starts = Starts(kept["starts"])
        if kept.get("device", self.supply.device) != self.supply.device:
            self._last = self._arrived = 0
            return True
        for name, (is_lost, heard, missed) in kept["points"].items():
            if name in self._points:
                point = self._points[name]
                point.is_lost, point.heard, point.missed = is_lost, heard, missed
        return False


def _pending(kept: Sequence[Any] | None) -> tuple[str, tuple[str, ...], int] | None:
    return None if kept is None else (kept[0], tuple(kept[1]), kept[2])
