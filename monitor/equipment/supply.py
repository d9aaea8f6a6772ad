"""Whether a building has electricity, water, gas: by points of a main meter or a switch, as states with history.

`lost`: all points are lost; `partial`: some are, and some are not; `present`: none is. `unknown`: what is known
does not say. A meter that goes silent may do so because the power is gone, or because a cable is loose: that is
unknown, and never lost.

A state begins with the first reading that says so, and is told when it has lasted for `delay` by the times of the
readings. Where no more come, time alone does: two seconds later, since what was said meanwhile may be on its way.
All times are UTC ms. What is late, and what is retained, says nothing of now.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from monitor.equipment.supplywatch import GRACE, Change, Watch
from monitor.model import Derived, Event, Reading, Recorded, Value
from monitor.plant import Supply
from monitor.schema import MEASUREMENT_SUPPLY, MONITOR_DEVICE
from monitor.site import Site
from monitor.upkeepbook import SupplyNow, SupplySpan

__all__ = ["Supplies", "supply_spans"]

_PREFIX: Final = "supply/"
_PRODUCER: Final = "equipment"
_OFFLINE: Final = "reader_offline"
_NEVER: Final = 1 << 62

_Key = tuple[str, str]
"""A building and a utility."""


class Supplies:
    """Takes entries in the order of the journal; tells when a supply is lost, only partly there, and back."""

    def __init__(self, site: Site) -> None:
        self._watches: dict[_Key, Watch] = {}
        for supply in site.supplies:
            device = site.devices.get(supply.device)
            if device is not None:
                self._watches.setdefault((supply.building, supply.utility), Watch(supply, device))
        self._by_device: dict[str, list[Watch]] = {}
        for watch in self._watches.values():
            self._by_device.setdefault(watch.supply.device, []).append(watch)
        shared = Counter((watch.supply.device, watch.supply.utility) for watch in self._watches.values())
        self._shared = {pair for pair, number in shared.items() if number > 1}
        self._due = _NEVER
        self._moved: list[Watch] = []
        """Supplies that another device tells since this start."""
        self._gone: list[_Key] = []
        """Supplies that nobody tells since this start."""
        self._forgotten: list[_Key] = []
        self._news: list[Event | Derived] = []
        self._rows: dict[tuple[str, str, int], tuple[str, str]] = {}

    # What comes in ------------------------------------------------------------------------------------

    def take(self, recorded: Recorded) -> None:
        """Heed what a device says of a supply, and that the monitor did not run or its clock was set."""
        entry = recorded.entry
        if self._gone or self._moved:
            self._let_go(recorded.recorded)
        if type(entry) is Reading:
            if entry.arrived >= self._due:
                self._advance(entry.arrived)
            for watch in self._by_device.get(entry.device, ()):
                watch.reading(entry)
                self._hand_over(watch)
        elif type(entry) is Event:
            if entry.device == MONITOR_DEVICE:
                self._itself(entry)
            elif entry.kind == _OFFLINE and not entry.late:
                for watch in self._by_device.get(entry.device, ()):
                    watch.gone(entry.time)
                    self._hand_over(watch)

    def _let_go(self, now: int) -> None:
        """What is told by nobody any more, or by somebody who has not spoken yet, is unknown from now on."""
        for building, utility in self._gone:
            self._rows[building, utility, now] = ("unknown", "[]")
        for watch in self._moved:
            watch.gone(now)
            self._hand_over(watch)
        self._forgotten += self._gone
        self._gone, self._moved = [], []

    def _itself(self, event: Event) -> None:
        """Leave out the time in which the monitor did not run, and go along with a clock that was set."""
        if event.kind == "monitor_started":
            begin, end = event.attributes.get("off_since"), event.attributes.get("off_until")
        elif event.kind == "clock_stepped":
            begin, end = event.attributes.get("from"), event.attributes.get("to")
        else:
            return
        if not isinstance(begin, int) or not isinstance(end, int):
            return
        for watch in self._watches.values():
            if event.kind == "clock_stepped" or end < begin:
                watch.stepped(begin, end)
            if event.kind == "monitor_started":
                watch.gone(min(begin, end))
            self._hand_over(watch)

    def tick(self, now: int) -> None:
        """Let time pass when nothing is recorded."""
        if now >= self._due:
            self._advance(now)

    def retell(self) -> None:
        """What was told so far was told to nobody: what is still lost is told with the next reading."""
        for watch in self._watches.values():
            watch.retell()

    def _advance(self, now: int) -> None:
        for watch in self._watches.values():
            watch.advance(now - GRACE)
            self._hand_over(watch)

    def _hand_over(self, watch: Watch) -> None:
        """Tell what a watch has found, and note when it has to be looked at again."""
        for change in watch.found:
            self._tell(watch, change)
        watch.found.clear()
        self._due = min((each.due() for each in self._watches.values()), default=_NEVER) + GRACE

    # What is told -------------------------------------------------------------------------------------

    def _tell(self, watch: Watch, change: Change) -> None:
        supply = watch.supply
        for start in change.starts:
            lost = orjson.dumps(change.lost).decode()
            self._rows[supply.building, supply.utility, start] = (change.state, lost)
        if change.event:
            self._news.append(self._event(supply, change))
        self._news.append(self._derived(supply, change))

    def _event(self, supply: Supply, change: Change) -> Event:
        attributes: dict[str, Value] = {"utility": supply.utility, "building": supply.building}
        if change.event == "supply_back":
            attributes["lost_s"] = change.lost_s
        else:
            attributes["points"] = ", ".join(change.lost)
        return Event(
            device=supply.device,
            kind=change.event,
            time=change.told_at,
            arrived=change.told_at,
            id=f"{change.event}-{self._name(supply)}-{change.time}",
            attributes=attributes,
        )

    def _derived(self, supply: Supply, change: Change) -> Derived:
        """The state as a measurement; of one that is unknown nobody can say whether it is present."""
        values: dict[str, Value] = {"state": change.state}
        if change.state != "unknown":
            values["present"] = change.state == "present"
        return Derived(
            producer=_PRODUCER,
            key=self._name(supply),
            device=supply.device,
            time=change.time,
            measurement=MEASUREMENT_SUPPLY,
            values=values,
            attributes={"utility": supply.utility, "building": supply.building},
        )

    def _name(self, supply: Supply) -> str:
        """What tells a device's supplies apart: the utility, and the building where one meter serves several."""
        if (supply.device, supply.utility) in self._shared:
            return f"{supply.utility}-{supply.building}"
        return supply.utility

    # What is known ------------------------------------------------------------------------------------

    def now(self) -> Sequence[SupplyNow]:
        """The supply of every building as it is now."""
        return [
            SupplyNow(
                building=building,
                utility=utility,
                state=watch.state,
                device=watch.supply.device,
                since=watch.since,
                lost=watch.lost,
            )
            for (building, utility), watch in self._watches.items()
        ]

    def news(self) -> list[Event | Derived]:
        """What there is to tell since the last call."""
        found, self._news = self._news, []
        return found

    def rows(self) -> list[tuple[str, str, int, str, str]]:
        """The rows of `supply` that are new or other since the last call."""
        found = [(*key, *body) for key, body in self._rows.items()]
        self._rows.clear()
        return found

    def dump_changed(self) -> dict[str, Any]:
        """What has to be kept to go on from here, by key, JSON-ready; None: nothing any more."""
        kept: dict[str, Any] = {f"{_PREFIX}{building}/{utility}": None for building, utility in self._forgotten}
        self._forgotten = []
        for (building, utility), watch in self._watches.items():
            if watch.is_dirty:
                watch.is_dirty = False
                kept[f"{_PREFIX}{building}/{utility}"] = watch.dump()
        return kept

    def load(self, items: Iterable[tuple[str, Any]]) -> None:
        """Take back what `dump_changed` gave; keys of others are left alone."""
        keys = {f"{_PREFIX}{building}/{utility}": watch for (building, utility), watch in self._watches.items()}
        for key, body in items:
            if key in keys:
                if keys[key].load(body):
                    self._moved.append(keys[key])
            elif key.startswith(_PREFIX):
                building, _, utility = key.removeprefix(_PREFIX).rpartition("/")
                self._gone.append((building, utility))
        self._due = min((each.due() for each in self._watches.values()), default=_NEVER) + GRACE


# History ----------------------------------------------------------------------------------------------


def supply_spans(
    rows: Iterable[tuple[str, str, int, str, str]], start: int, end: int, now: int
) -> Sequence[SupplySpan]:
    """How the supply was in [start, end), by building, utility and time; spans are cut to that.

    `rows` are those of `supply`, in any order: all within the period, and of each supply the last one before it.
    The last span has no end where it still lasts at `now`. Rows behind `now` are of a clock that was wrong.
    """
    lines: dict[_Key, list[tuple[int, str, str]]] = {}
    if start > now:
        return []
    for building, utility, begin, state, lost in rows:
        if begin < end and begin <= now:
            lines.setdefault((building, utility), []).append((begin, state, lost))
    return [
        span for key, changes in sorted(lines.items()) for span in _spans(key, sorted(changes), start, end, now)
    ]


def _spans(key: _Key, changes: Sequence[tuple[int, str, str]], start: int, end: int, now: int) -> list[SupplySpan]:
    joined: list[tuple[int, str, str]] = []
    for change in changes:
        if not joined or joined[-1][1:] != change[1:]:
            joined.append(change)
    found = []
    for place, (begin, state, lost) in enumerate(joined):
        until = joined[place + 1][0] if place + 1 < len(joined) else (end if end <= now else None)
        if until is None or until > start:
            span = SupplySpan(
                building=key[0],
                utility=key[1],
                state=state,
                start=max(begin, start),
                end=until,
                lost=tuple(orjson.loads(lost)),
            )
            found.append(span)
    return found
