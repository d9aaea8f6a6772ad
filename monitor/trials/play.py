"""Plays a tape: entries in virtual time through the pure engine, restarts and steps of the clock among them."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from monitor.model import Command, Derived, Event, Position, Quality, Recorded
from monitor.schema import MONITOR_DEVICE
from monitor.site import Rule
from monitor.trials.case import Case, Happened, Said, Wanted
from monitor.trials.series import Maker, parse
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from rules.surroundings import Surroundings

__all__ = ["Played", "Snapshot", "play"]

_BEGIN: Final = datetime(2026, 1, 5)  # noqa: DTZ001 - local time of the tape's zone; a Monday
_JUMP, _ENTRY, _RESTART, _EDIT, _LOOK = range(5)


@dataclass(slots=True)
class Snapshot:
    """How all alarms stood at a moment: the engine's memory, and what had come of it by then."""

    at: int
    rows: dict[tuple[str, str], Mapping[str, Any]]
    steps: int
    failures: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(slots=True)
class Played:
    """What came of a tape. `began` is UTC ms; `looks` are those that were asked for, in order of time."""

    began: int
    steps: list[Step] = field(default_factory=list)
    looks: list[Snapshot] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def play(case: Case, rules: Sequence[Rule], around: Surroundings, edited: Sequence[Sequence[Rule]] = ()) -> Played:
    """Play a case by these rules; a look is taken for each of its `expect`, in their order of time.

    `edited`: the rules of each of its `rules_at`.
    """
    return _Player(case, rules, around, edited).run()


class _Player:
    def __init__(
        self, case: Case, rules: Sequence[Rule], around: Surroundings, edited: Sequence[Sequence[Rule]] = ()
    ) -> None:
        self._case = case
        self._rules = rules
        self._around = around
        self._edited = edited
        self._engine = Engine(rules, around)
        begin = datetime.fromisoformat(case.start) if case.start else _BEGIN
        begin = begin if begin.tzinfo is not None else begin.replace(tzinfo=around.zone)
        self._played = Played(round(begin.timestamp() * 1000))
        self._rows: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._jump = 0
        self._down_until = 0
        self._position = 0

    def run(self) -> Played:
        agenda: list[tuple[int, int, int, Any]] = []
        for order, (at, what, detail) in enumerate(_happenings(self._case)):
            heapq.heappush(agenda, (at, what, order, detail))
        while agenda:
            at, what, _, detail = heapq.heappop(agenda)
            wall = self._played.began + at + self._jump
            if what == _ENTRY:
                self._entry(at, wall, detail)
            elif what == _JUMP:
                self._step(wall, detail)
            elif what == _RESTART:
                self._restart(at, wall, detail)
            elif what == _EDIT:
                self._edit(at, wall, self._edited[detail])
            else:
                self._look(at, wall)
        return self._played

    def _entry(self, at: int, wall: int, make: Maker) -> None:
        if at < self._down_until:
            return
        self._judge(wall, make(wall))

    def _judge(self, stamp: int, entry: Any) -> None:
        self._position += 1
        self._take(self._engine.judge([Recorded(Position(self._position), stamp, entry)]))

    def _step(self, before: int, by: int) -> None:
        self._jump += by
        after = before + by
        stepped = Event(
            device=MONITOR_DEVICE,
            kind="clock_stepped",
            time=after,
            arrived=after,
            id=f"clock-stepped-{before}-{after}",
            attributes={"seconds": by / 1000, "from": before, "to": after},
        )
        self._judge(max(before, after), stepped)

    def _restart(self, at: int, wall: int, down: int) -> None:
        self._down_until = at + down
        self._take(self._engine.tick(wall))
        self._engine = Engine(self._rules, self._around)
        kept = [Row(area=area, key=key, body=body) for (area, key), body in self._rows.items()]
        self._take(self._engine.load(kept, wall + down))
        self._take(self._engine.resume(wall + down))

    def _edit(self, at: int, wall: int, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._restart(at, wall, max(0, self._down_until - at))

    def _look(self, at: int, wall: int) -> None:
        self._take(self._engine.tick(wall))
        self._played.looks.append(
            Snapshot(
                at,
                dict(self._rows),
                len(self._played.steps),
                tuple(error for _, error in self._played.failures),
                tuple(reason for _, reason in self._played.refused),
            )
        )

    def _take(self, effects: Effects) -> None:
        self._played.steps += effects.steps
        self._played.failures += effects.failures
        self._played.refused += effects.refused
        for row in self._engine.dump_changed():
            if row.body is None:
                self._rows.pop((row.area, row.key), None)
            else:
                self._rows[row.area, row.key] = row.body


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _happenings(case: Case) -> Iterator[tuple[int, int, Any]]:
    for line in case.given:
        for at, make in parse(line).made():
            yield at, _ENTRY, make
    for one in case.events:
        yield _ms(one.at), _ENTRY, _event(one)
    for one_said in case.derived:
        yield _ms(one_said.at), _ENTRY, _derived(one_said)
    for number, wanted in enumerate(case.commands):
        yield _ms(wanted.at), _ENTRY, _command(wanted, number)
    for jump in case.clock_jump:
        yield _ms(jump.at), _JUMP, _ms(jump.by)
    for restart in case.restart_at:
        yield _ms(restart.at), _RESTART, _ms(restart.down)
    for number, edit in enumerate(case.rules_at):
        yield _ms(edit.at), _EDIT, number
    for expected in case.expect:
        yield _ms(expected.at), _LOOK, None


def _event(one: Happened) -> Maker:
    def make(wall: int) -> Event:
        time = wall - _ms(one.ago)
        return Event(
            device=one.device,
            kind=one.kind,
            time=time,
            arrived=wall,
            id=f"{one.kind}-{time}",
            attributes=one.attributes,
        )

    return make


def _derived(one: Said) -> Maker:
    def make(wall: int) -> Derived:
        return Derived(
            producer="tape",
            key=f"{one.at}",
            device=one.device,
            time=wall - _ms(one.ago),
            measurement=one.measurement,
            values=one.values,
            quality=Quality[one.quality.upper()],
            attributes=one.attributes,
        )

    return make


def _command(one: Wanted, number: int) -> Maker:
    def make(wall: int) -> Command:
        return Command(
            id=str(number),
            time=wall,
            by=one.by,
            kind=one.kind,
            target=one.target,
            arguments=one.arguments,
            reason=one.reason,
        )

    return make
