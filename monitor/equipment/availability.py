"""Whether devices are there: what health says of them, as a history that figures are made of. Times are UTC ms.

`up`: it answers, be it with losses. `down`: it answered before and does not now. `unknown`: it was never heard, or
the monitor did not run. While a device flaps, health's word for it says neither; the minute's `up` does, and so a
flapping device is up and down by turns, to the minute.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from monitor.equipment.past import Starts, edges_ahead
from monitor.model import Derived, Event, Recorded, Value
from monitor.schema import MEASUREMENT_HEALTH, MONITOR_DEVICE
from monitor.site import Site
from monitor.upkeepbook import Availability as Figures

__all__ = ["Availability", "availability"]

_PREFIX: Final = "availability/"
_ITSELF: Final = "availability/"
"""Key of what concerns all devices; no id is empty."""
_UP: Final = "up"
_DOWN: Final = "down"
_UNKNOWN: Final = "unknown"
_WORDS: Final[Mapping[str, str]] = {
    "answering": _UP,
    "degraded": _UP,
    "suspended": _DOWN,
    "never_answered": _UNKNOWN,
}
_FLAPPING: Final = "flapping"
_SPANS_KEPT: Final = 4


class _Presence:
    """What is remembered of one device; `word`: the time of the last word of health that changed something."""

    __slots__ = ("is_dirty", "starts", "state", "word")

    def __init__(self) -> None:
        self.state = _UNKNOWN
        self.word = 0
        self.starts = Starts()
        self.is_dirty = False

    def dump(self) -> list[Any]:
        return [self.state, self.word, self.starts.dump()]

    def load(self, kept: Sequence[Any]) -> None:
        self.state, self.word, starts = kept
        self.starts = Starts(starts)


class Availability:
    """Takes entries in the order of the journal; answers rows (device, start, state) where something changes."""

    def __init__(self, site: Site) -> None:
        self._devices = {each.id: _Presence() for each in site.devices.values() if each.has_connection}
        self._off: list[tuple[int, int]] = []
        self._is_dirty = False
        self._gone: dict[str, _Presence] = {}
        self._rows: dict[tuple[str, int], str] = {}

    # What comes in ------------------------------------------------------------------------------------

    def take(self, recorded: Recorded) -> None:
        """Heed what health says of a device, and when the monitor did not run."""
        entry = recorded.entry
        if type(entry) is Derived:
            if entry.measurement == MEASUREMENT_HEALTH and entry.device in self._devices:
                self._minute(entry)
        elif type(entry) is Event:
            if entry.device == MONITOR_DEVICE:
                self._itself(entry)
            elif entry.kind == "health" and entry.device in self._devices:
                self._word(entry)
        if self._gone:
            self._leave(recorded.recorded)

    def tick(self, now: int) -> None:
        """Time alone changes nothing here: health says when a device has been silent for too long."""

    def retell(self) -> None:
        """Nothing is told here but figures."""

    def _word(self, event: Event) -> None:
        presence = self._devices[event.device]
        state = _meaning(event.attributes, presence.state)
        presence.word = event.time
        presence.is_dirty = True
        if state != presence.state:
            self._change(event.device, presence, event.time, state)

    def _minute(self, minute: Derived) -> None:
        """Believe how a device was when a minute ended, unless it has done otherwise since: that is told first."""
        presence = self._devices[minute.device]
        is_up = minute.values.get("up")
        if minute.time < presence.word or not isinstance(is_up, bool):
            return
        is_known = minute.values.get("state") != "never_answered"
        state = (_UP if is_up else _DOWN) if is_known else _UNKNOWN
        if state != presence.state:
            presence.word = minute.time
            self._change(minute.device, presence, minute.time, state)

    def _itself(self, event: Event) -> None:
        if event.kind == "monitor_started":
            since, until = event.attributes.get("off_since"), event.attributes.get("off_until")
            if isinstance(since, int) and isinstance(until, int):
                if since < until:
                    self._leave_out(since, until)
                else:
                    self._set_back(until)
        elif event.kind == "clock_stepped":
            before, after = event.attributes.get("from"), event.attributes.get("to")
            if isinstance(before, int) and isinstance(after, int) and after < before:
                self._set_back(after)

    def _set_back(self, time: int) -> None:
        for presence in self._devices.values():
            if presence.word > time:
                presence.word = time
                presence.is_dirty = True

    def _leave_out(self, since: int, until: int) -> None:
        """Nothing is known of anybody while the monitor did not run; what held before is taken up behind it."""
        self._off = [*self._off, (since, until)][-_SPANS_KEPT:]
        self._is_dirty = True
        for device, presence in self._devices.items():
            if presence.state != _UNKNOWN:
                within = [start for start in presence.starts.after(since) if start < until]
                self._write(device, presence, {since, until, *within}, presence.state)

    # What changes -------------------------------------------------------------------------------------

    def _change(self, device: str, presence: _Presence, time: int, state: str) -> None:
        presence.state = state
        ahead = {*presence.starts.after(time), *edges_ahead(time, self._off)}
        self._write(device, presence, {time, *ahead}, state)

    def _write(self, device: str, presence: _Presence, starts: Iterable[int], state: str) -> None:
        """From each of these times on a device is in a state, but while the monitor did not run."""
        presence.starts.add(*starts)
        presence.is_dirty = True
        for start in starts:
            was_off = any(since <= start < until for since, until in self._off)
            self._rows[device, start] = _UNKNOWN if was_off else state

    def _leave(self, now: int) -> None:
        """Devices that the site does not have any more are unknown from now on."""
        for device, presence in self._gone.items():
            if presence.state != _UNKNOWN:
                self._change(device, presence, now, _UNKNOWN)

    # What is known ------------------------------------------------------------------------------------

    def rows(self) -> list[tuple[str, int, str]]:
        """The rows of `presence` that are new or other since the last call."""
        rows = [(device, start, state) for (device, start), state in self._rows.items()]
        self._rows.clear()
        return rows

    def news(self) -> list[Event | Derived]:
        """Nothing is told: health tells it."""
        return []

    def dump_changed(self) -> dict[str, Any]:
        """What has to be kept to go on from here, by key, JSON-ready."""
        kept: dict[str, Any] = {}
        if self._is_dirty:
            self._is_dirty = False
            kept[_ITSELF] = [list(span) for span in self._off]
        for device, presence in {**self._gone, **self._devices}.items():
            if presence.is_dirty:
                presence.is_dirty = False
                kept[_PREFIX + device] = presence.dump()
        self._gone = {device: each for device, each in self._gone.items() if each.state != _UNKNOWN}
        return kept

    def load(self, items: Iterable[tuple[str, Any]]) -> None:
        """Take back what `dump_changed` gave; keys of others are left alone."""
        for key, body in items:
            if key == _ITSELF:
                self._off = [(since, until) for since, until in body]
            elif key.startswith(_PREFIX):
                device = key.removeprefix(_PREFIX)
                presence = self._devices.get(device) or self._gone.setdefault(device, _Presence())
                presence.load(body)
        self._gone = {device: each for device, each in self._gone.items() if each.state != _UNKNOWN}


def _meaning(attributes: Mapping[str, Value], state: str) -> str:
    """What a word of health means. A device begins to flap by being lost or by coming back: not as it was."""
    word, was = str(attributes.get("state")), str(attributes.get("was"))
    if word == _FLAPPING:
        return {_UP: _DOWN, _DOWN: _UP}.get(_WORDS.get(was, ""), state)
    return _WORDS.get(word, state)


# Figures ----------------------------------------------------------------------------------------------


def availability(
    rows: Iterable[tuple[str, int, str]], devices: Sequence[str], start: int, end: int, now: int
) -> Sequence[Figures]:
    """How long each device answered in [start, end), as far as that is over at `now`.

    `rows` are those of `presence`, in any order: all within the period, and of each device the last one before it.
    Rows behind `now` are of a clock that was wrong, and say nothing.
    """
    end = min(end, now)
    changes: dict[str, list[tuple[int, str]]] = {device: [] for device in devices}
    for device, begin, state in rows:
        if begin < end and device in changes:
            changes[device].append((begin, state))
    return [_figures(device, sorted(changes[device]), start, end) for device in devices]


def _figures(device: str, changes: Sequence[tuple[int, str]], start: int, end: int) -> Figures:
    """An outage goes on while nothing is known, and ends when the device is up; what is known of it counts."""
    lasted = dict.fromkeys((_UP, _DOWN, _UNKNOWN), 0)
    outages: list[int] = []
    is_out = False
    before = [state for begin, state in changes if begin <= start]
    within = [change for change in changes if change[0] > start]
    spans = [(start, before[-1] if before else _UNKNOWN), *within]
    for (begin, state), (until, _) in zip(spans, [*within, (end, "")], strict=True):
        length = max(0, until - begin)
        lasted[state] += length
        if state == _DOWN and length:
            if not is_out:
                outages.append(0)
            outages[-1] += length
            is_out = True
        elif state == _UP:
            is_out = False
    return Figures(
        device=device,
        up_s=lasted[_UP] / 1000,
        down_s=lasted[_DOWN] / 1000,
        unknown_s=lasted[_UNKNOWN] / 1000,
        outages=len(outages),
        longest_s=max(outages, default=0) / 1000,
    )
