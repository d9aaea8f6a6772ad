"""The account of one counter: what the engine says of it, until the ledger has it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from monitor.derivedpoints import has_demand, rhythm_of
from monitor.figures import Register
from monitor.metering.counter import Track
from monitor.metering.pace import Pace
from monitor.metering.quarters import spread
from monitor.metering.step import Cause, Replacement, Step, Taken, Told
from monitor.periods import HOUR, QUARTER
from monitor.schema import rate_unit
from monitor.site import Device

__all__ = ["Account", "Entry", "longest_step"]

_SHORTEST_GAP: Final = 60_000
_MISSED: Final = 3
_NEXT: Final = 1.5


@dataclass(slots=True)
class Entry:
    """What the ledger has to add to a quarter, and the register at the end of it so far."""

    amount: float
    register: float | None


def _shortest_hole(device: Device, point: str) -> int:
    """The longest piece (ms) of a gap that late values can fill no further: somewhat more than the rhythm."""
    longest, rhythm = longest_step(device, point), rhythm_of(device, point)
    return min(longest, round(_NEXT * rhythm)) if rhythm else longest


def longest_step(device: Device, point: str) -> int:
    """The longest step (ms) that is no gap: three times the rhythm; what people read is all gaps."""
    if device.by_hand:
        return 0
    return max(_SHORTEST_GAP, round(_MISSED * rhythm_of(device, point)) or HOUR)


class Account:
    """Books what one counter counts. All times are UTC ms, amounts in the unit of the point."""

    def __init__(self, device: Device, point: str, *, is_billed: bool) -> None:
        known = device.points[point]
        assert known.counter is not None
        assert known.unit is not None
        self.device = device.id
        self.point = point
        self.unit = known.unit
        self.is_billed = is_billed
        self.track = Track(point, known.unit, known.counter, device_class=device.device_class)
        self.pace = Pace(rate_unit(known.unit)[1])
        self.number = 0
        """Its id in the ledger; 0 until it has one."""
        self.gap = longest_step(device, point)
        self.hole = _shortest_hole(device, point)
        self.shows_demand = is_billed and has_demand(device, point)
        self._ratio = device.ratio
        # What the ledger has still to be told.
        self.touched = False
        self.entries: dict[int, Entry] = {}
        self.steps: list[Step] = []
        self.told: list[Told] = []
        self.resolved: list[int] = []
        self.late: list[tuple[int, float]] = []
        # What stands beside the readings.
        self.delta = 0.0
        self.delta_since: int | None = None
        self.told_at: int | None = None
        """Time of the last entry beside a reading of the meter."""

    def take(self, time: int, register: float, arrived: int, *, by_hand: bool) -> bool:
        """Take a register that the device showed; answers whether it is the newest one that counts.

        Raises ValueError when a person read what cannot be.
        """
        taken = self.track.take(time, register, arrived=arrived, by_hand=by_hand)
        if taken.is_late:
            self.late.append((time, register))
            return False
        self._apply(taken)
        return bool(taken.steps)

    def follow_clock(self, time: int) -> None:
        """The clock was set to `time`."""
        self.track.follow_clock(time)
        self.touched = True

    def serial(self, serial: str, time: int) -> None:
        """Take the serial number that the device said."""
        self._apply(self.track.serial(serial, time))

    def replace(self, replacement: Replacement) -> None:
        """Take a person's word of a replacement that is not booked yet; raises ValueError when it cannot be."""
        self._apply(self.track.replace(replacement))

    def _apply(self, taken: Taken) -> None:
        self.touched = True
        self.told += taken.told
        self.resolved += taken.resolved
        for step in taken.steps:
            self._book(step)

    def _book(self, step: Step) -> None:
        if step.cause is Cause.COUNTED and step.end - step.start > self.gap:
            step = replace(step, cause=Cause.GAP)
        if step.cause is not Cause.COUNTED or step.lost:
            self.steps.append(step)
        self.delta += step.amount
        if self.delta_since is None:
            self.delta_since = step.start
        self.pace.begin(step.start)
        quarter = step.start // QUARTER
        if (step.end - 1) // QUARTER == quarter:  # nearly every step: nothing to cut
            self._add(quarter, step.amount, step.end_register)
        else:
            for share in spread(step):
                self._add(share.quarter, share.amount, share.register)
        self.pace.end(step.end)

    def _add(self, quarter: int, amount: float, register: float | None) -> None:
        entry = self.entries.get(quarter)
        if entry is None:
            self.entries[quarter] = Entry(amount, register)
        else:
            entry.amount += amount
            entry.register = register
        self.pace.add(quarter, amount)

    def running(self) -> tuple[float, float] | None:
        """The demand of the running quarter so far, and what it will come to; None for a slow meter."""
        return self.pace.running() if self.shows_demand else None

    def stands(self, now: int) -> Register:
        """How it stands; it has no rate any more once it has been silent for longer than it ever should be."""
        head = self.track.head
        is_fresh = head is not None and now - head[0] <= max(self.gap, _SHORTEST_GAP)
        running = self.running() if is_fresh else None
        return Register(
            device=self.device,
            point=self.point,
            unit=self.unit,
            is_billed=self.is_billed,
            register=None if head is None else head[1],
            time=None if head is None else head[0],
            serial=self.track.serial_number,
            pending=self.track.pending,
            doubt=self.track.doubt,
            rate=self.pace.rate() if is_fresh else None,
            demand=None if running is None else running[0],
            predicted=None if running is None else running[1],
            first=self.track.first,
        )

    def forget_news(self) -> None:
        """The ledger has what there was to tell."""
        self.entries.clear()
        self.steps, self.told, self.resolved, self.late = [], [], [], []
        self.pace.closed, self.pace.ended = [], []
        self.touched = False

    def dump(self) -> dict[str, Any]:
        """Everything that must outlive the program, JSON-ready."""
        return {
            "track": self.track.dump(),
            "pace": self.pace.dump(),
            "ratio": self._ratio,
            "delta": self.delta,
            "delta_since": self.delta_since,
            "told_at": self.told_at,
        }

    def load(self, kept: Mapping[str, Any]) -> None:
        """Go on where `dump` left off; registers follow a changed ratio of the transformers."""
        self.track.load(kept.get("track", {}))
        self.pace.load(kept.get("pace", {}))
        factor = self._ratio / kept.get("ratio", self._ratio)
        if factor != 1:
            self.track.rescale(factor)
        self.delta = kept.get("delta", 0.0)
        self.delta_since = kept.get("delta_since")
        self.told_at = kept.get("told_at")
