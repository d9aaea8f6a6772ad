"""One pump, lift, fan or light: whether it runs, for how long it did, how often it started, what it failed to do.

Pure. Hours are counted by the times of the readings (UTC ms, see `monitor.equipment.curve`); delays and starts in
an hour by engine time, which no setting of the clock moves (`rules.timeline`).
"""

from collections.abc import Mapping
from typing import Any, Final

from monitor.derivedpoints import own_counts
from monitor.equipment.curve import BRIDGED, Curve
from monitor.equipment.known import Known, event, every_of, limit_of, state_of
from monitor.equipment.past import Starts
from monitor.equipment.tally import Midnights, Tally
from monitor.model import Derived, Event, Origin, Reading, Value
from monitor.plant import Equipment
from monitor.site import Device
from monitor.upkeepbook import EquipmentNow
from rules.timeline import Timeline

__all__ = ["PRODUCER", "Machine"]

PRODUCER: Final = "equipment"
_HOUR: Final = 3_600_000
_QUARTER: Final = 900_000
_LIVE: Final = (Origin.POLL, Origin.PUSH)


class Machine:
    """One piece of equipment; `news` answers what there is to tell, `tally` what is new of its days.

    `since`, `started`, `ran`, `fell`: engine times of when its state began, of its last start, of when it was last
    seen running, and of when it dropped out although it was wanted.
    """

    def __init__(self, device: Device, equipment: Equipment, time: Timeline, midnights: Midnights) -> None:
        self.device, self.plan = device, equipment
        self._time = time
        self.tally = Tally(midnights)
        self._running = Known(equipment.running, device)
        self._fault = Known(equipment.fault, device)
        self._called = Known(equipment.called, device)
        self._hours = self._curve(equipment.running, "running_s")
        self._faults = self._curve(equipment.fault, "fault_s")
        self._is_polled = bool(device.scan)
        self._own = own_counts(device)
        self._own_values: list[float | None] = [None, None]
        self._wish: int | None = None
        """Since when it should do otherwise than it does (engine time)."""
        self._has_failed = False
        self._is_told = False
        self._starts: list[int] = []
        self._over: int | None = None
        self._news: list[Event | Derived] = []
        self._told_quarter = 0
        self.presence: list[tuple[int, str]] = []
        """Since when (UTC ms) it has a fault (down) or none (up), as far as that has not been written down."""
        self._edges = Starts()
        self.state = "unknown"
        self.since: int | None = None
        self.started: int | None = None
        self.ran: int | None = None
        self.fell: int | None = None
        self.is_changed = False

    def _curve(self, point: str, name: str) -> Curve:
        counts_known = name == "running_s" or not self.plan.running

        def book(start: int, end: int, is_on: bool) -> None:  # noqa: FBT001
            if counts_known:
                self.tally.span("known_s", start, end)
            if is_on:
                self.tally.span(name, start, end)

        def count(time: int, number: int) -> None:
            if name == "running_s":
                self.tally.count("starts", time, number)

        def ended(time: int, lasted: int) -> None:
            if name == "running_s":
                self.tally.run(time, lasted)

        return Curve(
            every=every_of(point, self.device),
            limit=limit_of(point, self.device),
            is_polled=bool(self.device.scan),
            book=book,
            count=count,
            ended=ended,
        )

    # Asking -------------------------------------------------------------------------------------------

    @property
    def hours(self) -> float | None:
        """Running hours, by its own count where it has one; None: it has not said them yet."""
        return self._own_values[0] if self._own[0] else self._hours.on / _HOUR

    @property
    def first(self) -> int | None:
        """Since when it is watched (UTC ms)."""
        known = [each.first for each in (self._hours, self._faults) if each.first is not None]
        return min(known, default=None)

    @property
    def is_running(self) -> bool:
        """Whether it runs now, as far as anybody knows."""
        return self._running.at(self._time.now) is True

    @property
    def is_able(self) -> bool:
        """Whether it could run: nothing is known against it, and it answers."""
        return self.state not in {"unknown", "fault", "failed_to_start"} and not self._has_failed

    @property
    def says_anything(self) -> bool:
        """Whether it has a contact that says how it is; a pressure switch on an input module has none."""
        return bool(self.plan.running or self.plan.fault)

    @property
    def was_heard(self) -> bool:
        """Whether it has ever said anything."""
        return self.first is not None

    @property
    def every(self) -> int:
        """Ms between two looks at whether it runs; 0: it says so itself."""
        return self._running.every if self._is_polled else 0

    @property
    def reach(self) -> int:
        """Ms that it may take from a call until it is seen running."""
        return round(self.plan.start_within * 1000) + self.every

    def now(self) -> EquipmentNow:
        """How it is."""
        hours, starts = self._own_values
        return EquipmentNow(
            device=self.device.id,
            state=self.state,
            since=None if self.since is None else self._time.wall(self.since),
            hours=self._hours.on / _HOUR if hours is None else hours,
            starts=self._hours.starts if starts is None else int(starts),
            first=self.first,
            is_own=hours is not None or starts is not None,
        )

    # What comes in ------------------------------------------------------------------------------------

    def take(self, reading: Reading) -> None:
        """Take a reading that can be trusted, at the engine's time."""
        values = reading.values
        is_ours = reading.time == reading.arrived
        is_live = not reading.late and reading.origin in _LIVE
        self._count_itself(values)
        has_turned = False
        for known, curve in ((self._fault, self._faults), (self._running, self._hours)):
            value = state_of(values.get(known.point))
            if value is None:
                continue
            self.is_changed = True
            was = curve.value if curve.first is not None else None
            if curve.take(reading.time, value, is_ours=is_ours):
                has_turned = has_turned or was is not value
                if known is self._fault and was is not value:
                    self._mark(reading.time, value)
                if is_live:
                    self._see(known, value)
        called = state_of(values.get(self._called.point))
        if called is not None and is_live:
            self._call(called)
        self._judge()
        if is_live and (has_turned or (self.is_running and reading.time // _QUARTER != self._told_quarter)):
            self._tell_counts(reading.time)

    def _mark(self, time: int, has_fault: bool) -> None:  # noqa: FBT001 - it is the value
        """Since a time it has a fault or none; what a clock that was wrong has said of later is said anew."""
        for start in (time, *self._edges.after(time)):
            self.presence.append((start, "down" if has_fault else "up"))
        self._edges.add(time)

    def _count_itself(self, values: Mapping[str, Value]) -> None:
        for place, point in enumerate(self._own):
            value = values.get(point)
            if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
                self.is_changed = self.is_changed or value != self._own_values[place]
                self._own_values[place] = float(value)

    def _see(self, known: Known, value: bool) -> None:  # noqa: FBT001
        now = self._time.now
        if known is self._running:
            called = self._called.at(now)
            if value and not known.value:
                if known.heard is not None:
                    self.started = now
                self._has_failed = False
                self.fell = None
                self._start(now, is_first=known.heard is None)
            if value:
                self.ran = now
            if value == called:
                self._wish = None
            elif called and (known.value or known.heard is None):
                self._wish = now
        elif known.value and not value and self._called.at(now) and self._running.at(now) is False:
            self._wish = now  # it was out of order, and may follow from now on
        known.take(value, now)

    def _start(self, now: int, *, is_first: bool) -> None:
        """Count the starts of the last hour."""
        most = self.plan.starts_per_hour
        if most is None or is_first:
            return
        self._starts = [*(each for each in self._starts if now - each < _HOUR), now][-most - 1 :]
        if len(self._starts) > most:
            is_new = self._over is None or now - self._over >= _HOUR
            if is_new:
                self._tell("short_cycling", now, starts=len(self._starts))
            if is_new or not self.tally.is_one_day(self._time.wall(self._over or now), self._time.wall(now)):
                self.tally.count("short_cycles", self._time.wall(now))  # each day that it lasts has one
            self._over = now

    def _call(self, value: bool) -> None:  # noqa: FBT001
        now, called = self._time.now, self._called
        running = self._running.at(now)
        self.is_changed = True
        if called.heard is None or value != called.value:
            self._is_told = False
            is_edge = called.heard is not None
            awaits = running is False if value else running is True and is_edge
            self._wish = now if awaits else None
        called.take(value, now)

    def tick(self) -> None:
        """Heed what time alone has made of it, by the engine's time."""
        self._judge()

    def _judge(self) -> None:
        now = self._time.now
        running, called = self._running.at(now), self._called.at(now)
        is_due = self._wish is not None and not self._is_told and None not in {running, called}
        is_out_of_order = bool(called) and bool(self._fault.at(now))  # which is told by itself
        if self._wish is not None and is_due and running != called and not is_out_of_order:
            within = self.plan.start_within if called else self.plan.stop_within
            deadline = self._wish + round(within * 1000)
            heard = self._running.heard or 0
            if heard >= deadline or now >= deadline + self.every:
                self._fail(deadline, is_start=bool(called))
        state = self._word(running, called)
        if state != self.state:
            if state == "fault" and self._was_wanted(now):
                self.fell = now
            self.state, self.since = state, now
            self.is_changed = True

    def _fail(self, at: int, *, is_start: bool) -> None:
        self._is_told = True
        self._has_failed = self._has_failed or is_start
        self.fell = at if is_start else self.fell
        self._tell("failed_to_start" if is_start else "failed_to_stop", at)
        self.tally.count("failed", self._time.wall(at))

    def _was_wanted(self, now: int) -> bool:
        return self._called.at(now) is True or (self.ran is not None and now - self.ran <= 60_000 + self.reach)

    def _word(self, running: bool | None, called: bool | None) -> str:  # noqa: FBT001
        has_fault = self._fault.at(self._time.now)
        if has_fault:
            return "fault"
        if running is None:
            return "unknown" if self.plan.running or has_fault is None else "fine"
        is_awaited = self._wish is not None and called is not None and called != running
        if running:
            return ("failed_to_stop" if self._is_told else "stopping") if is_awaited else "running"
        if is_awaited:
            return "failed_to_start" if self._is_told else "starting"
        return "failed_to_start" if self._has_failed else "off"

    # What else happens --------------------------------------------------------------------------------

    def lose(self, time: int) -> None:
        """The device is away since `time` (UTC ms)."""
        self._hours.lose(time)
        self._faults.lose(time)
        if not self._is_polled:
            self._forget_values()

    def stop(self, since: int, until: int) -> None:
        """The monitor did not run from `since` to `until` (UTC ms): nothing of that is held against anybody."""
        if max(self._hours.at, self._faults.at) <= max(since, until):
            self._hours.stop(since, until)
            self._faults.stop(since, until)
            self.resume(until - since)

    def resume(self, off: int) -> None:
        """The monitor has just started: what was known before has to be heard again.

        No delay has gone on when it was away (for `off` ms) for longer than a restart takes.
        """
        self._forget_values()
        if self._faults.value and not self.plan.fault:  # it is not watched any more
            self._faults.value = False
            self._mark(self._time.wall(self._time.now), has_fault=False)
        if self._wish is not None and not 0 <= off <= BRIDGED:
            self._wish = self._time.now

    def follow_clock(self, before: int, after: int) -> None:
        """The monitor's clock was set from `before` to `after` (UTC ms)."""
        self._hours.follow_clock(before, after)
        self._faults.follow_clock(before, after)
        self.is_changed = True

    def _forget_values(self) -> None:
        for known in (self._running, self._fault, self._called):
            known.is_lost = True
        self.is_changed = True

    # Telling and keeping ------------------------------------------------------------------------------

    def _tell(self, kind: str, at: int, **attributes: Value) -> None:
        self._news.append(event(self.device.id, kind, self._time.wall(at), attributes))

    def _tell_counts(self, time: int) -> None:
        self._told_quarter = time // _QUARTER
        values: dict[str, Value] = {}
        if not self._own[0]:
            values["hours"] = round(self._hours.on / _HOUR, 4)
        if not self._own[1]:
            values["starts"] = self._hours.starts
        if values and self.plan.running:
            self._news.append(
                Derived(
                    producer=PRODUCER,
                    key="",
                    device=self.device.id,
                    time=time,
                    measurement=self.device.device_class,
                    values=values,
                )
            )

    def news(self) -> list[Event | Derived]:
        """What there is to tell; it is not told again."""
        told, self._news = self._news, []
        return told

    def dump(self) -> dict[str, Any]:
        """What has to be remembered, JSON-ready."""
        return {
            "hours": self._hours.dump(),
            "faults": self._faults.dump(),
            "known": [[each.value, each.heard, each.is_lost] for each in self._points()],
            "own": self._own_values,
            "delay": [self._wish, self._has_failed, self._is_told],
            "starts": [self._starts, self._over],
            "edges": self._edges.dump(),
            "state": [self.state, self.since, self.started, self.ran, self.fell, self._told_quarter],
        }

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._hours.load(kept["hours"])
        self._faults.load(kept["faults"])
        for each, (value, heard, is_lost) in zip(self._points(), kept["known"], strict=True):
            each.value, each.heard, each.is_lost = value, heard, is_lost
        self._own_values = list(kept["own"])
        self._edges = Starts(kept.get("edges", ()))
        self._wish, self._has_failed, self._is_told = kept["delay"]
        self._starts, self._over = kept["starts"]
        self.state, self.since, self.started, self.ran, self.fell, self._told_quarter = kept["state"]

    def _points(self) -> tuple[Known, Known, Known]:
        return self._running, self._fault, self._called
