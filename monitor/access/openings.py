"""Which openings of doors were forced: pure, from entries in the order of the journal.

A door may be passed from 2 s before until the unlock pulse + 2 s after a granted card, an exit request or an
unlocking, and for as long as it is unlocked. An opening outside is forced, but is told only 2 s (of the
journal's stamps) after it was recorded: clocks differ, and the card may be recorded after the contact.
Times are UTC ms; `time` of an entry decides, `recorded` only says how long to wait.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.doorways import door_of
from monitor.model import Event, Origin, Quality, Reading, Recorded
from monitor.site import Site

__all__ = ["TOLERANCE", "Openings"]

TOLERANCE = 2000
"""How far clocks may differ, how long a forced opening waits, and what counts as a bounce (ms)."""

_LONGEST_LOOK_BACK = 60_000
_PASSES_KEPT = 32
_TRUSTED = (Quality.GOOD, Quality.MANUAL)


@dataclass(slots=True)
class _Track:
    """The last state of a contact that is known in one stream of readings."""

    open: bool | None = None
    time: int = 0


@dataclass(slots=True)
class _Contact:
    """`now` follows what comes live, `past` what is delivered afterwards and is older than `now`."""

    now: _Track = field(default_factory=_Track)
    past: _Track = field(default_factory=_Track)
    opened_at: int | None = None
    closed_at: int | None = None


@dataclass(slots=True)
class _Door:
    """When it may be passed: closed intervals, and since when which lock has been open."""

    passes: list[tuple[int, int]] = field(default_factory=list)
    unlocked: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pending:
    """An opening between `earliest` and `opened` without a reason so far."""

    device: str
    door: str
    earliest: int
    opened: int
    arrived: int
    due: int


class Openings:
    """Takes entries, remembers contacts and locks, and answers the `forced` events."""

    def __init__(self, site: Site) -> None:
        self._pulse = int(site.access.unlock_pulse * 1000)
        self._devices = site.devices
        self._door_of = {device.id: door_of(device, site.devices) for device in site.devices.values()}
        self._contacts: dict[str, _Contact] = {}
        self._doors: dict[str, _Door] = {}
        self._pending: dict[str, _Pending] = {}
        self._touched: set[str] = set()

    def handle(self, recorded: Recorded) -> list[Event]:
        """Take one entry; answers the openings that are forced by now."""
        forced = self.tick(recorded.recorded) if self._pending else []
        entry = recorded.entry
        door = self._door_of.get(entry.device) if isinstance(entry, Reading | Event) else None
        if door is not None:
            if isinstance(entry, Reading):
                self._reading(entry, door, recorded.recorded)
            elif isinstance(entry, Event):
                self._event(entry, door, recorded.recorded)
        return forced

    def tick(self, now: int) -> list[Event]:
        """Answer the openings that have waited long enough at `now` (the journal's time)."""
        due = [key for key, pending in self._pending.items() if pending.due < now]
        self._touched.update(due)
        return [_forced(self._pending.pop(key)) for key in due]

    @property
    def waits_since(self) -> int | None:
        """When the opening that has waited longest was recorded; None when none waits."""
        return min((pending.due for pending in self._pending.values()), default=TOLERANCE) - TOLERANCE or None

    def forget(self) -> None:
        """Entries were lost: what is open or closed is unknown, and no opening before is told any more."""
        self._touched.update(self._pending, map(_contact_key, self._contacts))
        self._contacts.clear()
        self._pending.clear()

    # Memory -------------------------------------------------------------------------------------------

    def changes(self) -> Mapping[str, Any]:
        """What has changed since the last call, as JSON by key; None: gone."""
        changed: dict[str, Any] = dict.fromkeys(self._touched)
        for key in self._touched:
            kind, _, name = key.partition("/")
            held: _Contact | _Door | _Pending | None
            if kind == "contact":
                held = self._contacts.get(name)
            elif kind == "door":
                held = self._doors.get(name)
            else:
                held = self._pending.get(key)
            if held is not None:
                changed[key] = asdict(held)
        self._touched.clear()
        return changed

    def load(self, kept: Iterable[tuple[str, Any]]) -> None:
        """Take up what `changes` has given before."""
        for key, body in kept:
            kind, _, name = key.partition("/")
            if kind == "contact":
                now, past = _Track(**body.pop("now")), _Track(**body.pop("past"))
                self._contacts[name] = _Contact(now=now, past=past, **body)
            elif kind == "door":
                passes = [(start, end) for start, end in body["passes"]]
                self._doors[name] = _Door(passes=passes, unlocked=body["unlocked"])
            elif kind == "pending":
                self._pending[key] = _Pending(**body)

    # What entries mean --------------------------------------------------------------------------------

    def _event(self, event: Event, door: str, recorded: int) -> None:
        if event.kind == "rex" or (event.kind == "card" and event.attributes.get("result") == "granted"):
            self._allow(door, event.time)
        elif event.kind == "opened":
            contact = self._contact(event.device)
            contact.now = _Track(open=True, time=max(contact.now.time, event.time))
            self._opened(event, door, event.time, recorded)
        elif event.kind == "closed":
            contact = self._contact(event.device)
            contact.now = _Track(open=False, time=max(contact.now.time, event.time))
            contact.closed_at = event.time

    def _reading(self, reading: Reading, door: str, recorded: int) -> None:
        if reading.quality not in _TRUSTED:
            return
        values = reading.values
        if values.get("rex") and reading.origin is not Origin.RETAINED:
            self._allow(door, reading.time)
        if "locked" in values:
            self._locked(reading, door, locked=bool(values["locked"]))
        device = self._devices[reading.device]
        if "open" in values and (device.device_class == "door" or device.door):
            self._contact_said(reading, door, recorded, is_open=bool(values["open"]))

    def _contact_said(self, reading: Reading, door: str, recorded: int, *, is_open: bool) -> None:
        contact = self._contact(reading.device)
        afterwards = reading.late or reading.origin is Origin.BACKFILL
        track = contact.past if afterwards and reading.time < contact.now.time else contact.now
        before, since = track.open, track.time
        track.open, track.time = is_open, reading.time
        if reading.origin is Origin.RETAINED:
            contact.closed_at = None  # when it closed is not known
        elif before and not is_open:
            contact.closed_at = reading.time
        elif before is False and is_open:
            earliest = self._earliest(reading, since)
            if earliest is not None:
                self._opened(reading, door, earliest, recorded)

    def _earliest(self, reading: Reading, since: int) -> int | None:
        """When a contact may have opened that now says so; None when it was not watched for too long."""
        if reading.origin is not Origin.POLL:
            return reading.time
        every = [seconds for seconds in self._devices[reading.device].scan.values() if seconds is not None]
        look_back = max(_LONGEST_LOOK_BACK, int(3000 * min(every, default=0)))
        return since if 0 <= reading.time - since <= look_back else None

    def _locked(self, reading: Reading, door: str, *, locked: bool) -> None:
        held = self._door(door)
        since = held.unlocked.get(reading.device)
        if not locked and since is None:
            held.unlocked[reading.device] = reading.time
            self._allow(door, reading.time)
        elif locked and since is not None:
            del held.unlocked[reading.device]
            self._pass(held, since - TOLERANCE, reading.time + TOLERANCE)

    def _allow(self, door: str, time: int) -> None:
        self._pass(self._door(door), time - TOLERANCE, time + self._pulse + TOLERANCE)
        for key, pending in [*self._pending.items()]:
            if pending.door == door and self._may_pass(door, pending.earliest, pending.opened):
                del self._pending[key]
                self._touched.add(key)

    def _pass(self, door: _Door, start: int, end: int) -> None:
        door.passes.append((start, end))
        del door.passes[:-_PASSES_KEPT]

    def _may_pass(self, door: str, earliest: int, opened: int) -> bool:
        held = self._doors.get(door)
        if held is None:
            return False
        if any(since - TOLERANCE <= opened for since in held.unlocked.values()):
            return True
        return any(start <= opened and earliest <= end for start, end in held.passes)

    def _opened(self, entry: Reading | Event, door: str, earliest: int, recorded: int) -> None:
        contact, opened = self._contact(entry.device), entry.time
        bounced = any(
            abs(opened - moment) <= TOLERANCE
            for moment in (contact.opened_at, contact.closed_at)
            if moment is not None
        )
        contact.opened_at = opened
        if bounced or self._may_pass(door, earliest, opened):
            return
        key = f"pending/{entry.device}/{opened}"
        self._pending[key] = _Pending(entry.device, door, earliest, opened, entry.arrived, recorded + TOLERANCE)
        self._touched.add(key)

    def _contact(self, device: str) -> _Contact:
        self._touched.add(_contact_key(device))
        return self._contacts.setdefault(device, _Contact())

    def _door(self, door: str) -> _Door:
        self._touched.add(f"door/{door}")
        return self._doors.setdefault(door, _Door())


def _contact_key(device: str) -> str:
    return f"contact/{device}"


def _forced(pending: _Pending) -> Event:
    return Event(
        device=pending.device,
        kind="forced",
        time=pending.opened,
        arrived=pending.arrived,
        id=f"forced-{pending.opened}",
        attributes={"door": pending.door},
    )
