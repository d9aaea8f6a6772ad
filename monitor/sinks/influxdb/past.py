"""The milliseconds at which the past is written again, and what its alarms came to: those of the first time.

Nothing is kept: what `stamps.py` still has counts, and what it has forgotten, or never had, is worked out of the
journal in its order, as it was then.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from monitor.journal.past import steps_of, told_around
from monitor.model import Position, Recorded, Transition
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.lines import Stamp, Wanted

__all__ = ["NOTHING", "Owned", "owned_by", "past_stamps"]

_AROUND: Final = 10_000
"""Milliseconds: an event moves by one for each other of its instant, so that this is ten thousand of them."""


@dataclass(frozen=True, slots=True)
class _Episode:
    """When an occurrence began, and when and with which entry it ended first (None: not yet)."""

    start: int
    ended: int | None
    end_position: int | None


@dataclass(frozen=True, slots=True)
class Owned:
    """What is kept of some entries: position -> the millisecond as written, occurrence -> what is known of it."""

    times: Mapping[Position, int]
    episodes: Mapping[str, _Episode]


NOTHING: Final = Owned({}, {})


def owned_by(db: sqlite3.Connection, wanted: Iterable[Wanted]) -> Owned:
    """Read of state.db what is kept of these entries; changes nothing."""
    entries = list(wanted)
    positions = json.dumps([each.position for each in entries])
    occurrences = json.dumps(sorted({each.occurrence for each in entries if each.occurrence}))
    times = db.execute(
        "SELECT position, time FROM influx_times WHERE position IN (SELECT value FROM json_each(?))", (positions,)
    )
    episodes = db.execute(
        "SELECT occurrence, start, ended, end_position FROM influx_occurrences"
        " WHERE occurrence IN (SELECT value FROM json_each(?))",
        (occurrences,),
    )
    return Owned(
        {Position(row[0]): row[1] for row in times}, {row[0]: _Episode(row[1], row[2], row[3]) for row in episodes}
    )


def past_stamps(
    journal: sqlite3.Connection,
    encoder: Encoder,
    batch: Sequence[Recorded],
    owned: Callable[[Sequence[Wanted]], Owned] = lambda _: NOTHING,
) -> Mapping[Position, Stamp]:
    """Answer a stamp for each entry of a batch that needs one. `owned` is asked for what is kept.

    An alarm's first step has the end of the alarm, too, as if that had been known then.
    """
    wanted = encoder.wanted(batch)
    if not wanted:
        return {}
    kept = owned(wanted)
    times = dict(kept.times)
    for device, entries in _forgotten(batch, wanted, times).items():
        first, last = min(each.time for each in entries), max(each.time for each in entries)
        around = list(told_around(journal, device, first - _AROUND, last + _AROUND))
        # What is being written may have been trimmed since it was read.
        found = {each.position: each for each in (*encoder.wanted(around), *entries)}
        beside = [found[position] for position in sorted(found)]
        times = {**_worked_out(beside, {**owned(beside).times, **times}), **times}
    steps = {each.position for each in batch if isinstance(each.entry, Transition)}
    episodes: dict[str, _Episode | None] = {}
    return {
        each.position: _step(journal, each, times[each.position], kept.episodes, episodes)
        if each.position in steps
        else Stamp(time=times[each.position])
        for each in wanted
    }


def _forgotten(
    batch: Sequence[Recorded], wanted: Sequence[Wanted], times: Mapping[Position, int]
) -> Mapping[str, Sequence[Wanted]]:
    """By device, those whose millisecond is not kept."""
    devices = {each.position: each.entry.device for each in batch if hasattr(each.entry, "device")}
    found: dict[str, list[Wanted]] = {}
    for each in wanted:
        if each.position not in times:
            found.setdefault(devices[each.position], []).append(each)
    return found


def _worked_out(wanted: Sequence[Wanted], kept: Mapping[Position, int]) -> Mapping[Position, int]:
    """Give each its millisecond: in the journal's order the first that is free in its series."""
    taken = {(each.series, kept[each.position]) for each in wanted if each.position in kept}
    times = {}
    for each in wanted:
        time = kept.get(each.position)
        if time is None:
            time = each.time
            while (each.series, time) in taken:
                time += 1
            taken.add((each.series, time))
        times[each.position] = time
    return times


def _step(
    journal: sqlite3.Connection,
    wanted: Wanted,
    time: int,
    kept: Mapping[str, _Episode],
    episodes: dict[str, _Episode | None],
) -> Stamp:
    if wanted.occurrence not in episodes:
        episodes[wanted.occurrence] = _known(journal, wanted.occurrence, kept.get(wanted.occurrence))
    episode = episodes[wanted.occurrence]
    if episode is None:
        return Stamp(time=time, end=wanted.time if wanted.ends else 0)
    over = episode.end_position is not None and (wanted.begins or wanted.position >= episode.end_position)
    return Stamp(time=time, start=episode.start, end=episode.ended or 0 if over else 0)


def _known(journal: sqlite3.Connection, occurrence: str, kept: _Episode | None) -> _Episode | None:
    """What is kept; the end as the journal has it, where who follows that is not there yet or has left it out."""
    if kept is not None and kept.ended is not None:
        return kept
    found = _episode(journal, occurrence)
    if kept is None or found is None:
        return found or kept
    return replace(kept, ended=found.ended, end_position=found.end_position)


def _episode(journal: sqlite3.Connection, occurrence: str) -> _Episode | None:
    """What the journal knows of an occurrence; None when its begin is trimmed."""
    start = None
    for recorded in steps_of(journal, occurrence):
        step = recorded.entry
        assert isinstance(step, Transition)
        if start is None and step.cause == "raised":
            start = step.time
        if start is not None and step.condition == "clear":
            return _Episode(start, step.time, recorded.position)
    return None if start is None else _Episode(start, None, None)
