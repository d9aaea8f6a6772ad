"""How each device does: pure, from entries in the order of the journal. Times are engine milliseconds.

`never_answered`: wrong address, unit id or baud rate. `suspended`: was fine and stopped: two polls in a row
failed, or (of a device that sends by itself) three of its intervals went by, two minutes at least. `flapping`: it
was lost or came back at least three times within an hour. `degraded`: more than a fifth of an hour's polls or
messages were lost, until it is less than 15 %. Else `answering`. Source: the design's pages on ingestion and
contracts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.model import Event, Missing, Origin, Reading, Recorded
from monitor.schema import MONITOR_DEVICE
from monitor.site import Device
from rules.kind import patience
from rules.timeline import Timeline, is_clock_step

__all__ = ["MINUTE", "Change", "Judge", "Minute"]

MINUTE: Final = 60.0
"""Seconds from one word on each device to the next."""
_HOUR: Final = 3_600_000
_BUCKETS: Final = 12
_BUCKET: Final = _HOUR // _BUCKETS
_FAILURES: Final = 2
_EDGES: Final = 3
_DEGRADED: Final = 0.20
_FINE_AGAIN: Final = 0.15
_FEWEST: Final = 10
_RETAINED: Final = Origin.RETAINED
_SPEAKS: Final = frozenset({"card", "opened", "closed", "rex", "tamper", "duress", "reader_online"})
_LAST_WILL: Final = "reader_offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A device does otherwise since `time` (UTC ms)."""

    device: str
    time: int
    was: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """How a device did in the minute, or in the longer step of its judge, that ended at `time` (UTC ms).

    `loss`: the share of the last hour's polls or messages that was lost; None before it ever answered.
    """

    device: str
    time: int
    up: bool
    state: str
    polls: int
    errors: int
    loss: float | None


class _Patient:
    """What is remembered of one device. `fine`: up, and the last poll was answered: what costs least to note."""

    __slots__ = (
        "answered",
        "degraded",
        "device",
        "dirty",
        "down",
        "edges",
        "errors",
        "expected",
        "failures",
        "fine",
        "heard",
        "hour",
        "is_polled",
        "known",
        "loss",
        "lost",
        "most",
        "observed",
        "patience",
        "polls",
        "state",
    )

    def __init__(self, device: Device, minute: int) -> None:
        self.device = device.id
        self.is_polled = bool(device.scan)
        every = [seconds for seconds in device.scan.values() if seconds] or (
            [device.expected_every] if device.expected_every else []
        )
        self.expected = sum(minute / 1000 / seconds for seconds in every)
        self.most = _HOUR // minute
        seconds = None if self.is_polled else patience(device, None)
        self.patience = None if seconds is None else round(seconds * 1000)
        self.state = "never_answered"
        self.known = self.down = self.degraded = self.fine = False
        self.dirty = False
        self.failures = self.polls = self.errors = self.heard = 0
        self.observed = -1  # the minute in which it is first heard does not count: it is not whole
        self.edges: list[int] = []
        self.answered = 0
        self.lost = self.loss = 0.0
        self.hour: list[tuple[int, float]] = []

    @property
    def up(self) -> bool:
        return self.known and not self.down

    def dump(self) -> list[Any]:
        flags = [self.known, self.down, self.degraded]
        counts = [self.failures, self.polls, self.errors, self.heard, self.observed]
        rhythm = self.expected * self.most
        return [self.state, flags, counts, self.edges, [self.answered, self.lost], self.hour, rhythm]

    def load(self, kept: list[Any]) -> None:
        self.state, flags, counts, self.edges, (self.answered, self.lost), hour, *rhythm = kept
        self.known, self.down, self.degraded = flags
        self.failures, self.polls, self.errors, self.heard, self.observed = counts
        self.hour = [(answered, lost) for answered, lost in hour]
        if rhythm and not math.isclose(rhythm[0], self.expected * self.most):
            self._forget_the_hour()
        self.fine = self.up and not self.failures
        self.loss = self._loss()

    def _forget_the_hour(self) -> None:
        """It is heard in another rhythm now: what came in the old one says nothing of what is to come."""
        self.answered, self.lost, self.hour, self.observed = 0, 0.0, [], -1
        self.polls = self.errors = 0
        self.degraded = False

    # What it did --------------------------------------------------------------------------------------

    def spoke(self, at: int) -> None:
        if not self.known:  # what was lost before it was wired is not held against it
            self.lost, self.hour = 0.0, []
        self.answered += 1
        self.polls += 1
        self.failures = 0
        self.heard = at
        if self.down:
            self._edge(at, down=False)
        self.known = self.fine = True

    def failed(self, at: int, *, for_sure: bool) -> None:
        self.lost += 1
        self.polls += 1
        self.errors += 1
        self.failures += 1
        self.fine = False
        if self.up and (for_sure or self.failures >= _FAILURES):
            self._edge(at, down=True)

    def _edge(self, at: int, *, down: bool) -> None:
        self.down = down
        self.edges = [*self.edges[1 - _EDGES :], at]

    # What that means ----------------------------------------------------------------------------------

    def word(self, at: int) -> str:
        if not self.known:
            return "never_answered"
        if sum(at - edge < _HOUR for edge in self.edges) >= _EDGES:
            return "flapping"
        if self.down:
            return "suspended"
        return "degraded" if self.degraded else "answering"

    def end_minute(self, at: int, *, shift: bool) -> None:
        """Count what did not come in the minute that ends now, and judge the hour."""
        if self.is_polled:
            if self.down:  # polls that were left out count as lost
                self.lost += max(0.0, self.expected - self.polls)
        elif self.patience is not None and self.up and at - self.heard > self.patience:
            self.fine = False
            self._edge(at, down=True)
        if self.known:
            self.observed = min(self.observed + 1, self.most)
            if self.observed == 0 and not self.is_polled:
                self.answered = 0
        self.loss = loss = self._loss()
        self.degraded = loss > (_FINE_AGAIN if self.degraded else _DEGRADED)
        if shift:
            self.hour = [*self.hour[1 - _BUCKETS :], (self.answered, self.lost)]
            self.answered, self.lost = 0, 0.0

    def _loss(self) -> float:
        """The share of an hour's polls or messages that is lost; 0 while there are too few to say."""
        answered = self.answered + sum(each for each, _ in self.hour)
        if self.is_polled:
            lost = self.lost + sum(each for _, each in self.hour)
            wanted = answered + lost
        else:
            wanted = self.expected * max(0, self.observed)
            lost = max(0.0, wanted - answered)
        return lost / wanted if wanted >= _FEWEST else 0.0


class Judge:
    """Takes entries and time; `news` answers what has changed and the minutes that have ended since.

    `minute`: seconds that a minute has here, one or some that make five minutes.
    """

    def __init__(self, devices: Iterable[Device], minute: float = MINUTE) -> None:
        self._minute = round(minute * 1000)
        self._patients = {device.id: _Patient(device, self._minute) for device in devices}
        self._time = Timeline()
        self._ends = 0
        self._minutes = 0
        self._told = 0
        self._changes: list[Change] = []
        self._ended: list[Minute] = []
        self.readings = 0
        """Readings that were counted since this judge was made, of any device."""

    def states(self) -> Mapping[str, str]:
        """How each device does."""
        return {patient.device: patient.state for patient in self._patients.values()}

    def losses(self) -> Mapping[str, float]:
        """The share (0 to 1) of the last hour that each device lost, by minute; of those that ever answered."""
        return {patient.device: patient.loss for patient in self._patients.values() if patient.known}

    def down(self) -> int:
        """How many devices answered once and do not now."""
        return sum(patient.down for patient in self._patients.values())

    # What comes in ------------------------------------------------------------------------------------

    def judge(self, batch: Sequence[Recorded]) -> None:
        """Take entries in the order of the journal."""
        steps = [
            (item.recorded, item.entry)
            for item in batch
            if type(item.entry) is Event and is_clock_step(item.entry)
        ]
        for item in batch:
            # What shares its stamp with a step of the clock was stamped by the stepped clock.
            while steps and steps[0][0] <= item.recorded:
                self._time.stepped(*steps.pop(0))
            entry = item.entry
            if type(entry) is Reading:
                self.readings += 1
                patient = self._patients.get(entry.device)
                if patient is not None:
                    self._reading(patient, entry, item.recorded)
            elif type(entry) is Event:
                self._event(entry, item.recorded)
            else:
                self._time.now = self._time.arrive(item.recorded, None)

    def _reading(self, patient: _Patient, reading: Reading, recorded: int) -> None:
        at = self._time.arrive(recorded, reading.arrived)
        if at >= self._ends:
            self._advance(at)
        self._time.now = at
        if patient.fine and reading.values and reading.origin is not _RETAINED:
            patient.answered += 1
            patient.polls += 1
            patient.heard = at
            patient.dirty = True
        else:
            self._look(patient, reading, at)

    def _look(self, patient: _Patient, reading: Reading, at: int) -> None:
        if reading.origin is _RETAINED:
            return
        patient.dirty = True
        silent = not reading.values and all(why is Missing.TIMEOUT for why in reading.missing.values())
        if not silent:
            patient.spoke(at)
        elif reading.origin is Origin.POLL:
            patient.failed(at, for_sure=False)
        elif reading.missing:
            patient.failed(at, for_sure=True)
        else:
            return
        self._say(patient, at)

    def _event(self, event: Event, recorded: int) -> None:
        if event.device == MONITOR_DEVICE and event.kind == "monitor_started":
            started = self._time.restarted(recorded, event.arrived)
            if started is not None:
                self.resume(started)
            return
        self._time.now = at = self._time.arrive(recorded, event.arrived)
        patient = self._patients.get(event.device)
        if patient is None or (event.kind not in _SPEAKS and event.kind != _LAST_WILL):
            return
        self._advance(at)
        if event.kind == _LAST_WILL:
            patient.failed(at, for_sure=True)
        else:
            patient.spoke(at)
        patient.dirty = True
        self._say(patient, at)

    def _say(self, patient: _Patient, at: int) -> None:
        word = patient.word(at)
        if word != patient.state:
            time = self._time.wall(at)
            self._changes.append(Change(device=patient.device, time=time, was=patient.state, state=word))
            patient.state = word

    # Time ---------------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Let time pass up to `now` (UTC ms) when no entry says so."""
        self._advance(max(self._time.now, now + self._time.offset))

    def resume(self, started: int) -> None:
        """Go on at `started` (UTC ms) after the monitor did not run: that time is held against nobody."""
        stopped = self._time.now
        self._time.resume(started)
        if stopped:
            self._leave_out(self._time.now - stopped)
        self._ends = (self._time.now // self._minute + 1) * self._minute

    def _leave_out(self, off: int) -> None:
        for patient in self._patients.values():
            patient.heard += off
            patient.edges = [edge + off for edge in patient.edges]
            patient.dirty = True

    def _advance(self, at: int) -> None:
        if not self._ends or at - self._ends > _HOUR:  # nobody listened for so long
            if self._ends:
                self._leave_out(at - self._ends)
            self._ends = (at // self._minute + 1) * self._minute
        while at >= self._ends:
            self._end_minute(self._ends)
            self._ends += self._minute
        self._time.now = max(self._time.now, at)

    def _end_minute(self, at: int) -> None:
        self._minutes += 1
        shift = self._minutes % max(1, _BUCKET // self._minute) == 0
        time = self._time.wall(at)
        for patient in self._patients.values():
            patient.end_minute(at, shift=shift)
            self._say(patient, at)
            self._ended.append(
                Minute(
                    device=patient.device,
                    time=time,
                    up=patient.up,
                    state=patient.state,
                    polls=patient.polls,
                    errors=patient.errors,
                    loss=patient.loss if patient.known else None,
                )
            )
            patient.polls = patient.errors = 0
            patient.dirty = True

    # Memory -------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether something has changed or a minute has ended since the last call of `news`."""
        return bool(self._changes) or self._minutes != self._told

    def news(self) -> tuple[list[Change], list[Minute]]:
        """What has changed and which minutes have ended since the last call."""
        found = self._changes, self._ended
        self._changes, self._ended, self._told = [], [], self._minutes
        return found

    def dump_changed(self) -> dict[str, Any]:
        """What has to be kept to go on from here, by key, JSON-ready; of devices only what is new."""
        kept: dict[str, Any] = {"": [self._ends, self._minutes, self._time.dump()]}
        for patient in self._patients.values():
            if patient.dirty:
                patient.dirty = False
                kept[patient.device] = patient.dump()
        return kept

    def load(self, kept: Iterable[tuple[str, Any]]) -> None:
        """Take back what `dump_changed` gave."""
        for key, body in kept:
            if not key:
                self._ends, self._minutes, *_, time = body  # older versions kept more
                self._time.load(time)
                self._told = self._minutes
            elif key in self._patients:
                self._patients[key].load(body)
