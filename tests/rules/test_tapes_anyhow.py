"""Every tape once more: cut and taken up again anywhere, in one batch, or out of a journal by a backtest.

A third of the tapes are played all three ways, the others one way, which a hash of their name says; all of them
all ways with `HYPOTHESIS_PROFILE=long`.
"""

import json
import random
from binascii import crc32
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Entry, Event, Position, Recorded
from monitor.ports import Batch
from monitor.schema import MONITOR_DEVICE
from monitor.site import JournalSettings, Rule, Site
from monitor.trials.backtest import Variant, Wish, backtest
from monitor.trials.figures import Occurrences
from monitor.trials.play import _Player
from monitor.trials.suite import Tape
from rules.effects import Effects, Row, Step
from rules.engine import Engine
from tests.clock import ManualClock
from tests.examples import IS_LONG
from tests.rules.test_tapes import TAPES, tape_at

_WAYS: Final = 3


def _of_way(way: int) -> list[Any]:
    """The tapes that are played one of the three ways."""
    turns = [(param, divmod(crc32(str(param.id).encode()), _WAYS)) for param in TAPES]
    return [param for param, (turn, left) in turns if IS_LONG or left == 0 or turn % _WAYS == way]


_MOST: Final = 400
"""Tapes with more entries are not written into a journal, one transaction each: that takes seconds."""

_TWO_STARTS: Final = "a last will during the grace of a start is outlived by another start"
"""A replay takes two starts within a minute for one: the shell resumes by itself, and then reads of its start."""


Given = Recorded | int | tuple[Rule, ...]
"""An entry; minus the time of a stop, the time of a start; the rules that hold from the next start on."""


class Noting(_Player):
    """Plays a tape as ever, and writes down what the engine was given: entries with their stamps, and restarts."""

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape.case, tape.rules, tape.around, tape.edited)
        self.given: list[Given] = []

    def _judge(self, stamp: int, entry: Entry) -> None:
        self.given.append(Recorded(Position(self._position + 1), stamp, entry))
        super()._judge(stamp, entry)

    def _edit(self, at: int, wall: int, rules: Sequence[Rule]) -> None:
        self.given.append(tuple(rules))
        super()._edit(at, wall, rules)

    def _restart(self, at: int, wall: int, down: int) -> None:
        self.given += [-wall, wall + down]
        super()._restart(at, wall, down)


_PLAYED: Final[dict[str, tuple[Noting, int, list[Step]]]] = {}


def played(tape: Tape) -> tuple[Noting, int, list[Step]]:
    """Play a tape, once for all tests; answers what was given, its end (UTC ms), and the steps."""
    name = f"{tape.file} {tape.line}"
    if name not in _PLAYED:
        _PLAYED[name] = _play(tape)
    return _PLAYED[name]


def _play(tape: Tape) -> tuple[Noting, int, list[Step]]:
    player = Noting(tape)
    found = player.run()
    times = [
        one.recorded if isinstance(one, Recorded) else abs(one)
        for one in player.given
        if not isinstance(one, tuple)
    ]
    times += [found.began, *(found.began + look.at + player._jump for look in found.looks)]
    end = max(times) + 1
    player._take(player._engine.tick(end))
    return player, end, found.steps


class Cut:
    """An engine that is put away and taken up again."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.rules = tape.rules
        self.engine = self.fresh()
        self.rows: dict[tuple[str, str], Any] = {}
        self.steps: list[Step] = []

    def fresh(self) -> Engine:
        return Engine(self.rules, self.tape.around)

    def take(self, effects: Effects) -> None:
        self.steps += effects.steps

    def again(self, now: int) -> None:
        """Put it away as JSON, and go on with another."""
        for row in self.engine.dump_changed():
            self.rows[row.area, row.key] = row.body
        kept = json.loads(json.dumps([[*key, body] for key, body in self.rows.items() if body is not None]))
        self.engine = self.fresh()
        self.take(self.engine.load([Row(area=area, key=key, body=body) for area, key, body in kept], now))

    def give(self, given: Given) -> None:
        """What a tape gave to the engine."""
        if isinstance(given, Recorded):
            self.take(self.engine.judge([given]))
        elif isinstance(given, tuple):
            self.rules = given
        elif given < 0:
            self.take(self.engine.tick(-given))
        else:
            self.again(given)
            self.take(self.engine.resume(given))


def killed(tape: Tape, given: Sequence[Given], end: int) -> list[Step]:
    """What comes of it when nobody knows of a stop but by the last entry: a power cut, and every backtest."""
    cut = Cut(tape)
    for one in given:
        if not isinstance(one, int) or one > 0:
            cut.give(one)
    cut.take(cut.engine.tick(end))
    return cut.steps


def said(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    return [(step.transition, step.notice) for step in steps]


@pytest.mark.parametrize("place", _of_way(0))
def test_put_away_and_taken_up_anywhere(place: tuple[Path, int]) -> None:
    tape = tape_at(place)
    player, end, steps = played(tape)
    chance = random.Random(tape.case.name)

    cut = Cut(tape)
    for one in player.given:
        if chance.random() < 0.2 and isinstance(one, Recorded):
            cut.again(one.recorded)
        cut.give(one)
    cut.again(end)
    cut.take(cut.engine.tick(end))

    assert said(cut.steps) == said(steps)


@pytest.mark.parametrize("place", _of_way(1))
def test_in_one_batch(place: tuple[Path, int]) -> None:
    tape = tape_at(place)
    player, end, steps = played(tape)

    cut, batch = Cut(tape), list[Recorded]()
    for one in player.given:
        if isinstance(one, Recorded):
            batch.append(one)
            continue
        cut.take(cut.engine.judge(batch))
        batch.clear()
        cut.give(one)
    cut.take(cut.engine.judge(batch))
    cut.take(cut.engine.tick(end))

    assert said(cut.steps) == said(steps)


@pytest.mark.parametrize("place", _of_way(2))
async def test_out_of_a_journal_by_a_backtest(place: tuple[Path, int], tmp_path: Path) -> None:
    tape = tape_at(place)
    player, end, _ = played(tape)
    if len(player.given) > _MOST or tape.case.name == _TWO_STARTS or tape.edited:
        pytest.skip("too long to be kept entry by entry, two starts within a minute, or edited rules")
    steps = killed(tape, player.given, end)
    clock = ManualClock()
    journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
    for one in player.given:
        if isinstance(one, Recorded):
            clock.time = one.recorded
            await journal.append([Batch(entries=[one.entry])])
        elif isinstance(one, int) and one > 0:
            clock.time = one
            start = Event(device=MONITOR_DEVICE, kind="monitor_started", time=one, arrived=one, id=str(one))
            await journal.append([Batch(entries=[start])])
    await journal.close()
    around = tape.around
    site = Site(
        id="tape",
        name="Tape",
        timezone=around.zone,
        devices=around.devices,
        rules={rule.id: rule for rule in tape.rules},
    )

    begin = player._played.began
    wish = Wish(folder=tmp_path, start=begin - 86_400_000, end=end)
    variant = Variant(name="as it is", file=tmp_path)
    (result,) = backtest(lambda *_: site, [variant], wish, lambda *_: None, processes=1)

    expected = Occurrences()
    for step in steps:
        expected.take(step)
    assert list(result.occurrences) == sorted(
        expected.all(), key=lambda one: (one.raised, one.rule, one.source_key)
    )
